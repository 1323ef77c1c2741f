"""Tracks of gates from their clusters (reconstruction page, sections 9 and 10)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.detector import Planes
from mx2prod.reconstruction.columns import (
    CLUSTER_DTYPE,
    NODE_DTYPE,
    TRACK_DTYPE,
    RecoGateFlag,
)
from mx2prod.reconstruction.config import RecoConfig, track_parameters
from mx2prod.reconstruction.layers import TrackLayers

Rows = npt.NDArray[np.void]
Offsets = npt.NDArray[np.int64]

_MAY_BE_UNKNOWN = ("time", "match_chi2")
"""Columns of tracks that are NaN without timed clusters, or without a partner."""


@dataclass(frozen=True)
class Tracks:
    """Tracks of a chunk of gates, with their nodes.

    Attributes
    ----------
    tracks : ndarray of TRACK_DTYPE
    track_offset : ndarray of int64, shape (n_gates + 1,)
    nodes : ndarray of NODE_DTYPE
        Track by track, from upstream to downstream.
    node_offset : ndarray of int64, shape (n_gates + 1,)
    flags : ndarray of uint8, shape (n_gates,)
        RecoGateFlag: caps that were reached.
    dropped : dict of ndarray of int64, each of shape (n_gates,)
        What went over the caps: ``seeds`` counts views of slices that took a coarser road,
        ``combinations`` and ``tracks`` what was left out.
    """

    tracks: Rows
    track_offset: Offsets
    nodes: Rows
    node_offset: Offsets
    flags: npt.NDArray[np.uint8]
    dropped: dict[str, Offsets]


class TrackFinder:
    """Finds the tracks of one detector with one configuration.

    Parameters
    ----------
    planes : Planes
    config : RecoConfig
    dead : array_like of int, optional
        Rows of planes that are not read out; seeds and growing step over them.

    Raises
    ------
    UsageError
        See :meth:`.layers.TrackLayers.of`.
    """

    def __init__(self, planes: Planes, config: RecoConfig, dead: npt.ArrayLike = ()) -> None:
        self.config = config
        self.n_planes = len(planes)
        self.layers = TrackLayers.of(
            planes,
            config.gap_material,
            mass=config.fit.fit_mass,
            z_match=config.matching.z_match,
            dead=dead,
        )
        self._parameters = track_parameters(config)

    def find(self, clusters: Rows, offset: npt.ArrayLike) -> Tracks:
        """Find the tracks of gates.

        Parameters
        ----------
        clusters : ndarray of CLUSTER_DTYPE
            In any order inside a gate.
        offset : array_like of int, shape (n_gates + 1,)
            First cluster of each gate.

        Returns
        -------
        Tracks

        Raises
        ------
        UsageError
            If offsets and clusters do not fit together, or a cluster has a plane that does not
            exist, or a coordinate, error, energy or light that is not a number.
        InputFileError
            If a result is not a number; names gate, column and row.
        """
        from mx2prod.reconstruction.tracks_kernels import N_COUNTS, find_tracks

        offsets = self._checked(clusters, offset)
        n_gates = len(offsets) - 1
        tracks = np.zeros(n_gates * self.config.limits.max_tracks, TRACK_DTYPE)
        nodes = np.zeros(2 * len(clusters), NODE_DTYPE)
        counts = np.zeros((n_gates, N_COUNTS), np.int64)
        own = np.require(clusters, requirements=["C", "W"])
        find_tracks(*self.layers.stack, self._parameters, own, offsets, tracks, nodes, counts)
        track_offset, node_offset = _offsets(counts[:, 0]), _offsets(counts[:, 1])
        tracks, nodes = tracks[: track_offset[-1]].copy(), nodes[: node_offset[-1]].copy()
        _require_numbers("track", tracks, track_offset, _MAY_BE_UNKNOWN)
        _require_numbers("node", nodes, node_offset)
        return Tracks(
            tracks,
            track_offset,
            nodes,
            node_offset,
            _flags(counts),
            {"seeds": counts[:, 2], "combinations": counts[:, 3], "tracks": counts[:, 4]},
        )

    def fit(self, clusters: Rows, offset: npt.ArrayLike, momentum: npt.ArrayLike) -> Tracks:
        """Fit tracks whose clusters are known; each track stands for a gate.

        Parameters
        ----------
        clusters : ndarray of CLUSTER_DTYPE
            Those of a track together, one a plane.
        offset : array_like of int, shape (n_tracks + 1,)
        momentum : array_like of float, shape (n_tracks,)
            At the first node, MeV/c.

        Raises
        ------
        UsageError
            As :meth:`find`; also if the number of momenta differs, a momentum is not positive, or
            a track has more clusters than there are planes.
        """
        from mx2prod.reconstruction.tracks_kernels import fit_given

        offsets = self._checked(clusters, offset)
        momenta = np.array(momentum, np.float64)
        n = len(offsets) - 1
        if momenta.shape != (n,) or not np.all(momenta > 0):
            raise UsageError(f"{n} positive momenta are needed, found {momenta!r}")
        if n and np.diff(offsets).max() > self.n_planes:
            raise UsageError(f"a track has more clusters than there are planes ({self.n_planes})")
        tracks, nodes = np.zeros(n, TRACK_DTYPE), np.zeros(len(clusters), NODE_DTYPE)
        own = np.require(clusters, requirements=["C", "W"])
        fit_given(*self.layers.stack, self._parameters, own, offsets, momenta, tracks, nodes)
        nothing = {name: np.zeros(n, np.int64) for name in ("seeds", "combinations", "tracks")}
        each = np.arange(n + 1, dtype=np.int64)
        _require_numbers("track", tracks, each, _MAY_BE_UNKNOWN)
        _require_numbers("node", nodes, offsets)
        return Tracks(tracks, each, nodes, offsets, np.zeros(n, np.uint8), nothing)

    def _checked(self, clusters: Rows, offset: npt.ArrayLike) -> Offsets:
        offsets = np.array(offset, np.int64)
        if clusters.dtype != CLUSTER_DTYPE or clusters.ndim != 1:
            raise UsageError("clusters are not rows of CLUSTER_DTYPE")
        if (
            offsets.ndim != 1
            or len(offsets) < 1
            or offsets[0] != 0
            or offsets[-1] != len(clusters)
            or np.any(np.diff(offsets) < 0)
        ):
            raise UsageError(
                f"offsets do not run from 0 to the number of clusters, {len(clusters)}"
            )
        bad = (
            (clusters["plane"] >= self.n_planes)
            | ~np.isfinite(clusters["coord"])
            | ~(np.isfinite(clusters["e"]) & np.isfinite(clusters["pe"]))
            | ~(np.isfinite(clusters["err"]) & (clusters["err"] > 0))
        )
        if np.any(bad):
            row = int(np.argmax(bad))
            gate = int(np.searchsorted(offsets, row, side="right")) - 1
            raise UsageError(
                f"gate {gate} of the chunk, cluster {row - offsets[gate]}: plane "
                f"{clusters['plane'][row]}, coordinate {clusters['coord'][row]}, error "
                f"{clusters['err'][row]}, energy {clusters['e'][row]}, photoelectrons "
                f"{clusters['pe'][row]}; expected a plane below {self.n_planes}, numbers, and "
                "an error above 0"
            )
        return offsets


def _require_numbers(
    what: str, rows: Rows, offset: Offsets, may_be_unknown: tuple[str, ...] = ()
) -> None:
    """Refuse results that are not numbers (reconstruction page, section 14)."""
    for name in rows.dtype.names or ():
        if rows.dtype[name].base.kind != "f" or name in may_be_unknown:
            continue
        good = np.isfinite(rows[name])
        if not np.all(good):
            row = int(np.argmin(good.reshape(len(rows), -1).all(axis=1)))
            gate = int(np.searchsorted(offset, row, side="right")) - 1
            raise InputFileError(
                f"tracking: gate {gate} of the chunk, {what} {row - offset[gate]}: {name} is "
                f"{rows[name][row]}, expected a number"
            )


def _offsets(counts: Offsets) -> Offsets:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _flags(counts: Offsets) -> npt.NDArray[np.uint8]:
    flags = np.zeros(len(counts), np.uint8)
    columns = {RecoGateFlag.SEEDS: 2, RecoGateFlag.COMBINATIONS: 3, RecoGateFlag.TRACKS: 4}
    for flag, column in columns.items():
        flags[counts[:, column] > 0] |= int(flag)
    return flags
