from __future__ import annotations

import os
import resource
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, text

from mx2prod.core.errors import ConfigError, InputFileError, StoreError, TrustError
from mx2prod.journal import events, migrate, open_engine, reading, writing
from mx2prod.journal.engine import address, refuse_network_file_system
from tests.journal.forked import fork
from tests.stores import Server


def test_sqlite_is_set_up_to_lose_nothing(tmp_path: Path) -> None:
    made = open_engine("sqlite:///a.db", root=tmp_path, create=True)
    with reading(made) as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "foreign_keys", "synchronous", "busy_timeout")
        }
    made.dispose()
    assert found == {
        "journal_mode": "wal", "foreign_keys": 1, "synchronous": 2, "busy_timeout": 30_000
    }  # fmt: skip


def test_a_reader_sees_one_state(engine: Engine) -> None:
    with reading(engine) as reader:
        before = events.head(reader)
        with writing(engine) as writer:
            events.append(writer, "test", "a", {})
        assert events.head(reader) == before
    with reading(engine) as reader:
        assert events.head(reader).seq == before.seq + 1


def test_an_exception_undoes_the_transaction(engine: Engine) -> None:
    def fail() -> None:
        with writing(engine) as connection:
            events.append(connection, "test", "a", {})
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    with reading(engine) as connection:
        assert events.head(connection).seq == 0


def test_a_second_writer_waits_and_then_gives_up(store_url: str) -> None:
    patient = open_engine(store_url, create=True)
    migrate(patient)
    hasty = open_engine(store_url, busy_s=0.2)
    with writing(patient):
        started = time.monotonic()
        with pytest.raises(StoreError, match="did not end") as caught, writing(hasty):
            pass
        assert 0.15 < time.monotonic() - started < 5
    assert caught.value.next_step.startswith("try again")
    with writing(hasty) as connection:
        assert events.append(connection, "test", "a", {}).seq == 1
    patient.dispose()
    hasty.dispose()


def test_two_writers_at_once_lose_nothing(engine: Engine, store_url: str) -> None:
    failures: list[BaseException] = []

    def write(name: str) -> None:
        own = open_engine(store_url)
        try:
            for number in range(25):
                with writing(own) as connection:
                    events.append(connection, "test", name, {"number": number})
        except BaseException as error:  # noqa: BLE001  # shown by the main thread
            failures.append(error)
        own.dispose()

    threads = [threading.Thread(target=write, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    with reading(engine) as connection:
        assert events.verify(connection).problems == ()
        for name in "ab":
            numbers = [e.body["number"] for e in events.read(connection, obj=name)]
            assert numbers == list(range(25))


def test_a_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"a\.db: no such database") as caught:
        open_engine("sqlite:///a.db", root=tmp_path)
    assert caught.value.next_step == "mx2 workspace migrate"
    with pytest.raises(StoreError, match="no such folder"):
        open_engine("sqlite:///sub/a.db", root=tmp_path, create=True)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("This is text. " * 100)
    made = open_engine("sqlite:///a.db", root=tmp_path)
    with pytest.raises(StoreError, match="it is not a database") as caught, reading(made):
        pass
    assert caught.value.next_step == f"file {tmp_path}/a.db"


def test_tables_that_are_not_there_are_said(store_url: str) -> None:
    made = open_engine(store_url, create=True)
    with pytest.raises(StoreError, match="has not the tables") as caught, reading(made) as one:
        events.head(one)
    assert caught.value.next_step == "mx2 workspace migrate"
    made.dispose()


@pytest.mark.parametrize(
    ("url", "what"),
    [
        ("mysql://host/name", "no database of kind 'mysql'"),
        ("postgres://host/name", "did you mean 'postgresql'"),
        ("postgresql+psycopg://me:sesame@host/name", "password may not stand"),
        ("postgresql+psycopg://me@host/name?password=sesame", "password may not stand"),
        ("no address", "is not a database address"),
        ("sqlite://", "expected the path of a file"),
        ("sqlite:///:memory:", "expected the path of a file"),
        ("sqlite:///a.db?mode=ro", "options .'mode'. mean nothing"),
    ],
)
def test_addresses_that_cannot_be_used(url: str, what: str) -> None:
    with pytest.raises(ConfigError, match=what) as caught:
        open_engine(url)
    assert "sesame" not in caught.value.message


def test_an_unreachable_server_is_said_without_secrets(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "sesame")
    made = open_engine(f"postgresql+psycopg://me@/name?host={tmp_path}")
    with pytest.raises(StoreError, match="cannot be reached") as caught, reading(made):
        pass
    assert "sesame" not in caught.value.message
    assert "pg_isready" in caught.value.next_step


def test_a_password_file_of_others_is_refused(tmp_path: Path) -> None:
    url = f"postgresql+psycopg://me@host/name?passfile={tmp_path}/pgpass"
    with pytest.raises(InputFileError, match="pgpass"):
        open_engine(url)
    (tmp_path / "pgpass").write_text("*:*:*:me:sesame\n")
    (tmp_path / "pgpass").chmod(0o640)
    with pytest.raises(TrustError, match="mode 0640, expected 0600") as caught:
        open_engine(url)
    assert caught.value.next_step == f"chmod 600 {tmp_path}/pgpass"
    (tmp_path / "pgpass").chmod(0o600)
    assert "sesame" not in address(open_engine(url))


@pytest.mark.stores
@pytest.mark.services("postgresql")
@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"database": "nowhere"}, "there is no such database"),
        ({"query": {"options": "-c default_transaction_read_only=on"}}, "it is read-only"),
        ({"username": "stranger"}, "does not accept this user"),
    ],
)
def test_what_a_server_refuses_is_said(
    postgresql: Server, change: dict[str, Any], what: str
) -> None:
    url = postgresql.new_database()
    made = open_engine(url, create=True)
    migrate(made)
    if "query" in change:
        change = {"query": {**made.url.query, **change["query"]}}
    other = open_engine(made.url.set(**change).render_as_string(hide_password=False))
    with pytest.raises(StoreError, match=what), writing(other) as connection:
        events.append(connection, "test", "a", {})
    made.dispose()
    other.dispose()


def test_network_file_systems_are_refused(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(
        "/dev/a / ext4 rw 0 0\n"
        f"server:/home {tmp_path}/far nfs4 rw 0 0\n"
        f"/dev/b {tmp_path}/far/near ext4 rw 0 0\n"
    )
    for folder in ("far", "far/near"):
        (tmp_path / folder).mkdir()
    with pytest.raises(ConfigError, match=r"network file system \(nfs4\)"):
        refuse_network_file_system(tmp_path / "far" / "a.db", mounts)
    refuse_network_file_system(tmp_path / "far" / "near" / "a.db", mounts)
    refuse_network_file_system(tmp_path / "a.db", mounts)


FILL = """
import sys
from pathlib import Path
from mx2prod.core.errors import StoreError
from mx2prod.journal import events, open_engine, writing
made = open_engine(sys.argv[1])
done = 0
try:
    while True:
        with writing(made) as connection:
            events.append(connection, "test", "a", {"text": "x" * 20000, "number": done})
        done += 1
        print(done, flush=True)
except StoreError as error:
    print(error.message, "|", error.next_step, file=sys.stderr)
"""


def test_a_full_disk_changes_nothing(tmp_path: Path) -> None:
    """The limit of the file size stands in for the disk: SQLite gets the same kind of answer."""
    url = f"sqlite:///{tmp_path}/a.db"
    made = open_engine(url, create=True)
    migrate(made)

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (600_000, 600_000))

    done = subprocess.run(
        [sys.executable, "-c", FILL, url],
        preexec_fn=limit,
        capture_output=True,
        text=True,
        check=True,
    )
    written = len(done.stdout.split())
    assert "nothing was changed" in done.stderr
    assert done.stderr.endswith("| df -h\n")
    with writing(made) as connection:
        assert events.append(connection, "test", "b", {}).seq == written + 1 > 5
    with reading(made) as connection:
        assert events.verify(connection).problems == ()
    made.dispose()


def test_a_read_only_file_is_said() -> None:
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        made = open_engine(f"sqlite:///{name}/a.db", create=True)
        migrate(made)
        made.dispose()
        (Path(name) / "a.db").chmod(0o444)
        receiver, sender = os.pipe()
        child = fork()
        if child == 0:
            if os.geteuid() == 0:  # who may write everything
                os.setgroups([])
                os.setresgid(65534, 65534, 65534)
                os.setresuid(65534, 65534, 65534)
            os.write(sender, _try_to_write(f"sqlite:///{name}/a.db").encode())
            os._exit(0)
        os.waitpid(child, 0)
        os.close(sender)
        said = os.read(receiver, 10_000).decode()
        os.close(receiver)
    assert "it is read-only" in said


def _try_to_write(url: str) -> str:
    try:
        with writing(open_engine(url)) as connection:
            events.append(connection, "test", "a", {})
    except StoreError as error:
        return error.message
    return "written"


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/a.db"
    made = open_engine(url, create=True)
    migrate(made)
    with writing(made) as connection:
        for number in range(200):
            events.append(connection, "test", "a", {"number": number})
    made.dispose()
    sqlite3.connect(tmp_path / "a.db").execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    content = bytearray((tmp_path / "a.db").read_bytes())
    content[8192:] = b"\xff" * (len(content) - 8192)
    (tmp_path / "a.db").write_bytes(content)
    broken = open_engine(url)
    with pytest.raises(StoreError, match="damaged"), reading(broken) as connection:
        events.verify(connection)
    broken.dispose()
