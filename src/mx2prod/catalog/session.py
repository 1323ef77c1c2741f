"""A database of this room, opened in somebody's name."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, func, select

from mx2prod.catalog import tables
from mx2prod.catalog.room import CATALOG
from mx2prod.core.errors import DeniedError, NotInCatalogError
from mx2prod.core.suggest import nearest
from mx2prod.journal import JOURNAL, address, events, migrate, open_engine, require_current
from mx2prod.journal import engine as engines

_PRAGMAS = ("cache_size = -65536", "wal_autocheckpoint = 8192")
"""Of an SQLite connection that writes: 64 and 32 MiB.

With its own 2 and 4 MB a batch is written several times, and each commit waits for the disk twice.
"""


@dataclass(frozen=True)
class Actor:
    """Who changes the catalogue.

    Attributes
    ----------
    user : str
    roles : frozenset of str
        Roles that may own namespaces.
    admin : bool
        May write into every namespace, and say who made a file and when.
    """

    user: str
    roles: frozenset[str] = frozenset()
    admin: bool = False


@dataclass(frozen=True)
class Session:
    """Transactions of one actor.

    Attributes
    ----------
    engine : Engine
    actor : Actor
    """

    engine: Engine
    actor: Actor

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Transaction that sees one state of the database."""
        with engines.reading(self.engine) as connection:
            yield connection

    @contextmanager
    def changing(self, *, dry_run: bool = False) -> Iterator[Connection]:
        """Transaction of the only writer; undone at the end of a dry run."""
        with engines.writing(self.engine) as connection:
            if engines.is_sqlite(connection):
                for pragma in _PRAGMAS:
                    connection.exec_driver_sql(f"PRAGMA {pragma}")
            yield connection
            if dry_run:
                connection.rollback()

    def note(self, connection: Connection, action: str, obj: str, body: Mapping[str, Any]) -> None:
        """Add an event ``catalog.<action>`` in the transaction of what it tells about."""
        events.append(connection, f"catalog.{action}", obj, body, actor=self.actor.user)

    def require_owner(self, connection: Connection, namespace: str) -> None:
        """Refuse a change in a namespace of somebody else.

        Raises
        ------
        NotInCatalogError
            If there is no such namespace.
        DeniedError
            If neither the actor nor one of its roles owns it.
        """
        table = tables.NAMESPACE
        query = select(table.c.owner_user, table.c.owner_role).where(table.c.name == namespace)
        row = connection.execute(query).first()
        if row is None:
            names = connection.execute(select(table.c.name)).scalars().all()
            raise NotInCatalogError(f"no namespace {namespace!r}" + nearest(namespace, names))
        actor = self.actor
        if not (actor.admin or row.owner_user == actor.user or row.owner_role in actor.roles):
            owner = row.owner_user or f"role {row.owner_role}"
            raise DeniedError(f"namespace {namespace}: belongs to {owner}, not to {actor.user}")


def open_session(url: str, *, root: Path | None = None, create: bool = False) -> Session:
    """Open a database of this room in the name of this account, as an administrator.

    Whoever can write an SQLite file owns what is in it, and PostgreSQL has roles of its own.

    Parameters
    ----------
    url : str
        ``sqlite:///file.db`` or ``postgresql+psycopg://...``.
    root : Path, optional
        Folder that a relative SQLite path starts at.
    create : bool
        Make the tables if they are missing.

    Raises
    ------
    StoreError
        If it cannot be reached, or has not the tables of this room.
    """
    engine = open_engine(url, root=root, create=create)
    if create:
        migrate(engine, (JOURNAL, CATALOG))
    else:
        require_current(engine, (JOURNAL, CATALOG))
    return Session(engine, Actor(events.account(), admin=True))


def next_id(connection: Connection, table: Any) -> int:
    """Smallest number above all in use; the caller is the only writer."""
    return (connection.execute(select(func.max(table.c.id))).scalar() or 0) + 1


def present_time() -> float:
    """Time of a change, UTC seconds."""
    return time.time()


def where_is(session: Session) -> str:
    """Address without secrets, for messages."""
    return address(session.engine)
