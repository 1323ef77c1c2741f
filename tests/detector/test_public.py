"""The public names of the room."""

from __future__ import annotations

import inspect

import mx2prod.detector as room


def test_public_names_exist_once_and_sorted_by_kind() -> None:
    assert len(set(room.__all__)) == len(room.__all__)
    for name in room.__all__:
        assert hasattr(room, name), name


def test_every_imported_name_is_public() -> None:
    mine = {
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert mine == set(room.__all__)


def test_public_callables_are_documented() -> None:
    for name in room.__all__:
        value = getattr(room, name)
        if callable(value) and getattr(value, "__module__", "").startswith("mx2prod"):
            assert inspect.getdoc(value), name
