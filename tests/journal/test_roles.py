from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import OutputError, TrustError
from mx2prod.core.time import now
from mx2prod.journal import Policy, RoleList, RoleStore, SigningKey
from mx2prod.journal.envelopes import envelope_of, sign, text_of
from mx2prod.journal.events import utc_text
from mx2prod.journal.role_changes import enrol, new_person, revoke, rotate, set_policy
from mx2prod.journal.role_list import NO_END
from mx2prod.journal.roles import PAYLOAD_TYPE
from tests.journal.people import make_key, person

Keys = dict[str, SigningKey]


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    return {name: make_key(tmp_path, name) for name in ("rita", "ron", "eve", "rev", "new")}


@pytest.fixture
def store(tmp_path: Path, keys: Keys) -> RoleStore:
    """Two persons of role root, both of whom must sign."""
    made = RoleStore(tmp_path / "roles")
    first = enrol(None, person("rita", ["root"], keys["rita"]), reason="start")
    made.propose(first, keys["rita"])
    both = enrol(made.load(), person("ron", ["root"], keys["ron"]), reason="second", threshold=2)
    made.propose(both, keys["rita"])
    made.sign_proposal(keys["ron"])
    return made


def written(store: RoleStore, roles: RoleList, *keys: SigningKey) -> None:
    """Write a list past all checks, as somebody who owns the folder can."""
    envelope = envelope_of(roles.payload(), PAYLOAD_TYPE)
    for key in keys:
        sign(envelope, key)
    store.path(roles.version).write_text(text_of(envelope))


def with_eve(store: RoleStore, keys: Keys) -> RoleList:
    return enrol(store.load(), person("eve", ["convener"], keys["eve"]), reason="me too")


def test_lists_follow_each_other(store: RoleStore) -> None:
    first, second = store.history()
    assert (first.version, second.version) == (1, 2)
    assert (first.previous, second.previous) == ("", first.digest)
    assert second.threshold == 2
    assert store.load() == second


def test_no_list_says_how_to_make_one(tmp_path: Path) -> None:
    store = RoleStore(tmp_path / "roles")
    assert store.history() == []
    assert store.proposal() is None
    with pytest.raises(TrustError, match="no role list") as caught:
        store.load()
    assert caught.value.next_step.startswith("mx2 keys new")


def test_a_list_waits_until_enough_persons_have_signed(store: RoleStore, keys: Keys) -> None:
    proposal = store.propose(with_eve(store, keys), keys["rita"])
    assert proposal.missing == 1
    assert store.load().version == 2
    waiting = store.proposal()
    assert waiting is not None
    assert waiting.roles.find("eve") is not None
    again = store.sign_proposal(keys["rita"])
    assert again.missing == 1, "the same key twice is one signature"
    assert store.sign_proposal(keys["ron"], dry_run=True).missing == 0
    assert store.load().version == 2
    assert store.sign_proposal(keys["ron"]).missing == 0
    assert store.load().find("eve") is not None
    assert store.proposal() is None
    with pytest.raises(TrustError, match="no list waits"):
        store.sign_proposal(keys["ron"])


def test_a_second_proposal_waits_for_the_first(store: RoleStore, keys: Keys) -> None:
    store.propose(with_eve(store, keys), keys["rita"])
    with pytest.raises(TrustError, match="waits for signatures"):
        store.propose(with_eve(store, keys), keys["ron"])
    store.discard_proposal()
    assert store.propose(with_eve(store, keys), keys["ron"]).missing == 1


def test_nobody_enrols_himself(store: RoleStore, keys: Keys) -> None:
    with pytest.raises(TrustError, match="nobody enrols himself"):
        store.propose(with_eve(store, keys), keys["eve"])
    assert store.proposal() is None
    as_root = enrol(store.load(), person("eve", ["root"], keys["eve"]), reason="me too")
    store.propose(as_root, keys["eve"])
    assert store.proposal() is not None, "root of the new list only: it lacks the others"
    assert store.load().version == 2
    store.discard_proposal()
    for signing in ([keys["eve"]], [keys["rita"], keys["eve"]], []):
        written(store, as_root, *signing)
        with pytest.raises(TrustError, match="signatures of persons of role root are missing"):
            store.load()


def test_two_keys_of_one_person_are_one_signature(tmp_path: Path, keys: Keys) -> None:
    store = RoleStore(tmp_path / "other")
    rita = person("rita", ["root"], keys["rita"], keys["new"])
    ron = person("ron", ["root"], keys["ron"])
    first = enrol(None, rita, reason="start")
    both = enrol(first, ron, reason="start", threshold=2)
    both = both.model_copy(update={"version": 1, "previous": ""})
    assert store.propose(both, keys["rita"]).missing == 1
    assert store.sign_proposal(keys["new"]).missing == 1
    assert store.sign_proposal(keys["ron"]).missing == 0


def test_one_key_never_stands_twice_on_a_list(store: RoleStore, keys: Keys) -> None:
    """Neither under a second person nor a second time under the same one."""
    for name in ("eve", "rita"):
        with pytest.raises(TrustError, match=r"key [0-9a-f]{64} stands twice"):
            enrol(store.load(), person(name, ["reviewer"], keys["rita"]), reason="twice")
    one = enrol(store.load(), person("a", ["viewer"], accounts=["shared"]), reason="one")
    with pytest.raises(TrustError, match="account shared stands twice"):
        enrol(one, person("b", ["viewer"], accounts=["shared"]), reason="two")


def test_a_pinned_list_must_be_there(store: RoleStore, keys: Keys) -> None:
    first, second = store.history()
    for digest in (first.digest, second.digest):
        assert RoleStore(store.folder, digest).load() == second
    store.path(2).unlink()
    assert RoleStore(store.folder, first.digest).load() == first
    with pytest.raises(TrustError, match=r"which trust_root of mx2\.toml pins"):
        RoleStore(store.folder, second.digest).load()
    store.path(1).unlink()
    with pytest.raises(TrustError, match="rolled back or replaced"):
        RoleStore(store.folder, first.digest).load()


def test_a_list_that_was_used_must_stay(store: RoleStore, keys: Keys) -> None:
    first, second = store.history()
    seen = (2, second.digest)
    assert RoleStore(store.folder, seen=seen).load() == second
    store.path(2).unlink()
    with pytest.raises(TrustError, match="version 2 of the list was used before"):
        RoleStore(store.folder, first.digest, seen).load()
    other = enrol(first, person("eve", ["viewer"], keys["eve"]), reason="another version 2")
    written(store, other, keys["rita"])
    assert store.load() == other, "well signed, so only what was seen shows it"
    with pytest.raises(TrustError, match="version 2 of the list was used before"):
        RoleStore(store.folder, first.digest, seen).load()


def test_lists_written_wholly_anew_are_caught_by_the_pin(
    store: RoleStore, keys: Keys, tmp_path: Path
) -> None:
    mine = RoleStore(tmp_path / "mine")
    mine.propose(enrol(None, person("eve", ["root"], keys["eve"]), reason="mine"), keys["eve"])
    assert mine.load().find("eve") is not None
    with pytest.raises(TrustError, match="trust_root"):
        RoleStore(mine.folder, store.load().digest).load()


def test_a_missing_version_in_between_is_found(store: RoleStore) -> None:
    store.path(1).unlink()
    with pytest.raises(TrustError, match="version 1 before it is missing"):
        store.load()


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (lambda d: d.update(version=4), "version 4 after"),
        (lambda d: d.update(previous="0" * 64), "expected version 3 after"),
        (lambda d: d["persons"].pop(0), "person rita of version 2 is no longer there"),
        (lambda d: d["persons"][0]["keys"][0].update(since="2020-01-01T00:00:00.000000Z"),
         "key .* of rita of version 2 is no longer there"),
        (lambda d: d["persons"][0]["grants"][0].update(since="2020-01-01T00:00:00.000000Z"),
         "role root of rita of version 2"),
    ],
)  # fmt: skip
def test_a_signed_list_must_keep_what_was(
    store: RoleStore, keys: Keys, change: Callable[[dict[str, Any]], None], what: str
) -> None:
    next_list = set_policy(store.load(), "gtag", Policy(places=(("manager",),)), reason="x")
    document = {**json.loads(next_list.payload()), "threshold": 1}
    change(document)
    made = RoleList.model_validate(document)
    envelope = envelope_of(made.payload(), PAYLOAD_TYPE)
    for name in ("rita", "ron"):
        sign(envelope, keys[name])
    store.path(3).write_text(text_of(envelope))
    with pytest.raises(TrustError, match=what):
        store.load()


def test_a_list_from_an_earlier_time_is_refused(store: RoleStore, keys: Keys) -> None:
    ron = store.load().find("ron")
    assert ron is not None
    earlier = ron.keys[0].since
    assert earlier < store.load().issued
    changed = with_eve(store, keys).model_copy(update={"issued": earlier})
    written(store, changed, keys["rita"], keys["ron"])
    with pytest.raises(TrustError, match=f"issued {earlier}, before version 2"):
        store.load()


def test_a_changed_byte_is_found(store: RoleStore) -> None:
    document = json.loads(store.path(2).read_text())
    payload = base64.b64decode(document["payload"]).replace(
        b'"reason":"second"', b'"reason":"sEcond"'
    )
    document["payload"] = base64.b64encode(payload).decode()
    store.path(2).write_text(canonical_json(document))
    with pytest.raises(TrustError, match="2 valid signatures of persons of role root are missing"):
        store.load()


def test_a_list_that_is_not_canonical_is_refused(store: RoleStore, keys: Keys) -> None:
    roles = with_eve(store, keys)
    envelope = envelope_of(roles.payload().replace(b":", b": ", 1), PAYLOAD_TYPE)
    sign(envelope, keys["rita"])
    store.path(3).write_text(text_of(envelope))
    with pytest.raises(TrustError, match="not canonical JSON"):
        store.load()
    store.path(3).write_text(text_of(envelope_of(b'{"version": 3}', PAYLOAD_TYPE)))
    with pytest.raises(TrustError, match=r"000003\.json: issued"):
        store.load()


def test_of_two_who_write_a_version_at_once_one_wins(tmp_path: Path, keys: Keys) -> None:
    store = RoleStore(tmp_path / "other")
    first = enrol(None, person("rita", ["root"], keys["rita"]), reason="start")
    store.propose(first, keys["rita"])
    changes = [enrol(first, person(name, ["viewer"]), reason=name) for name in ("ann", "ben")]
    written(store, changes[0], keys["rita"])
    with pytest.raises(TrustError, match="expected version 3"):
        store.propose(changes[1], keys["rita"])
    with pytest.raises(OutputError, match="exists already"):
        store._keep(store.path(2), envelope_of(changes[1].payload(), PAYLOAD_TYPE), complete=True)
    assert store.load() == changes[0]


def test_a_replaced_key_ends_and_what_it_signed_stays(store: RoleStore, keys: Keys) -> None:
    """Also of a person of role root, who signs with the old key and with the new one."""
    before = store.load()
    made = rotate(before, "ron", keys["new"].public, until=NO_END, reason="new laptop")
    store.propose(made, keys["ron"])
    assert store.sign_proposal(keys["rita"]).missing == 1
    assert store.sign_proposal(keys["new"]).missing == 0
    ron = store.load().find("ron")
    assert ron is not None
    old, new = ron.keys
    assert (old.public, new.public) == (keys["ron"].public, keys["new"].public)
    assert old.until == new.since
    assert old.reason == "replaced"
    assert store.load().previous == before.digest
    with pytest.raises(TrustError, match="nobody enrols himself"):
        store.propose(with_eve(store, keys), keys["ron"])


def test_a_revoked_person_signs_no_more(tmp_path: Path, keys: Keys) -> None:
    store = RoleStore(tmp_path / "other")
    first = enrol(None, person("rita", ["root"], keys["rita"]), reason="start")
    store.propose(first, keys["rita"])
    store.propose(
        enrol(first, person("ron", ["root", "manager"], keys["ron"]), reason="second"),
        keys["rita"],
    )
    store.propose(revoke(store.load(), "ron", reason="left"), keys["rita"])
    utc = utc_text(now())
    ron = store.load().find("ron")
    assert ron is not None
    assert ron.roles(utc) == frozenset()
    assert [key.holds(utc) for key in ron.keys] == [False]
    with pytest.raises(TrustError, match="nobody enrols himself"):
        store.propose(with_eve(store, keys), keys["ron"])
    with pytest.raises(TrustError, match="has no such key or role"):
        revoke(store.load(), "ron", reason="again")


def test_one_key_or_one_role_can_be_revoked(store: RoleStore, keys: Keys) -> None:
    added = enrol(
        store.load(), person("rev", ["reviewer", "manager"], keys["rev"]), reason="two roles"
    )
    utc = utc_text(now())
    without_role = revoke(added, "rev", role="manager", reason="x").find("rev")
    without_key = revoke(added, "rev", public=keys["rev"].public, reason="lost", since=utc)
    rev = without_key.find("rev")
    assert without_role is not None
    assert rev is not None
    later = utc_text(now())
    assert without_role.roles(later) == {"reviewer"}
    assert without_role.keys[0].holds(later)
    assert rev.roles(later) == {"reviewer", "manager"}
    assert (rev.keys[0].until, rev.keys[0].reason) == (utc, "lost")


def test_a_key_can_be_revoked_from_an_earlier_time(store: RoleStore) -> None:
    day = "2026-01-01T00:00:00.000000Z"
    made = enrol(store.load(), new_person("old", public_keys=["ab" * 32]), reason="x")
    old = revoke(made, "old", reason="stolen", since=day).find("old")
    assert old is not None
    assert old.keys[0].until == old.keys[0].since, "it was never valid"


def test_the_last_who_can_sign_the_list_stays(store: RoleStore) -> None:
    with pytest.raises(TrustError, match=r"1 persons hold role root .* but 2 must sign"):
        revoke(store.load(), "ron", reason="left")


def test_unknown_persons_are_said(store: RoleStore) -> None:
    with pytest.raises(TrustError, match="not on the list; did you mean 'rita'"):
        revoke(store.load(), "ritta", reason="x")


@pytest.mark.parametrize(
    ("words", "what"),
    [
        ({"person": "Rita"}, "person: String should match"),
        ({"person": "x", "roles": ["boss"]}, "role"),
        ({"person": "x", "public_keys": ["00"]}, "public"),
        ({"person": "x", "service": True, "public_keys": ["ab" * 32]}, "neither sign nor have"),
        ({"person": "x", "service": True, "roles": ["convener"]}, "neither sign nor have keys"),
        ({"person": "x", "service": True, "roles": ["root"]}, "neither sign nor have keys"),
    ],
)
def test_persons_that_cannot_be(words: dict[str, Any], what: str) -> None:
    with pytest.raises(TrustError, match=what):
        new_person(**words)


def test_enrolling_again_adds(store: RoleStore, keys: Keys) -> None:
    first = enrol(store.load(), person("rev", ["reviewer"], keys["rev"]), reason="x")
    more = new_person("rev", roles=["reviewer", "manager"], accounts=["rev"], name="R. Ev")
    rev = enrol(first, more, reason="y").find("rev")
    assert rev is not None
    assert [grant.role for grant in rev.grants] == ["reviewer", "manager"]
    assert (rev.name, rev.accounts, len(rev.keys)) == ("R. Ev", ("rev",), 1)
    assert enrol(first, more, reason="y").of_account("rev") == rev


def test_a_role_that_ended_can_be_given_again(store: RoleStore, keys: Keys) -> None:
    first = enrol(store.load(), person("rev", ["reviewer"], keys["rev"]), reason="x")
    ended = revoke(first, "rev", role="reviewer", reason="break")
    again = enrol(ended, new_person("rev", roles=["reviewer"]), reason="back").find("rev")
    assert again is not None
    assert again.roles(utc_text(now())) == {"reviewer"}
    assert len(again.grants) == 2


def test_policies_are_part_of_the_list(store: RoleStore) -> None:
    assert store.load().policy("nothing") is None
    policy = Policy(places=(("manager",), ("manager",)))
    made = set_policy(store.load(), "gtag", policy, reason="stricter")
    assert made.policy("gtag") == policy
    assert RoleList.model_validate_json(made.payload()) == made
