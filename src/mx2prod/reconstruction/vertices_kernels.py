"""Vertices of the tracks of a slice: starts, kinks and stops (section 11)."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.columns import TrackFlag
from mx2prod.reconstruction.object_columns import VertexType

START, KINK, STOP = int(VertexType.START), int(VertexType.KINK), int(VertexType.STOP)
BACKWARD, SEGMENT = int(TrackFlag.BACKWARD), int(TrackFlag.SEGMENT)
ITERATIONS = 5
LOOSE_Z = 500.0
"""Spread of a weak constraint on z, mm: tracks that are nearly parallel leave it open."""

END_DTYPE = np.dtype(
    [
        ("z", "<f8"),
        ("state", "<f8", (4,)),  # x, y, dx/dz, dy/dz
        ("cov", "<f8", (10,)),
        ("low", "<f8"),  # z where a vertex can be
        ("high", "<f8"),
        ("step", "<f8"),  # to the neighbouring plane, mm
    ]
)
"""One end of a track."""


@njit(nogil=True)
def fill_end(track: Any, node: Any, first: Any, planes: Any, reach: Any, end: Any) -> None:
    """Describe an end of a track: that of its first node, or of its last one."""
    end["z"] = node["z"]
    if first:
        end["state"][0], end["state"][1] = track["x"], track["y"]
        end["state"][2], end["state"][3] = track["ax"], track["ay"]
    for i in range(4):
        if not first:
            end["state"][i] = track["last_state"][i]
    for i in range(10):
        end["cov"][i] = track["first_cov"][i] if first else track["last_cov"][i]
    plane = node["plane"]
    end["low"] = planes[max(plane - reach, 0)]["z"]
    end["high"] = planes[min(plane + reach, planes.size - 1)]["z"]
    near = plane - 1 if plane > 0 else plane + 1
    end["step"] = abs(planes[plane]["z"] - planes[near]["z"])


@njit(nogil=True)
def fill_ends(tracks: Any, nodes: Any, planes: Any, reach: Any, starts: Any, stops: Any) -> None:
    """Describe where the tracks start and stop: backward ones start at their last node."""
    for number in range(tracks.size):
        track = tracks[number]
        begin, last = track["first_node"], track["first_node"] + track["n_nodes"] - 1
        backward = track["flags"] & BACKWARD != 0
        one, other = (stops, starts) if backward else (starts, stops)
        fill_end(track, nodes[begin], True, planes, reach, one[number])
        fill_end(track, nodes[last], False, planes, reach, other[number])


@njit(nogil=True)
def approach(a: Any, b: Any) -> Any:
    """Smallest distance of two ends, across the beam, where a vertex of both can be.

    It is infinite if that is nowhere.
    """
    low, high = max(a["low"], b["low"]), min(a["high"], b["high"])
    if low > high:
        return math.inf
    dx = a["state"][0] - b["state"][0] - a["z"] * a["state"][2] + b["z"] * b["state"][2]
    dy = a["state"][1] - b["state"][1] - a["z"] * a["state"][3] + b["z"] * b["state"][3]
    sx, sy = a["state"][2] - b["state"][2], a["state"][3] - b["state"][3]
    slope2 = sx * sx + sy * sy
    z = 0.5 * (a["z"] + b["z"]) if slope2 < 1e-12 else -(dx * sx + dy * sy) / slope2
    z = min(max(z, low), high)
    return math.hypot(dx + z * sx, dy + z * sy)


@njit(nogil=True)
def root_of(parent: Any, number: Any) -> Any:
    """First member of the group of a number; shortens the way on the way."""
    while parent[number] != number:
        parent[number] = parent[parent[number]]
        number = parent[number]
    return number


@njit(nogil=True)
def join(parent: Any, a: Any, b: Any) -> None:
    """Make one group of those of two numbers; the smaller first member stays."""
    first, second = root_of(parent, a), root_of(parent, b)
    parent[max(first, second)] = min(first, second)


@njit(nogil=True)
def group_starts(tracks: Any, starts: Any, most: Any, parent: Any) -> None:
    """Group tracks of a slice whose starts are near each other."""
    for a in range(tracks.size):
        parent[a] = a
    for a in range(tracks.size):
        for b in range(a + 1, tracks.size):
            if (
                tracks[a]["slice"] == tracks[b]["slice"]
                and (tracks[a]["flags"] | tracks[b]["flags"]) & SEGMENT == 0
                and approach(starts[a], starts[b]) < most
            ):
                join(parent, a, b)


@njit(nogil=True)
def inverse_at(end: Any, z: Any, weight: Any) -> None:
    """Fill the inverse covariance of x and y of an end carried to z: xx, xy, yy."""
    d, cov = z - end["z"], end["cov"]
    xx = cov[0] + d * (2.0 * cov[2] + d * cov[7])
    xy = cov[1] + d * (cov[3] + cov[5] + d * cov[8])
    yy = cov[4] + d * (2.0 * cov[6] + d * cov[9])
    determinant = xx * yy - xy * xy
    weight[0], weight[1], weight[2] = yy / determinant, -xy / determinant, xx / determinant


@njit(nogil=True)
def solve_three(m: Any, r: Any, out: Any) -> None:
    """Solve three equations with a symmetric matrix, and give its inverse's diagonal.

    Parameters
    ----------
    m : ndarray of float64, shape (6,)
        xx, xy, xz, yy, yz, zz.
    r : ndarray of float64, shape (3,)
    out : ndarray of float64, shape (6,)
        Filled: solution, diagonal of the inverse.
    """
    c0, c1, c2 = m[3] * m[5] - m[4] ** 2, m[2] * m[4] - m[1] * m[5], m[1] * m[4] - m[2] * m[3]
    d1, d2, d3 = m[0] * m[5] - m[2] ** 2, m[1] * m[2] - m[0] * m[4], m[0] * m[3] - m[1] ** 2
    determinant = m[0] * c0 + m[1] * c1 + m[2] * c2
    out[0] = (c0 * r[0] + c1 * r[1] + c2 * r[2]) / determinant
    out[1] = (c1 * r[0] + d1 * r[1] + d2 * r[2]) / determinant
    out[2] = (c2 * r[0] + d2 * r[1] + d3 * r[2]) / determinant
    out[3], out[4], out[5] = c0 / determinant, d1 / determinant, d3 / determinant


@njit(nogil=True)
def fit_point(starts: Any, members: Any, n: Any, found: Any, work: Any) -> None:
    """Fit the point nearest to some tracks.

    Parameters
    ----------
    starts : ndarray of END_DTYPE
    members : ndarray of int64
        The first ``n`` are the tracks.
    found : ndarray of float64, shape (6,)
        Filled: x, y, z, and the squares of their errors.
    work : ndarray of float64, shape (15,)
    """
    weight, matrix, right = work[:3], work[3:9], work[9:12]
    mean, low, high = 0.0, math.inf, -math.inf
    for k in range(n):
        end = starts[members[k]]
        mean += end["z"] / n
        low, high = min(low, end["low"]), max(high, end["high"])
    found[2] = mean
    for _ in range(ITERATIONS):
        matrix[:], right[:] = 0.0, 0.0
        matrix[5] = 1.0 / LOOSE_Z**2
        right[2] = mean / LOOSE_Z**2
        for k in range(n):
            end = starts[members[k]]
            inverse_at(end, found[2], weight)
            ax, ay = end["state"][2], end["state"][3]
            x0, y0 = end["state"][0] - end["z"] * ax, end["state"][1] - end["z"] * ay
            wx, wy = weight[0] * ax + weight[1] * ay, weight[1] * ax + weight[2] * ay
            matrix[0] += weight[0]
            matrix[1] += weight[1]
            matrix[2] -= wx
            matrix[3] += weight[2]
            matrix[4] -= wy
            matrix[5] += ax * wx + ay * wy
            right[0] += weight[0] * x0 + weight[1] * y0
            right[1] += weight[1] * x0 + weight[2] * y0
            right[2] -= wx * x0 + wy * y0
        solve_three(matrix, right, found)
        found[2] = min(max(found[2], low), high)


@njit(nogil=True)
def distance2_of(end: Any, found: Any, weight: Any) -> Any:
    """Chi2 of a point and the end of a track, 2 degrees of freedom."""
    inverse_at(end, found[2], weight)
    d = found[2] - end["z"]
    dx = found[0] - end["state"][0] - d * end["state"][2]
    dy = found[1] - end["state"][1] - d * end["state"][3]
    return weight[0] * dx * dx + 2.0 * weight[1] * dx * dy + weight[2] * dy * dy


@njit(nogil=True)
def fit_group(starts: Any, members: Any, n: Any, sigma: Any, found: Any, work: Any) -> Any:
    """Fit a point, dropping the worst track while one is too far away.

    The tracks that stay are the first of ``members`` then, in their order, the dropped ones behind.

    Returns
    -------
    n : int
        Tracks that stay; 1 if no two fit together.
    chi2 : float
    """
    while n > 1:
        fit_point(starts, members, n, found, work)
        worst, most, chi2 = -1, sigma * sigma, 0.0
        for k in range(n):
            own = distance2_of(starts[members[k]], found, work[:3])
            chi2 += own
            if own > most:
                worst, most = k, own
        if worst < 0:
            return n, chi2
        dropped = members[worst]
        for k in range(worst, n - 1):
            members[k] = members[k + 1]
        members[n - 1] = dropped
        n -= 1
    return n, 0.0


@njit(nogil=True)
def single_point(end: Any, found: Any) -> None:
    """Point and squares of its errors of one end of a track: it lies behind the plane before."""
    found[0], found[1], found[2] = end["state"][0], end["state"][1], end["z"]
    found[3], found[4], found[5] = end["cov"][0], end["cov"][4], end["step"] ** 2 / 12.0


@njit(nogil=True)
def stops_at(tracks: Any, stops: Any, number: Any, slice_number: Any, found: Any, most: Any) -> Any:
    """Whether a track of the slice ends at a point."""
    if tracks[number]["slice"] != slice_number or tracks[number]["flags"] & SEGMENT != 0:
        return False
    end = stops[number]
    if found[2] < end["low"] or found[2] > end["high"]:
        return False
    d = found[2] - end["z"]
    dx = found[0] - end["state"][0] - d * end["state"][2]
    dy = found[1] - end["state"][1] - d * end["state"][3]
    return math.hypot(dx, dy) < most
