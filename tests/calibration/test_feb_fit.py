"""Fit of the tri-linear response: the plain twin, and closure on charge-injection gates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import PARAMETERS, curves_of_table
from mx2prod.calibration.feb_filling import accumulate_in_situ, accumulate_injection
from mx2prod.calibration.feb_fit import FebFit, fit_injection, response_table
from mx2prod.calibration.feb_fit_kernels import NO_FIT, fit_rows
from mx2prod.calibration.sources import SOURCE_DTYPE
from mx2prod.core.errors import UsageError
from tests.calibration.feb_gates import (
    STEPS,
    Floats,
    feb_table,
    map_of,
    pedestal_table,
    readings,
    varied_curves,
    varied_pedestals,
)

CHARGE = STEPS * FebConfig().charge_per_dac


def injection_sums(curves: Floats, pedestals: Floats, n: int, seed: int) -> FebSums:
    """Sums of ``n`` gates of each step, a step after the other."""
    rng = np.random.default_rng(seed)
    sums = np.zeros((len(STEPS), len(curves), 3, 4), np.int64)
    for step, charge in enumerate(CHARGE):
        adc = readings(np.full((n, len(curves)), charge), curves, pedestals, rng).astype(np.int64)
        at_rail = (adc == 0) | (adc == 4095)
        sums[step] = np.stack([
            np.full(adc.shape[1:], n), adc.sum(0), (adc**2).sum(0), at_rail.sum(0)
        ], axis=-1)  # fmt: skip
    return FebSums(
        FebSumsKind.INJECTION, {}, "0" * 64, STEPS.astype(np.int64),
        sums.reshape(*sums.shape[:2], 12), np.zeros(0, SOURCE_DTYPE), {"used": n}, {}, {},
    )  # fmt: skip


def model(p: Floats, x: Floats) -> Floats:
    return (
        p[0]
        + p[1] * np.minimum(x, p[2])
        + p[3] * np.clip(x - p[2], 0, p[4] - p[2])
        + p[5] * np.maximum(x - p[4], 0)
    )


def jacobian(p: Floats, x: Floats) -> Floats:
    return np.stack([
        np.ones_like(x), np.minimum(x, p[2]), (p[1] - p[3]) * (x > p[2]),
        np.clip(x - p[2], 0, p[4] - p[2]), (p[3] - p[5]) * (x > p[4]), np.maximum(x - p[4], 0),
    ], axis=-1)  # fmt: skip


def plain_fit(x: Floats, y: Floats, w: Floats) -> tuple[Floats, float]:
    """The twin: linear least squares at every pair of a grid of kinks, then Gauss-Newton."""
    grid = np.linspace(x[1], x[-2], 60)
    best, chi2 = np.zeros(6), np.inf
    root = np.sqrt(w)
    for i, kink1 in enumerate(grid):
        for kink2 in grid[i + 1 :]:
            p = np.array([0, 0, kink1, 0, kink2, 0], float)
            basis = jacobian(p, x)[:, [0, 1, 3, 5]]
            p[[0, 1, 3, 5]] = np.linalg.lstsq(basis * root[:, None], y * root, rcond=None)[0]
            trial = float(np.sum(w * (y - model(p, x)) ** 2))
            if trial < chi2:
                best, chi2 = p, trial
    for _ in range(200):
        j = jacobian(best, x)
        step = np.linalg.lstsq(j * root[:, None], (y - model(best, x)) * root, rcond=None)[0]
        for scale in 0.5 ** np.arange(12):
            trial_p = best + scale * step
            trial = float(np.sum(w * (y - model(trial_p, x)) ** 2))
            if trial < chi2 and 0 < trial_p[2] < trial_p[4] < 1:
                best, chi2 = trial_p, trial
                break
    return best, chi2


def test_kernel_agrees_with_the_plain_fit() -> None:
    """Equal minimum or a better one, and errors of the inverse normal matrix."""
    rng = np.random.default_rng(3)
    x = np.linspace(0, 1, 30)
    rows = 24
    truth = np.stack([
        rng.uniform(300, 500, rows), rng.uniform(2000, 4000, rows), rng.uniform(0.2, 0.4, rows),
        rng.uniform(1000, 1500, rows), rng.uniform(0.6, 0.8, rows), rng.uniform(50, 300, rows),
    ], axis=-1)  # fmt: skip
    weight = np.full((rows, len(x)), 4.0)
    weight[::3, 4] = 0
    y = np.stack([model(p, x) for p in truth]) + rng.normal(0, 0.5, (rows, len(x)))
    parameters, errors = np.full((2, rows, 6), np.nan)
    chi2 = np.empty(rows)
    fit_rows(x, y, weight, parameters, errors, chi2)
    for row in range(rows):
        used = weight[row] > 0
        plain, plain_chi2 = plain_fit(x[used], y[row, used], weight[row, used])
        assert chi2[row] == pytest.approx(
            np.sum(weight[row] * (y[row] - model(parameters[row], x)) ** 2)
        )
        assert chi2[row] <= plain_chi2 * (1 + 1e-6)
        j = jacobian(parameters[row], x)
        covariance = np.linalg.inv(j.T @ (weight[row][:, None] * j))
        assert errors[row] == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-6)
        if plain_chi2 == pytest.approx(chi2[row], rel=1e-6):
            assert np.abs(parameters[row] - plain).max() < 0.05 * errors[row].max()


def test_exact_points_give_the_exact_curve() -> None:
    x = np.linspace(0, 1, 40)
    truth = np.array([430, 3000, 0.31, 1500, 0.642, 100.0])
    parameters, errors = np.full((2, 1, 6), np.nan)
    chi2 = np.empty(1)
    fit_rows(x, model(truth, x)[None], np.ones((1, 40)), parameters, errors, chi2)
    assert parameters[0] == pytest.approx(truth, rel=1e-9)
    assert chi2[0] == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(
    "y",
    [np.full(30, 400.0), np.full(30, 432.1), np.linspace(400, 3000, 30)],
    ids=["flat", "odd", "line"],
)
def test_rows_without_kinks_have_no_fit(y: Floats) -> None:
    parameters, errors = np.zeros((2, 1, 6))
    chi2 = np.empty(1)
    fit_rows(np.linspace(0, 1, 30), y[None], np.ones((1, 30)), parameters, errors, chi2)
    assert chi2[0] == NO_FIT and np.isnan(parameters).all() and np.isnan(errors).all()


def pulls_of(fit: FebFit, curves: Floats, pedestals: Floats) -> Floats:
    truth = curves.copy()
    truth[..., 0] = pedestals
    return (fit.curves - truth) / fit.errors


def test_closure_pulls() -> None:
    """Pull widths 1 +- 0.1, no bias, chi2/ndf 1 (issue 3, Build 2)."""
    rng = np.random.default_rng(5)
    n = 1280
    curves, pedestals = varied_curves(n, rng), varied_pedestals(n, rng)
    fit = fit_injection(injection_sums(curves, pedestals, 100, 6))
    assert fit.fitted.all()
    pulls = pulls_of(fit, curves, pedestals)
    # the error of a width from 1280 channels is 0.02; the estimated variance of 100 readings
    # widens pulls by 1 %
    assert np.abs(pulls.std(axis=0) - 1).max() < 0.1
    assert np.abs(pulls.mean(axis=0)).max() < 4 / np.sqrt(n)
    assert abs(fit.chi2ndf.mean() - 1) < 0.05
    relative = np.median(fit.errors[..., 1] / fit.curves[..., 1])
    assert relative < 1e-3, "slope1 is known to a per mille from 6000 gates"


@pytest.mark.slow
def test_closure_pulls_of_the_full_detector() -> None:
    rng = np.random.default_rng(7)
    pulls = []
    for block in range(10):
        curves, pedestals = varied_curves(1184, rng), varied_pedestals(1184, rng)
        fit = fit_injection(injection_sums(curves, pedestals, 400, block))
        assert fit.fitted.all()
        pulls.append(pulls_of(fit, curves, pedestals))
    every = np.concatenate(pulls)
    assert np.abs(every.std(axis=0) - 1).max() < 0.06
    assert np.abs(every.mean(axis=0)).max() < 4 / np.sqrt(11_840)


def test_saturated_and_rare_steps_are_left_out() -> None:
    rng = np.random.default_rng(8)
    curves, pedestals = varied_curves(64, rng), varied_pedestals(64, rng)
    sums = injection_sums(curves, pedestals, 60, 9)
    values = sums.sums.reshape(len(STEPS), 64, 3, 4).copy()
    values[3:6, 0, 0, 3] = 1
    values[10, 1, 1] = [49, 49 * 9, 49 * 81, 0]
    values[:, 2, 2, 0] = 0
    fit = fit_injection(replace(sums, sums=values.reshape(sums.sums.shape)))
    usable = (values[:, 0, 0, 3] == 0).sum()
    assert fit.steps[0, 0] == usable < len(STEPS) - 3, "high gain is at the rail at high charge"
    assert fit.steps[1, 1] == len(STEPS) - 1
    assert fit.steps[2, 2] == 0 and np.isnan(fit.curves[2, 2]).all()
    assert np.flatnonzero(~fit.fitted).tolist() == [2]
    hardware = map_of([(0, 1, 0, 1)])
    table = response_table(fit, hardware)
    assert len(table) == 63 and table["pixel"].tolist() == [0, 1, *range(3, 64)]
    fuller = feb_table(varied_curves(64, rng), hardware)
    assert curves_of_table(fuller, hardware).shape == (64, 3, len(PARAMETERS))


def test_charge_scale_moves_slopes_and_kinks() -> None:
    rng = np.random.default_rng(10)
    curves, pedestals = varied_curves(16, rng), varied_pedestals(16, rng)
    sums = injection_sums(curves, pedestals, 60, 11)
    once = fit_injection(sums)
    twice = fit_injection(sums, FebConfig(charge_per_dac=24.0))
    factor = np.array([1, 0.5, 2, 0.5, 2, 0.5])
    assert twice.curves == pytest.approx(once.curves * factor, rel=1e-9)
    assert twice.errors == pytest.approx(once.errors * factor, rel=1e-9)


def test_what_cannot_be_fitted_is_refused() -> None:
    hardware = map_of([(0, 1, 0, 1)])
    rng = np.random.default_rng(12)
    curves = varied_curves(64, rng)
    with pytest.raises(UsageError, match="0 charge-injection gates without injected charge"):
        fit_injection(accumulate_injection([], hardware))
    pedestals = pedestal_table(varied_pedestals(64, rng), hardware)
    other = accumulate_in_situ([], hardware, pedestals, feb_table(curves, hardware))
    with pytest.raises(UsageError, match="expected injection"):
        fit_injection(other)
