"""Calibrated digits of suppressed ones (reconstruction page, section 5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import ConfigError, InputFileError
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.digits.calibrated_columns import CAL_DIGIT_DTYPE
from mx2prod.digits.calibration_config import CalibrationConfig
from mx2prod.digits.calibration_constants import CalibrationConstants
from mx2prod.digits.calibration_times import Clock
from mx2prod.digits.flags import DigitFlag
from mx2prod.digits.raw_digit_columns import Columns
from mx2prod.digits.suppression import SupDigitChunk
from mx2prod.digits.times import hit_times

_NO_STAMP = int(DigitFlag.UNTIMED | DigitFlag.NO_RECORD)
_NO_TIME = int(DigitFlag.NO_GATE_TIMESTAMP | DigitFlag.EXCLUDED | DigitFlag.GATE_NOT_USED)


@dataclass(frozen=True)
class CalibratedDigitChunk:
    """Calibrated digits of consecutive gates.

    Attributes
    ----------
    header, boards : dict of ndarray
        As in :class:`RawDigitChunk`.
    boards_per_gate : ndarray of int32, shape (n_gates,)
    digits : ndarray of CAL_DIGIT_DTYPE, shape (n_digits,)
    offset : ndarray of int64, shape (n_gates + 1,)
        ``digits[offset[g]:offset[g + 1]]`` are those of gate ``g``.
    n_low_gain : int
        Suppressed digits that were there for their low gain only, and are no calibrated digits.
    """

    header: Columns
    boards: Columns
    boards_per_gate: npt.NDArray[np.int32]
    digits: npt.NDArray[np.void]
    offset: npt.NDArray[np.int64]
    n_low_gain: int

    def __len__(self) -> int:
        return len(self.offset) - 1


def calibrated(
    sup: SupDigitChunk,
    constants: CalibrationConstants,
    config: CalibrationConfig,
    clock: Clock = Clock(),  # noqa: B008 - frozen
) -> CalibratedDigitChunk:
    """Calibrate the digits of some gates.

    Parameters
    ----------
    sup : SupDigitChunk
    constants : CalibrationConstants
    config : CalibrationConfig
        That of the constants.
    clock : Clock

    Raises
    ------
    ConfigError
        If most hit times lie outside their gates: the clock settings are wrong.
    InputFileError
        If a digit is of a board that its gate does not have, or a number is not finite.
    """
    from mx2prod.digits.calibration_kernels import WANTED, calibrate

    digits = {name: np.ascontiguousarray(values) for name, values in sup.digits.items()}
    board_row = _boards_of(sup, digits)
    wanted = (digits["sup_reason"] & WANTED) != 0
    made = np.zeros(int(np.count_nonzero(wanted)), CAL_DIGIT_DTYPE)
    calibrate(
        digits["chan"], _dense_channels(sup, digits, board_row, constants), board_row,
        digits["block"], np.stack([digits[f"adc_{gain}"] for gain in ("hi", "med", "lo")], axis=1),
        _ticks(sup, digits, board_row), digits["delay"], digits["quarter"],
        _raw_times(sup, digits, board_row, clock), digits["flags"], digits["sup_reason"],
        constants.channels, constants.temperature_factor(sup.boards["temperature"]),
        constants.slewing, config.low_gain == "per_push", made,
    )  # fmt: skip
    ends = np.concatenate([[0], np.cumsum(wanted)])[np.cumsum(sup.digits_per_gate)]
    offset = np.concatenate([[0], ends]).astype(np.int64)
    _require_finite(made, offset, sup.header)
    return CalibratedDigitChunk(
        sup.header, sup.boards, sup.boards_per_gate, made, offset, len(wanted) - len(made)
    )


def _boards_of(sup: SupDigitChunk, digits: Columns) -> npt.NDArray[np.int32]:
    """Row of the board of each digit."""
    from mx2prod.digits.calibration_kernels import find_boards

    rows = np.empty(len(digits["chan"]), np.int32)
    per_gate = np.ascontiguousarray(sup.digits_per_gate, np.int32)
    boards = np.ascontiguousarray(sup.boards["chan"], np.int32)
    boards_per_gate = np.ascontiguousarray(sup.boards_per_gate, np.int32)
    find_boards(digits["chan"], per_gate, boards, boards_per_gate, rows)
    lost = np.flatnonzero(rows < 0)
    if lost.size:
        raise InputFileError(
            f"suppressed digits: channel id {digits['chan'][lost[0]]} (and {lost.size - 1} more) "
            "is of a board that its gate does not have",
            next_step="make the suppressed digits again from the raw file",
        )
    return rows


def _dense_channels(
    sup: SupDigitChunk,
    digits: Columns,
    board_row: npt.NDArray[np.int32],
    constants: CalibrationConstants,
) -> npt.NDArray[np.int32]:
    boards, place = np.unique(sup.boards["chan"], return_inverse=True)
    first = constants.detector.hardware.channel_index(boards).astype(np.int32)[place][board_row]
    pixel = digits["chan"] >> 5 & (PIXELS_PER_BOARD - 1)
    return np.where(first < 0, np.int32(-1), first + pixel)


def _ticks(
    sup: SupDigitChunk, digits: Columns, board_row: npt.NDArray[np.int32]
) -> npt.NDArray[np.uint32]:
    """Give time stamps since that of the gate, modulo 2^32; 0 without a record."""
    ticks = digits["timestamp"] - sup.boards["gate_timestamp"].astype(np.uint32)[board_row]
    return np.where((digits["flags"] & _NO_STAMP) != 0, np.uint32(0), ticks)


def _raw_times(
    sup: SupDigitChunk, digits: Columns, board_row: npt.NDArray[np.int32], clock: Clock
) -> npt.NDArray[np.float64]:
    """Give times since the gates opened, ns; NaN where the discriminator did not fire."""
    rows = np.flatnonzero(digits["flags"] & int(DigitFlag.FIRED))
    board = board_row[rows]
    times = hit_times(
        digits["timestamp"][rows],
        sup.boards["gate_timestamp"][board],
        digits["delay"][rows],
        digits["quarter"][rows],
        sup.boards["gate_length"][board],
        has_gate_timestamp=(digits["flags"][rows] & _NO_TIME) == 0,
        tick_ns=clock.tick_ns,
        t_offset_ns=clock.t_offset_ns,
    )
    if times.refused:
        raise ConfigError(
            f"gates {_gates_text(sup)}: {times.reason}",
            next_step="mx2 raw dump FILE --gate N, then raw.t_offset_ns in mx2.toml",
        )
    result = np.full(len(board_row), np.nan)
    result[rows] = times.t_ns
    return result


def _gates_text(sup: SupDigitChunk) -> str:
    numbers = sup.header["gate"]
    return f"{numbers[0]} to {numbers[-1]}"


def _require_finite(
    digits: npt.NDArray[np.void], offset: npt.NDArray[np.int64], header: Columns
) -> None:
    for name in ("q", "pe", "energy"):
        bad = np.flatnonzero(~np.isfinite(digits[name]))
        if bad.size:
            gate = int(np.searchsorted(offset, bad[0], side="right")) - 1
            raise InputFileError(
                f"calibration of digits, gate {header['gate'][gate]}, dense channel "
                f"{digits['chan'][bad[0]]}: {name} is {digits[name][bad[0]]}, expected a number",
                next_step="mx2 conditions check of the global tag that was used",
            )
