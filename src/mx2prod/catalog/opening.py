"""Open a catalogue by its address."""

from __future__ import annotations

from pathlib import Path

from mx2prod.catalog.metacat.address import is_server
from mx2prod.catalog.session import open_session
from mx2prod.catalog.store import Catalog
from mx2prod.core.errors import ConfigError
from mx2prod.core.secrets import redact
from mx2prod.journal import is_database


def open(  # noqa: A001 # mx2prod.catalog.open, as mx2prod.raw.open
    url: str, *, root: Path | None = None, create: bool = False
) -> Catalog:
    """Open a catalogue.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE`` or ``postgresql+psycopg://HOST/NAME``.
    root : Path, optional
        Folder that a relative SQLite path starts at.
    create : bool
        Make the file and its tables if they are missing.

    Raises
    ------
    ConfigError
        If it is another kind of address; a MetaCat server is opened by
        :func:`mx2prod.catalog.metacat.address.open_server`.
    StoreError
        If it cannot be reached, or has not the tables of this program.
    """
    if is_server(url):
        raise ConfigError(
            f"{redact(url)}: a MetaCat server; this works in a database only",
            next_step="mx2 catalog login|query|show|declare and mx2 dataset show|table|freeze work "
            "there; for the rest set [catalog] url of mx2.toml to sqlite:///FILE",
        )
    if not is_database(url):
        raise ConfigError(
            f"{redact(url)}: not a database (known: sqlite:///FILE, postgresql+psycopg://HOST/NAME)"
        )
    return Catalog(open_session(url, root=root, create=create))
