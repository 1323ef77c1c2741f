"""Four linear equations with a symmetric positive matrix, by Cholesky's method."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

SIZE = 4


@njit(nogil=True)
def solve(matrix: Any, right: Any, root: Any) -> Any:
    """Solve ``matrix @ x = right`` in place.

    Parameters
    ----------
    matrix : ndarray of float64, shape (10,)
        Upper triangle by rows.
    right : ndarray of float64, shape (4,)
        Becomes the solution.
    root : ndarray of float64, shape (4, 4)
        Work space.

    Returns
    -------
    float
        Logarithm of the determinant; NaN, with ``right`` spoilt, if the matrix is not positive.
    """
    place = 0
    log_determinant = 0.0
    for i in range(SIZE):
        for j in range(i, SIZE):
            value = matrix[place]
            place += 1
            for k in range(i):
                value -= root[i, k] * root[j, k]
            if i == j:
                if not value > 0.0:
                    return math.nan
                log_determinant += math.log(value)
                root[i, i] = math.sqrt(value)
            else:
                root[j, i] = value / root[i, i]
    for i in range(SIZE):
        for k in range(i):
            right[i] -= root[i, k] * right[k]
        right[i] /= root[i, i]
    for i in range(SIZE - 1, -1, -1):
        for k in range(i + 1, SIZE):
            right[i] -= root[k, i] * right[k]
        right[i] /= root[i, i]
    return log_determinant
