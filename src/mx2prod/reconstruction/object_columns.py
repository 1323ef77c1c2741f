"""Columns of what stands after tracking: energies of tracks, blobs and vertices (section 11).

Rows of a gate stand together; numbers of clusters, tracks and blobs count inside the gate.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

import numpy as np


class VertexType(IntEnum):
    """What happens at a vertex (own codes)."""

    START = 1
    KINK = 2
    """A track ends where others start."""
    STOP = 3


class BlobFlag(IntFlag):
    """What to know about a blob."""

    ONE_VIEW = 1
    """Only one view has it: the coordinate along its strips is not measured, and taken as 0."""


CLUSTER_USE_DTYPE = np.dtype(
    [
        ("track", "<i4"),  # that has its digit of most energy on a track; -1: none
        ("blob", "<i4"),  # -1: none
        ("e_tracks", "<f8"),  # energy of its digits on tracks, MeV
        ("e_blob", "<f8"),
        ("e_unused", "<f8"),
    ]
)
"""What became of the energy of a cluster; the three energies add up to that of the cluster."""

TRACK_ENERGY_DTYPE = np.dtype(
    [
        ("visible", "<f8"),  # in scintillator, attenuation at the track, MeV
        ("calorimetric", "<f8"),  # with that in absorbers
        ("range_momentum", "<f8"),  # MeV/c at the first node; 0 if it does not stop downstream
    ]
)

BLOB_DTYPE = np.dtype(
    [
        ("slice", "<i2"),
        ("flags", "u1"),  # BlobFlag
        ("views", "u1"),  # bit 0 X, 1 U, 2 V
        ("first_cluster", "<i4"),  # in the list of clusters of blobs of the gate
        ("n_clusters", "<i4"),
        ("start_cluster", "<i4"),
        ("e", "<f8"),  # MeV
        ("calorimetric", "<f8"),
        ("pe", "<f8"),
        ("time", "<f8"),  # ns, weighted with light; NaN without timed clusters
        ("start", "<f8", (3,)),  # x, y, z, detector frame, mm
        ("centroid", "<f8", (3,)),  # weighted with energy
    ]
)

VERTEX_DTYPE = np.dtype(
    [
        ("slice", "<i2"),
        ("type", "u1"),  # VertexType
        ("n_tracks", "u1"),
        ("first_track", "<i4"),  # in the list of tracks of vertices of the gate
        ("position", "<f8", (3,)),  # x, y, z, detector frame, mm
        ("error", "<f8", (3,)),
        ("chi2", "<f8"),  # of the tracks that were fitted; 0 for a single one
        ("ndf", "<i4"),
        ("unused", "<i4"),
    ]
)

OBJECT_PLANE_DTYPE = np.dtype(
    [
        ("z", "<f8"),
        ("along_x", "<f8"),  # t = along_x * x + along_y * y
        ("along_y", "<f8"),
        ("weight", "<f8"),  # energy with that in absorbers, by energy in scintillator
        ("view", "<i8"),  # 0 X, 1 U, 2 V
        ("rank", "<i8"),  # among the planes of its view
        ("side", "<i8"),  # 0 upstream, 1 downstream of the gap
    ]
)

STRIP_LIGHT_DTYPE = np.dtype(
    [
        ("low", "<f8"),  # ends along the strip, mm
        ("high", "<f8"),
        ("end", "<f8"),  # 1 if it is read at the high end, -1 at the low one
        ("atten", "<f8"),  # attenuation length, mm; infinite: no correction
        ("reflect", "<f8"),
    ]
)
