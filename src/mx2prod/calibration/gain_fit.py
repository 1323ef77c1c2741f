"""Gains by photostatistics from a light-injection accumulator (pre-production page, 3.1 and 3.3).

With a mean light of lambda photoelectrons, gain g, charge e of the electron and relative variance
w2 of the response to one photoelectron, mean and variance of the charge above pedestal are
lambda g e and lambda (g e)2 (1 + w2); their ratio is the gain.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_curve import SLOPE1
from mx2prod.calibration.gain_config import GainConfig
from mx2prod.calibration.gain_fit_kernels import N_MOMENTS, charge_moments, kept_of_tail
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_spectra import Spectra, choose_spectra
from mx2prod.calibration.gain_w2 import w2_of_gain
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
from mx2prod.calibration.light_injection_kernels import LIGHT_UNIT
from mx2prod.detector.response import ELECTRON_CHARGE_FC

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_LIGHT_GRID = np.geomspace(0.02, 2000.0, 120)


@dataclass(frozen=True)
class GainFit:
    """Gains and what they are made of; arrays of shape (n_channels,), NaN where not defined.

    Attributes
    ----------
    pulses : ndarray of int64
        Readings used.
    gain, gain_err : ndarray of float64
        Electrons per photoelectron.
    pe_mean : ndarray of float64
        Mean light of a pulse, photoelectrons.
    q_mean, q_var : ndarray of float64
        Mean charge above pedestal, fC, and variance of the charge, fC2: without pedestal, common
        spread of the light and its drift.
    w2 : ndarray of float64
        Relative variance of the response to one photoelectron that was used.
    saturated : ndarray of float64
        Fraction of the readings beyond the second kink.
    adc_gain : ndarray of int64
        :class:`~mx2prod.detector.trip.Gain` in use.
    kind : ndarray of int64
        0 untimed blocks, 1 timed ones.
    common_light : ndarray of float64
        Covariance of the charge with the light of the other boards, over the charge: where a pixel
        sees the light that the others see it is the common variance.
    light_variance, light_variance_err : float
        Common variance of the light from pulse to pulse, relative.
    """

    pulses: Integers
    gain: Floats
    gain_err: Floats
    pe_mean: Floats
    q_mean: Floats
    q_var: Floats
    w2: Floats
    saturated: Floats
    adc_gain: Integers
    kind: Integers
    common_light: Floats
    light_variance: float
    light_variance_err: float


def fit_gains(
    accumulator: LightInjectionAccumulator, inputs: GainInputs, config: GainConfig | None = None
) -> GainFit:
    """Gains of all channels.

    Parameters
    ----------
    accumulator : LightInjectionAccumulator
    inputs : GainInputs
        Pedestals and curves, of the same hardware map.
    config : GainConfig, optional

    Returns
    -------
    GainFit
        Channels with less than ``min_pulses`` readings, without pedestal, or whose variance is
        not above that of the pedestal have no gain (NaN).
    """
    config = config or GainConfig()
    return fit_spectra_of(accumulator, choose_spectra(accumulator, inputs), inputs, config)


def fit_spectra_of(
    accumulator: LightInjectionAccumulator,
    spectra: Spectra,
    inputs: GainInputs,
    config: GainConfig,
) -> GainFit:
    """As :func:`fit_gains`, with spectra that were chosen before."""
    n, _, mean, m2, m3, m4 = _moments(spectra, config.high_cut)
    with np.errstate(divide="ignore", invalid="ignore"):
        m2 *= n / (n - 1)
        noise = _noise(inputs, spectra)
        drift, steepness = _drift(accumulator, spectra), _slope_at(mean, inputs, spectra)
        spread, spread_err = accumulator.light_variance()
        above = m2 - noise**2
        ratio = _kept_ratios(mean**2 * (1 + config.w2) / above, config)
        q_mean = mean / ratio[0]
        q_var = above / ratio[1] - drift * steepness**2 - spread * q_mean**2
        enough = (n >= config.min_pulses) & np.isfinite(mean) & (q_mean > 0) & (q_var > 0)
        per_electron = np.where(enough, q_var / q_mean / ELECTRON_CHARGE_FC, np.nan)
        gain, w2 = w2_of_gain(per_electron, config)
        relative = _relative_variance(np.array([n, m2, m3, m4]), q_mean, q_var)
        relative += _pedestal_variance(inputs, spectra, noise, q_mean, q_var)
        relative += (spread_err * q_mean**2 / q_var) ** 2
        covariance = accumulator.covariance[spectra.rows] / LIGHT_UNIT / n * steepness
    return GainFit(
        n.astype(np.int64),
        gain,
        gain * np.sqrt(np.maximum(relative, 0)),
        q_mean / (gain * ELECTRON_CHARGE_FC),
        q_mean,
        q_var,
        w2,
        _saturated(spectra, inputs),
        spectra.gain,
        spectra.kind,
        covariance / q_mean,
        spread,
        spread_err,
    )


def _moments(spectra: Spectra, high_cut: float) -> tuple[Floats, ...]:
    moments = np.full((len(spectra.rows), N_MOMENTS), np.nan)
    charge_moments(
        spectra.offsets, spectra.counts, spectra.charge, spectra.width, high_cut, moments
    )
    return tuple(moments.T.copy())


def _noise(inputs: GainInputs, spectra: Spectra) -> Floats:
    """Width of the pedestal in fC, shape (n_channels,)."""
    channel = np.arange(len(spectra.rows))
    slope = 1 / inputs.curves[channel, spectra.gain, SLOPE1]
    return np.asarray(inputs.rms[channel, spectra.gain] * slope)


def _slope_at(mean: Floats, inputs: GainInputs, spectra: Spectra) -> Floats:
    """Charge of 1 ADC at the mean charge, shape (n_channels,)."""
    curves = inputs.curves[np.arange(len(spectra.rows)), spectra.gain]
    first, kink1, second, kink2, third = curves[:, 1:].T
    return np.asarray(1 / np.where(mean <= kink1, first, np.where(mean <= kink2, second, third)))


def _drift(accumulator: LightInjectionAccumulator, spectra: Spectra) -> Floats:
    """Variance that the readings have from slice to slice only, ADC2, shape (n_channels,).

    Variance about the common mean minus variance about the mean of the slice, from exact sums;
    without a drift its expectation is zero.
    """
    n = accumulator.counts[:, spectra.rows].astype(np.float64)
    total, squares = np.moveaxis(accumulator.sums[:, spectra.rows], 2, 0).astype(np.float64)
    every = n.sum(axis=0)
    explained = np.where(n > 0, total**2 / np.maximum(n, 1), 0).sum(axis=0)
    slices = (n > 0).sum(axis=0)
    plain = (squares.sum(axis=0) - total.sum(axis=0) ** 2 / every) / (every - 1)
    within = (squares.sum(axis=0) - explained) / (every - slices)
    return np.asarray(np.where(slices > 1, plain - within, 0.0))


def _kept_ratios(light: Floats, config: GainConfig) -> Floats:
    """Ratios of mean and variance that the cut on the high tail leaves, shape (2, n_channels)."""
    kept = np.empty((len(_LIGHT_GRID), 2))
    kept_of_tail(_LIGHT_GRID, config.w2, config.high_cut, kept)
    grid = np.log(_LIGHT_GRID)
    known = np.clip(np.nan_to_num(light, nan=1.0), _LIGHT_GRID[0], _LIGHT_GRID[-1])
    return np.array([np.interp(np.log(known), grid, column) for column in kept.T])


def _relative_variance(moments: Floats, q_mean: Floats, q_var: Floats) -> Floats:
    """Relative variance of the gain from the spectrum itself (pre-production page, 3.3).

    ``moments`` are the number of readings and their second to fourth central moments.
    """
    n, m2, m3, m4 = moments
    return np.asarray(
        (m4 - m2**2) / (n * q_var**2) + m2 / (n * q_mean**2) - 2 * m3 / (n * q_var * q_mean)
    )


def _pedestal_variance(
    inputs: GainInputs, spectra: Spectra, noise: Floats, q_mean: Floats, q_var: Floats
) -> Floats:
    """Relative variance of the gain from mean and width of the pedestal."""
    entries = inputs.entries[np.arange(len(spectra.rows)), spectra.gain]
    of_mean = noise**2 / entries / q_mean**2
    of_rms = 2 * noise**4 / entries / q_var**2
    return np.asarray(of_mean + of_rms)


def _saturated(spectra: Spectra, inputs: GainInputs) -> Floats:
    """Fraction of the readings beyond the second kink, shape (n_channels,)."""
    n_channels = len(spectra.rows)
    channel = np.repeat(np.arange(n_channels), np.diff(spectra.offsets))
    kink2 = inputs.adc_at_kink2[np.arange(n_channels), spectra.gain]
    every = np.bincount(channel, spectra.counts, n_channels)
    beyond = np.bincount(channel, spectra.counts * (spectra.adc > kink2[channel]), n_channels)
    with np.errstate(invalid="ignore"):
        return np.asarray(beyond / every)
