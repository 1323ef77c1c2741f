"""Random lives of tags: whatever is tried, the invariants hold (issue 4)."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from mx2prod.conditions import (
    RunList,
    State,
    add_stop,
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
    set_run_list,
    verify_store,
    waive,
)
from mx2prod.conditions.gtags import all_gtags
from mx2prod.conditions.intervals import Stop, gaps, iovs
from mx2prod.conditions.manifest import manifest_of
from mx2prod.conditions.tags import all_tags
from mx2prod.core.errors import Mx2Error
from tests.conditions.making import ORIGIN, PEDESTALS, World, make_world, pedestals
from tests.examples import share

pytestmark = pytest.mark.stores

TAGS = ("a", "b")
GTAGS = ("g", "h")
PERSONS = ("rev", "con", "cora", "cal", "vic")
places = st.integers(0, 5).map(lambda number: position(1700 + number))
RUNS = RunList.of(position(1700 + number) for number in range(6))


class Life(RuleBasedStateMachine):
    """Puts, choices, checks, freezes, signatures, promotions and aliases in any order."""

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        root = Path(self.folder.name)
        urls = (f"sqlite:///{root}/dev.db", f"sqlite:///{root}/prod.db")
        self.world: World = make_world(root, urls)
        self.digests: dict[tuple[str, str], str] = {}
        self.approved: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        if hasattr(self, "world"):
            self.world.close()
            self.folder.cleanup()

    def attempt(self, action, *words, **options) -> bool:
        """Try something that may be refused by an error of ours, never by another one."""
        try:
            action(*words, **options)
        except Mx2Error:
            return False
        return True

    @rule(tag=st.sampled_from(TAGS), parent=st.none() | st.sampled_from(TAGS))
    def make_tag(self, tag: str, parent: str | None) -> None:
        self.attempt(create_tag, self.world.development, PEDESTALS, tag, reason="x", parent=parent)

    @rule(
        tag=st.sampled_from(TAGS), since=places, until=st.none() | places,
        mean=st.sampled_from([1.0, 2.0, 3.0]),
    )  # fmt: skip
    def put_table(self, tag: str, since: int, until: int | None, mean: float) -> None:
        self.attempt(
            put, self.world.development, PEDESTALS, pedestals(mean, 2), tag=tag, since=since,
            until=until, reason="x", provenance=ORIGIN,
        )  # fmt: skip

    @rule(place=places)
    def swap(self, place: int) -> None:
        self.attempt(add_stop, self.world.development, Stop(place, "", "swap", "x"))

    @rule(gtag=st.sampled_from(GTAGS), tag=st.sampled_from(TAGS))
    def make_group(self, gtag: str, tag: str) -> None:
        if self.attempt(group, self.world.development, gtag, {PEDESTALS: tag}, reason="x"):
            self.attempt(set_run_list, self.world.development, gtag, RUNS)

    @rule(
        gtag=st.sampled_from(GTAGS), place=places,
        choice=st.sampled_from(["extend", "nominal", "exclude"]),
    )  # fmt: skip
    def decide_gap(self, gtag: str, place: int, choice: str) -> None:
        self.attempt(choose, self.world.development, gtag, PEDESTALS, place, choice, reason="x")

    @rule(gtag=st.sampled_from(GTAGS), place=places)
    def take_back(self, gtag: str, place: int) -> None:
        self.attempt(drop_choice, self.world.development, gtag, PEDESTALS, place, reason="x")

    @rule(gtag=st.sampled_from(GTAGS))
    def check_and_freeze(self, gtag: str) -> None:
        development = self.world.development
        if self.attempt(check, development, gtag):
            for name in ("complete", "stops", "change"):
                self.attempt(waive, development, gtag, name, person="cal", reason="small")
        if self.attempt(freeze, development, gtag, reason="x"):
            self.attempt(request_approval, development, self.world.roles.load(), gtag, reason="x")

    @rule(
        gtag=st.sampled_from(GTAGS), person=st.sampled_from(PERSONS),
        word=st.sampled_from(["approve", "approve", "approve", "reject"]),
    )  # fmt: skip
    def sign(self, gtag: str, person: str, word: str) -> None:
        self.attempt(self.world.sign, gtag, person, word=word, reason="because")

    @rule(gtag=st.sampled_from(GTAGS))
    def promote(self, gtag: str) -> None:
        with self.world.development.reading() as connection:
            states = {found.name: found for found in all_gtags(connection)}
        if self.attempt(self.world.promote, gtag):
            assert states[gtag].state in {State.VALIDATED, State.APPROVED}
            self.approved.add((gtag, states[gtag].digest))

    @rule(gtag=st.sampled_from(GTAGS))
    def alias(self, gtag: str) -> None:
        moved = self.attempt(
            move_alias, self.world.production, "current", gtag, expected=None, reason="x"
        )
        if moved:
            assert any(name == gtag for name, _ in self.approved)

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def nothing_overlaps(self) -> None:
        for store in (self.world.development, self.world.production):
            with store.reading() as connection:
                for tag in all_tags(connection):
                    rows = [r.interval for r in iovs(connection, tag.id)]
                    rows += [r.interval for r in gaps(connection, tag.id)]
                    rows.sort()
                    assert all(a.until <= b.since for a, b in pairwise(rows))

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def digests_are_stable(self) -> None:
        for store in (self.world.development, self.world.production):
            with store.reading() as connection:
                for gtag in all_gtags(connection):
                    if gtag.state is State.OPEN:
                        continue
                    assert manifest_of(connection, gtag).digest == gtag.digest
                    key = (store.role, gtag.name)
                    assert self.digests.setdefault(key, gtag.digest) == gtag.digest

    @invariant()
    @precondition(lambda self: hasattr(self, "world"))
    def production_is_a_subset_of_what_was_approved(self) -> None:
        with self.world.production.reading() as connection:
            found = {(gtag.name, gtag.digest) for gtag in all_gtags(connection)}
        assert found == self.approved
        if found:
            assert all(not v.problems for v in verify_store(self.world.production))


TestLife = Life.TestCase
TestLife.settings = share(10)


def test_the_machine_can_reach_production() -> None:
    """The rules above, in the order that a person would take."""
    life = Life()
    life.start()
    life.make_tag("a", None)
    life.put_table("a", position(1700), None, 1.0)
    life.make_group("g", "a")
    life.check_and_freeze("g")
    life.sign("g", "rev", "approve")
    life.sign("g", "con", "approve")
    life.promote("g")
    life.alias("g")
    assert life.approved
    life.nothing_overlaps()
    life.digests_are_stable()
    life.production_is_a_subset_of_what_was_approved()
    life.teardown()
