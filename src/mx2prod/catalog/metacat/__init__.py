"""A real MetaCat server, over the stock client (catalogue page, section 3).

Needs the extra ``metacat``.  The rules A1 to A24 of the page are named where they are kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from mx2prod.core.errors import ConfigError

if TYPE_CHECKING:
    from pathlib import Path

    from mx2prod.catalog.metacat.server import MetaCat


def connect(url: str, token_library: Path, **settings: Any) -> MetaCat:
    """Talk to a MetaCat server; see :class:`mx2prod.catalog.metacat.server.MetaCat`.

    Raises
    ------
    ConfigError
        If the stock client is not installed.
    """
    try:
        from mx2prod.catalog.metacat.server import MetaCat
    except ImportError as error:
        raise ConfigError(
            f"the client of MetaCat is not installed: {error}",
            next_step="pip install 'mx2prod[metacat]'",
        ) from error
    return MetaCat(url, token_library, **settings)


__all__ = ["connect"]
