"""Histograms in bins of 1 ADC, each row in the smallest window that holds its readings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.pedestal_kernels import add_rows, copy_ranges, occupied_ranges
from mx2prod.core.errors import UsageError

Rows = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
MOST_READINGS = int(np.iinfo(np.uint32).max)


@dataclass(frozen=True)
class Histograms:
    """Many histograms in one array.

    The first and the last bin of a row are never empty, so that equal readings give equal arrays
    whatever window they were collected in.

    Attributes
    ----------
    first : ndarray of int32, shape (n_rows,)
        ADC value of the first bin; 0 for a row without readings.
    offsets : ndarray of int64, shape (n_rows + 1,)
        Bins of a row are ``counts[offsets[row]:offsets[row + 1]]``.
    counts : ndarray of uint32, shape (n_bins,)
    """

    first: npt.NDArray[np.int32]
    offsets: npt.NDArray[np.int64]
    counts: npt.NDArray[np.uint32]

    @classmethod
    def from_dense(cls, base: npt.NDArray[np.int32], dense: npt.NDArray[np.uint32]) -> Self:
        """Cut windows of equal width to their occupied bins.

        Parameters
        ----------
        base : ndarray of int32, shape (n_rows,)
            ADC value of bin 0.
        dense : ndarray of uint32, shape (n_rows, bins)
        """
        start, width = np.zeros((2, len(dense)), np.int64)
        occupied_ranges(dense, start, width)
        offsets = offsets_of(width)
        counts = np.zeros(offsets[-1], np.uint32)
        copy_ranges(dense, start, offsets, counts)
        first = np.where(width > 0, base + start, 0).astype(np.int32)
        return cls(first, offsets, counts)

    @classmethod
    def from_bins(
        cls,
        rows: npt.NDArray[np.integer],
        bins: npt.NDArray[np.integer],
        counts: npt.NDArray[np.integer],
        n_rows: int,
    ) -> Self:
        """Put occupied bins into windows from the first to the last of each row.

        Parameters
        ----------
        rows, bins : ndarray of int, shape (n,)
            In order of row and bin, each once.
        counts : ndarray of int, shape (n,)
            Above 0.
        n_rows : int

        Raises
        ------
        ValueError
            If bins are out of order, empty, or of a row that does not exist.
        """
        rising = (np.diff(bins) > 0) | (np.diff(rows) > 0)
        if not (rising.all() and (np.diff(rows) >= 0).all() and (counts > 0).all()):
            raise ValueError("bins are out of order or empty")
        n_bins = np.bincount(rows, minlength=n_rows)
        if len(n_bins) != n_rows:
            raise ValueError(f"histograms of {len(n_bins)} rows, expected {n_rows}")
        ends = np.cumsum(n_bins)
        filled = n_bins > 0
        first, width = np.zeros((2, n_rows), np.int64)
        first[filled] = bins[(ends - n_bins)[filled]]
        width[filled] = bins[ends[filled] - 1] + 1 - first[filled]
        offsets = offsets_of(width)
        dense = np.zeros(offsets[-1], np.uint32)
        dense[(offsets[:-1] - first)[rows] + bins] = counts
        return cls(first.astype(np.int32), offsets, dense)

    def occupied(self) -> tuple[Rows, Rows, npt.NDArray[np.uint32]]:
        """Rows, ADC values and counts of the bins that are not empty."""
        places = np.flatnonzero(self.counts)
        rows = np.repeat(np.arange(len(self)), np.diff(self.offsets))[places]
        return rows, places - self.offsets[rows] + self.first[rows], self.counts[places]

    def __len__(self) -> int:
        return len(self.first)

    @property
    def last(self) -> npt.NDArray[np.int64]:
        """ADC value behind the last bin, shape (n_rows,)."""
        return self.first.astype(np.int64) + np.diff(self.offsets)

    def entries(self) -> npt.NDArray[np.int64]:
        """Count the readings of each row, shape (n_rows,)."""
        running = np.zeros(len(self.counts) + 1, np.int64)
        np.cumsum(self.counts, dtype=np.int64, out=running[1:])
        return running[self.offsets[1:]] - running[self.offsets[:-1]]

    def row(self, number: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.uint32]]:
        """Give the ADC values and counts of the bins of one row."""
        counts = self.counts[self.offsets[number] : self.offsets[number + 1]]
        return int(self.first[number]) + np.arange(len(counts)), counts


def add_histograms(parts: Sequence[Histograms]) -> Histograms:
    """Add histograms with the same rows; the windows become their union.

    Raises
    ------
    UsageError
        If a row gets more readings than 32 bits can count.
    """
    require_countable(sum(part.entries() for part in parts))
    first, last = _union(parts)
    offsets = offsets_of(last - first)
    counts = np.zeros(offsets[-1], np.uint32)
    for part in parts:
        add_rows(part.first, part.offsets, part.counts, first, offsets, counts)
    return Histograms(first, offsets, counts)


def replace_rows(histograms: Histograms, rows: Rows, others: Histograms) -> Histograms:
    """Put other histograms in the place of some rows.

    Parameters
    ----------
    histograms : Histograms
    rows : ndarray of int64, shape (n,)
        Ascending, each once.
    others : Histograms
        With n rows.
    """
    kept = np.ones(len(histograms), np.bool_)
    kept[rows] = False
    width = np.diff(histograms.offsets)
    counts = histograms.counts[np.repeat(kept, width)]
    rest = Histograms(
        np.where(kept, histograms.first, 0).astype(np.int32), offsets_of(width * kept), counts
    )
    first, width = np.zeros((2, len(histograms)), np.int64)
    first[rows], width[rows] = others.first, np.diff(others.offsets)
    spread = Histograms(first.astype(np.int32), offsets_of(width), others.counts)
    return add_histograms([rest, spread])


def bins_of_rows(offsets: Rows, rows: Rows) -> tuple[Rows, Rows]:
    """Take the bins of some rows.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n_rows + 1,)
        Of all rows.
    rows : ndarray of int64, shape (n,)

    Returns
    -------
    offsets : ndarray of int64, shape (n + 1,)
        Of the rows taken.
    places : ndarray of int64, shape (n_bins,)
        Place of each of their bins among all.
    """
    width = np.diff(offsets)[rows]
    own = offsets_of(width)
    return own, np.repeat(offsets[rows] - own[:-1], width) + np.arange(own[-1])


def mean_and_variance(n: Rows, total: Rows, squares: Rows) -> tuple[Floats, Floats]:
    """Mean and variance (n - 1) from exact sums.

    Parameters
    ----------
    n, total, squares : ndarray of int64, of one shape
        Number of values, their sum, sum of their squares.

    Returns
    -------
    mean, variance : ndarray of float64
        NaN where not defined.
    """
    mean, variance = np.full((2, *n.shape), np.nan)
    np.divide(total, n, out=mean, where=n > 0)
    np.divide(squares - total * mean, n - 1, out=variance, where=n > 1)
    return mean, variance


def require_countable(readings: npt.ArrayLike) -> None:
    """Raise :class:`UsageError` if a row has more readings than 32 bits can count.

    Parameters
    ----------
    readings : array_like of int, shape (n_rows, ...)
    """
    most = int(np.max(readings, initial=0))
    if most > MOST_READINGS:
        row = int(np.argwhere(np.asarray(readings) == most)[0, 0])
        raise UsageError(
            f"histogram row {row} gets {most} readings, at most {MOST_READINGS} can be counted",
            next_step="merge fewer files",
        )


def _union(parts: Sequence[Histograms]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]:
    limit = np.iinfo(np.int32).max
    first = np.full(len(parts[0]), limit, np.int32)
    last = np.full(len(parts[0]), -limit, np.int64)
    for part in parts:
        filled = np.diff(part.offsets) > 0
        np.minimum(first, part.first, out=first, where=filled)
        np.maximum(last, part.last, out=last, where=filled)
    empty = last < first
    first[empty] = 0
    last[empty] = 0
    return first, last


def offsets_of(width: npt.NDArray[np.integer]) -> npt.NDArray[np.int64]:
    """Offsets of rows that have so many bins, shape (n_rows + 1,)."""
    offsets = np.zeros(len(width) + 1, np.int64)
    np.cumsum(width, out=offsets[1:])
    return offsets
