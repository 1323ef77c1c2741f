"""Time slices, cross-talk grades and clusters of calibrated digits (page sections 6 to 8)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.detector import Planes, PlaneShape
from mx2prod.digits import CAL_DIGIT_DTYPE
from mx2prod.reconstruction.columns import CLUSTER_DTYPE, SLICE_DTYPE, RecoGateFlag
from mx2prod.reconstruction.config import RecoConfig, object_parameters

Rows = npt.NDArray[np.void]
Offsets = npt.NDArray[np.int64]


@dataclass(frozen=True)
class FormedClusters:
    """Slices and clusters of a chunk of gates, with their digits.

    Attributes
    ----------
    digits : ndarray of CAL_DIGIT_DTYPE
        Those given, with slice and the flags XTALK, UNTIMED_ASSIGNED and PILE_UP.
    digit_offset : ndarray of int64, shape (n_gates + 1,)
    score : ndarray of float32, shape (n_digits,)
        Light over the cross-talk that is expected; -1 without a bright neighbour.
    cluster_of : ndarray of int32, shape (n_digits,)
        Cluster in the gate; -1 for digits that are left over.
    slices : ndarray of SLICE_DTYPE
        ``gate`` counts in the chunk.
    slice_offset : ndarray of int64, shape (n_gates + 1,)
    clusters : ndarray of CLUSTER_DTYPE
        By slice, plane and strip.
    cluster_offset : ndarray of int64, shape (n_gates + 1,)
    cluster_digits : ndarray of int32
        Digits in their gate, cluster by cluster: ``first_digit`` and ``n_digits`` of a cluster
        count in those of its gate.
    cluster_digit_offset : ndarray of int64, shape (n_gates + 1,)
    flags : ndarray of uint8, shape (n_gates,)
        RecoGateFlag: caps that were reached.
    dropped : dict of ndarray of int64, each of shape (n_gates,)
        ``clusters``, and ``cluster_digits`` of clusters that were kept, that found no room.
    """

    digits: Rows
    digit_offset: Offsets
    score: npt.NDArray[np.float32]
    cluster_of: npt.NDArray[np.int32]
    slices: Rows
    slice_offset: Offsets
    clusters: Rows
    cluster_offset: Offsets
    cluster_digits: npt.NDArray[np.int32]
    cluster_digit_offset: Offsets
    flags: npt.NDArray[np.uint8]
    dropped: dict[str, Offsets]


class ClusterFinder:
    """Forms the clusters of one detector with one configuration.

    Parameters
    ----------
    planes : Planes
    config : RecoConfig
    """

    def __init__(self, planes: Planes, config: RecoConfig) -> None:
        self.n_strips = planes.n_strips
        self._shape = strip_shape(planes.shape)
        self._parameters = object_parameters(config)

    def find(self, digits: Rows, offset: npt.ArrayLike) -> FormedClusters:
        """Form slices and clusters of gates.

        Parameters
        ----------
        digits : ndarray of CAL_DIGIT_DTYPE
            In any order inside a gate; not changed.
        offset : array_like of int, shape (n_gates + 1,)
            First digit of each gate.

        Returns
        -------
        FormedClusters

        Raises
        ------
        UsageError
            If offsets and digits do not fit together, a strip does not exist, or light or energy
            is not a number.
        """
        from mx2prod.reconstruction.forming_kernels import N_FORMED, form_gates

        offsets = _checked(digits, offset, self.n_strips)
        own, n = np.array(digits, CAL_DIGIT_DTYPE), len(digits)
        score, cluster_of = np.empty(n, np.float32), np.empty(n, np.int32)
        slices, clusters = np.zeros(n, SLICE_DTYPE), np.zeros(n, CLUSTER_DTYPE)
        listed = np.empty(n, np.int32)
        counts = np.zeros((len(offsets) - 1, N_FORMED), np.int64)
        form_gates(
            own, offsets, self._shape, self._parameters, score, cluster_of, slices, clusters,
            listed, counts,
        )  # fmt: skip
        of_slices, of_clusters, of_listed = (offsets_of(counts[:, k]) for k in range(3))
        return FormedClusters(
            own, offsets, score, cluster_of, first_rows(slices, of_slices[-1]), of_slices,
            first_rows(clusters, of_clusters[-1]), of_clusters, listed[: of_listed[-1]].copy(),
            of_listed, _flags(counts), {"clusters": counts[:, 3], "cluster_digits": counts[:, 4]},
        )  # fmt: skip


def strip_shape(shape: PlaneShape) -> npt.NDArray[np.float64]:
    """Give strips of a plane, pitch (mm) and middle strip, as the kernels read them."""
    return np.array([shape.strips_per_plane, shape.strip_pitch_mm, shape.middle_strip], np.float64)


def first_rows(rows: Rows, n: int) -> Rows:
    """Copy the first rows of a one-dimensional array, bytes between columns too."""
    return rows.view(f"V{rows.dtype.itemsize}")[:n].copy().view(rows.dtype)


def offsets_of(counts: npt.NDArray[np.int64]) -> Offsets:
    """Give the offsets of rows of gates that have these counts."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)])


def _flags(counts: Offsets) -> npt.NDArray[np.uint8]:
    flags = np.zeros(len(counts), np.uint8)
    flags[counts[:, 3] > 0] |= int(RecoGateFlag.CLUSTERS)
    flags[counts[:, 4] > 0] |= int(RecoGateFlag.CLUSTER_DIGITS)
    return flags


def _checked(digits: Rows, offset: npt.ArrayLike, n_strips: int) -> Offsets:
    offsets = np.array(offset, np.int64)
    if digits.dtype != CAL_DIGIT_DTYPE or digits.ndim != 1:
        raise UsageError("digits are not rows of CAL_DIGIT_DTYPE")
    if (
        offsets.ndim != 1
        or len(offsets) < 1
        or offsets[0] != 0
        or offsets[-1] != len(digits)
        or np.any(np.diff(offsets) < 0)
    ):
        raise UsageError(f"offsets do not run from 0 to the number of digits, {len(digits)}")
    bad = (
        (digits["strip"] >= n_strips) | ~np.isfinite(digits["pe"]) | ~np.isfinite(digits["energy"])
    )
    if np.any(bad):
        row = int(np.argmax(bad))
        gate = int(np.searchsorted(offsets, row, side="right")) - 1
        raise UsageError(
            f"gate {gate} of the chunk, digit {row - offsets[gate]}: strip {digits['strip'][row]}, "
            f"{digits['pe'][row]} PE, {digits['energy'][row]} MeV; expected a strip below "
            f"{n_strips} and numbers"
        )
    return offsets
