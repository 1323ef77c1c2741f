"""Slices, cross-talk grades and clusters of a chunk of gates in one call."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types

from mx2prod.digits.calibrated_columns import CAL_DIGIT_DTYPE
from mx2prod.reconstruction.clusters_kernels import (
    OPEN_DTYPE,
    fill_cluster,
    group_digits,
    keep_brightest,
    list_members,
    list_usable,
)
from mx2prod.reconstruction.columns import CLUSTER_DTYPE, SLICE_DTYPE
from mx2prod.reconstruction.config import OBJECT_PARAMETER_DTYPE
from mx2prod.reconstruction.crosstalk_kernels import mark_crosstalk, score_digits
from mx2prod.reconstruction.slices_kernels import slice_gate

N_FORMED = 5
"""Columns of the counts: slices, clusters, digits in clusters, clusters and digits without room."""


def _rows(dtype: np.dtype[np.void]) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


_SIGNATURE = types.void(
    _rows(CAL_DIGIT_DTYPE),
    types.int64[::1],
    types.float64[::1],
    _rows(OBJECT_PARAMETER_DTYPE),
    types.float32[::1],
    types.int32[::1],
    _rows(SLICE_DTYPE),
    _rows(CLUSTER_DTYPE),
    types.int32[::1],
    types.int64[:, ::1],
)


@njit(nogil=True)
def shorten(
    digits: Any, members: Any, first: Any, last: Any, most: Any, keys: Any, work: Any, keep: Any
) -> Any:
    """Move the digits of highest energy of a cluster to its beginning; gives how many there are."""
    n = last - first
    if n <= most:
        return n
    for place in range(n):
        keys[place] = digits[members[first + place]]["energy"]
    keep_brightest(keys, n, most, work[0], work[1], keep)
    kept = 0
    for place in range(n):
        if keep[place]:
            members[first + kept] = members[first + place]
            kept += 1
    return kept


@njit(nogil=True)
def choose_clusters(
    digits: Any, members: Any, begin: Any, count: Any, n: Any, most: Any, keys: Any, work: Any,
    keep: Any,
) -> None:  # fmt: skip
    """Mark the clusters of highest energy, as many as there is room for."""
    for cluster in range(n):
        keys[cluster] = 0.0
        for place in range(begin[cluster], begin[cluster] + count[cluster]):
            keys[cluster] += digits[members[place]]["energy"]
    keep_brightest(keys, n, most, work[0], work[1], keep)


@njit(nogil=True)
def write_clusters(
    digits: Any, members: Any, begin: Any, count: Any, keep: Any, n: Any, shape: Any, params: Any,
    clusters: Any, listed: Any, cluster_of: Any,
) -> Any:  # fmt: skip
    """Write the clusters that are kept, and their digits; gives the numbers of both."""
    made, digits_made = 0, 0
    for number in range(n):
        if not keep[number]:
            continue
        first, last = begin[number], begin[number] + count[number]
        cluster = clusters[made]
        fill_cluster(digits, members, first, last, shape, params, cluster)
        cluster["first_digit"], cluster["n_digits"] = digits_made, last - first
        for place in range(first, last):
            listed[digits_made] = members[place]
            cluster_of[members[place]] = made
            digits_made += 1
        made += 1
    return made, digits_made


@njit(nogil=True)
def clusters_of_slices(clusters: Any, n: Any, gate: Any, slices: Any, n_slices: Any) -> None:
    """Write to each slice its gate, and where its clusters begin and end."""
    at = 0
    for number in range(n_slices):
        slices[number]["gate"] = gate
        slices[number]["first"] = at
        while at < n and clusters[at]["slice"] == number + 1:
            at += 1
        slices[number]["last"] = at


@njit(nogil=True)
def form_gate(
    digits: Any, gate: Any, shape: Any, params: Any, score: Any, cluster_of: Any, slices: Any,
    clusters: Any, listed: Any, counts: Any, keys: Any, work: Any, growing: Any, keep: Any,
) -> None:  # fmt: skip
    """Form slices and clusters of one gate; ``counts`` is its row of the counts."""
    order, places, number, members, begin, count = (
        work[3], work[4], work[5], work[6], work[7], work[8],
    )  # fmt: skip
    cluster_of[:] = -1
    n_listed, n_slices = slice_gate(digits, slices, params, keys, order, work)
    score_digits(digits, order, n_listed, params, score, keys, work[1], work[0])
    m = list_usable(digits, order, n_listed, keys, places, work[0])
    mark_crosstalk(digits, places, m, score, params)
    n = group_digits(digits, places, m, params["clus_dt"], number, growing)
    list_members(places, number, m, n, begin, members)
    lost = 0
    for cluster in range(n):
        first, last = begin[cluster], begin[cluster + 1]
        kept = shorten(
            digits, members, first, last, int(params["max_cluster_digits"]), keys, work, keep
        )
        count[cluster] = kept
        lost += last - first - kept
    choose_clusters(digits, members, begin, count, n, int(params["max_clusters"]), keys, work, keep)
    made, in_clusters = write_clusters(
        digits, members, begin, count, keep, n, shape, params, clusters, listed, cluster_of
    )
    clusters_of_slices(clusters, made, gate, slices, n_slices)
    counts[0], counts[1], counts[2], counts[3], counts[4] = (
        n_slices, made, in_clusters, n - made, lost,
    )  # fmt: skip


@njit(_SIGNATURE, nogil=True, cache=True)
def form_gates(
    digits: Any, offset: Any, shape: Any, params: Any, score: Any, cluster_of: Any, slices: Any,
    clusters: Any, listed: Any, counts: Any,
) -> None:  # fmt: skip
    """Form slices and clusters of the gates of a chunk.

    Parameters
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE, shape (n_digits,)
        Slices and flags are filled.
    offset : ndarray of int64, shape (n_gates + 1,)
        First digit of each gate.
    shape : ndarray of float64, shape (3,)
        Strips of a plane, their pitch (mm), number of the middle strip.
    params : ndarray of OBJECT_PARAMETER_DTYPE, shape (1,)
    score : ndarray of float32, shape (n_digits,)
        Filled: see :func:`.crosstalk_kernels.score_digits`.
    cluster_of : ndarray of int32, shape (n_digits,)
        Filled: cluster in the gate, -1 for digits that are left over.
    slices, clusters : ndarray of SLICE_DTYPE and CLUSTER_DTYPE, shape (n_digits,)
        Filled from the beginning, gate by gate.
    listed : ndarray of int32, shape (n_digits,)
        Filled likewise: digits in the gate, cluster by cluster.
    counts : ndarray of int64, shape (n_gates, N_FORMED)
        Filled: slices, clusters, digits in clusters, and what there was no room for.
    """
    most = 0
    for gate in range(offset.size - 1):
        most = max(most, offset[gate + 1] - offset[gate])
    keys, growing = np.empty(most + 1), np.empty(most, OPEN_DTYPE)
    work, keep = np.empty((9, most + 1), np.int64), np.empty(most, np.bool_)
    n_slices, n_clusters, n_listed = 0, 0, 0
    for gate in range(offset.size - 1):
        first, last = offset[gate], offset[gate + 1]
        form_gate(
            digits[first:last], gate, shape, params[0], score[first:last], cluster_of[first:last],
            slices[n_slices:], clusters[n_clusters:], listed[n_listed:], counts[gate], keys, work,
            growing, keep,
        )  # fmt: skip
        n_slices += counts[gate, 0]
        n_clusters += counts[gate, 1]
        n_listed += counts[gate, 2]
