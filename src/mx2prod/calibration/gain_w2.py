"""Relative variance of the response to one photoelectron: constant, or from the dynode chain.

Source: pre-production page, section 3.1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.gain_config import GainConfig

Floats = npt.NDArray[np.float64]

_MOST_STEPS = 100
_CONVERGED = 1e-10


def w2_of_dynodes(gain: npt.ArrayLike, dividers: tuple[float, ...], exponent: float) -> Floats:
    """Give w2 of a dynode chain.

    The emission of dynode j is proportional to a power of its voltage, the product of all is the
    gain; w2 is the sum over j of the inverse product of the first j emissions.

    Parameters
    ----------
    gain : array_like of float
        Above 1.
    dividers : tuple of float
        Relative voltages, first dynode to last.
    exponent : float
        Emission against voltage.

    Returns
    -------
    ndarray of float64, shape of ``gain``
    """
    relative = np.log(np.array(dividers)) * exponent
    log_gain = np.log(np.asarray(gain, np.float64))[..., None]
    emission = relative + (log_gain - relative.sum()) / len(dividers)
    return np.asarray(np.exp(-np.cumsum(emission, axis=-1)).sum(axis=-1))


def w2_of_gain(variance_over_mean: Floats, config: GainConfig) -> tuple[Floats, Floats]:
    """Gain and w2 from the ratio of variance and mean, which is gain times 1 + w2.

    Parameters
    ----------
    variance_over_mean : ndarray of float64, shape (n,)
        In electrons; NaN stays NaN.
    config : GainConfig

    Returns
    -------
    gain, w2 : ndarray of float64, shape (n,)
    """
    if config.w2_model == "constant":
        return variance_over_mean / (1 + config.w2), np.full(len(variance_over_mean), config.w2)
    gain = np.maximum(variance_over_mean / (1 + config.w2), 2.0)
    for _ in range(_MOST_STEPS):
        w2 = w2_of_dynodes(gain, config.dividers, config.dynode_exponent)
        before, gain = gain, np.maximum(variance_over_mean / (1 + w2), 2.0)
        if np.all(np.isnan(gain) | (np.abs(gain - before) < _CONVERGED * gain)):
            break
    return gain, w2_of_dynodes(gain, config.dividers, config.dynode_exponent)
