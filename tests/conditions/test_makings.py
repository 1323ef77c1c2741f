"""Who froze a global tag signs for having made it, and may not approve it (page, section 6.2)."""

from __future__ import annotations

import contextlib
from pathlib import Path

import pytest

from mx2prod.conditions import (
    Snapshot,
    State,
    Verified,
    freeze,
    gtag_page,
    request_approval,
    verify_archive,
    verify_store,
    write_folder,
    write_snapshot,
)
from mx2prod.conditions.folder import FolderArchive
from mx2prod.conditions.makings import ENVELOPE, FREEZING
from mx2prod.conditions.store import note
from mx2prod.core.errors import ApprovalError, PolicyError, StateError
from mx2prod.journal import Approvals, Event, Subject, events, sign_making
from mx2prod.journal.role_changes import enrol, revoke
from tests.conditions.making import World
from tests.journal.people import make_key, person

GTAG = "run1-v1"


def signed_freeze(world: World, who: str = "cal", *, dry_run: bool = False) -> str:
    """Let somebody sign for the freezing; return the digest."""
    signer = (world.keys[who], world.roles.load())
    made = freeze(world.development, GTAG, reason="mine", signer=signer, dry_run=dry_run)
    assert made.state is State.VALIDATED
    return made.digest


def freezings(world: World) -> list[Event]:
    with world.development.reading() as connection:
        return list(events.read(connection, kind=FREEZING, obj=GTAG))


def ask(world: World) -> tuple[str, ...]:
    """Ask for the approval as of real constants; return the authors."""
    asked = request_approval(
        world.development, world.roles.load(), GTAG, reason="test", maker_signs=True
    )
    return asked.request.authors


def verified(world: World) -> Verified:
    (found,) = verify_store(world.development, GTAG, role_store=world.roles)
    return found


def put_into_log(world: World, envelope: str, digest: str) -> None:
    """Write an event as somebody can who has the database but not the program."""
    with world.development.writing() as connection:
        note(connection, "freeze", GTAG, {"digest": digest, "reason": "x", ENVELOPE: envelope})


def test_a_signed_freezing_goes_to_production_with_its_signature(
    world: World, tmp_path: Path
) -> None:
    digest = world.frozen(GTAG, 430.0, ask=False)
    assert signed_freeze(world) == digest
    assert ask(world) == ("cal",)
    assert (verified(world).made_by, verified(world).problems) == (("cal",), ())
    with pytest.raises(ApprovalError, match="an author may not sign"):
        world.sign(GTAG, "cal")
    world.sign(GTAG, "rev", "con")
    assert world.promote(GTAG, maker_signs=True).digest == digest
    (published,) = verify_store(world.production)
    assert (published.made_by, published.signed_by) == (("cal",), ("con", "rev"))
    write_snapshot(world.production, GTAG, tmp_path / "s.mx2snap")
    write_folder(world.production, GTAG, tmp_path / "plain")
    with contextlib.closing(Snapshot(tmp_path / "s.mx2snap")) as snapshot:
        found = [verify_archive(snapshot), verify_archive(FolderArchive(tmp_path / "plain"))]
    assert [(item.made_by, item.problems) for item in found] == [(("cal",), ())] * 2


def test_real_constants_are_not_asked_for_without_the_signature(small_world: World) -> None:
    digest = small_world.frozen(GTAG, 430.0, ask=False)
    with pytest.raises(PolicyError, match=f"no calibrator has signed .* {digest[:16]}") as caught:
        ask(small_world)
    assert caught.value.next_step == f"mx2 conditions freeze {GTAG} --key FILE --reason TEXT"
    signed_freeze(small_world)
    assert ask(small_world) == ("cal",)


def test_a_request_by_hand_does_not_get_around_the_signature(small_world: World) -> None:
    digest = small_world.frozen(GTAG, 430.0, ask=False)
    approvals = Approvals(small_world.development.engine, small_world.roles.load())
    approvals.request(Subject("gtag", GTAG, digest), reason="x", account="dunepro")
    small_world.sign(GTAG, "rev", "con")
    with pytest.raises(PolicyError, match="no calibrator has signed"):
        small_world.promote(GTAG, maker_signs=True)
    assert small_world.promote(GTAG, dry_run=True).changed, "simulated constants pass"


def test_the_signature_is_added_once_and_changes_no_digest(small_world: World) -> None:
    digest = small_world.frozen(GTAG, 430.0, ask=False)
    signed_freeze(small_world, dry_run=True)
    assert len(freezings(small_world)) == 1
    assert signed_freeze(small_world) == signed_freeze(small_world) == digest
    assert [ENVELOPE in event.body for event in freezings(small_world)] == [False, True]
    with pytest.raises(StateError, match="VALIDATED"):
        freeze(small_world.development, GTAG, reason="unsigned again")
    ask(small_world)
    small_world.sign(GTAG, "rev", "con")
    with pytest.raises(StateError, match="APPROVED"):
        signed_freeze(small_world)


@pytest.mark.parametrize("who", ["rev", "con", "rita"])
def test_only_a_calibrator_signs_and_nothing_is_left_of_the_attempt(
    small_world: World, who: str
) -> None:
    small_world.frozen(GTAG, 430.0, ask=False)
    with pytest.raises(ApprovalError, match=f"{who} was not calibrator"):
        signed_freeze(small_world, who)
    assert len(freezings(small_world)) == 1


def test_whoever_signs_for_it_is_an_author(small_world: World, tmp_path: Path) -> None:
    """Also one whose account did nothing: another calibrator, who could review as well."""
    key = make_key(tmp_path, "cleo")
    cleo = person("cleo", ("calibrator", "reviewer"), key)
    roles = enrol(small_world.roles.load(), cleo, reason="second calibrator")
    small_world.roles.propose(roles, small_world.keys["rita"])
    small_world.keys["cleo"] = key
    small_world.frozen(GTAG, 430.0)
    small_world.sign(GTAG, "con", "cleo")
    digest = freezings(small_world)[0].body["digest"]
    envelope = sign_making(Subject("gtag", GTAG, digest), "x", key, roles)
    put_into_log(small_world, envelope, digest)
    with pytest.raises(PolicyError, match="signed by cleo, who made it"):
        small_world.promote(GTAG)
    assert ask(small_world) == ("cal", "cleo")


def test_a_signature_that_does_not_hold_is_a_problem(small_world: World) -> None:
    digest = small_world.frozen(GTAG, 430.0, ask=False)
    roles = small_world.roles.load()
    other = Subject("gtag", GTAG, "b" * 64)
    put_into_log(small_world, sign_making(other, "x", small_world.keys["cal"], roles), digest)
    put_into_log(small_world, "nonsense", digest)
    with pytest.raises(PolicyError, match="it is of gtag:run1-v1@bbbb"):
        ask(small_world)
    found = verified(small_world)
    assert found.made_by == ()
    assert [text.partition(": ")[0] for text in found.problems] == [
        "calibrator's signature does not hold"
    ] * 2
    assert "not a DSSE envelope" in found.problems[1]


def test_a_key_that_was_stolen_before_signs_for_nothing(small_world: World) -> None:
    small_world.frozen(GTAG, 430.0, ask=False)
    before = small_world.roles.load()
    signed_freeze(small_world)
    public = small_world.keys["cal"].public
    stolen = revoke(before, "cal", public=public, since=before.issued, reason="laptop stolen")
    small_world.roles.propose(stolen, small_world.keys["rita"])
    assert "key not valid" in verified(small_world).problems[0]
    with pytest.raises(PolicyError, match="laptop stolen"):
        ask(small_world)


def test_the_page_says_who_signed_for_it(small_world: World) -> None:
    small_world.frozen(GTAG, 430.0, ask=False)
    roles = small_world.roles.load()

    def row() -> str:
        page = gtag_page(small_world.development, roles, GTAG, "md")
        (line,) = [line for line in page.splitlines() if "Calibrator's signature" in line]
        return line

    assert "none" in row()
    signed_freeze(small_world)
    assert "made and signed by cal (calibrator), 20" in row()
