"""From photoelectrons at the PMT to energy: one factor a strip.

Source: reconstruction page, section 5, rows 3 to 8.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table
from mx2prod.detector import Detector, strip_length
from mx2prod.digits.attenuation import Floats, strip_light
from mx2prod.digits.calibrated_columns import CalDigitFlag
from mx2prod.digits.calibration_config import CalibrationConfig
from mx2prod.digits.calibration_rows import rows_of, values_of

Flags = npt.NDArray[np.uint32]


@dataclass(frozen=True)
class StripAttenuation:
    """Attenuation of all strips.

    Attributes
    ----------
    atten, reflect, amp : ndarray of float64, shape (n_strips,)
        Attenuation length (mm), reflectivity of the far end, amplitude.
    length : ndarray of float64, shape (n_strips,)
        mm.
    missing : ndarray of bool, shape (n_strips,)
        The numbers are defaults.
    """

    atten: Floats
    reflect: Floats
    amp: Floats
    length: Floats
    missing: npt.NDArray[np.bool_]

    @classmethod
    def of(cls, detector: Detector, table: Table | None) -> StripAttenuation:
        """Take the numbers of a table (schema AttenuationId), or defaults."""
        strips, response = detector.planes.strips(), detector.constants.response
        rows = rows_of(table, strips["strip_id"], lambda t: (t["atten"] > 0) & (t["amp"] > 0))
        return cls(
            values_of(table, "atten", rows, response.attenuation),
            values_of(table, "reflect", rows, response.reflectivity),
            values_of(table, "amp", rows, response.amplitude),
            strip_length(strips["strip"], detector.planes.shape),
            rows < 0,
        )

    def light(
        self, distance: Floats | float, strip: npt.NDArray[np.integer] | slice = slice(None)
    ) -> Floats:
        """Share of the light of some strips at distances from their readout ends, mm."""
        return strip_light(
            distance, self.length[strip], self.atten[strip], self.reflect[strip], self.amp[strip]
        )


def clear_fibre_factor(detector: Detector) -> Floats:
    """Factor for the attenuation in the clear fibres, shape (n_strips,)."""
    return np.exp(detector.fibres.clear / detector.constants.response.clear_attenuation)


def pigtail_factor(detector: Detector, attenuation: StripAttenuation) -> Floats:
    """Factor for the wavelength-shifting fibres outside the strips, shape (n_strips,)."""
    return np.exp(detector.fibres.bagged_wls / attenuation.atten)


def strip_factor(attenuation: StripAttenuation) -> Floats:
    """Factor for the attenuation from the middle of each strip, shape (n_strips,)."""
    return 1 / attenuation.light(attenuation.length / 2)


def strip_to_strip_factor(
    detector: Detector, table: Table | None, *, kill_error_strips: bool
) -> tuple[Floats, Flags]:
    """Strip-to-strip constants of all strips, and flags of their digits.

    Parameters
    ----------
    detector : Detector
    table : Table or None
        Schema StripToStrip.
    kill_error_strips : bool
        Discard digits of strips with an error code.

    Returns
    -------
    factor : ndarray of float64, shape (n_strips,)
    flags : ndarray of uint32, shape (n_strips,)
    """
    ids = detector.planes.strips()["strip_id"]
    rows = rows_of(table, ids, lambda t: (t["s2s"] > 0) | (t["error"] != 0))
    bad = values_of(table, "error", rows, 0) != 0
    flags = np.where(rows < 0, int(CalDigitFlag.NO_S2S), 0)
    flags |= np.where(bad & kill_error_strips, int(CalDigitFlag.DISCARDED), 0)
    return values_of(table, "s2s", rows, 1.0), flags.astype(np.uint32)


def energy_per_pe(
    detector: Detector, config: CalibrationConfig, tables: tuple[Table | None, ...]
) -> tuple[Floats, Flags]:
    """Energy of a photoelectron at the PMT of each strip, without temperature.

    Parameters
    ----------
    detector : Detector
    config : CalibrationConfig
    tables : tuple of Table or None
        Attenuation, strip-to-strip constants, energy scale.

    Returns
    -------
    factor : ndarray of float64, shape (n_strips,)
        MeV/PE; without a unit if ``do_pe_to_energy`` is off.
    flags : ndarray of uint32, shape (n_strips,)
        What digits of the strip have to say about it.
    """
    attenuation_table, s2s_table, scale_table = tables
    attenuation = StripAttenuation.of(detector, attenuation_table)
    factor, flags = np.ones(detector.planes.n_strips), np.zeros(detector.planes.n_strips, "<u4")
    if config.do_clear_fiber_atten:
        factor *= clear_fibre_factor(detector)
    if config.do_wls_baggie_atten:
        factor *= pigtail_factor(detector, attenuation)
    if config.do_strip_atten:
        factor *= strip_factor(attenuation)
    if config.do_wls_baggie_atten or config.do_strip_atten:
        flags[attenuation.missing] |= int(CalDigitFlag.NO_ATTENUATION)
    if config.do_cal_strip:
        of_strip, of_flags = strip_to_strip_factor(
            detector, s2s_table, kill_error_strips=config.kill_error_strips
        )
        factor *= of_strip
        flags |= of_flags
    if config.do_pe_to_energy:
        known = scale_table is not None and scale_table["meu"][0] > 0
        factor *= scale_table["meu"][0] if scale_table and known else config.default_mev_per_pe
        flags |= np.uint32(0 if known else int(CalDigitFlag.NO_ENERGY_SCALE))
    return factor, flags
