"""FPGA registers of a front-end board as named integers (raw-format page, section 6).

Multi-byte registers are little endian.  Values are raw counts: volts and degrees come from
tables.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.raw.columns import N_REGISTERS


@dataclass(frozen=True)
class Register:
    """A named bit field in the register block.

    Attributes
    ----------
    name : str
    first : int
        Number of the first register (byte).
    n_bytes : int
        Bytes that are joined, least significant first: 1, 2 or 4.
    low_bit, width : int
        Bits taken from the joined value.
    unit, meaning : str
    """

    name: str
    first: int
    n_bytes: int
    low_bit: int
    width: int
    unit: str
    meaning: str

    @property
    def dtype(self) -> np.dtype[np.unsignedinteger]:
        """Smallest unsigned type that holds the field."""
        return np.dtype("u1" if self.width <= 8 else "<u2" if self.width <= 16 else "<u4")

    @property
    def maximum(self) -> int:
        """Largest value of the field."""
        return (1 << self.width) - 1


def _byte(name: str, first: int, low: int, width: int, meaning: str) -> Register:
    return Register(name, first, 1, low, width, "", meaning)


def _word(name: str, first: int, unit: str, meaning: str) -> Register:
    return Register(name, first, 2, 0, 16, unit, meaning)


def _long(name: str, first: int, unit: str, meaning: str) -> Register:
    return Register(name, first, 4, 0, 32, unit, meaning)


REGISTERS: tuple[Register, ...] = (
    _long("timer", 0, "ticks", "free-running timer"),
    _word("gate_start", 4, "ticks", "counter preset at the trigger; the gate opens at 65535"),
    _word("gate_length", 6, "ticks", "length of the gate"),
    Register("dcm2_phase_total", 8, 2, 0, 9, "", "total phase shift of clock manager 2"),
    _byte("dcm_status", 9, 1, 5, "clock managers: phase done, 1 and 2 no clock, 1 and 2 locked"),
    _byte("test_pulse_2bit", 9, 6, 2, "test pulse, two bits"),
    _byte("phase_ticks", 10, 0, 8, "phase shift of clock manager 2"),
    _byte(
        "command_status",
        11,
        0,
        8,
        "external trigger found, rearm, slow and fast command errors, phase, RX lock, TX sync",
    ),
    _long("test_pulse_count", 12, "", "number of test pulses"),
    *(
        field
        for trip in range(6)
        for field in (
            _byte(f"trip{trip}_inject_count", 16 + trip, 0, 7, f"inject count of TriP {trip}"),
            _byte(f"trip{trip}_inject_enable", 16 + trip, 7, 1, f"injection to TriP {trip} is on"),
        )
    ),
    _byte("trip_power_off", 22, 0, 6, "TriPs that are switched off, one bit each"),
    _byte("hv_manual", 22, 6, 1, "high voltage is under manual control"),
    _byte("hv_enabled", 22, 7, 1, "high voltage is on"),
    _word("hv_target", 23, "counts", "high voltage asked for"),
    _word("hv_actual", 25, "counts", "high voltage read back"),
    _byte("after_pulse_ticks", 27, 0, 4, "after-pulse extension"),
    _byte("digitisation_done", 27, 7, 1, "digitisation is done"),
    Register("inject_dac", 28, 2, 0, 12, "counts", "charge injection level"),
    _byte("inject_mode", 29, 4, 2, "charge injection mode"),
    _byte("inject_done", 29, 6, 1, "charge injection is done"),
    _byte("inject_start", 29, 7, 1, "charge injection is started"),
    _byte("inject_range", 30, 0, 4, "charge injection range"),
    _byte("inject_phase", 30, 4, 4, "charge injection phase"),
    _byte("board_id", 31, 0, 4, "board number as the board knows it"),
    _byte("hv_num_average", 31, 4, 3, "number of high-voltage readings in an average"),
    _byte("preview", 31, 7, 1, "preview is on"),
    _byte("firmware_register", 32, 0, 8, "firmware version as the FPGA registers say it"),
    _word("hv_period_manual", 33, "counts", "high-voltage period under manual control"),
    _word("hv_period_auto", 35, "counts", "high-voltage period under automatic control"),
    _byte("hv_pulse_width", 37, 0, 8, "pulse width of the high-voltage supply"),
    _word("temperature", 38, "counts", "board temperature"),
    _byte("trip_threshold", 40, 0, 8, "TriP threshold"),
    _byte("trip_comparators", 41, 0, 6, "TriP comparators"),
    _byte("acq_mode", 41, 6, 2, "acquisition mode; bit 1: each TriP pushes by itself"),
    *(
        _word(f"discriminator_mask{trip}", 42 + 2 * trip, "", f"channels enabled on TriP {trip}")
        for trip in range(4)
    ),
)
"""Named fields; the gate time stamp (registers 50-53) is a column of the board itself."""


def decode_registers(
    registers: npt.NDArray[np.uint8],
) -> dict[str, npt.NDArray[np.unsignedinteger]]:
    """Named values of the register blocks of many boards.

    Parameters
    ----------
    registers : ndarray of uint8, shape (n, 59)
        Registers 0..58 (``GateChunk.registers``).

    Returns
    -------
    dict of ndarray, each of shape (n,)
        In the order of :data:`REGISTERS`, in the smallest unsigned type that holds the field.
    """
    return {field.name: _field(registers, field) for field in REGISTERS}


def encode_registers(values: Mapping[str, npt.ArrayLike], n_blocks: int) -> npt.NDArray[np.uint8]:
    """Register blocks with these named values; the inverse of :func:`decode_registers`.

    Parameters
    ----------
    values : mapping of str to array_like of int, shape () or (n_blocks,)
        By name of :data:`REGISTERS`; registers without a value are zero.
    n_blocks : int

    Returns
    -------
    ndarray of uint8, shape (n_blocks, 59)

    Raises
    ------
    UsageError
        If a name is unknown or a value does not fit in its field.
    """
    registers = np.zeros((n_blocks, N_REGISTERS), np.uint8)
    fields = {field.name: field for field in REGISTERS}
    for name, given in values.items():
        if name not in fields:
            raise UsageError(f"no register {name!r}" + nearest(name, fields))
        field, value = fields[name], np.asarray(given, np.int64)
        if np.any((value < 0) | (value > field.maximum)):
            raise UsageError(f"register {name}: {value} is not in 0..{field.maximum}")
        shifted = value << field.low_bit
        for number in range(field.n_bytes):
            registers[:, field.first + number] |= (shifted >> 8 * number & 0xFF).astype(np.uint8)
    return registers


def _field(registers: npt.NDArray[np.uint8], field: Register) -> npt.NDArray[np.unsignedinteger]:
    value = np.zeros(len(registers), dtype=np.uint32)
    for number in range(field.n_bytes):
        value |= registers[:, field.first + number].astype(np.uint32) << np.uint32(8 * number)
    value = (value >> np.uint32(field.low_bit)) & np.uint32(field.maximum)
    return value.astype(field.dtype)
