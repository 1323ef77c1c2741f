"""Kernels of the pedestal monitors: time slices of boards, differences between hit blocks."""

from __future__ import annotations

from typing import Any

from numba import int64, njit, types, uint16, uint32

_ADC = uint16[:, ::1]
_NUMBERS = int64[::1]
_SUMS = int64[:, :, ::1]


@njit(
    types.void(_ADC, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _SUMS),
    nogil=True,
    cache=True,
)
def add_board_totals(
    adc: Any, frames: Any, boards: Any, slices: Any, words: Any, sums: Any
) -> None:
    """Add the high-gain total of each ADC frame to its board and time slice.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames, boards, slices : ndarray of int64, shape (n,)
        Rows of ``adc``, and the board and time slice of each.
    words : ndarray of int64, shape (n_ranges,)
        First words of ranges of 16 that hold the high gain.
    sums : ndarray of int64, shape (n_slices, n_febs, 3)
        Frames, sum of totals, sum of their squares.
    """
    for number in range(frames.size):
        source = adc[frames[number]]
        total = int64(0)
        for part in range(words.size):
            first = words[part]
            for column in range(first, first + 16):
                total += source[column]
        target = sums[slices[number], boards[number]]
        target[0] += 1
        target[1] += total
        target[2] += total * total


@njit(
    types.void(_ADC, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, types.intp, _SUMS),
    nogil=True,
    cache=True,
)
def add_block_differences(
    adc: Any,
    frames: Any,
    untimed: Any,
    boards: Any,
    blocks: Any,
    word: Any,
    reach: int,
    sums: Any,
) -> None:
    """Add the differences between a hit block and the untimed one of the same board and gate.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames, untimed, boards, blocks : ndarray of int64, shape (n,)
        Row of the timed frame, row of the untimed frame, board, number of the hit block.
    word : ndarray of int64, shape (192,)
        Place in ``adc`` of pixel and gain, gain fastest.
    reach : int
        Larger differences are left out, ADC.
    sums : ndarray of int64, shape (n_rows, n_blocks, 2)
        Readings and sum of differences.
    """
    for number in range(frames.size):
        timed = adc[frames[number]]
        reference = adc[untimed[number]]
        first = boards[number] * word.size
        for place in range(word.size):
            difference = int64(timed[word[place]]) - int64(reference[word[place]])
            if -reach <= difference <= reach:
                target = sums[first + place, blocks[number]]
                target[0] += 1
                target[1] += difference


@njit(
    types.void(_ADC, _NUMBERS, _NUMBERS, _NUMBERS, _NUMBERS, uint32[:, ::1]),
    nogil=True,
    cache=True,
)
def fill_full_range(
    adc: Any, frames: Any, boards: Any, word: Any, place_of_row: Any, dense: Any
) -> None:
    """Histogram some rows over all ADC values.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames, boards : ndarray of int64, shape (n,)
    word : ndarray of int64, shape (192,)
    place_of_row : ndarray of int64, shape (n_rows,)
        Histogram of a row; -1 for rows that are not wanted.
    dense : ndarray of uint32, shape (n_wanted, 4096)
    """
    for number in range(frames.size):
        source = adc[frames[number]]
        first = boards[number] * word.size
        for place in range(word.size):
            wanted = place_of_row[first + place]
            if wanted >= 0:
                dense[wanted, source[word[place]]] += uint32(1)
