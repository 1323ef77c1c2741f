"""Tables of the rooms and their versions: Alembic, one folder of migrations a room.

Each room keeps the version of its tables in ``<prefix>version``.  All rooms of a database are
brought up to date in one transaction: afterwards the database is of the new version or, after any
failure or kill, of the old one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, inspect

from mx2prod.core.errors import BadInputError, StoreError, UsageError
from mx2prod.journal.engine import address, is_sqlite, reading, writing
from mx2prod.journal.tables import HEAD, LEASE, PREFIX

_WRITER = ["SELECT", "INSERT"]


@dataclass(frozen=True)
class Room:
    """A room that keeps tables.

    Attributes
    ----------
    name : str
    migrations : Path
        Folder with ``versions/``, one module a version; a revision is named ``<room><number>``.
    prefix : str
        First letters of the names of all its tables.
    changing : tuple of str
        Tables whose rows change; to all others rows are only added.
    """

    name: str
    migrations: Path
    prefix: str
    changing: tuple[str, ...] = ()

    @property
    def version_table(self) -> str:
        """Table that holds the version of this room."""
        return f"{self.prefix}version"


JOURNAL = Room("journal", Path(__file__).parent / "migrations", PREFIX, (LEASE.name,))


@dataclass(frozen=True)
class Version:
    """Version of a room's tables in a database.

    Attributes
    ----------
    room : str
    found : str or None
        None where the room has no table yet.
    newest : str
        The version of this program.
    """

    room: str
    found: str | None
    newest: str

    @property
    def current(self) -> bool:
        """True if there is nothing to do."""
        return self.found == self.newest


def versions(engine: Engine, rooms: Sequence[Room]) -> list[Version]:
    """Versions of the rooms in a database.

    Raises
    ------
    StoreError
        If the database cannot be read.
    BadInputError
        If a newer program wrote it.
    """
    with reading(engine) as connection:
        return [_version(connection, room) for room in rooms]


def require_current(engine: Engine, rooms: Sequence[Room] = (JOURNAL,)) -> None:
    """Raise :class:`StoreError` unless the tables of the rooms are of the newest version."""
    for version in versions(engine, rooms):
        if not version.current:
            raise StoreError(
                f"{address(engine)}: tables of {version.room} are "
                f"{version.found or 'missing'}, expected {version.newest}",
                next_step="mx2 workspace migrate",
            )


def migrate(engine: Engine, rooms: Sequence[Room] = (JOURNAL,)) -> list[Version]:
    """Bring the tables of the rooms to the newest version; return what was found before.

    Raises
    ------
    StoreError
        If the database cannot be written, or a migration makes a table without its prefix.
    BadInputError
        If a newer program wrote the database.
    """
    with writing(engine) as connection:
        found = [_version(connection, room) for room in rooms]
        for room, version in zip(rooms, found, strict=True):
            if not version.current:
                _upgrade(connection, room)
        return found


def grant(engine: Engine, rooms: Sequence[Room], role: str) -> list[str]:
    """Give a PostgreSQL role the rights of a writer and no others; return the statements.

    It reads everything and adds rows; it changes rows only where a room says so, and deletes
    none.  The head of the events moves by its trigger (conditions page, section 4.5).

    Raises
    ------
    UsageError
        For SQLite, where whoever owns the file can do everything; for the account that asks.
    StoreError
        If there is no such role, or this account may not give rights.
    """
    if is_sqlite(engine):
        raise UsageError(
            f"{address(engine)}: SQLite has no roles; whoever can write the file can do everything"
        )
    quoted = engine.dialect.identifier_preparer.quote(role)
    with writing(engine) as connection:
        if role == connection.exec_driver_sql("SELECT current_user").scalar_one():
            raise UsageError(f"{role}: is the account that asks, and would lose its own rights")
        names = sorted(inspect(connection).get_table_names())
        done = []
        for room in rooms:
            for name in (n for n in names if n.startswith(room.prefix)):
                rights = ["SELECT"] if name in (HEAD.name, room.version_table) else _WRITER
                rights = [*rights, *(["UPDATE"] if name in room.changing else [])]
                done.append(f"REVOKE ALL ON {name} FROM {quoted}")
                done.append(f"GRANT {', '.join(rights)} ON {name} TO {quoted}")
        for statement in done:
            connection.exec_driver_sql(statement)
    return done


def newest(room: Room) -> str:
    """Newest version that this program knows.

    Raises
    ------
    StoreError
        If the folder of the room has no migration.
    """
    return _newest(room, _script(room))


def _newest(room: Room, script: ScriptDirectory) -> str:
    head = script.get_current_head()
    if head is None:
        raise StoreError(f"{room.migrations}: no migration of room {room.name}")
    return head


def _script(room: Room) -> ScriptDirectory:
    config = Config()
    config.set_main_option("script_location", str(room.migrations).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return ScriptDirectory.from_config(config)


def _version(connection: Connection, room: Room) -> Version:
    context = MigrationContext.configure(connection, opts={"version_table": room.version_table})
    found = context.get_current_revision()
    script = _script(room)
    known = {revision.revision for revision in script.walk_revisions()}
    if found is not None and found not in known:
        raise BadInputError(
            f"{address(connection.engine)}: tables of {room.name} are of version {found}, "
            f"written by a newer mx2prod; this one knows up to {_newest(room, script)}",
            next_step="install the newer mx2prod",
        )
    return Version(room.name, found, _newest(room, script))


def _upgrade(connection: Connection, room: Room) -> None:
    script = _script(room)
    before = set(inspect(connection).get_table_names())

    def steps(revision: Any, _context: Any) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(Config(), script, fn=steps) as environment:
        environment.configure(connection, version_table=room.version_table, transactional_ddl=True)
        environment.run_migrations()
    made = set(inspect(connection).get_table_names()) - before
    strays = sorted(name for name in made if not name.startswith(room.prefix))
    if strays:
        raise StoreError(f"room {room.name} makes {strays}, expected names {room.prefix}...")
