from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mx2prod.core.errors import InputFileError, OutputError, StoreError, UsageError
from mx2prod.core.workspace import FILE, Workspace
from mx2prod.journal import (
    Database,
    back_up,
    backup_files,
    databases,
    events,
    migrate,
    open_engine,
    reading,
    restore,
    writing,
)
from mx2prod.journal.backups import MANIFEST, read_manifest
from mx2prod.journal.rooms import JOURNAL
from tests.journal.people import make_keys, standard_store
from tests.journal.test_events import without_guards
from tests.stores import PARAMETERS, Server

pytestmark = pytest.mark.stores


class Site:
    """A workspace with one database, and an empty one to restore into."""

    def __init__(self, folder: Path, first: str, second: str) -> None:
        self.old, self.new = (self._workspace(folder / name) for name in ("old", "new"))
        self.source = Database("production", first, (JOURNAL,))
        self.target = Database("production", second, (JOURNAL,))
        self.engine = self.source.open(self.old, create=True)
        migrate(self.engine)

    def _workspace(self, root: Path) -> Workspace:
        root.mkdir()
        (root / FILE).write_text("")
        return Workspace.load(root)

    def fill(self, count: int = 3) -> None:
        for number in range(count):
            with writing(self.engine) as connection:
                events.append(connection, "test", "o", {"number": number})

    def log(self, engine: Engine) -> list[events.Event]:
        with reading(engine) as connection:
            return list(events.read(connection))


@pytest.fixture(params=PARAMETERS)
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    if request.param == "sqlite":
        urls = ["sqlite:///production.db"] * 2
    else:
        server: Server = request.getfixturevalue("postgresql")
        urls = [server.new_database(), server.new_database()]
    made = Site(tmp_path, *urls)
    made.fill()
    yield made
    made.engine.dispose()


def test_a_backup_comes_back(site: Site, tmp_path: Path) -> None:
    standard_store(site.old.root, make_keys(tmp_path))
    made = back_up(site.old, [site.source], tmp_path / "backup")
    copy = made.databases["production"]
    assert (copy.seq, copy.rows["journal_event"], copy.problems) == (3, 3, ())
    before = site.log(site.engine)
    site.fill()
    assert restore(site.new, [site.target], tmp_path / "backup") == made
    restored = site.target.open(site.new)
    assert site.log(restored) == before
    with writing(restored) as connection:
        assert events.append(connection, "test", "o", {}).seq == 4
    with pytest.raises(StoreError, match="append-only"), writing(restored) as connection:
        connection.exec_driver_sql("DELETE FROM journal_event")
    restored.dispose()
    lists = [root / "roles" / "000001.json" for root in (site.old.root, site.new.root)]
    assert lists[0].read_bytes() == lists[1].read_bytes()


def test_nothing_is_overwritten(site: Site, tmp_path: Path) -> None:
    back_up(site.old, [site.source], tmp_path / "backup")
    with pytest.raises(OutputError, match="exists already"):
        back_up(site.old, [site.source], tmp_path / "backup")
    with pytest.raises(OutputError, match="exists already and is never overwritten"):
        restore(site.old, [site.source], tmp_path / "backup")
    assert len(site.log(site.engine)) == 3


def test_a_dry_run_restores_nothing(site: Site, tmp_path: Path) -> None:
    made = back_up(site.old, [site.source], tmp_path / "backup")
    assert restore(site.new, [site.target], tmp_path / "backup", dry_run=True) == made
    assert restore(site.new, [site.target], tmp_path / "backup") == made


def test_a_damaged_backup_is_refused(site: Site, tmp_path: Path) -> None:
    copy = back_up(site.old, [site.source], tmp_path / "backup").databases["production"]
    file = tmp_path / "backup" / copy.file
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.chmod(0o644)
    file.write_bytes(content)
    with pytest.raises(InputFileError, match="sha256 differs"):
        restore(site.new, [site.target], tmp_path / "backup")
    file.unlink()
    with pytest.raises(InputFileError, match="No such file"):
        read_manifest(tmp_path / "backup")


def test_a_restored_database_must_be_the_one_of_the_manifest(site: Site, tmp_path: Path) -> None:
    back_up(site.old, [site.source], tmp_path / "backup")
    path = tmp_path / "backup" / MANIFEST
    document = json.loads(path.read_text())
    document["databases"]["production"]["rows"]["journal_event"] = 4
    path.write_text(json.dumps(document))
    with pytest.raises(StoreError, match="differs from the backup in rows"):
        restore(site.new, [site.target], tmp_path / "backup")


def test_an_edited_log_is_copied_and_said(site: Site, tmp_path: Path) -> None:
    without_guards(site.engine, "UPDATE journal_event SET actor = 'x' WHERE seq = 2")
    made = back_up(site.old, [site.source], tmp_path / "backup")
    (problem,) = made.databases["production"].problems
    assert problem.startswith("event 2: edited")


def test_writers_go_on_during_a_backup(site: Site, tmp_path: Path) -> None:
    """The copy is of one moment: its head is that of its last event."""
    import threading

    stop = threading.Event()

    def write() -> None:
        while not stop.is_set():
            site.fill(1)

    thread = threading.Thread(target=write)
    thread.start()
    try:
        for number in range(3):
            copy = back_up(site.old, [site.source], tmp_path / str(number)).databases["production"]
            assert copy.rows["journal_event"] == copy.seq
            assert copy.problems == ()
    finally:
        stop.set()
        thread.join()


def test_a_database_without_tables_is_said(tmp_path: Path) -> None:
    site = Site(tmp_path, "sqlite:///production.db", "sqlite:///production.db")
    open_engine("sqlite:///empty.db", root=site.old.root, create=True).connect().close()
    empty = Database("empty", "sqlite:///empty.db", (JOURNAL,))
    with pytest.raises(StoreError, match="has not the tables") as caught:
        back_up(site.old, [empty], tmp_path / "backup")
    assert caught.value.next_step == "mx2 workspace migrate"
    assert not (tmp_path / "backup").exists()
    assert list(tmp_path.glob(".backup*")) == []


def test_where_a_backup_does_not_fit(tmp_path: Path) -> None:
    site = Site(tmp_path, "sqlite:///production.db", "sqlite:///production.db")
    back_up(site.old, [site.source], tmp_path / "backup")
    with pytest.raises(UsageError, match=r"which mx2\.toml has not"):
        restore(site.new, [], tmp_path / "backup")
    other = Database("production", "postgresql+psycopg://me@/nowhere", (JOURNAL,))
    with pytest.raises(UsageError, match=r"backup is of sqlite, mx2\.toml says postgresql"):
        restore(site.new, [other], tmp_path / "backup")
    (tmp_path / "backup" / MANIFEST).write_text("{}")
    with pytest.raises(InputFileError, match=r"manifest\.json: utc: Field required"):
        restore(site.new, [site.target], tmp_path / "backup")
    site.engine.dispose()


def test_a_missing_program_is_said(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if site.source.url.startswith("sqlite"):
        assert back_up(site.old, [site.source], tmp_path / "backup").databases
        return
    monkeypatch.setattr(backup_files, "find_program", lambda name: None)
    with pytest.raises(StoreError, match="pg_dump is not here"):
        back_up(site.old, [site.source], tmp_path / "backup")


def test_databases_of_a_workspace(tmp_path: Path) -> None:
    (tmp_path / FILE).write_text(
        '[catalog]\nurl = "metacat+https://host/app"\n'
        '[conditions]\ndevelopment = "sqlite:///a.db"\nproduction = "sqlite:///b.db"\n'
        '[placement]\nurl = "sqlite:///production.db"\n'
    )
    found = databases(Workspace.load(tmp_path), {"placement": [JOURNAL]})
    assert [(d.name, d.url) for d in found] == [
        ("conditions-development", "sqlite:///a.db"),
        ("conditions-production", "sqlite:///b.db"),
        ("production", "sqlite:///production.db"),
    ]
    assert [d.rooms for d in found] == [(JOURNAL,)] * 3
