"""Kernels of the pedestal accumulator: fill histograms, cut them to their bins, add them.

A row is a channel and gain: ``(board * 64 + pixel) * 3 + gain``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import int32, int64, njit, types, uint16, uint32

NO_WINDOW = -(2**31)
"""Base of a row whose window is not chosen yet."""

_PENDING = uint16[:, :, ::1]
_DENSE = uint32[:, ::1]
_SUMS = int64[:, ::1]
_OUTSIDE = uint32[:, ::1]


@njit(nogil=True)
def _middle(values: Any) -> Any:
    """Median of integers, rounded down."""
    ordered = np.sort(values)
    n = ordered.size
    return (ordered[(n - 1) // 2] + ordered[n // 2]) // 2


@njit(nogil=True)
def _flush_board(
    board: int,
    pending: Any,
    n_pending: Any,
    word: Any,
    window_readings: int,
    base: Any,
    dense: Any,
    sums: Any,
    outside: Any,
) -> None:
    n = n_pending[board]
    bins = dense.shape[1]
    values = np.empty(n, np.int64)
    for place in range(word.size):
        row = board * word.size + place
        column = word[place]
        total = int64(0)
        squares = int64(0)
        for number in range(n):
            value = int64(pending[board, number, column])
            values[number] = value
            total += value
            squares += value * value
        if base[row] == NO_WINDOW:
            base[row] = _middle(values[:window_readings]) - bins // 2
        first = int64(base[row])
        for number in range(n):
            position = values[number] - first
            if position < 0:
                outside[row, 0] += uint32(1)
            elif position >= bins:
                outside[row, 1] += uint32(1)
            else:
                dense[row, position] += uint32(1)
        sums[row, 0] += total
        sums[row, 1] += squares
    n_pending[board] = 0


@njit(
    types.void(
        uint16[:, ::1],
        int64[::1],
        int64[::1],
        _PENDING,
        int64[::1],
        int64[::1],
        types.intp,
        int32[::1],
        _DENSE,
        _SUMS,
        _OUTSIDE,
    ),
    nogil=True,
    cache=True,
)
def fill_histograms(
    adc: Any,
    frames: Any,
    boards: Any,
    pending: Any,
    n_pending: Any,
    word: Any,
    window_readings: int,
    base: Any,
    dense: Any,
    sums: Any,
    outside: Any,
) -> None:
    """Collect ADC frames board by board; histogram a board when its store is full.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames : ndarray of int64, shape (n,)
        Rows of ``adc`` to take.
    boards : ndarray of int64, shape (n,)
        Dense board number of each.
    pending : ndarray of uint16, shape (n_febs, depth, 216)
        Frames that wait; the window of a board is chosen when it is emptied for the first time.
    n_pending : ndarray of int64, shape (n_febs,)
    word : ndarray of int64, shape (192,)
        Place in ``adc`` of pixel and gain, gain fastest.
    window_readings : int
        First readings of a row whose median is the middle of its window; at most ``depth``.
    base : ndarray of int32, shape (n_rows,)
        ADC value of the first bin, or ``NO_WINDOW``.
    dense : ndarray of uint32, shape (n_rows, bins)
    sums : ndarray of int64, shape (n_rows, 2)
        Sum and sum of squares of all readings.
    outside : ndarray of uint32, shape (n_rows, 2)
        Readings below and above the window.
    """
    depth = pending.shape[1]
    for number in range(frames.size):
        board = boards[number]
        slot = n_pending[board]
        target = pending[board, slot]
        source = adc[frames[number]]
        for column in range(source.size):
            target[column] = source[column]
        n_pending[board] = slot + 1
        if slot + 1 == depth:
            _flush_board(
                board, pending, n_pending, word, window_readings, base, dense, sums, outside
            )


@njit(
    types.void(_PENDING, int64[::1], int64[::1], types.intp, int32[::1], _DENSE, _SUMS, _OUTSIDE),
    nogil=True,
    cache=True,
)
def flush_histograms(
    pending: Any,
    n_pending: Any,
    word: Any,
    window_readings: int,
    base: Any,
    dense: Any,
    sums: Any,
    outside: Any,
) -> None:
    """Histogram what still waits (arguments of :func:`fill_histograms`)."""
    for board in range(n_pending.size):
        if n_pending[board]:
            _flush_board(
                board, pending, n_pending, word, window_readings, base, dense, sums, outside
            )


@njit(types.void(_DENSE, int64[::1], int64[::1]), nogil=True, cache=True)
def occupied_ranges(dense: Any, start: Any, width: Any) -> None:
    """First occupied bin of each row and the width up to the last one; 0 and 0 for an empty row."""
    bins = dense.shape[1]
    for row in range(dense.shape[0]):
        low = 0
        while low < bins and dense[row, low] == 0:
            low += 1
        high = bins
        while high > low and dense[row, high - 1] == 0:
            high -= 1
        start[row] = low if high > low else 0
        width[row] = high - low


@njit(types.void(_DENSE, int64[::1], int64[::1], uint32[::1]), nogil=True, cache=True)
def copy_ranges(dense: Any, start: Any, offsets: Any, counts: Any) -> None:
    """Copy the occupied range of each row, shape (bins,), to ``counts[offsets[row]:]``."""
    for row in range(dense.shape[0]):
        for number in range(offsets[row], offsets[row + 1]):
            counts[number] = dense[row, start[row] + number - offsets[row]]


@njit(
    types.void(int32[::1], int64[::1], uint32[::1], int32[::1], int64[::1], uint32[::1]),
    nogil=True,
    cache=True,
)
def add_rows(
    first: Any, offsets: Any, counts: Any, to_first: Any, to_offsets: Any, to_counts: Any
) -> None:
    """Add each row of the first histograms to the second, whose windows contain theirs.

    Parameters
    ----------
    first, to_first : ndarray of int32, shape (n_rows,)
        ADC value of the first bin.
    offsets, to_offsets : ndarray of int64, shape (n_rows + 1,)
    counts, to_counts : ndarray of uint32
    """
    for row in range(first.size):
        shift = to_offsets[row] + int64(first[row]) - int64(to_first[row]) - offsets[row]
        for number in range(offsets[row], offsets[row + 1]):
            to_counts[number + shift] += counts[number]
