"""Kernels of the gains against plain twins: moments, lost tail, spectra, w2 of dynodes."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from mx2prod.calibration.gain_config import GainConfig, GainVerdictConfig
from mx2prod.calibration.gain_fit_kernels import N_MOMENTS, charge_moments, kept_of_tail
from mx2prod.calibration.gain_spectrum_kernels import N_RESULTS, fit_spectra
from mx2prod.calibration.gain_w2 import w2_of_dynodes

Floats = npt.NDArray[np.float64]


def plain_moments(charge: Floats, counts: npt.NDArray[np.uint32], cut: float) -> list[float]:
    """Repeat each charge as often as it was counted; drop what is far above the mean."""
    values = np.repeat(charge, counts)
    while True:
        kept = values[values <= values.mean() + cut * values.std()]
        if len(kept) == len(values):
            break
        values = kept
    central = [np.mean((values - values.mean()) ** power) for power in (2, 3, 4)]
    return [len(values), values.mean(), *central]


@pytest.mark.parametrize("seed", range(5))
def test_moments_are_those_of_the_plain_twin(seed: int) -> None:
    random = np.random.default_rng(seed)
    spectra = [
        (np.sort(random.uniform(-50, 900, n)), random.poisson(200 / (1 + np.arange(n))))
        for n in (40, 7, 120)
    ]
    spectra[0][0][-1] = 9000.0
    spectra[0][1][-1] = 2
    offsets = np.cumsum([0, *(len(charge) for charge, _ in spectra)])
    counts = np.concatenate([counts for _, counts in spectra]).astype(np.uint32)
    charge = np.concatenate([charge for charge, _ in spectra])
    moments = np.zeros((3, N_MOMENTS))
    charge_moments(offsets, counts, charge, np.zeros(len(charge)), 6.0, moments)
    for row, (values, numbers) in zip(moments, spectra, strict=True):
        expected = plain_moments(values, numbers.astype(np.uint32), 6.0)
        assert row[[0, 2, 3, 4, 5]] == pytest.approx(expected, rel=1e-9)
    assert moments[0, 1] == 39


def test_moments_of_bins_are_those_of_the_readings() -> None:
    """4-ADC bins against the readings themselves.

    Sheppard's correction holds down to a width of about 3 ADC; at 2 ADC it is 2 % off, which is
    less than 1e-4 of the variance of a pulse.
    """
    random = np.random.default_rng(3)
    for sigma in (3.0, 5.0, 40.0):
        adc = np.rint(random.normal(500, sigma, 200_000)).astype(int)
        bins = adc >> 2
        counts = np.bincount(bins - bins.min()).astype(np.uint32)
        charge = ((np.arange(len(counts)) + bins.min()) * 4 + 1.5) * 1.25
        moments = np.zeros((1, N_MOMENTS))
        width = np.full(len(counts), 1.25)
        charge_moments(np.array([0, len(counts)]), counts, charge, width, 100.0, moments)
        assert moments[0, 2] == pytest.approx(adc.mean() * 1.25, abs=4e-3 * sigma)
        assert moments[0, 3] == pytest.approx(adc.var() * 1.25**2, rel=4e-3)


def test_empty_spectra_have_no_moments() -> None:
    moments = np.zeros((1, N_MOMENTS))
    none = np.zeros(0)
    charge_moments(np.zeros(2, np.int64), none.astype(np.uint32), none, none, 6.0, moments)
    assert moments[0, 0] == 0
    assert np.isnan(moments[0, 2:]).all()


@pytest.mark.parametrize("light", [0.3, 1.0, 3.0, 10.0, 60.0])
@pytest.mark.parametrize("cut", [2.0, 6.0])
def test_lost_tail_is_that_of_simulated_pulses(light: float, cut: float) -> None:
    w2, n = 0.25, 4_000_000
    random = np.random.default_rng(int(light * 10))
    pulses = random.standard_gamma(random.poisson(light, n) / w2) * w2
    variance = light * (1 + w2)
    kept = pulses[pulses <= light + cut * math.sqrt(variance)]
    found = np.zeros((1, 2))
    kept_of_tail(np.array([light]), w2, cut, found)
    error = 3 * math.sqrt((3 + 1 / light) / n)
    # differences of the same pulses: what the cut changed, so that most of the error cancels
    assert found[0, 0] == pytest.approx(kept.mean() / pulses.mean(), abs=error)
    assert found[0, 1] == pytest.approx(kept.var() / pulses.var(), abs=2 * error)
    assert found[0, 1] < 1


def test_lost_tail_without_spread_of_the_response() -> None:
    light, cut = 2.0, 2.0
    found = np.zeros((1, 2))
    kept_of_tail(np.array([light]), 0.0, cut, found)
    n = np.arange(100)
    p = np.exp(n * np.log(light) - light - np.array([math.lgamma(k + 1.0) for k in n]))
    p[n > light + cut * math.sqrt(light)] = 0
    mean = (p * n).sum() / p.sum()
    assert found[0, 0] == pytest.approx(mean / light, rel=1e-12)
    assert found[0, 1] == pytest.approx(((p * (n - mean) ** 2).sum() / p.sum()) / light, rel=1e-12)


def plain_spectrum(light: float, gain: float, w2: float, noise: float, edges: Floats) -> Floats:
    """Probabilities of bins by numerical folding on a grid of 0.05 ADC, without approximation."""
    step = 0.05
    grid = np.arange(-200, edges[-1] + 400, step) + step / 2
    density = np.zeros(len(grid))
    positive = grid > 0
    x = grid[positive]
    for n in range(1, 40):
        weight = math.exp(n * math.log(light) - light - math.lgamma(n + 1.0))
        k, scale = n / w2, w2 * gain
        density[positive] += weight * np.exp(
            (k - 1) * np.log(x) - x / scale - math.lgamma(k) - k * math.log(scale)
        )
    reach = np.arange(-10 * noise, 10 * noise + step / 2, step)
    smear = np.exp(-0.5 * (reach / noise) ** 2)
    folded = np.convolve(density, smear / smear.sum(), mode="same") * step
    folded += math.exp(-light) * np.exp(-0.5 * (grid / noise) ** 2) / noise / 2.5066282746 * step
    running = np.concatenate([[0], np.cumsum(folded)])
    return np.diff(
        np.interp(edges, np.concatenate([grid - step / 2, [grid[-1] + step / 2]]), running)
    )


@pytest.mark.parametrize(
    ("light", "gain", "noise"), [(0.4, 72.0, 5.0), (1.5, 40.0, 5.0), (2.8, 120.0, 9.0)]
)
def test_fitted_spectrum_is_the_most_likely_one(light: float, gain: float, noise: float) -> None:
    """Expected counts of the exact model: the fit must return what they were made of."""
    w2 = 0.25
    edges = np.arange(-40.5, 14 * gain, 4.0)
    expected = plain_spectrum(light, gain, w2, noise, edges)
    assert expected.sum() == pytest.approx(1, abs=1e-3)
    counts = np.rint(expected * 1e8).astype(np.uint32)
    adc = edges[:-1] + 2.0
    for free in (2, 3):
        results = np.zeros((1, N_RESULTS))
        results[0, :2] = light * 1.2, gain * 0.85
        start = np.array([w2 if free == 2 else 0.3])
        fit_spectra(
            np.array([0, len(counts)]), counts, adc, np.array([noise**2]), start, free, results
        )
        found_light, found_gain, found_w2, error, converged, steps = results[0]
        assert converged == 1
        assert steps < 20
        # three moments of response and noise, not the exact folding
        assert found_light == pytest.approx(light, rel=0.006)
        assert found_gain == pytest.approx(gain, rel=0.006)
        assert found_w2 == pytest.approx(w2, rel=0.04)
        assert 0 < error < 1e-3 * gain


def test_w2_of_equal_dynodes_is_a_geometric_series() -> None:
    """12 dynodes of emission 3.013 each: the page says 0.5."""
    gain = np.array([5.6e5, 1e6])
    emission = gain ** (1 / 12)
    expected = [sum(d**-k for k in range(1, 13)) for d in emission]
    assert w2_of_dynodes(gain, (1.0,) * 12, 0.75) == pytest.approx(expected)
    assert w2_of_dynodes(5.6e5, (1.0,) * 12, 0.75) == pytest.approx(0.5, abs=0.01)


def test_a_strong_first_dynode_makes_w2_small() -> None:
    assert w2_of_dynodes(5.6e5, (4.0, *(1.0,) * 11), 0.75) < 0.25


def test_configurations_refuse_what_cannot_be() -> None:
    with pytest.raises(ValueError, match="all must be positive"):
        GainConfig(dividers=(1.0, 0.0))
    with pytest.raises(ValueError, match="gain_min is above gain_max"):
        GainVerdictConfig(gain_min=3e6)
    with pytest.raises(ValueError, match="Extra inputs"):
        GainConfig.model_validate({"li": {"blok": "auto"}})
