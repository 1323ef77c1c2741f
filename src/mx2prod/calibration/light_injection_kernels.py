"""Kernels of the light-injection accumulator: light of the pulses, sums and histograms.

A unit is a board in one kind of block: ``kind * n_febs + board``, kind 0 untimed, 1 timed.  A row
is ``unit * 192 + pixel * 3 + gain``.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, float64, int32, int64, njit, types, uint16, uint32

MISSING = 0xFFFF
"""Reading of a TriP without a frame at the light-injection time."""

LIGHT_UNIT = 100_000
"""Light is kept in integers of 1e-5 of its mean."""

LARGEST_LIGHT = 2 * LIGHT_UNIT
FEWEST_READINGS = 3
SMALLEST_SIGNAL = 0.5
"""Mean above pedestal, in rms, that a pixel needs to count for the light: about 0.3 PE."""

BINS_SHIFT = 2
"""A histogram bin is 2 to this power ADC wide."""

_PENDING = uint16[:, :, ::1]


@njit(
    types.void(
        uint16[:, ::1], int64[:, ::1], int64[::1], int64[::1], int64[::1], int64[::1], _PENDING,
        int64[::1], int64[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def store_readings(
    adc: Any,
    frames: Any,
    units: Any,
    pulses: Any,
    word: Any,
    trip_of_word: Any,
    pending: Any,
    n_pending: Any,
    pulse_of: Any,
) -> None:
    """Copy the chosen readings of boards to the waiting room of a time slice.

    Parameters
    ----------
    adc : ndarray of uint16, shape (n_adc, 216)
    frames : ndarray of int64, shape (n, 6)
        Of :func:`~mx2prod.calibration.light_injection_block_kernels.choose_frames`.
    units : ndarray of int64, shape (n,)
    pulses : ndarray of int64, shape (n,)
        Number of the pulse in the slice.
    word, trip_of_word : ndarray of int64, shape (192,)
        Place in ``adc`` of pixel and gain, gain fastest, and its TriP.
    pending : ndarray of uint16, shape (n_units, depth, 192)
    n_pending : ndarray of int64, shape (n_units,)
    pulse_of : ndarray of int64, shape (n_units, depth)
    """
    for number in range(units.size):
        unit = units[number]
        slot = n_pending[unit]
        target = pending[unit, slot]
        for place in range(word.size):
            frame = frames[number, trip_of_word[place]]
            target[place] = adc[frame, word[place]] if frame >= 0 else MISSING
        pulse_of[unit, slot] = pulses[number]
        n_pending[unit] = slot + 1


@njit(nogil=True)
def _add_readings(readings: Any, n: int, pulse_of: Any, kept: Any, moments: Any) -> None:
    """Count, sum and sum of squares of the kept readings of each pixel and gain, shape (3, 192)."""
    moments[:] = 0
    for slot in range(n):
        if not kept[pulse_of[slot]]:
            continue
        reading = readings[slot]
        for place in range(moments.shape[1]):
            value = int64(reading[place])
            present = int64(value != MISSING)
            value *= present
            moments[0, place] += present
            moments[1, place] += value
            moments[2, place] += value * value


@njit(
    types.void(
        _PENDING, int64[::1], int64[:, ::1], boolean[::1], float64[:, ::1], float64[:, ::1],
        int64[:, ::1], boolean[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def light_of_boards(
    pending: Any,
    n_pending: Any,
    pulse_of: Any,
    kept: Any,
    pedestal: Any,
    largest: Any,
    light: Any,
    seen: Any,
) -> None:
    """Light of each pulse in each unit: mean over its good pixels of q/mean - 1.

    A pixel is read in the most sensitive gain whose mean is below its limit; it is good if that
    mean is above pedestal by ``SMALLEST_SIGNAL`` times the rms.

    Parameters
    ----------
    pending, n_pending, pulse_of
        Of :func:`store_readings`.
    kept : ndarray of bool, shape (n_pulses,)
        Pulses that the means are made of.
    pedestal, largest : ndarray of float64, shape (n_febs, 192)
        ADC; largest mean at which a gain is used.  NaN without pedestal.
    light : ndarray of int64, shape (n_units, n_pulses)
        Filled, in 1e-5.
    seen : ndarray of bool, shape (n_units, n_pulses)
        Filled: there is a light.
    """
    n_febs = pedestal.shape[0]
    n_pixels = pedestal.shape[1] // 3
    column = np.empty(n_pixels, np.int64)
    mean = np.empty(n_pixels)
    scale = np.empty(n_pixels)
    moments = np.empty((3, 3 * n_pixels), np.int64)
    light[:] = 0
    seen[:] = False
    for unit in range(n_pending.size):
        n = n_pending[unit]
        board = unit % n_febs
        if n == 0:
            continue
        _add_readings(pending[unit], n, pulse_of[unit], kept, moments)
        n_good = 0
        for pixel in range(n_pixels):
            for gain in range(3):
                place = pixel * 3 + gain
                count, total, squares = moments[0, place], moments[1, place], moments[2, place]
                if count < FEWEST_READINGS:
                    break
                middle = total / count
                if not middle < largest[board, place]:
                    continue
                rms = np.sqrt(max(0.0, squares - total * middle) / (count - 1))
                above = middle - pedestal[board, place]
                if rms > 0 and above > SMALLEST_SIGNAL * rms:
                    column[n_good] = place
                    mean[n_good] = middle
                    scale[n_good] = above
                    n_good += 1
                break
        for slot in range(n):
            total_light = 0.0
            present = 0
            for number in range(n_good):
                value = pending[unit, slot, column[number]]
                if value != MISSING:
                    total_light += (value - mean[number]) / scale[number]
                    present += 1
            if present > 0:
                pulse = pulse_of[unit, slot]
                seen[unit, pulse] = True
                scaled = np.rint(total_light / present * LIGHT_UNIT)
                light[unit, pulse] = int64(min(max(scaled, -LARGEST_LIGHT), LARGEST_LIGHT))


@njit(
    types.void(
        _PENDING, int64[::1], int64[:, ::1], boolean[::1], int64[:, ::1], int64[:, ::1],
        int64[:, ::1], int64[::1], int32[::1], int64[::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def sum_slice(
    pending: Any,
    n_pending: Any,
    pulse_of: Any,
    kept: Any,
    other_light: Any,
    count: Any,
    sums: Any,
    covariance: Any,
    first: Any,
    width: Any,
) -> None:
    """Exact sums of the kept readings of a slice, and the bins that they need.

    Parameters
    ----------
    pending, n_pending, pulse_of, kept
        As before.
    other_light : ndarray of int64, shape (n_units, n_pulses)
        Light of a pulse in the other boards, in 1e-5 from its mean.
    count : ndarray of int64, shape (n_units, 192)
        Filled: kept readings.
    sums : ndarray of int64, shape (n_rows, 2)
        Filled: sum and sum of squares, ADC.
    covariance : ndarray of int64, shape (n_rows,)
        The sum of (reading - mean rounded to whole ADC) times light is added.
    first : ndarray of int32, shape (n_rows,)
        Filled: first occupied bin of 4 ADC, 0 without.
    width : ndarray of int64, shape (n_rows,)
        Filled: bins from the first to the last occupied one.
    """
    n_words = pending.shape[2]
    moments = np.empty((3, n_words), np.int64)
    low = np.empty(n_words, np.int64)
    high = np.empty(n_words, np.int64)
    middle = np.empty(n_words, np.int64)
    for unit in range(n_pending.size):
        rows = unit * n_words
        first[rows : rows + n_words] = 0
        width[rows : rows + n_words] = 0
        sums[rows : rows + n_words] = 0
        count[unit] = 0
        n = n_pending[unit]
        if n == 0:
            continue
        _add_readings(pending[unit], n, pulse_of[unit], kept, moments)
        for place in range(n_words):
            total_count = moments[0, place]
            count[unit, place] = total_count
            sums[rows + place, 0] = moments[1, place]
            sums[rows + place, 1] = moments[2, place]
            half = max(total_count, 1)
            middle[place] = (2 * moments[1, place] + half) // (2 * half)
            low[place] = MISSING
            high[place] = -1
        for slot in range(n):
            pulse = pulse_of[unit, slot]
            if not kept[pulse]:
                continue
            light = other_light[unit, pulse]
            reading = pending[unit, slot]
            for place in range(n_words):
                value = int64(reading[place])
                if value != MISSING:
                    low[place] = min(low[place], value)
                    high[place] = max(high[place], value)
                    covariance[rows + place] += (value - middle[place]) * light
        for place in range(n_words):
            if high[place] >= 0:
                first[rows + place] = low[place] >> BINS_SHIFT
                width[rows + place] = (high[place] >> BINS_SHIFT) - (low[place] >> BINS_SHIFT) + 1


@njit(
    types.void(
        _PENDING, int64[::1], int64[:, ::1], boolean[::1], int32[::1], int64[::1], uint32[::1]
    ),
    nogil=True,
    cache=True,
)
def fill_slice(
    pending: Any,
    n_pending: Any,
    pulse_of: Any,
    kept: Any,
    first: Any,
    offsets: Any,
    counts: Any,
) -> None:
    """Histogram the kept readings of a slice in bins of 4 ADC.

    Parameters
    ----------
    pending, n_pending, pulse_of, kept
        As before.
    first : ndarray of int32, shape (n_rows,)
    offsets : ndarray of int64, shape (n_rows + 1,)
    counts : ndarray of uint32
        Arrays of :class:`~mx2prod.calibration.histograms.Histograms`, counts zero; filled.
    """
    n_words = pending.shape[2]
    for unit in range(n_pending.size):
        rows = unit * n_words
        for slot in range(n_pending[unit]):
            if not kept[pulse_of[unit, slot]]:
                continue
            for place in range(n_words):
                value = pending[unit, slot, place]
                if value != MISSING:
                    row = rows + place
                    counts[offsets[row] - first[row] + (value >> BINS_SHIFT)] += uint32(1)
