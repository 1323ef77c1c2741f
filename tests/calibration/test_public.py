"""The public names of the room."""

from __future__ import annotations

import inspect

import mx2prod.calibration as room


def kind_and_name(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def test_public_names_exist_once_and_sorted_by_kind() -> None:
    assert room.__all__ == sorted(set(room.__all__), key=kind_and_name)
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


def test_the_three_calibrations_take_the_same_arguments() -> None:
    """Files and settings by place, all else by name; what they share has the same name."""
    functions = (room.calibrate_pedestals, room.calibrate_gains, room.calibrate_feb)
    names = [inspect.signature(function).parameters for function in functions]
    for parameters in names:
        assert list(parameters)[:2] == ["files", "settings"]
        assert all(p.kind is p.KEYWORD_ONLY for p in list(parameters.values())[2:])
        assert {"detector", "checksums"} <= set(parameters)
    assert {"previous", "bad_channels", "merge"} <= set(names[0]) & set(names[1])
