"""The TriP-t chips of a board in one gate: pushes, dead time, hit blocks, discriminators.

Helpers only; :mod:`mx2prod.simulation.readout_kernels` has the entry points.  Source: detector
page, section 6; raw-format page, sections 4 and 4.1.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

MAX_TIMED = 22
OPEN, LOST = 22, 23
"""Rows of the scratch after the timed blocks: what is being integrated, and what is in no block."""
ROWS = 24
NOT_FIRED = 16
INTEGRATION_TICKS, RESET_TICKS = 16, 20
LOST_IN_DEAD_TIME = 16
QUARTERS = 4
FIRST_QUARTER = 0.125
"""Half a quarter tick: the time of a hit is given to the nearest quarter, counted from 1."""

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
def run_chip(
    arrivals: Any, order: Any, first: int, last: int, blocks: Any, begins: Any, threshold: Any,
    tick: float, gate_ns: float, low: Any,
) -> Any:  # fmt: skip
    """Run one chip, or a pair of chips that push together, through a gate.

    The first pixel over its threshold starts a push: 16 ticks of integration, then 20 ticks of
    reset in which the chip is blind.

    Parameters
    ----------
    arrivals : ndarray
        Charges of the board.
    order : ndarray of int64
        Rows of ``arrivals`` in order of time; those from ``first`` to before ``last`` are this
        chip's.
    blocks : ndarray of BLOCK_DTYPE, shape (24, 64)
        Filled: timed blocks, the untimed one, what is lost.
    begins : ndarray of int64, shape (22,)
        Filled: tick of the gate at which each push begins.
    threshold : ndarray of float64, shape (64,)
        fC.
    tick, gate_ns : float
    low : ndarray of float64, shape (64,)
        Charge of the whole gate, added to.

    Returns
    -------
    int
        Timed blocks.
    """
    n_timed = 0
    free = 0.0
    number = first
    while number < last:
        arrival = arrivals[order[number]]
        time, pixel = arrival["time"], arrival["pixel"]
        number += 1
        inside = 0.0 <= time < gate_ns
        if inside:
            low[pixel] += arrival["charge"]
        if not inside or time < free or n_timed == MAX_TIMED:
            _add(blocks[LOST, pixel], arrival)
            blocks[LOST, pixel]["flags"] |= LOST_IN_DEAD_TIME
            continue
        _add(blocks[OPEN, pixel], arrival)
        if blocks[OPEN, pixel]["charge"] < threshold[pixel]:
            continue
        begin = max(0, math.floor(time / tick - FIRST_QUARTER))
        end = (begin + INTEGRATION_TICKS) * tick
        _fire(blocks[OPEN, pixel], time, begin, tick)
        while number < last and arrivals[order[number]]["time"] < end:
            arrival = arrivals[order[number]]
            pixel = arrival["pixel"]
            number += 1
            if arrival["time"] < gate_ns:
                low[pixel] += arrival["charge"]
            _add(blocks[OPEN, pixel], arrival)
            charge = blocks[OPEN, pixel]["charge"]
            if not blocks[OPEN, pixel]["fired"] and charge >= threshold[pixel]:
                _fire(blocks[OPEN, pixel], arrival["time"], begin, tick)
        begins[n_timed] = begin
        n_timed += 1
        free = end + RESET_TICKS * tick
        for member in range(first, number):
            pixel = arrivals[order[member]]["pixel"]
            if blocks[OPEN, pixel]["charge"] > 0.0:
                blocks[n_timed - 1, pixel] = blocks[OPEN, pixel]
                clear(blocks[OPEN, pixel])
    return n_timed
