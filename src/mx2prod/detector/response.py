"""Constants of the response: light, PMT, fibres, front-end curve (detector page, section 6).

Defaults of the simulation and first guesses of calibrations; calibrated values come as constants
tables.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, model_validator

from mx2prod.detector.provenance import ConstantSet, Mark, constant

ELECTRON_CHARGE_FC = 1.602176634e-4
"""Elementary charge, fC (exact by definition of the SI)."""

_PAGE = "detector page, section 6"
_HISTOGRAMS = "public Mx2 histograms, March 2023"
_PAPER = "arXiv:1305.5199, not re-read"


class FebCurve(BaseModel):
    """Tri-linear answer of one gain: ADC above pedestal against charge, continuous at the kinks.

    Attributes
    ----------
    adc0 : float
        Offset, ADC counts.
    slope1, slope2, slope3 : float
        ADC counts per fC.
    kink1, kink2 : float
        fC.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    adc0: float
    slope1: float
    kink1: float
    slope2: float
    kink2: float
    slope3: float

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not 0 < self.kink1 < self.kink2:
            raise ValueError(f"kinks {self.kink1}, {self.kink2} fC are not positive and in order")
        return self

    def scaled(self, gain: float) -> FebCurve:
        """Return the curve of a gain with this share of the charge: slopes times, kinks divided."""
        return FebCurve(
            adc0=self.adc0,
            slope1=self.slope1 * gain,
            kink1=self.kink1 / gain,
            slope2=self.slope2 * gain,
            kink2=self.kink2 / gain,
            slope3=self.slope3 * gain,
        )


_HIGH_CURVE = FebCurve(adc0=0.0, slope1=0.80, kink1=1900.0, slope2=0.65, kink2=2600.0, slope3=0.05)
_GAIN_RELATION = 0.02


class Response(ConstantSet):
    """Light and charge of a hit, and the counts that they become."""

    birks: float = constant(
        0.0905,
        unit="mm/MeV",
        mark=Mark.FACT,
        source="public 2x2 job options",
        meaning="quenching of the scintillator",
        ge=0,
    )
    muon_dedx_min: float = constant(
        2.02,
        unit="MeV/cm",
        mark=Mark.FACT,
        source="PDG",
        meaning="smallest muon energy loss",
        gt=0,
    )
    muon_energy_mean: float = constant(
        3.4,
        unit="MeV",
        mark=Mark.MEMORY,
        source=_PAGE,
        meaning="mean energy of a muon in a plane",
        gt=0,
    )
    muon_energy_peak: float = constant(
        3.0,
        unit="MeV",
        mark=Mark.MEMORY,
        source=_PAGE,
        meaning="most probable energy of the same",
        gt=0,
    )
    pe_per_crossing: float = constant(
        9.1,
        unit="PE",
        mark=Mark.MEASURED,
        source=_HISTOGRAMS,
        meaning="light of a muon in a strip, path 2 mm or more, zeros included",
        gt=0,
    )
    pe_per_plane: float = constant(
        17.0,
        unit="PE",
        mark=Mark.MEASURED,
        source=_HISTOGRAMS,
        meaning="light of a muon in a plane",
        gt=0,
    )
    pe_per_mev: float = constant(
        5.7,
        unit="PE/MeV",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="light in the simulation, before attenuation",
        gt=0,
    )
    gain_mean: float = constant(
        5.6e5,
        unit="",
        mark=Mark.MEASURED,
        source=_HISTOGRAMS + "; rounded",
        meaning="electrons of one photoelectron",
        gt=0,
    )
    charge_per_pe: float = constant(
        90.4,
        unit="fC",
        mark=Mark.MEASURED,
        source=_HISTOGRAMS,
        meaning="charge of one photoelectron; must agree with gain_mean to 2 %",
        gt=0,
    )
    gain_spread: float = constant(
        3.0,
        unit="",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="largest over smallest gain in a PMT, upper limit",
        ge=1,
    )
    w2: float = constant(
        0.25,
        unit="",
        mark=Mark.MEMORY,
        source=_PAPER + "; range 0.2 to 0.5",
        meaning="relative variance of one photoelectron",
        ge=0.0,
        le=1.0,
    )
    dynodes: int = constant(
        12,
        unit="",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="dynodes of the PMT",
        ge=1,
    )
    fibre_diameter: float = constant(
        1.2,
        unit="mm",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="wavelength-shifting fibre, far end mirrored",
        gt=0,
    )
    attenuation: float = constant(
        3500.0,
        unit="mm",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="attenuation length of the wavelength-shifting fibre",
        gt=0,
    )
    reflectivity: float = constant(
        0.8,
        unit="",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="of the mirrored end",
        ge=0,
        le=1,
    )
    amplitude: float = constant(
        1.0,
        unit="",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="amplitude of the attenuation curve",
        gt=0,
    )
    clear_attenuation: float = constant(
        7830.0,
        unit="mm",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="attenuation length of the clear fibre",
        gt=0,
    )
    fibre_light_speed: float = constant(
        175.0,
        unit="mm/ns",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="speed of light in the fibre",
        gt=0,
        le=299.8,
    )
    xtalk_side: float = constant(
        0.015,
        unit="",
        mark=Mark.PROPOSAL,
        source=_PAGE + "; a few % in all (memory)",
        meaning="light to each of the four side neighbours",
        ge=0,
        le=0.25,
    )
    xtalk_corner: float = constant(
        0.004,
        unit="",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="light to each of the four corner neighbours",
        ge=0,
        le=0.25,
    )
    xtalk_dynode: float = constant(
        0.005,
        unit="",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="charge to each side neighbour, in dynodes and board",
        ge=0,
        le=0.25,
    )
    afterpulse: float = constant(
        0.01,
        unit="",
        mark=Mark.MEMORY,
        source=_PAGE + "; low confidence",
        meaning="after-pulses of a photoelectron",
        ge=0,
        le=1,
    )
    afterpulse_delay: float = constant(
        1000.0,
        unit="ns",
        mark=Mark.MEMORY,
        source=_PAGE + "; low confidence",
        meaning="mean delay of an after-pulse, exponential",
        gt=0,
    )
    curve_high: FebCurve = constant(
        _HIGH_CURVE,
        unit="ADC, fC",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="front-end curve of the high gain; slopes ADC/fC, kinks fC",
    )
    curve_medium: FebCurve = constant(
        _HIGH_CURVE.scaled(1 / 4),
        unit="ADC, fC",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="the same of the medium gain",
    )
    curve_low: FebCurve = constant(
        _HIGH_CURVE.scaled(1 / 15),
        unit="ADC, fC",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="the same of the low gain",
    )
    pedestal: tuple[float, float, float] = constant(
        (430.0, 420.0, 410.0),
        unit="ADC",
        mark=Mark.PROPOSAL,
        source=_PAGE + "; 400-500 (memory)",
        meaning="mean pedestal of high, medium and low gain",
    )
    pedestal_spread: float = constant(
        20.0,
        unit="ADC",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="spread of pedestals between channels",
        ge=0,
    )
    pedestal_rms: tuple[float, float, float] = constant(
        (5.0, 3.0, 2.0),
        unit="ADC",
        mark=Mark.PROPOSAL,
        source=_PAGE + "; high gain 2 to 9",
        meaning="noise of high (median), medium and low gain",
    )
    common_shift: float = constant(
        0.3,
        unit="ADC",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="common shift of a board",
        ge=0,
    )
    pedestal_drift: float = constant(
        0.2,
        unit="ADC/h",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="drift of pedestals",
    )
    threshold_pe: float = constant(
        0.75,
        unit="PE",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="discriminator threshold, high gain; 68 fC",
        gt=0,
    )
    threshold_spread: float = constant(
        0.10,
        unit="",
        mark=Mark.MEMORY,
        source=_PAPER,
        meaning="relative spread of thresholds between channels",
        ge=0,
        lt=1,
    )
    low_gain: Literal["gate_end", "per_push"] = constant(
        "gate_end",
        unit="",
        mark=Mark.FACT,
        source="public notes: firmware 96 and older",
        meaning="when the low-gain chips push",
    )
    dark_rate: float = constant(
        20.0,
        unit="Hz",
        mark=Mark.PROPOSAL,
        source=_PAGE,
        meaning="dark counts of a pixel",
        ge=0,
    )
    ageing: tuple[float, float] = constant(
        (0.07, 0.10), unit="1/a", mark=Mark.MEMORY, source=_PAGE,
        meaning="loss of light in a year, from and to",
    )  # fmt: skip

    @model_validator(mode="after")
    def _gain_and_charge_agree(self) -> Self:
        charge = self.gain_mean * ELECTRON_CHARGE_FC
        if abs(charge / self.charge_per_pe - 1) > _GAIN_RELATION:
            raise ValueError(
                f"gain_mean {self.gain_mean:g} is {charge:.1f} fC, charge_per_pe is "
                f"{self.charge_per_pe:g} fC: set both"
            )
        return self

    @property
    def curves(self) -> tuple[FebCurve, FebCurve, FebCurve]:
        """Front-end curves of high, medium and low gain."""
        return self.curve_high, self.curve_medium, self.curve_low
