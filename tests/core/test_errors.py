from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from mx2prod.core import errors
from mx2prod.core.errors import ConflictError, InvalidRecordError, Mx2Error, RawFileError

TREE = {
    name: kind
    for name, kind in vars(errors).items()
    if inspect.isclass(kind) and issubclass(kind, Mx2Error)
}
DRAWN = re.compile(
    r"^ {4}(?P<stem>[|+\- ]*)(?P<name>\w+Error|HashMismatch)\s+(?P<code>\d)?", re.MULTILINE
)


def test_drawing_shows_the_real_tree() -> None:
    """Every class is drawn once, at the depth of its place, with the code of its branch."""
    drawn = {m["name"]: m for m in DRAWN.finditer(errors.__doc__ or "")}
    assert set(drawn) == set(TREE)
    for name, match in drawn.items():
        depth = len(TREE[name].__mro__) - len(Mx2Error.__mro__)
        assert len(match["stem"]) == 4 * depth, name
        if match["code"]:
            assert TREE[name].exit_code == int(match["code"]), name


def test_exit_codes_are_those_of_the_interface_page() -> None:
    assert {kind.exit_code for kind in TREE.values()} == {1, 2, 3}


FACTS: dict[type[Mx2Error], tuple[Any, ...]] = {
    ConflictError: (("neardet-2x2-minerva:a",),),
    InvalidRecordError: (((0, "size", "is negative", -5),),),
}
"""What an error takes besides its message."""


@pytest.mark.parametrize("kind", [k for k in TREE.values() if k is not RawFileError])
def test_an_error_keeps_its_message_and_next_step(kind: type[Mx2Error]) -> None:
    facts = FACTS.get(kind, ())
    error = kind("what and where", *facts, next_step="mx2 doctor")
    assert (str(error), error.message, error.next_step) == (
        "what and where",
        "what and where",
        "mx2 doctor",
    )
    assert kind("without", *facts).next_step == ""


def test_raw_file_error_carries_rule_and_place() -> None:
    error = RawFileError("cut", kind="truncated", offset=17, next_step="mx2 raw salvage f -o g")
    assert (error.kind, error.offset, error.exit_code) == ("truncated", 17, 2)
