"""Clusters of one gate, sorted by slice, plane and position: what all track kernels look at."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

FREE, TAKEN = 0, 1
WIDEST = 35.0
"""A cluster counts as near within this error at most, mm: that of seven strips."""


EVENT_DTYPE = np.dtype(
    [
        ("row", "<i8"),  # place in the clusters of the gate, as given
        ("plane", "<i8"),
        ("slice", "<i8"),
        ("kind", "<i8"),  # ClusterType
        ("part", "<i8"),  # 1: a supercluster, whose nodes have a part of it
        ("taken", "<i8"),
        ("t", "<f8"),
        ("err", "<f8"),
        ("low", "<f8"),  # smallest and largest coordinate of its strips
        ("high", "<f8"),
        ("time", "<f8"),
        ("pe", "<f8"),
        ("energy", "<f8"),
    ]
)


class Event(NamedTuple):
    """Sorted clusters of a gate, and where those of the current slice and each plane begin."""

    rows: Any
    """EVENT_DTYPE."""
    begin: Any
    """First cluster of each plane in the current slice, shape (n_planes + 1,)."""


@njit(nogil=True)
def comes_before(clusters: Any, first: Any, second: Any) -> Any:
    """Order of two clusters that does not depend on where they stand in the input."""
    a, b = clusters[first], clusters[second]
    if a["slice"] != b["slice"]:
        return a["slice"] < b["slice"]
    if a["plane"] != b["plane"]:
        return a["plane"] < b["plane"]
    if a["coord"] != b["coord"]:
        return a["coord"] < b["coord"]
    if a["type"] != b["type"]:
        return a["type"] < b["type"]
    if a["e"] != b["e"]:
        return a["e"] < b["e"]
    if a["pe"] != b["pe"]:
        return a["pe"] < b["pe"]
    if a["err"] != b["err"]:
        return a["err"] < b["err"]
    return first < second


@njit(nogil=True)
def merge_sort(clusters: Any, order: Any, spare: Any, n: Any) -> None:
    """Sort places of clusters by :func:`comes_before`, in runs that double."""
    width = 1
    while width < n:
        for low in range(0, n, 2 * width):
            middle, high = min(low + width, n), min(low + 2 * width, n)
            i, j = low, middle
            for place in range(low, high):
                if i < middle and (j >= high or not comes_before(clusters, order[j], order[i])):
                    spare[place] = order[i]
                    i += 1
                else:
                    spare[place] = order[j]
                    j += 1
        order[:n] = spare[:n]
        width *= 2


@njit(nogil=True)
def fill_event(clusters: Any, event: Any, order: Any, spare: Any) -> None:
    """Sort the clusters of a gate into the event.

    Parameters
    ----------
    clusters : ndarray of CLUSTER_DTYPE
        Of one gate.
    event : Event
        Filled, all but ``begin``.
    order, spare : ndarray of int64
        Work space.
    """
    n = clusters.size
    for place in range(n):
        order[place] = place
    merge_sort(clusters, order, spare, n)
    for place in range(n):
        row = clusters[order[place]]
        event.rows[place]["row"] = order[place]
        event.rows[place]["plane"] = row["plane"]
        event.rows[place]["slice"] = row["slice"]
        event.rows[place]["kind"] = row["type"]
        event.rows[place]["t"] = row["coord"]
        event.rows[place]["err"] = row["err"]
        event.rows[place]["low"] = min(row["tpos1"], row["tpos2"])
        event.rows[place]["high"] = max(row["tpos1"], row["tpos2"])
        event.rows[place]["time"] = row["t"]
        event.rows[place]["pe"] = row["pe"]
        event.rows[place]["energy"] = row["e"]
        event.rows[place]["part"] = 1 if row["type"] == 3 else 0
        event.rows[place]["taken"] = FREE


@njit(nogil=True)
def begin_slice(event: Any, first: Any, last: Any) -> None:
    """Note where the clusters of each plane begin; the slice has the rows first to last - 1."""
    plane = 0
    for place in range(first, last):
        while plane <= event.rows[place]["plane"]:
            event.begin[plane] = place
            plane += 1
    while plane < event.begin.size:
        event.begin[plane] = last
        plane += 1


@njit(nogil=True)
def first_above(event: Any, plane: Any, t: Any) -> Any:
    """First cluster of a plane whose coordinate is not below ``t``."""
    low, high = event.begin[plane], event.begin[plane + 1]
    while low < high:
        middle = (low + high) // 2
        if event.rows[middle]["t"] < t:
            low = middle + 1
        else:
            high = middle
    return low


@njit(nogil=True)
def nearest_cluster(event: Any, plane: Any, t: Any, sigmas: Any, variance: Any, top: Any) -> Any:
    """Free cluster of a plane nearest to ``t`` in the road; -1 if there is none.

    Parameters
    ----------
    event : Event
    plane : int
    t : float, mm
    sigmas : float
        Half width of the road in standard deviations.
    variance : float, mm2
        Of ``t``; that of the cluster comes on top.
    top : int
        Clusters of the types 1 to ``top`` count.
    """
    best, best_chi2 = -1, sigmas * sigmas
    reach = sigmas * math.sqrt(variance + WIDEST * WIDEST)
    for place in range(first_above(event, plane, t - reach), event.begin[plane + 1]):
        if event.rows[place]["t"] > t + reach:
            break
        if event.rows[place]["taken"] != FREE or not 1 <= event.rows[place]["kind"] <= top:
            continue
        miss, error = event.rows[place]["t"] - t, event.rows[place]["err"]
        chi2 = miss * miss / (variance + error * error)
        if chi2 < best_chi2:
            best, best_chi2 = place, chi2
    return best
