"""Columns of the reconstruction: one row an object, CSR offsets by gate.

Source: reconstruction page, section 12.  Rows of a gate stand together; ``offset[g]`` to
``offset[g + 1]`` are those of gate ``g`` of the chunk.  Numbers that point to other rows
(``cluster``, ``first_node``, ``partner``) count inside the gate, so that columns do not depend on
how gates are cut into chunks.
"""

from __future__ import annotations

from enum import IntEnum, IntFlag

import numpy as np


class ClusterType(IntEnum):
    """Class of a cluster (reconstruction page, section 8)."""

    LOW_ACTIVITY = 0
    TRACKABLE = 1
    HEAVILY_IONISING = 2
    SUPERCLUSTER = 3
    CROSS_TALK = 4


class TrackKind(IntEnum):
    """Planes that a track was made from."""

    UPSTREAM = 1
    DOWNSTREAM = 2
    THROUGH = 3
    """Both sides of the 2x2, fitted as one track."""


class MomentumSource(IntEnum):
    """Where the momentum hypothesis of a fit comes from."""

    DEFAULT = 0
    RANGE = 1
    """From the material that a stopping track crossed."""
    MATCH = 2
    """The value of the scan at which both segments fit best."""


class TrackFlag(IntFlag):
    """What to know about a track."""

    SHORT = 1
    """Found from an anchor, with fewer planes than a long track."""
    BACKWARD = 2
    """The times say that the particle flew upstream."""
    TWO_VIEWS = 4
    """Combined from two views; the third one was only looked up."""
    SEGMENT = 8
    """Part of a through track that is in the output too."""
    PUNCH = 16
    """It does not stop inside the downstream detector: no momentum from range."""


class NodeFlag(IntFlag):
    """What to know about a node."""

    PART = 1
    """Of a supercluster, of which only the strips at the track belong to it."""


class RecoGateFlag(IntFlag):
    """Limits that were reached in a gate."""

    SEEDS = 1
    """More seeds in a slice and view than the cap: found again in a coarser road."""
    COMBINATIONS = 2
    """More candidates, or ways to combine them, than the caps."""
    TRACKS = 4
    """More tracks than the cap."""
    CLUSTERS = 8
    """More clusters than the cap: those of least energy are left over."""
    CLUSTER_DIGITS = 16
    """A cluster with more digits than the cap: those of least energy are left over."""
    BLOBS = 32
    """More blobs than the cap: those of least energy are unused."""
    BLOB_CLUSTERS = 64
    """A blob with more clusters than the cap: those of least energy are unused."""
    VERTICES = 128
    """More vertices, or tracks of a vertex, than the caps."""


GATE_DTYPE = np.dtype(
    [
        ("run", "<i4"),
        ("subrun", "<i4"),
        ("gate", "<i4"),
        ("trigger", "u1"),
        ("flags", "u1"),  # RecoGateFlag
        ("n_slices", "<i2"),
        ("gl_gate", "<i8"),
        ("t_us", "<i8"),
        ("n_digits", "<i4"),
        ("n_clusters", "<i4"),
        ("n_tracks", "<i4"),
        ("n_blobs", "<i4"),
        ("n_vertices", "<i4"),
        ("dropped_seeds", "<i4"),
        ("dropped_combinations", "<i4"),
        ("dropped_tracks", "<i4"),
    ]
)

SLICE_DTYPE = np.dtype(
    [
        ("gate", "<i4"),
        ("t0", "<f4"),  # ns
        ("t1", "<f4"),
        ("t_mean", "<f4"),  # weighted with photoelectrons
        ("pe", "<f4"),
        ("first", "<i4"),  # first cluster of the slice in the gate, and the one after its last
        ("last", "<i4"),
    ]
)

CLUSTER_DTYPE = np.dtype(
    [
        ("plane", "u1"),  # row of the plane table
        ("type", "u1"),  # ClusterType
        ("slice", "<i2"),  # from 1; 0 is left over
        ("coord", "<f4"),  # t, detector frame, mm
        ("err", "<f4"),
        ("width", "<f4"),
        ("tpos1", "<f4"),  # strip centres at the edges
        ("tpos2", "<f4"),
        ("lpos", "<f4"),  # along the strips
        ("e", "<f4"),  # MeV
        ("pe", "<f4"),
        ("t", "<f4"),  # ns; NaN if no digit of it fired
        ("first_digit", "<i4"),  # in the list of clustered digits of the gate
        ("n_digits", "u1"),
    ],
    align=True,
)

TRACK_DTYPE = np.dtype(
    [
        ("slice", "<i2"),
        ("kind", "u1"),  # TrackKind
        ("momentum_source", "u1"),
        ("flags", "<u4"),  # TrackFlag
        ("first_node", "<i4"),  # in the nodes of the gate
        ("n_nodes", "<i4"),
        ("partner", "<i4"),  # other segment, or first segment of a through track; -1: none
        ("ndf", "<i4"),
        ("x", "<f8"),  # state at the first node, mm
        ("y", "<f8"),
        ("z", "<f8"),
        ("ax", "<f8"),  # dx/dz
        ("ay", "<f8"),
        ("theta", "<f8"),  # rad, from the z axis of the detector frame
        ("phi", "<f8"),
        ("momentum", "<f8"),  # MeV/c at the first node: the hypothesis of the fit
        ("chi2", "<f8"),
        ("match_chi2", "<f8"),  # of both segments, 4 degrees of freedom; NaN without partner
        ("time", "<f8"),  # ns at the first node; NaN without timed clusters
        ("energy", "<f8"),  # sum over the clusters, MeV
        ("first_cov", "<f8", (10,)),  # upper triangle of x, y, ax, ay by rows
        ("last_state", "<f8", (4,)),
        ("last_cov", "<f8", (10,)),
    ]
)

NODE_DTYPE = np.dtype(
    [
        ("cluster", "<i4"),  # in the clusters of the gate
        ("plane", "u1"),
        ("flags", "u1"),  # NodeFlag
        ("unused", "<u2"),
        ("x", "<f8"),  # mm, smoothed
        ("y", "<f8"),
        ("z", "<f8"),
        ("ax", "<f8"),
        ("ay", "<f8"),
        ("qop", "<f8"),  # 1/momentum here, c/MeV; the sign of the charge is not measured
        ("chi2", "<f8"),
    ]
)
