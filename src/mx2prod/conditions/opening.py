"""Open constants by an address (conditions page, section 14)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mx2prod.conditions.snapshot import Snapshot
from mx2prod.conditions.store import Store, open_store
from mx2prod.constants import DetectorMaps
from mx2prod.core.errors import ConfigError
from mx2prod.core.secrets import redact
from mx2prod.core.suggest import nearest
from mx2prod.journal import is_database

if TYPE_CHECKING:
    from mx2prod.conditions.adapters import CondbServer, MnvconServer

SNAPSHOT, MNVCON, CONDB = "snapshot:", "mnvcon+", "condb+"
_KINDS = (
    "sqlite:///FILE", "postgresql+psycopg://HOST/NAME", "snapshot:FILE",
    "mnvcon+https://HOST/PATH", "condb+https://HOST/PATH",
)  # fmt: skip


def open(  # noqa: A001 # mx2prod.conditions.open, as mx2prod.raw.open
    url: str, *, root: Path | None = None, maps: DetectorMaps | None = None
) -> Store | Snapshot | MnvconServer | CondbServer:
    """Open a database of constants, a snapshot file (both give views) or a server of others.

    Parameters
    ----------
    url : str
        ``sqlite:///FILE``, ``postgresql+psycopg://...``, ``snapshot:FILE``,
        ``mnvcon+https://HOST/PATH/app`` or ``condb+https://HOST/PATH``.
    root : Path, optional
        Folder that relative paths start at.
    maps : DetectorMaps, optional
        Hardware map and geometry of a database; those of mx2prod by default.

    Raises
    ------
    ConfigError
        If it is another kind of address.
    StoreError, InputFileError
        If it cannot be read.
    """
    if url.startswith(SNAPSHOT):
        return Snapshot((root or Path()) / url.removeprefix(SNAPSHOT))
    if url.startswith(MNVCON):
        from mx2prod.conditions.adapters import MnvconServer

        return MnvconServer(url)
    if url.startswith(CONDB):
        from mx2prod.conditions.adapters import CondbServer

        return CondbServer(url)
    if is_database(url):
        return open_store(url, root=root, maps=maps)
    raise ConfigError(
        f"{redact(url)}: no address of constants (known: {', '.join(_KINDS)})"
        + nearest(url, _KINDS)
    )
