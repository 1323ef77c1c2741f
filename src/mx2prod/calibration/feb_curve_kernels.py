"""Kernels of the tri-linear response: charge to ADC and back, element by element.

They broadcast like NumPy functions.  ADC is counted above pedestal, so adc0 is no argument.
"""

from __future__ import annotations

from typing import Any

from numba import vectorize

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
    adc1 = slope1 * kink1
    if adc <= adc1:
        return adc / slope1
    adc2 = adc1 + slope2 * (kink2 - kink1)
    if adc <= adc2:
        return kink1 + (adc - adc1) / slope2
    return kink2 + (adc - adc2) / slope3
