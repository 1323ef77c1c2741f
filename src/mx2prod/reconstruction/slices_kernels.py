"""Time slices of the digits of a gate (reconstruction page, section 6)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.constants.keys import PIXELS_PER_HALF
from mx2prod.digits.calibrated_columns import CalDigitFlag
from mx2prod.reconstruction.sorting_kernels import sort_places

FIRED, DISCARDED = np.uint32(CalDigitFlag.FIRED), np.uint32(CalDigitFlag.DISCARDED)
UNTIMED_ASSIGNED = np.uint32(CalDigitFlag.UNTIMED_ASSIGNED)
PILE_UP = np.uint32(CalDigitFlag.PILE_UP)
_MADE_HERE = np.uint32(CalDigitFlag.UNTIMED_ASSIGNED | CalDigitFlag.PILE_UP | CalDigitFlag.XTALK)
MAX_SLICES = 32_000
"""The column of the slice has 16 bits; a gate has some ten, and room for two hundred."""


@njit(nogil=True)
def order_by_push(digits: Any, keys: Any, order: Any, spare: Any) -> Any:
    """List the digits of known channels by push and pixel, and forget earlier slices and grades.

    No two digits have the same push and pixel, so that this order, and with it every sum, does not
    depend on the order of the input.

    Returns
    -------
    int
        How many are listed in ``order``.
    """
    n = 0
    for row in range(digits.size):
        digits[row]["slice"] = 0
        digits[row]["flags"] = digits[row]["flags"] & ~_MADE_HERE
        if digits[row]["push"] >= 0:
            keys[row] = (
                digits[row]["push"] * PIXELS_PER_HALF + digits[row]["chan"] % PIXELS_PER_HALF
            )
            order[n] = row
            n += 1
    sort_places(keys, order, spare, n)
    return n


@njit(nogil=True)
def has_time(digit: Any) -> Any:
    """Whether the discriminator fired and the time is known."""
    return digit["flags"] & FIRED != 0 and not math.isnan(digit["t"])


@njit(nogil=True)
def opens(digit: Any) -> Any:
    """Whether a digit counts for opening slices: timed, of a strip, in use."""
    return digit["strip"] >= 0 and digit["flags"] & DISCARDED == 0 and has_time(digit)


@njit(nogil=True)
def list_opening(digits: Any, order: Any, n: Any, keys: Any, timed: Any, spare: Any) -> Any:
    """List the digits that can open slices by time; gives how many."""
    m = 0
    for place in range(n):
        row = order[place]
        if opens(digits[row]):
            timed[m] = row
            keys[row] = digits[row]["t"]
            m += 1
    sort_places(keys, timed, spare, m)
    return m


@njit(nogil=True)
def start_slice(digits: Any, timed: Any, begin: Any, at: Any, slices: Any, n: Any, gap: Any) -> Any:
    """Open a slice with the digits ``begin`` to ``at``; gives the number of slices then.

    It goes on with the one before if the gap between them is too small.
    """
    t0 = digits[timed[begin]]["t"]
    if n == 0 or t0 - slices[n - 1]["t1"] >= gap:
        slices[n]["t0"] = t0
        n += 1
    for place in range(begin, at + 1):
        digits[timed[place]]["slice"] = n
    slices[n - 1]["t1"] = digits[timed[at]]["t"]
    return n


@njit(nogil=True)
def find_slices(digits: Any, timed: Any, m: Any, slices: Any, params: Any) -> Any:
    """Slide the window over the digits in order of time.

    A slice closes when the light of the window is too little before the next digit comes: what
    follows a burst within the window belongs to it, what comes later has to open its own.

    Parameters
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE
        ``slice`` is filled.
    timed : ndarray of int64
        The first ``m`` are rows of digits, in order of time.
    slices : ndarray of SLICE_DTYPE
        t0 and t1 are filled.
    params : record of OBJECT_PARAMETER_DTYPE

    Returns
    -------
    int
        Number of slices.
    """
    n, begin, total = 0, 0, 0.0
    is_open = False
    for at in range(m):
        digit = digits[timed[at]]
        while begin < at and digit["t"] - digits[timed[begin]]["t"] > params["window"]:
            total -= max(digits[timed[begin]]["pe"], 0.0)
            begin += 1
        if begin == at or (is_open and total < params["close_pe"]):
            is_open, begin, total = False, at, 0.0
        total += max(digit["pe"], 0.0)
        if is_open:
            digit["slice"] = n
            slices[n - 1]["t1"] = digit["t"]
        elif total >= params["open_pe"] and n < MAX_SLICES:
            n = start_slice(digits, timed, begin, at, slices, n, params["merge_gap"])
            is_open = True
    return n


@njit(nogil=True)
def sum_slices(digits: Any, timed: Any, m: Any, slices: Any, n: Any) -> None:
    """Fill light and mean time of the slices from the digits that opened them."""
    for number in range(n):
        slices[number]["pe"], slices[number]["t_mean"] = 0.0, 0.0
    number, light, moment = 0, 0.0, 0.0
    for at in range(m + 1):
        of = digits[timed[at]]["slice"] if at < m else -1
        if of == 0:
            continue
        if of != number:
            if number > 0:
                slices[number - 1]["pe"] = light
                slices[number - 1]["t_mean"] = slices[number - 1]["t0"] + moment / light
            number, light, moment = of, 0.0, 0.0
        if at < m:
            weight = max(digits[timed[at]]["pe"], 0.0)
            light += weight
            moment += weight * (digits[timed[at]]["t"] - slices[of - 1]["t0"])


@njit(nogil=True)
def attach_timed(digits: Any, order: Any, n: Any, slices: Any, n_slices: Any, window: Any) -> None:
    """Give timed digits that open no slice, as those of the outer detector, the nearest one.

    It must be within the length of the window.
    """
    for place in range(n):
        digit = digits[order[place]]
        if not has_time(digit) or opens(digit):
            continue
        nearest, best = 0, window
        for number in range(n_slices):
            away = max(slices[number]["t0"] - digit["t"], digit["t"] - slices[number]["t1"], 0.0)
            if away < best or (away <= best and nearest == 0):
                nearest, best = number + 1, away
        digit["slice"] = nearest


@njit(nogil=True)
def slice_of_push(digits: Any, order: Any, first: Any, last: Any) -> Any:
    """Find the slice with most light among the timed digits of a push.

    Returns
    -------
    best : int
        0 if there is none; the earlier one of two that are equal.
    several : bool
        The digits have more than one slice.
    """
    best, most, several = 0, -1.0, False
    for place in range(first, last):
        digit = digits[order[place]]
        number = digit["slice"]
        if number == 0 or not has_time(digit) or number == best:
            continue
        light = 0.0
        for other in range(first, last):
            if digits[order[other]]["slice"] == number and has_time(digits[order[other]]):
                light += max(digits[order[other]]["pe"], 0.0)
        several = several or best > 0
        if light > most or (light == most and number < best):
            best, most = number, light
    return best, several


@njit(nogil=True)
def attach_untimed(digits: Any, order: Any, n: Any) -> None:
    """Give digits without a time the slice of their push; mark pushes with several slices."""
    first = 0
    while first < n:
        push = digits[order[first]]["push"]
        last = first + 1
        while last < n and digits[order[last]]["push"] == push:
            last += 1
        best, several = slice_of_push(digits, order, first, last)
        for place in range(first, last):
            digit = digits[order[place]]
            if several:
                digit["flags"] = digit["flags"] | PILE_UP
            if best > 0 and digit["flags"] & FIRED == 0:
                digit["slice"] = best
                digit["flags"] = digit["flags"] | UNTIMED_ASSIGNED
        first = last


@njit(nogil=True)
def slice_gate(digits: Any, slices: Any, params: Any, keys: Any, order: Any, work: Any) -> Any:
    """Slice the digits of a gate.

    Parameters
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE
        Of one gate; ``slice`` and flags are filled.
    slices : ndarray of SLICE_DTYPE
        Room for as many as there are digits.
    params : record of OBJECT_PARAMETER_DTYPE
    keys : ndarray of float64
    order : ndarray of int64
        Filled with the digits of known channels by push and pixel.
    work : ndarray of int64, shape (3, n)

    Returns
    -------
    n_listed, n_slices : int
    """
    n = order_by_push(digits, keys, order, work[0])
    m = list_opening(digits, order, n, keys, work[1], work[0])
    n_slices = find_slices(digits, work[1], m, slices, params)
    sum_slices(digits, work[1], m, slices, n_slices)
    attach_timed(digits, order, n, slices, n_slices, params["window"])
    attach_untimed(digits, order, n)
    return n, n_slices
