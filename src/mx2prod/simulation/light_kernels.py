"""From light to charge at the anodes: photoelectrons, cross-talk, after-pulses, time walk.

Helpers only; :mod:`mx2prod.simulation.readout_kernels` has the entry points.  Source: detector
page, sections 6 and 7.2.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.constants.keys import PIXELS_PER_HALF
from mx2prod.detector import Electronics
from mx2prod.simulation.columns import HitFlag
from mx2prod.simulation.random_kernels import exponential, gamma, poisson, uniform

GRID = Electronics().pmt_columns
"""Pixels in a row of the PMT."""
REFERENCE_PE = 10.0
"""Light at which the time walk is 0 (rock-muon page, section 6)."""

_CROSS_TALK = int(HitFlag.CROSS_TALK)
_AFTERPULSE = int(HitFlag.AFTERPULSE)

ARRIVAL_DTYPE = np.dtype(
    [
        ("time", "<f8"),
        ("charge", "<f8"),
        ("pe", "<f8"),
        ("particle", "<i4"),
        ("pixel", "u1"),
        ("flags", "u1"),
    ]
)
"""Charge that comes to the anode of a pixel at one time, ns and fC."""


@njit(nogil=True)
def add_arrival(
    arrivals: Any, number: int, pixel: int, time: float, pe: float, charge: float, particle: int,
    flags: int,
) -> Any:  # fmt: skip
    """Append one arrival of charge; the number of arrivals afterwards.

    A full list is not written to, but counted on, so that the caller can make it longer.
    """
    if number < arrivals.size:
        row = arrivals[number]
        row["pixel"], row["time"], row["pe"] = pixel, time, pe
        row["charge"], row["particle"], row["flags"] = charge, particle, flags
    return number + 1


@njit(nogil=True)
def _charge_of(state: Any, table: Any, pe: int, gain: float, w2: float) -> Any:
    """Charge of some photoelectrons, fC: a gamma distribution of relative variance w2/pe."""
    if w2 <= 0.0:
        return pe * gain
    return gamma(state, pe / w2, table) * w2 * gain


@njit(nogil=True)
def _pixel_at(row: int, column: int) -> Any:
    """Pixel of the grid; -1 beyond the edge."""
    if 0 <= row < GRID and 0 <= column < GRID:
        return row * GRID + column
    return -1


@njit(nogil=True)
def _side_neighbour(pixel: int, step: int) -> Any:
    """One of the four pixels beside a pixel; -1 beyond the edge."""
    row, column = pixel // GRID, pixel % GRID
    row += 1 if step == 0 else -1 if step == 1 else 0
    column += 1 if step == 2 else -1 if step == 3 else 0
    return _pixel_at(row, column)


@njit(nogil=True)
def _share(
    arrivals: Any, number: int, pixel: int, time: float, charge: float, particle: int, flags: int,
    share: float, alive: Any,
) -> Any:  # fmt: skip
    """Charge that the side neighbours get in dynodes and board, if they work."""
    if share <= 0.0:
        return number
    for step in range(4):
        other = _side_neighbour(pixel, step)
        if other >= 0 and alive[other]:
            number = add_arrival(
                arrivals, number, other, time, 0.0, share * charge, particle, flags | _CROSS_TALK
            )
    return number


@njit(nogil=True)
def add_light(
    state: Any, table: Any, arrivals: Any, number: int, pixel: int, time: float, pe: int,
    particle: int, flags: int, gains: Any, alive: Any, response: Any, offsets: Any,
) -> Any:  # fmt: skip
    """Turn photoelectrons of one pixel into arrivals; the number of arrivals afterwards.

    Parameters
    ----------
    gains : ndarray of float64, shape (64,)
        Charge of a photoelectron, fC.
    alive : ndarray of bool, shape (64,)
        False: the pixel gives no charge.
    response : ndarray of float64
        w2, share to side neighbours, probability and mean delay (ns) of after-pulses, slewing (ns).
    offsets : ndarray of float64, shape (2,)
        Time offset of the half board, ns.
    """
    if pe <= 0 or not alive[pixel]:
        return number
    w2, share, afterpulse, delay, slewing = (
        response[0], response[1], response[2], response[3], response[4],
    )  # fmt: skip
    charge = _charge_of(state, table, pe, gains[pixel], w2)
    late = (
        time
        + offsets[pixel // PIXELS_PER_HALF]
        + slewing * (1.0 / math.sqrt(pe) - 1.0 / math.sqrt(REFERENCE_PE))
    )
    number = add_arrival(arrivals, number, pixel, late, pe, charge, particle, flags)
    number = _share(arrivals, number, pixel, late, charge, particle, flags, share, alive)
    for _ in range(poisson(state, afterpulse * pe)):
        after = late + delay * exponential(state)
        extra = _charge_of(state, table, 1, gains[pixel], w2)
        number = add_arrival(
            arrivals, number, pixel, after, 1.0, extra, particle, flags | _AFTERPULSE
        )
    return number


@njit(nogil=True)
def neighbour_of(state: Any, pixel: int, side: float, corner: float) -> Any:
    """Pixel that stray light goes to: a side or corner neighbour; -1 beyond the edge."""
    u = uniform(state) * (4.0 * side + 4.0 * corner)
    if u < 4.0 * side:
        return _side_neighbour(pixel, min(3, int(u / side)))
    step = min(3, int((u - 4.0 * side) / corner))
    row = pixel // GRID + (1 if step < 2 else -1)
    return _pixel_at(row, pixel % GRID + (1 if step % 2 == 0 else -1))


@njit(nogil=True)
def add_mean_light(
    state: Any, table: Any, arrivals: Any, number: int, pixel: int, time: float, mean: float,
    particle: int, gains: Any, alive: Any, response: Any, offsets: Any,
) -> Any:  # fmt: skip
    """Draw the photoelectrons of some mean light, and of the stray light of the neighbours.

    Stray light comes on top of the pixel's own; what would go beyond the edge of the PMT is lost.
    """
    side, corner = response[5], response[6]
    for _ in range(poisson(state, mean * 4.0 * (side + corner))):
        other = neighbour_of(state, pixel, side, corner)
        if other >= 0:
            number = add_light(
                state, table, arrivals, number, other, time, 1, particle, _CROSS_TALK, gains, alive,
                response, offsets,
            )  # fmt: skip
    own = poisson(state, mean)
    return add_light(
        state, table, arrivals, number, pixel, time, own, particle, 0, gains, alive, response,
        offsets,
    )  # fmt: skip
