"""Light that reaches the end of a strip, and the way to it (detector page, section 6)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def strip_light(
    distance: Floats | float, length: Floats, atten: Floats, reflect: Floats, amp: Floats
) -> Floats:
    """Share of the light that leaves the readout end of a strip; all arguments broadcast.

    ``amp (exp(-d/atten) + reflect exp(-(2L-d)/atten))``: direct light and that of the mirror.

    Parameters
    ----------
    distance : ndarray of float64 or float
        From the readout end, mm.
    length : ndarray of float64
        Of the strip, mm.
    atten : ndarray of float64
        Attenuation length, mm.
    reflect, amp : ndarray of float64
        Reflectivity of the far end, amplitude.

    Returns
    -------
    ndarray of float64
    """
    direct, mirrored = np.exp(-distance / atten), np.exp((distance - 2 * length) / atten)
    return np.asarray(amp * (direct + reflect * mirrored))
