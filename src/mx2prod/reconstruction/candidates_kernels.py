"""Candidates of a view: chains of seeds that share clusters (reconstruction page, section 9)."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.reconstruction.material_kernels import square
from mx2prod.reconstruction.seeds_kernels import MAX_CANDIDATES, N_VIEWS, seeds_in_cap


@njit(nogil=True)
def order_seeds(views: Any, n: Any) -> None:
    """Order seeds by first layer, then chi2, by insertion into their layer."""
    for place in range(n):
        views.seeds[place]["order"] = place
    for place in range(1, n):
        seed = views.seeds[place]["order"]
        layer, chi2 = views.seeds[seed]["first"], views.seeds[seed]["chi2"]
        spot = place
        while spot > 0:
            other = views.seeds[spot - 1]["order"]
            if views.seeds[other]["first"] < layer:
                break
            if views.seeds[other]["first"] == layer and views.seeds[other]["chi2"] <= chi2:
                break
            views.seeds[spot]["order"] = other
            spot -= 1
        views.seeds[spot]["order"] = seed


@njit(nogil=True)
def layer_of(views: Any, side: Any, view: Any, plane: Any, first: Any) -> Any:
    """Layer of a plane, looked for from ``first`` on."""
    layer = first
    while views.layer[side, view, layer] != plane:
        layer += 1
    return layer


@njit(nogil=True)
def shared_clusters(views: Any, view: Any, number: Any, layers: Any, seed: Any) -> Any:
    """Clusters that a seed has in common with a candidate; -1 if they differ in a plane."""
    shared = 0
    for i in range(3):
        own = views.candidate[view, number, layers[i]]
        if own == views.seeds[seed]["cluster"][i]:
            shared += 1
        elif own >= 0:
            return -1
    return shared


@njit(nogil=True)
def host_of(views: Any, view: Any, seed: Any, layers: Any, params: Any) -> Any:
    """Candidate that a seed belongs to: most shared clusters, then nearest slope; -1: none."""
    slope, error = views.seeds[seed]["slope"], views.seeds[seed]["error"]
    best, best_shared, best_turn = -1, 0, 0.0
    for number in range(views.n_candidates[view]):
        if views.chains[view, number]["last"] < layers[0]:
            continue
        shared = shared_clusters(views, view, number, layers, seed)
        if shared < 1:
            continue
        turn = abs(slope - views.chains[view, number]["slope"])
        sigma = math.sqrt(error * error + square(views.chains[view, number]["error"]))
        if turn >= params["merge_dslope"] + 3.0 * sigma:
            continue
        if shared > best_shared or (shared == best_shared and turn < best_turn):
            best, best_shared, best_turn = number, shared, turn
    return best


@njit(nogil=True)
def merge_seeds(
    event: Any, views: Any, side: Any, view: Any, n: Any, params: Any, layers: Any
) -> Any:
    """Chain the seeds of a view to candidates."""
    views.n_candidates[view] = 0
    for place in range(n):
        seed = views.seeds[place]["order"]
        layers[0] = views.seeds[seed]["first"]
        layers[1] = layer_of(
            views, side, view, event.rows[views.seeds[seed]["cluster"][1]]["plane"], layers[0]
        )
        layers[2] = views.seeds[seed]["last"]
        number = host_of(views, view, seed, layers, params)
        if number < 0:
            number = views.n_candidates[view]
            if number == MAX_CANDIDATES:
                views.dropped[1] += 1
                continue
            views.n_candidates[view] = number + 1
            views.candidate[view, number, :] = -1
            views.chains[view, number]["first"] = layers[0]
            views.chains[view, number]["last"] = layers[2]
        for i in range(3):
            views.candidate[view, number, layers[i]] = views.seeds[seed]["cluster"][i]
        views.chains[view, number]["last"] = max(views.chains[view, number]["last"], layers[2])
        views.chains[view, number]["slope"] = views.seeds[seed]["slope"]
        views.chains[view, number]["error"] = views.seeds[seed]["error"]


@njit(nogil=True)
def trace_candidate(stack: Any, event: Any, views: Any, side: Any, view: Any, number: Any) -> None:
    """Count the clusters of a candidate, and draw lines between neighbours."""
    count, last = 0, -1
    for layer in range(views.chains[view, number]["first"], views.chains[view, number]["last"] + 1):
        cluster = views.candidate[view, number, layer]
        if cluster < 0:
            continue
        plane = event.rows[cluster]["plane"]
        if last >= 0:
            begin = event.rows[last]["plane"]
            z0, z1 = stack.planes[begin]["z"], stack.planes[plane]["z"]
            slope = (event.rows[cluster]["t"] - event.rows[last]["t"]) / (z1 - z0)
            for between in range(begin, plane + 1):
                views.path[view, number, between] = event.rows[last]["t"] + slope * (
                    stack.planes[between]["z"] - z0
                )
        count += 1
        last = cluster
    views.chains[view, number]["count"] = count


@njit(nogil=True)
def find_candidates(stack: Any, event: Any, views: Any, side: Any, params: Any, work: Any) -> None:
    """Find the candidates of all views on one side of a slice."""
    for view in range(N_VIEWS):
        n = seeds_in_cap(stack, event, views, side, view, params, work)
        order_seeds(views, n)
        merge_seeds(event, views, side, view, n, params, work)
        for number in range(views.n_candidates[view]):
            trace_candidate(stack, event, views, side, view, number)
