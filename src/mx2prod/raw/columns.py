"""Columns that a decoded raw file has: gates, boards, discriminator records, ADC frames.

Everything that belongs to a gate stands in order of the file.  Rows point to the row above them in
the hierarchy (``gate`` of a board, ``feb`` of a record or an ADC frame) and a board knows where its
records and frames begin, so that both directions are a slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag

import numpy as np
import numpy.typing as npt

N_PIXELS = 64
N_TRIPS = 6
N_TRIP_CHANNELS = 36
N_TIMED_TRIPS = 4
N_REGISTERS = 59
NOT_FIRED = 16
"""Delay of a discriminator channel that did not fire, in ticks."""


class GateFlag(IntFlag):
    """What is wrong with a gate as a whole."""

    INCOMPLETE = 1
    """An expected board has not all its frames."""
    DAMAGED = 2
    """Bytes inside the gate are lost or fail their checks."""
    WRAPPED = 4
    """A chain block of 64 KiB or more was cut by the DAQ."""
    DUPLICATE = 8
    """Same run, subrun and gate as an earlier gate; use the earlier one."""
    ASIDE = 16
    """Run, subrun or detector differ from the file's; not to be used."""


class FebFlag(IntFlag):
    """State of one board in one gate."""

    ABSENT = 1
    """Expected by the run header, no frame in the gate."""
    NO_ANSWER = 2
    """Header-only frames: the board did not answer."""
    NO_DISCRIMINATOR = 4
    NO_FPGA = 8
    """No FPGA frame: no gate time stamp, hit times are not defined."""
    ADC_INCOMPLETE = 16
    """The ADC frames are not hits 0..N, each once."""
    CRC_ERROR = 32
    STATUS = 64
    """Error bits in the frame status or in byte 12."""
    OPAQUE = 128
    """A frame of unknown type or malformed content is kept as bytes only."""
    UNEXPECTED = 256
    """Not listed by the run header."""
    FIRMWARE_LENGTH = 512
    """Frame lengths are not those of the firmware version in byte 4."""
    REGISTER_MISMATCH = 1024
    """Board number, firmware or hit counters in the FPGA registers disagree with the frames."""
    INDEPENDENT_PUSH = 2048
    """Each TriP has its own hit count (ACQ mode 1); not a fault."""


FEB_INCOMPLETE = (
    FebFlag.ABSENT
    | FebFlag.NO_ANSWER
    | FebFlag.NO_DISCRIMINATOR
    | FebFlag.NO_FPGA
    | FebFlag.ADC_INCOMPLETE
)
FEB_ABSENT = FebFlag.ABSENT | FebFlag.NO_DISCRIMINATOR | FebFlag.NO_FPGA | FebFlag.ADC_INCOMPLETE
"""State of a board without any frame in a gate."""
FEB_EXCLUDED = FEB_INCOMPLETE | FebFlag.CRC_ERROR | FebFlag.STATUS | FebFlag.OPAQUE
"""Boards that calibration and reconstruction leave out of a gate by default."""

GATE_DTYPE = np.dtype(
    [
        ("offset", "<i8"),  # first byte of the gate in the file
        ("header_offset", "<i8"),  # its DAQ header, which ends the gate
        ("detector", "u1"),
        ("config", "<u2"),
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("trigger_type", "u1"),
        ("led_level", "u1"),
        ("led_group", "u1"),  # argument & 0xF8
        ("global_gate", "<u8"),
        ("gate", "<u4"),  # in the subrun, from 1
        ("time_us", "<u8"),  # host clock after readout, microseconds since 1970
        ("readout_us", "<u4"),
        ("error", "u1"),
        ("n_adc_header", "<u2"),  # frame counts as the header says them
        ("n_discriminator_header", "<u2"),
        ("n_fpga_header", "<u2"),
        ("sgate", "<u4"),  # MINOS SGATE counter
        ("first_feb", "<i4"),
        ("n_febs", "<i4"),
        ("flags", "<u4"),  # GateFlag
    ]
)

FEB_DTYPE = np.dtype(
    [
        ("gate", "<i4"),  # row in the gates of the same chunk
        ("crate", "u1"),
        ("croc", "u1"),
        ("chain", "u1"),
        ("board", "u1"),
        ("firmware", "u1"),
        ("n_timed", "u1"),  # N: largest hit count of the TriPs; there are N+1 ADC frames
        ("n_adc", "u1"),
        ("n_hits", "u1", (N_TIMED_TRIPS,)),
        ("event_count", "<u2"),
        ("frame_time", "<u4"),
        ("gate_timestamp", "<u4"),  # FPGA GateTimeStamp, ticks; 0 with NO_FPGA
        ("first_record", "<i4"),
        ("n_records", "<i4"),
        ("first_adc", "<i4"),
        ("flags", "<u4"),  # FebFlag
    ]
)

RECORD_DTYPE = np.dtype(
    [
        ("feb", "<i4"),  # row in the boards of the same chunk
        ("trip", "u1"),  # 0..3
        ("record", "u1"),  # hit number k of this TriP
        ("timestamp", "<u4"),  # ticks
        ("delay", "u1", (16,)),  # ticks; 16: did not fire
        ("quarter", "u1", (16,)),  # 0..3
    ]
)

ADC_FRAME_DTYPE = np.dtype(
    [
        ("feb", "<i4"),  # row in the boards of the same chunk
        ("hit", "u1"),  # 0 earliest; N is the untimed end-of-gate readout
        ("type", "u1"),  # byte 5: memory cell
        ("flags", "u1"),  # 1 CRC error, 2 status error bits, 4 last word has only its low byte
    ]
)


@dataclass(frozen=True)
class GateChunk:
    """Decoded gates, whole ones only.

    Attributes
    ----------
    gates : ndarray of GATE_DTYPE, shape (n_gates,)
    febs : ndarray of FEB_DTYPE, shape (n_febs,)
        Of each gate: the boards of the run header in its order, then boards that it does not list.
    records : ndarray of RECORD_DTYPE, shape (n_records,)
        Discriminator records; of a board: TriP 0 hits 0..n-1, TriP 1, TriP 2, TriP 3.
    adc_frames : ndarray of ADC_FRAME_DTYPE, shape (n_adc,)
    adc : ndarray of uint16, shape (n_adc, 6, 36)
        12-bit values by TriP and TriP channel, of the ADC frames.
    registers : ndarray of uint8, shape (n_febs, 59)
        FPGA registers 0..58 of each board; zero with NO_FPGA.
    """

    gates: npt.NDArray[np.void]
    febs: npt.NDArray[np.void]
    records: npt.NDArray[np.void]
    adc_frames: npt.NDArray[np.void]
    adc: npt.NDArray[np.uint16]
    registers: npt.NDArray[np.uint8]

    def __len__(self) -> int:
        return len(self.gates)
