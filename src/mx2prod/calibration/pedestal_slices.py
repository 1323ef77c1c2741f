"""Time slices of a subrun: how the high-gain level of each board moves within a file.

Slices are ranges of gate numbers of equal width.  A subrun that gets more than
:data:`MOST_SLICES` of them has its width doubled until they fit; the final width and content
depend on the gates only, not on the order in which parts of the subrun are joined.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.int64]

MOST_SLICES = 64
"""Slices of a subrun that are kept at most."""

SLICE_SUMS = 3
"""Per slice and board: ADC frames, sum of the high-gain totals of 64 pixels, sum of squares."""


@dataclass(frozen=True)
class SubrunSlices:
    """Time slices of one subrun.

    Attributes
    ----------
    run, subrun : int
    width : int
        Gates of a slice.
    numbers : ndarray of int64, shape (n_slices,)
        Slice k holds the gates ``k * width`` to ``(k + 1) * width - 1``; ascending.
    times_us : ndarray of int64, shape (n_slices, 2)
        Time of the first and the last gate used.
    sums : ndarray of int64, shape (n_slices, n_febs, 3)
        See :data:`SLICE_SUMS`.
    """

    run: int
    subrun: int
    width: int
    numbers: Integers
    times_us: Integers
    sums: Integers

    @property
    def identity(self) -> tuple[int, int]:
        """Run and subrun."""
        return self.run, self.subrun


def merge_slices(parts: Iterable[Sequence[SubrunSlices]]) -> tuple[SubrunSlices, ...]:
    """Join the slices of equal subruns; subruns in order."""
    by_subrun: dict[tuple[int, int], list[SubrunSlices]] = defaultdict(list)
    for part in parts:
        for slices in part:
            by_subrun[slices.identity].append(slices)
    return tuple(join_slices(by_subrun[identity]) for identity in sorted(by_subrun))


def join_slices(parts: Sequence[SubrunSlices], most: int = MOST_SLICES) -> SubrunSlices:
    """Join slices of one subrun, of any widths that are a power of two apart.

    Parameters
    ----------
    parts : sequence of SubrunSlices
        At least one.
    most : int
        Slices that are kept at most.
    """
    if len(parts) == 1 and len(parts[0].numbers) <= most:
        return parts[0]
    width = max(part.width for part in parts)
    while len(numbers := _numbers(parts, width)) > most:
        width *= 2
    limit = np.iinfo(np.int64)
    times = np.tile(np.array([limit.max, limit.min], np.int64), (len(numbers), 1))
    sums = np.zeros((len(numbers), *parts[0].sums.shape[1:]), np.int64)
    for part in parts:
        own = part.numbers * part.width // width
        starts = np.flatnonzero(np.diff(own, prepend=-1))
        rows = np.searchsorted(numbers, own[starts])
        sums[rows] += np.add.reduceat(part.sums, starts, axis=0)
        first = np.minimum.reduceat(part.times_us[:, 0], starts)
        last = np.maximum.reduceat(part.times_us[:, 1], starts)
        times[rows, 0] = np.minimum(times[rows, 0], first)
        times[rows, 1] = np.maximum(times[rows, 1], last)
    return SubrunSlices(parts[0].run, parts[0].subrun, width, numbers, times, sums)


def _numbers(parts: Sequence[SubrunSlices], width: int) -> Integers:
    return np.unique(np.concatenate([part.numbers * part.width // width for part in parts]))
