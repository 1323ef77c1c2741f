"""Energies, vertices and blobs of a chunk of gates in one call."""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types

from mx2prod.digits.calibrated_columns import CAL_DIGIT_DTYPE
from mx2prod.reconstruction.attenuation_kernels import claim_digits, correct_clusters, sum_tracks
from mx2prod.reconstruction.blob_writing_kernels import find_blobs
from mx2prod.reconstruction.columns import CLUSTER_DTYPE, NODE_DTYPE, TRACK_DTYPE
from mx2prod.reconstruction.config import OBJECT_PARAMETER_DTYPE
from mx2prod.reconstruction.object_columns import (
    BLOB_DTYPE,
    CLUSTER_USE_DTYPE,
    OBJECT_PLANE_DTYPE,
    STRIP_LIGHT_DTYPE,
    TRACK_ENERGY_DTYPE,
    VERTEX_DTYPE,
)
from mx2prod.reconstruction.vertex_writing_kernels import find_vertices

N_FINISHED = 8
"""Columns of the counts: vertices, their tracks, both without room; the same of blobs and their
clusters."""


def _rows(dtype: np.dtype[np.void]) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


_F8, _I8, _I4 = types.float64, types.int64, types.int32
_SIGNATURE = types.void(
    types.Tuple((
        _rows(OBJECT_PLANE_DTYPE), _rows(STRIP_LIGHT_DTYPE), _F8[:, ::1], _F8[::1],
        _rows(OBJECT_PARAMETER_DTYPE),
    )),
    types.Tuple((
        _rows(CAL_DIGIT_DTYPE), _I4[::1], _rows(TRACK_DTYPE), _rows(NODE_DTYPE), _F8[::1],
    )),
    _I8[:, ::1],
    _rows(CLUSTER_DTYPE),
    types.Tuple((
        _I4[::1], types.float32[::1], _rows(CLUSTER_USE_DTYPE), _rows(TRACK_ENERGY_DTYPE),
    )),
    types.Tuple((_rows(VERTEX_DTYPE), _I4[::1], _rows(BLOB_DTYPE), _I4[::1])),
    _I8[:, ::1],
)  # fmt: skip


@njit(_SIGNATURE, nogil=True, cache=True)
def finish_gates(
    detector: Any, given: Any, offset: Any, clusters: Any, energies: Any, found: Any, counts: Any
) -> None:
    """Energies at tracks, vertices and blobs of the gates of a chunk.

    Parameters
    ----------
    detector : tuple
        Planes (OBJECT_PLANE_DTYPE), strips (STRIP_LIGHT_DTYPE), axes of the views (float64, shape
        (3, 2)), shape of planes (strips, pitch, middle strip, height; mm), parameters
        (OBJECT_PARAMETER_DTYPE, shape (1,)).
    given : tuple
        Digits, list of clustered digits, tracks, nodes, and momenta from range by track (MeV/c).
    offset : ndarray of int64, shape (5, n_gates + 1)
        Of digits, clusters, clustered digits, tracks and nodes.
    clusters : ndarray of CLUSTER_DTYPE
        Energy and ``lpos`` become those at the track.
    energies : tuple
        Filled: track of each digit (int32), energy of each digit at its track (float32), use of
        clusters (CLUSTER_USE_DTYPE), energies of tracks (TRACK_ENERGY_DTYPE).
    found : tuple
        Filled from the beginning: vertices, their tracks, blobs, their clusters.
    counts : ndarray of int64, shape (n_gates, N_FINISHED)
        Filled.
    """
    planes, strips, view_axes, shape, params = detector
    digits, listed, tracks, nodes, momenta = given
    owner, e_track, uses, of_tracks = energies
    vertices, vertex_tracks, blobs, blob_clusters = found
    along, away = np.zeros(digits.size), np.zeros(digits.size)
    at = np.zeros(4, np.int64)
    for gate in range(offset.shape[1] - 1):
        d0, d1 = offset[0, gate], offset[0, gate + 1]
        c0, c1 = offset[1, gate], offset[1, gate + 1]
        l0, l1 = offset[2, gate], offset[2, gate + 1]
        t0, t1 = offset[3, gate], offset[3, gate + 1]
        n0, n1 = offset[4, gate], offset[4, gate + 1]
        formed = (digits[d0:d1], clusters[c0:c1], listed[l0:l1])
        own_tracks, own_nodes = tracks[t0:t1], nodes[n0:n1]
        claim_digits(
            formed, own_tracks, own_nodes, planes, shape, owner[d0:d1], along[d0:d1], away[d0:d1]
        )
        correct_clusters(formed, strips, owner[d0:d1], along[d0:d1], e_track[d0:d1], uses[c0:c1])
        sum_tracks(
            formed, own_tracks, own_nodes, planes, owner[d0:d1], e_track[d0:d1], of_tracks[t0:t1]
        )
        here = (vertices[at[0] :], vertex_tracks[at[1] :], counts[gate, :4])
        find_vertices(own_tracks, own_nodes, planes, momenta[t0:t1], params[0], here)
        find_blobs(
            clusters[c0:c1], uses[c0:c1], planes, view_axes, shape[1], here[0], counts[gate, 0],
            params[0], blobs[at[2] :], blob_clusters[at[3] :], counts[gate, 4:],
        )  # fmt: skip
        for k in range(2):
            at[k] += counts[gate, k]
            at[2 + k] += counts[gate, 4 + k]
