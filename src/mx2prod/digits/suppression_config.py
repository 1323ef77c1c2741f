"""What decides which digits are kept (reconstruction page, section 4)."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from mx2prod.constants import BadChannelBit
from mx2prod.detector import Electronics

ADC_MAX = Electronics().adc_max

BadChannelWord = Literal[
    "dead", "hot", "bad_pedestal", "bad_gain", "bad_timing", "bad_strip_to_strip", "set_by_hand"
]


class SuppressionConfig(BaseModel):
    """The pedestal-suppression cut.

    The cut of the official release is not public; all defaults are proposals of the
    reconstruction page, section 4.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    nsigma_hi: float = Field(
        3.0, ge=0, le=100,
        description="a digit is kept above this many pedestal widths, high gain (proposal)",
    )  # fmt: skip
    rms_floor: float = Field(
        1.0, ge=0, le=ADC_MAX, description="smallest pedestal width that is used, ADC (proposal)"
    )
    min_qhi: float = Field(
        0.0, ge=0, le=ADC_MAX,
        description="smallest high-gain charge above the pedestal that is kept, ADC (proposal)",
    )  # fmt: skip
    adc_sat: int = Field(
        4000, ge=0, le=ADC_MAX + 1,
        description="high-gain ADC from which on a digit is kept as saturated (proposal)",
    )  # fmt: skip
    keep_all_calib: bool = Field(
        default=True,
        description="keep every digit of pedestal and light-injection gates (proposal)",
    )
    drop: tuple[BadChannelWord, ...] = Field(
        ("dead", "set_by_hand"),
        description="entries of the bad-channel table whose channels are dropped; without effect "
        "where the global tag has no such table (proposal)",
    )
    allow_missing_pedestal: bool = Field(
        default=False,
        description="drop and count the digits of channels without a pedestal; otherwise they "
        "are an error (proposal)",
    )

    @property
    def dropped_bits(self) -> BadChannelBit:
        """Bits of the bad-channel table that drop a channel."""
        bits = BadChannelBit(0)
        for word in self.drop:
            bits |= BadChannelBit[word.upper()]
        return bits
