"""Kernels of the photostatistics: moments of charge spectra without their high tail, lost tail."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, int64, njit, types, uint32

from mx2prod.calibration.light_injection_accumulator import ADC_OF_BIN

MOST_STEPS = 20
N_MOMENTS = 6
_SERIES_STEPS = 1000
_PRECISION = 1e-14
_TINY = 1e-300
_SMALLEST_W2 = 1e-6


@njit(
    types.void(int64[::1], uint32[::1], float64[::1], float64[::1], float64, float64[:, ::1]),
    nogil=True,
    cache=True,
)
def charge_moments(
    offsets: Any, counts: Any, charge: Any, width: Any, high_cut: float, moments: Any
) -> None:
    """Moments of spectra whose readings far above the mean are left out.

    Start from all readings, leave out what is more than ``high_cut`` rms above the mean, recompute
    both, repeat until nothing changes.  (A median and its absolute deviation are no start: below
    0.7 PE both belong to the pulses without light.)

    Parameters
    ----------
    offsets : ndarray of int64, shape (n + 1,)
        Bins of spectrum i are ``offsets[i]:offsets[i + 1]``.
    counts : ndarray of uint32, shape (n_bins,)
    charge : ndarray of float64, shape (n_bins,)
        Charge of each bin, rising within a spectrum.
    width : ndarray of float64, shape (n_bins,)
        Charge of 1 ADC at each bin.
    high_cut : float
    moments : ndarray of float64, shape (n, 6)
        Filled: kept readings, first bin left out (counted from the first bin of the spectrum),
        mean, second central moment, third, fourth.  The second is without the width of the bins
        beyond that of 1 ADC: (4 x 4 - 1) / 12 ADC2 (Sheppard's correction).
    """
    for spectrum in range(offsets.size - 1):
        start = offsets[spectrum]
        bins = offsets[spectrum + 1] - start
        last = bins
        n = 0.0
        mean = np.nan
        rms = np.nan
        for _ in range(MOST_STEPS):
            n = 0.0
            total = 0.0
            squares = 0.0
            zero = charge[start] if bins > 0 else 0.0
            for k in range(last):
                weight = float64(counts[start + k])
                value = charge[start + k] - zero
                n += weight
                total += weight * value
                squares += weight * value * value
            if n == 0:
                break
            mean = total / n + zero
            rms = math.sqrt(max(0.0, squares / n - (total / n) ** 2))
            before = last
            while last > 0 and charge[start + last - 1] > mean + high_cut * rms:
                last -= 1
            if last == before:
                break
        second, third, fourth, binning = 0.0, 0.0, 0.0, 0.0
        for k in range(last):
            weight = float64(counts[start + k])
            value = charge[start + k] - mean
            second += weight * value * value
            third += weight * value**3
            fourth += weight * value**4
            binning += weight * width[start + k] ** 2 * ((ADC_OF_BIN**2 - 1) / 12)
        moments[spectrum, 0] = n
        moments[spectrum, 1] = last
        moments[spectrum, 2] = mean
        moments[spectrum, 3] = (second - binning) / n if n > 0 else np.nan
        moments[spectrum, 4] = third / n if n > 0 else np.nan
        moments[spectrum, 5] = fourth / n if n > 0 else np.nan


@njit(nogil=True)
def _upper_gamma(a: float, x: float) -> Any:
    """Regularised upper incomplete gamma function Q(a, x): series or continued fraction."""
    if x <= 0.0:
        return 1.0
    front = math.exp(-x + a * math.log(x) - math.lgamma(a))
    if x < a + 1.0:
        term = 1.0 / a
        total = term
        for k in range(1, _SERIES_STEPS):
            term *= x / (a + k)
            total += term
            if term < total * _PRECISION:
                break
        return 1.0 - front * total
    b = x + 1.0 - a
    c = 1.0 / _TINY
    d = 1.0 / b
    h = d
    for k in range(1, _SERIES_STEPS):
        factor = -k * (k - a)
        b += 2.0
        d = factor * d + b
        d = 1.0 / (d if abs(d) > _TINY else _TINY)
        c = b + factor / c
        c = c if abs(c) > _TINY else _TINY
        h *= d * c
        if abs(d * c - 1.0) < _PRECISION:
            break
    return front * h


@njit(nogil=True)
def _tail_of(n: int, w2: float, limit: float) -> Any:
    """Probability, mean and mean square beyond a limit, of n photoelectrons, in PE."""
    if w2 < _SMALLEST_W2:
        beyond = 1.0 if n > limit else 0.0
        return beyond, beyond * n, beyond * n * n
    shape = n / w2
    x = limit / w2
    return (
        _upper_gamma(shape, x),
        n * _upper_gamma(shape + 1.0, x),
        n * (n + w2) * _upper_gamma(shape + 2.0, x),
    )


@njit(types.void(float64[::1], float64, float64, float64[:, ::1]), nogil=True, cache=True)
def kept_of_tail(light: Any, w2: float, high_cut: float, kept: Any) -> None:
    """Mean and variance that a cut on the high tail leaves, over those without it.

    Model: Poisson photoelectrons, each with a response of gamma distribution of relative variance
    w2; the cut is at ``high_cut`` rms above the mean.

    Parameters
    ----------
    light : ndarray of float64, shape (n,)
        Mean photoelectrons, above 0.
    w2, high_cut : float
    kept : ndarray of float64, shape (n, 2)
        Filled: ratio of the means, ratio of the variances.
    """
    for number in range(light.size):
        mean = light[number]
        variance = mean * (1.0 + w2)
        limit = mean + high_cut * math.sqrt(variance)
        lost, lost_mean, lost_square = 0.0, 0.0, 0.0
        for n in range(1, int(limit + 12.0 * math.sqrt(limit) + 40.0)):
            probability = math.exp(n * math.log(mean) - mean - math.lgamma(n + 1.0))
            beyond, first, square = _tail_of(n, w2, limit)
            lost += probability * beyond
            lost_mean += probability * first
            lost_square += probability * square
        rest = 1.0 - lost
        new_mean = (mean - lost_mean) / rest
        new_square = (variance + mean * mean - lost_square) / rest
        kept[number, 0] = new_mean / mean
        kept[number, 1] = (new_square - new_mean * new_mean) / variance
