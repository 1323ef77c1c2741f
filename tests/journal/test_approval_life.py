"""Random lives of one approval, against a plain model of what may be approved."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from mx2prod.core.errors import ApprovalError
from mx2prod.journal import (
    Approvals,
    Decision,
    SigningKey,
    State,
    Subject,
    events,
    migrate,
    open_engine,
    reading,
)
from tests.journal.people import ROLES, make_keys, standard_store

pytestmark = pytest.mark.stores

SIGNERS = ("cal", "rev", "con", "cora", "max", "rita")
AUTHOR = "cal"
digests = st.sampled_from(["a" * 64, "b" * 64])
signers = st.sampled_from(SIGNERS)


@dataclass
class Model:
    """What was said, in order: (word, person, role, digest)."""

    digest: str = ""
    said: list[tuple[str, str, str, str]] = field(default_factory=list)

    def standing(self) -> list[str]:
        """Persons whose rejection holds."""
        found = []
        for place, (word, person, _, digest) in enumerate(self.said):
            if word != "reject":
                continue
            later = [s for s in self.said[place + 1 :] if s[3] == self.digest]
            mended = any(s[0] != "reject" and s[1] == person and s[3] != digest for s in later)
            over = {s[1] for s in later if s[0] == "override" and s[2] == "convener"}
            if not mended and len(over) < 2:
                found.append(person)
        return found

    def state(self) -> State:
        """Two persons, one reviewer and one convener, none the author, nobody against."""
        if self.standing():
            return State.REJECTED
        yes = {(s[1], s[2]) for s in self.said if s[0] != "reject" and s[3] == self.digest}
        pairs = itertools.permutations(yes, 2)
        enough = any(a[0] != b[0] and (a[1], b[1]) == ("reviewer", "convener") for a, b in pairs)
        return State.APPROVED if enough else State.WAITING


class Life(RuleBasedStateMachine):
    """Requests, signatures and rejections in any order."""

    approvals: ClassVar[Approvals]
    keys: ClassVar[dict[str, SigningKey]]
    names: ClassVar[Any] = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.object = f"gtag:g{next(self.names)}"
        self.model = Model()

    @initialize(digest=digests)
    def first(self, digest: str) -> None:
        self.ask(digest)

    @rule(digest=digests)
    def ask(self, digest: str) -> None:
        self.approvals.request(Subject(*self.object.split(":"), digest), reason="x")
        self.model.digest = digest

    @rule(person=signers, word=st.sampled_from(["approve", "reject", "override"]))
    def decide(self, person: str, word: str) -> None:
        model, before = self.model, self.count()
        try:
            after = self.approvals.decide(
                self.object, Decision(word, reason="why"), self.keys[person]
            )
        except ApprovalError:
            assert self.count() == before
            assert not self.must_pass(person, word)
            return
        role = after.signatures[-1].role
        assert person != "rita"
        assert word == "reject" or person != AUTHOR
        assert role in ROLES[person]
        model.said.append((word, person, role, model.digest))

    def must_pass(self, person: str, word: str) -> bool:
        """Decisions that can have no reason to be refused."""
        mine = [s for s in self.model.said if s[1] == person and s[3] == self.model.digest]
        if word == "approve":
            return person not in {AUTHOR, "rita"} and not mine
        return word == "reject" and person != "rita"

    def count(self) -> int:
        with reading(self.approvals.engine) as connection:
            return events.head(connection).seq

    @invariant()
    def the_state_is_that_of_the_model(self) -> None:
        if self.model.digest:
            found = self.approvals.status(self.object)
            assert found.state is self.model.state(), (self.model, found)


@pytest.mark.stores
def test_lives_of_approvals() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        made = open_engine(f"sqlite:///{folder}/a.db", create=True)
        migrate(made)
        Life.keys = make_keys(folder)
        Life.approvals = Approvals(made, standard_store(folder, Life.keys).load())
        Life.TestCase.settings = settings(max_examples=40, stateful_step_count=15)
        try:
            Life.TestCase().runTest()
            with reading(made) as connection:
                assert events.verify(connection).problems == ()
        finally:
            made.dispose()
