"""Grading of digits as cross-talk of brighter pixels (reconstruction page, section 7)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import PIXELS_PER_TRIP
from mx2prod.digits.calibrated_columns import CalDigitFlag
from mx2prod.reconstruction.sorting_kernels import sort_places

XTALK = np.uint32(CalDigitFlag.XTALK)
NO_SOURCE = np.float32(-1.0)
"""Score of a digit without a bright neighbour."""
GRID = 8
REACH = 2
"""Largest distance of a source in rows and columns of the photocathode (section 7)."""
_BOARDS = 256


@njit(nogil=True)
def list_sources(light: Any, least: Any, sources: Any) -> Any:
    """List the pixels with more light than ``least``; gives how many."""
    n = 0
    for pixel in range(light.size):
        if light[pixel] > least:
            sources[n] = pixel
            n += 1
    return n


@njit(nogil=True)
def expected_light(light: Any, sources: Any, n: Any, pixel: Any, params: Any) -> Any:
    """Cross-talk that a pixel is expected to have, PE.

    Parameters
    ----------
    light : ndarray of float64, shape (64,)
        Of the pixels of the photomultiplier in one slice.
    sources : ndarray of int64
        The first ``n`` are the pixels that make cross-talk.
    """
    total = 0.0
    for k in range(n):
        source = sources[k]
        if source == pixel:
            continue
        rows, columns = abs(source // GRID - pixel // GRID), abs(source % GRID - pixel % GRID)
        distance, share = max(rows, columns), 0.0
        if distance <= REACH:
            share = params["xt_side"] if distance == 1 else params["xt_distant"]
        if abs(source - pixel) == 1 and source // PIXELS_PER_TRIP == pixel // PIXELS_PER_TRIP:
            share += params["xt_electronic"]
        total += light[source] * share
    return total


@njit(nogil=True)
def score_digits(
    digits: Any, order: Any, n: Any, params: Any, score: Any, keys: Any, places: Any, spare: Any
) -> None:
    """Score the digits of strips by slice and photomultiplier.

    Parameters
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE
        Of a gate, with their slices.
    order : ndarray of int64
        The first ``n`` are digits by push and pixel.
    score : ndarray of float32
        Filled: light over expected cross-talk; ``NO_SOURCE`` without any.
    keys, places, spare
        Work space.
    """
    score[:] = NO_SOURCE
    m = 0
    for place in range(n):
        row = order[place]
        if digits[row]["slice"] > 0:
            places[m] = row
            keys[row] = digits[row]["slice"] * _BOARDS + digits[row]["chan"] // PIXELS_PER_BOARD
            m += 1
    sort_places(keys, places, spare, m)
    light, sources = np.zeros(PIXELS_PER_BOARD), np.empty(PIXELS_PER_BOARD, np.int64)
    first = 0
    while first < m:
        light[:] = 0.0
        last = first
        while last < m and keys[places[last]] == keys[places[first]]:
            digit = digits[places[last]]
            light[digit["chan"] % PIXELS_PER_BOARD] += max(digit["pe"], 0.0)
            last += 1
        n_sources = list_sources(light, params["xt_source_min"], sources)
        for place in range(first, last if n_sources > 0 else first):
            digit = digits[places[place]]
            if digit["strip"] >= 0:
                pixel = digit["chan"] % PIXELS_PER_BOARD
                expected = expected_light(light, sources, n_sources, pixel, params)
                if expected > 0.0:
                    score[places[place]] = max(digit["pe"], 0.0) / expected
        first = last


@njit(nogil=True)
def outshone(digits: Any, places: Any, m: Any, at: Any) -> Any:
    """Whether a digit of the same or the next strip of the plane and slice has more light."""
    digit = digits[places[at]]
    for step in (-1, 1):
        other = at + step
        while 0 <= other < m:
            near = digits[places[other]]
            if (
                near["slice"] != digit["slice"]
                or near["plane"] != digit["plane"]
                or abs(near["strip"] - digit["strip"]) > 1
            ):
                break
            if near["pe"] > digit["pe"]:
                return True
            other += step
    return False


@njit(nogil=True)
def mark_crosstalk(digits: Any, places: Any, m: Any, score: Any, params: Any) -> None:
    """Flag the digits that are cross-talk.

    Parameters
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE
        The flag is added.
    places : ndarray of int64
        The first ``m`` are the usable digits by slice and strip.
    score : ndarray of float32
    params : record of OBJECT_PARAMETER_DTYPE
    """
    for at in range(m):
        digit = digits[places[at]]
        if (
            digit["pe"] < params["xt_max_pe"]
            and 0.0 <= score[places[at]] < params["xt_score"]
            and not outshone(digits, places, m, at)
        ):
            digit["flags"] = digit["flags"] | XTALK
