"""Peirce's criterion: the published numbers, a plain twin, closure on toys."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.calibration import Histograms, PedestalMoments, critical_deviation, peirce1
from mx2prod.core.errors import UsageError

PHOTOELECTRON = 70
ROUNDING = 1 / 12


def test_critical_deviations_are_those_of_the_page() -> None:
    """pre-production page, section 2.3."""
    table = {30: 2.385, 100: 2.848, 300: 3.207, 1_000: 3.551, 3_600: 3.881, 10_000: 4.125}
    assert {n: round(critical_deviation(n), 3) for n in table} == table


def test_critical_deviations_are_those_of_goulds_table() -> None:
    """B. A. Gould, Astronomical Journal 4 (1855) 81: one, two and three outliers."""
    assert [round(critical_deviation(n), 2) for n in (5, 10)] == [1.51, 1.88]
    assert [round(critical_deviation(n, 2), 2) for n in (5, 10)] == [1.20, 1.57]
    assert round(critical_deviation(10, 3), 2) == 1.38


def test_critical_deviation_is_a_fixed_point() -> None:
    for n in (3, 17, 1_000, 4_000_000):
        x = critical_deviation(n)
        log_q = (n - 1) * math.log(n - 1) - n * math.log(n)
        log_r = (x * x - 1) / 2 + math.log(math.erfc(x / math.sqrt(2)))
        assert x * x == pytest.approx(1 + (n - 2) * (1 - math.exp(2 / (n - 1) * (log_q - log_r))))


def test_too_few_readings_have_no_critical_deviation() -> None:
    assert critical_deviation(2) == math.inf
    with pytest.raises(UsageError, match="0 readings"):
        critical_deviation(0)


def plain_peirce1(values: np.ndarray, n_all: int) -> tuple[float, ...]:
    """Give the recipe's kept number, mean, rms and errors, from the readings themselves."""
    mean = float(np.median(values))
    sigma = max(1.4826 * float(np.median(np.abs(values - mean))), 0.5)
    kept = values[:0]
    for _ in range(20):
        before = kept
        kept = values[np.abs(values - mean) <= critical_deviation(n_all) * sigma]
        if len(kept) == len(before) and len(kept):
            break
        if len(kept) < 2:
            mean = float(kept[0]) if len(kept) else math.nan
            return len(kept), mean, math.nan, math.nan, math.nan
        mean, sigma = float(np.mean(kept)), float(np.std(kept, ddof=1))
        if sigma == 0:
            break
    deviations = kept - kept.mean()
    second = np.mean(deviations**2)
    excess = np.mean(deviations**4) / second**2 - 3 if second > 0 else 0.0
    rms_err = sigma / np.sqrt(2 * (len(kept) - 1)) * np.sqrt(1 + excess / 2)
    return len(kept), mean, sigma, sigma / np.sqrt(len(kept)), rms_err


@given(
    st.lists(st.integers(0, 40) | st.integers(14, 20), min_size=1, max_size=60),
    st.integers(0, 3),
)
def test_any_histogram_is_as_the_plain_twin_has_it(values: list[int], outside: int) -> None:
    dense = np.bincount(values, minlength=64).astype(np.uint32)[None]
    found = peirce1(Histograms.from_dense(np.array([100], np.int32), dense), np.array([outside]))
    n_all = len(values) + outside
    kept, mean, rms, mean_err, rms_err = plain_peirce1(np.array(values) + 100, n_all)
    assert found.entries[0] == kept
    assert found.rejected[0] == pytest.approx(1 - kept / n_all, abs=1e-12)
    for ours, theirs in (
        (found.mean, mean), (found.rms, rms), (found.mean_err, mean_err), (found.rms_err, rms_err),
    ):  # fmt: skip
        assert ours[0] == pytest.approx(theirs, rel=1e-9, abs=1e-7, nan_ok=True)


def test_rows_without_readings_have_no_moments() -> None:
    dense = np.zeros((3, 8), np.uint32)
    dense[1, 2] = 1
    dense[2, 5] = 100
    moments = peirce1(Histograms.from_dense(np.array([0, 10, 20], np.int32), dense))
    assert np.isnan(moments.mean[0]) and np.isnan(moments.rejected[0])
    assert moments.mean[1:].tolist() == [12, 25]
    assert moments.entries.tolist() == [0, 1, 100]
    assert np.isnan(moments.rms[:2]).all() and np.isnan(moments.mean_err[:2]).all()
    assert (moments.rms[2], moments.rms_err[2], moments.rejected[2]) == (0, 0, 0)


def test_moments_take_the_shape_of_channels_and_gains() -> None:
    dense = np.ones((6, 8), np.uint32)
    moments = peirce1(Histograms.from_dense(np.arange(6, dtype=np.int32), dense)).reshaped(2, 3)
    assert moments.mean.tolist() == [[3.5, 4.5, 5.5], [6.5, 7.5, 8.5]]


def toys(
    channels: int, readings: int, fraction: float, seed: int
) -> tuple[np.ndarray, np.ndarray, PedestalMoments]:
    """True mean and rms, and what peirce1 finds; a fraction gets 1 to 3 photoelectrons more."""
    rng = np.random.default_rng(seed)
    mean, sigma = rng.uniform(400, 460, channels), rng.uniform(2, 9, channels)
    dense = np.zeros((channels, 512), np.uint32)
    for channel in range(channels):
        values = rng.normal(mean[channel], sigma[channel], readings)
        extra = PHOTOELECTRON * rng.integers(1, 4, readings)
        values += np.where(rng.random(readings) < fraction, extra, 0)
        dense[channel] = np.bincount(np.rint(values).astype(int) - 256, minlength=512)
    base = np.full(channels, 256, np.int32)
    moments = peirce1(Histograms.from_dense(base, dense))
    return mean, np.sqrt(sigma**2 + ROUNDING), moments


@pytest.mark.parametrize(
    ("fraction", "mean_bias", "rms_bias"),
    [(0, 0.0, 0.001), (0.002, 0.01, 0.001), (0.01, 0.01, 0.001), (0.05, 0.05, 0.007)],
)
def test_contamination_leaves_mean_and_rms(
    fraction: float, mean_bias: float, rms_bias: float
) -> None:
    """Biases the page measured for N = 10,000, plus four statistical errors."""
    channels, readings = 1_000, 10_000
    mean, rms, found = toys(channels, readings, fraction, seed=round(1000 * fraction) + 1)
    error = np.sqrt(np.mean(rms**2) / readings / channels)
    assert abs(np.mean(found.mean - mean)) < mean_bias + 4 * error
    assert abs(np.mean(found.rms / rms - 1)) < rms_bias + 4 / np.sqrt(2 * readings * channels)
    assert np.mean(found.rejected) == pytest.approx(fraction, abs=3e-4)


@pytest.mark.parametrize("fraction", [0, 0.01])
def test_pulls_have_unit_width(fraction: float) -> None:
    channels = 5_000
    mean, rms, found = toys(channels, 3_600, fraction, seed=5)
    pull = (found.mean - mean) / found.mean_err
    assert abs(pull.mean()) < 4 / np.sqrt(channels)
    assert abs(pull.std() - 1) < 0.1
    rms_pull = (found.rms - rms) / found.rms_err
    assert abs(rms_pull.std() - 1) < 0.1
    if not fraction:
        assert found.rejected.mean() < 2e-4
