"""The fit: kernels against plain twins, closure on generated gates, the full-detector sample."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mx2prod.calibration import PedestalConfig, accumulate
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_fit import fit_pedestals
from mx2prod.calibration.pedestal_fit_kernels import fit_cores, robust_widths, same_bits
from mx2prod.calibration.pedestal_status import bits_that_change
from mx2prod.calibration.peirce import peirce1
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.pedestal_gates import Pedestals, chunks

TEN = np.arange(10)


def histograms_of(samples: list[np.ndarray]) -> Histograms:
    """One row a sample of integers."""
    dense = np.zeros((len(samples), 1024), np.uint32)
    for row, sample in enumerate(samples):
        dense[row] = np.bincount(sample, minlength=1024)
    return Histograms.from_dense(np.zeros(len(samples), np.int32), dense)


def cores_of(histograms: Histograms) -> np.ndarray:
    """Mean, sigma, error of each row."""
    moments = peirce1(histograms)
    cores = np.empty((len(histograms), 3))
    arrays = (histograms.first, histograms.offsets, histograms.counts)
    fit_cores(*arrays, moments.mean, moments.rms, 50, cores)
    return cores


def log_likelihood(sample: np.ndarray, low: int, high: int, mean: float, sigma: float) -> float:
    """Of the readings from low to high, by the plain formula."""

    def below(x: float) -> float:
        return 0.5 * math.erfc(-(x - mean) / sigma / math.sqrt(2))

    total = below(high + 0.5) - below(low - 0.5)
    inside = sample[(sample >= low) & (sample <= high)]
    values, counts = np.unique(inside, return_counts=True)
    shares = [(below(k + 0.5) - below(k - 0.5)) / total for k in values]
    return float(np.sum(counts * np.log(shares)))


@pytest.mark.parametrize("sigma", [1.3, 2.0, 5.0, 12.0])
def test_the_core_fit_is_the_maximum_of_the_likelihood(sigma: float) -> None:
    rng = np.random.default_rng(3)
    sample = np.rint(rng.normal(400.3, sigma, 3000)).astype(int)
    histograms = histograms_of([sample])
    moments = peirce1(histograms)
    low = math.ceil(moments.mean[0] - 2 * moments.rms[0])
    high = math.floor(moments.mean[0] + 2 * moments.rms[0])
    mean, width, error = cores_of(histograms)[0]
    best = log_likelihood(sample, low, high, mean, width)
    for step in (-0.02, 0.02):
        assert log_likelihood(sample, low, high, mean + step * sigma, width) < best
        assert log_likelihood(sample, low, high, mean, width * (1 + 3 * step)) < best
    curvature = (
        log_likelihood(sample, low, high, mean + error, width)
        + log_likelihood(sample, low, high, mean - error, width) - 2 * best
    )  # fmt: skip
    assert curvature < -0.8  # -1 where mean and width do not correlate


def test_the_core_fit_has_the_error_that_it_says() -> None:
    rng = np.random.default_rng(4)
    samples = [np.rint(rng.normal(400.3, 5, 1000)).astype(int) for _ in range(2000)]
    cores = cores_of(histograms_of(samples))
    pull = (cores[:, 0] - 400.3) / cores[:, 2]
    assert abs(pull.mean()) < 4 / np.sqrt(len(pull))
    assert abs(pull.std() - 1) < 0.06  # 4 sigma of 2,000 pulls
    # The width is biased where the range follows the rms: 1 % is enough for a cross-check.
    assert abs(cores[:, 1].mean() / np.sqrt(25) - 1) < 0.01


def test_rows_without_a_core_fit_say_so() -> None:
    rng = np.random.default_rng(5)
    narrow = np.full(1000, 400)
    few = np.rint(rng.normal(400, 5, 20)).astype(int)
    empty = np.zeros(0, int)
    cores = cores_of(histograms_of([narrow, few, empty]))
    assert np.isnan(cores).all()


def plain_robust_width(sample: np.ndarray) -> float:
    """1.4826 MAD of readings spread over their bins: each replaced by 400 evenly spaced values."""
    spread = (sample[:, None] + (np.arange(400) + 0.5) / 400 - 0.5).ravel()
    return 1.4826 * float(np.median(np.abs(spread - np.median(spread))))


@pytest.mark.parametrize("sigma", [0.3, 0.7, 2.0, 9.0])
def test_robust_widths_are_those_of_the_plain_twin(sigma: float) -> None:
    rng = np.random.default_rng(6)
    samples = [np.rint(rng.normal(400 + 0.1 * k, sigma, 50 + k)).astype(int) for k in range(20)]
    histograms = histograms_of([*samples, np.zeros(0, int)])
    width, distinct = np.empty(21), np.empty(21, np.int64)
    robust_widths(histograms.first, histograms.offsets, histograms.counts, width, distinct)
    expected = [plain_robust_width(sample) for sample in samples]
    assert np.allclose(width[:20], expected, rtol=0.01, atol=0.01)
    assert distinct[:20].tolist() == [len(np.unique(sample)) for sample in samples]
    assert np.isnan(width[20]) and distinct[20] == 0


def test_bits_that_never_change_are_those_of_the_plain_twin() -> None:
    rng = np.random.default_rng(8)
    samples = [np.rint(rng.normal(430, sigma, 60)).astype(int) | stuck
               for sigma in (0.4, 2.0, 9.0, 40.0) for stuck in (0, 1, 4, 9)]  # fmt: skip
    histograms = histograms_of([*samples, np.zeros(0, int)])
    bits = np.empty(17, np.int64)
    same_bits(histograms.first, histograms.offsets, histograms.counts, bits)
    for found, sample in zip(bits.tolist(), samples, strict=False):
        expected = [b for b in range(12) if len(np.unique(sample >> b & 1)) == 1]
        assert [b for b in range(12) if found >> b & 1] == expected
    assert bits[16] == 0


def test_bits_that_a_width_cannot_leave_alone() -> None:
    widths = np.array([np.nan, 0.0, 0.01, 0.5, 0.7, 2.0, 5.0, 6.0, 1e9])
    assert bits_that_change(widths).tolist() == [0, 0, 0, 0, 1, 3, 7, 15, 4095]


@pytest.mark.parametrize("bit", [0, 1, 2])
def test_a_bit_that_is_always_set_is_stuck(bit: int) -> None:
    """Also one that the pedestal often has set anyway, so that neither mean nor rms tells."""
    rng = np.random.default_rng(9)
    good = np.rint(rng.normal(430, 5.0, (200, 500))).astype(int)
    histograms = histograms_of([*good, *(good[:40] | 1 << bit)])
    rows = len(histograms)
    bits = np.empty(rows, np.int64)
    same_bits(histograms.first, histograms.offsets, histograms.counts, bits)
    rms = peirce1(histograms).rms
    stuck = (bits & bits_that_change(rms)) != 0
    assert not stuck[:200].any()
    assert stuck[200:].all()


def test_generated_pedestals_come_back(hardware: HardwareMap) -> None:
    """Closure test 1 at 10 boards and 2,000 gates (pre-production page, section 9)."""
    truth = Pedestals.random(TEN, 11)
    fit = fit_pedestals(accumulate(chunks(hardware, truth, range(1, 2001)), hardware))
    true_mean = truth.mean.reshape(-1, 3)
    true_rms = np.sqrt(truth.rms.reshape(-1, 3) ** 2 + 1 / 12)
    moments = fit.moments
    own = slice(0, 640)
    assert (moments.entries[own] > 1900).all() and (moments.entries[640:] == 0).all()
    pull = (moments.mean[own] - true_mean) / moments.mean_err[own]
    assert abs(pull.mean()) < 4 / np.sqrt(pull.size)
    assert abs(pull.std() - 1) < 0.07  # 4 sigma of 1,920 pulls
    bias = moments.rms[own] / true_rms - 1
    assert abs(bias.mean()) < 0.005  # note 0050: -0.2 % at 2,000 readings
    rms_pull = (moments.rms[own] - true_rms * (1 + bias.mean())) / moments.rms_err[own]
    assert abs(rms_pull.std() - 1) < 0.07
    assert np.isnan(fit.coherent_rms[10:]).all()
    # The variance of 2,000 means of 64 pixels of 6 ADC is known to 0.018: 4 sigma are 0.27 ADC.
    assert (fit.coherent_rms[:10] < 0.27).all()


@pytest.mark.parametrize(("fraction", "mean_limit", "rms_limit"), [(0.01, 0.05, 0.01),
                                                                   (0.05, 0.1, 0.02)])  # fmt: skip
def test_contamination_hardly_moves_mean_and_rms(
    hardware: HardwareMap, fraction: float, mean_limit: float, rms_limit: float
) -> None:
    """Closure test 2: mean and rms of the high gain, averaged over channels."""
    truth = Pedestals.random(TEN, 12).changed(contamination=fraction)
    fit = fit_pedestals(accumulate(chunks(hardware, truth, range(1, 2001)), hardware))
    own = slice(0, 640)
    bias = fit.moments.mean[own, 0] - truth.mean.reshape(-1, 3)[:, 0]
    true_rms = np.sqrt(truth.rms.reshape(-1, 3)[:, 0] ** 2 + 1 / 12)
    assert abs(bias.mean()) < mean_limit
    assert abs((fit.moments.rms[own, 0] / true_rms).mean() - 1) < rms_limit
    assert abs(fit.moments.rejected[own, 0].mean() - fraction) < 0.002


def test_coherent_noise_is_found(hardware: HardwareMap) -> None:
    truth = Pedestals.random(TEN, 13).changed(coherent=2.0, contamination=0.01)
    fit = fit_pedestals(accumulate(chunks(hardware, truth, range(1, 2001)), hardware))
    # Spread of a width of 2,000 gates is 2 / sqrt(4000); outliers and pixel noise add a little.
    assert np.allclose(fit.coherent_rms[:10], 2.0, atol=0.2)
    assert abs(fit.coherent_rms[:10].mean() - 2.0) < 0.05


def test_an_offset_of_timed_blocks_is_found(hardware: HardwareMap) -> None:
    truth = Pedestals.random(TEN, 14).changed(timed=0.3, block_offset=1.5)
    accumulator = accumulate(chunks(hardware, truth, range(1, 1001)), hardware)
    fit = fit_pedestals(accumulator)
    offset = fit.block_offset[:640, :, 0]
    assert abs(offset[:, 0].mean() - 1.5) < 0.05
    assert np.abs(offset[:, 1:].mean(axis=0)).max() < 0.05
    expected = np.where(np.arange(3) == 0, 1.5, 0.0)
    pull = (offset - expected) / fit.block_err[:640, :, 0]
    # A reach of 40 ADC cuts the widest differences (3 sigma of 9 ADC), which narrows the pull.
    assert abs(pull.std() - 1) < 0.1
    assert np.isnan(fit.block_offset[:, :, 1:]).all()
    assert (accumulator.boards["timed"][:10] > 200).all()


def test_drift_is_followed_in_twenty_slices(hardware: HardwareMap) -> None:
    truth = Pedestals.random(TEN, 15)

    def drifting(gate: int, boards: np.ndarray) -> np.ndarray:
        return np.where(boards == 3, 5.0 * gate / 2000, 0.0)

    accumulator = accumulate(
        chunks(hardware, truth, range(1, 2001), shift=drifting), hardware, PedestalConfig()
    )
    drift = fit_pedestals(accumulator).drift
    assert drift.mean.shape == (20, 185)
    spread, error = drift.spread()
    assert abs(spread[3] - 5 * 19 / 20) < 0.3
    assert (np.delete(spread[:10], 3) < 5 * np.delete(error[:10], 3)).all()
    assert (spread[10:] == 0).all() and np.isinf(error[10:]).all()
    assert (np.diff(drift.times_us.ravel()) > 0).all()
    assert drift.frames[:, :10].sum() == accumulator.boards["frames"].sum()
