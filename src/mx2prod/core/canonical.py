"""Canonical JSON: one text for one value, so that digests can be compared."""

from __future__ import annotations

import hashlib
import json
from typing import Any

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)


def canonical_json(value: Any) -> str:
    """Sorted keys, no blanks, ASCII only, no NaN or infinity.

    Raises
    ------
    ValueError
        For NaN or infinity, which JSON does not know.
    """
    return _ENCODER.encode(value)


def sha256_of(value: Any) -> str:
    """Sha256 (64 hex digits) of the canonical JSON text of a value."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()
