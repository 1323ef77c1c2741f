"""The databases of a workspace, and the rooms whose tables each of them has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from sqlalchemy import Engine

from mx2prod.core.workspace import Workspace
from mx2prod.journal.engine import is_database, open_engine, sqlite_path
from mx2prod.journal.rooms import JOURNAL, Room

CONDITIONS_DEVELOPMENT = "conditions-development"
CONDITIONS_PRODUCTION = "conditions-production"
PRODUCTION = "production"
PLACEMENT = "placement"
CATALOG = "catalog"

_APPROVALS_OF_CONSTANTS = "gtag"


@dataclass(frozen=True)
class Database:
    """A database of ``mx2.toml``.

    Attributes
    ----------
    name : str
    url : str
    rooms : tuple of Room
        Whose tables it has, lowest room first.
    """

    name: str
    url: str
    rooms: tuple[Room, ...]

    def exists(self, workspace: Workspace) -> bool:
        """Tell whether the SQLite file is there; True for PostgreSQL, which is asked later."""
        path = sqlite_path(self.url, workspace.root)
        return path is None or path.exists()

    @contextmanager
    def opened(self, workspace: Workspace, *, create: bool = False) -> Iterator[Engine]:
        """Engine of the database, closed at the end."""
        engine = self.open(workspace, create=create)
        try:
            yield engine
        finally:
            engine.dispose()

    def open(self, workspace: Workspace, *, create: bool = False) -> Engine:
        """Engine of the database (see :func:`mx2prod.journal.engine.open_engine`)."""
        return open_engine(self.url, root=workspace.root, create=create)


def databases(
    workspace: Workspace, rooms: Mapping[str, Sequence[Room]] | None = None
) -> list[Database]:
    """Databases of a workspace; addresses of other systems, such as MetaCat, are left out.

    Two names with one address are one database with the tables of both.

    Parameters
    ----------
    workspace : Workspace
    rooms : mapping, optional
        Further rooms with tables, by the name of the database.
    """
    settings = workspace.settings
    urls = {
        CONDITIONS_DEVELOPMENT: settings.conditions.development,
        CONDITIONS_PRODUCTION: settings.conditions.production,
        PRODUCTION: settings.production.url,
        PLACEMENT: settings.placement.url,
        CATALOG: settings.catalog.url,
    }
    found: dict[str, Database] = {}
    for name, url in urls.items():
        if not is_database(url):
            continue
        further = tuple((rooms or {}).get(name, ()))
        known = found.get(url)
        base = (JOURNAL,) if known is None else known.rooms
        joined = (*base, *(room for room in further if room not in base))
        found[url] = Database(name if known is None else known.name, url, joined)
    return list(found.values())


def approvals_database(workspace: Workspace, subject_type: str) -> Database:
    """Database that holds the approvals of a type of subject.

    Constants are approved where they are developed; everything else in the database of the
    production.
    """
    settings = workspace.settings
    if subject_type == _APPROVALS_OF_CONSTANTS:
        return Database(CONDITIONS_DEVELOPMENT, settings.conditions.development, (JOURNAL,))
    return Database(PRODUCTION, settings.production.url, (JOURNAL,))
