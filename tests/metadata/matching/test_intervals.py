"""Pairs of overlapping intervals against a loop; uncovered and doubly covered parts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.metadata.matching.intervals import covered_twice, overlaps, uncovered

SPANS = st.lists(st.tuples(st.integers(0, 40), st.integers(-2, 15)), max_size=25)


def spans(drawn: list[tuple[int, int]]) -> list[tuple[int, int]]:
    return [(start, start + length) for start, length in drawn]


@given(SPANS, SPANS)
def test_pairs_are_those_of_a_double_loop(one: list[tuple[int, int]], two: list[tuple[int, int]]):
    a, b = spans(one), spans(two)
    wanted = [
        (i, j)
        for i, (start, end) in enumerate(a)
        for j, (begin, stop) in enumerate(b)
        if set(range(start, end)) & set(range(begin, stop))
    ]
    columns = [np.array([item[k] for item in x], dtype=np.int64) for x in (a, b) for k in (0, 1)]
    first, second = overlaps(*columns)
    assert list(zip(first.tolist(), second.tolist(), strict=True)) == wanted


@given(SPANS)
def test_parts_are_those_of_a_count_by_second(drawn: list[tuple[int, int]]):
    covers = [(start, end) for start, end in spans(drawn) if end > start]
    count = np.zeros(60, int)
    for start, end in covers:
        count[start:end] += 1
    bare = [t for start, end in uncovered((0, 60), covers) for t in range(int(start), int(end))]
    assert bare == np.flatnonzero(count == 0).tolist()
    twice = [t for start, end in covered_twice(covers) for t in range(int(start), int(end))]
    assert twice == np.flatnonzero(count > 1).tolist()


def test_nothing_with_nothing():
    first, second = overlaps([], [], [1], [2])
    assert len(first) == len(second) == 0
    assert uncovered((3, 5), []) == [(3, 5)]
    assert covered_twice([]) == []
