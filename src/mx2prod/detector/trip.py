"""Which TriP chip and which of its channels reads a pixel, in each gain (raw-format page, 5)."""

from __future__ import annotations

from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.detector.schemas import PIXELS_PER_BOARD

N_TRIPS = 6
N_TRIP_CHANNELS = 36
PIXELS_PER_TRIP = 16
_FIRST_HIGH = 3
_FIRST_MEDIUM = 19
_LOW_TRIP = 4
_LOW_OUTER = (26, 34, 25, 33, 24, 32, 23, 31, 22, 30, 21, 29, 20, 28, 19, 27)
_LOW_INNER = (11, 3, 12, 4, 13, 5, 14, 6, 15, 7, 16, 8, 17, 9, 18, 10)


class Gain(IntEnum):
    """The three gains of a pixel; first axis of the maps below."""

    HIGH = 0
    MEDIUM = 1
    LOW = 2


def _trip() -> npt.NDArray[np.uint8]:
    pixel = np.arange(PIXELS_PER_BOARD)
    timed = pixel // PIXELS_PER_TRIP
    return np.stack([timed, timed, _LOW_TRIP + pixel // 32]).astype(np.uint8)


def _channel() -> npt.NDArray[np.uint8]:
    place = np.arange(PIXELS_PER_BOARD) % PIXELS_PER_TRIP
    low = [*_LOW_OUTER, *_LOW_INNER, *_LOW_INNER, *_LOW_OUTER]
    return np.stack([_FIRST_HIGH + place, _FIRST_MEDIUM + place, low]).astype(np.uint8)


def _inverse(values: npt.NDArray[np.integer]) -> npt.NDArray[np.int8]:
    inverse = np.full((N_TRIPS, N_TRIP_CHANNELS), -1, dtype=np.int8)
    inverse[TRIP_OF_PIXEL, CHANNEL_OF_PIXEL] = values
    return inverse


TRIP_OF_PIXEL = _trip()
"""TriP of a pixel, shape (3, 64): gain, pixel."""
CHANNEL_OF_PIXEL = _channel()
"""TriP channel of a pixel, shape (3, 64): gain, pixel."""
PIXEL_OF_CHANNEL = _inverse(np.arange(PIXELS_PER_BOARD)[None, :])
"""Pixel of a TriP channel, shape (6, 36); -1 for the channels that are no pixel (0-2 and 35)."""
GAIN_OF_CHANNEL = _inverse(np.arange(len(Gain))[:, None])
"""Gain of a TriP channel, shape (6, 36); -1 for the channels that are no pixel."""

for _array in (TRIP_OF_PIXEL, CHANNEL_OF_PIXEL, PIXEL_OF_CHANNEL, GAIN_OF_CHANNEL):
    _array.flags.writeable = False


def pixels_by_gain(adc: npt.NDArray[np.generic]) -> npt.NDArray[np.generic]:
    """Sort the words of ADC frames by gain and pixel.

    Parameters
    ----------
    adc : ndarray, shape (..., 6, 36)
        By TriP and TriP channel, as a decoded ADC frame has them.

    Returns
    -------
    ndarray, shape (..., 3, 64)
        By :class:`Gain` and pixel; a copy of the same type.
    """
    return adc[..., TRIP_OF_PIXEL, CHANNEL_OF_PIXEL]
