"""Fit of one-PE spectra as a cross-check of the photostatistics (pre-production page, 3.3)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_curve import SLOPE1
from mx2prod.calibration.gain_config import GainConfig
from mx2prod.calibration.gain_fit import GainFit
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gain_spectra import Spectra
from mx2prod.calibration.gain_spectrum_kernels import N_RESULTS, fit_spectra
from mx2prod.calibration.histograms import bins_of_rows
from mx2prod.detector.response import ELECTRON_CHARGE_FC

Floats = npt.NDArray[np.float64]

SMALLEST_W2 = 0.01
"""The fitted response is a gamma distribution, which needs some width."""

_ROUNDING = 1 / 12


@dataclass(frozen=True)
class SpectrumFit:
    """Fitted spectra; arrays of shape (n_channels,), NaN for channels that were not fitted.

    Attributes
    ----------
    gain, gain_err : ndarray of float64
        Electrons per photoelectron.
    pe_mean, w2 : ndarray of float64
    fitted : ndarray of bool
        The fit was tried and converged.
    tried : ndarray of bool
    """

    gain: Floats
    gain_err: Floats
    pe_mean: Floats
    w2: Floats
    fitted: npt.NDArray[np.bool_]
    tried: npt.NDArray[np.bool_]


def fit_spectra_of_channels(
    spectra: Spectra, fit: GainFit, inputs: GainInputs, config: GainConfig
) -> SpectrumFit:
    """Fit pedestal, Poisson and gamma response to the spectra with little light.

    Fitted are channels with a gain, at most ``fit_max_pe`` photoelectrons, and a spectrum below
    the first kink.  The width of the pedestal is taken without the rounding to whole ADC, which
    the bins hold themselves.

    Parameters
    ----------
    spectra : Spectra
    fit : GainFit
        Gives the start.
    inputs : GainInputs
    config : GainConfig
    """
    n_channels = len(spectra.rows)
    channel = np.arange(n_channels)
    slope = inputs.curves[channel, spectra.gain, SLOPE1]
    kink1 = inputs.adc_at_kink1[channel, spectra.gain]
    last = spectra.offsets[1:] - 1
    highest = np.where(last >= spectra.offsets[:-1], spectra.adc[last], np.inf)
    tried = (fit.pe_mean <= config.fit_max_pe) & (highest <= kink1)
    chosen = np.flatnonzero(tried)
    offsets, place = bins_of_rows(spectra.offsets, chosen)
    noise = inputs.rms[chosen, spectra.gain[chosen]] ** 2 - _ROUNDING
    adc_of_electron = slope[chosen] * ELECTRON_CHARGE_FC
    results = np.zeros((len(chosen), N_RESULTS))
    results[:, 0] = fit.pe_mean[chosen]
    results[:, 1] = fit.gain[chosen] * adc_of_electron
    w2 = np.maximum(fit.w2[chosen], SMALLEST_W2)
    free = 3 if config.fit_w2 else 2
    fit_spectra(
        offsets, spectra.counts[place], spectra.adc[place], np.maximum(noise, _ROUNDING), w2, free,
        results,
    )  # fmt: skip
    gain, error, light, width = np.full((4, n_channels), np.nan)
    for column, values in (
        (gain, results[:, 1] / adc_of_electron), (error, results[:, 3] / adc_of_electron),
        (light, results[:, 0]), (width, results[:, 2]),
    ):  # fmt: skip
        column[chosen] = np.where(results[:, 4] == 1, values, np.nan)
    fitted = np.zeros(n_channels, np.bool_)
    fitted[chosen] = results[:, 4] == 1
    return SpectrumFit(gain, error, light, width, fitted, tried)
