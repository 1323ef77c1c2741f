"""Reconstruction: from digits of a gate to clusters, tracks and vertices.

:class:`ClusterFinder` makes time slices and clusters of calibrated digits, and grades cross-talk.
:class:`TrackFinder` finds the tracks of gates from the columns of their clusters: seeds and
candidates in each view, tracks in space, Kalman fits with the material of the detector, and
segments matched through the 2x2.  :class:`ObjectFinder` adds energies, vertices
and blobs.  :class:`RecoConfig` has every threshold.
"""

from mx2prod.reconstruction.clusters import ClusterFinder, FormedClusters
from mx2prod.reconstruction.columns import (
    CLUSTER_DTYPE,
    GATE_DTYPE,
    NODE_DTYPE,
    SLICE_DTYPE,
    TRACK_DTYPE,
    ClusterType,
    MomentumSource,
    NodeFlag,
    RecoGateFlag,
    TrackFlag,
    TrackKind,
)
from mx2prod.reconstruction.config import (
    Matching,
    RecoConfig,
    TrackCombination,
    TrackFit,
    TrackLimits,
    TrackSeeds,
)
from mx2prod.reconstruction.layers import TrackLayers
from mx2prod.reconstruction.object_columns import (
    BLOB_DTYPE,
    CLUSTER_USE_DTYPE,
    TRACK_ENERGY_DTYPE,
    VERTEX_DTYPE,
    BlobFlag,
    VertexType,
)
from mx2prod.reconstruction.object_config import (
    Blobs,
    Clusters,
    CrossTalk,
    Energy,
    ObjectLimits,
    Slices,
    Vertices,
)
from mx2prod.reconstruction.objects import ObjectFinder, Objects
from mx2prod.reconstruction.tracks import TrackFinder, Tracks

__all__ = [
    "BLOB_DTYPE",
    "CLUSTER_DTYPE",
    "CLUSTER_USE_DTYPE",
    "GATE_DTYPE",
    "NODE_DTYPE",
    "SLICE_DTYPE",
    "TRACK_DTYPE",
    "TRACK_ENERGY_DTYPE",
    "VERTEX_DTYPE",
    "BlobFlag",
    "Blobs",
    "ClusterFinder",
    "ClusterType",
    "Clusters",
    "CrossTalk",
    "Energy",
    "FormedClusters",
    "Matching",
    "MomentumSource",
    "NodeFlag",
    "ObjectFinder",
    "ObjectLimits",
    "Objects",
    "RecoConfig",
    "RecoGateFlag",
    "Slices",
    "TrackCombination",
    "TrackFinder",
    "TrackFit",
    "TrackFlag",
    "TrackKind",
    "TrackLayers",
    "TrackLimits",
    "TrackSeeds",
    "Tracks",
    "VertexType",
    "Vertices",
]
