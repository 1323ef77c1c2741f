"""Patterns and globs."""

from __future__ import annotations

import time

import pytest

from mx2prod.catalog.mql.patterns import compile_glob, compile_pattern
from mx2prod.core.errors import QueryError


@pytest.mark.parametrize(
    ("pattern", "text", "wanted"),
    [
        ("^TS1_0005001[78]", "TS1_00050017_0001", True),
        ("b", "abc", True),
        (r"\d\w\s", "5é ", True),
        (r"[\d]", "\u0663", True),
        (r"\D\W\S", "a-b", True),
        ("a$", "a\n", False),
        ("(?i)É", "é", True),
        ("(?:ab)+c", "xababc", True),
        ("a{2,3}", "aa", True),
        ("[[&&~~||]", "&", True),
        ("[]]", "]", True),
        ("[^]a]", "a", False),
        (r"[\]]", "]", True),
        (r"go\.od", "goxod", False),
        ("a.c", "a\nc", False),
        ("", "x", True),
        ("x", "\ud800x", True),
    ],
)
def test_pattern(pattern: str, text: str, wanted: bool) -> None:
    assert compile_pattern(pattern).found(text) is wanted


@pytest.mark.parametrize(
    ("pattern", "character"),
    [("(", 1), ("a**", 3), ("a++", 2), (r"x\b", 2), (r"\1", 1), ("(?=a)", 1), ("[[:alpha:]]", 1),
     ("[a--b]", 1), ("[z-a]", 2), ("\\", 1), ("*", 1), ("a)", 2), ("a(?i)", 2), ("(?i)(", 5),
     (r"[\W]", 2), (r"[\b]", 2), ("a{1001}", 1), ("\ud800", 1), ("[a", 1)],
)  # fmt: skip
def test_invalid_pattern_names_the_character(pattern: str, character: int) -> None:
    with pytest.raises(QueryError, match=f"character {character}:"):
        compile_pattern(pattern)


def test_a_pattern_cannot_take_for_ever() -> None:
    started = time.perf_counter()
    assert not compile_pattern("(a+)+$").found("a" * 5000 + "!")
    assert time.perf_counter() - started < 5.0  # with backtracking: longer than anybody waits


@pytest.mark.parametrize(
    ("glob", "name", "wanted"),
    [("s*", "sup", True), ("%ec%", "reco", True), ("?st", "dst", True), ("_st", "dst", True),
     ("st", "dst", False), ("*", "", True), ("a.b", "axb", False), ("[a]", "a", False)],
)  # fmt: skip
def test_glob(glob: str, name: str, wanted: bool) -> None:
    assert (compile_glob(glob).fullmatch(name) is not None) is wanted
