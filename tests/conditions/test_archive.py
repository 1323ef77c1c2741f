"""Snapshot files and exported folders: written, read without a database, verified, tampered."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from mx2prod.conditions import (
    Interval,
    State,
    Use,
    create_store,
    import_archive,
    open_archive,
    position,
    verify_archive,
    write_folder,
    write_snapshot,
)
from mx2prod.conditions import open as open_constants
from mx2prod.core.errors import (
    ConfigError,
    HashMismatch,
    InputFileError,
    NoConditionsError,
    OutputError,
    PolicyError,
    StateError,
    StoreError,
    UsageError,
)
from tests.conditions.making import PEDESTALS, World

WRITERS = {"snap": write_snapshot, "dir": write_folder}


@pytest.fixture
def published(small_world: World) -> World:
    small_world.frozen("run1-v1", 430.0, 431.0)
    small_world.sign("run1-v1", "rev", "con")
    small_world.promote("run1-v1")
    return small_world


@pytest.fixture
def snapshot(published: World, tmp_path: Path) -> Path:
    path = tmp_path / "run1.mx2snap"
    write_snapshot(published.production, "run1-v1", path)
    return path


@pytest.mark.parametrize("kind", WRITERS)
def test_an_archive_gives_what_the_database_gives(
    published: World, tmp_path: Path, kind: str
) -> None:
    path = tmp_path / kind
    contents = WRITERS[kind](published.production, "run1-v1", path)
    archive = open_archive(path)
    with published.production.view("run1-v1") as before, archive.view("run1-v1") as after:
        assert after.digest == before.digest == contents.manifest.digest
        for subrun in (0, 1, 7):
            one, two = (view.get(PEDESTALS, 1702, subrun) for view in (before, after))
            assert (one.sha256, one.since, one.until) == (two.sha256, two.since, two.until)
            assert one.table["hg_mean"].tobytes() == two.table["hg_mean"].tobytes()
        found = verify_archive(open_archive(path), pin=published.roles.load().digest)
    assert (found.problems, found.signed_by, found.payloads) == ((), ("con", "rev"), 2)
    with pytest.raises(OutputError, match="exists already"):
        WRITERS[kind](published.production, "run1-v1", path)


def test_a_snapshot_is_one_file_that_needs_no_writing(snapshot: Path, tmp_path: Path) -> None:
    with sqlite3.connect(snapshot) as file:
        assert file.execute("PRAGMA application_id").fetchone() == (0x4D583243,)
        assert file.execute("PRAGMA user_version").fetchone() == (1,)
        assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    file.close()
    snapshot.chmod(0o444)
    before = {path.name for path in snapshot.parent.iterdir()}
    with open_constants(f"snapshot:{snapshot.name}", root=snapshot.parent) as store:
        view = store.view()
        assert view.get(PEDESTALS, 1702).table["hg_mean"][0] == 430.0
    assert {path.name for path in snapshot.parent.iterdir()} == before


def test_a_pinned_snapshot_must_hold_what_is_asked_for(snapshot: Path) -> None:
    with open_constants(f"snapshot:{snapshot}") as store:
        with pytest.raises(UsageError, match="holds run1-v1"):
            store.view("run1-v2")
        with pytest.raises(PolicyError, match="asked for"):
            store.view("run1-v1@" + "1" * 16)


def test_a_snapshot_cut_to_runs_says_so(published: World, tmp_path: Path) -> None:
    path = tmp_path / "cut.mx2snap"
    cut = [Interval(position(1702), position(1702, 1))]
    write_snapshot(published.production, "run1-v1", path, cut=cut)
    archive = open_archive(path)
    found = verify_archive(archive)
    assert (found.problems, found.payloads) == ((), 1)
    view = archive.view()
    assert view.get(PEDESTALS, 1702, 0).table["hg_mean"][0] == 430.0
    with pytest.raises(NoConditionsError, match="holds only the constants of"):
        view.get(PEDESTALS, 1702, 1)
    with (
        create_store(f"sqlite:///{tmp_path}/new.db", "development") as store,
        pytest.raises(StateError, match="cut to some runs"),
    ):
        import_archive(store, archive, reason="x")
    archive.close()


def test_development_constants_in_a_snapshot_need_a_use(small_world: World, tmp_path: Path) -> None:
    small_world.frozen("run1-v1", 430.0)
    path = tmp_path / "dev.mx2snap"
    write_snapshot(small_world.development, "run1-v1", path)
    with open_constants(f"snapshot:{path}") as store:
        with pytest.raises(StateError, match="PUBLISHED"):
            store.view("run1-v1")
        assert store.view("run1-v1", use=Use.TEST).state is State.VALIDATED
        assert verify_archive(store).signed_by == ()  # type: ignore[arg-type]


def test_an_archive_comes_back_with_the_same_digest(snapshot: Path, tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/new.db", "development") as store:
        archive = open_archive(snapshot)
        made = import_archive(store, archive, reason="from production")
        assert made.state is State.VALIDATED
        assert made.digest == archive.contents.manifest.digest
        archive.close()
        write_folder(store, "run1-v1", tmp_path / "again")
    again = open_archive(tmp_path / "again").contents
    assert again.manifest.text() == open_archive(snapshot).contents.manifest.text()


def change(statement: str) -> Callable[[Path], None]:
    """Tamper with a snapshot by SQL."""

    def tamper(path: Path) -> None:
        file = sqlite3.connect(path)
        assert file.execute(statement).rowcount > 0
        file.commit()
        file.close()

    return tamper


def other_payload(path: Path) -> None:
    """Exchange a payload for another one, with fitting hash of its bytes."""
    file = sqlite3.connect(path)
    rows = file.execute("SELECT content_sha256, file_sha256, data FROM payload").fetchall()
    file.execute(
        "UPDATE payload SET file_sha256 = ?, data = ? WHERE content_sha256 = ?",
        (rows[1][1], rows[1][2], rows[0][0]),
    )
    file.commit()
    file.close()


def flip_byte(path: Path) -> None:
    """Change one byte of a payload."""
    file = sqlite3.connect(path)
    ((name, data),) = file.execute("SELECT content_sha256, data FROM payload LIMIT 1").fetchall()
    data = data[:99] + bytes([data[99] ^ 1]) + data[100:]
    file.execute("UPDATE payload SET data = ? WHERE content_sha256 = ?", (data, name))
    file.commit()
    file.close()


TAMPERED = {
    "bytes of a payload": (
        flip_byte,
        "its bytes have sha256",
    ),
    "another payload": (other_payload, "its content has"),
    "payload lost": (change("DELETE FROM payload WHERE rowid = 1"), "is missing"),
    "payload added": (
        change("INSERT INTO payload SELECT 'x', schema_id, 1, encoding, '', data FROM payload"
               " LIMIT 1"),
        "belongs to no interval",
    ),
    "manifest": (
        change("UPDATE meta SET value = replace(value, 'run1-v1', 'run1-v9') "
               "WHERE key = 'manifest'"),
        "signatures are of",
    ),
    "document": (
        change("UPDATE document SET body = '{}' WHERE kind = 'run-list'"),
        "is missing or changed",
    ),
    "signature lost": (
        change("DELETE FROM evidence WHERE number = (SELECT max(number) FROM evidence)"),
        "waiting",
    ),
    "event edited": (
        change("UPDATE evidence SET body = replace(body, 'approval.approve', 'approval.override')"
               " WHERE kind = 'event'"),
        "edited",
    ),
    "role list lost": (change("DELETE FROM evidence WHERE kind = 'roles'"), "no role list"),
    "role list edited": (
        change("UPDATE evidence SET body = replace(body, 'payload\":\"', 'payload\":\"e30')"
               " WHERE kind = 'roles'"),
        "signatures:",
    ),
    "promoted later than the signatures hold": (
        change("UPDATE meta SET value = '2099-01-01T00:00:00.000000Z' "
               "WHERE key = 'published_utc'"),
        "waiting",
    ),
    "said to be provisional": (
        change("UPDATE meta SET value = '1' WHERE key = 'provisional'"), "provisional",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TAMPERED)
def test_a_tampered_snapshot_is_found_offline(snapshot: Path, name: str) -> None:
    tamper, expected = TAMPERED[name]
    tamper(snapshot)
    archive = open_archive(snapshot)
    found = verify_archive(archive)
    archive.close()
    assert any(expected in problem for problem in found.problems), found.problems


def test_another_root_of_trust_is_found(snapshot: Path) -> None:
    found = verify_archive(open_archive(snapshot), pin="0" * 64)
    assert "trust_root" in found.problems[0]


def test_a_reader_stops_at_a_damaged_payload(snapshot: Path) -> None:
    TAMPERED["another payload"][0](snapshot)
    with open_constants(f"snapshot:{snapshot}") as store, store.view() as view:
        answers = []
        for subrun in (0, 1):
            try:
                answers.append(view.get(PEDESTALS, 1702, subrun).table["hg_mean"][0])
            except HashMismatch as error:
                assert "its content has" in error.message
        assert len(answers) == 1, "one of the two is as it was, the other is refused"


@pytest.mark.parametrize(
    ("tamper", "match"),
    [
        (lambda path: path.write_bytes(b"no snapshot"), "damaged"),
        (lambda path: path.unlink(), "No such file"),
        (change("UPDATE meta SET value = 'mx2-snapshot/9' WHERE key = 'format'"), "format"),
        (change("UPDATE meta SET value = '{}' WHERE key = 'manifest'"), "not a manifest"),
        (change("DELETE FROM meta WHERE key = 'state'"), "damaged"),
    ],
)
def test_what_is_no_snapshot_is_refused(
    snapshot: Path, tamper: Callable[[Path], None], match: str
) -> None:
    tamper(snapshot)
    with pytest.raises((InputFileError, UsageError), match=match):
        verify_archive(open_archive(snapshot))


def test_what_is_no_exported_folder_is_refused(published: World, tmp_path: Path) -> None:
    good = tmp_path / "good"
    write_folder(published.production, "run1-v1", good)
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(InputFileError, match="No such file"):
        open_archive(empty)
    bad = tmp_path / "bad"
    shutil.copytree(good, bad)
    index = json.loads((bad / "index.json").read_text())
    (bad / "index.json").write_text(json.dumps({**index, "meta": {}}))
    with pytest.raises((InputFileError, UsageError)):
        verify_archive(open_archive(bad))
    (bad / "index.json").write_text("[]")
    with pytest.raises(InputFileError, match="not an index"):
        open_archive(bad)
    next((good / "payloads").iterdir()).unlink()
    assert "payload is missing" in verify_archive(open_archive(good)).problems[0]


@pytest.mark.parametrize("url", ["oracle://x", "snapshots:x", "mnvcon"])
def test_an_address_of_another_kind_is_refused(url: str) -> None:
    with pytest.raises(ConfigError, match="no address of constants"):
        open_constants(url)


def test_a_database_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="no such database"):
        open_constants(f"sqlite:///{tmp_path}/nowhere.db")
