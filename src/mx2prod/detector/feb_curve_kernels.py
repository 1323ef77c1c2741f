"""Kernels of the tri-linear response of the front-end boards: charge to ADC and back.

ADC is counted above pedestal, so adc0 is no argument (detector page, section 6).  The two ufuncs
broadcast like NumPy functions; :func:`charge_of_adc` is for other kernels.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit, vectorize

_SIX_FLOATS = "float64(float64, float64, float64, float64, float64, float64)"


@vectorize([_SIX_FLOATS], nopython=True, cache=True)
def adc_of_charge_kernel(
    charge: Any, slope1: Any, kink1: Any, slope2: Any, kink2: Any, slope3: Any
) -> Any:
    """ADC above pedestal of a charge; the first slope goes on to negative charge.

    Parameters
    ----------
    charge, kink1, kink2 : ndarray of float64
        fC.
    slope1, slope2, slope3 : ndarray of float64
        ADC/fC.
    """
    if charge <= kink1:
        return slope1 * charge
    if charge <= kink2:
        return slope1 * kink1 + slope2 * (charge - kink1)
    return slope1 * kink1 + slope2 * (kink2 - kink1) + slope3 * (charge - kink2)


@njit(nogil=True)
def charge_of_adc(adc: Any, slope1: Any, kink1: Any, slope2: Any, kink2: Any, slope3: Any) -> Any:
    """Charge of an ADC above pedestal, fC; see :func:`charge_of_adc_kernel`."""
    adc1 = slope1 * kink1
    if adc <= adc1:
        return adc / slope1
    adc2 = adc1 + slope2 * (kink2 - kink1)
    if adc <= adc2:
        return kink1 + (adc - adc1) / slope2
    if slope3 == 0.0:
        return math.inf
    return kink2 + (adc - adc2) / slope3


@vectorize([_SIX_FLOATS], nopython=True, cache=True)
def charge_of_adc_kernel(
    adc: Any, slope1: Any, kink1: Any, slope2: Any, kink2: Any, slope3: Any
) -> Any:
    """Charge of an ADC above pedestal, the inverse of :func:`adc_of_charge_kernel`.

    Parameters
    ----------
    adc : ndarray of float64
    slope1, slope2, slope3 : ndarray of float64
        ADC/fC; with ``slope3`` 0 every ADC beyond the second kink is infinite charge.
    kink1, kink2 : ndarray of float64
        fC.
    """
    return charge_of_adc(adc, slope1, kink1, slope2, kink2, slope3)
