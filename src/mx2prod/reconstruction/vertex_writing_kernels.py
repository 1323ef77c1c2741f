"""Rows of the vertices of a gate."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.vertices_kernels import (
    END_DTYPE,
    KINK,
    SEGMENT,
    START,
    STOP,
    fill_ends,
    fit_group,
    group_starts,
    root_of,
    single_point,
    stops_at,
)


@njit(nogil=True)
def write_vertex(
    out: Any, kind: Any, slice_number: Any, found: Any, chi2: Any, ndf: Any, members: Any, n: Any,
    params: Any,
) -> None:  # fmt: skip
    """Write a vertex and its tracks, as far as there is room.

    Parameters
    ----------
    out : tuple
        Vertices, list of their tracks, and counts: vertices, tracks of vertices, vertices and
        tracks without room.
    """
    vertices, listed, counts = out
    at = counts[0]
    if at >= int(params["max_vertices"]):
        counts[2] += 1
        return
    vertex = vertices[at]
    kept = min(n, int(params["max_vertex_tracks"]))
    counts[3] += n - kept
    vertex["slice"], vertex["type"], vertex["n_tracks"] = slice_number, kind, kept
    vertex["first_track"] = counts[1]
    for i in range(3):
        vertex["position"][i], vertex["error"][i] = found[i], math.sqrt(found[3 + i])
    vertex["chi2"], vertex["ndf"], vertex["unused"] = chi2, ndf, 0
    for k in range(kept):
        listed[counts[1] + k] = members[k]
    counts[0], counts[1] = at + 1, counts[1] + kept


@njit(nogil=True)
def write_start(
    tracks: Any, stops: Any, out: Any, members: Any, n: Any, found: Any, chi2: Any, stopped: Any,
    params: Any,
) -> None:  # fmt: skip
    """Write where ``n`` tracks start, with the tracks that end there."""
    slice_number = tracks[members[0]]["slice"]
    together = np.empty(tracks.size, np.int64)
    together[:n] = members[:n]
    total = n
    for number in range(tracks.size):
        own = False
        for k in range(n):
            own = own or members[k] == number
        if not own and stops_at(tracks, stops, number, slice_number, found, params["max_approach"]):
            together[total] = number
            stopped[number] = True
            total += 1
    kind, ndf = START if total == n else KINK, max(2 * n - 3, 0)
    write_vertex(out, kind, slice_number, found, chi2, ndf, together, total, params)


@njit(nogil=True)
def list_group(parent: Any, done: Any, first: Any, members: Any) -> Any:
    """List the tracks of the group of a track that have no start yet; gives how many."""
    total = 0
    group = root_of(parent, first)
    for number in range(first, parent.size):
        if not done[number] and root_of(parent, number) == group:
            members[total] = number
            total += 1
    return total


@njit(nogil=True)
def find_vertices(
    tracks: Any, nodes: Any, planes: Any, momenta: Any, params: Any, out: Any
) -> None:
    """Find the vertices of a gate: starts and kinks, then stops.

    Parameters
    ----------
    tracks, nodes : ndarray of TRACK_DTYPE and NODE_DTYPE
        Of the gate.
    planes : ndarray of OBJECT_PLANE_DTYPE
    momenta : ndarray of float64
        By track: from range, MeV/c; 0 for those that do not stop.
    params : record of OBJECT_PARAMETER_DTYPE
    out : tuple
        See :func:`write_vertex`.
    """
    n = tracks.size
    starts, stops = np.empty(n, END_DTYPE), np.empty(n, END_DTYPE)
    parent, members = np.empty(n, np.int64), np.empty(n, np.int64)
    found, work, stopped = np.empty(6), np.empty(15), np.zeros(n, np.bool_)
    fill_ends(tracks, nodes, planes, int(params["max_vertex_planes"]), starts, stops)
    group_starts(tracks, starts, params["max_approach"], parent)
    done = np.zeros(n, np.bool_)
    for first in range(n):
        while not done[first] and tracks[first]["flags"] & SEGMENT == 0:
            total = list_group(parent, done, first, members)
            kept, chi2 = fit_group(starts, members, total, params["vertex_sigma"], found, work)
            if kept == 1:
                members[0] = first
                single_point(starts[first], found)
            for k in range(kept):
                done[members[k]] = True
            write_start(tracks, stops, out, members, kept, found, chi2, stopped, params)
    for number in range(n):
        track = tracks[number]
        if momenta[number] > 0.0 and not stopped[number] and track["flags"] & SEGMENT == 0:
            single_point(stops[number], found)
            members[0] = number
            write_vertex(out, STOP, track["slice"], found, 0.0, 0, members, 1, params)
