"""Rows of the blobs of a gate."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.blobs_kernels import (
    Groups,
    fill_blob,
    keep_blobs,
    link_clusters,
    list_free,
    number_groups,
)
from mx2prod.reconstruction.clusters_kernels import keep_brightest, list_members


@njit(nogil=True)
def choose_members(clusters: Any, members: Any, most: Any, work: Any, chosen: Any) -> Any:
    """Copy the clusters of a blob that there is room for to ``chosen``; gives how many."""
    keys, order, spare, keep = work
    n = members.size
    for k in range(n):
        keys[k] = clusters[members[k]]["e"]
    keep_brightest(keys, n, most, order, spare, keep)
    kept = 0
    for k in range(n):
        if keep[k]:
            chosen[kept] = members[k]
            kept += 1
    return kept


@njit(nogil=True)
def find_blobs(
    clusters: Any, uses: Any, planes: Any, view_axes: Any, pitch: Any, vertices: Any,
    n_vertices: Any, params: Any, blobs: Any, listed: Any, counts: Any,
) -> None:  # fmt: skip
    """Find the blobs of a gate.

    Parameters
    ----------
    clusters : ndarray of CLUSTER_DTYPE
        By slice and plane.
    uses : ndarray of CLUSTER_USE_DTYPE
        What blobs have is filled.
    planes : ndarray of OBJECT_PLANE_DTYPE
    view_axes : ndarray of float64, shape (3, 2)
    pitch : float, mm
    vertices : ndarray of VERTEX_DTYPE
        The first ``n_vertices`` are those of the gate.
    params : record of OBJECT_PARAMETER_DTYPE
    blobs : ndarray of BLOB_DTYPE
        Filled from the beginning.
    listed : ndarray of int32
        Filled likewise: clusters, blob by blob.
    counts : ndarray of int64, shape (4,)
        Filled: blobs, clusters in blobs, and both without room.
    """
    size = clusters.size + 1
    groups = Groups(
        np.empty(size, np.int64), np.empty(planes.size + 1, np.int64), np.empty(size, np.int64)
    )
    number, begin, sizes = np.empty((3, size), np.int64)
    members, spare = np.empty(size, np.int64), np.empty(size, np.int64)
    energy, keep = np.empty(size), np.empty(size, np.bool_)
    work = (np.empty(size), np.empty(size, np.int64), spare, np.empty(size, np.bool_))
    chosen = np.empty(size, np.int64)
    n = list_free(clusters, uses, groups.rows)
    link_clusters(clusters, groups, n, planes, pitch, params)
    count = number_groups(clusters, groups, n, number, energy, sizes)
    counts[2] = keep_blobs(energy, sizes, count, params, work, keep)
    list_members(groups.rows, number, n, count, begin, members)
    made, in_blobs, lost = 0, 0, 0
    for group in range(count):
        if not keep[group]:
            continue
        own = members[begin[group] : begin[group + 1]]
        kept = choose_members(clusters, own, int(params["max_blob_clusters"]), work, chosen)
        lost += own.size - kept
        fill_blob(clusters, chosen, kept, planes, view_axes, vertices, n_vertices, blobs[made])
        blobs[made]["first_cluster"], blobs[made]["n_clusters"] = in_blobs, kept
        for k in range(kept):
            listed[in_blobs] = chosen[k]
            use = uses[chosen[k]]
            use["blob"], use["e_blob"], use["e_unused"] = made, use["e_unused"], 0.0
            in_blobs += 1
        made += 1
    counts[0], counts[1], counts[3] = made, in_blobs, lost
