"""Tracks of a chunk of gates in one call; and the fit alone, of given clusters."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types

from mx2prod.reconstruction.columns import CLUSTER_DTYPE, NODE_DTYPE, TRACK_DTYPE
from mx2prod.reconstruction.combination_kernels import find_long
from mx2prod.reconstruction.config import PARAMETER_DTYPE
from mx2prod.reconstruction.event_kernels import begin_slice, fill_event
from mx2prod.reconstruction.fit_kernels import fit_at, put_node
from mx2prod.reconstruction.growing_kernels import draw_line
from mx2prod.reconstruction.layers import INTERVAL_DTYPE, PIECE_DTYPE, TRACK_PLANE_DTYPE, Stack
from mx2prod.reconstruction.matching_kernels import match_segments
from mx2prod.reconstruction.seeds_kernels import list_layers
from mx2prod.reconstruction.short_tracks_kernels import MAX_SHORT_PAIRS, find_short
from mx2prod.reconstruction.workspace_kernels import (
    new_combinations,
    new_event,
    new_fit,
    new_pairs,
    new_road,
    new_store,
    new_views,
)
from mx2prod.reconstruction.writing_kernels import (
    choose_tracks,
    write_fit,
    write_nodes,
    write_track,
)

N_COUNTS = 5
"""Columns of the counts: tracks, nodes, slices and views with too many seeds, combinations and
tracks without room."""


def _rows(dtype: np.dtype[np.void]) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


_F8, _I8 = types.float64, types.int64
_STACK = (
    _rows(TRACK_PLANE_DTYPE),
    _rows(PIECE_DTYPE),
    _rows(INTERVAL_DTYPE),
    _F8[:, ::1],
    _F8[:, ::1],
    _F8[::1],
)
_SIGNATURE = types.void(
    *_STACK,
    _rows(PARAMETER_DTYPE),
    _rows(CLUSTER_DTYPE),
    _I8[::1],
    _rows(TRACK_DTYPE),
    _rows(NODE_DTYPE),
    _I8[:, ::1],
)
_FIT_SIGNATURE = types.void(
    *_STACK,
    _rows(PARAMETER_DTYPE),
    _rows(CLUSTER_DTYPE),
    _I8[::1],
    _F8[::1],
    _rows(TRACK_DTYPE),
    _rows(NODE_DTYPE),
)


@njit(nogil=True)
def find_in_slices(
    stack: Any, event: Any, views: Any, combinations: Any, fit: Any, road: Any, store: Any,
    params: Any, n: Any, work: Any, short: Any,
) -> Any:  # fmt: skip
    """Find the tracks of all slices of a gate; gives how many found no room."""
    store.count[0] = 0
    lost, first = 0, 0
    while first < n:
        last = first + 1
        while last < n and event.rows[last]["slice"] == event.rows[first]["slice"]:
            last += 1
        number = event.rows[first]["slice"]
        if number > 0 and last - first >= 4:
            begin_slice(event, first, last)
            begin = store.count[0]
            for side in range(2):
                lost += find_long(
                    stack, event, views, combinations, fit, road, store, params, side, number,
                    work,
                )  # fmt: skip
            end = store.count[0]
            lost += find_short(
                stack, event, fit, road, store, params, begin, end, number, short, views.dropped
            )
        first = last
    return lost


@njit(_SIGNATURE, nogil=True, cache=True)
def find_tracks(
    planes: Any,
    pieces: Any,
    intervals: Any,
    loss: Any,
    reach: Any,
    shape: Any,
    parameters: Any,
    clusters: Any,
    offset: Any,
    tracks: Any,
    nodes: Any,
    counts: Any,
) -> None:
    """Find the tracks of a chunk of gates.

    Parameters
    ----------
    planes, pieces, intervals, loss, reach, shape : ndarray
        Fields of :class:`~.layers.Stack`.
    parameters : ndarray of PARAMETER_DTYPE, shape (1,)
    clusters : ndarray of CLUSTER_DTYPE
    offset : ndarray of int64, shape (n_gates + 1,)
        First cluster of each gate.
    tracks : ndarray of TRACK_DTYPE
        Filled; room for ``max_tracks`` of each gate.
    nodes : ndarray of NODE_DTYPE
        Filled; room for two of each cluster.
    counts : ndarray of int64, shape (n_gates, 5)
        Filled; columns as N_COUNTS says.
    """
    stack = Stack(planes, pieces, intervals, loss, reach, shape)
    params = parameters[0]
    n_planes, largest = planes.size, 0
    for gate in range(offset.size - 1):
        largest = max(largest, offset[gate + 1] - offset[gate])
    event, fit, road = new_event(largest, n_planes), new_fit(n_planes), new_road(n_planes)
    views, store = new_views(n_planes, int(params["max_seeds"])), new_store(n_planes)
    combinations, pairs = new_combinations(), new_pairs()
    order, spare, work = (
        np.empty(largest, np.int64), np.empty(largest, np.int64), np.empty(3, np.int64),
    )  # fmt: skip
    short = np.empty((MAX_SHORT_PAIRS, 2), np.int64)
    list_layers(stack, views)
    track, node = 0, 0
    for gate in range(offset.size - 1):
        own = clusters[offset[gate] : offset[gate + 1]]
        fill_event(own, event, order, spare)
        views.dropped[:] = 0
        lost = find_in_slices(
            stack,
            event,
            views,
            combinations,
            fit,
            road,
            store,
            params,
            own.size,
            work,
            short,
        )
        match_segments(stack, event, fit, road, store, pairs, params)
        lost += choose_tracks(store, params)
        first_track, first_node = track, node
        for number in range(store.count[0]):
            if store.tracks[number]["order"] >= 0:
                n = write_track(
                    stack, event, fit, road, store, number, params, tracks, nodes, track,
                    node - first_node,
                )  # fmt: skip
                write_nodes(stack, event, fit, n, params["fit_mass"], nodes, node)
                track += 1
                node += n
        counts[gate, 0], counts[gate, 1] = track - first_track, node - first_node
        counts[gate, 2], counts[gate, 3] = views.dropped[0], views.dropped[1]
        counts[gate, 4] = lost


@njit(_FIT_SIGNATURE, nogil=True, cache=True)
def fit_given(
    planes: Any,
    pieces: Any,
    intervals: Any,
    loss: Any,
    reach: Any,
    shape: Any,
    parameters: Any,
    clusters: Any,
    offset: Any,
    momentum: Any,
    tracks: Any,
    nodes: Any,
) -> None:
    """Fit tracks of given clusters, without any choice.

    Parameters
    ----------
    planes, pieces, intervals, loss, reach, shape, parameters
        As in :func:`find_tracks`.
    clusters : ndarray of CLUSTER_DTYPE
        Those of a track together, in order of their planes, one a plane.
    offset : ndarray of int64, shape (n_tracks + 1,)
    momentum : ndarray of float64, shape (n_tracks,)
        At the first node, MeV/c.
    tracks : ndarray of TRACK_DTYPE, shape (n_tracks,)
        Results of the fit are filled in; ``n_nodes`` is 0 where the clusters determine no track.
    nodes : ndarray of NODE_DTYPE, one a cluster
    """
    stack = Stack(planes, pieces, intervals, loss, reach, shape)
    mass = parameters[0]["fit_mass"]
    n_planes = planes.size
    event, fit, road = new_event(n_planes, n_planes), new_fit(n_planes), new_road(n_planes)
    order, spare = np.empty(n_planes, np.int64), np.empty(n_planes, np.int64)
    for number in range(momentum.size):
        own = clusters[offset[number] : offset[number + 1]]
        fill_event(own, event, order, spare)
        for place in range(own.size):
            put_node(fit, place, event.rows[place]["plane"], event, place)
        tracks[number]["n_nodes"] = 0
        if own.size < 4 or not draw_line(stack, fit, own.size, road):
            continue
        for _ in range(2):
            fit_at(stack, fit, own.size, momentum[number], 0, mass, road.own[0]["sums"])
        write_fit(stack, fit, own.size, mass, tracks[number])
        write_nodes(stack, event, fit, own.size, mass, nodes, offset[number])
