"""One database to one file and back, with the tools of its back end."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from pathlib import Path

from sqlalchemy import Connection, Engine, inspect, text

from mx2prod.core.errors import StoreError
from mx2prod.core.files import atomic_path
from mx2prod.core.health import find_program
from mx2prod.core.secrets import redact
from mx2prod.journal.engine import address, reading


def copy_sqlite(engine: Engine, file: Path) -> None:
    """Copy an SQLite database while it is in use, into one file without a write-ahead log.

    Raises
    ------
    StoreError
        If it cannot be read, or SQLite finds the copy damaged.
    """
    with atomic_path(file) as temporary, engine.connect() as connection:
        target = sqlite3.connect(temporary)
        try:
            source = connection.connection.driver_connection
            assert isinstance(source, sqlite3.Connection)  # noqa: S101 # of an SQLite engine
            source.backup(target)
            target.execute("PRAGMA journal_mode=DELETE").close()
            (verdict,) = target.execute("PRAGMA integrity_check(1)").fetchone()
        except sqlite3.Error as error:
            raise StoreError(f"{address(engine)}: cannot be copied: {error}") from error
        finally:
            target.close()
        if verdict != "ok":
            raise StoreError(f"{address(engine)}: damaged: {verdict}")


def write_back_sqlite(file: Path, path: Path) -> None:
    """Copy a file of :func:`copy_sqlite` to a new place.

    Raises
    ------
    OutputError
        If the place is taken or cannot be written.
    """
    with atomic_path(path) as temporary:
        shutil.copyfile(file, temporary)


def dump_postgresql(connection: Connection, file: Path) -> None:
    """Dump a PostgreSQL database exactly as a transaction sees it.

    Parameters
    ----------
    connection : Connection
        Of :func:`mx2prod.journal.engine.reading`, which stays open meanwhile.
    file : Path

    Raises
    ------
    StoreError
        If ``pg_dump`` is not here or fails.
    """
    snapshot = connection.execute(text("SELECT pg_export_snapshot()")).scalar_one()
    with atomic_path(file) as temporary:
        options = [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            f"--file={temporary}",
            _library_address(connection.engine),
        ]
        _run("pg_dump", options, connection.engine)


def write_back_postgresql(file: Path, engine: Engine) -> None:
    """Restore a dump into an empty database, all of it or nothing.

    Raises
    ------
    StoreError
        If ``pg_restore`` is not here or fails.
    """
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    options += [f"--dbname={_library_address(engine)}", str(file)]
    _run("pg_restore", options, engine)


def tables(engine: Engine) -> list[str]:
    """Names of the tables in a database."""
    with reading(engine) as connection:
        return sorted(inspect(connection).get_table_names())


def _run(name: str, options: list[str], engine: Engine) -> None:
    program = find_program(name)
    if program is None:
        raise StoreError(
            f"{address(engine)}: {name} is not here, so PostgreSQL cannot be backed up or restored",
            next_step="apt install postgresql-client",
        )
    done = subprocess.run(  # noqa: S603 # the address comes from mx2.toml and is one argument
        [str(program), *options],
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    if done.returncode != 0:
        said = redact(" ".join(done.stderr.split()))
        raise StoreError(f"{address(engine)}: {name} failed: {said}")


def _library_address(engine: Engine) -> str:
    """Address as the programs of PostgreSQL read it; they find passwords as the driver does."""
    return engine.url.set(drivername="postgresql").render_as_string(hide_password=False)
