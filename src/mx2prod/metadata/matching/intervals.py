"""Overlaps of two sets of time intervals, by sorted search (metadata page, section 9.4).

Intervals are half-open, [start, end); an empty one overlaps nothing.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt
import portion

Indices = npt.NDArray[np.int64]


def overlaps(
    starts: npt.ArrayLike,
    ends: npt.ArrayLike,
    other_starts: npt.ArrayLike,
    other_ends: npt.ArrayLike,
) -> tuple[Indices, Indices]:
    """Find all pairs of intervals that overlap.

    Two intervals overlap if and only if one of them starts inside the other, so that two sorted
    searches find every pair, each once.

    Parameters
    ----------
    starts, ends : array_like, shape (n,)
        Of the first set; in any order, overlaps inside the set allowed.
    other_starts, other_ends : array_like, shape (m,)
        Of the second set, in the same unit.

    Returns
    -------
    first, second : ndarray of int64, shape (k,)
        Indices of each pair, sorted by the first, then by the second.
    """
    a, b = _Spans.of(starts, ends), _Spans.of(other_starts, other_ends)
    first, second = _started_inside(a, b, side="left")
    other, one = _started_inside(b, a, side="right")
    pairs = np.concatenate([first, one]), np.concatenate([second, other])
    order = np.lexsort(pairs[::-1])
    return pairs[0][order], pairs[1][order]


class _Spans:
    """Intervals that are not empty, sorted by their start."""

    def __init__(self, starts: Any, ends: Any, index: Indices) -> None:
        self.starts, self.ends, self.index = starts, ends, index

    @classmethod
    def of(cls, starts: npt.ArrayLike, ends: npt.ArrayLike) -> _Spans:
        begin, end = np.asarray(starts), np.asarray(ends)
        index = np.flatnonzero(end > begin)
        if np.any(np.diff(begin[index]) < 0):
            index = index[np.argsort(begin[index], kind="stable")]
        return cls(begin[index], end[index], index)


def _started_inside(spans: _Spans, others: _Spans, side: Any) -> tuple[Indices, Indices]:
    """Pairs (span, other) where the other starts inside the span.

    ``side`` is ``left`` to count one that starts with the span, ``right`` to leave it out.
    """
    low = np.searchsorted(others.starts, spans.starts, side=side)
    high = np.searchsorted(others.starts, spans.ends, side="left")
    counts = np.maximum(high - low, 0)
    first = np.repeat(np.arange(len(counts)), counts)
    before = np.cumsum(counts) - counts
    second = np.arange(counts.sum()) - before[first] + low[first]
    return spans.index[first], others.index[second]


Span = tuple[float, float]


def uncovered(whole: Span, covers: Iterable[Span]) -> list[Span]:
    """Parts of an interval that no other interval covers, sorted.

    Parameters
    ----------
    whole : tuple
        Start and end.
    covers : iterable of tuples
    """
    left = portion.closedopen(*whole) - _union(covers)
    return [(part.lower, part.upper) for part in left if not part.empty]


def covered_twice(covers: Iterable[Span]) -> list[Span]:
    """Parts of time that two intervals or more cover, sorted."""
    seen = twice = portion.empty()
    for start, end in sorted(covers):
        interval = portion.closedopen(start, end)
        twice |= seen & interval
        seen |= interval
    return [(part.lower, part.upper) for part in twice if not part.empty]


def _union(spans: Iterable[Span]) -> Any:
    return portion.Interval(*(portion.closedopen(start, end) for start, end in spans))
