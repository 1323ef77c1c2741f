"""Random numbers: published vectors of the generator, moments, independence of streams."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from mx2prod.simulation.random_kernels import (
    exponential,
    gamma,
    normal,
    normal_table,
    poisson,
    start,
    uniform,
    word,
)

TABLE = normal_table()


def stream(*name: int) -> np.ndarray:
    state = np.zeros(11, np.uint32)
    start(state, *name)
    return state


@njit
def _fill_words(state: Any, out: Any) -> None:
    for number in range(out.size):
        out[number] = word(state)


def words(state: np.ndarray, n: int) -> np.ndarray:
    out = np.zeros(n, np.uint32)
    _fill_words(state, out)
    return out


@pytest.mark.parametrize(
    ("counter", "key", "expected"),
    [
        ("00000000 " * 4, "00000000 " * 2, "6627e8d5 e169c58d bc57ac4c 9b00dbd8"),
        ("ffffffff " * 4, "ffffffff " * 2, "408f276d 41c83b0e a20bc7c6 6d5451fd"),
        (
            "243f6a88 85a308d3 13198a2e 03707344",
            "a4093822 299f31d0",
            "d16cfe09 94fdcceb 5001e420 24126ea1",
        ),
    ],
)
def test_published_vectors_of_philox(counter: str, key: str, expected: str) -> None:
    """Salmon et al.: the known answers of Philox4x32-10."""
    state = np.zeros(11, np.uint32)
    state[:6] = [int(word, 16) for word in (key + " " + counter).split()]
    state[10] = 4
    assert [f"{word:08x}" for word in words(state, 4)] == expected.split()


def plain_philox(counter: list[int], key: list[int]) -> list[int]:
    """Ten rounds with Python's integers."""
    low = 2**32 - 1
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [second >> 32 ^ c[1] ^ k[0], second & low, first >> 32 ^ c[3] ^ k[1], first & low]
        k = [(k[0] + 0x9E3779B9) & low, (k[1] + 0xBB67AE85) & low]
    return c


@given(
    seed=st.integers(0, 2**64 - 1),
    run=st.integers(0, 2**32 - 1),
    subrun=st.integers(0, 2**16 - 1),
    gate=st.integers(0, 2**32 - 1),
    layer=st.integers(0, 15),
    board=st.integers(0, 2**12 - 1),
)
@settings(max_examples=60, deadline=None)
def test_stream_is_philox_of_its_name(
    seed: int, run: int, subrun: int, gate: int, layer: int, board: int
) -> None:
    state = np.zeros(11, np.uint32)
    start(state, np.uint64(seed), run, subrun, gate, layer, board)
    key = [seed % 2**32, seed >> 32]
    last = layer << 28 | board << 16 | subrun
    expected = [word for n in range(3) for word in plain_philox([n, gate, run, last], key)]
    assert words(state, 12).tolist() == expected


def test_streams_of_neighbouring_names_are_independent() -> None:
    base = (5, 10, 2, 7, 3, 4)
    n = 40_000
    ours = words(stream(*base), n) / 2.0**32 - 0.5
    for place in range(len(base)):
        name = list(base)
        name[place] += 1
        other = words(stream(*name), n) / 2.0**32 - 0.5
        correlation = 12 * float(np.mean(ours * other))
        assert abs(correlation) < 4.5 / math.sqrt(n), name


def test_stream_goes_on_where_it_was() -> None:
    state = stream(1, 2, 3, 4, 5, 6)
    pieces = np.concatenate([words(state, n) for n in (1, 2, 3, 5, 8)])
    np.testing.assert_array_equal(pieces, words(stream(1, 2, 3, 4, 5, 6), 19))


@njit
def _uniforms(state: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = uniform(state)


@njit
def _normals(state: Any, table: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = normal(state, table)


@njit
def _exponentials(state: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = exponential(state)


@njit
def _poissons(state: Any, mean: float, out: Any) -> None:
    for k in range(out.size):
        out[k] = poisson(state, mean)


@njit
def _gammas(state: Any, shape: float, table: Any, out: Any) -> None:
    for k in range(out.size):
        out[k] = gamma(state, shape, table)


N = 400_000


def assert_moments(values: np.ndarray, mean: float, variance: float, fourth: float) -> None:
    """Mean and variance within 4.5 standard errors; ``fourth`` is the central fourth moment."""
    n = len(values)
    assert abs(values.mean() - mean) < 4.5 * math.sqrt(variance / n)
    error = math.sqrt((fourth - variance**2) / n)
    assert abs(np.mean((values - mean) ** 2) - variance) < 4.5 * error


def test_uniform_numbers() -> None:
    values = np.empty(N)
    _uniforms(stream(1, 1, 1, 1, 1, 1), values)
    assert_moments(values, 1 / 2, 1 / 12, 1 / 80)
    assert 0 < values.min() < 1e-4
    assert 1 - 1e-4 < values.max() < 1
    counts = np.bincount((values * 100).astype(int), minlength=100)
    assert np.sum((counts - N / 100) ** 2) / (N / 100) < 99 + 4.5 * math.sqrt(2 * 99)


def test_normal_numbers() -> None:
    values = np.empty(N)
    _normals(stream(1, 1, 1, 2, 1, 1), TABLE, values)
    assert_moments(values, 0, 1, 3)
    for width in (1, 2, 3):
        share = math.erf(width / math.sqrt(2))
        error = math.sqrt(share * (1 - share) / N)
        # the sum of two table values has a slightly lower kurtosis than a normal number
        assert abs(np.mean(np.abs(values) < width) - share) < 4.5 * error + 4e-4


def test_normal_table_has_unit_variance() -> None:
    assert TABLE.shape == (8192,)
    assert abs(np.mean(TABLE, dtype=np.float64)) < 1e-7
    assert np.mean(TABLE.astype(np.float64) ** 2) == pytest.approx(1, abs=1e-6)


def test_exponential_numbers() -> None:
    values = np.empty(N)
    _exponentials(stream(1, 1, 1, 3, 1, 1), values)
    assert_moments(values, 1, 1, 9)
    assert np.mean(values > 3) == pytest.approx(math.exp(-3), abs=4.5 * math.sqrt(0.05 / N))


@pytest.mark.parametrize("mean", [0.05, 1.0, 9.1, 11.9, 12.1, 60.0, 3_000.0])
def test_poisson_numbers(mean: float) -> None:
    values = np.empty(N)
    _poissons(stream(1, 1, 1, 4, 1, int(mean)), mean, values)
    assert_moments(values, mean, mean, mean + 3 * mean**2)
    at_mode = int(mean)
    probability = math.exp(at_mode * math.log(mean) - mean - math.lgamma(at_mode + 1))
    error = math.sqrt(probability * (1 - probability) / N)
    assert abs(np.mean(values == at_mode) - probability) < 4.5 * error


@pytest.mark.parametrize("mean", [0.0, -1.0, math.nan])
def test_poisson_of_no_mean_is_zero(mean: float) -> None:
    assert poisson(stream(1, 1, 1, 1, 1, 1), mean) == 0


@pytest.mark.parametrize("shape", [0.3, 1.0, 4.0, 68.0])
def test_gamma_numbers(shape: float) -> None:
    values = np.empty(N)
    _gammas(stream(1, 1, 1, 5, 1, int(shape)), shape, TABLE, values)
    assert_moments(values, shape, shape, 3 * shape**2 + 6 * shape)
    skewness = np.mean((values - shape) ** 3) / shape**1.5
    assert skewness == pytest.approx(2 / math.sqrt(shape), abs=0.25 / math.sqrt(min(shape, 1)))
