"""Faults of issue 4: nothing approved changes or is lost, nothing unapproved can be read."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from mx2prod.conditions import (
    create_store,
    create_tag,
    open_store,
    position,
    promote,
    put,
    request_approval,
    verify_store,
)
from mx2prod.conditions.gtags import gtag_row
from mx2prod.core.errors import (
    ApprovalError,
    ChainError,
    HashMismatch,
    NoConditionsError,
    PolicyError,
    StateError,
    StoreError,
    TableError,
    TrustError,
)
from mx2prod.journal import events
from mx2prod.journal.role_changes import enrol, new_person, revoke
from tests.conditions.making import GAINS, World, gains, make_world, pedestals
from tests.journal.people import make_key

pytestmark = pytest.mark.stores


def behind(world: World, trigger: str, statement: str) -> None:
    """Drop a guard of the development database, as its owner can, and change rows."""
    with world.development.writing() as connection:
        connection.exec_driver_sql(f"DROP TRIGGER {trigger}")
        assert connection.exec_driver_sql(statement).rowcount > 0


@pytest.fixture
def approved(small_world: World) -> World:
    small_world.frozen("run1-v1", 430.0, 431.0)
    small_world.sign("run1-v1", "rev", "con")
    return small_world


def nothing_in_production(world: World) -> bool:
    with world.production.reading() as connection:
        count = connection.exec_driver_sql("SELECT count(*) FROM conditions_payload").scalar()
        return gtag_row(connection, "run1-v1") is None and count == 0


def test_a_tampered_payload_is_not_promoted(approved: World) -> None:
    behind(
        approved,
        "conditions_payload_append_only_update",
        "UPDATE conditions_payload SET data = (SELECT data FROM conditions_payload LIMIT 1), "
        "file_sha256 = (SELECT file_sha256 FROM conditions_payload LIMIT 1)",
    )
    with pytest.raises(HashMismatch, match="its content has"):
        approved.promote("run1-v1")
    assert nothing_in_production(approved)
    assert "is damaged" in verify_store(approved.development, "run1-v1")[0].problems[0]


def test_a_payload_that_is_damaged_in_production_is_found_by_the_next_promotion(
    approved: World,
) -> None:
    approved.promote("run1-v1")
    approved.frozen("run1-v2", 430.0, 440.0)
    approved.sign("run1-v2", "rev", "con")
    with approved.production.writing() as connection:
        connection.exec_driver_sql("DROP TRIGGER conditions_payload_append_only_update")
        connection.exec_driver_sql("UPDATE conditions_payload SET data = zeroblob(10)")
    with pytest.raises(HashMismatch, match="its bytes have sha256"):
        approved.promote("run1-v2")
    with approved.production.reading() as connection:
        assert gtag_row(connection, "run1-v2") is None


@pytest.mark.parametrize(
    ("trigger", "statement"),
    [
        ("journal_event_append_only_update", "UPDATE journal_event SET actor = 'x' WHERE seq = 3"),
        (
            "journal_event_append_only_delete",
            "DELETE FROM journal_event WHERE seq = (SELECT max(seq) FROM journal_event)",
        ),
    ],
)
def test_an_edited_log_stops_the_promotion(approved: World, trigger: str, statement: str) -> None:
    behind(approved, trigger, statement)
    with pytest.raises(ChainError):
        approved.promote("run1-v1")
    assert nothing_in_production(approved)


def test_a_revoked_key_no_longer_counts(approved: World) -> None:
    """The signature was made before, but the key was lost before that."""
    lists = approved.roles.load()
    since = lists.issued
    changed = revoke(lists, "rev", reason="laptop lost", since=since)
    approved.roles.propose(changed, approved.keys["rita"])
    with pytest.raises(ApprovalError, match="signature of a reviewer"):
        approved.promote("run1-v1")
    assert nothing_in_production(approved)


def test_a_key_that_nobody_enrolled_does_not_sign(approved: World, tmp_path: Path) -> None:
    stranger = make_key(tmp_path, "stranger")
    approved.keys["stranger"] = stranger
    with pytest.raises(ApprovalError, match="not enrolled"):
        approved.sign("run1-v1", "stranger")
    listed = enrol(
        approved.roles.load(),
        new_person("stranger", roles=["convener"], public_keys=[stranger.public]),
        reason="myself",
    )
    with pytest.raises(TrustError, match="nobody enrols himself"):
        approved.roles.propose(listed, stranger)


def test_the_same_person_does_not_sign_twice(small_world: World) -> None:
    small_world.frozen("run1-v1", 430.0)
    small_world.sign("run1-v1", "cora")
    with pytest.raises(ApprovalError):
        small_world.sign("run1-v1", "cora")
    with pytest.raises(ApprovalError):
        small_world.promote("run1-v1")


def test_who_is_not_on_the_list_makes_nothing_that_can_be_approved(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "account", lambda: "visitor")
    small_world.frozen("run1-v1", 430.0, ask=False)
    monkeypatch.undo()
    with pytest.raises(PolicyError, match="account visitor made constants"):
        request_approval(small_world.development, small_world.roles.load(), "run1-v1", reason="x")


def test_signatures_of_one_digest_do_not_count_for_another(approved: World) -> None:
    """A corrected global tag of the same name in another database has another digest."""
    digest = approved.frozen("run1-v2", 999.0)
    with pytest.raises(ApprovalError, match="waiting"):
        approved.promote("run1-v2")
    assert digest


def test_production_that_cannot_be_reached_is_named(small_world: World, tmp_path: Path) -> None:
    url = f"postgresql+psycopg://mx2@/nowhere?host={tmp_path}"
    with pytest.raises(StoreError, match="cannot be reached"):
        open_store(url)


def test_the_two_databases_are_not_exchanged(approved: World) -> None:
    with pytest.raises(StateError, match="is the development database"):
        promote(approved.development, approved.development, approved.roles, "run1-v1", reason="x")
    with pytest.raises(StateError, match="is the production database"):
        create_store(f"sqlite:///{approved.production.engine.url.database}", "development")


def test_another_global_tag_of_the_same_name_is_refused(approved: World, tmp_path: Path) -> None:
    approved.promote("run1-v1")
    other = tmp_path / "other"
    other.mkdir()
    second = make_world(other, (f"sqlite:///{other}/dev.db", f"sqlite:///{other}/prod.db"))
    second.frozen("run1-v1", 777.0)
    second.sign("run1-v1", "rev", "con")
    with pytest.raises(StateError, match="production has it with digest"):
        promote(second.development, approved.production, second.roles, "run1-v1", reason="x")
    second.close()


def test_tables_that_do_not_fit_are_refused(small_world: World) -> None:
    development = small_world.development
    create_tag(development, GAINS, "t", reason="x")
    with pytest.raises(TableError, match="pedestal/1, expected pmtgain/1"):
        put(development, GAINS, pedestals(), tag="t", since=position(5), reason="x")
    with pytest.raises(NoConditionsError, match="no table is valid at 5/0"):
        put(
            development, GAINS, gains(), tag="t", since=position(5), reason="x",
            replaces="0123456789",
        )  # fmt: skip


DISK = """
import resource, sys
from pathlib import Path
from mx2prod.conditions import open_store, promote
from mx2prod.journal import RoleStore
root = Path(sys.argv[1])
stores = [open_store(f"sqlite:///{root}/{name}.db") for name in ("dev", "prod")]
roles = RoleStore(root / "roles")
limit = int(sys.argv[2])
resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
import signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
try:
    promote(*stores, roles, "run1-v1", reason="x")
except Exception as error:
    print(type(error).__name__, error)
"""


def test_a_full_disk_changes_nothing(approved: World, tmp_path: Path) -> None:
    approved.production.close()
    approved.development.close()
    failed = 0
    for limit in (8_192, 40_000, 60_000, 80_000):
        done = subprocess.run(
            [sys.executable, "-c", DISK, str(tmp_path), str(limit)],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        if done.stdout:
            failed += 1
            assert "the disk" in done.stdout, done.stdout
            assert nothing_in_production(approved)
            approved.production.close()
    assert failed > 1
    assert approved.promote("run1-v1").digest
    assert verify_store(approved.production)[0].problems == ()
