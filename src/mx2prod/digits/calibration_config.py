"""What is done to suppressed digits to calibrate them (reconstruction page, section 5)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

DefaultConstant = Literal[
    "pedestal", "response", "gain", "attenuation", "strip_to_strip", "energy_scale",
    "time_offset", "slewing",
]  # fmt: skip
"""Constants that can be missing for a channel, or as a whole table."""


class CalibrationConfig(BaseModel):
    """The corrections of a digit, each a switch with the name of the official option.

    A correction that is off leaves its number as it was: without ``do_cal_charge`` the charge is
    the high gain above pedestal in ADC, without ``do_cal_pe`` the light is the charge in fC,
    without ``do_pe_to_energy`` the energy is light in photoelectrons.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    do_cal_charge: bool = Field(
        default=True, description="DoCalCharge: from ADC to charge, by the FEB response (fact)"
    )
    do_cal_pe: bool = Field(
        default=True, description="DoCalPE: from charge to photoelectrons, by the PMT gain (fact)"
    )
    do_clear_fiber_atten: bool = Field(
        default=True, description="DoClearFiberAtten: attenuation in the clear fibre (fact)"
    )
    do_wls_baggie_atten: bool = Field(
        default=True,
        description="DoWLSBaggieAtten: attenuation in the wavelength-shifting fibre outside the "
        "strip (fact)",
    )
    do_strip_atten: bool = Field(
        default=True,
        description="DoStripAtten: attenuation in the strip, from its middle on (fact)",
    )
    do_cal_strip: bool = Field(
        default=True, description="DoCalStrip: strip-to-strip constants (fact)"
    )
    do_pe_to_energy: bool = Field(
        default=True, description="DoPeToEnergy: from photoelectrons to energy (fact)"
    )
    do_temp_response: bool = Field(
        default=False,
        description="GetTempResponse: light follows the temperature of the board (fact: the name; "
        "proposal: off)",
    )
    do_cal_time: bool = Field(
        default=True,
        description="DoCalTime: offset of the half board, slewing, way in the fibres (fact)",
    )
    do_cal_veto: Literal[False] = Field(
        default=False, description="DoCalVeto: Mx2 has no veto wall; only off is possible (fact)"
    )
    kill_error_strips: bool = Field(
        default=True,
        description="KillErrorStrips: strips with an error code in the strip-to-strip table have "
        "no energy; off in the calibration loop (fact)",
    )
    low_gain: Literal["gate_end", "per_push"] = Field(
        "gate_end",
        description="when the low gain is digitised: once at the end of the gate, as firmware 96 "
        "and older do, or with each hit block (proposal for newer firmware)",
    )
    default_mev_per_pe: float = Field(
        0.0792, gt=0, le=10,
        description="energy of a photoelectron where default constants may be used, MeV/PE "
        "(measured: start value of the calibration)",
    )  # fmt: skip
    default_fibre_index: float = Field(
        1.6, ge=1, le=3,
        description="refractive index of the fibres without a slewing table (memory)",
    )  # fmt: skip
    use_defaults: tuple[DefaultConstant, ...] = Field(
        (),
        description="constants that may be missing: a default is taken and counted, and a digit "
        "without pedestal has no charge; otherwise a missing one is an error (proposal)",
    )
