"""Texts that a MetaCat server changes, or fails on, when a file is declared (rule A6)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_UNSAFE = re.compile(r'[^\x20-\x7e]|["\\]')
_IMPOSSIBLE = re.compile("[\x00\ud800-\udfff]")


def unsafe_keys(metadata: Mapping[str, Any]) -> list[str]:
    """Keys whose values hold a text that only an update stores right."""
    return [key for key, value in metadata.items() if _any(value, _UNSAFE)]


def impossible_keys(metadata: Mapping[str, Any]) -> list[str]:
    """Keys whose values hold a text that the database of the server cannot store."""
    return [key for key, value in metadata.items() if _any(value, _IMPOSSIBLE)]


def _any(value: Any, pattern: re.Pattern[str]) -> bool:
    if isinstance(value, str):
        return pattern.search(value) is not None
    if isinstance(value, Mapping):
        return any(_any(item, pattern) for pair in value.items() for item in pair)
    if isinstance(value, list | tuple):
        return any(_any(item, pattern) for item in value)
    return False
