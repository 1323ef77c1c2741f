"""Kernels of calibrated digits: the board of each digit, its charge, light, energy and time."""

from __future__ import annotations

import math
from typing import Any

import numba as nb
import numpy as np
from numba import njit

from mx2prod.constants.keys import PIXELS_PER_HALF
from mx2prod.detector.feb_curve_kernels import charge_of_adc
from mx2prod.detector.trip import Gain
from mx2prod.digits.calibrated_columns import (
    CAL_DIGIT_DTYPE,
    CHANNEL_CONSTANTS_DTYPE,
    N_SLEWING,
    PUSH_BLOCKS,
    CalDigitFlag,
)
from mx2prod.digits.flags import DigitFlag
from mx2prod.digits.suppression_kernels import (
    ABOVE_CUT,
    BOARD_MASK,
    CALIBRATION_GATE,
    DISCRIMINATOR,
    N_PIXELS,
    SATURATED,
)

HIGH, MEDIUM, LOW = int(Gain.HIGH), int(Gain.MEDIUM), int(Gain.LOW)
REFERENCE_PE = 10.0
"""Light at which slewing is 0 (rock-muon page, section 6)."""

SIGNAL = np.uint8(DISCRIMINATOR | ABOVE_CUT | SATURATED)
"""Reasons of a digit that has a signal of its own."""
WANTED = np.uint8(SIGNAL | CALIBRATION_GATE)
"""Reasons of a digit that is calibrated; others were kept for their low gain only."""

_RAW_FIRED, _RAW_UNTIMED = np.uint16(DigitFlag.FIRED), np.uint16(DigitFlag.UNTIMED)
_RAW_NO_TIMESTAMP = np.uint16(DigitFlag.NO_GATE_TIMESTAMP)
_RAW_EXCLUDED = np.uint16(DigitFlag.EXCLUDED | DigitFlag.GATE_NOT_USED)
_FIRED = np.uint32(CalDigitFlag.FIRED)
_HI_SAT = np.uint32(CalDigitFlag.HI_SAT)
_MED_USED = np.uint32(CalDigitFlag.MED_USED)
_LOW_USED = np.uint32(CalDigitFlag.LOW_USED)
_MED_CAPPED = np.uint32(CalDigitFlag.MED_USED | CalDigitFlag.LOW_AMBIGUOUS)
_NO_TIMESTAMP = np.uint32(CalDigitFlag.NO_GATE_TIMESTAMP)
_EXCLUDED = np.uint32(CalDigitFlag.EXCLUDED | CalDigitFlag.DISCARDED)
_DISCARDED = np.uint32(CalDigitFlag.DISCARDED)
_HIGH_GAIN = np.uint32(0)

_U1, _U2, _U4, _I4, _F8 = nb.uint8, nb.uint16, nb.uint32, nb.int32, nb.float64
_CONSTANTS = nb.types.Array(nb.from_dtype(CHANNEL_CONSTANTS_DTYPE), 1, "C")
_DIGITS = nb.types.Array(nb.from_dtype(CAL_DIGIT_DTYPE), 1, "C")


@njit(nb.void(_I4[::1], _I4[::1], _I4[::1], _I4[::1], _I4[::1]), nogil=True, cache=True)
def find_boards(
    channel: Any, digits_per_gate: Any, boards: Any, boards_per_gate: Any, row_of: Any
) -> None:
    """Find the board of each digit.

    Parameters
    ----------
    channel : int32 (n_digits,)
        Channel ids, in the order of gates and, in a gate, of its boards.
    digits_per_gate, boards_per_gate : int32 (n_gates,)
    boards : int32 (n_boards,)
        Channel ids of pixel 0 of the boards of all gates.
    row_of : int32 (n_digits,)
        Output: row in ``boards``; -1 for a board that the gate does not have.
    """
    digit, board = 0, 0
    for gate in range(digits_per_gate.size):
        last_board = board + boards_per_gate[gate]
        row = board
        for number in range(digit, digit + digits_per_gate[gate]):
            base = channel[number] & BOARD_MASK
            at = row
            while at < last_board and boards[at] != base:
                at += 1
            if at < last_board:
                row = at
                row_of[number] = at
            else:
                row_of[number] = -1
        digit += digits_per_gate[gate]
        board = last_board


@njit(nogil=True)
def read_low_gain(
    first: Any, last: Any, channel: Any, adc: Any, raw_flags: Any, reason: Any, low: Any, own: Any
) -> None:
    """Low gain of the gate's end of each pixel of a board; -1 where it holds more than one hit.

    ``own`` is scratch: readings of each pixel with a signal of their own.
    """
    low[:] = -1
    own[:] = 0
    for row in range(first, last):
        pixel = channel[row] >> 5 & 0x3F
        if reason[row] & SIGNAL:
            own[pixel] += 1
        if raw_flags[row] & _RAW_UNTIMED:
            low[pixel] = adc[row, LOW]
    for pixel in range(N_PIXELS):
        if own[pixel] > 1:
            low[pixel] = -1


@njit(nogil=True)
def charge_in(gain: Any, adc: Any, constants: Any) -> Any:
    """Charge of a reading of one gain, fC; at most that of the second kink of a flat curve."""
    curve = constants["curve"][gain]
    charge = charge_of_adc(
        adc - constants["pedestal"][gain], curve[0], curve[1], curve[2], curve[3], curve[4]
    )
    return curve[3] if charge == math.inf else charge


@njit(nogil=True)
def charge_of(adc: Any, low: Any, constants: Any) -> Any:
    """Charge of a digit and the flags of its gain: the first one that is not beyond its top.

    ``low`` is the reading of the low gain; -1 if there is none that is of this hit only.
    """
    high, medium = adc[HIGH], adc[MEDIUM]
    if high - constants["pedestal"][HIGH] <= constants["top"][HIGH]:
        return charge_in(HIGH, high, constants), _HIGH_GAIN
    if medium - constants["pedestal"][MEDIUM] <= constants["top"][MEDIUM]:
        return charge_in(MEDIUM, medium, constants), _MED_USED
    if low < 0:
        return charge_in(MEDIUM, medium, constants), _MED_CAPPED
    return charge_in(LOW, low, constants), _LOW_USED


@njit(nogil=True)
def slewing_of(pe: Any, slewing: Any) -> Any:
    """Time walk, ns: sum over k of p_k (pe^(-k/2) - 10^(-k/2)).

    ``slewing`` holds p1 to p4 and the limits between which the function is taken.
    """
    root = 1.0 / math.sqrt(min(max(pe, slewing[N_SLEWING]), slewing[N_SLEWING + 1]))
    reference = 1.0 / math.sqrt(REFERENCE_PE)
    walk, power, power_at_reference = 0.0, 1.0, 1.0
    for k in range(N_SLEWING):
        power *= root
        power_at_reference *= reference
        walk += slewing[k] * (power - power_at_reference)
    return walk


@njit(nogil=True)
def flags_of(raw_flags: Any, reason: Any) -> Any:
    """Give the flags of a calibrated digit that those of the suppressed one decide."""
    flags = np.uint32(0)
    if raw_flags & _RAW_FIRED:
        flags |= _FIRED
    if raw_flags & _RAW_NO_TIMESTAMP:
        flags |= _NO_TIMESTAMP
    if raw_flags & _RAW_EXCLUDED:
        flags |= _EXCLUDED
    if reason & SATURATED:
        flags |= _HI_SAT
    return flags


@njit(nogil=True)
def calibrate_digit(
    digit: Any, adc: Any, low: Any, t_raw: Any, flags: Any, constants: Any, factor: Any,
    slewing: Any,
) -> None:  # fmt: skip
    """Fill charge, light, energy, times and flags of one digit."""
    charge, gain = 0.0, _HIGH_GAIN
    if constants["pe_per_charge"] > 0.0:
        charge, gain = charge_of(adc, low, constants)
    flags |= gain | constants["flags"]
    pe = charge * constants["pe_per_charge"]
    digit["q"], digit["pe"] = charge, pe
    digit["energy"] = 0.0 if flags & _DISCARDED else pe * constants["energy_per_pe"] * factor
    digit["t_raw"] = t_raw
    digit["t"] = t_raw - constants["delay"] - slewing_of(pe, slewing)
    digit["flags"] = flags


@njit(nogil=True)
def place_digit(digit: Any, channel: Any, block: Any, adc: Any, constants: Any) -> None:
    """Fill where a digit belongs, and its readings."""
    digit["chan"], digit["block"] = channel, block
    digit["strip"], digit["plane"] = constants["strip"], constants["plane"]
    digit["role"], digit["slice"] = constants["role"], 0
    digit["push"] = -1 if channel < 0 else channel // PIXELS_PER_HALF * PUSH_BLOCKS + block
    digit["adc_hi"], digit["adc_med"], digit["adc_lo"] = adc[HIGH], adc[MEDIUM], adc[LOW]


@njit(
    nb.void(
        _I4[::1], _I4[::1], _I4[::1], _U1[::1], _U2[:, ::1], _U4[::1], _U1[::1], _U1[::1],
        _F8[::1], _U2[::1], _U1[::1], _CONSTANTS, _F8[::1], _F8[::1], nb.boolean, _DIGITS,
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def calibrate(
    channel: Any, dense: Any, board_row: Any, block: Any, adc: Any, ticks: Any, delay: Any,
    quarter: Any, t_raw: Any, raw_flags: Any, reason: Any, constants: Any, factor: Any,
    slewing: Any, low_per_push: Any, digits: Any,
) -> None:  # fmt: skip
    """Calibrate the digits of some gates.

    Parameters
    ----------
    channel, dense : int32 (n_digits,)
        Channel ids; dense channels, -1 for a board that is not in the hardware map.
    board_row : int32 (n_digits,)
        Board of each digit, another one in each gate; those of a board stand together.
    block : uint8 (n_digits,)
    adc : uint16 (n_digits, 3)
        High, medium and low gain.
    ticks : uint32 (n_digits,)
        Time stamp minus that of the gate.
    delay, quarter : uint8 (n_digits,)
    t_raw : float64 (n_digits,)
        ns; NaN for digits without a time.
    raw_flags : uint16 (n_digits,)
        Flags of the suppressed digit.
    reason : uint8 (n_digits,)
        ``sup_reason``.
    constants : CHANNEL_CONSTANTS_DTYPE (n_channels + 1,)
        By dense channel; the last row is that of channels that do not exist.
    factor : float64 (n_boards,)
        On the light, by ``board_row``: temperature.
    slewing : float64 (6,)
        p1 to p4, ns; smallest and largest light, PE.
    low_per_push : bool
        The low gain of a block is that of its hit; otherwise the untimed block has that of the
        whole gate.
    digits : CAL_DIGIT_DTYPE (n_calibrated,)
        Output: digits whose reason is one of ``WANTED``, in order.
    """
    low = np.full(N_PIXELS, -1, np.int32)
    own = np.zeros(N_PIXELS, np.int32)
    first, out = 0, 0
    while first < channel.size:
        last = first + 1
        while last < channel.size and board_row[last] == board_row[first]:
            last += 1
        if not low_per_push:
            read_low_gain(first, last, channel, adc, raw_flags, reason, low, own)
        for row in range(first, last):
            if not reason[row] & WANTED:
                continue
            of_channel = constants[dense[row]]
            usable = adc[row, LOW] if low_per_push else low[channel[row] >> 5 & 0x3F]
            digit = digits[out]
            place_digit(digit, dense[row], block[row], adc[row], of_channel)
            digit["ticks"], digit["delay"] = ticks[row], delay[row]
            digit["quarter"] = quarter[row]
            calibrate_digit(
                digit, adc[row], usable, t_raw[row], flags_of(raw_flags[row], reason[row]),
                of_channel, factor[board_row[row]], slewing,
            )  # fmt: skip
            out += 1
        first = last
