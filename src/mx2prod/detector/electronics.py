"""Constants of the readout electronics (detector page, section 3 and 6; raw-format page)."""

from __future__ import annotations

from typing import Literal

from mx2prod.detector.provenance import ConstantSet, Mark, constant
from mx2prod.detector.schemas import PIXELS_PER_BOARD

_DAQ = "DAQ source of October 2024 (raw-format page)"
_SLOW = "slow-control source (raw-format page)"
_TALK_PAPER = "arXiv:1305.5199, not re-read"


class Electronics(ConstantSet):
    """Front-end board, TriP chip, clock and gate.

    The tick length is a setting of the workspace (``raw.tick_ns``), not a constant.
    """

    pixels: int = constant(
        PIXELS_PER_BOARD,
        unit="",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="pixels of a board, one PMT",
        ge=1,
    )
    pmt_columns: int = constant(
        8,
        unit="",
        mark=Mark.FACT,
        source="detector page, section 3",
        meaning="columns of the pixel grid: column = pixel % 8, row = pixel // 8",
        ge=1,
    )
    trips: int = constant(
        6,
        unit="",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="TriP chips of a board: 0-3 high and medium gain, 4 and 5 low gain",
        ge=1,
    )
    timed_trips: int = constant(
        4,
        unit="",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="TriP chips with discriminators",
        ge=1,
    )
    trip_channels: int = constant(
        36,
        unit="",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="words that a TriP reads out; 0-2 and 35 are no pixels",
        ge=1,
    )
    adc_bits: int = constant(
        12,
        unit="bit",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="width of the ADC",
        ge=1,
        le=16,
    )
    gate_start_ticks: int = constant(
        43300,
        unit="tick",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="default counter preset: the gate opens 65535 - preset ticks after the trigger",
        ge=0,
        le=65535,
    )
    gate_length_ticks: int = constant(
        1702,
        unit="tick",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="default length of the gate, 16.0 us",
        gt=0,
        le=65535,
    )
    quarter_ticks: int = constant(
        4,
        unit="",
        mark=Mark.FACT,
        source=_SLOW,
        meaning="quarter ticks of a tick",
        ge=1,
    )
    sampled_ticks: int = constant(
        16,
        unit="tick",
        mark=Mark.FACT,
        source=_SLOW,
        meaning="ticks that a discriminator record samples; this delay means: did not fire",
        ge=1,
    )
    integration_ticks: int = constant(
        16,
        unit="tick",
        mark=Mark.FACT,
        source="public dead-time sum uses (1 + max hit) 16 ticks",
        meaning="integration after the first channel over threshold, 150.6 ns",
        ge=0,
    )
    reset_ticks: int = constant(
        20,
        unit="tick",
        mark=Mark.MEMORY,
        source=_TALK_PAPER,
        meaning="reset after the integration, 188 ns, blind",
        ge=0,
    )
    max_timed_hits: int = constant(
        22,
        unit="",
        mark=Mark.FACT,
        source=_SLOW,
        meaning="timed hits of a TriP in a gate, firmware 95 and later (7 in firmware 91)",
        ge=1,
    )
    firmware: int = constant(
        97,
        unit="",
        mark=Mark.INFERRED,
        source="the DAQ of 2024 wants FPGA frames of 80 bytes: firmware 96 or 97",
        meaning="firmware of the boards; data say it frame by frame",
        ge=0,
        le=255,
    )
    acquisition_mode: Literal["paired", "independent"] = constant(
        "paired",
        unit="",
        mark=Mark.PROPOSAL,
        source="detector page, section 9; first real file",
        meaning="whether two TriP chips push together; data say it by a mode bit",
    )
    gain_split: tuple[float, float, float] = constant(
        (1.0, 1 / 4, 1 / 15),
        unit="",
        mark=Mark.MEMORY,
        source=_TALK_PAPER,
        meaning="share of the charge in high, medium and low gain, relative to high",
    )
    hv_volts_per_count: float = constant(
        0.0170213,
        unit="V",
        mark=Mark.FACT,
        source="DAQ check script; another public number is 550/32768 = 0.01678",
        meaning="high voltage of one count",
        gt=0,
    )
    detector_code: int = constant(
        64,
        unit="",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="detector field of DAQ headers (TS1)",
        ge=0,
        le=255,
    )
    feb_clock_mhz: float = constant(
        106.2,
        unit="MHz",
        mark=Mark.FACT,
        source="raw-format page, section 9; rounded",
        meaning="clock of the boards; the tick itself is a workspace setting",
        gt=0,
    )
    croc_memory_bytes: int = constant(
        131072,
        unit="B",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="memory of a CROC-E channel",
        gt=0,
    )
    chain_block_limit_bytes: int = constant(
        65535,
        unit="B",
        mark=Mark.FACT,
        source=_DAQ,
        meaning="longest chain block that the DAQ writes whole",
        gt=0,
    )
    readout_wait_us: float = constant(
        4000.0, unit="us", mark=Mark.FACT, source=_DAQ,
        meaning="wait of the host between gate and readout", ge=0,
    )  # fmt: skip

    @property
    def adc_max(self) -> int:
        """Largest ADC value."""
        return int((1 << self.adc_bits) - 1)
