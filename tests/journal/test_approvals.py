from __future__ import annotations

import base64
import json
import threading
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine

from mx2prod.core.errors import ApprovalError, ChainError, TrustError
from mx2prod.core.time import now
from mx2prod.journal import (
    Approval,
    Approvals,
    Attachment,
    Decision,
    Policy,
    RoleList,
    RoleStore,
    SigningKey,
    State,
    Subject,
    approvals,
    deciding,
    events,
    newest_list_seen,
    open_engine,
    reading,
    writing,
)
from mx2prod.journal.role_changes import enrol, revoke, set_policy
from mx2prod.journal.role_list import NO_END
from mx2prod.journal.statements import Predicate, read_statement, sign_statement
from tests.journal.people import make_key, make_keys, person, standard_store
from tests.journal.test_events import without_guards

A, B = "a" * 64, "b" * 64
GTAG = "gtag:mx2-run1-v1"
APPROVE = Decision("approve")
Keys = dict[str, SigningKey]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return make_keys(tmp_path)


@pytest.fixture
def store(tmp_path: Path, keys: Keys) -> RoleStore:
    return standard_store(tmp_path, keys)


@pytest.fixture
def asked(engine: Engine, store: RoleStore) -> Approvals:
    """Digest A of a global tag, asked for by ``cal``."""
    made = Approvals(engine, store.load())
    made.request(subject(A), reason="first constants")
    return made


def subject(digest: str, obj: str = GTAG) -> Subject:
    return Subject(*obj.split(":"), digest)


def sign(asked: Approvals, key: SigningKey, word: str = "approve", **words: Any) -> Approval:
    return asked.decide(GTAG, Decision(word, **words), key)


def state(asked: Approvals) -> State:
    return asked.status(GTAG).state


def log(asked: Approvals) -> list[str]:
    with reading(asked.engine) as connection:
        return [event.kind for event in events.read(connection)]


def test_two_persons_in_two_roles_approve(asked: Approvals, keys: Keys) -> None:
    first = sign(asked, keys["rev"], meeting="Mx2 weekly, page 3", link="slides/7")
    assert (first.state, first.missing) == (State.WAITING, ("signature of a convener",))
    second = sign(asked, keys["con"])
    assert (second.state, second.missing, second.review_due) == (State.APPROVED, (), False)
    assert asked.require(subject(A)).state is State.APPROVED
    assert [s.person for s in second.signatures] == ["rev", "con"]
    assert second.signatures[0].meeting == "Mx2 weekly, page 3"
    assert log(asked) == ["roles.seen", "approval.request", "approval.approve", "approval.approve"]


def test_what_is_signed_is_what_the_page_says(asked: Approvals, keys: Keys) -> None:
    """Conditions page, section 6.1: DSSE over an in-toto statement."""
    plot = Attachment(name="ped.pdf", sha256="c" * 64)
    sign(asked, keys["rev"], attachments=(plot,))
    with reading(asked.engine) as connection:
        (event,) = events.read(connection, kind="approval.approve")
    envelope = json.loads(event.body["envelope"])
    statement = json.loads(base64.b64decode(envelope["payload"]))
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["subject"] == [{"name": GTAG, "digest": {"sha256": A}}]
    said = statement["predicate"]
    assert (said["decision"], said["role"], said["person"]) == ("approve", "reviewer", "rev")
    assert said["attachments"] == [{"name": "ped.pdf", "sha256": "c" * 64}]
    assert said["roles"] == asked.roles.digest
    lasts = events.utc_time(said["expires_at"]) - events.utc_time(said["signed_at"])
    assert lasts == timedelta(days=90)


def test_one_signature_is_not_enough(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["con"])
    with pytest.raises(ApprovalError, match=r"waiting; signature of a reviewer") as caught:
        asked.require(subject(A))
    assert caught.value.next_step == f"mx2 approval show {GTAG}"


def test_the_same_signer_twice_is_refused(asked: Approvals, keys: Keys) -> None:
    """Also one who holds both roles."""
    sign(asked, keys["cora"])
    with pytest.raises(ApprovalError, match="cora has signed already"):
        sign(asked, keys["cora"], role="reviewer")
    assert state(asked) is State.WAITING
    assert sign(asked, keys["con"]).state is State.APPROVED, "cora's is a reviewer's then"


def test_of_the_same_signature_at_once_one_is_recorded(
    asked: Approvals, keys: Keys, store_url: str
) -> None:
    refused: list[str] = []
    start = threading.Barrier(4)

    def attempt() -> None:
        with Approvals(open_engine(store_url), asked.roles) as own:
            start.wait()
            try:
                sign(own, keys["rev"])
            except ApprovalError as error:
                refused.append(error.message)

    threads = [threading.Thread(target=attempt) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(refused) == 3
    assert all("rev has signed already" in text for text in refused)
    assert len(asked.status(GTAG).signatures) == 1


def test_a_second_signature_of_one_person_never_fills_a_second_place(
    asked: Approvals, keys: Keys
) -> None:
    """Put into the log past the program: one person, both roles, two well-signed envelopes."""
    sign(asked, keys["cora"], role="reviewer")
    forge(asked, keys["cora"], person="cora", role="convener")
    found = asked.status(GTAG)
    assert [s.counts for s in found.signatures] == [True, True]
    assert found.state is State.WAITING


def test_two_keys_of_one_person_are_one_person(
    asked: Approvals, keys: Keys, store: RoleStore, tmp_path: Path
) -> None:
    extra = make_key(tmp_path, "extra")
    more = enrol(store.load(), person("cora", [], extra), reason="second laptop")
    store.propose(more, keys["rita"])
    both = Approvals(asked.engine, store.load())
    sign(both, keys["cora"], role="reviewer")
    with pytest.raises(ApprovalError, match="cora has signed already"):
        sign(both, extra, role="convener")
    forge(both, extra, person="cora", role="convener")
    assert state(both) is State.WAITING


@pytest.mark.parametrize(
    ("who", "what"),
    [
        ("cal", "an author may not sign"),
        ("rita", "has no role that signs"),
        ("vic", "has no role that signs"),
        ("stranger", "not enrolled"),
    ],
)
def test_who_may_not_sign(
    asked: Approvals, keys: Keys, tmp_path: Path, who: str, what: str
) -> None:
    key = keys.get(who) or make_key(tmp_path, who)
    with pytest.raises(ApprovalError, match=what):
        sign(asked, key)
    assert log(asked) == ["roles.seen", "approval.request"]


def test_other_authors_may_not_sign_either(asked: Approvals, keys: Keys) -> None:
    asked.request(subject(B), reason="new tables", authors=["rev"])
    with pytest.raises(ApprovalError, match="an author may not sign"):
        sign(asked, keys["rev"])
    asked.request(subject(B), reason="again, without naming", policy_name="gtag")
    assert asked.status(GTAG).request.authors == ("cal", "rev"), "authors stay authors"


def test_a_role_that_one_has_not_is_refused(asked: Approvals, keys: Keys) -> None:
    with pytest.raises(ApprovalError, match="rev was not convener"):
        sign(asked, keys["rev"], role="convener")


def forge(asked: Approvals, key: SigningKey, kind: str = "approve", **changes: Any) -> None:
    """Write an envelope into the log as somebody can who has the database but not the program."""
    request = asked.status(GTAG).request
    fields = {
        "decision": kind,
        "role": "convener",
        "person": "con",
        "signed_at": events.utc_text(now()),
        "expires_at": events.utc_text(now() + timedelta(days=30)),
        "policy": request.policy_digest,
        "roles": asked.roles.digest,
    }
    digest = changes.pop("digest", request.subject.digest)
    obj = changes.pop("obj", GTAG)
    predicate = Predicate.model_validate({**fields, **changes})
    envelope = sign_statement(subject(digest, obj), predicate, key)
    with writing(asked.engine) as connection:
        body = {"digest": request.subject.digest, "envelope": envelope}
        events.append(connection, f"approval.{kind}", GTAG, body)


PAST = "2020-01-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("signer", "changes", "what"),
    [
        ("stranger", {}, "0 of 1 signatures are by enrolled keys"),
        ("rev", {}, "says con, but is signed by a key of rev"),
        ("con", {"digest": B}, "stale: signed digest bbbb"),
        ("con", {"obj": "gtag:other"}, "says approve of gtag:other"),
        ("con", {"policy": "d" * 64}, "signed under another policy"),
        ("con", {"role": "reviewer"}, "con was not reviewer"),
        ("con", {"signed_at": PAST}, "key not valid at 2020"),
        ("con", {"signed_at": "2999-01-01T00:00:00.000000Z"}, "after it was recorded"),
        ("con", {"expires_at": PAST}, "expired 2020"),
        ("con", {"decision": "reject"}, "says reject of"),
        ("cal", {"person": "cal", "role": "reviewer"}, "an author may not sign"),
        ("rita", {"person": "rita", "role": "root"}, "rita was not root"),
    ],
)
def test_envelopes_that_do_not_count(
    asked: Approvals, keys: Keys, tmp_path: Path, signer: str, changes: dict[str, Any], what: str
) -> None:
    key = keys.get(signer) or make_key(tmp_path, signer)
    sign(asked, keys["rev"])
    forge(asked, key, **changes)
    found = asked.status(GTAG)
    assert found.state is State.WAITING
    assert what in found.signatures[-1].why_not


def test_a_longer_validity_than_the_policy_allows_is_cut(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["rev"])
    forge(asked, keys["con"], expires_at=NO_END)
    assert state(asked) is State.APPROVED
    with pytest.MonkeyPatch.context() as patch:
        at_day(patch, 91)
        assert state(asked) is State.WAITING


def test_damaged_envelopes_do_not_count(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["rev"])
    for envelope in ("", "{}", "[1]"):
        with writing(asked.engine) as connection:
            body = {"digest": A, "envelope": envelope}
            events.append(connection, "approval.approve", GTAG, body)
    found = asked.status(GTAG)
    assert found.state is State.WAITING
    assert all("not a DSSE envelope" in s.why_not for s in found.signatures[1:])


def test_a_new_digest_makes_signatures_stale(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["rev"])
    assert sign(asked, keys["con"]).state is State.APPROVED
    changed = asked.request(subject(B), reason="one channel mended")
    assert changed.state is State.WAITING
    assert {s.why_not for s in changed.signatures} == {f"stale: signed digest {A[:16]}"}
    with pytest.raises(ApprovalError, match=r"approval was asked for digest bbbb.*this is aaaa"):
        asked.require(subject(A))
    sign(asked, keys["rev"])
    sign(asked, keys["con"])
    assert asked.require(subject(B)).state is State.APPROVED


def test_what_one_looked_at_must_be_what_is_asked_for(asked: Approvals, keys: Keys) -> None:
    asked.request(subject(B), reason="changed in the meantime")
    with pytest.raises(ApprovalError, match="you looked at aaaa"):
        sign(asked, keys["rev"], digest=A[:16])
    sign(asked, keys["rev"], digest=B[:16])


def test_asking_again_for_the_same_changes_nothing(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["rev"])
    before = log(asked)
    assert asked.request(subject(A), reason="again").signatures[0].counts
    assert log(asked) == before


def at_day(patch: pytest.MonkeyPatch, days: float) -> None:
    later: datetime = now() + timedelta(days=days)
    patch.setattr(approvals, "now", lambda: later)


def test_signatures_expire(asked: Approvals, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    sign(asked, keys["rev"])
    sign(asked, keys["con"], valid_days=10)
    at_day(monkeypatch, 9.9)
    assert state(asked) is State.APPROVED
    at_day(monkeypatch, 10.1)
    found = asked.status(GTAG)
    assert (found.state, found.missing) == (State.WAITING, ("signature of a convener",))
    assert found.signatures[1].why_not.startswith("expired ")
    at_day(monkeypatch, 90.1)
    assert asked.status(GTAG).missing == ("signature of a reviewer", "signature of a convener")


def revoked(asked: Approvals, store: RoleStore, keys: Keys, name: str, **words: str) -> Approvals:
    store.propose(revoke(store.load(), name, reason="key lost", **words), keys["rita"])
    return Approvals(asked.engine, store.load())


def test_a_revoked_key_signs_no_more_and_what_it_signed_stays(
    asked: Approvals, keys: Keys, store: RoleStore
) -> None:
    sign(asked, keys["rev"])
    after = revoked(asked, store, keys, "rev")
    assert after.status(GTAG).signatures[0].counts
    after = revoked(after, store, keys, "con")
    with pytest.raises(ApprovalError, match="no role that signs"):
        sign(after, keys["con"])
    with pytest.raises(ApprovalError, match=r"key not valid at .*: key lost"):
        sign(after, keys["con"], role="convener")


def test_a_revoked_key_cannot_sign_into_the_past(
    asked: Approvals, keys: Keys, store: RoleStore
) -> None:
    sign(asked, keys["rev"])
    before = events.utc_text(now())
    after = revoked(asked, store, keys, "con")
    forge(after, keys["con"], signed_at=before)
    found = after.status(GTAG)
    assert found.state is State.WAITING
    assert "key not valid at" in found.signatures[-1].why_not


def test_a_key_revoked_from_an_earlier_time_takes_its_signatures_along(
    asked: Approvals, keys: Keys, store: RoleStore
) -> None:
    sign(asked, keys["rev"])
    sign(asked, keys["con"])
    after = revoked(asked, store, keys, "con", since="2020-01-01T00:00:00.000000Z")
    assert state(after) is State.WAITING


def test_a_rejection_stands_until_its_signer_approves_something_new(
    asked: Approvals, keys: Keys
) -> None:
    sign(asked, keys["con"])
    against = sign(asked, keys["rev"], "reject", reason="board 7 is hot")
    assert (against.state, against.missing) == (
        State.REJECTED, ("rev has rejected: board 7 is hot",)
    )  # fmt: skip
    sign(asked, keys["cora"], role="reviewer")
    assert state(asked) is State.REJECTED
    with pytest.raises(ApprovalError, match="rejected; rev has rejected"):
        asked.require(subject(A))
    with pytest.raises(ApprovalError, match="rev has rejected this digest"):
        sign(asked, keys["rev"])
    asked.request(subject(B), reason="board 7 mended")
    assert state(asked) is State.REJECTED, "a new digest alone does not end it"
    sign(asked, keys["con"])
    assert sign(asked, keys["rev"]).state is State.APPROVED


def test_two_conveners_override_a_rejection(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["max"], "reject", reason="no", role="manager")
    sign(asked, keys["rev"])
    sign(asked, keys["con"])
    assert state(asked) is State.REJECTED
    with pytest.raises(ApprovalError, match="override needs a reason"):
        sign(asked, keys["con"], "override")
    assert sign(asked, keys["con"], "override", reason="seen").state is State.REJECTED
    with pytest.raises(ApprovalError, match="con has signed already"):
        sign(asked, keys["con"], "override", reason="seen twice")
    assert sign(asked, keys["cora"], "override", reason="seen too").state is State.APPROVED


def test_an_old_approval_played_again_does_not_end_a_rejection(
    asked: Approvals, keys: Keys
) -> None:
    asked.request(subject(B), reason="second")
    sign(asked, keys["rev"])
    asked.request(subject(A), reason="first again")
    sign(asked, keys["rev"], "reject", reason="no")
    asked.request(subject(B), reason="second again")
    with reading(asked.engine) as connection:
        (old,) = events.read(connection, kind="approval.approve")
    with writing(asked.engine) as connection:
        events.append(connection, old.kind, old.object, old.body)
    assert state(asked) is State.REJECTED


def test_a_rejection_needs_a_reason(asked: Approvals, keys: Keys) -> None:
    with pytest.raises(ApprovalError, match="reject needs a reason"):
        sign(asked, keys["rev"], "reject")


def test_an_author_may_reject(asked: Approvals, keys: Keys) -> None:
    assert sign(asked, keys["cal"], "reject", reason="my mistake").state is State.REJECTED


def test_the_emergency_path(asked: Approvals, keys: Keys) -> None:
    asked.request(subject(B), reason="beam is on", emergency=True)
    assert sign(asked, keys["con"]).state is State.WAITING
    urgent = sign(asked, keys["cora"])
    assert (urgent.state, urgent.review_due) == (State.PROVISIONAL, True)
    assert [s.emergency for s in urgent.signatures] == [True, True]
    assert urgent.missing == ("signature of a reviewer", "signature of a convener")
    assert log(asked)[-1] == "approval.review"
    with pytest.raises(ApprovalError, match="provisional"):
        asked.require(subject(B))
    assert asked.require(subject(B), provisional=True).review_due
    sign(asked, keys["rev"])
    reviewed = sign(asked, keys["con"])
    assert (reviewed.state, reviewed.review_due) == (State.APPROVED, False)
    assert log(asked).count("approval.review") == 1


def test_in_an_emergency_one_convener_is_not_two(asked: Approvals, keys: Keys) -> None:
    asked.request(subject(B), reason="beam is on", emergency=True)
    sign(asked, keys["con"])
    with pytest.raises(ApprovalError, match="con has signed already"):
        sign(asked, keys["con"])
    assert sign(asked, keys["rev"]).state is State.WAITING


def test_emergency_signatures_do_not_count_without_an_emergency(
    asked: Approvals, keys: Keys
) -> None:
    sign(asked, keys["rev"])
    forge(asked, keys["con"], emergency=True)
    assert state(asked) is State.WAITING


def test_a_subject_without_an_emergency_path(engine: Engine, store: RoleStore) -> None:
    made = Approvals(engine, store.load())
    with pytest.raises(ApprovalError, match="policy campaign has no emergency path"):
        made.request(subject(A, "campaign:c1"), reason="x", emergency=True)


@pytest.mark.parametrize(
    ("account", "what"),
    [("vic", "account vic: may not ask for approvals"), ("root2", "account root2: not on the")],
)
def test_who_may_not_ask(asked: Approvals, account: str, what: str) -> None:
    with pytest.raises(ApprovalError, match=what):
        asked.request(subject(B), reason="x", account=account)


def test_dunepro_submits_and_has_no_key(engine: Engine, store: RoleStore, keys: Keys) -> None:
    made = Approvals(engine, store.load())
    asked = made.request(subject(A, "campaign:c1"), reason="go", account="dunepro")
    assert asked.request.by == "dunepro"
    with reading(engine) as connection:
        assert next(events.read(connection, kind="approval.request")).actor == "dunepro"
    done = made.decide("campaign:c1", APPROVE, keys["max"])
    assert done.state is State.APPROVED
    with pytest.raises(TrustError, match="neither sign nor have keys"):
        enrol(store.load(), person("dunepro", [], make_key(store.folder, "d")), reason="x")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"authors": ["revv"]}, "not on the role list; did you mean 'rev'"),
        ({"policy_name": "nothing"}, "no policy 'nothing'"),
    ],
)
def test_requests_that_cannot_be(asked: Approvals, words: dict[str, Any], what: str) -> None:
    with pytest.raises(ApprovalError, match=what):
        asked.request(subject(B), reason="x", **words)


@pytest.mark.parametrize(
    ("words", "what"),
    [
        (("gtagg", "x", A), "did you mean 'gtag'"),
        (("gtag", "", A), "expected TYPE:NAME"),
        (("gtag", "x y", A), "expected TYPE:NAME"),
        (("gtag", "x", "abc"), "expected 64 hexadecimal digits"),
        (("gtag", "x", "A" * 64), "expected 64 hexadecimal digits"),
    ],
)
def test_subjects_that_cannot_be(words: tuple[str, str, str], what: str) -> None:
    with pytest.raises(ApprovalError, match=what):
        Subject(*words)


def test_an_unknown_subject_is_said(asked: Approvals) -> None:
    with pytest.raises(ApprovalError, match=r"did you mean 'gtag:mx2-run1-v1'"):
        asked.status("gtag:mx2-run1-v2")


def test_dry_runs_change_nothing(asked: Approvals, keys: Keys) -> None:
    before = log(asked)
    would = asked.request(subject(B), reason="x", dry_run=True)
    assert would.request.subject.digest == B
    would = asked.decide(GTAG, APPROVE, keys["rev"], dry_run=True)
    assert would.signatures[0].counts
    assert log(asked) == before


def test_a_stricter_policy_asks_anew(asked: Approvals, keys: Keys, store: RoleStore) -> None:
    sign(asked, keys["rev"])
    sign(asked, keys["con"])
    strict = Policy(places=(("reviewer",), ("convener",), ("manager",)))
    store.propose(set_policy(store.load(), "gtag", strict, reason="x"), keys["rita"])
    after = Approvals(asked.engine, store.load())
    assert after.status(GTAG).missing[0].startswith("the policy has become stricter")
    again = after.request(subject(A), reason="under the new policy")
    assert {s.why_not for s in again.signatures} == {"signed under another policy"}
    for name in ("rev", "con", "max"):
        again = sign(after, keys[name])
    assert again.state is State.APPROVED


def test_a_looser_policy_changes_nothing(asked: Approvals, keys: Keys, store: RoleStore) -> None:
    sign(asked, keys["rev"])
    loose = Policy(places=(("reviewer",),))
    store.propose(set_policy(store.load(), "gtag", loose, reason="x"), keys["rita"])
    assert state(Approvals(asked.engine, store.load())) is State.WAITING


def test_a_tampered_log_approves_nothing(asked: Approvals, keys: Keys) -> None:
    """A rejection that somebody took out of the database, with all that follows it."""
    sign(asked, keys["rev"])
    sign(asked, keys["con"])
    against = sign(asked, keys["max"], "reject", reason="no").signatures[-1].seq
    without_guards(asked.engine, f"DELETE FROM journal_event WHERE seq = {against}")
    assert state(asked) is State.APPROVED
    with pytest.raises(ChainError, match="the last event is 4, but the head says 5"):
        asked.require(subject(A))


def test_the_newest_list_is_remembered(asked: Approvals, keys: Keys, store: RoleStore) -> None:
    def seen() -> tuple[int, str] | None:
        with reading(asked.engine) as connection:
            return newest_list_seen(connection)

    first = store.load()
    assert seen() == (1, first.digest)
    store.propose(enrol(first, person("neo", ["viewer"]), reason="x"), keys["rita"])
    sign(Approvals(asked.engine, store.load()), keys["rev"])
    assert seen() == (2, store.load().digest)
    sign(Approvals(asked.engine, first), keys["con"])
    assert seen() == (2, store.load().digest)


def test_all_approvals_are_listed(asked: Approvals, keys: Keys) -> None:
    asked.request(subject(A, "campaign:c1"), reason="x")
    asked.request(subject(B), reason="changed")
    found = [(a.request.subject.object, a.request.subject.digest) for a in asked.all()]
    assert found == [(GTAG, B), ("campaign:c1", A)]


def test_the_document_is_plain(asked: Approvals, keys: Keys) -> None:
    document = sign(asked, keys["rev"]).as_dict()
    assert json.loads(json.dumps(document)) == document
    assert document["state"] == "waiting"
    assert document["signatures"][0]["counts"] is True


def test_a_statement_comes_back(keys: Keys, store: RoleStore) -> None:
    roles: RoleList = store.load()
    predicate = Predicate(
        decision="approve", role="convener", person="con", signed_at=roles.issued,
        expires_at=NO_END, policy="e" * 64, roles=roles.digest,
    )  # fmt: skip
    signed = read_statement(sign_statement(subject(A), predicate, keys["con"]), roles, Predicate)
    assert (signed.subject, signed.predicate) == (subject(A), predicate)
    assert signed.public == keys["con"].public


def test_a_statement_of_another_kind_is_refused(keys: Keys, store: RoleStore) -> None:
    from mx2prod.journal.envelopes import envelope_of, text_of
    from mx2prod.journal.envelopes import sign as add
    from mx2prod.journal.statements import PAYLOAD_TYPE

    about = [{"name": GTAG, "digest": {"sha256": A}}]
    frame = {"_type": "https://in-toto.io/Statement/v1", "subject": about}
    frame["predicateType"] = Predicate.predicate_type
    for statement, what in [
        ({**frame, "predicate": {"decision": "maybe"}}, "decision: "),
        ({**frame, "predicateType": "x", "predicate": {"a": "b"}}, "predicate type 'x'"),
        ({**frame, "subject": [], "predicate": {"a": "b"}}, "not an in-toto statement"),
        ({**frame, "_type": "other", "predicate": {"a": "b"}}, "not an in-toto statement"),
        ({"unknown": 1}, "not an in-toto statement"),
        ([], "not an in-toto statement"),
    ]:
        envelope = envelope_of(json.dumps(statement).encode(), PAYLOAD_TYPE)
        add(envelope, keys["con"])
        with pytest.raises(TrustError, match=what):
            read_statement(text_of(envelope), store.load(), Predicate)


def test_the_role_is_the_one_that_is_missing(asked: Approvals, keys: Keys) -> None:
    sign(asked, keys["con"])
    assert sign(asked, keys["cora"]).signatures[-1].role == "reviewer"
    assert deciding.SIGNING_ROLES == ("reviewer", "convener", "manager")
