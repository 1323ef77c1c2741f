"""Kernel of the outlier rejection: mean and rms of histograms without outliers."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, int32, int64, njit, types, uint32

MAD_TO_SIGMA = 1.4826
SMALLEST_START_SIGMA = 0.5
MOST_STEPS = 20
N_MOMENTS = 5


@njit(nogil=True)
def _bin_of_rank(running: Any, bins: int, rank: int) -> Any:
    """Bin that holds the reading of a rank, counted from 0."""
    low, high = 0, bins - 1
    while low < high:
        middle = (low + high) // 2
        if running[middle + 1] > rank:
            high = middle
        else:
            low = middle + 1
    return low


@njit(nogil=True)
def _median(running: Any, bins: int) -> Any:
    n = running[bins]
    low = _bin_of_rank(running, bins, (n - 1) // 2)
    high = _bin_of_rank(running, bins, n // 2)
    return 0.5 * (low + high)


@njit(nogil=True)
def _median_deviation(running: Any, bins: int, median: float) -> Any:
    """Median of the absolute deviations from the median, walking outwards from it."""
    n = running[bins]
    below = int(np.floor(median))
    above = below + 1
    seen = 0
    first = -1.0
    while True:
        to_below = median - below if below >= 0 else np.inf
        to_above = above - median if above < bins else np.inf
        deviation = min(to_below, to_above)
        if to_below == deviation:
            seen += running[below + 1] - running[below]
            below -= 1
        if to_above == deviation:
            seen += running[above + 1] - running[above]
            above += 1
        if first < 0 and seen > (n - 1) // 2:
            first = deviation
        if seen > n // 2:
            return 0.5 * (first + deviation)


@njit(nogil=True)
def _fourth_moment(counts: Any, start: int, low: int, high: int, mean: float) -> Any:
    """Sum the squared deviations, and their squares, in bins low..high."""
    second = 0.0
    fourth = 0.0
    for k in range(low, high + 1):
        square = (k - mean) * (k - mean)
        second += counts[start + k] * square
        fourth += counts[start + k] * square * square
    return second, fourth


@njit(nogil=True)
def _converge(sums: Any, bins: int, critical: float) -> Any:
    """Repeat mean, sigma and the cut until the kept bins stay the same."""
    mean = _median(sums[0], bins)
    sigma = max(MAD_TO_SIGMA * _median_deviation(sums[0], bins, mean), SMALLEST_START_SIGMA)
    low, high = -1, -1
    for _ in range(MOST_STEPS):
        reach = critical * sigma
        new_low = int(max(0.0, np.ceil(mean - reach)))
        new_high = int(min(bins - 1.0, np.floor(mean + reach)))
        if new_low == low and new_high == high:
            break
        low, high = new_low, new_high
        n = sums[0, high + 1] - sums[0, low]
        total = sums[1, high + 1] - sums[1, low]
        squares = sums[2, high + 1] - sums[2, low]
        if n == 0:
            return low, high, n, np.nan, np.nan
        mean = total / n
        if n == 1:
            return low, high, n, mean, np.nan
        sigma = np.sqrt(max(0.0, squares - total * mean) / (n - 1))
        if sigma == 0.0:
            break
    return low, high, n, mean, sigma


@njit(
    types.void(int32[::1], int64[::1], uint32[::1], float64[::1], float64[:, ::1]),
    nogil=True,
    cache=True,
)
def reject_outliers(first: Any, offsets: Any, counts: Any, critical: Any, moments: Any) -> None:
    """Recipe peirce1 on every row (pre-production page, 2.3 and 2.4).

    Parameters
    ----------
    first, offsets, counts
        Arrays of :class:`~mx2prod.calibration.histograms.Histograms`.
    critical : ndarray of float64, shape (n_rows,)
        Largest allowed deviation in sigma.
    moments : ndarray of float64, shape (n_rows, 5)
        Filled: kept readings, mean, rms, error of the mean, error of the rms; NaN what is not
        defined.
    """
    widest = 0
    for row in range(first.size):
        widest = max(widest, offsets[row + 1] - offsets[row])
    sums = np.zeros((3, widest + 1), np.int64)
    for row in range(first.size):
        start = offsets[row]
        bins = offsets[row + 1] - start
        moments[row, 0] = 0.0
        moments[row, 1:] = np.nan
        if bins == 0:
            continue
        for k in range(bins):
            count = int64(counts[start + k])
            sums[0, k + 1] = sums[0, k] + count
            sums[1, k + 1] = sums[1, k] + count * k
            sums[2, k + 1] = sums[2, k] + count * k * k
        low, high, n, mean, sigma = _converge(sums, bins, critical[row])
        moments[row, 0] = n
        if n > 0:
            moments[row, 1] = first[row] + mean
        if n > 1:
            second, fourth = _fourth_moment(counts, start, low, high, mean)
            kurtosis = fourth * n / (second * second) if second > 0 else 3.0
            moments[row, 2] = sigma
            moments[row, 3] = sigma / np.sqrt(n)
            moments[row, 4] = sigma / np.sqrt(2.0 * (n - 1)) * np.sqrt((kurtosis - 1.0) / 2)
