"""Kernels of the pedestal fit: width from the median, number of values, Gaussian core."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, int32, int64, njit, types, uint32

from mx2prod.calibration.peirce_kernels import MAD_TO_SIGMA
from mx2prod.constants.tables import ADC_MAX

CORE_SIGMAS = 2.0
FEWEST_CORE_BINS = 4
MOST_STEPS = 40
_HALVINGS = 40
_ROOT_2 = math.sqrt(2.0)
_ROOT_2PI = math.sqrt(2.0 * math.pi)


@njit(nogil=True)
def _below(running: Any, bins: int, place: float) -> Any:
    """Count readings below a place, in bins from 0; those of a bin are spread evenly over it."""
    if place <= -0.5:
        return 0.0
    if place >= bins - 0.5:
        return float(running[bins])
    k = math.floor(place + 0.5)
    return running[k] + (place + 0.5 - k) * (running[k + 1] - running[k])


@njit(nogil=True)
def _median_and_deviation(running: Any, bins: int) -> Any:
    """Median and median absolute deviation of readings that are spread over their bins."""
    half = 0.5 * running[bins]
    low, high = -0.5, bins - 0.5
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        if _below(running, bins, middle) < half:
            low = middle
        else:
            high = middle
    median = 0.5 * (low + high)
    low, high = 0.0, float(bins)
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        inside = _below(running, bins, median + middle) - _below(running, bins, median - middle)
        if inside < half:
            low = middle
        else:
            high = middle
    return median, 0.5 * (low + high)


@njit(
    types.void(int32[::1], int64[::1], uint32[::1], float64[::1], int64[::1]),
    nogil=True,
    cache=True,
)
def robust_widths(first: Any, offsets: Any, counts: Any, sigma: Any, distinct: Any) -> None:
    """Width from the median absolute deviation, and number of occupied bins, of every row.

    Readings are spread evenly over their bin of 1 ADC, so that narrow pedestals have no steps.

    Parameters
    ----------
    first, offsets, counts
        Arrays of :class:`~mx2prod.calibration.histograms.Histograms`.
    sigma : ndarray of float64, shape (n_rows,)
        Filled: 1.4826 times the deviation, ADC; NaN without readings.
    distinct : ndarray of int64, shape (n_rows,)
        Filled.
    """
    widest = 0
    for row in range(first.size):
        widest = max(widest, offsets[row + 1] - offsets[row])
    running = np.zeros(widest + 1, np.int64)
    for row in range(first.size):
        start = offsets[row]
        bins = offsets[row + 1] - start
        sigma[row] = np.nan
        distinct[row] = 0
        if bins == 0:
            continue
        for k in range(bins):
            running[k + 1] = running[k] + int64(counts[start + k])
            distinct[row] += counts[start + k] > 0
        sigma[row] = MAD_TO_SIGMA * _median_and_deviation(running, bins)[1]


@njit(types.void(int32[::1], int64[::1], uint32[::1], int64[::1]), nogil=True, cache=True)
def same_bits(first: Any, offsets: Any, counts: Any, bits: Any) -> None:
    """Bits of the ADC value that are the same in all readings, of every row.

    Parameters
    ----------
    first, offsets, counts
        Arrays of :class:`~mx2prod.calibration.histograms.Histograms`.
    bits : ndarray of int64, shape (n_rows,)
        Filled with masks; 0 without readings.
    """
    for row in range(first.size):
        always, ever = ADC_MAX, 0
        for k in range(offsets[row], offsets[row + 1]):
            if counts[k] > 0:
                value = int64(first[row]) + k - offsets[row]
                always &= value
                ever |= value
        bits[row] = ADC_MAX & ~(always ^ ever) if offsets[row + 1] > offsets[row] else 0


@njit(nogil=True)
def _scores(counts: Any, edge: float, mean: float, sigma: float) -> Any:
    """Slope of the log-likelihood in mean and sigma, and the Fisher information.

    ``counts`` are those of bins of 1 ADC from ``edge`` on; the Gaussian is normalised in them.
    """
    n = 0.0
    g_mean, g_sigma, e_mm, e_ms, e_ss = 0.0, 0.0, 0.0, 0.0, 0.0
    t = (edge - mean) / sigma
    cdf, pdf = 0.5 * math.erfc(-t / _ROOT_2), math.exp(-0.5 * t * t) / _ROOT_2PI
    first_cdf, first_pdf, first_t = cdf, pdf, t
    for k in range(counts.size):
        next_t = (edge + k + 1 - mean) / sigma
        next_cdf = 0.5 * math.erfc(-next_t / _ROOT_2)
        next_pdf = math.exp(-0.5 * next_t * next_t) / _ROOT_2PI
        share = max(next_cdf - cdf, 1e-300)
        d_mean = -(next_pdf - pdf) / sigma
        d_sigma = -(next_t * next_pdf - t * pdf) / sigma
        n += counts[k]
        g_mean += counts[k] * d_mean / share
        g_sigma += counts[k] * d_sigma / share
        e_mm += d_mean * d_mean / share
        e_ms += d_mean * d_sigma / share
        e_ss += d_sigma * d_sigma / share
        t, cdf, pdf = next_t, next_cdf, next_pdf
    total = max(cdf - first_cdf, 1e-300)
    d_mean = -(pdf - first_pdf) / sigma / total
    d_sigma = -(t * pdf - first_t * first_pdf) / sigma / total
    i_mm = n * (e_mm / total - d_mean * d_mean)
    i_ms = n * (e_ms / total - d_mean * d_sigma)
    i_ss = n * (e_ss / total - d_sigma * d_sigma)
    return g_mean - n * d_mean, g_sigma - n * d_sigma, i_mm, i_ms, i_ss


@njit(nogil=True)
def _fit_core(counts: Any, edge: float, mean: float, sigma: float) -> Any:
    """Fisher scoring from a start; mean, sigma, error of the mean, or NaN if it fails."""
    start = sigma
    for _ in range(MOST_STEPS):
        g_mean, g_sigma, i_mm, i_ms, i_ss = _scores(counts, edge, mean, sigma)
        determinant = i_mm * i_ss - i_ms * i_ms
        if not determinant > 1e-9 * i_mm * i_ss:
            break
        step_mean = (i_ss * g_mean - i_ms * g_sigma) / determinant
        step_sigma = (i_mm * g_sigma - i_ms * g_mean) / determinant
        mean += min(max(step_mean, -sigma), sigma)
        sigma *= math.exp(min(max(step_sigma / sigma, -0.5), 0.5))
        error = math.sqrt(i_ss / determinant)
        if not 0.1 * start < sigma < 5 * start:
            break
        if abs(step_mean) < 1e-3 * error and abs(step_sigma) < 1e-3 * error:
            return mean, sigma, error
    return np.nan, np.nan, np.nan


@njit(
    types.void(
        int32[::1], int64[::1], uint32[::1], float64[::1], float64[::1], int64, float64[:, ::1]
    ),
    nogil=True,
    cache=True,
)
def fit_cores(
    first: Any, offsets: Any, counts: Any, mean: Any, rms: Any, fewest: int, cores: Any
) -> None:
    """Binned likelihood fit of a Gaussian within two sigma of every row (page, section 2.3).

    Parameters
    ----------
    first, offsets, counts
        Arrays of :class:`~mx2prod.calibration.histograms.Histograms`.
    mean, rms : ndarray of float64, shape (n_rows,)
        Start, and the middle and the half width (twice the rms) of the range.
    fewest : int
        Readings in the range that a fit needs.
    cores : ndarray of float64, shape (n_rows, 3)
        Filled: mean, sigma, error of the mean, in ADC; NaN with too few readings or bins, and
        where the fit does not converge.
    """
    for row in range(first.size):
        cores[row] = np.nan
        if not rms[row] > 0:
            continue
        low = math.ceil(mean[row] - CORE_SIGMAS * rms[row])
        high = math.floor(mean[row] + CORE_SIGMAS * rms[row])
        inside = np.zeros(high - low + 1, np.float64)
        total = 0.0
        start, bins = offsets[row], offsets[row + 1] - offsets[row]
        for adc in range(max(low, first[row]), min(high, first[row] + bins - 1) + 1):
            inside[adc - low] = counts[start + adc - first[row]]
            total += inside[adc - low]
        if inside.size < FEWEST_CORE_BINS or total < fewest:
            continue
        fitted, sigma, error = _fit_core(inside, low - 0.5, mean[row], rms[row])
        cores[row, 0] = fitted
        cores[row, 1] = sigma
        cores[row, 2] = error
