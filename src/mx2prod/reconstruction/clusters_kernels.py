"""Clusters of the digits of a plane and slice (reconstruction page, section 8)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.columns import ClusterType
from mx2prod.reconstruction.crosstalk_kernels import XTALK
from mx2prod.reconstruction.slices_kernels import DISCARDED, has_time
from mx2prod.reconstruction.sorting_kernels import sort_places

_LOW, _TRACKABLE = int(ClusterType.LOW_ACTIVITY), int(ClusterType.TRACKABLE)
_HEAVY, _SUPER = int(ClusterType.HEAVILY_IONISING), int(ClusterType.SUPERCLUSTER)
_CROSS_TALK = int(ClusterType.CROSS_TALK)
TRACKABLE_STRIPS, HEAVY_STRIPS = 4, 3
"""Most strips of a trackable cluster; most bright strips of a heavily ionising one (section 8)."""
WIDE_STRIPS = 4
"""Strips from which the error of the position is that of the width (section 8)."""
_STRIP_PLACES = 65_536
"""More than there are strips."""

OPEN_DTYPE = np.dtype(
    [
        ("strip", "<i8"),  # last one so far
        ("t", "<f8"),  # of the last timed digit; NaN if there is none
        ("e", "<f8"),
    ]
)
"""A cluster that can still grow."""


@njit(nogil=True)
def list_usable(digits: Any, order: Any, n: Any, keys: Any, places: Any, spare: Any) -> Any:
    """List the digits of strips in slices by slice, strip and time; gives how many.

    Those without a time come after the others of their strip.
    """
    m = 0
    for place in range(n):
        digit = digits[order[place]]
        if digit["slice"] > 0 and digit["strip"] >= 0 and digit["flags"] & DISCARDED == 0:
            places[m] = order[place]
            keys[order[place]] = digit["t"] if has_time(digit) else math.inf
            m += 1
    sort_places(keys, places, spare, m)
    for place in range(m):
        digit = digits[places[place]]
        keys[places[place]] = digit["slice"] * _STRIP_PLACES + digit["strip"]
    sort_places(keys, places, spare, m)
    return m


@njit(nogil=True)
def cluster_to_join(growing: Any, first: Any, last: Any, digit: Any, dt: Any) -> Any:
    """Find the cluster that a digit continues; -1 if there is none.

    A timed digit takes the one nearest in time, one without a time that of most energy.
    """
    best, best_value = -1, math.inf
    timed = has_time(digit)
    for number in range(first, last):
        row = growing[number]
        if digit["strip"] - row["strip"] > 1:
            continue
        if timed and not math.isnan(row["t"]):
            value = abs(digit["t"] - row["t"])
            if value > dt:
                continue
        elif timed:
            value = dt
        else:
            value = -row["e"]
        if value < best_value:
            best, best_value = number, value
    return best


@njit(nogil=True)
def group_digits(digits: Any, places: Any, m: Any, dt: Any, number: Any, growing: Any) -> Any:
    """Give each digit, in order of slice and strip, the number of its cluster.

    Parameters
    ----------
    number : ndarray of int64
        Filled, by place.
    growing : ndarray of OPEN_DTYPE
        Work space, as long as there are digits.

    Returns
    -------
    int
        Number of clusters.
    """
    n, first = 0, 0
    for place in range(m):
        digit = digits[places[place]]
        if place > 0:
            before = digits[places[place - 1]]
            if (
                before["slice"] != digit["slice"]
                or before["plane"] != digit["plane"]
                or digit["strip"] - before["strip"] > 1
            ):
                first = n
        found = cluster_to_join(growing, first, n, digit, dt)
        if found < 0:
            found = n
            n += 1
            growing[found]["t"], growing[found]["e"] = math.nan, 0.0
        growing[found]["strip"] = digit["strip"]
        growing[found]["e"] += digit["energy"]
        if has_time(digit):
            growing[found]["t"] = digit["t"]
        number[place] = found
    return n


@njit(nogil=True)
def list_members(places: Any, number: Any, m: Any, n: Any, begin: Any, members: Any) -> None:
    """Sort digits by cluster, in the order that they have.

    ``begin``, shape (n + 1,), and ``members`` are filled.
    """
    begin[: n + 1] = 0
    for place in range(m):
        begin[number[place] + 1] += 1
    for cluster in range(n):
        begin[cluster + 1] += begin[cluster]
    for place in range(m):
        members[begin[number[place]]] = places[place]
        begin[number[place]] += 1
    for cluster in range(n, 0, -1):
        begin[cluster] = begin[cluster - 1]
    begin[0] = 0


@njit(nogil=True)
def keep_brightest(energies: Any, n: Any, most: Any, order: Any, spare: Any, keep: Any) -> None:
    """Mark the ``most`` of ``n`` with the highest energy; of equals, the first ones."""
    if n <= most:
        keep[:n] = True
        return
    for place in range(n):
        order[place] = place
        energies[place] = -energies[place]
    sort_places(energies, order, spare, n)
    keep[:n] = False
    for place in range(most):
        keep[order[place]] = True


@njit(nogil=True)
def class_of(energy: Any, strips: Any, bright: Any, contiguous: Any, params: Any) -> Any:
    """Class of a cluster.

    Parameters
    ----------
    energy : float, MeV
        Without cross-talk.
    strips, bright : int
        Strips without those of cross-talk only; those of them above ``strip_energy``.
    contiguous : bool
        No other strip between the bright ones.
    """
    if energy < params["min_energy"]:
        return _LOW
    if (
        energy <= params["max_trackable"]
        and strips <= TRACKABLE_STRIPS
        and bright >= 1
        and contiguous
    ):
        return _TRACKABLE
    if 1 <= bright <= HEAVY_STRIPS:
        return _HEAVY
    return _SUPER


@njit(nogil=True)
def describe_strips(digits: Any, members: Any, first: Any, last: Any, graded: Any, cut: Any) -> Any:
    """Count the strips of a cluster; cross-talk counts only if ``graded`` is false.

    Returns
    -------
    energy : float
    strips, bright, low, high : int
        Strips, those above ``cut``, and the first and last strip.
    contiguous : bool
    """
    energy, strips, bright, low, high = 0.0, 0, 0, -1, -1
    first_bright, last_bright = -1, -1
    at = first
    while at < last:
        strip = digits[members[at]]["strip"]
        of_strip, counts = 0.0, False
        while at < last and digits[members[at]]["strip"] == strip:
            digit = digits[members[at]]
            if not graded or digit["flags"] & XTALK == 0:
                of_strip += digit["energy"]
                counts = True
            at += 1
        if not counts:
            continue
        energy += of_strip
        strips += 1
        low = strip if low < 0 else low
        high = strip
        if of_strip > cut:
            bright += 1
            first_bright = strip if first_bright < 0 else first_bright
            last_bright = strip
    return energy, strips, bright, low, high, last_bright - first_bright + 1 == bright


@njit(nogil=True)
def centre_of(strip: Any, shape: Any) -> Any:
    """View coordinate of the centre of a dense strip, mm.

    ``shape`` holds strips of a plane, pitch and middle strip.
    """
    return shape[1] * (strip % shape[0] + 1.0 - shape[2])


@njit(nogil=True)
def position_of(
    digits: Any, members: Any, first: Any, last: Any, graded: Any, shape: Any, middle: Any
) -> Any:
    """Mean coordinate of the strips, weighted with energy; ``middle`` without energy."""
    weights, moment = 0.0, 0.0
    for at in range(first, last):
        digit = digits[members[at]]
        weight = max(digit["energy"], 0.0)
        if not graded or digit["flags"] & XTALK == 0:
            weights += weight
            moment += weight * (centre_of(digit["strip"], shape) - middle)
    return middle + moment / weights if weights > 0.0 else middle


@njit(nogil=True)
def sum_light(digits: Any, members: Any, first: Any, last: Any, cluster: Any) -> Any:
    """Fill energy, light and time of a cluster; gives how many digits are cross-talk."""
    energy, light, weights, moment, graded = 0.0, 0.0, 0.0, 0.0, 0
    start, timed, plain = math.nan, 0, 0.0
    for at in range(first, last):
        digit = digits[members[at]]
        energy += digit["energy"]
        light += digit["pe"]
        if digit["flags"] & XTALK != 0:
            graded += 1
        if has_time(digit):
            if timed == 0:
                start = digit["t"]
            timed += 1
            plain += digit["t"] - start
            weights += max(digit["pe"], 0.0)
            moment += max(digit["pe"], 0.0) * (digit["t"] - start)
    cluster["e"], cluster["pe"] = energy, light
    cluster["t"] = math.nan
    if timed > 0:
        cluster["t"] = start + (moment / weights if weights > 0.0 else plain / timed)
    return graded


@njit(nogil=True)
def fill_cluster(
    digits: Any, members: Any, first: Any, last: Any, shape: Any, params: Any, cluster: Any
) -> None:
    """Fill a cluster from its digits, all but where its digits stand.

    Cross-talk counts for energy, light and time only, unless there is nothing else.
    """
    graded = sum_light(digits, members, first, last, cluster)
    whole = graded == last - first
    energy, strips, bright, low, high, contiguous = describe_strips(
        digits, members, first, last, not whole, params["strip_energy"]
    )
    cluster["type"] = _CROSS_TALK if whole else class_of(energy, strips, bright, contiguous, params)
    cluster["plane"] = digits[members[first]]["plane"]
    cluster["slice"] = digits[members[first]]["slice"]
    edge1, edge2 = centre_of(low, shape), centre_of(high, shape)
    cluster["tpos1"], cluster["tpos2"] = edge1, edge2
    width = (high - low + 1) * shape[1]
    cluster["width"] = width
    cluster["coord"] = position_of(
        digits, members, first, last, not whole, shape, 0.5 * (edge1 + edge2)
    )
    cluster["lpos"] = 0.0
    if strips == 1:
        cluster["err"] = params["error_single"]
    elif strips < WIDE_STRIPS:
        cluster["err"] = params["error_shared"]
    else:
        cluster["err"] = width / math.sqrt(12.0)
