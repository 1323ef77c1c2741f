"""HTTP status of an error."""

from __future__ import annotations

from mx2prod.core.errors import (
    HashMismatch,
    Mx2Error,
    NameFormatError,
    NoConditionsError,
    PolicyError,
    StateError,
    StoreError,
    UsageError,
)

STATUS: dict[type[Mx2Error], int] = {
    NoConditionsError: 404, UsageError: 404, PolicyError: 404, StateError: 403,
    NameFormatError: 400, HashMismatch: 500, StoreError: 503,
}  # fmt: skip


def status_of(error: Mx2Error) -> int:
    """HTTP status of an error; 500 for those that a reader cannot cause."""
    return next((code for kind, code in STATUS.items() if isinstance(error, kind)), 500)
