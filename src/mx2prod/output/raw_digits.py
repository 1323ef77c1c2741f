"""The raw-digit product: gates, front-end boards with their registers, every pixel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.digits import DIGIT_FLAG_MEANING, DigitFlag, RawDigitChunk
from mx2prod.output.root_reader import read_trees
from mx2prod.output.schema import Column, Product, Rows, Tree
from mx2prod.raw.columns import FebFlag, GateFlag
from mx2prod.raw.registers import REGISTERS

HEADER = "Event/DAQ/Header"
FPGA_FRAMES = "Event/DAQ/FPGAFrames"
DIGITS = "Event/DAQ/RawDigits"

_CHANNEL = "channel id: crate << 25 | croc << 20 | chain << 17 | board << 12 | pixel << 5"
_MAX_CHANNEL = (1 << 29) - 1
_ADC_MAX = 4095

_GATE_BITS = {
    GateFlag.INCOMPLETE: "an expected board has not all its frames",
    GateFlag.DAMAGED: "bytes inside the gate are lost or fail their checks",
    GateFlag.WRAPPED: "a chain block of 64 KiB or more was cut by the DAQ",
    GateFlag.DUPLICATE: "same run, subrun and gate as an earlier gate, which is to be used",
    GateFlag.ASIDE: "run, subrun or detector are not those of the file; not to be used",
}
_FEB_BITS = {
    FebFlag.ABSENT: "expected by the run header, no frame in the gate",
    FebFlag.NO_ANSWER: "header-only frames: the board did not answer",
    FebFlag.NO_DISCRIMINATOR: "no discriminator frame",
    FebFlag.NO_FPGA: "no FPGA frame: registers are zero, hit times are not defined",
    FebFlag.ADC_INCOMPLETE: "the ADC frames are not hits 0 to N, each once",
    FebFlag.CRC_ERROR: "a frame fails its CRC",
    FebFlag.STATUS: "error bits in the frame status or in byte 12",
    FebFlag.OPAQUE: "a frame of unknown type or malformed content, kept as bytes only",
    FebFlag.UNEXPECTED: "not listed by the run header",
    FebFlag.FIRMWARE_LENGTH: "frame lengths are not those of the firmware version",
    FebFlag.REGISTER_MISMATCH: "board, firmware or hit counters in the registers disagree",
    FebFlag.INDEPENDENT_PUSH: "each TriP has its own hit count; not a fault",
}

HEADER_COLUMNS = (
    Column("file_offset", "i8", "first byte of the gate in the raw file", "byte", 0),
    Column("header_offset", "i8", "DAQ header of the gate, which ends it", "byte", 0),
    Column("detector", "u1", "detector code; 64 is Mx2"),
    Column("config", "u2", "configuration number of the run control; no physics meaning"),
    Column("run", "u4", "run"),
    Column("subrun", "u4", "subrun"),
    Column("trigger_type", "u1", "1 pedestal, 2 light injection, 8 cosmic, 16 NuMI"),
    Column("led_level", "u1", "LED level: 0 zero, 1 one PE, 2 maximum", maximum=3),
    Column("led_group", "u1", "LED group: argument & 0xF8"),
    Column("gl_gate", "i8", "global gate number", minimum=0, sentinel=-1),
    Column("gate", "u4", "gate number in the subrun, from 1"),
    Column("t_us", "i8", "host clock after the readout, since 1970, UTC", "us", 0, sentinel=-1),
    Column("readout_us", "u4", "length of the readout", "us", maximum=(1 << 24) - 1),
    Column("error", "u1", "error field of the header; the DAQ writes 0", maximum=7),
    Column("n_adc_header", "u2", "number of ADC frames as the header says it"),
    Column("n_discriminator_header", "u2", "discriminator frames in the header; always 0"),
    Column("n_fpga_header", "u2", "FPGA frames in the header; always 0"),
    Column("sgate", "u4", "MINOS SGATE counter"),
    Column("n_febs", "i4", "boards of the gate: expected ones, and others found", minimum=0),
    Column("flags", "u4", "state of the gate", bits=GateFlag, bit_meanings=_GATE_BITS),
)

BOARD_COLUMNS = (
    Column("chan", "i4", f"{_CHANNEL}; of pixel 0", minimum=0, maximum=_MAX_CHANNEL),
    Column("crate", "u1", "crate", maximum=1),
    Column("croc", "u1", "CROC-E", maximum=15),
    Column("chain", "u1", "chain (CROC-E channel, from 0)", maximum=3),
    Column("board", "u1", "front-end board on the chain, from 1", maximum=15),
    Column("firmware", "u1", "firmware version in the frame headers"),
    Column("n_timed", "u1", "largest hit count of the TriPs; the board has one block more"),
    Column("n_adc", "u1", "ADC frames found"),
    *(Column(f"n_hits{trip}", "u1", f"discriminator hits of TriP {trip}") for trip in range(4)),
    Column("n_records", "i4", "discriminator records found", minimum=0),
    Column("event_count", "u2", "event counter of the frames"),
    Column("frame_time", "u4", "time stamp of the frames; byte order not confirmed", "ticks"),
    Column("gate_timestamp", "u4", "GateTimeStamp; 0 without an FPGA frame", "ticks"),
    Column("flags", "u4", "state of the board in the gate", bits=FebFlag, bit_meanings=_FEB_BITS),
    *(
        Column(field.name, field.dtype.str.lstrip("<|"), field.meaning, field.unit,
               maximum=field.maximum)
        for field in REGISTERS
    ),
)  # fmt: skip

DIGIT_COLUMNS = (
    Column("chan", "i4", _CHANNEL, minimum=0, maximum=_MAX_CHANNEL),
    Column("block", "u1", "hit number of the ADC frame: 0 earliest, last one untimed", maximum=31),
    Column("adc_hi", "u2", "high gain", "ADC counts", maximum=_ADC_MAX),
    Column("adc_med", "u2", "medium gain", "ADC counts", maximum=_ADC_MAX),
    Column("adc_lo", "u2", "low gain", "ADC counts", maximum=_ADC_MAX),
    Column("timestamp", "u4", "time stamp of the discriminator record; 0 without one", "ticks"),
    Column("delay", "u1", "delay of the discriminator; 16: did not fire", "ticks", maximum=16),
    Column("quarter", "u1", "quarter tick of the discriminator", "ticks / 4", maximum=3),
    Column("flags", "u2", "what is known about the digit", bits=DigitFlag,
           bit_meanings=dict(DIGIT_FLAG_MEANING)),
)  # fmt: skip


class RawDigits(Product):
    """Every pixel of every ADC frame of a raw file, with its gates and boards."""

    schema = "raw-digits/1"
    tier = "raw-digits"
    data_tier = "decoded-raw"
    title = "Raw digits"
    trees = (
        Tree(HEADER, "One entry a gate: its DAQ header.", HEADER_COLUMNS),
        Tree(
            FPGA_FRAMES,
            "Front-end boards of each gate: hit counts, state, FPGA registers; zero registers "
            "where the FPGA frame is missing.",
            BOARD_COLUMNS,
            jagged=True,
        ),
        Tree(
            DIGITS,
            "Pixels of each gate: boards in order, of each its ADC frames, of each frame pixels "
            "0 to 63; nothing is suppressed.",
            DIGIT_COLUMNS,
            jagged=True,
        ),
    )

    @classmethod
    def rows(cls, chunk: RawDigitChunk) -> dict[str, Rows]:
        """Rows of the three trees for the gates of a chunk."""
        return {
            HEADER: Rows(chunk.header),
            FPGA_FRAMES: Rows(chunk.boards, chunk.boards_per_gate),
            DIGITS: Rows(chunk.digits, chunk.digits_per_gate),
        }


@dataclass(frozen=True)
class RawDigitFile:
    """Content of a raw-digit file.

    Attributes
    ----------
    meta : dict
        Where the file comes from and how it was made.
    header : awkward.Array
        One record a gate.
    boards, digits : awkward.Array
        A list of records a gate.
    """

    meta: dict[str, Any]
    header: Any
    boards: Any
    digits: Any


def read_raw_digits(path: Path, first: int = 0, last: int | None = None) -> RawDigitFile:
    """Read gates ``first`` to ``last`` (excluded; default: to the end) of a raw-digit file.

    Returns
    -------
    RawDigitFile

    Raises
    ------
    InputFileError
        If the file cannot be read or is not a product of mx2prod.
    UsageError
        If it is another product.
    """
    meta, arrays = read_trees(path, RawDigits, first, last)
    return RawDigitFile(meta, arrays[HEADER], arrays[FPGA_FRAMES], arrays[DIGITS])
