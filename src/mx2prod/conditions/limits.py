"""Limits of the checks before a global tag is validated (conditions page, section 5)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Share = Annotated[float, Field(ge=0, le=1)]


class Limits(BaseModel):
    """Limits of the rules; the results say with which ones they were made."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    present: Share = Field(
        0.98, description="share of the inner-detector keys that a table has at least"
    )
    gain_error: float = Field(
        0.05, gt=0, le=1, description="relative error that a gain counts as measured with"
    )
    gain_measured: Share = Field(
        0.95, description="share of the keys with a gain of a smaller error, at least"
    )
    pedestal_entries: float = Field(
        100, ge=0, description="readings behind every pedestal, at least"
    )
    gain_entries: float = Field(
        3000, ge=0, description="light-injection pulses behind every gain, at least"
    )
    gain_max: float = Field(1e8, gt=0, description="greatest gain, electrons per photoelectron")
    s2s_max: float = Field(100, gt=0, description="greatest strip-to-strip factor")
    offset_max_ns: float = Field(16_000, gt=0, description="greatest time offset, ns")
    s2s_mean: float = Field(
        1e-6, gt=0, description="distance of the mean factor of good strips from 1"
    )
    s2s_iteration: float = Field(
        0.02, gt=0, description="change of a good strip-to-strip factor against the parent, share"
    )
    gain_change: float = Field(
        0.02, gt=0, description="change of the median gain against the parent, share"
    )
    changed: Share = Field(
        0.05, description="share of the rows that may change beyond 5 standard deviations"
    )

    def as_texts(self) -> dict[str, str]:
        """Values as texts, for documents without floats."""
        return {name: repr(value) for name, value in self.model_dump().items()}
