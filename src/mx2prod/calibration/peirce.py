"""Peirce's criterion: mean and rms of pedestal histograms without their outliers.

Source: pre-production page, sections 2.3 and 2.4.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.peirce_kernels import N_MOMENTS, reject_outliers
from mx2prod.core.errors import UsageError

FEWEST_READINGS = 3
"""With fewer readings the criterion rejects nothing."""

_TOLERANCE = 1e-12
_MOST_STEPS = 1000
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PedestalMoments:
    """Mean and width of each histogram, outliers left out.

    All arrays have the shape of the rows.  A row without kept readings has NaN mean; one with a
    single kept reading has no rms and no errors (NaN).

    Attributes
    ----------
    mean, rms : ndarray of float64
        In ADC; the rms with n - 1 and with the rounding to whole ADC (variance 1/12) in it.
    entries : ndarray of int64
        Kept readings.
    rejected : ndarray of float64
        Fraction of all readings that is not kept; NaN without readings.
    mean_err, rms_err : ndarray of float64
        Their uncertainties, in ADC.
    """

    mean: Floats
    rms: Floats
    entries: npt.NDArray[np.int64]
    rejected: Floats
    mean_err: Floats
    rms_err: Floats

    def reshaped(self, *shape: int) -> PedestalMoments:
        """Return the same in another shape, for example ``(n_channels, 3)``."""
        return PedestalMoments(**{name: array.reshape(shape) for name, array in vars(self).items()})


@lru_cache(maxsize=1 << 16)
def critical_deviation(readings: int, outliers: int = 1) -> float:
    """Largest allowed deviation from the mean, in sigma, by Peirce's criterion.

    Parameters
    ----------
    readings : int
        N, all readings.
    outliers : int
        n, supposed number of outliers; one quantity (the mean) is fitted.

    Returns
    -------
    float
        The fixed point x; infinity if fewer than ``outliers + 2`` readings are there.

    Raises
    ------
    UsageError
        If a number is not positive.
    """
    n_all, n_out = readings, outliers
    if n_all < 1 or n_out < 1:
        raise UsageError(f"{n_all} readings and {n_out} outliers: both must be positive")
    n_kept = n_all - n_out
    if n_kept < FEWEST_READINGS - 1:
        return math.inf
    log_q = n_out * math.log(n_out) + n_kept * math.log(n_kept) - n_all * math.log(n_all)
    x = 1.0
    for _ in range(_MOST_STEPS):
        log_r = (x * x - 1) / 2 + math.log(math.erfc(x / math.sqrt(2)))
        lambda_squared = math.exp(2 / n_kept * (log_q - n_out * log_r))
        before, x = x, math.sqrt(max(0.0, 1 + (n_kept - 1) / n_out * (1 - lambda_squared)))
        if abs(x - before) < _TOLERANCE:
            break
    return x


def peirce1(
    histograms: Histograms, outside: npt.NDArray[np.integer] | None = None
) -> PedestalMoments:
    """Mean and rms by the recipe ``peirce1``.

    Start from the median and 1.4826 times the median absolute deviation (at least 0.5 ADC); keep
    what is within x(N, 1) sigma of the mean, with x of :func:`critical_deviation`; take mean and
    sigma of the kept; repeat until nothing changes, at most 20 times.

    Parameters
    ----------
    histograms : Histograms
    outside : ndarray of int, shape (n_rows,), optional
        Readings outside the window of a row: they count as readings and as rejected.

    Returns
    -------
    PedestalMoments
        Arrays of shape (n_rows,).
    """
    readings = histograms.entries()
    if outside is not None:
        readings = readings + outside
    numbers, place = np.unique(readings, return_inverse=True)
    table = np.array([critical_deviation(max(number, 1)) for number in numbers.tolist()])
    moments = np.empty((len(histograms), N_MOMENTS))
    critical = table[place]
    reject_outliers(histograms.first, histograms.offsets, histograms.counts, critical, moments)
    kept, mean, rms, mean_err, rms_err = moments.T.copy()
    rejected = np.full(len(readings), np.nan)
    np.divide(readings - kept, readings, out=rejected, where=readings > 0)
    return PedestalMoments(mean, rms, kept.astype(np.int64), rejected, mean_err, rms_err)
