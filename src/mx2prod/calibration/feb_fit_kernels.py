"""Kernel of the fit of the tri-linear response: search of the segments, then Gauss-Newton.

The charge is scaled to 0..1.  Three straight lines through three groups of neighbouring steps are
the best continuous curve if the lines cross between the groups; that is found for all groupings
with prefix sums.  Damped Gauss-Newton in all six parameters follows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import float64, njit, types

N_PARAMETERS = 6
NO_FIT = -1.0

_MOST_STEPS = 60
_FEWEST_OF_SEGMENT = 2
_CONVERGED = 1e-9


@njit(nogil=True)
def _line(sums: Any, first: int, end: int, line: Any) -> Any:
    """Straight line through the points first..end-1; returns its chi2."""
    s = sums[end, 0] - sums[first, 0]
    mx = (sums[end, 1] - sums[first, 1]) / s
    my = (sums[end, 2] - sums[first, 2]) / s
    cxx = sums[end, 3] - sums[first, 3] - s * mx * mx
    cxy = sums[end, 4] - sums[first, 4] - s * mx * my
    line[1] = cxy / cxx
    line[0] = my - line[1] * mx
    return sums[end, 5] - sums[first, 5] - s * my * my - line[1] * cxy


@njit(nogil=True)
def _prefix_sums(x: Any, y: Any, w: Any) -> Any:
    sums = np.zeros((x.size + 1, 6))
    for point in range(x.size):
        values = (1.0, x[point], y[point], x[point] ** 2, x[point] * y[point], y[point] ** 2)
        for place in range(6):
            sums[point + 1, place] = sums[point, place] + w[point] * values[place]
    return sums


@njit(nogil=True)
def _crossing(a: Any, b: Any, low: float, high: float) -> Any:
    """Where two lines cross, moved into low..high, and whether it was there already."""
    if a[1] == b[1]:
        return 0.5 * (low + high), False
    x = (b[0] - a[0]) / (a[1] - b[1])
    return min(max(x, low), high), low <= x <= high


@njit(nogil=True)
def _search(x: Any, y: Any, w: Any, starts: Any) -> None:
    """Fill two starting points: best grouping whose lines cross between the groups, best of all."""
    sums = _prefix_sums(x, y, w)
    lines = np.empty((3, 2))
    best = np.array([np.inf, np.inf])
    n = x.size
    for i in range(_FEWEST_OF_SEGMENT, n - 2 * _FEWEST_OF_SEGMENT + 1):
        chi2_a = _line(sums, 0, i, lines[0])
        for j in range(i + _FEWEST_OF_SEGMENT, n - _FEWEST_OF_SEGMENT + 1):
            chi2 = chi2_a + _line(sums, i, j, lines[1])
            if chi2 >= best[0]:
                continue
            chi2 += _line(sums, j, n, lines[2])
            if chi2 >= best[0]:
                continue
            kink1, inside1 = _crossing(lines[0], lines[1], x[i - 1], x[i])
            kink2, inside2 = _crossing(lines[1], lines[2], x[j - 1], x[j])
            for place in range(2):
                if chi2 < best[place] and kink1 < kink2 and (place == 1 or (inside1 and inside2)):
                    best[place] = chi2
                    starts[place, 0] = lines[0, 0]
                    starts[place, 1] = lines[0, 1]
                    starts[place, 2] = kink1
                    starts[place, 3] = lines[1, 1]
                    starts[place, 4] = kink2
                    starts[place, 5] = lines[2, 1]
    for place in range(2):
        if not np.isfinite(best[place]):
            starts[place, 0] = np.nan


@njit(nogil=True)
def _evaluate(x: Any, y: Any, w: Any, p: Any, matrix: Any, gradient: Any) -> Any:
    """Fill normal matrix and gradient; return chi2."""
    matrix[:] = 0.0
    gradient[:] = 0.0
    d = np.empty(N_PARAMETERS)
    chi2 = 0.0
    for point in range(x.size):
        d[0] = 1.0
        d[1] = min(x[point], p[2])
        d[3] = min(max(x[point] - p[2], 0.0), p[4] - p[2])
        d[5] = max(x[point] - p[4], 0.0)
        d[2] = p[1] - p[3] if x[point] > p[2] else 0.0
        d[4] = p[3] - p[5] if x[point] > p[4] else 0.0
        residual = y[point] - (p[0] + p[1] * d[1] + p[3] * d[3] + p[5] * d[5])
        chi2 += w[point] * residual * residual
        for row in range(N_PARAMETERS):
            gradient[row] += w[point] * d[row] * residual
            for column in range(row + 1):
                matrix[row, column] += w[point] * d[row] * d[column]
    for row in range(N_PARAMETERS):
        for column in range(row):
            matrix[column, row] = matrix[row, column]
    return chi2


@njit(nogil=True)
def _solve(matrix: Any, right: Any, solution: Any) -> Any:
    """Solve with the Cholesky decomposition; False if the matrix is not positive definite."""
    n = right.size
    lower = np.zeros((n, n))
    for row in range(n):
        for column in range(row + 1):
            value = matrix[row, column]
            for k in range(column):
                value -= lower[row, k] * lower[column, k]
            if row == column:
                if value <= 1e-13 * matrix[row, row] or not np.isfinite(value):
                    return False
                lower[row, row] = np.sqrt(value)
            else:
                lower[row, column] = value / lower[column, column]
    for row in range(n):
        value = right[row]
        for k in range(row):
            value -= lower[row, k] * solution[k]
        solution[row] = value / lower[row, row]
    for row in range(n - 1, -1, -1):
        value = solution[row]
        for k in range(row + 1, n):
            value -= lower[k, row] * solution[k]
        solution[row] = value / lower[row, row]
    return True


@njit(nogil=True)
def _refine(x: Any, y: Any, w: Any, p: Any) -> Any:
    """Minimise chi2 by damped Gauss-Newton steps that keep the kinks in order; return chi2."""
    matrix = np.empty((N_PARAMETERS, N_PARAMETERS))
    trial_matrix = np.empty_like(matrix)
    gradient = np.empty(N_PARAMETERS)
    trial_gradient = np.empty(N_PARAMETERS)
    step = np.empty(N_PARAMETERS)
    damping = 1e-6
    chi2 = _evaluate(x, y, w, p, matrix, gradient)
    for _ in range(_MOST_STEPS):
        damped = matrix.copy()
        for row in range(N_PARAMETERS):
            damped[row, row] *= 1.0 + damping
        solved = _solve(damped, gradient, step)
        trial = p + step
        if solved and x[0] < trial[2] < trial[4] < x[x.size - 1]:
            trial_chi2 = _evaluate(x, y, w, trial, trial_matrix, trial_gradient)
            if trial_chi2 <= chi2:
                gained = chi2 - trial_chi2
                p[:] = trial
                chi2 = trial_chi2
                matrix[:] = trial_matrix
                gradient[:] = trial_gradient
                damping = max(damping * 0.1, 1e-12)
                if gained <= _CONVERGED * (1.0 + chi2):
                    break
                continue
        damping *= 10.0
        if damping > 1e8:
            break
    return chi2


@njit(nogil=True)
def _errors(x: Any, y: Any, w: Any, p: Any, errors: Any) -> Any:
    """Fill the errors from the inverse of the normal matrix.

    False if it has none, or a kink is not known within the range: the row has no kinks then.
    """
    matrix = np.empty((N_PARAMETERS, N_PARAMETERS))
    gradient = np.empty(N_PARAMETERS)
    _evaluate(x, y, w, p, matrix, gradient)
    column = np.empty(N_PARAMETERS)
    unit = np.zeros(N_PARAMETERS)
    for place in range(N_PARAMETERS):
        unit[:] = 0.0
        unit[place] = 1.0
        if not _solve(matrix, unit, column) or column[place] <= 0:
            return False
        errors[place] = np.sqrt(column[place])
    return errors[2] < 1.0 and errors[4] < 1.0


@njit(nogil=True)
def _fit_row(x: Any, y: Any, w: Any, p: Any, errors: Any) -> Any:
    """Fit one row without empty points; return chi2 or ``NO_FIT``."""
    starts = np.empty((2, N_PARAMETERS))
    _search(x, y, w, starts)
    best = np.inf
    for place in range(2):
        if np.isnan(starts[place, 0]) or (place == 1 and starts[1, 2] == starts[0, 2]):
            continue
        chi2 = _refine(x, y, w, starts[place])
        if chi2 < best:
            best = chi2
            p[:] = starts[place]
    if not np.isfinite(best) or not _errors(x, y, w, p, errors):
        return NO_FIT
    return best


@njit(
    types.void(
        float64[::1], float64[:, ::1], float64[:, ::1], float64[:, ::1], float64[:, ::1],
        float64[::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def fit_rows(x: Any, y: Any, weight: Any, parameters: Any, errors: Any, chi2: Any) -> None:
    """Fit the tri-linear curve to every row.

    Parameters
    ----------
    x : ndarray of float64, shape (n_steps,)
        Ascending, from 0 to 1.
    y, weight : ndarray of float64, shape (n_rows, n_steps)
        Mean ADC and one over its variance; weight 0: not used.
    parameters, errors : ndarray of float64, shape (n_rows, 6)
        Filled: adc0, slope1, kink1, slope2, kink2, slope3 in the scale of ``x``; NaN without fit.
    chi2 : ndarray of float64, shape (n_rows,)
        Filled; ``NO_FIT`` with fewer than six usable steps, no minimum or no kinks.
    """
    for row in range(y.shape[0]):
        used = np.flatnonzero(weight[row] > 0)
        chi2[row] = NO_FIT
        if used.size >= N_PARAMETERS:
            chi2[row] = _fit_row(
                x[used], y[row][used], weight[row][used], parameters[row], errors[row]
            )
        if chi2[row] == NO_FIT:
            parameters[row] = np.nan
            errors[row] = np.nan
