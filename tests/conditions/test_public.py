"""The public names of the room."""

from __future__ import annotations

import inspect

import mx2prod.conditions as room


def test_public_names_exist_once_and_are_documented() -> None:
    assert len(room.__all__) == len(set(room.__all__))
    for name in room.__all__:
        value = getattr(room, name)
        if inspect.isclass(value) or inspect.isfunction(value):
            assert inspect.getdoc(value), name


def test_every_imported_name_is_public() -> None:
    mine = {
        name
        for name, value in vars(room).items()
        if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert mine == set(room.__all__)
