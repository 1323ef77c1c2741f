from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from mx2prod.journal.policy import DEFAULT_POLICIES, SIGNING_ROLES, SUBJECT_TYPES, Policy, filled

ONE = Policy(places=(("convener", "manager"),))
STRICT_ONE = Policy(places=(("convener",),))
TWO = Policy(places=(("reviewer",), ("convener",)))
URGENT = Policy(places=TWO.places, emergency=(("convener",), ("convener",)))

places_of = st.lists(
    st.lists(st.sampled_from(SIGNING_ROLES), min_size=1, max_size=3, unique=True), max_size=3
)
persons = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.sampled_from(SIGNING_ROLES), max_size=2), max_size=4
)


def test_every_subject_has_a_policy() -> None:
    assert set(DEFAULT_POLICIES) == set(SUBJECT_TYPES)
    assert DEFAULT_POLICIES["gtag"].places == (("reviewer",), ("convener",))
    assert all(policy.valid_days == 90 for policy in DEFAULT_POLICIES.values())


@given(places=places_of, roles_of=persons)
def test_as_many_places_are_filled_as_can_be(
    places: list[list[str]], roles_of: dict[str, list[str]]
) -> None:
    """Against all ways of giving places to persons."""
    taken = filled(places, roles_of)
    assert len(set(taken.values())) == len(taken)
    for number, person in taken.items():
        assert set(places[number]) & set(roles_of[person])
    names = [*roles_of, *([None] * len(places))]
    best = max(
        sum(
            person is not None and bool(set(place) & set(roles_of[person]))
            for place, person in zip(places, order, strict=True)
        )
        for order in itertools.permutations(names, len(places))
    )
    assert len(taken) == best


@pytest.mark.parametrize(
    ("policy", "other", "stricter"),
    [
        (ONE, ONE, True),
        (STRICT_ONE, ONE, True),
        (ONE, STRICT_ONE, False),
        (TWO, ONE, True),
        (ONE, TWO, False),
        (TWO, URGENT, True),
        (URGENT, TWO, False),
        (URGENT, URGENT, True),
        (ONE.model_copy(update={"valid_days": 91}), ONE, False),
        (ONE.model_copy(update={"valid_days": 9}), ONE, True),
    ],
)
def test_which_policy_is_at_least_as_strict(policy: Policy, other: Policy, stricter: bool) -> None:
    assert policy.at_least(other) is stricter


@given(first=places_of.filter(bool), second=places_of.filter(bool), roles_of=persons)
def test_what_fills_a_stricter_policy_fills_the_other(
    first: list[list[Any]], second: list[list[Any]], roles_of: dict[str, list[str]]
) -> None:
    strict, loose = (Policy(places=tuple(map(tuple, places))) for places in (first, second))
    if strict.at_least(loose) and len(filled(strict.places, roles_of)) == len(strict.places):
        assert len(filled(loose.places, roles_of)) == len(loose.places)


@pytest.mark.parametrize(
    "words",
    [
        {"places": []},
        {"places": [[]]},
        {"places": [["calibrator"]]},
        {"places": [["root"]]},
        {"places": [["convener"]], "emergency": [["shifter"]]},
        {"places": [["convener"]], "valid_days": 0},
        {"places": [["convener"]], "persons": 2},
    ],
)
def test_policies_that_cannot_be(words: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        Policy.model_validate(words)
