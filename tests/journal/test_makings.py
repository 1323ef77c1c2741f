"""The calibrator's signature: as good as a decision's, and never counted as one."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Engine

from mx2prod.core.errors import ApprovalError, TrustError
from mx2prod.core.time import now
from mx2prod.journal import (
    Approvals,
    Decision,
    RoleStore,
    SigningKey,
    State,
    Subject,
    events,
    fingerprint,
    read_making,
    reading,
    sign_making,
    writing,
)
from mx2prod.journal.role_changes import revoke
from mx2prod.journal.role_list import NO_END
from mx2prod.journal.statements import Making, Predicate, read_statement, sign_statement
from tests.journal.people import make_key, make_keys, standard_store

GTAG = Subject("gtag", "mx2-run1-v1", "a" * 64)
OTHER = Subject("gtag", "mx2-run1-v1", "b" * 64)
Keys = dict[str, SigningKey]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
def store(tmp_path: Path, keys: Keys) -> RoleStore:
    return standard_store(tmp_path, keys)


def utc_now() -> str:
    return events.utc_text(now())


def test_a_calibrator_signs_for_having_made_it(keys: Keys, store: RoleStore) -> None:
    roles = store.load()
    envelope = sign_making(GTAG, "ready for the meeting", keys["cal"], roles)
    maker = read_making(envelope, GTAG, utc_now(), roles)
    assert maker.holds
    assert (maker.person, maker.role) == ("cal", "calibrator")
    assert maker.key == fingerprint(keys["cal"].public)
    assert str(maker) == "made and signed by cal (calibrator)"
    said = read_statement(envelope, roles, Making).predicate
    assert (said.reason, said.roles) == ("ready for the meeting", roles.digest)


@pytest.mark.parametrize("person", ["rev", "con", "max", "rita"])
def test_only_a_calibrator_signs_for_it(keys: Keys, store: RoleStore, person: str) -> None:
    with pytest.raises(ApprovalError, match=f"{person} was not calibrator") as caught:
        sign_making(GTAG, "x", keys[person], store.load())
    assert "--key FILE" in caught.value.next_step


def test_a_key_that_does_not_hold_signs_for_nothing(
    tmp_path: Path, keys: Keys, store: RoleStore
) -> None:
    roles = store.load()
    with pytest.raises(ApprovalError, match="not enrolled"):
        sign_making(GTAG, "x", make_key(tmp_path, "stranger"), roles)
    before = sign_making(GTAG, "x", keys["cal"], roles)
    recorded = utc_now()
    later = revoke(roles, "cal", reason="left")
    with pytest.raises(ApprovalError, match="key not valid"):
        sign_making(GTAG, "x", keys["cal"], later)
    assert read_making(before, GTAG, recorded, later).holds, "it was good when it was recorded"
    assert "key not valid" in read_making(before, GTAG, utc_now(), later).why_not


def test_it_is_judged_by_what_it_says_and_when(keys: Keys, store: RoleStore) -> None:
    roles = store.load()
    at = utc_now()

    def judged(key: str, recorded: str = "", about: Subject = GTAG, **changes: str) -> str:
        fields = {"role": "calibrator", "person": "cal", "signed_at": at, "roles": roles.digest}
        made = sign_statement(about, Making.model_validate({**fields, **changes}), keys[key])
        return read_making(made, GTAG, recorded or utc_now(), roles).why_not

    assert judged("cal") == ""
    assert "it is of gtag:mx2-run1-v1@bbbb" in judged("cal", about=OTHER)
    assert "says cal, but is signed by a key of rev" in judged("rev")
    assert "cal was not reviewer" in judged("cal", role="reviewer"), "a role that she has"
    assert "rev was not calibrator" in judged("rev", person="rev")
    future = events.utc_text(now() + timedelta(days=1))
    assert "after it was recorded" in judged("cal", signed_at=future)
    assert "not a DSSE envelope" in read_making("{}", GTAG, at, roles).why_not


def test_neither_kind_is_read_as_the_other(keys: Keys, store: RoleStore) -> None:
    roles = store.load()
    making = sign_making(GTAG, "x", keys["cal"], roles)
    with pytest.raises(TrustError, match=r"approval: .* expected 'urn:mx2prod:approval:1'"):
        read_statement(making, roles, Predicate)
    decision = Predicate(
        decision="approve", role="reviewer", person="cal", signed_at=roles.issued,
        expires_at=NO_END, policy="e" * 64, roles=roles.digest,
    )  # fmt: skip
    approval = sign_statement(GTAG, decision, keys["cal"])
    assert "expected 'urn:mx2prod:making:1'" in read_making(approval, GTAG, NO_END, roles).why_not


def test_the_signature_of_the_freezing_does_not_count_as_an_approval(
    engine: Engine, keys: Keys, store: RoleStore
) -> None:
    """Somebody who has the database puts it where decisions stand."""
    roles = store.load()
    approvals = Approvals(engine, roles)
    approvals.request(GTAG, reason="x", account="dunepro")
    envelope = sign_making(GTAG, "x", keys["cal"], roles)
    approvals.decide(GTAG.object, Decision("approve"), keys["con"])
    with writing(engine) as connection:
        body = {"digest": GTAG.digest, "envelope": envelope}
        events.append(connection, "approval.approve", GTAG.object, body)
    found = approvals.status(GTAG.object)
    assert (found.state, found.missing) == (State.WAITING, ("signature of a reviewer",))
    assert "expected 'urn:mx2prod:approval:1'" in found.signatures[-1].why_not
    with reading(engine) as connection:
        assert events.verify(connection).problems == ()
