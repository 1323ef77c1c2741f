"""Kernel of the spectrum fit: pedestal, Poisson photoelectrons, gamma response, binned likelihood.

The spectrum of n photoelectrons is a gamma distribution with a shift whose first three moments are
those of the sum of n responses and of the noise of the pedestal.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float64, int64, njit, types, uint32

from mx2prod.calibration.light_injection_accumulator import ADC_OF_BIN

MOST_STEPS = 40
LARGEST_STEP = 0.3
CONVERGED = 1e-3
MOST_PE = 60
N_SHAPE = 4
"""Numbers of a shape: gamma shape minus 1, scale, shift, logarithm of the normalisation."""

_DIFFERENCE = 1e-5
_SMALLEST_PROBABILITY = 1e-12
_REACH = 7.0
N_RESULTS = 6


@njit(nogil=True)
def _shape(n: int, gain: float, w2: float, noise: float, shape: Any) -> None:
    """Shifted gamma distribution of n photoelectrons; ``noise`` is the variance of the pedestal."""
    variance = n * w2 * gain * gain + noise
    third = 2.0 * n * w2 * w2 * gain**3
    scale = third / (2.0 * variance)
    k = variance / (scale * scale)
    shape[0] = k - 1.0
    shape[1] = scale
    shape[2] = n * gain - k * scale
    shape[3] = -math.lgamma(k) - k * math.log(scale)


@njit(nogil=True)
def _shapes(most: int, gain: float, w2: float, noise: float, shapes: Any) -> None:
    """Shapes of 1..most photoelectrons, and their derivatives by the logs of gain and w2."""
    for n in range(1, most + 1):
        _shape(n, gain, w2, noise, shapes[0, n])
        _shape(n, gain * (1.0 + _DIFFERENCE), w2, noise, shapes[1, n])
        _shape(n, gain, w2 * (1.0 + _DIFFERENCE), noise, shapes[2, n])
        for which in range(1, 3):
            for part in range(N_SHAPE):
                shapes[which, n, part] = (shapes[which, n, part] - shapes[0, n, part]) / _DIFFERENCE


@njit(nogil=True)
def _log_slope(shape: Any, change: Any, y: float, log_y: float) -> Any:
    """Give the derivative of the log density at ``y`` above the shift, when the shape changes."""
    k1, scale = shape[0], shape[1]
    return (
        change[0] * log_y
        - k1 * change[2] / y
        + change[2] / scale
        + y * change[1] / (scale * scale)
        + change[3]
    )


@njit(nogil=True)
def _probability(
    adc: float, poisson: Any, slope: Any, most: int, sigma: float, gain: float, w2: float,
    noise: float, shapes: Any, derivative: Any,
) -> Any:  # fmt: skip
    """Probability of a bin around ``adc`` above pedestal; ``derivative`` by log light, gain, w2."""
    root = sigma * math.sqrt(2.0)
    half = ADC_OF_BIN / 2
    zero = 0.5 * (math.erf((adc + half) / root) - math.erf((adc - half) / root))
    total = poisson[0] * zero
    derivative[0] = slope[0] * zero
    derivative[1] = 0.0
    derivative[2] = 0.0
    for n in range(1, most + 1):
        reach = _REACH * math.sqrt(n * w2 * gain * gain + noise)
        y = adc - shapes[0, n, 2]
        if y <= 0.0 or abs(adc - n * gain) > reach:
            continue
        log_y = math.log(y)
        density = ADC_OF_BIN * math.exp(
            shapes[0, n, 0] * log_y - y / shapes[0, n, 1] + shapes[0, n, 3]
        )
        total += poisson[n] * density
        derivative[0] += slope[n] * density
        for which in range(1, 3):
            derivative[which] += (
                poisson[n] * density * _log_slope(shapes[0, n], shapes[which, n], y, log_y)
            )
    return total


@njit(nogil=True)
def _solve(information: Any, score: Any, free: int, step: Any) -> Any:
    """Solve for a step of 2 or 3 parameters; variance of the gain, 0 if singular."""
    a, b, c = information[0, 0], information[0, 1], information[1, 1]
    if free == 2:
        determinant = a * c - b * b
        if not determinant > 0.0:
            return 0.0
        step[0] = (c * score[0] - b * score[1]) / determinant
        step[1] = (a * score[1] - b * score[0]) / determinant
        step[2] = 0.0
        return a / determinant
    d, e, f = information[0, 2], information[1, 2], information[2, 2]
    co00, co01, co02 = c * f - e * e, d * e - b * f, b * e - c * d
    co11, co12, co22 = a * f - d * d, b * d - a * e, a * c - b * b
    determinant = a * co00 + b * co01 + d * co02
    if not determinant > 0.0:
        return 0.0
    step[0] = (co00 * score[0] + co01 * score[1] + co02 * score[2]) / determinant
    step[1] = (co01 * score[0] + co11 * score[1] + co12 * score[2]) / determinant
    step[2] = (co02 * score[0] + co12 * score[1] + co22 * score[2]) / determinant
    return co11 / determinant


@njit(
    types.void(
        int64[::1], uint32[::1], float64[::1], float64[::1], float64[::1], types.intp,
        float64[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def fit_spectra(
    offsets: Any, counts: Any, adc: Any, noise: Any, w2: Any, free: int, results: Any
) -> None:
    """Fit light and gain, and w2 where it is free, by Fisher scoring.

    Parameters
    ----------
    offsets : ndarray of int64, shape (n + 1,)
        Bins of spectrum i are ``offsets[i]:offsets[i + 1]``.
    counts : ndarray of uint32, shape (n_bins,)
    adc : ndarray of float64, shape (n_bins,)
        Middle of each bin of 4 ADC, above pedestal.
    noise : ndarray of float64, shape (n,)
        Variance of the pedestal before it was rounded to whole ADC, ADC2.
    w2 : ndarray of float64, shape (n,)
        Relative variance of the response to one photoelectron, above 0; the start where it is
        free.
    free : int
        2 for light and gain, 3 for w2 too.
    results : ndarray of float64, shape (n, 6)
        On entry light (PE) and gain (ADC a photoelectron) to start from in the first two columns;
        filled: light, gain, w2, error of the gain, 1 if it converged, steps.
    """
    shapes = np.zeros((3, MOST_PE + 1, N_SHAPE))
    poisson = np.zeros(MOST_PE + 1)
    slope = np.zeros(MOST_PE + 1)
    derivative = np.zeros(3)
    step = np.zeros(3)
    for spectrum in range(offsets.size - 1):
        light, gain, width = results[spectrum, 0], results[spectrum, 1], w2[spectrum]
        sigma = math.sqrt(noise[spectrum])
        wide = noise[spectrum] + ADC_OF_BIN**2 / 12.0
        error = np.nan
        results[spectrum, 4] = 0.0
        for iteration in range(MOST_STEPS):
            most = min(MOST_PE, int(light + 6.0 * math.sqrt(light) + 8.0))
            _shapes(most, gain, width, wide, shapes)
            for n in range(most + 1):
                poisson[n] = math.exp(n * math.log(light) - light - math.lgamma(n + 1.0))
                slope[n] = poisson[n] * (n - light)
            score = np.zeros(3)
            information = np.zeros((3, 3))
            for k in range(offsets[spectrum], offsets[spectrum + 1]):
                if counts[k] == 0:
                    continue
                probability = _probability(
                    adc[k], poisson, slope, most, sigma, gain, width, wide, shapes, derivative
                )
                if probability < _SMALLEST_PROBABILITY:
                    continue
                for i in range(free):
                    score[i] += counts[k] * derivative[i] / probability
                    for j in range(i, free):
                        information[i, j] += (
                            counts[k] * derivative[i] * derivative[j] / probability**2
                        )
            variance = _solve(information, score, free, step)
            results[spectrum, 5] = iteration + 1
            if variance <= 0.0:
                break
            error = math.sqrt(variance) * gain
            largest = 0.0
            for i in range(free):
                step[i] = min(max(step[i], -LARGEST_STEP), LARGEST_STEP)
                largest = max(largest, abs(step[i]))
            light *= math.exp(step[0])
            gain *= math.exp(step[1])
            width *= math.exp(step[2])
            if largest < CONVERGED:
                results[spectrum, 4] = 1.0
                break
        results[spectrum, 0] = light
        results[spectrum, 1] = gain
        results[spectrum, 2] = width
        results[spectrum, 3] = error
