"""Upstream and downstream segments of a gate, matched through the 2x2.

Source: reconstruction page, section 10.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.fit_kernels import (
    filter_forward,
    fly,
    kinetic_at_first,
    put_node,
    scatter,
)
from mx2prod.reconstruction.layers import LOWEST
from mx2prod.reconstruction.linear_kernels import solve
from mx2prod.reconstruction.material_kernels import cross, kinetic_of, momentum_of, square
from mx2prod.reconstruction.smoother_kernels import smooth
from mx2prod.reconstruction.store_kernels import BACKWARD, LIGHT_SPEED, MAX_TRACKS, set_time

N_MOMENTA = 5
MAX_PAIRS = 1024
UNKNOWN, KNOWN, IMPOSSIBLE = 0, 1, 2
UPSTREAM, DOWNSTREAM, THROUGH = 1, 2, 3
FROM_MATCH = 2
SEGMENT, SHORT = 8, 1


PAIR_DTYPE = np.dtype(
    [
        ("up", "<i8"),  # tracks
        ("down", "<i8"),
        ("momentum", "<i8"),  # number in the scan
        ("score", "<f8"),  # chi2 plus logarithm of the determinant
        ("chi2", "<f8"),
    ]
)

SEGMENT_DTYPE = np.dtype([("known", "<i8"), ("values", "<f8", (14,))])
"""State and covariance at z_match."""


class Pairs(NamedTuple):
    """Segments that may belong together."""

    rows: Any
    """PAIR_DTYPE, shape (MAX_PAIRS,)."""
    segments: Any
    """SEGMENT_DTYPE: each track at the momenta of the scan, shape (MAX_TRACKS, N_MOMENTA)."""


@njit(nogil=True)
def load_track(stack: Any, event: Any, fit: Any, store: Any, number: Any, at: Any) -> Any:
    """Put the nodes of a stored track into the fit from place ``at`` on; gives the next place."""
    for k in range(store.tracks[number]["n"]):
        put_node(
            fit,
            at + k,
            store.nodes[number, k]["plane"],
            event,
            store.nodes[number, k]["cluster"],
        )
        fit.nodes[at + k]["state"][:] = store.nodes[number, k]["state"]
    return at + store.tracks[number]["n"]


@njit(nogil=True)
def last_upstream(stack: Any) -> Any:
    """Last plane before the gap."""
    plane = 0
    while plane + 1 < stack.planes.size and stack.planes[plane + 1]["side"] == 0:
        plane += 1
    return plane


@njit(nogil=True)
def project(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, pairs: Any, params: Any,
    number: Any, scan: Any,
) -> Any:  # fmt: skip
    """Carry a segment to z_match at a momentum of the scan; whether it can get there."""
    if pairs.segments[number, scan]["known"] != UNKNOWN:
        return pairs.segments[number, scan]["known"] == KNOWN
    mass = params["fit_mass"]
    n = load_track(stack, event, fit, store, number, 0)
    upstream = store.tracks[number]["kind"] == UPSTREAM
    edge = last_upstream(stack)
    place, momentum = n - 1, params["momenta"][scan]
    if not upstream:
        place = 0
        first = fit.nodes[0]["plane"]
        z = stack.planes[first]["z"]
        road.own[0]["state"][:] = fit.nodes[0]["state"]
        back = stack.planes[edge]["z"] - z
        road.own[0]["state"][0] += back * road.own[0]["state"][2]
        road.own[0]["state"][1] += back * road.own[0]["state"][3]
        kinetic = cross(
            stack, edge, stack.planes[edge]["z"], z, road.own[0]["state"],
            kinetic_of(momentum, mass), mass, road.own[0]["moments"],
        )  # fmt: skip
        if kinetic <= LOWEST:
            pairs.segments[number, scan]["known"] = IMPOSSIBLE
            return False
        momentum = momentum_of(kinetic, mass)
    start = kinetic_at_first(stack, fit, place, kinetic_of(momentum, mass), mass)
    filter_forward(stack, fit, n, start, mass)
    target = pairs.segments[number, scan]["values"]
    state, cov = target[:4], target[4:]
    if upstream:
        state[:] = fit.nodes[place]["filtered"][:4]
        cov[:] = fit.ends[0]["last"]
    else:
        smooth(stack, fit, n, road.own[0]["sums"])
        state[:] = fit.nodes[place]["state"]
        cov[:] = fit.ends[0]["first"]
    plane = fit.nodes[place]["plane"]
    z, z_match = stack.planes[plane]["z"], stack.shape[3]
    ax, ay = state[2], state[3]
    kinetic = cross(
        stack, plane, z, z_match, state, fit.nodes[place]["kinetic"], mass, road.own[0]["moments"]
    )
    fly(state, cov, z_match - z)
    scatter(cov, road.own[0]["moments"], ax, ay, 1.0 if upstream else -1.0)
    pairs.segments[number, scan]["known"] = KNOWN if kinetic > LOWEST else IMPOSSIBLE
    return kinetic > LOWEST


@njit(nogil=True)
def in_windows(stack: Any, store: Any, params: Any, up: Any, down: Any) -> Any:
    """Whether straight lines of two segments are near, and their times or slices agree."""
    n = store.tracks[up]["n"]
    first, second = store.nodes[up, n - 1]["state"], store.nodes[down, 0]["state"]
    z_match = stack.shape[3]
    d1 = z_match - stack.planes[store.nodes[up, n - 1]["plane"]]["z"]
    d2 = z_match - stack.planes[store.nodes[down, 0]["plane"]]["z"]
    widest = params["max_angle"] * 1e-3
    for axis in range(2):
        miss = first[axis] + d1 * first[axis + 2] - second[axis] - d2 * second[axis + 2]
        turn = math.atan(first[axis + 2]) - math.atan(second[axis + 2])
        if abs(miss) >= params["max_distance"] or abs(turn) >= widest:
            return False
    if store.tracks[up]["slice"] == store.tracks[down]["slice"]:
        return True
    path = (
        stack.planes[store.nodes[down, 0]["plane"]]["z"]
        - stack.planes[store.nodes[up, 0]["plane"]]["z"]
    )
    flight = path * math.sqrt(1.0 + square(first[2]) + square(first[3])) / LIGHT_SPEED
    return abs(store.tracks[down]["time"] - store.tracks[up]["time"] - flight) < params["match_dt"]


@njit(nogil=True)
def compare(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, pairs: Any, params: Any, up: Any,
    down: Any, n: Any,
) -> Any:  # fmt: skip
    """Find the best momentum of two segments; keeps the pair if it fits; gives the new number."""
    found = False
    for scan in range(N_MOMENTA):
        if not project(stack, event, fit, road, store, pairs, params, up, scan):
            continue
        if not project(stack, event, fit, road, store, pairs, params, down, scan):
            continue
        one, two = pairs.segments[up, scan]["values"], pairs.segments[down, scan]["values"]
        for i in range(4):
            road.own[0]["right"][i] = road.own[0]["gain"][i] = one[i] - two[i]
        for i in range(10):
            road.own[0]["cov"][i] = one[4 + i] + two[4 + i]
        log_determinant = solve(road.own[0]["cov"], road.own[0]["right"], road.own[0]["root"])
        chi2 = 0.0
        for i in range(4):
            chi2 += road.own[0]["gain"][i] * road.own[0]["right"][i]
        if math.isnan(log_determinant):
            continue
        if not found or chi2 + log_determinant < pairs.rows[n]["score"]:
            pairs.rows[n]["score"], pairs.rows[n]["chi2"], pairs.rows[n]["momentum"] = (
                chi2 + log_determinant,
                chi2,
                scan,
            )
            found = True
    if not found or not pairs.rows[n]["chi2"] < params["match_chi2"]:
        return n
    pairs.rows[n]["up"], pairs.rows[n]["down"] = up, down
    return n + 1


@njit(nogil=True)
def find_pairs(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, pairs: Any, params: Any
) -> Any:
    """List the pairs of segments that fit; gives their number."""
    n = 0
    for up in range(store.count[0]):
        for scan in range(N_MOMENTA):
            pairs.segments[up, scan]["known"] = UNKNOWN
    for up in range(store.count[0]):
        if store.tracks[up]["kind"] != UPSTREAM or store.tracks[up]["flags"] & SHORT:
            continue
        for down in range(store.count[0]):
            if store.tracks[down]["kind"] != DOWNSTREAM or store.tracks[down]["flags"] & SHORT:
                continue
            if n < MAX_PAIRS and in_windows(stack, store, params, up, down):
                n = compare(stack, event, fit, road, store, pairs, params, up, down, n)
    return n


@njit(nogil=True)
def momentum_at_first(
    stack: Any, event: Any, fit: Any, store: Any, params: Any, up: Any, scan: Any
) -> Any:
    """Momentum at the first node of an upstream segment, from that at its last node."""
    n, mass = load_track(stack, event, fit, store, up, 0), params["fit_mass"]
    kinetic = kinetic_of(params["momenta"][scan], mass)
    return momentum_of(kinetic_at_first(stack, fit, n - 1, kinetic, mass), mass)


@njit(nogil=True)
def append_through(
    stack: Any, event: Any, store: Any, params: Any, up: Any, down: Any, momentum: Any
) -> None:
    """Add the track of both segments."""
    number = store.count[0]
    if number == MAX_TRACKS:
        return
    store.count[0] = number + 1
    place = 0
    for part in range(2):
        source = down if part else up
        for k in range(store.tracks[source]["n"]):
            store.nodes[number, place]["plane"] = store.nodes[source, k]["plane"]
            store.nodes[number, place]["cluster"] = store.nodes[source, k]["cluster"]
            store.nodes[number, place]["state"][:] = store.nodes[source, k]["state"]
            place += 1
    store.tracks[number]["n"] = place
    store.tracks[number]["kind"] = THROUGH
    store.tracks[number]["source"] = FROM_MATCH
    store.tracks[number]["momentum"] = momentum
    both = store.tracks[up]["flags"] | store.tracks[down]["flags"]
    store.tracks[number]["flags"] = both & ~BACKWARD
    store.tracks[number]["slice"] = store.tracks[up]["slice"]
    store.tracks[number]["energy"] = store.tracks[up]["energy"] + store.tracks[down]["energy"]
    store.tracks[number]["partner"] = up
    store.tracks[number]["match_chi2"] = store.tracks[up]["match_chi2"]
    set_time(stack, event, store, number, params)


@njit(nogil=True)
def match_segments(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, pairs: Any, params: Any
) -> None:
    """Match the segments of a gate one to one, best first, and make through tracks.

    ``order`` of the store becomes 0 for tracks that are written and -1 for the others.
    """
    n = find_pairs(stack, event, fit, road, store, pairs, params)
    mode = int(params["us_ds_output"])
    for number in range(store.count[0]):
        store.tracks[number]["order"] = 0
    while True:
        best = -1
        for number in range(n):
            up, down = pairs.rows[number]["up"], pairs.rows[number]["down"]
            if store.tracks[up]["partner"] >= 0 or store.tracks[down]["partner"] >= 0:
                continue
            if best < 0 or pairs.rows[number]["score"] < pairs.rows[best]["score"]:
                best = number
        if best < 0:
            return
        up, down, scan = (
            pairs.rows[best]["up"],
            pairs.rows[best]["down"],
            pairs.rows[best]["momentum"],
        )
        store.tracks[up]["partner"], store.tracks[down]["partner"] = down, up
        store.tracks[up]["match_chi2"] = store.tracks[down]["match_chi2"] = pairs.rows[best]["chi2"]
        if mode != 1 and store.count[0] < MAX_TRACKS:
            momentum = momentum_at_first(stack, event, fit, store, params, up, scan)
            append_through(stack, event, store, params, up, down, momentum)
            store.tracks[store.count[0] - 1]["order"] = 0
            if mode == 0:
                store.tracks[up]["order"] = store.tracks[down]["order"] = -1
            else:
                store.tracks[up]["flags"] |= SEGMENT
                store.tracks[down]["flags"] |= SEGMENT
