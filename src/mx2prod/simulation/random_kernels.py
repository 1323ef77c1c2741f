"""Random numbers that depend only on where they are used: Philox4x32-10, counter based.

A stream is named by seed, run, subrun, gate, layer and board.  Its numbers do not depend on any
other stream, so a gate comes out the same whatever was simulated before it, and in which process.

Source of the generator: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3",
SC'11.  Poisson numbers of a large mean: Hormann, "The transformed rejection method for generating
Poisson random variables" (1993), algorithm PTRS.  Gamma: Marsaglia and Tsang (2000).
"""

from __future__ import annotations

import math
from functools import cache
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import njit, uint32, uint64

STATE_WORDS = 11
"""Key (2), counter (4), numbers drawn ahead (4), numbers used of these (1)."""
NO_BOARD = 4095
"""In the place of the board: streams that belong to no board."""

TABLE_BITS = 13
FIRST_SHARE, SECOND_SHARE = np.float32(0.8), np.float32(0.6)
"""A normal number is a sum of two table values with these weights, whose squares add up to 1."""

_M0, _M1 = 0xD2511F53, 0xCD9E8D57
_W0, _W1 = 0x9E3779B9, 0xBB67AE85
_MASK = 0xFFFFFFFF
_ROUNDS = 10
_LARGE_MEAN = 12.0


@cache
def normal_table() -> npt.NDArray[np.float32]:
    """Give the table behind :func:`normal`: quantiles of equal probability, unit variance.

    Returns
    -------
    ndarray of float32, shape (8192,)
        From the standard library alone, so that other versions of NumPy give the same numbers.
        Computed once for a process; not to be changed.
    """
    size = 1 << TABLE_BITS
    quantiles = [NormalDist().inv_cdf((k + 0.5) / size) for k in range(size)]
    width = math.sqrt(math.fsum(q * q for q in quantiles) / size)
    return np.array([q / width for q in quantiles], np.float32)


@njit(nogil=True)
def _refill(state: Any) -> None:
    """Draw the next four numbers and step the counter."""
    c0, c1 = uint64(state[2]), uint64(state[3])
    c2, c3 = uint64(state[4]), uint64(state[5])
    k0, k1 = uint64(state[0]), uint64(state[1])
    for _ in range(_ROUNDS):
        first = uint64(_M0) * c0
        second = uint64(_M1) * c2
        c0 = (second >> uint64(32)) ^ c1 ^ k0
        c2 = (first >> uint64(32)) ^ c3 ^ k1
        c1 = second & uint64(_MASK)
        c3 = first & uint64(_MASK)
        k0 = (k0 + uint64(_W0)) & uint64(_MASK)
        k1 = (k1 + uint64(_W1)) & uint64(_MASK)
    state[6], state[7] = uint32(c0), uint32(c1)
    state[8], state[9] = uint32(c2), uint32(c3)
    state[2] = uint32(state[2] + uint32(1))
    state[10] = uint32(0)


@njit(nogil=True)
def start(state: Any, seed: int, run: int, subrun: int, gate: int, layer: int, board: int) -> None:
    """Begin a stream.

    Parameters
    ----------
    state : ndarray of uint32, shape (11,)
        Filled.
    seed : int
        64 bits.
    run, gate : int
        32 bits each.
    subrun : int
        16 bits.
    layer : int
        4 bits: which part of the simulation asks.
    board : int
        12 bits: board or particle.
    """
    state[0] = uint32(uint64(seed) & uint64(_MASK))
    state[1] = uint32(uint64(seed) >> uint64(32))
    state[2] = uint32(0)
    state[3] = uint32(gate)
    state[4] = uint32(run)
    state[5] = uint32((layer << 28) | (board << 16) | subrun)
    state[10] = uint32(4)


@njit(nogil=True)
def word(state: Any) -> Any:
    """Give the next 32 random bits."""
    if state[10] >= uint32(4):
        _refill(state)
    used = state[10]
    state[10] = uint32(used + uint32(1))
    return state[6 + used]


@njit(nogil=True)
def uniform(state: Any) -> Any:
    """Give a number between 0 and 1, both excluded."""
    high = uint64(word(state)) >> uint64(6)
    low = uint64(word(state)) >> uint64(6)
    return (float((high << uint64(26)) | low) + 0.5) * 2.0**-52


@njit(nogil=True)
def normal_of(bits: Any, table: Any) -> Any:
    """Make a normal number (float32) of 32 random bits."""
    mask = uint32((1 << TABLE_BITS) - 1)
    return FIRST_SHARE * table[bits & mask] + SECOND_SHARE * table[(bits >> uint32(16)) & mask]


@njit(nogil=True)
def normal(state: Any, table: Any) -> Any:
    """Give a number of mean 0 and width 1 (float32)."""
    return normal_of(word(state), table)


@njit(nogil=True)
def exponential(state: Any) -> Any:
    """Give a number of an exponential distribution of mean 1."""
    return -math.log(uniform(state))


@njit(nogil=True)
def _poisson_small(state: Any, mean: float) -> Any:
    limit = math.exp(-mean)
    number = 0
    product = uniform(state)
    while product > limit:
        number += 1
        product *= uniform(state)
    return number


@njit(nogil=True)
def _poisson_large(state: Any, mean: float) -> Any:
    b = 0.931 + 2.53 * math.sqrt(mean)
    a = -0.059 + 0.02483 * b
    inverse_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    log_mean = math.log(mean)
    while True:
        v = uniform(state)
        u = uniform(state) - 0.5
        us = 0.5 - abs(u)
        number = math.floor((2.0 * a / us + b) * u + mean + 0.43)
        if us >= 0.07 and v <= v_r:
            return int(number)
        if number < 0.0 or (us < 0.013 and v > us):
            continue
        left = math.log(v) + math.log(inverse_alpha) - math.log(a / (us * us) + b)
        if left <= -mean + number * log_mean - math.lgamma(number + 1.0):
            return int(number)


@njit(nogil=True)
def poisson(state: Any, mean: float) -> Any:
    """Give a Poisson number; 0 for a mean that is not positive."""
    if not mean > 0.0:
        return 0
    if mean < _LARGE_MEAN:
        return _poisson_small(state, mean)
    return _poisson_large(state, mean)


@njit(nogil=True)
def gamma(state: Any, shape: float, table: Any) -> Any:
    """Give a number of a gamma distribution of this shape and scale 1."""
    boost = 1.0
    if shape < 1.0:
        boost = uniform(state) ** (1.0 / shape)
        shape += 1.0
    d = shape - 1.0 / 3.0
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = float(normal(state, table))
        v = 1.0 + c * x
        if v <= 0.0:
            continue
        v = v * v * v
        if math.log(uniform(state)) < 0.5 * x * x + d - d * v + d * math.log(v):
            return d * v * boost


@njit(nogil=True)
def fill(state: Any, out: Any) -> None:
    """Fill an array whose length is a multiple of 4 with random words; nothing is left over.

    What was drawn ahead before is given up.
    """
    for first in range(0, out.size, 4):
        _refill(state)
        for number in range(4):
            out[first + number] = state[6 + number]
    state[10] = uint32(4)
