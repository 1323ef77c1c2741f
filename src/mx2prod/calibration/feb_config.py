"""Settings of the response of the front-end boards (pre-production page, section 4)."""

from __future__ import annotations

from string import Formatter
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_PAGE = "pre-production page, section 4"
_OURS = "proposal, " + _PAGE

BOARD_FIELDS = ("crate", "croc", "chain", "board")


class FebConfig(BaseModel):
    """Bench files, fit of charge injection, limits of the verdicts, check in situ."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    file_name: str = Field(
        default="feb_{crate}-{croc}-{chain}-{board}.txt",
        min_length=1,
        description=f"name of the bench file of a board in its folder ({_OURS})",
    )
    slope_ratio_min: float = Field(
        default=3.0, gt=0, le=100, description=f"slope1 of a gain over the next, least ({_PAGE})"
    )
    slope_ratio_max: float = Field(
        default=5.0, gt=0, le=100, description=f"slope1 of a gain over the next, most ({_PAGE})"
    )
    slope_sigma: float = Field(
        default=2.0, ge=0, le=10,
        description=f"a later slope may be larger by this many errors with a warning ({_PAGE})",
    )  # fmt: skip
    chi2ndf_max: float = Field(default=10.0, gt=0, le=1e6, description=f"chi2/ndf ({_PAGE})")
    good_fraction: float = Field(
        default=0.98, ge=0, le=1,
        description="good channels of a good table (proposal, as for pedestals, section 2.7)",
    )  # fmt: skip
    bad_fraction: float = Field(
        default=0.005, ge=0, le=1,
        description="bad channels that a good table may have (proposal, as section 2.7)",
    )  # fmt: skip
    usable_fraction: float = Field(
        default=0.90, ge=0, le=1,
        description="good or investigate channels below which a table is bad (as section 2.7)",
    )  # fmt: skip
    injection_trigger: int = Field(
        default=4, ge=0, le=255, description="trigger type of charge injection (raw-format page, 7)"
    )
    injection_block: Literal["untimed_n0", "first"] = Field(
        default="untimed_n0",
        description="ADC frame with the injected charge: the untimed one of boards without a timed "
        f"hit, or hit 0 ({_OURS})",
    )
    charge_per_dac: float = Field(
        default=12.0, gt=0, le=1e4,
        description="injected charge of one count of InjectDAC, fC (proposal: not public)",
    )  # fmt: skip
    step_readings: int = Field(
        default=50, ge=4, le=10**6,
        description=f"readings of a channel that a step of the DAC needs to be fitted ({_OURS})",
    )  # fmt: skip
    in_situ_triggers: tuple[int, ...] = Field(
        default=(2, 16), min_length=1,
        description=f"trigger types of the check: light injection and beam ({_PAGE})",
    )  # fmt: skip
    in_situ_min_adc: int = Field(
        default=30, ge=1, le=4095,
        description=f"high-gain ADC above pedestal from which a pixel counts as lit ({_OURS})",
    )  # fmt: skip
    in_situ_readings: int = Field(
        default=200, ge=10, le=10**9, description=f"readings of a lit channel, least ({_PAGE})"
    )
    in_situ_tolerance: float = Field(
        default=0.03, gt=0, lt=1, description=f"measured over expected ratio, from 1 ({_PAGE})"
    )
    in_situ_error_max: float = Field(
        default=0.01, gt=0, lt=1,
        description="relative error from which a channel is not judged: a third of the tolerance "
        f"({_OURS})",
    )  # fmt: skip
    in_situ_fraction: float = Field(
        default=0.95, ge=0, le=1, description=f"channels within the tolerance ({_PAGE})"
    )
    in_situ_judged: float = Field(
        default=0.5, gt=0, le=1,
        description=f"channels that must be judged, else there is too little light ({_OURS})",
    )  # fmt: skip
    board_fraction: float = Field(
        default=0.5, gt=0, le=1,
        description=f"judged channels of a board beyond the tolerance: whole board off ({_OURS})",
    )  # fmt: skip
    match_chi2: float = Field(
        default=4.0, gt=0, le=1e6,
        description="chi2/ndf below which the constants of another board explain a board that is "
        f"off; errors with a sixth of the tolerance in them ({_OURS})",
    )  # fmt: skip

    @model_validator(mode="after")
    def _names_every_board(self) -> Self:
        try:
            fields = [name for _, name, _, _ in Formatter().parse(self.file_name) if name]
        except ValueError as error:
            raise ValueError(f"file_name {self.file_name!r}: {error}") from error
        if sorted(fields) != sorted(BOARD_FIELDS) or "/" in self.file_name:
            raise ValueError(
                f"file_name {self.file_name!r}: expected a file name with "
                + ", ".join(f"{{{name}}}" for name in BOARD_FIELDS)
                + ", each once"
            )
        return self

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.slope_ratio_min >= self.slope_ratio_max:
            raise ValueError(
                f"slope_ratio_min {self.slope_ratio_min:g} is not below slope_ratio_max "
                f"{self.slope_ratio_max:g}"
            )
        return self
