"""Rows of the output from stored and fitted tracks."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.reconstruction.fit_kernels import fit_at
from mx2prod.reconstruction.matching_kernels import load_track
from mx2prod.reconstruction.material_kernels import momentum_of, square


@njit(nogil=True)
def choose_tracks(store: Any, params: Any) -> Any:
    """Fill ``order`` of the tracks to write; beyond the cap those of least energy go."""
    chosen = 0
    for number in range(store.count[0]):
        if store.tracks[number]["order"] >= 0:
            chosen += 1
    dropped = 0
    while chosen > params["max_tracks"]:
        least = -1
        for number in range(store.count[0]):
            if store.tracks[number]["order"] >= 0 and (
                least < 0 or store.tracks[number]["energy"] <= store.tracks[least]["energy"]
            ):
                least = number
        store.tracks[least]["order"] = -1
        chosen -= 1
        dropped += 1
    place = 0
    for number in range(store.count[0]):
        if store.tracks[number]["order"] >= 0:
            store.tracks[number]["order"] = place
            place += 1
    return dropped


@njit(nogil=True)
def write_nodes(stack: Any, event: Any, fit: Any, n: Any, mass: Any, nodes: Any, at: Any) -> None:
    """Write the nodes of a fitted track from row ``at`` on."""
    for k in range(n):
        node = nodes[at + k]
        node["cluster"] = event.rows[fit.nodes[k]["cluster"]]["row"]
        node["plane"] = fit.nodes[k]["plane"]
        node["flags"] = fit.nodes[k]["part"]
        node["unused"] = 0
        node["x"], node["y"] = fit.nodes[k]["state"][0], fit.nodes[k]["state"][1]
        node["z"] = stack.planes[fit.nodes[k]["plane"]]["z"]
        node["ax"], node["ay"] = fit.nodes[k]["state"][2], fit.nodes[k]["state"][3]
        node["qop"] = 1.0 / momentum_of(fit.nodes[k]["kinetic"], mass)
        node["chi2"] = fit.nodes[k]["chi2"]


@njit(nogil=True)
def write_fit(stack: Any, fit: Any, n: Any, mass: Any, track: Any) -> None:
    """Write the results of the fit to the row of a track."""
    state = fit.nodes[0]["state"]
    track["n_nodes"], track["ndf"] = n, n - 4
    track["x"], track["y"], track["z"] = (
        state[0],
        state[1],
        stack.planes[fit.nodes[0]["plane"]]["z"],
    )
    track["ax"], track["ay"] = state[2], state[3]
    track["theta"] = math.atan(math.sqrt(square(state[2]) + square(state[3])))
    track["phi"] = math.atan2(state[3], state[2])
    track["momentum"] = momentum_of(fit.nodes[0]["kinetic"], mass)
    track["chi2"] = fit.ends[0]["chi2"]
    for i in range(10):
        track["first_cov"][i], track["last_cov"][i] = (
            fit.ends[0]["first"][i],
            fit.ends[0]["last"][i],
        )
    for i in range(4):
        track["last_state"][i] = fit.nodes[n - 1]["state"][i]


@njit(nogil=True)
def write_track(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, number: Any, params: Any,
    tracks: Any, nodes: Any, at: Any, first_node: Any,
) -> Any:  # fmt: skip
    """Fit a stored track for the last time and write it; gives its number of nodes."""
    mass = params["fit_mass"]
    n = load_track(stack, event, fit, store, number, 0)
    fit_at(stack, fit, n, store.tracks[number]["momentum"], 0, mass, road.own[0]["sums"])
    track = tracks[at]
    write_fit(stack, fit, n, mass, track)
    partner = store.tracks[number]["partner"]
    track["slice"], track["kind"] = store.tracks[number]["slice"], store.tracks[number]["kind"]
    track["momentum_source"], track["flags"] = (
        store.tracks[number]["source"],
        store.tracks[number]["flags"],
    )
    track["first_node"] = first_node
    track["partner"] = -1 if partner < 0 else store.tracks[partner]["order"]
    track["match_chi2"], track["time"] = (
        store.tracks[number]["match_chi2"],
        store.tracks[number]["time"],
    )
    track["energy"] = store.tracks[number]["energy"]
    return n
