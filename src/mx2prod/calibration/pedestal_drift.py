"""How the high-gain level of each board moves in time (pre-production page, 2.2, plot P8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import mean_and_variance
from mx2prod.calibration.pedestal_slices import SLICE_SUMS, SubrunSlices
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

N_SLICES = 20
"""Equal ranges of gate numbers."""


@dataclass(frozen=True)
class DriftSlices:
    """Mean of each board in equal ranges of gates.

    Attributes
    ----------
    times_us : ndarray of int64, shape (n_slices, 2)
        Time of the first and last gate of each slice, microseconds since 1970.
    frames : ndarray of int64, shape (n_slices, n_febs)
        ADC frames.
    mean, mean_err : ndarray of float64, shape (n_slices, n_febs)
        High-gain mean of the 64 pixels and its error, coherent noise included, in ADC; NaN where
        not defined.
    """

    times_us: Integers
    frames: Integers
    mean: Floats
    mean_err: Floats

    def spread(self) -> tuple[Floats, Floats]:
        """Give largest minus smallest mean of each board and its error, shape (n_febs,) each.

        Slices without an error (fewer than two frames) are left out; 0 and infinity with fewer
        than two slices.
        """
        spread, error = np.zeros(self.mean.shape[1]), np.full(self.mean.shape[1], np.inf)
        known = np.isfinite(self.mean_err)
        boards = np.flatnonzero(known.sum(axis=0) > 1)
        if len(boards):
            means = np.where(known, self.mean, np.nan)[:, boards]
            high, low = np.nanargmax(means, axis=0), np.nanargmin(means, axis=0)
            spread[boards] = self.mean[high, boards] - self.mean[low, boards]
            error[boards] = np.hypot(self.mean_err[high, boards], self.mean_err[low, boards])
        return spread, error


def board_totals(slices: Sequence[SubrunSlices], n_febs: int) -> Integers:
    """Sum the slices: frames, sum of totals, sum of squares; shape (n_febs, 3)."""
    start = np.zeros((n_febs, SLICE_SUMS), np.int64)
    return sum((part.sums.sum(axis=0) for part in slices), start=start)


def drift_slices(
    slices: Sequence[SubrunSlices], n_febs: int, n_slices: int = N_SLICES
) -> DriftSlices:
    """Join time slices to equal ranges of gates, subruns one after the other.

    Parameters
    ----------
    slices : sequence of SubrunSlices
    n_febs : int
    n_slices : int
        Ranges; those without a gate are left out.
    """
    if not slices:
        none = np.zeros((0, n_febs))
        return DriftSlices(np.zeros((0, 2), np.int64), none.astype(np.int64), none, none)
    place = _places(slices, n_slices)
    starts = np.flatnonzero(np.diff(place, prepend=-1))
    sums = np.add.reduceat(np.concatenate([part.sums for part in slices]), starts, axis=0)
    times = np.concatenate([part.times_us for part in slices])
    first = np.minimum.reduceat(times[:, 0], starts)
    last = np.maximum.reduceat(times[:, 1], starts)
    frames = sums[:, :, 0]
    mean, variance = mean_and_variance(frames, sums[:, :, 1], sums[:, :, 2])
    error = np.full(frames.shape, np.nan)
    np.divide(np.sqrt(np.maximum(variance, 0)), np.sqrt(frames), out=error, where=frames > 1)
    return DriftSlices(
        np.column_stack([first, last]), frames, mean / PIXELS_PER_BOARD, error / PIXELS_PER_BOARD
    )


def _places(slices: Sequence[SubrunSlices], n_slices: int) -> Integers:
    """Range of each slice, by the gates that stand before its middle."""
    middles, before = [], 0.0
    for part in slices:
        own = (part.numbers - part.numbers[0] + 0.5) * part.width
        middles.append(before + own)
        before += own[-1] + 0.5 * part.width
    places: Integers = (np.concatenate(middles) * n_slices / before).astype(np.int64)
    return places
