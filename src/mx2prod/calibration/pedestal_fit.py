"""From a pedestal accumulator to pedestals, their errors, and what the monitors say.

``peirce1`` cuts into the core of a Gaussian when readings are few: its rms is 0.9 % too small with
300 readings, 2.9 % with 100 (design note 0050).  Tables of fewer gates than ``min_gates`` are not
good, and those of fewer than ``too_few_gates`` are not made, for this reason among others.

Source: pre-production page, sections 2.3 and 2.4.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import mean_and_variance
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_drift import DriftSlices, board_totals, drift_slices
from mx2prod.calibration.pedestal_fit_kernels import fit_cores, robust_widths, same_bits
from mx2prod.calibration.pedestal_monitors import N_BLOCKS
from mx2prod.calibration.peirce import PedestalMoments, peirce1
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

Floats = npt.NDArray[np.float64]
N_GAINS = len(Gain)
FEWEST_FOR_CORE = 50
"""Readings within two sigma that the fit of the core needs."""


@dataclass(frozen=True)
class PedestalFit:
    """Pedestals of all channels.

    Arrays of channels have the shape (n_channels, 3), gains in the order of
    :class:`~mx2prod.detector.Gain`; all widths and means are in ADC.

    Attributes
    ----------
    moments : PedestalMoments
        Mean, rms, kept readings, rejected fraction, errors, by the recipe ``peirce1``.
    readings : ndarray of int64
        All readings, rejected ones too.
    same_bits : ndarray of int64
        Mask of the ADC bits that are the same in all readings.
    distinct : ndarray of int64
        Distinct ADC values.
    robust_rms : ndarray of float64
        1.4826 times the median absolute deviation.
    core_mean, core_sigma, core_err : ndarray of float64
        Gaussian fitted within two rms: mean, sigma, error of the mean; NaN without.
    block_offset, block_err : ndarray of float64, shape (n_channels, 3, N_BLOCKS)
        Mean difference of each timed hit block to the untimed one, and its error; NaN without.
    coherent_rms : ndarray of float64, shape (n_febs,)
        Part of the high-gain rms that all pixels of a board share; NaN without.
    drift : DriftSlices
        High-gain mean of each board in time slices.
    """

    moments: PedestalMoments
    readings: npt.NDArray[np.int64]
    same_bits: npt.NDArray[np.int64]
    distinct: npt.NDArray[np.int64]
    robust_rms: Floats
    core_mean: Floats
    core_sigma: Floats
    core_err: Floats
    block_offset: Floats
    block_err: Floats
    coherent_rms: Floats
    drift: DriftSlices

    @property
    def n_channels(self) -> int:
        """Number of channels."""
        return len(self.readings)

    @property
    def n_febs(self) -> int:
        """Number of boards."""
        return len(self.coherent_rms)


def fit_pedestals(accumulator: PedestalAccumulator) -> PedestalFit:
    """Fit the pedestals of all channels.

    Parameters
    ----------
    accumulator : PedestalAccumulator

    Returns
    -------
    PedestalFit
    """
    histograms = accumulator.histograms
    arrays = (histograms.first, histograms.offsets, histograms.counts)
    n_rows = len(histograms)
    shape = (n_rows // N_GAINS, N_GAINS)
    moments = peirce1(histograms, accumulator.outside.sum(axis=1, dtype=np.int64))
    robust, distinct = np.empty(n_rows), np.empty(n_rows, np.int64)
    robust_widths(*arrays, robust, distinct)
    bits = np.empty(n_rows, np.int64)
    same_bits(*arrays, bits)
    cores = np.empty((n_rows, 3))
    fit_cores(*arrays, moments.mean, moments.rms, FEWEST_FOR_CORE, cores)
    offset, offset_err = _block_offsets(accumulator.blocks, moments.rms)
    return PedestalFit(
        moments.reshaped(*shape),
        accumulator.entries().reshape(shape),
        bits.reshape(shape),
        distinct.reshape(shape),
        robust.reshape(shape),
        cores[:, 0].reshape(shape),
        cores[:, 1].reshape(shape),
        cores[:, 2].reshape(shape),
        offset.reshape(*shape, N_BLOCKS),
        offset_err.reshape(*shape, N_BLOCKS),
        _coherent_rms(accumulator),
        drift_slices(accumulator.slices, len(accumulator.boards)),
    )


def _block_offsets(blocks: npt.NDArray[np.int64], rms: Floats) -> tuple[Floats, Floats]:
    """Mean difference and its error; both blocks of a gate fluctuate by the rms."""
    n = blocks[:, :, 0].astype(np.float64)
    offset, error = np.full((2, *n.shape), np.nan)
    np.divide(blocks[:, :, 1], n, out=offset, where=n > 0)
    np.divide(np.sqrt(2) * rms[:, None], np.sqrt(n), out=error, where=n > 0)
    return offset, error


def _coherent_rms(accumulator: PedestalAccumulator) -> Floats:
    """Variance of the mean of a board beyond what independent pixels give.

    Both variances are of all readings, outliers too, which therefore cancel.
    """
    n_febs = len(accumulator.boards)
    totals = board_totals(accumulator.slices, n_febs)
    rms = accumulator.plain_moments()[1].reshape(n_febs, PIXELS_PER_BOARD, N_GAINS)
    pixels = np.mean(rms[:, :, Gain.HIGH] ** 2, axis=1) / PIXELS_PER_BOARD
    _, variance = mean_and_variance(*totals.T)
    coherent: Floats = np.sqrt(np.maximum(variance / PIXELS_PER_BOARD**2 - pixels, 0))
    return coherent
