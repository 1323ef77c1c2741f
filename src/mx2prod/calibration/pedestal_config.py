"""What decides the content of a pedestal accumulator beside its input."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class PedestalConfig(BaseModel):
    """Selection of charge readings and width of the windows (pre-production page, 2.1 and 2.2).

    Attributes
    ----------
    block_policy : {"untimed_n0", "untimed_any", "all"}
        Which ADC frames of a board are taken: the untimed one if no discriminator of the board
        fired; the untimed one in any case; all, timed ones too.
    trigger_type : int
        Gates are selected by this type in the DAQ header; 1 is a pedestal gate.
    window_bins : int
        Bins of 1 ADC of the window of a channel and gain.
    window_readings : int
        Readings of a board whose median is the middle of the window.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_policy: Literal["untimed_n0", "untimed_any", "all"] = "untimed_n0"
    trigger_type: int = Field(default=1, ge=0, le=255)
    window_bins: int = Field(default=512, ge=2, le=4096)
    window_readings: int = Field(default=64, ge=1, le=1024)
