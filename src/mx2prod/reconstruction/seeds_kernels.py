"""Seeds of three clusters in one view.

Source: reconstruction page, section 9.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.event_kernels import FREE, first_above
from mx2prod.reconstruction.material_kernels import square

N_VIEWS = 3
MAX_CANDIDATES = 200
"""Candidates of one view and side in a slice."""
COARSER = 0.5
"""Each coarser road has half the slope and a quarter of the chi2 of the one before."""
MAX_COARSER = 8
WIDEST_ERROR2 = 100.0
"""Errors of clusters beyond 10 mm do not widen the road of a seed."""


SEED_DTYPE = np.dtype(
    [
        ("cluster", "<i8", (3,)),
        ("first", "<i8"),  # layer
        ("last", "<i8"),
        ("order", "<i8"),  # seed in this place of the order; stands here to have the same room
        ("slope", "<f8"),
        ("error", "<f8"),
        ("chi2", "<f8"),
    ]
)

CHAIN_DTYPE = np.dtype(
    [
        ("first", "<i8"),  # layer
        ("last", "<i8"),
        ("count", "<i8"),  # clusters
        ("slope", "<f8"),  # of the last seed
        ("error", "<f8"),
    ]
)


class Views(NamedTuple):
    """Seeds and candidates of one side in a slice."""

    layer: Any
    """Live planes of a side and view in order along the beam, shape (2, 3, n_planes)."""
    n_layers: Any
    seeds: Any
    """SEED_DTYPE."""
    chains: Any
    """CHAIN_DTYPE, shape (3, MAX_CANDIDATES)."""
    candidate: Any
    """Cluster of each layer or -1, shape (3, MAX_CANDIDATES, n_planes)."""
    path: Any
    """Coordinate of a candidate from its first to its last plane, the same shape by planes."""
    n_candidates: Any
    dropped: Any
    """Slices and views with too many seeds, and combinations beyond the caps."""


@njit(nogil=True)
def list_layers(stack: Any, views: Any) -> None:
    """Collect the live planes of each side and view."""
    views.n_layers[:] = 0
    for plane in range(stack.planes.size):
        row = stack.planes[plane]
        if row["alive"] == 0:
            continue
        side, view = row["side"], row["view"]
        n = views.n_layers[side, view]
        views.layer[side, view, n] = plane
        views.n_layers[side, view] = n + 1


@njit(nogil=True)
def usable(event: Any, cluster: Any) -> Any:
    """Whether a cluster may be in a seed: free, trackable or heavily ionising."""
    return event.rows[cluster]["taken"] == FREE and 1 <= event.rows[cluster]["kind"] <= 2


@njit(nogil=True)
def empty_at(event: Any, plane: Any, t: Any, road: Any) -> Any:
    """Whether a plane has no usable cluster within ``road`` of ``t``."""
    place = first_above(event, plane, t - road)
    while place < event.begin[plane + 1] and event.rows[place]["t"] <= t + road:
        if usable(event, place):
            return False
        place += 1
    return True


@njit(nogil=True)
def find_triplets(
    stack: Any, event: Any, views: Any, planes: Any, empty: Any, steepest: Any, chi2: Any,
    first_layer: Any, last_layer: Any, n: Any,
) -> Any:  # fmt: skip
    """Add the seeds of three planes; gives their number, which runs on when the room is full.

    ``empty`` is a plane between them that must not have a cluster on the line, or -1.
    """
    z0, z1, z2 = (
        stack.planes[planes[0]]["z"], stack.planes[planes[1]]["z"], stack.planes[planes[2]]["z"],
    )  # fmt: skip
    near, far = z1 - z0, z2 - z1
    ratio = far / near
    room = views.seeds.size
    for a in range(event.begin[planes[0]], event.begin[planes[0] + 1]):
        if not usable(event, a):
            continue
        reach = steepest * near
        b = first_above(event, planes[1], event.rows[a]["t"] - reach)
        while b < event.begin[planes[1] + 1] and event.rows[b]["t"] <= event.rows[a]["t"] + reach:
            if usable(event, b):
                hoped = event.rows[b]["t"] + ratio * (event.rows[b]["t"] - event.rows[a]["t"])
                known = square((1.0 + ratio) * event.rows[b]["err"])
                known += square(ratio * event.rows[a]["err"])
                wide = math.sqrt(chi2 * (known + WIDEST_ERROR2))
                c = first_above(event, planes[2], hoped - wide)
                while c < event.begin[planes[2] + 1] and event.rows[c]["t"] <= hoped + wide:
                    value = square(event.rows[c]["t"] - hoped)
                    value /= known + square(event.rows[c]["err"])
                    slope = (event.rows[c]["t"] - event.rows[a]["t"]) / (z2 - z0)
                    if value < chi2 and abs(slope) <= steepest and usable(event, c):
                        error = math.sqrt(
                            square(event.rows[a]["err"]) + square(event.rows[c]["err"])
                        ) / (z2 - z0)
                        middle = 0.0 if empty < 0 else stack.planes[empty]["z"]
                        if empty < 0 or empty_at(
                            event,
                            empty,
                            event.rows[a]["t"] + slope * (middle - z0),
                            3.0 * event.rows[b]["err"],
                        ):
                            if n < room:
                                (
                                    views.seeds[n]["cluster"][0],
                                    views.seeds[n]["cluster"][1],
                                    views.seeds[n]["cluster"][2],
                                ) = a, b, c
                                views.seeds[n]["first"] = first_layer
                                views.seeds[n]["last"] = last_layer
                                views.seeds[n]["slope"] = slope
                                views.seeds[n]["error"] = error
                                views.seeds[n]["chi2"] = value
                            n += 1
                            if n > room:
                                return n
                    c += 1
            b += 1
    return n


@njit(nogil=True)
def find_seeds(
    stack: Any, event: Any, views: Any, side: Any, view: Any, skip: Any, steepest: Any, chi2: Any,
    planes: Any,
) -> Any:  # fmt: skip
    """Find the seeds of one view, by first plane; gives their number, or more than the room."""
    layer, n_layers = views.layer[side, view], views.n_layers[side, view]
    n = 0
    for k in range(n_layers - 2):
        planes[0], planes[1], planes[2] = layer[k], layer[k + 1], layer[k + 2]
        n = find_triplets(stack, event, views, planes, -1, steepest, chi2, k, k + 2, n)
        if skip and k + 3 < n_layers:
            planes[2] = layer[k + 3]
            n = find_triplets(
                stack, event, views, planes, layer[k + 2], steepest, chi2, k, k + 3, n
            )
            planes[1] = layer[k + 2]
            n = find_triplets(
                stack, event, views, planes, layer[k + 1], steepest, chi2, k, k + 3, n
            )
        if n > views.seeds.size:
            return n
    return n


@njit(nogil=True)
def seeds_in_cap(
    stack: Any, event: Any, views: Any, side: Any, view: Any, params: Any, planes: Any
) -> Any:
    """Find the seeds of a view, in a coarser road each time that they are more than the cap."""
    steepest = math.tan(math.radians(params["max_angle_deg"]))
    chi2 = params["seed_chi2"]
    skip = params["seed_skip"] > 0.5
    n = 0
    for turn in range(MAX_COARSER):
        n = find_seeds(stack, event, views, side, view, skip, steepest, chi2, planes)
        if n <= views.seeds.size:
            return n
        if turn == 0:
            views.dropped[0] += 1
        steepest *= COARSER
        chi2 *= COARSER * COARSER
        skip = False
    return min(n, views.seeds.size)
