"""Databases for tests: each store test runs on SQLite and on a real PostgreSQL.

A test that asks for ``store_url`` or ``engine`` runs twice, in the tier ``stores``.  The PostgreSQL
server is started by the first test of a session that needs it, as a user other than root, on a
socket in a folder of its own, and stopped at the end.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from mx2prod.core.health import find_program

if TYPE_CHECKING:
    from sqlalchemy import Engine

USERS = ("postgres", "nobody")
PARAMETERS = [
    pytest.param("sqlite", marks=pytest.mark.stores),
    pytest.param("postgresql", marks=[pytest.mark.stores, pytest.mark.services("postgresql")]),
]


@dataclass
class Server:
    """A running PostgreSQL server.

    Attributes
    ----------
    folder : Path
        Socket and data.
    account : dict
        Under which account its programs run, as arguments of ``subprocess``.
    """

    folder: Path
    account: dict[str, Any]
    count: int = 0

    def run(self, program: str, *words: str) -> None:
        """Run a program of PostgreSQL as the owner of the server."""
        found = find_program(program)
        assert found is not None, program
        done = subprocess.run(
            [str(found), *words],
            cwd=self.folder,
            text=True,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
            check=False,
            **self.account,
        )
        assert done.returncode == 0, done.stderr

    def start(self) -> None:
        """Start the server and wait until it answers."""
        options = f"-k {self.folder} -c listen_addresses= -c fsync=off -c max_connections=50"
        log = self.folder / "log"
        self.run("pg_ctl", "start", "-w", "-D", "data", "-l", str(log), "-o", options)

    def stop(self) -> None:
        """Stop the server and wait until it has ended."""
        self.run("pg_ctl", "stop", "-w", "-m", "immediate", "-D", "data")

    def new_database(self) -> str:
        """Make an empty database; return its address."""
        self.count += 1
        name = f"test{self.count}"
        self.run("createdb", "-h", str(self.folder), "-U", "mx2", name)
        return f"postgresql+psycopg://mx2@/{name}?host={self.folder}"

    def new_schema(self) -> str:
        """Make an empty schema, which is much quicker; return an address that uses it alone."""
        import psycopg

        self.count += 1
        name = f"test{self.count}"
        with psycopg.connect(host=str(self.folder), user="mx2", dbname="postgres") as connection:
            connection.execute(f"CREATE SCHEMA {name}")
        host = f"host={self.folder}&options=-csearch_path%3D{name}"
        return f"postgresql+psycopg://mx2@/postgres?{host}"


@pytest.fixture(scope="session")
def postgresql() -> Iterator[Server]:
    """PostgreSQL server of this session."""
    # Not below pytest's folder, into which only its own user may go; and short, for the socket.
    folder = Path(tempfile.mkdtemp(prefix="mx2pg."))
    account: dict[str, Any] = {}
    if os.geteuid() == 0:
        user = next(name for name in USERS if any(p.pw_name == name for p in pwd.getpwall()))
        record = pwd.getpwnam(user)
        os.chown(folder, record.pw_uid, record.pw_gid)
        account = {"user": record.pw_uid, "group": record.pw_gid, "extra_groups": []}
    server = Server(folder, account)
    try:
        server.run("initdb", "-D", "data", "-U", "mx2", "-A", "trust", "--no-sync")
        server.start()
        try:
            yield server
        finally:
            server.stop()
    finally:
        shutil.rmtree(folder)


@pytest.fixture(params=PARAMETERS)
def store_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a new database of each kind; an SQLite file does not exist yet."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/store.db"
    server: Server = request.getfixturevalue("postgresql")
    return server.new_schema()


@pytest.fixture
def engine(store_url: str) -> Iterator[Engine]:
    """Engine of a new database with the tables of the journal."""
    from mx2prod.journal import migrate, open_engine

    made = open_engine(store_url, create=True, busy_s=5)
    migrate(made)
    yield made
    made.dispose()
