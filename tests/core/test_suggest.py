from __future__ import annotations

import pytest

from mx2prod.core.suggest import nearest


@pytest.mark.parametrize(
    ("word", "expected"),
    [("inof", "; did you mean 'info'?"), ("info", "; did you mean 'info'?"), ("xyzzy", "")],
)
def test_nearest(word: str, expected: str) -> None:
    assert nearest(word, ["dump", "info", "verify"]) == expected


def test_nothing_is_near_in_an_empty_list() -> None:
    assert nearest("info", []) == ""
