"""Kernels that add ADC frames to the sums of the FEB response.

A word is the place of a pixel and gain in the 216 words of an ADC frame; ``word`` has them in the
order ``pixel * 3 + gain``.
"""

from __future__ import annotations

from typing import Any

from numba import int64, njit, types, uint16

_ADC = uint16[:, ::1]
_INDEX = int64[::1]
_SUMS = int64[:, :, ::1]


@njit(types.void(_ADC, _INDEX, _INDEX, _INDEX, _INDEX, types.intp, _SUMS), nogil=True, cache=True)
def fill_injection(
    adc: Any, frames: Any, boards: Any, steps: Any, word: Any, adc_max: int, sums: Any
) -> None:
    """Add the readings of frames to the step of their injected charge.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames : ndarray of int64, shape (n,)
        Rows of ``adc`` to take.
    boards, steps : ndarray of int64, shape (n,)
        Dense board number and row of ``sums`` of each.
    word : ndarray of int64, shape (192,)
    adc_max : int
        Readings of 0 and of this value are counted as at a rail.
    sums : ndarray of int64, shape (n_steps, n_channels, 12)
        For each gain: n, sum, sum of squares, readings at a rail.
    """
    pixels = word.size // 3
    for number in range(frames.size):
        source = adc[frames[number]]
        target = sums[steps[number]]
        for pixel in range(pixels):
            row = target[boards[number] * pixels + pixel]
            for gain in range(3):
                value = int64(source[word[pixel * 3 + gain]])
                row[4 * gain] += 1
                row[4 * gain + 1] += value
                row[4 * gain + 2] += value * value
                if value == 0 or value >= adc_max:
                    row[4 * gain + 3] += 1


@njit(
    types.void(_ADC, _INDEX, _INDEX, _INDEX, _INDEX, _INDEX, int64[:, ::1], _SUMS),
    nogil=True,
    cache=True,
)
def fill_relations(
    adc: Any, frames: Any, boards: Any, low_gain: Any, word: Any, low: Any, high: Any, sums: Any
) -> None:
    """Add pairs of readings below the first kink of the larger gain.

    Parameters
    ----------
    adc, frames, boards, word : see :func:`fill_injection`
    low_gain : ndarray of int64, shape (n,)
        Row of ``sums`` for medium and low gain of each frame; -1: not taken.
    low : ndarray of int64, shape (n_channels,)
        First ADC value of high gain at which a pixel counts as lit, for both pairs.
    high : ndarray of int64, shape (n_channels, 2)
        Last ADC value of high and of medium gain that is taken.
    sums : ndarray of int64, shape (3, n_channels, 7)
        n, Sx, Sy, Sxx, Sxy, Syy of all pairs; pairs of lit pixels.
    """
    pixels = word.size // 3
    for number in range(frames.size):
        source = adc[frames[number]]
        for pixel in range(pixels):
            channel = boards[number] * pixels + pixel
            lit = int64(source[word[pixel * 3]] >= low[channel])
            for pair in range(2):
                relation = low_gain[number] if pair == 1 else 0
                x = int64(source[word[pixel * 3 + pair]])
                if relation < 0 or x > high[channel, pair]:
                    continue
                y = int64(source[word[pixel * 3 + pair + 1]])
                row = sums[relation, channel]
                row[0] += 1
                row[1] += x
                row[2] += y
                row[3] += x * x
                row[4] += x * y
                row[5] += y * y
                row[6] += lit
