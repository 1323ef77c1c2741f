"""Files, datasets and their query language MQL: the embedded catalogue."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mx2prod.catalog.opening import open  # noqa: A004
    from mx2prod.catalog.session import Actor
    from mx2prod.catalog.store import Catalog

__all__ = ["Actor", "Catalog", "open"]

_HOMES = {"Actor": "session", "Catalog": "store", "open": "opening"}


def __getattr__(name: str) -> Any:
    """Load the database layer when it is first asked for; MQL alone needs none of it."""
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
