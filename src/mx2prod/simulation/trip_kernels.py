"""The TriP-t chips of a board in one gate: pushes, dead time, hit blocks, discriminators.

Helpers only; :mod:`mx2prod.simulation.readout_kernels` has the entry points.  Source: detector
page, section 6; raw-format page, sections 4 and 4.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.detector import Electronics
from mx2prod.raw.columns import NOT_FIRED
from mx2prod.raw.layout import MAX_HITS
from mx2prod.simulation.columns import HitFlag

OPEN, LOST = MAX_HITS, MAX_HITS + 1
"""Rows of the scratch after the timed blocks: what is being integrated, and what is in no block."""
ROWS = MAX_HITS + 2
INTEGRATION_TICKS = Electronics().integration_ticks
RESET_TICKS = Electronics().reset_ticks
QUARTERS = Electronics().quarter_ticks
FIRST_QUARTER = 0.5 / QUARTERS
"""Half a quarter tick: the time of a hit is given to the nearest quarter, counted from 1."""

_LOST_IN_DEAD_TIME = int(HitFlag.LOST_IN_DEAD_TIME)

BLOCK_DTYPE = np.dtype(
    [
        ("charge", "<f8"),  # fC
        ("pe", "<f8"),
        ("time", "<f8"),  # of the first arrival; of the discriminator where it fired, ns
        ("largest", "<f8"),  # light of the particle that gave most at once
        ("particle", "<i4"),
        ("flags", "u1"),
        ("fired", "u1"),
        ("delay", "u1"),
        ("quarter", "u1"),
    ]
)
"""A pixel in a block."""


@njit(nogil=True)
def clear(block: Any) -> None:
    """Empty one pixel of a block."""
    block["charge"] = 0.0
    block["pe"] = 0.0
    block["time"] = 0.0
    block["largest"] = -1.0
    block["particle"] = -1
    block["flags"] = 0
    block["fired"] = 0
    block["delay"] = NOT_FIRED
    block["quarter"] = 0


@njit(nogil=True)
def _add(block: Any, arrival: Any) -> None:
    if block["charge"] == 0.0:
        block["time"] = arrival["time"]
    block["charge"] += arrival["charge"]
    block["pe"] += arrival["pe"]
    block["flags"] |= arrival["flags"]
    if arrival["pe"] > block["largest"]:
        block["largest"] = arrival["pe"]
        block["particle"] = arrival["particle"]


@njit(nogil=True)
def _fire(block: Any, time: float, begin: float, tick: float) -> None:
    """Note delay and quarter tick of a discriminator: the nearest quarter after the begin."""
    quarters = math.floor(QUARTERS * (time / tick - begin) + 0.5)
    quarters = min(max(quarters, 1), QUARTERS * INTEGRATION_TICKS)
    block["fired"] = 1
    block["time"] = time
    block["delay"] = (quarters - 1) // QUARTERS
    block["quarter"] = quarters % QUARTERS


@njit(nogil=True)
def _integrate(
    arrivals: Any, order: Any, number: int, last: int, blocks: Any, threshold: Any, begin: int,
    tick: float, end: float, low: Any,
) -> Any:  # fmt: skip
    """Collect what comes until the end of integration; the next arrival after it."""
    while number < last and arrivals[order[number]]["time"] < end:
        arrival = arrivals[order[number]]
        pixel = arrival["pixel"]
        number += 1
        low[pixel] += arrival["charge"]
        block = blocks[OPEN, pixel]
        _add(block, arrival)
        if not block["fired"] and block["charge"] >= threshold[pixel]:
            _fire(block, arrival["time"], begin, tick)
    return number


@njit(nogil=True)
def _close(blocks: Any, block: int, pixels: Any) -> None:
    """Move what is integrated to a timed block."""
    for pixel in range(pixels[0], pixels[1]):
        if blocks[OPEN, pixel]["charge"] > 0.0:
            blocks[block, pixel] = blocks[OPEN, pixel]
            clear(blocks[OPEN, pixel])


@njit(nogil=True)
def run_chip(
    arrivals: Any, order: Any, rows: Any, pixels: Any, blocks: Any, begins: Any, threshold: Any,
    clock: Any, low: Any,
) -> Any:  # fmt: skip
    """Run one chip, or a pair of chips that push together, through a gate.

    The first pixel over its threshold starts a push: 16 ticks of integration, then 20 ticks of
    reset in which the chip is blind.  After 22 pushes it stays blind.  The gate ends both.

    Parameters
    ----------
    arrivals : ndarray
        Charges of the board.
    order : ndarray of int64
        Rows of ``arrivals`` in order of time.
    rows : tuple of int
        Those from the first to before the second are this chip's.
    pixels : tuple of int
        First pixel of the chip, and the one after its last.
    blocks : ndarray of BLOCK_DTYPE, shape (24, 64)
        Filled: timed blocks, the untimed one, what is lost.
    begins : ndarray of int64, shape (22,)
        Filled: tick of the gate at which each push begins.
    threshold : ndarray of float64, shape (64,)
        fC.
    clock : ndarray of float64, shape (2,)
        Length of a tick and of the gate, ns.
    low : ndarray of float64, shape (64,)
        Charge of the whole gate, added to: the low-gain chips are never blind.

    Returns
    -------
    tuple of int and float
        Timed blocks, and the time in the gate in which charge is lost, ns.
    """
    tick, gate_ns = clock[0], clock[1]
    n_timed, number, free, blind = 0, rows[0], 0.0, 0.0
    while number < rows[1]:
        arrival = arrivals[order[number]]
        time, pixel = arrival["time"], arrival["pixel"]
        number += 1
        inside = 0.0 <= time < gate_ns
        if inside:
            low[pixel] += arrival["charge"]
        if not inside or time < free:
            _add(blocks[LOST, pixel], arrival)
            blocks[LOST, pixel]["flags"] |= _LOST_IN_DEAD_TIME
            continue
        _add(blocks[OPEN, pixel], arrival)
        if blocks[OPEN, pixel]["charge"] < threshold[pixel]:
            continue
        begin = int(max(0, math.floor(time / tick - FIRST_QUARTER)))
        end = min((begin + INTEGRATION_TICKS) * tick, gate_ns)
        _fire(blocks[OPEN, pixel], time, begin, tick)
        number = _integrate(
            arrivals, order, number, rows[1], blocks, threshold, begin, tick, end, low
        )
        _close(blocks, n_timed, pixels)
        begins[n_timed] = begin
        n_timed += 1
        free = gate_ns if n_timed == MAX_HITS else min(end + RESET_TICKS * tick, gate_ns)
        blind += free - end
    return n_timed, blind
