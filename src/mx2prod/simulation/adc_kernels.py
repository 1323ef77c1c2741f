"""ADC words of the frames of every board and gate: pedestal, noise, curve, clipping.

Source: detector page, section 6; raw-format page, section 5.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import float32, float64, int64, njit, types, uint16, uint64

from mx2prod.detector import Electronics
from mx2prod.detector.trip import Gain
from mx2prod.raw.columns import FEB_DTYPE, N_PIXELS, N_TRIP_CHANNELS, N_TRIPS
from mx2prod.simulation.columns import Layer
from mx2prod.simulation.random_kernels import STATE_WORDS, fill, normal_of, start

N_GAINS, WORDS = len(Gain), N_TRIPS * N_TRIP_CHANNELS
NO_PIXEL_ADC = 400
"""Reading of TriP-t channels that are no pixels."""
MAX_ADC = Electronics().adc_max
CHARGE_DTYPE = np.dtype(
    [
        ("frame", "<i8"),  # ADC frame
        ("pixel", "u1"),
        ("charge", "<f8"),  # high and medium gain, fC
        ("low", "<f8"),  # low gain, fC
    ]
)
_NOISE = int(Layer.NOISE)
_FEBS = types.Array(numba.from_dtype(FEB_DTYPE), 1, "C")
_CHARGES = types.Array(numba.from_dtype(CHARGE_DTYPE), 1, "C")


@njit(nogil=True)
def counts_of(charge: float, curve: Any) -> Any:
    """ADC above the pedestal of a charge: the tri-linear curve without its offset.

    The pedestal is what is read without charge, so that the offset is in it already.
    """
    _, slope1, kink1, slope2, kink2, slope3 = curve
    if charge <= kink1:
        return slope1 * charge
    if charge <= kink2:
        return slope1 * kink1 + slope2 * (charge - kink1)
    return slope1 * kink1 + slope2 * (kink2 - kink1) + slope3 * (charge - kink2)


@njit(
    types.void(
        uint64, int64[::1], float32[::1], int64[::1], _FEBS, _CHARGES, float64[:, :, ::1],
        float64[:, :, ::1], float64[:, :, :, ::1], float64[:, ::1], types.float64, uint16[:, ::1],
        int64[:, ::1], uint16[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def make_adc(
    seed: int, place: Any, table: Any, boards: Any, febs: Any, charges: Any, pedestal: Any,
    noise: Any, curve: Any, shift: Any, common_noise: float, stuck: Any, word: Any, adc: Any,
) -> None:  # fmt: skip
    """Digitise the charges of all ADC frames of some gates.

    Parameters
    ----------
    seed, place, table, boards
        As in :func:`make_blocks`.
    febs : ndarray of FEB_DTYPE, shape (n_gates * n_boards,)
        ``first_adc`` and ``n_adc`` are read.
    charges : ndarray of CHARGE_DTYPE
        In order of frame and pixel.
    pedestal, noise : ndarray of float64, shape (n_boards, 64, 3)
        ADC.
    curve : ndarray of float64, shape (n_boards, 64, 3, 6)
    shift : ndarray of float64, shape (n_gates, n_boards)
        Of all pedestals of a board, ADC.
    common_noise : float
        Of all pixels of a board together, ADC.
    stuck : ndarray of uint16, shape (n_boards, 64)
        Bits that are always 1.
    word : ndarray of int64, shape (64, 3)
        Place of pixel and gain among the 216 words.
    adc : ndarray of uint16, shape (n_frames, 216)
        Filled.
    """
    state = np.zeros(STATE_WORDS, np.uint32)
    bits = np.zeros(N_PIXELS * N_GAINS + 4, np.uint32)
    extra = np.zeros((N_PIXELS, N_GAINS), np.float64)
    n_boards = boards.size
    following = 0
    for gate in range(place.size - 2):
        for board in range(n_boards):
            row = febs[gate * n_boards + board]
            start(state, seed, place[0], place[1], place[gate + 2], _NOISE, boards[board])
            for frame in range(row["first_adc"], row["first_adc"] + row["n_adc"]):
                fill(state, bits)
                shared = shift[gate, board] + common_noise * normal_of(bits[-1], table)
                begin = following
                while following < charges.size and charges[following]["frame"] == frame:
                    charge = charges[following]
                    pixel = charge["pixel"]
                    for gain in range(N_GAINS):
                        q = charge["low"] if gain == N_GAINS - 1 else charge["charge"]
                        if q != 0.0:
                            own = curve[board, pixel, gain]
                            extra[pixel, gain] = counts_of(q, own)
                    following += 1
                target = adc[frame]
                for number in range(WORDS):
                    target[number] = NO_PIXEL_ADC
                for pixel in range(N_PIXELS):
                    for gain in range(N_GAINS):
                        value = (
                            pedestal[board, pixel, gain]
                            + shared
                            + extra[pixel, gain]
                            + noise[board, pixel, gain]
                            * normal_of(bits[pixel * N_GAINS + gain], table)
                        )
                        counts = math.floor(value + 0.5)
                        counts = min(max(counts, 0), MAX_ADC) | stuck[board, pixel]
                        target[word[pixel, gain]] = counts
                for used in range(begin, following):
                    for gain in range(N_GAINS):
                        extra[charges[used]["pixel"], gain] = 0.0
