"""The life of a global tag, on both back ends."""

from __future__ import annotations

import pytest

from mx2prod.conditions import (
    Interval,
    RunList,
    State,
    Use,
    aliases,
    check,
    choose,
    create_tag,
    drop_choice,
    freeze,
    group,
    move_alias,
    position,
    put,
    request_approval,
    resolve_alias,
    set_run_list,
    supersede,
    verify_store,
    waive,
    withdraw,
)
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.manifest import manifest_of
from mx2prod.core.errors import (
    ApprovalError,
    HashMismatch,
    NoConditionsError,
    OverlapError,
    PolicyError,
    StateError,
    UsageError,
)
from mx2prod.journal import Approvals, Decision, Subject
from tests.conditions.making import ORIGIN, PEDESTALS, World, digest_now, pedestals


def test_a_table_goes_to_production_after_two_signatures(world: World) -> None:
    digest = world.frozen("run1-v1", 430.0, 431.0)
    with pytest.raises(ApprovalError):
        world.promote("run1-v1")
    world.sign("run1-v1", "rev")
    with pytest.raises(ApprovalError, match="convener"):
        world.promote("run1-v1")
    world.sign("run1-v1", "con")
    tried = world.promote("run1-v1", dry_run=True)
    assert tried.changed
    done = world.promote("run1-v1")
    assert (done.changed, done.payloads, done.copied, done.digest) == (True, 2, 2, digest)
    again = world.promote("run1-v1")
    assert (again.changed, again.digest) == (False, digest)
    with world.production.view(f"run1-v1@{digest[:16]}") as view:
        assert view.state is State.PUBLISHED
        found = view.get(PEDESTALS, run=1702, subrun=1)
        assert found.table["hg_mean"][0] == 431.0
        assert found.since == position(1702, 1)
        with pytest.raises(NoConditionsError, match=r"1701/9: no interval .* after it: \[1702/0"):
            view.get(PEDESTALS, run=1701, subrun=9)
    (verified,) = verify_store(world.production)
    assert (verified.problems, verified.signed_by) == ((), ("con", "rev"))


def test_one_refused_signature_keeps_it_out_of_production(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    world.sign("run1-v1", "rev", "con")
    world.sign("run1-v1", "cora", word="reject", reason="wrong HV")
    with pytest.raises(ApprovalError, match="wrong HV"):
        world.promote("run1-v1")
    with pytest.raises(UsageError, match="no global tag"):
        world.production.view("run1-v1")


def test_who_made_it_may_not_sign(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    with pytest.raises(ApprovalError, match="author"):
        world.sign("run1-v1", "cal")
    assert verify_store(world.development)[0].state is State.VALIDATED


def test_a_request_made_by_hand_does_not_let_the_maker_sign(world: World) -> None:
    """A request can leave the authors out; the promotion looks into the log."""
    digest = world.frozen("run1-v1", 430.0, ask=False)
    approvals = Approvals(world.development.engine, world.roles.load())
    asked = approvals.request(Subject("gtag", "run1-v1", digest), reason="x", account="dunepro")
    assert asked.request.authors == ("dunepro",)
    world.sign("run1-v1", "cal", "con")
    assert approvals.status("gtag:run1-v1").state.value == "approved"
    with pytest.raises(PolicyError, match="signed by cal, who made it"):
        world.promote("run1-v1")


def test_a_request_under_a_weak_policy_is_not_enough(world: World) -> None:
    digest = world.frozen("run1-v1", 430.0, ask=False)
    approvals = Approvals(world.development.engine, world.roles.load())
    subject = Subject("gtag", "run1-v1", digest)
    approvals.request(subject, reason="x", account="dunepro", policy_name="campaign")
    world.sign("run1-v1", "con")
    with pytest.raises(PolicyError, match="asks for less"):
        world.promote("run1-v1")


def test_states_go_one_way(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    development = world.development
    with pytest.raises(StateError, match="VALIDATED"):
        put(development, PEDESTALS, pedestals(9.0), tag="run1-v1", since=position(9), reason="x")
    with pytest.raises(StateError, match="VALIDATED"):
        group(development, "run1-v1", {}, reason="x")
    with pytest.raises(StateError, match="VALIDATED"):
        freeze(development, "run1-v1", reason="x")
    with pytest.raises(StateError, match="promotion"):
        create_tag(world.production, PEDESTALS, "v1", reason="x")


def test_a_child_tag_corrects_its_parent(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    development = world.development
    create_tag(development, PEDESTALS, "child", reason="fix", parent="run1-v1")
    later = position(1702, 5)
    made = put(development, PEDESTALS, pedestals(432.0), tag="child", since=later, reason="fix")
    assert made.interval == Interval(later, position(1796))
    group(development, "run1-v2", {PEDESTALS: "child"}, reason="fix", parent="run1-v1")
    new = digest_now(development, "run1-v2")
    with development.view(f"run1-v2@{new}", use=Use.TEST) as view:
        assert view.get(PEDESTALS, 1702, 0).table["hg_mean"][0] == 430.0
        assert view.get(PEDESTALS, 1702, 5).table["hg_mean"][0] == 432.0
    with development.reading() as connection:
        old = manifest_of(connection, find_gtag(connection, "run1-v1"))
    assert [iov.interval for iov in old.folders[0].iovs] == [
        Interval(position(1702), position(1796))
    ]


def test_development_is_read_with_digest_and_use_only(world: World) -> None:
    digest = world.frozen("run1-v1", 430.0)
    with pytest.raises(StateError, match="PUBLISHED"):
        world.development.view(f"run1-v1@{digest}")
    with pytest.raises(PolicyError, match="@DIGEST"):
        world.development.view("run1-v1", use=Use.TEST)
    with pytest.raises(PolicyError, match="asked for"):
        world.development.view("run1-v1@" + "0" * 16, use=Use.TEST)
    with pytest.raises(UsageError, match="digits"):
        world.development.view("run1-v1@abc", use=Use.TEST)
    with world.development.view(f"run1-v1@{digest}", use=Use.CALIBRATION) as view:
        assert view.resolve(PEDESTALS, 1702).content_sha256


def test_a_view_of_an_open_tag_is_pinned_to_its_rows(world: World) -> None:
    development = world.development
    create_tag(development, PEDESTALS, "t", reason="x")
    put(development, PEDESTALS, pedestals(1.0), tag="t", since=position(5), reason="x")
    group(development, "g", {PEDESTALS: "t"}, reason="x")
    before = digest_now(development, "g")
    view = development.view(f"g@{before}", use=Use.TEST)
    put(development, PEDESTALS, pedestals(2.0), tag="t", since=position(7), reason="x")
    assert view.get(PEDESTALS, 8).table["hg_mean"][0] == 1.0
    with pytest.raises(PolicyError, match="asked for"):
        development.view(f"g@{before}", use=Use.TEST)


def test_the_alias_moves_by_compare_and_swap(world: World) -> None:
    for name, mean in (("run1-v1", 430.0), ("run1-v2", 431.0)):
        world.frozen(name, mean)
        world.sign(name, "rev", "con")
        world.promote(name)
    production = world.production
    alias = "mx2/run1/current"
    move_alias(production, alias, "run1-v1", expected=None, reason="first")
    with pytest.raises(StateError, match="somebody has moved it"):
        move_alias(production, alias, "run1-v2", expected=None, reason="late")
    move_alias(production, alias, "run1-v2", expected="run1-v1", reason="new")
    assert resolve_alias(production, alias).startswith("run1-v2@")
    move_alias(production, alias, "run1-v1", expected="run1-v2", reason="roll back")
    assert [(a.name, a.gtag) for a in aliases(production)] == [(alias, "run1-v1")]
    with pytest.raises(UsageError, match="alias, which can move"):
        production.view(alias)
    with pytest.raises(StateError, match="VALIDATED"):
        world.frozen("run1-v3", 432.0)
        move_alias(world.development, alias, "run1-v3", expected=None, reason="x")


def test_superseded_is_read_and_withdrawn_is_not(world: World) -> None:
    for name, mean in (("run1-v1", 430.0), ("run1-v2", 431.0)):
        world.frozen(name, mean)
        world.sign(name, "rev", "con")
        world.promote(name)
    production, roles = world.production, world.roles.load()
    supersede(production, "run1-v1", successor="run1-v2", reason="better")
    with production.view("run1-v1") as view:
        assert view.state is State.SUPERSEDED
    with pytest.raises(PolicyError, match="0 of 2 conveners"):
        withdraw(production, roles, "run1-v1", reason="wrong plex")
    approvals = Approvals(production.engine, roles)
    for person in ("con", "cora"):
        with pytest.raises(PolicyError):
            withdraw(production, roles, "run1-v1", reason="wrong plex")
        decision = Decision("approve", role="convener")
        approvals.decide("gtag:run1-v1/withdrawal", decision, world.keys[person])
    assert withdraw(production, roles, "run1-v1", reason="wrong plex").state is State.INVALID
    with pytest.raises(StateError, match="withdrawn"):
        production.view("run1-v1")
    with production.view("run1-v1", allow_invalid=True) as view:
        assert view.state is State.INVALID
    assert [found.problems for found in verify_store(production)] == [(), ()]


def test_an_emergency_is_provisional_and_says_so(world: World) -> None:
    world.frozen("run1-v1", 430.0)
    request_approval(
        world.development, world.roles.load(), "run1-v1", reason="night", emergency=True
    )
    world.sign("run1-v1", "con", "cora")
    assert world.promote("run1-v1").provisional
    with world.production.view("run1-v1") as view:
        assert view.provisional
    assert verify_store(world.production)[0].problems == ()


def test_taking_a_choice_back_changes_the_digest_and_voids_signatures(world: World) -> None:
    development = world.development
    create_tag(development, PEDESTALS, "t", reason="x")
    put(
        development, PEDESTALS, pedestals(), tag="t", since=position(1702, 5), reason="x",
        provenance=ORIGIN,
    )  # fmt: skip
    group(development, "g", {PEDESTALS: "t"}, reason="x")
    set_run_list(development, "g", RunList.of([position(1702, 1), position(1702, 6)]))
    made = choose(development, "g", PEDESTALS, position(1702, 1), "extend", reason="same HV")
    assert made.interval == Interval(position(1702, 1), position(1702, 5))
    chosen = digest_now(development, "g")
    with development.view(f"g@{chosen}", use=Use.TEST) as view:
        assert view.resolve(PEDESTALS, 1702, 1).choice == "extend"
    drop_choice(development, "g", PEDESTALS, position(1702, 1), reason="no")
    assert digest_now(development, "g") != chosen
    choose(development, "g", PEDESTALS, position(1702, 1), "extend", reason="same HV")
    assert digest_now(development, "g") == chosen
    check(development, "g")
    waive(development, "g", "complete", person="cal", reason="one board")
    assert freeze(development, "g", reason="x").state is State.VALIDATED


def test_rows_changed_behind_the_store_are_noticed(world: World) -> None:
    """The owner of a database can drop its guards; the digest shows it."""
    digest = world.frozen("run1-v1", 430.0, 431.0)
    world.sign("run1-v1", "rev", "con")
    world.promote("run1-v1")
    drop = {
        "sqlite": "DROP TRIGGER conditions_iov_fixed",
        "postgresql": "DROP TRIGGER conditions_iov_fixed ON conditions_iov",
    }
    with world.production.writing() as connection:
        connection.exec_driver_sql(drop[connection.dialect.name])
        connection.exec_driver_sql(
            f"UPDATE conditions_iov SET until = until - 1 WHERE since = {position(1702, 1)}"
        )
    with pytest.raises(HashMismatch, match="changed behind the store"):
        world.production.view(f"run1-v1@{digest}")
    assert "changed behind" in verify_store(world.production)[0].problems[0]


def test_other_content_for_the_same_begin_is_refused(world: World) -> None:
    development = world.development
    create_tag(development, PEDESTALS, "t", reason="x")
    since = position(1702, 5)
    first = put(development, PEDESTALS, pedestals(1.0), tag="t", since=since, reason="x")
    again = put(development, PEDESTALS, pedestals(1.0), tag="t", since=since, reason="x")
    assert (first.changed, again.changed) == (True, False)
    with pytest.raises(OverlapError, match="other content for the same begin"):
        put(development, PEDESTALS, pedestals(2.0), tag="t", since=since, reason="x")
