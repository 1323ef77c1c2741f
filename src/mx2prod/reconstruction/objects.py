"""What follows tracking: energies, range, vertices and blobs (reconstruction page, section 11)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import Detector, Planes, View, first_downstream, strip_ends, to_view
from mx2prod.digits import StripAttenuation
from mx2prod.reconstruction.clusters import (
    FormedClusters,
    Offsets,
    Rows,
    first_rows,
    offsets_of,
    strip_shape,
)
from mx2prod.reconstruction.columns import MomentumSource, RecoGateFlag, TrackFlag
from mx2prod.reconstruction.config import RecoConfig, object_parameters
from mx2prod.reconstruction.object_columns import (
    BLOB_DTYPE,
    CLUSTER_USE_DTYPE,
    OBJECT_PLANE_DTYPE,
    STRIP_LIGHT_DTYPE,
    TRACK_ENERGY_DTYPE,
    VERTEX_DTYPE,
)
from mx2prod.reconstruction.tracks import Tracks

VIEWS = np.array([View.X, View.U, View.V])


@dataclass(frozen=True)
class Objects:
    """Energies, vertices and blobs of a chunk of gates.

    Attributes
    ----------
    clusters : ndarray of CLUSTER_DTYPE
        Those given, with energy and position along the strips at the track.
    e_track : ndarray of float32, shape (n_digits,)
        Energy of each digit at the point of its track, MeV; that at the middle of the strip for
        digits on no track.
    digit_track : ndarray of int32, shape (n_digits,)
        Track in the gate, or -1.
    cluster_use : ndarray of CLUSTER_USE_DTYPE, shape (n_clusters,)
    track_energy : ndarray of TRACK_ENERGY_DTYPE, shape (n_tracks,)
    vertices : ndarray of VERTEX_DTYPE
        Starts and kinks, then stops.
    vertex_offset : ndarray of int64, shape (n_gates + 1,)
    vertex_tracks : ndarray of int32
        Tracks in the gate, vertex by vertex.
    vertex_track_offset : ndarray of int64, shape (n_gates + 1,)
    blobs : ndarray of BLOB_DTYPE
    blob_offset : ndarray of int64, shape (n_gates + 1,)
    blob_clusters : ndarray of int32
        Clusters in the gate, blob by blob.
    blob_cluster_offset : ndarray of int64, shape (n_gates + 1,)
    flags : ndarray of uint8, shape (n_gates,)
        RecoGateFlag: caps that were reached.
    dropped : dict of ndarray of int64, each of shape (n_gates,)
        ``vertices``, ``vertex_tracks``, ``blobs``, ``blob_clusters`` that found no room.
    """

    clusters: Rows
    e_track: npt.NDArray[np.float32]
    digit_track: npt.NDArray[np.int32]
    cluster_use: Rows
    track_energy: Rows
    vertices: Rows
    vertex_offset: Offsets
    vertex_tracks: npt.NDArray[np.int32]
    vertex_track_offset: Offsets
    blobs: Rows
    blob_offset: Offsets
    blob_clusters: npt.NDArray[np.int32]
    blob_cluster_offset: Offsets
    flags: npt.NDArray[np.uint8]
    dropped: dict[str, Offsets]


class ObjectFinder:
    """Finishes the gates of one detector with one configuration.

    Parameters
    ----------
    detector : Detector
    config : RecoConfig
    attenuation : StripAttenuation or None
        That of the calibration of the digits; None if it did not correct for it.
    """

    def __init__(
        self, detector: Detector, config: RecoConfig, attenuation: StripAttenuation | None
    ) -> None:
        shape = detector.planes.shape
        axes = [to_view(x, y, VIEWS)[0] for x, y in ((1.0, 0.0), (0.0, 1.0))]
        self._config = config
        self._detector = (
            _planes(detector.planes, config),
            _strip_light(detector, attenuation),
            np.ascontiguousarray(np.stack(axes, axis=1)),
            np.append(strip_shape(shape), shape.strip_height_mm),
            object_parameters(config),
        )

    def find(self, formed: FormedClusters, tracks: Tracks) -> Objects:
        """Find energies, vertices and blobs.

        Parameters
        ----------
        formed : FormedClusters
        tracks : Tracks
            Of the clusters of ``formed``.

        Returns
        -------
        Objects

        Raises
        ------
        UsageError
            If both are not of the same number of gates.
        """
        from mx2prod.reconstruction.finishing_kernels import N_FINISHED, finish_gates

        n_gates = len(formed.digit_offset) - 1
        if len(tracks.track_offset) != n_gates + 1:
            raise UsageError(
                f"clusters of {n_gates} gates, but tracks of {len(tracks.track_offset) - 1}"
            )
        n_digits, n_clusters, n_tracks = map(len, (formed.digits, formed.clusters, tracks.tracks))
        clusters = first_rows(formed.clusters, len(formed.clusters))
        energies = (
            np.empty(n_digits, np.int32), np.empty(n_digits, np.float32),
            np.zeros(n_clusters, CLUSTER_USE_DTYPE), np.zeros(n_tracks, TRACK_ENERGY_DTYPE),
        )  # fmt: skip
        most = self._config.object_limits.max_vertex_tracks
        energies[3]["range_momentum"] = range_momentum(tracks.tracks)
        found = (
            np.zeros(2 * n_tracks, VERTEX_DTYPE), np.empty(2 * n_tracks * most, np.int32),
            np.zeros(n_clusters, BLOB_DTYPE), np.empty(n_clusters, np.int32),
        )  # fmt: skip
        counts = np.zeros((n_gates, N_FINISHED), np.int64)
        offset = np.stack([formed.digit_offset, formed.cluster_offset, formed.cluster_digit_offset,
                           tracks.track_offset, tracks.node_offset])  # fmt: skip
        momenta = energies[3]["range_momentum"].copy()
        given = (formed.digits, formed.cluster_digits, tracks.tracks, tracks.nodes, momenta)
        finish_gates(self._detector, given, offset, clusters, energies, found, counts)
        return _objects(clusters, energies, found, counts)


def range_momentum(tracks: Rows) -> npt.NDArray[np.float64]:
    """Momentum from range of tracks at their first nodes, MeV/c.

    Returns
    -------
    ndarray of float64, shape (n_tracks,)
        0 for tracks that do not stop in the downstream detector.
    """
    stopping = (tracks["momentum_source"] == MomentumSource.RANGE) & (
        tracks["flags"] & np.uint32(TrackFlag.PUNCH) == 0
    )
    return np.where(stopping, tracks["momentum"], 0.0)


def _planes(planes: Planes, config: RecoConfig) -> Rows:
    rows = np.zeros(len(planes), OBJECT_PLANE_DTYPE)
    rows["z"] = planes.z
    rows["along_x"], _ = to_view(1.0, 0.0, planes.view)
    rows["along_y"], _ = to_view(0.0, 1.0, planes.view)
    rows["view"] = planes.view.astype(np.int64) - 1
    energy = config.energy
    weights = {"pb_full_1.98": energy.weight_ecal, "fe_full_25.4": energy.weight_hcal}
    rows["weight"] = [
        weights.get(word, energy.weight_tracker) for word in planes.table.rows["absorber"].tolist()
    ]
    for view in range(len(VIEWS)):
        of = rows["view"] == view
        rows["rank"][of] = np.arange(np.count_nonzero(of))
    rows["side"][first_downstream(planes) :] = 1
    return rows


def _strip_light(detector: Detector, attenuation: StripAttenuation | None) -> Rows:
    rows = np.zeros(detector.planes.n_strips, STRIP_LIGHT_DTYPE)
    rows["low"], rows["high"] = strip_ends(detector.planes.strips()["strip"], detector.planes.shape)
    rows["end"] = detector.fibres.readout_end
    rows["atten"] = np.inf if attenuation is None else attenuation.atten
    rows["reflect"] = 0.0 if attenuation is None else attenuation.reflect
    return rows


def _objects(
    clusters: Rows,
    energies: tuple[npt.NDArray[np.int32], npt.NDArray[np.float32], Rows, Rows],
    found: tuple[Rows, npt.NDArray[np.int32], Rows, npt.NDArray[np.int32]],
    counts: Offsets,
) -> Objects:
    vertex, vertex_track, blob, blob_cluster = (
        offsets_of(counts[:, column]) for column in (0, 1, 4, 5)
    )
    return Objects(
        clusters, energies[1], energies[0], energies[2], energies[3],
        found[0][: vertex[-1]].copy(), vertex, found[1][: vertex_track[-1]].copy(), vertex_track,
        found[2][: blob[-1]].copy(), blob, found[3][: blob_cluster[-1]].copy(), blob_cluster,
        _flags(counts),
        {"vertices": counts[:, 2], "vertex_tracks": counts[:, 3], "blobs": counts[:, 6],
         "blob_clusters": counts[:, 7]},
    )  # fmt: skip


def _flags(counts: Offsets) -> npt.NDArray[np.uint8]:
    flags = np.zeros(len(counts), np.uint8)
    flags[(counts[:, 2] > 0) | (counts[:, 3] > 0)] |= int(RecoGateFlag.VERTICES)
    flags[counts[:, 6] > 0] |= int(RecoGateFlag.BLOBS)
    flags[counts[:, 7] > 0] |= int(RecoGateFlag.BLOB_CLUSTERS)
    return flags
