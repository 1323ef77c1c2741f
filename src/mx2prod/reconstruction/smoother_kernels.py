"""Smoother of one track: that of Bryson and Frazier in its modified form.

It goes back over two adjoint sums, and inverts no matrix.
"""

from __future__ import annotations

from typing import Any

from numba import njit

N_STATE = 4


@njit(nogil=True)
def times(cov: Any, vector: Any, out: Any) -> None:
    """Product of a symmetric matrix and a vector."""
    a, b, c, d = vector[0], vector[1], vector[2], vector[3]
    out[0] = cov[0] * a + cov[1] * b + cov[2] * c + cov[3] * d
    out[1] = cov[1] * a + cov[4] * b + cov[5] * c + cov[6] * d
    out[2] = cov[2] * a + cov[5] * b + cov[7] * c + cov[8] * d
    out[3] = cov[3] * a + cov[6] * b + cov[8] * c + cov[9] * d


@njit(nogil=True)
def dot(first: Any, second: Any) -> Any:
    """Scalar product of two vectors of four."""
    return first[0] * second[0] + first[1] * second[1] + first[2] * second[2] + first[3] * second[3]


@njit(nogil=True)
def set_column(cov: Any, column: Any, out: Any) -> None:
    """Copy one column of a symmetric matrix."""
    for row in range(N_STATE):
        low, high = min(row, column), max(row, column)
        out[row] = cov[low * N_STATE - low * (low - 1) // 2 + high - low]


@njit(nogil=True)
def smooth_node(stack: Any, fit: Any, k: Any, lam: Any, matrix: Any, work: Any) -> None:
    """Smoothed state, spread and chi2 of a node from the sums behind it."""
    cov = fit.nodes[k]["filtered"][N_STATE:]
    times(cov, lam, work[0])
    for i in range(N_STATE):
        fit.nodes[k]["state"][i] = fit.nodes[k]["filtered"][i] - work[0, i]
    set_column(cov, 0, work[0])
    set_column(cov, 1, work[1])
    times(matrix, work[0], work[2])
    times(matrix, work[1], work[3])
    xx = cov[0] - dot(work[0], work[2])
    xy = cov[1] - dot(work[0], work[3])
    yy = cov[4] - dot(work[1], work[3])
    fit.nodes[k]["spread"][0], fit.nodes[k]["spread"][1], fit.nodes[k]["spread"][2] = xx, xy, yy
    row = stack.planes[fit.nodes[k]["plane"]]
    hx, hy = row["along_x"], row["along_y"]
    residual = fit.nodes[k]["t"] - hx * fit.nodes[k]["state"][0] - hy * fit.nodes[k]["state"][1]
    own = hx * hx * xx + 2.0 * hx * hy * xy + hy * hy * yy
    fit.nodes[k]["chi2"] = (
        residual * residual / max(fit.nodes[k]["variance"] - own, 1e-3 * fit.nodes[k]["variance"])
    )


@njit(nogil=True)
def before_measurement(lam: Any, matrix: Any, hx: Any, hy: Any, gain: Any, work: Any) -> None:
    """Carry both sums back through the measurement of a node."""
    times(matrix, gain[:N_STATE], work[0])
    q = work[0]
    weight = dot(gain[:N_STATE], q) + gain[5]
    back = dot(gain[:N_STATE], lam) + gain[4]
    lam[0] -= hx * back
    lam[1] -= hy * back
    matrix[0] += hx * (hx * weight - 2.0 * q[0])
    matrix[1] += hx * hy * weight - hx * q[1] - hy * q[0]
    matrix[2] -= hx * q[2]
    matrix[3] -= hx * q[3]
    matrix[4] += hy * (hy * weight - 2.0 * q[1])
    matrix[5] -= hy * q[2]
    matrix[6] -= hy * q[3]


@njit(nogil=True)
def before_flight(lam: Any, matrix: Any, d: Any) -> None:
    """Carry both sums back over a distance in z."""
    lam[2] += d * lam[0]
    lam[3] += d * lam[1]
    matrix[7] += d * (2.0 * matrix[2] + d * matrix[0])
    matrix[8] += d * (matrix[3] + matrix[5] + d * matrix[1])
    matrix[9] += d * (2.0 * matrix[6] + d * matrix[4])
    matrix[2] += d * matrix[0]
    matrix[3] += d * matrix[1]
    matrix[5] += d * matrix[1]
    matrix[6] += d * matrix[4]


@njit(nogil=True)
def smooth(stack: Any, fit: Any, n: Any, sums: Any) -> None:
    """Smooth all nodes, last to first.

    Parameters
    ----------
    stack : Stack
    fit : Fit
        After :func:`filter_forward`.
    n : int
        Nodes.
    sums : ndarray of float64, shape (8, 10)
        Work space.
    """
    lam, matrix, work = sums[0, :N_STATE], sums[1], sums[2:6, :N_STATE]
    lam[:] = 0.0
    matrix[:] = 0.0
    for k in range(n - 1, -1, -1):
        smooth_node(stack, fit, k, lam, matrix, work)
        if k > 0:
            row = stack.planes[fit.nodes[k]["plane"]]
            before_measurement(
                lam, matrix, row["along_x"], row["along_y"], fit.nodes[k]["gain"], work
            )
            before_flight(lam, matrix, row["z"] - stack.planes[fit.nodes[k - 1]["plane"]]["z"])
    first_covariance(fit, matrix, work)


@njit(nogil=True)
def first_covariance(fit: Any, matrix: Any, work: Any) -> None:
    """Full smoothed covariance at the first node."""
    cov = fit.nodes[0]["filtered"][N_STATE:]
    place = 0
    for i in range(N_STATE):
        set_column(cov, i, work[0])
        times(matrix, work[0], work[1])
        for j in range(i, N_STATE):
            set_column(cov, j, work[2])
            fit.ends[0]["first"][place] = cov[place] - dot(work[1], work[2])
            place += 1
