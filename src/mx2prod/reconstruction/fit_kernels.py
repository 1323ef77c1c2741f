"""Kalman filter and smoother of one track (reconstruction page, section 9).

State x, y, dx/dz, dy/dz; every node measures one coordinate t.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.material_kernels import cross_planes, kinetic_of, square
from mx2prod.reconstruction.smoother_kernels import N_STATE, smooth

FAR2, STEEP2 = 1e5, 1e1
"""Variances of position (mm2) and slope before the first node: nothing is known."""


FIT_NODE_DTYPE = np.dtype(
    [
        ("plane", "<i8"),
        ("cluster", "<i8"),
        ("part", "<i8"),  # 1: only a part of the cluster belongs to the track
        ("t", "<f8"),
        ("variance", "<f8"),
        ("chi2", "<f8"),
        ("kinetic", "<f8"),
        ("state", "<f8", (4,)),  # smoothed; before the fit where the path is thought to be
        ("spread", "<f8", (3,)),  # smoothed covariance of x and y: xx, xy, yy
        ("filtered", "<f8", (14,)),  # state and covariance behind the node
        ("gain", "<f8", (6,)),  # gain (4), residual / its variance, 1 / its variance
        ("moments", "<f8", (3,)),
    ]
)
"""Covariances are upper triangles by rows: xx, xy, xa, xb, yy, ya, yb, aa, ab, bb."""

FIT_END_DTYPE = np.dtype(
    [
        ("first", "<f8", (10,)),  # smoothed covariance at the first node
        ("last", "<f8", (10,)),
        ("spare", "<f8", (3,)),
        ("chi2", "<f8"),  # of the track
    ]
)


class Fit(NamedTuple):
    """One track in work: nodes in order along the beam, room for one a plane."""

    nodes: Any
    ends: Any


@njit(nogil=True)
def scatter(cov: Any, moments: Any, ax: Any, ay: Any, sign: Any) -> None:
    """Add scattering to a covariance; ``sign`` -1 for a path upstream."""
    xx, xy, yy = 1.0 + ax * ax, ax * ay, 1.0 + ay * ay
    angle, lever, area = moments[0], sign * moments[1], moments[2]
    cov[0] += area * xx
    cov[1] += area * xy
    cov[2] += lever * xx
    cov[3] += lever * xy
    cov[4] += area * yy
    cov[5] += lever * xy
    cov[6] += lever * yy
    cov[7] += angle * xx
    cov[8] += angle * xy
    cov[9] += angle * yy


@njit(nogil=True)
def fly(state: Any, cov: Any, d: Any) -> None:
    """Carry state and covariance straight over a distance in z."""
    state[0] += d * state[2]
    state[1] += d * state[3]
    cov[0] += d * (2.0 * cov[2] + d * cov[7])
    cov[1] += d * (cov[3] + cov[5] + d * cov[8])
    cov[2] += d * cov[7]
    cov[3] += d * cov[8]
    cov[4] += d * (2.0 * cov[6] + d * cov[9])
    cov[5] += d * cov[8]
    cov[6] += d * cov[9]


@njit(nogil=True)
def measure(state: Any, cov: Any, hx: Any, hy: Any, t: Any, variance: Any, gain: Any) -> Any:
    """Take in one measurement; gives the chi2 of its residual before."""
    v0 = hx * cov[0] + hy * cov[1]
    v1 = hx * cov[1] + hy * cov[4]
    v2 = hx * cov[2] + hy * cov[5]
    v3 = hx * cov[3] + hy * cov[6]
    inverse = 1.0 / (hx * v0 + hy * v1 + variance)
    residual = t - hx * state[0] - hy * state[1]
    k0, k1, k2, k3 = v0 * inverse, v1 * inverse, v2 * inverse, v3 * inverse
    state[0] += k0 * residual
    state[1] += k1 * residual
    state[2] += k2 * residual
    state[3] += k3 * residual
    cov[0] -= k0 * v0
    cov[1] -= k0 * v1
    cov[2] -= k0 * v2
    cov[3] -= k0 * v3
    cov[4] -= k1 * v1
    cov[5] -= k1 * v2
    cov[6] -= k1 * v3
    cov[7] -= k2 * v2
    cov[8] -= k2 * v3
    cov[9] -= k3 * v3
    gain[0], gain[1], gain[2], gain[3] = k0, k1, k2, k3
    gain[4], gain[5] = residual * inverse, inverse
    return residual * residual * inverse


@njit(nogil=True)
def kinetic_at_first(stack: Any, fit: Any, reference: Any, kinetic: Any, mass: Any) -> Any:
    """Energy at the first node from that at another one."""
    for k in range(reference, 0, -1):
        here, there = fit.nodes[k]["plane"], fit.nodes[k - 1]["plane"]
        kinetic = cross_planes(
            stack,
            here,
            there,
            fit.nodes[k]["state"],
            kinetic,
            mass,
            fit.nodes[k]["moments"],
            fit.ends[0]["spare"],
        )
    return kinetic


@njit(nogil=True)
def filter_forward(stack: Any, fit: Any, n: Any, kinetic: Any, mass: Any) -> None:
    """Filter from the first node to the last; energy is that at the first."""
    state, cov = fit.nodes[0]["filtered"][:N_STATE], fit.nodes[0]["filtered"][N_STATE:]
    state[:] = fit.nodes[0]["state"]
    cov[:] = 0.0
    cov[0], cov[4], cov[7], cov[9] = FAR2, FAR2, STEEP2, STEEP2
    total = 0.0
    for k in range(n):
        row = stack.planes[fit.nodes[k]["plane"]]
        if k > 0:
            before, start = fit.nodes[k - 1]["plane"], fit.nodes[k - 1]["state"]
            z = stack.planes[before]["z"]
            kinetic = cross_planes(
                stack,
                before,
                fit.nodes[k]["plane"],
                start,
                kinetic,
                mass,
                fit.nodes[k]["moments"],
                fit.ends[0]["spare"],
            )
            fit.nodes[k]["filtered"][:] = fit.nodes[k - 1]["filtered"]
            state, cov = fit.nodes[k]["filtered"][:N_STATE], fit.nodes[k]["filtered"][N_STATE:]
            fly(state, cov, row["z"] - z)
            scatter(cov, fit.nodes[k]["moments"], start[2], start[3], 1.0)
        fit.nodes[k]["kinetic"] = kinetic
        total += measure(
            state,
            cov,
            row["along_x"],
            row["along_y"],
            fit.nodes[k]["t"],
            fit.nodes[k]["variance"],
            fit.nodes[k]["gain"],
        )
    fit.ends[0]["last"][:] = cov
    fit.ends[0]["chi2"] = total


@njit(nogil=True)
def fit_at(
    stack: Any, fit: Any, n: Any, momentum: Any, reference: Any, mass: Any, sums: Any
) -> None:
    """Filter and smooth with a momentum at the node ``reference``, MeV/c."""
    kinetic = kinetic_at_first(stack, fit, reference, kinetic_of(momentum, mass), mass)
    filter_forward(stack, fit, n, kinetic, mass)
    smooth(stack, fit, n, sums)


@njit(nogil=True)
def remove_outliers(fit: Any, n: Any, limit: Any, smallest: Any) -> Any:
    """Take off nodes whose smoothed chi2 is above the limit; gives how many are left.

    Nothing is taken off if fewer than ``smallest`` would be left.
    """
    good = 0
    for k in range(n):
        if fit.nodes[k]["chi2"] <= limit:
            good += 1
    if good == n or good < smallest:
        return n
    good = 0
    for k in range(n):
        if fit.nodes[k]["chi2"] <= limit:
            move_node(fit, k, good)
            good += 1
    return good


@njit(nogil=True)
def move_node(fit: Any, source: Any, target: Any) -> None:
    """Copy what belongs to a node to another place."""
    fit.nodes[target]["plane"] = fit.nodes[source]["plane"]
    fit.nodes[target]["cluster"] = fit.nodes[source]["cluster"]
    fit.nodes[target]["t"] = fit.nodes[source]["t"]
    fit.nodes[target]["variance"] = fit.nodes[source]["variance"]
    fit.nodes[target]["part"] = fit.nodes[source]["part"]
    fit.nodes[target]["state"][:] = fit.nodes[source]["state"]
    fit.nodes[target]["spread"][:] = fit.nodes[source]["spread"]
    fit.nodes[target]["chi2"] = fit.nodes[source]["chi2"]
    fit.nodes[target]["kinetic"] = fit.nodes[source]["kinetic"]


@njit(nogil=True)
def put_node(fit: Any, place: Any, plane: Any, event: Any, cluster: Any) -> None:
    """Set a node from a cluster; the state stays what it is."""
    fit.nodes[place]["plane"] = plane
    fit.nodes[place]["cluster"] = cluster
    fit.nodes[place]["t"] = event.rows[cluster]["t"]
    fit.nodes[place]["variance"] = square(event.rows[cluster]["err"])
    fit.nodes[place]["part"] = event.rows[cluster]["part"]
