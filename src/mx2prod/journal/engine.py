"""Databases: SQLite for one person, PostgreSQL for a team, with the same behaviour on both.

One writer at a time: SQLite by ``BEGIN IMMEDIATE``, PostgreSQL by an advisory lock of the
transaction.  A reader sees one state of the database from begin to end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from mx2prod.core.errors import ConfigError, StoreError
from mx2prod.core.secrets import redact, require_private
from mx2prod.core.suggest import nearest
from mx2prod.journal.engine_errors import store_error

BUSY_S = 30.0
"""A writer waits so long for another one before it gives up."""

BACK_ENDS = ("sqlite", "postgresql")
_WRITE = "mx2_write"
_LOCK = 0x6D7832  # advisory lock number: the letters mx2
_NETWORK = {"nfs", "nfs4", "cifs", "smb3", "afs", "lustre", "gpfs", "beegfs", "ceph", "fuse.sshfs"}


def open_engine(
    url: str, *, root: Path | None = None, create: bool = False, busy_s: float = BUSY_S
) -> Engine:
    """Engine of a database; nothing is connected before its first use, except to create a file.

    Parameters
    ----------
    url : str
        ``sqlite:///file.db`` or ``postgresql+psycopg://user@host/name``, without a password.
    root : Path, optional
        Folder that a relative SQLite path starts at.
    create : bool
        Make the SQLite file if it is missing; otherwise a missing file is an error.
    busy_s : float
        Longest wait for another writer, s.

    Raises
    ------
    ConfigError
        Another kind of database, a password in the address, a network file system.
    TrustError
        A password file that others can read.
    StoreError
        The SQLite file is missing, or its folder is.
    """
    parsed = _parsed(url)
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed, root or Path.cwd(), create=create, busy_s=busy_s)
    return _open_postgresql(parsed, busy_s)


def is_database(url: str) -> bool:
    """Tell whether an address is one that :func:`open_engine` can open."""
    return url.split(":", 1)[0].split("+", 1)[0] in BACK_ENDS


def sqlite_path(url: str, root: Path) -> Path | None:
    """File of an SQLite address; None for PostgreSQL."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite":
        return None
    return root / (parsed.database or "")


@contextmanager
def reading(engine: Engine) -> Iterator[Connection]:
    """Transaction that sees one state of the database.

    Raises
    ------
    StoreError
        If the database cannot be reached or read.
    """
    isolation = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with _transaction(engine, {} if is_sqlite(engine) else isolation) as connection:
        yield connection


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """Transaction of the only writer; committed at the end, undone by any exception.

    Raises
    ------
    StoreError
        If the database cannot be reached or written, or another writer does not end.
    """
    with _transaction(engine, {_WRITE: True}) as connection:
        if not is_sqlite(engine):
            connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_LOCK})")
        yield connection


def is_sqlite(bind: Engine | Connection) -> bool:
    """Tell whether a database is SQLite."""
    return bind.dialect.name == "sqlite"


def address(engine: Engine) -> str:
    """Address of a database without secrets, for messages."""
    return redact(engine.url.render_as_string(hide_password=True))


@contextmanager
def _transaction(engine: Engine, options: dict[str, Any]) -> Iterator[Connection]:
    try:
        with (
            engine.connect().execution_options(**options) as connection,
            connection.begin(),
        ):
            yield connection
    except SQLAlchemyError as error:
        raise store_error(error, address(engine)) from error


def _parsed(url: str) -> URL:
    try:
        parsed = make_url(url)
    except ArgumentError as error:
        raise ConfigError(f"{redact(url)!r} is not a database address") from error
    back_end = parsed.get_backend_name()
    if back_end not in BACK_ENDS:
        raise ConfigError(
            f"{redact(url)}: no database of kind {back_end!r} (known: {', '.join(BACK_ENDS)})"
            + nearest(back_end, BACK_ENDS)
        )
    if parsed.password is not None or "password" in parsed.query:
        raise ConfigError(
            f"{redact(url)}: a password may not stand in an address",
            next_step="put it into ~/.pgpass with mode 0600, or into PGPASSWORD",
        )
    return parsed


def _open_sqlite(url: URL, root: Path, *, create: bool, busy_s: float) -> Engine:
    path = root / (url.database or "")
    if not url.database or url.database == ":memory:":
        raise ConfigError(f"{url}: expected the path of a file")
    if url.query:
        raise ConfigError(f"{url}: options {sorted(url.query)} mean nothing for SQLite")
    refuse_network_file_system(path)
    if not create and not path.exists():
        raise StoreError(f"{path}: no such database", next_step="mx2 workspace migrate")
    if not path.parent.is_dir():
        raise StoreError(f"{path.parent}: no such folder", next_step=f"mkdir -p {path.parent}")
    name = f"file:{quote(str(path.absolute()))}?mode={'rwc' if create else 'rw'}"

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(
            name, uri=True, timeout=busy_s, isolation_level=None, check_same_thread=False
        )
        for pragma in ("journal_mode=WAL", "foreign_keys=ON", "synchronous=FULL"):
            connection.execute(f"PRAGMA {pragma}").close()
        return connection

    engine = create_engine(url.set(database=str(path.absolute())), creator=connect)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _begin_sqlite(connection: Connection) -> None:
    immediate = connection.get_execution_options().get(_WRITE, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")


def _open_postgresql(url: URL, busy_s: float) -> Engine:
    passfile = url.query.get("passfile")
    if isinstance(passfile, str):
        require_private(Path(passfile))
    given = url.query.get("options", "")
    arguments: dict[str, Any] = {"connect_timeout": 10, "application_name": "mx2"}
    arguments["options"] = f"{given} -c lock_timeout={int(busy_s * 1000)} -c timezone=UTC"
    plain = url.difference_update_query(["options"]).set(drivername="postgresql+psycopg")
    try:
        return create_engine(
            plain, connect_args={k: v for k, v in arguments.items() if k not in plain.query}
        )
    except ImportError as error:
        raise StoreError(
            "PostgreSQL needs the package psycopg", next_step="pip install 'mx2prod[postgres]'"
        ) from error


def refuse_network_file_system(path: Path, mounts: Path = Path("/proc/mounts")) -> None:
    """Refuse an SQLite file on a file system whose locks do not hold between machines.

    Raises
    ------
    ConfigError
        If the file would lie on NFS, AFS, Lustre or the like (production page, section 5).
    """
    if not mounts.is_file():
        return
    place = path.absolute().parent.resolve()
    rows = [line.split() for line in mounts.read_text(encoding="utf-8").splitlines()]
    under = [row for row in rows if len(row) > 2 and place.is_relative_to(_unescaped(row[1]))]
    kind = max(under, key=lambda row: len(row[1]))[2] if under else ""
    if kind in _NETWORK:
        raise ConfigError(
            f"{path}: SQLite on a network file system ({kind}) loses data",
            next_step="put it on a local disk, or use PostgreSQL",
        )


def _unescaped(name: str) -> str:
    return name.replace(r"\040", " ")
