"""Tracks of one gate while they are found."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.event_kernels import TAKEN
from mx2prod.reconstruction.material_kernels import momentum_of, square

MAX_TRACKS = 256
"""Tracks that a gate can hold before the cap of the output is applied."""
LIGHT_SPEED = 299.792458
"""mm/ns."""
BACKWARD = 2


STORED_TRACK_DTYPE = np.dtype(
    [
        ("n", "<i8"),
        ("source", "<i8"),
        ("kind", "<i8"),
        ("flags", "<i8"),
        ("slice", "<i8"),
        ("partner", "<i8"),
        ("order", "<i8"),  # place in the output, or -1
        ("momentum", "<f8"),  # at the first node, MeV/c
        ("match_chi2", "<f8"),
        ("time", "<f8"),  # at the first node, ns; NaN if unknown
        ("energy", "<f8"),
    ]
)

STORED_NODE_DTYPE = np.dtype([("plane", "<i8"), ("cluster", "<i8"), ("state", "<f8", (4,))])


class Store(NamedTuple):
    """Tracks of a gate."""

    count: Any
    """Tracks, shape (1,)."""
    tracks: Any
    """STORED_TRACK_DTYPE, shape (MAX_TRACKS,)."""
    nodes: Any
    """STORED_NODE_DTYPE, shape (MAX_TRACKS, n_planes)."""


@njit(nogil=True)
def set_time(stack: Any, event: Any, store: Any, number: Any, params: Any) -> None:
    """Time at the first node, and whether the times say that the particle flew upstream."""
    total, first, second, cross, late = 0.0, 0.0, 0.0, 0.0, 0.0
    z0 = stack.planes[store.nodes[number, 0]["plane"]]["z"]
    state = store.nodes[number, 0]["state"]
    per_z = math.sqrt(1.0 + square(state[2]) + square(state[3])) / LIGHT_SPEED
    n = store.tracks[number]["n"]
    for k in range(n):
        cluster = store.nodes[number, k]["cluster"]
        time = event.rows[cluster]["time"]
        if math.isnan(time):
            continue
        flight = (stack.planes[store.nodes[number, k]["plane"]]["z"] - z0) * per_z
        total += 1.0
        first += flight
        second += flight * flight
        cross += flight * time
        late += time
    store.tracks[number]["time"] = math.nan
    if total == 0.0:
        return
    length = (stack.planes[store.nodes[number, n - 1]["plane"]]["z"] - z0) * per_z * LIGHT_SPEED
    spread = second - first * first / total
    if total > 2.0 and length >= params["direction_length"] and spread > 0.0:
        slope = (cross - first * late / total) / spread
        if slope * math.sqrt(spread) < -params["direction_sigma"] * params["time_sigma"]:
            store.tracks[number]["flags"] |= BACKWARD
            store.tracks[number]["time"] = (late + first) / total
            return
    store.tracks[number]["time"] = (late - first) / total


@njit(nogil=True)
def keep_track(
    stack: Any, event: Any, fit: Any, n: Any, store: Any, params: Any, kind: Any, flags: Any,
    source: Any, number_of_slice: Any,
) -> None:  # fmt: skip
    """Store a fitted track, for which there must be room, and take its clusters."""
    number = store.count[0]
    store.count[0] = number + 1
    store.tracks[number]["n"] = n
    energy = 0.0
    for k in range(n):
        cluster = fit.nodes[k]["cluster"]
        store.nodes[number, k]["plane"] = fit.nodes[k]["plane"]
        store.nodes[number, k]["cluster"] = cluster
        store.nodes[number, k]["state"][:] = fit.nodes[k]["state"]
        energy += event.rows[cluster]["energy"]
        event.rows[cluster]["taken"] = TAKEN
    store.tracks[number]["energy"] = energy
    store.tracks[number]["momentum"] = momentum_of(fit.nodes[0]["kinetic"], params["fit_mass"])
    store.tracks[number]["kind"] = kind
    store.tracks[number]["flags"] = flags
    store.tracks[number]["source"] = source
    store.tracks[number]["slice"] = number_of_slice
    store.tracks[number]["partner"] = -1
    store.tracks[number]["match_chi2"] = math.nan
    set_time(stack, event, store, number, params)
