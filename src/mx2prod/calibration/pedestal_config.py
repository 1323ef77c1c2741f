"""Settings of the pedestals: what is accumulated, how channels and tables are judged.

Section numbers are those of the pre-production page.
"""

from __future__ import annotations

from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator


class PedestalConfig(BaseModel):
    """What decides the content of a pedestal accumulator beside its input (2.1 and 2.2)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    block_policy: Literal["untimed_n0", "untimed_any", "all"] = Field(
        default="untimed_n0",
        description="ADC frames of a board that are taken: the untimed one if no discriminator of "
        "the board fired; the untimed one in any case; all (pre-production page, section 2.1)",
    )
    trigger_type: int = Field(
        default=1, ge=0, le=255,
        description="gates are selected by this type in the DAQ header; 1 is a pedestal gate "
        "(decision 2)",
    )  # fmt: skip
    after_beam_ms: float = Field(
        default=0.0, ge=0, le=10_000,
        description="a gate this soon after a beam gate is left out, ms (section 2.1)",
    )  # fmt: skip
    window_bins: int = Field(
        default=512, ge=2, le=4096,
        description="bins of 1 ADC of the window of a channel and gain (section 2.2)",
    )  # fmt: skip
    window_readings: int = Field(
        default=64, ge=1, le=1024,
        description="readings of a board whose median is the middle of the window (section 2.2)",
    )  # fmt: skip
    outside_fraction: float = Field(
        default=0.01, ge=0, le=1,
        description="a channel with more readings outside its window is read again with a window "
        "of 4,096 bins (section 2.2)",
    )  # fmt: skip
    slice_gates: int = Field(
        default=25, ge=1, le=100_000,
        description="gates of the finest time slice; long subruns get slices of twice, four times "
        "... as many, and the fit joins them to 20 (section 2.2)",
    )  # fmt: skip
    block_reach: int = Field(
        default=40, ge=1, le=4095,
        description="hit blocks: a reading further from the untimed one of the same gate is a "
        "signal and is left out, ADC (proposal)",
    )  # fmt: skip


class PedestalVerdictConfig(BaseModel):
    """Limits of the verdicts on channels (2.6), tables (2.7) and comparisons (2.8, 2.9)."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    min_entries: int = Field(
        default=100, ge=2, le=10**9, description="no_data: fewer readings (section 2.6, bit 1)"
    )
    stuck_rms: float = Field(
        default=0.5,
        ge=0,
        le=100,
        description="stuck: rms below, ADC, any gain (section 2.6, bit 2)",
    )
    stuck_values: int = Field(
        default=2, ge=1, le=100,
        description="stuck: at most so many distinct values, any gain (section 2.6, bit 2)",
    )  # fmt: skip
    rail_low: float = Field(
        default=50,
        ge=0,
        le=4095,
        description="rail: mean below, ADC, any gain (section 2.6, bit 3)",
    )
    rail_high: float = Field(
        default=3500, ge=0, le=4095,
        description="rail: mean above, ADC, any gain (section 2.6, bit 3)",
    )  # fmt: skip
    noisy_rms: float = Field(
        default=30, gt=0, le=4095,
        description="noisy: high-gain rms above, ADC (section 2.6, bit 4)",
    )  # fmt: skip
    noisy_rms_other: float = Field(
        default=15, gt=0, le=4095,
        description="noisy: medium- or low-gain rms above, ADC (section 2.6, bit 4)",
    )  # fmt: skip
    wide_rms: float = Field(
        default=15, gt=0, le=4095, description="wide: rms above, ADC (section 2.6, bit 5)"
    )
    wide_of_median: float = Field(
        default=4, gt=1, le=1000,
        description="wide: rms above this many times the median of the board (section 2.6, bit 5)",
    )  # fmt: skip
    contaminated: float = Field(
        default=0.05, ge=0, le=1,
        description="contaminated: rejected fraction above (section 2.6, bit 6)",
    )  # fmt: skip
    contaminated_bad: float = Field(
        default=0.20, ge=0, le=1,
        description="contaminated and bad: rejected fraction above (section 2.6, bit 6)",
    )  # fmt: skip
    shape_adc: float = Field(
        default=0.5, ge=0, le=4095,
        description="shape: the core fit has another mean, ADC (sections 2.3 and 2.6, bit 7)",
    )  # fmt: skip
    shape_sigma: float = Field(
        default=5.0, ge=0, le=100,
        description="shape: the difference must also be this many of its errors, so that few "
        "readings of a wide channel do not raise the flag (proposal)",
    )  # fmt: skip
    shape_ratio: float = Field(
        default=1.3, ge=1, le=100,
        description="shape: rms over 1.4826 times the median absolute deviation above "
        "(section 2.6, bit 7)",
    )  # fmt: skip
    shifted_sigma: float = Field(
        default=5.0, ge=0, le=100,
        description="shifted: difference to the previous table in errors (section 2.6, bit 8)",
    )  # fmt: skip
    shifted_adc: float = Field(
        default=3.0, ge=0, le=4095,
        description="shifted: the difference is at least this, ADC, high gain (section 2.6, bit 8)",
    )  # fmt: skip
    shifted_adc_other: float = Field(
        default=2.0, ge=0, le=4095,
        description="the same for medium and low gain (section 2.6, bit 8)",
    )  # fmt: skip
    period_factor: float = Field(
        default=3.0, ge=1, le=100,
        description="drift allowance of the first table of a period: this many times the ADC "
        "limits (section 2.8)",
    )  # fmt: skip
    rms_ratio_low: float = Field(
        default=0.67, ge=0, le=1,
        description="rms_changed: rms over the previous below (section 2.6, bit 9)",
    )  # fmt: skip
    rms_ratio_high: float = Field(
        default=1.5, ge=1, le=1000,
        description="rms_changed: rms over the previous above (section 2.6, bit 9)",
    )  # fmt: skip
    drift_adc: float = Field(
        default=3.0, ge=0, le=4095,
        description="drift: largest minus smallest mean of the time slices of the board, ADC "
        "(section 2.6, bit 10)",
    )  # fmt: skip
    block_adc: float = Field(
        default=1.0, ge=0, le=4095,
        description="block_dep: offset of a hit block above, ADC (section 2.6, bit 11)",
    )  # fmt: skip
    block_fraction: float = Field(
        default=0.05, ge=0, le=1,
        description="table: channels with block_dep above this fraction (section 2.1)",
    )  # fmt: skip
    monitor_sigma: float = Field(
        default=5.0, ge=0, le=100,
        description="drift and block offsets must also be this many of their errors, so that few "
        "readings do not raise the flags (proposal)",
    )  # fmt: skip
    good_fraction: float = Field(
        default=0.98, ge=0, le=1, description="good table: good channels at least (section 2.7)"
    )
    bad_fraction: float = Field(
        default=0.005, ge=0, le=1, description="good table: bad channels at most (section 2.7)"
    )
    board_channels: int = Field(
        default=16, ge=0, le=64,
        description="good table: no board with more channels bad or to investigate (section 2.7)",
    )  # fmt: skip
    min_gates: int = Field(
        default=500, ge=1, le=10**9,
        description="good table: accepted gates at least (section 2.7)",
    )  # fmt: skip
    too_few_gates: int = Field(
        default=100, ge=1, le=10**9, description="too_few: fewer accepted gates (section 2.7)"
    )
    shifted_fraction: float = Field(
        default=0.01, ge=0, le=1, description="good table: shifted channels at most (section 2.7)"
    )
    usable_fraction: float = Field(
        default=0.90, ge=0, le=1,
        description="bad table: fewer channels good or to investigate (section 2.7)",
    )  # fmt: skip
    absent_boards: int = Field(
        default=4, ge=0, le=1000, description="bad table: more boards absent (section 2.7)"
    )
    common_shift: float = Field(
        default=0.20, ge=0, le=1,
        description="bad table: more channels shifted to one side (section 2.7)",
    )  # fmt: skip
    match_correlation: float = Field(
        default=0.95, ge=0, le=1,
        description="exchanged boards: correlation with another board above (section 2.9)",
    )  # fmt: skip
    match_margin: float = Field(
        default=0.2, ge=0, le=2,
        description="and above the board's own correlation by more (section 2.9)",
    )  # fmt: skip
    skipped_fraction: float = Field(
        default=0.01, ge=0, le=1,
        description="investigate: more gates skipped as damaged or of unknown type (section 10)",
    )  # fmt: skip
    gap_s: float = Field(
        default=3600.0, gt=0, le=10**7,
        description="time: a longer gap between gates of a file, s (section 10)",
    )  # fmt: skip

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for low, high in (
            ("rail_low", "rail_high"), ("contaminated", "contaminated_bad"),
            ("usable_fraction", "good_fraction"), ("too_few_gates", "min_gates"),
        ):  # fmt: skip
            if getattr(self, low) > getattr(self, high):
                raise ValueError(
                    f"{low} {getattr(self, low):g} is above {high} {getattr(self, high):g}"
                )
        return self
