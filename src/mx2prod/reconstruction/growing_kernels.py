"""From first nodes to a finished track: line, fit, outliers, growing.

Source: reconstruction page, section 9.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.event_kernels import nearest_cluster
from mx2prod.reconstruction.fit_kernels import (
    fit_at,
    fly,
    measure,
    put_node,
    remove_outliers,
    scatter,
)
from mx2prod.reconstruction.layers import LOWEST
from mx2prod.reconstruction.linear_kernels import solve
from mx2prod.reconstruction.material_kernels import cross_planes, square
from mx2prod.reconstruction.stopping_kernels import (
    ends_alone,
    ends_inside,
    momentum_from_range,
    radius_of,
)

SMALLEST_FIT = 5
"""Nodes of a fit with one degree of freedom."""
_DEFAULT, _RANGE = 0, 1
MOST_ROUNDS = 3
"""Times that a track is grown and fitted again."""


SCRATCH_DTYPE = np.dtype(
    [
        ("state", "<f8", (4,)),
        ("cov", "<f8", (10,)),
        ("moments", "<f8", (3,)),
        ("spare", "<f8", (3,)),
        ("gain", "<f8", (6,)),
        ("sums", "<f8", (8, 10)),
        ("right", "<f8", (4,)),
        ("root", "<f8", (4, 4)),
    ]
)


class Road(NamedTuple):
    """Work space of one track."""

    at_plane: Any
    """Cluster of the track in each plane, or -1."""
    guess: Any
    """State thought of in each plane, shape (n_planes, 4)."""
    own: Any
    """SCRATCH_DTYPE, shape (1,)."""


@njit(nogil=True)
def take_nodes(stack: Any, event: Any, fit: Any, road: Any) -> Any:
    """Set the nodes from the clusters of the planes; gives their number."""
    n = 0
    for plane in range(stack.planes.size):
        cluster = road.at_plane[plane]
        if cluster >= 0:
            put_node(fit, n, plane, event, cluster)
            fit.nodes[n]["state"][:] = road.guess[plane]
            n += 1
    return n


@njit(nogil=True)
def draw_line(stack: Any, fit: Any, n: Any, road: Any) -> Any:
    """Straight line through the nodes by least squares; whether the views determine one."""
    matrix, right = road.own[0]["cov"], road.own[0]["right"]
    matrix[:] = 0.0
    right[:] = 0.0
    middle = 0.5 * (
        stack.planes[fit.nodes[0]["plane"]]["z"] + stack.planes[fit.nodes[n - 1]["plane"]]["z"]
    )
    for k in range(n):
        row = stack.planes[fit.nodes[k]["plane"]]
        hx, hy, d, weight = (
            row["along_x"],
            row["along_y"],
            row["z"] - middle,
            1.0 / fit.nodes[k]["variance"],
        )
        xx, xy, yy, t = (
            weight * hx * hx,
            weight * hx * hy,
            weight * hy * hy,
            weight * fit.nodes[k]["t"],
        )
        matrix[0] += xx
        matrix[1] += xy
        matrix[2] += d * xx
        matrix[3] += d * xy
        matrix[4] += yy
        matrix[5] += d * xy
        matrix[6] += d * yy
        matrix[7] += d * d * xx
        matrix[8] += d * d * xy
        matrix[9] += d * d * yy
        right[0] += hx * t
        right[1] += hy * t
        right[2] += hx * d * t
        right[3] += hy * d * t
    if math.isnan(solve(matrix, right, road.own[0]["root"])):
        return False
    for k in range(n):
        d = stack.planes[fit.nodes[k]["plane"]]["z"] - middle
        fit.nodes[k]["state"][0] = right[0] + d * right[2]
        fit.nodes[k]["state"][1] = right[1] + d * right[3]
        fit.nodes[k]["state"][2], fit.nodes[k]["state"][3] = right[2], right[3]
    return True


@njit(nogil=True)
def mark_nodes(fit: Any, n: Any, road: Any) -> None:
    """Set the clusters of the planes from the nodes."""
    road.at_plane[:] = -1
    for k in range(n):
        road.at_plane[fit.nodes[k]["plane"]] = fit.nodes[k]["cluster"]
        road.guess[fit.nodes[k]["plane"], :] = fit.nodes[k]["state"]


@njit(nogil=True)
def take_nearest(stack: Any, event: Any, fit: Any, n: Any, road: Any, params: Any) -> Any:
    """Give nodes the free cluster nearest to the fit; gives how many are another one than before.

    Where two particles cross, a candidate may have begun to follow the other one in one view.
    """
    changed = 0
    for k in range(n):
        node = fit.nodes[k]
        row = stack.planes[node["plane"]]
        t = row["along_x"] * node["state"][0] + row["along_y"] * node["state"][1]
        nearest = nearest_cluster(event, node["plane"], t, params["add_sigma"], 0.0, 2)
        if nearest >= 0 and nearest != node["cluster"] and node["part"] == 0:
            road.at_plane[node["plane"]] = nearest
            changed += 1
    return changed


@njit(nogil=True)
def fill_holes(stack: Any, event: Any, fit: Any, n: Any, road: Any, params: Any) -> Any:
    """Add clusters in planes between the nodes; gives their number."""
    added = 0
    top = 3 if params["cleaning"] > 0.5 else 2
    for k in range(n - 1):
        first, last = fit.nodes[k]["plane"], fit.nodes[k + 1]["plane"]
        if stack.planes[first]["side"] != stack.planes[last]["side"]:
            continue
        z0, z1 = stack.planes[first]["z"], stack.planes[last]["z"]
        for plane in range(first + 1, last):
            row = stack.planes[plane]
            if row["alive"] == 0:
                continue
            part = (row["z"] - z0) / (z1 - z0)
            for i in range(4):
                road.guess[plane, i] = (1.0 - part) * fit.nodes[k]["state"][i] + part * fit.nodes[
                    k + 1
                ]["state"][i]
            hx, hy = row["along_x"], row["along_y"]
            variance = 0.0
            for node in range(k, k + 2):
                xx, xy, yy = (
                    fit.nodes[node]["spread"][0],
                    fit.nodes[node]["spread"][1],
                    fit.nodes[node]["spread"][2],
                )
                variance = max(variance, hx * hx * xx + 2.0 * hx * hy * xy + hy * hy * yy)
            t = hx * road.guess[plane, 0] + hy * road.guess[plane, 1]
            cluster = nearest_cluster(event, plane, t, params["add_sigma"], variance, top)
            if cluster >= 0:
                road.at_plane[plane] = cluster
                added += 1
    return added


@njit(nogil=True)
def grow_end(stack: Any, event: Any, fit: Any, node: Any, step: Any, road: Any, params: Any) -> Any:
    """Add clusters beyond the first (``step`` -1) or last (1) node; gives their number."""
    state, cov = road.own[0]["state"], road.own[0]["cov"]
    state[:] = fit.nodes[node]["state"]
    cov[:] = fit.ends[0]["last"] if step > 0 else fit.ends[0]["first"]
    kinetic = fit.nodes[node]["kinetic"]
    here, missing, added = fit.nodes[node]["plane"], 0, 0
    top = 3 if params["cleaning"] > 0.5 else 2
    there = here + step
    while 0 <= there < stack.planes.size:
        row, z = stack.planes[there], stack.planes[here]["z"]
        if row["side"] != stack.planes[here]["side"]:
            break
        ax, ay = state[2], state[3]
        kinetic = cross_planes(
            stack,
            here,
            there,
            state,
            kinetic,
            params["fit_mass"],
            road.own[0]["moments"],
            road.own[0]["spare"],
        )
        fly(state, cov, row["z"] - z)
        scatter(cov, road.own[0]["moments"], ax, ay, float(step))
        if kinetic <= LOWEST or radius_of(state[0], state[1]) > stack.shape[0]:
            break
        here = there
        there += step
        if row["alive"] == 0:
            continue
        hx, hy = row["along_x"], row["along_y"]
        variance = hx * hx * cov[0] + 2.0 * hx * hy * cov[1] + hy * hy * cov[4]
        t = hx * state[0] + hy * state[1]
        cluster = nearest_cluster(event, here, t, params["add_sigma"], variance, top)
        if cluster < 0:
            missing += 1
            if missing > params["max_gap"]:
                break
            continue
        missing = 0
        added += 1
        measure(
            state,
            cov,
            hx,
            hy,
            event.rows[cluster]["t"],
            square(event.rows[cluster]["err"]),
            road.own[0]["gain"],
        )
        road.at_plane[here] = cluster
        road.guess[here, :] = state
    return added


@njit(nogil=True)
def fit_clean(
    stack: Any, fit: Any, n: Any, momentum: Any, reference: Any, params: Any, road: Any
) -> Any:
    """Fit, and fit again without outliers; gives the number of nodes."""
    mass = params["fit_mass"]
    fit_at(stack, fit, n, momentum, min(reference, n - 1), mass, road.own[0]["sums"])
    for _ in range(int(params["max_refits"])):
        left = remove_outliers(fit, n, params["outlier"], SMALLEST_FIT)
        if left == n:
            break
        n = left
        fit_at(stack, fit, n, momentum, min(reference, n - 1), mass, road.own[0]["sums"])
    return n


@njit(nogil=True)
def grow(stack: Any, event: Any, fit: Any, n: Any, road: Any, params: Any) -> Any:
    """Change to nearer clusters, fill holes, go on at both ends.

    Gives the new number of nodes, not yet fitted, and how many clusters are new.
    """
    mark_nodes(fit, n, road)
    changed = take_nearest(stack, event, fit, n, road, params)
    changed += fill_holes(stack, event, fit, n, road, params)
    changed += grow_end(stack, event, fit, 0, -1, road, params)
    changed += grow_end(stack, event, fit, n - 1, 1, road, params)
    if changed == 0:
        return n, 0
    return take_nodes(stack, event, fit, road), changed


@njit(nogil=True)
def end_track(stack: Any, event: Any, fit: Any, n: Any, road: Any, params: Any) -> Any:
    """Go on with a track that may stop, in the wide road of a slow particle.

    Gives nodes and MomentumSource as :func:`make_track`.
    """
    planes = int(params["stop_planes"]) - 1
    momentum = momentum_from_range(stack, fit, n, planes, road, params)
    n = fit_clean(stack, fit, n, momentum, n - 1, params, road)
    n, _ = grow(stack, event, fit, n, road, params)
    n = fit_clean(stack, fit, n, momentum, n - 1, params, road)
    if not (ends_inside(stack, fit, n, params) and ends_alone(stack, event, fit, n, params)):
        return fit_clean(stack, fit, n, params["p_default"], 0, params, road), _DEFAULT
    momentum = momentum_from_range(stack, fit, n, 0, road, params)
    fit_at(stack, fit, n, momentum, n - 1, params["fit_mass"], road.own[0]["sums"])
    return n, _RANGE


@njit(nogil=True)
def make_track(stack: Any, event: Any, fit: Any, n: Any, road: Any, params: Any) -> Any:
    """Make a track from first nodes.

    Parameters
    ----------
    stack : Stack
    event : Event
    fit : Fit
        With the first nodes; becomes the fitted track.
    n : int
        First nodes, at least 4.
    road : Road
    params : record of PARAMETER_DTYPE

    Returns
    -------
    nodes : int
        0 if the nodes do not determine a track.
    source : int
        MomentumSource.
    """
    if not draw_line(stack, fit, n, road):
        return 0, _DEFAULT
    momentum = params["p_default"]
    n = fit_clean(stack, fit, n, momentum, 0, params, road)
    for _ in range(MOST_ROUNDS):
        n, changed = grow(stack, event, fit, n, road, params)
        if changed == 0:
            break
        n = fit_clean(stack, fit, n, momentum, 0, params, road)
    if not ends_inside(stack, fit, n, params):
        return n, _DEFAULT
    return end_track(stack, event, fit, n, road, params)
