"""Settings of the gains from light injection (pre-production page, sections 3.2 to 3.5)."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_SELECTION = "pre-production page, section 3.2"
_CORRECTIONS = "pre-production page, section 3.3"
_VERDICTS = "pre-production page, section 3.5"
_OURS = "proposal"


class LightInjectionConfig(BaseModel):
    """What decides the content of a light-injection accumulator beside its input."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    trigger_type: int = Field(
        default=2, ge=0, le=255, description="trigger type of light injection (raw-format page, 7)"
    )
    block: Literal["auto", "untimed"] = Field(
        default="auto",
        description="ADC frame of a pulse. auto: the untimed one of boards without a fired "
        "discriminator, else the timed one of the light-injection time; untimed: only boards "
        f"without a fired discriminator ({_SELECTION})",
    )
    pairing: Literal["end", "front"] = Field(
        default="end",
        description="which ADC frame belongs to a discriminator record, setting raw.adc_pairing "
        "(raw-format page, section 5.1)",
    )
    time_window: int = Field(
        default=3, ge=0, le=100,
        description=f"ticks around the most frequent hit time of a gate ({_SELECTION})",
    )  # fmt: skip
    light_cut: float = Field(
        default=4.0, ge=1, le=100,
        description=f"gates whose light is further from the mean are left out, sigma "
        f"({_CORRECTIONS})",
    )  # fmt: skip
    gain_limit: float = Field(
        default=0.90, gt=0, le=1,
        description="a gain is used if the mean ADC is below this part of its first kink "
        f"({_SELECTION})",
    )  # fmt: skip
    slice_gates: int = Field(
        default=512, ge=16, le=2048,
        description="gates of a time slice; slices begin at fixed gate numbers, so that parts of a "
        f"subrun merge; 512 gives 20 slices in 10,000 gates ({_SELECTION}; width {_OURS})",
    )  # fmt: skip


class GainConfig(BaseModel):
    """Selection of light-injection pulses, and how gains are made of them."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    li: LightInjectionConfig = Field(
        default=LightInjectionConfig(), description=f"accumulators ({_SELECTION})"
    )
    w2: float = Field(
        default=0.25, ge=0, le=1,
        description="relative variance of the response to one photoelectron (memory 0.16 to 0.25, "
        "pre-production page, section 3.1)",
    )  # fmt: skip
    w2_model: Literal["constant", "dynodes"] = Field(
        default="constant",
        description="w2 as set, or from the gain and the voltage dividers of the dynodes "
        "(pre-production page, section 3.1)",
    )
    dividers: tuple[float, ...] = Field(
        default=(1.0,) * 12, min_length=1, max_length=30,
        description="voltages of the dynodes in relative units, first to last; equal ones are a "
        "guess",
    )  # fmt: skip
    dynode_exponent: float = Field(
        default=0.75, gt=0, le=2,
        description="emission of a dynode against its voltage (pre-production page, section 3.1)",
    )  # fmt: skip
    high_cut: float = Field(
        default=6.0, ge=3, le=100,
        description=f"readings further above the mean are left out, sigma ({_CORRECTIONS})",
    )  # fmt: skip
    min_pulses: int = Field(
        default=100, ge=3, le=10**9,
        description=f"pulses of a channel below which it has no gain ({_VERDICTS})",
    )  # fmt: skip
    fit: bool = Field(
        default=True,
        description="fit the spectra of the one-PE level as a cross-check "
        f"({_CORRECTIONS})",
    )  # fmt: skip
    fit_w2: bool = Field(default=False, description=f"w2 free in that fit ({_CORRECTIONS})")
    fit_max_pe: float = Field(
        default=3.0, gt=0, le=10,
        description=f"mean light up to which a spectrum is fitted, PE ({_CORRECTIONS})",
    )  # fmt: skip
    fit_tolerance: float = Field(
        default=0.05, gt=0, lt=1,
        description=f"fitted gain over gain, from 1 ({_CORRECTIONS})",
    )  # fmt: skip
    fit_fraction: float = Field(
        default=0.95, ge=0, le=1,
        description=f"fitted channels that must be within the tolerance ({_CORRECTIONS})",
    )  # fmt: skip
    target_gain: float = Field(
        default=5.6e5, gt=0, le=1e8,
        description="mean gain of a PMT that the report of suggested voltages aims at "
        "(detector page, section 6)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _positive_dividers(self) -> Self:
        if min(self.dividers) <= 0:
            raise ValueError(f"dividers {self.dividers}: all must be positive")
        return self


class GainVerdictConfig(BaseModel):
    """Limits of the verdicts on gains; bits and rules of section 3.5."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    min_gates: int = Field(
        default=3000, ge=1, le=10**9,
        description=f"light-injection gates that a table needs ({_VERDICTS})",
    )  # fmt: skip
    dark_pe: float = Field(
        default=0.2, ge=0, le=10, description=f"mean light below which a pixel is dark, PE "
        f"({_VERDICTS})",
    )  # fmt: skip
    gain_min: float = Field(default=1e5, gt=0, le=1e9, description=f"smallest gain ({_VERDICTS})")
    gain_max: float = Field(default=2e6, gt=0, le=1e9, description=f"largest gain ({_VERDICTS})")
    error_investigate: float = Field(
        default=0.05, gt=0, le=1, description=f"relative error: investigate ({_VERDICTS})"
    )
    error_bad: float = Field(
        default=0.10, gt=0, le=1, description=f"relative error: bad ({_VERDICTS})"
    )
    saturated_fraction: float = Field(
        default=0.01, ge=0, le=1,
        description=f"pulses beyond the second kink of the gain in use ({_VERDICTS})",
    )  # fmt: skip
    changed_sigma: float = Field(
        default=5.0, gt=0, le=100, description=f"change of the gain, sigma ({_VERDICTS})"
    )
    changed_fraction: float = Field(
        default=0.10, gt=0, le=1, description=f"change of the gain, relative ({_VERDICTS})"
    )
    changed_hv: float = Field(
        default=200.0, ge=0, le=65535,
        description="voltages that differ by more counts are not equal (pre-production page, "
        "section 5)",
    )  # fmt: skip
    pmt_spread: float = Field(
        default=3.5, ge=1, le=100,
        description=f"largest over smallest good gain of a PMT ({_VERDICTS})",
    )  # fmt: skip
    hv_difference: float = Field(
        default=200.0, ge=0, le=65535,
        description=f"actual minus target voltage, counts ({_VERDICTS})",
    )  # fmt: skip
    light_ratio_min: float = Field(
        default=0.2, ge=0, le=1,
        description=f"light over previous light, relative to the median ratio ({_VERDICTS})",
    )  # fmt: skip
    light_ratio_max: float = Field(
        default=5.0, ge=1, le=1000,
        description=f"light over previous light, relative to the median ratio ({_VERDICTS})",
    )  # fmt: skip
    good_fraction: float = Field(
        default=0.95, ge=0, le=1, description=f"good channels of a good table ({_VERDICTS})"
    )
    usable_fraction: float = Field(
        default=0.80, ge=0, le=1,
        description=f"good channels below which a table is bad ({_VERDICTS})",
    )  # fmt: skip
    median_change: float = Field(
        default=0.10, gt=0, le=1,
        description=f"median gain against the previous table ({_VERDICTS})",
    )  # fmt: skip
    light_spread: float = Field(
        default=0.10, gt=0, le=1,
        description=f"common spread of the light from pulse to pulse ({_VERDICTS})",
    )  # fmt: skip
    pedestal_age_h: float = Field(
        default=24.0, gt=0, le=1e6,
        description=f"pedestal tables that are older: investigate, hours ({_VERDICTS})",
    )  # fmt: skip
    missed_fraction: float = Field(
        default=0.01, ge=0, le=1,
        description="pulses of a board without a timed block at the light-injection time, or in "
        f"the other kind of block: investigate ({_OURS})",
    )  # fmt: skip
    unknown_type_fraction: float = Field(
        default=0.01, ge=0, le=1,
        description="gates of unknown trigger type: investigate (pre-production page, section 10)",
    )  # fmt: skip
    time_gap_h: float = Field(
        default=1.0, gt=0, le=1e6,
        description="gap between gates: investigate, hours (pre-production page, section 10)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("gain_min", "gain_max"),
            ("error_investigate", "error_bad"),
            ("usable_fraction", "good_fraction"),
        ):
            if getattr(self, low) > getattr(self, high):
                raise ValueError(f"{low} is above {high}")
        return self
