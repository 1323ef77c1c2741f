"""Kernel of pedestal suppression: why each digit is kept, and how many are not."""

from __future__ import annotations

from typing import Any

import numba as nb
import numpy as np

FIRED, UNTIMED = np.uint16(1), np.uint16(2)
DISCRIMINATOR, ABOVE_CUT, SATURATED = np.uint8(1), np.uint8(2), np.uint8(4)
CALIBRATION_GATE, LOW_GAIN = np.uint8(8), np.uint8(16)
NO_PEDESTAL, BAD_PEDESTAL, BAD_CHANNEL = np.uint8(32), np.uint8(64), np.uint8(128)
N_KEPT = 5
"""Columns of the counts for kept digits, in the order of the bits 1 to 16."""
BELOW_CUT_COUNT, NO_PEDESTAL_COUNT, BAD_CHANNEL_COUNT = 5, 6, 7
"""Columns of the counts for dropped digits."""
N_COUNTS = 8
N_PIXELS = 64
BOARD_MASK = np.int32(~0xFFF)
"""Bits of a channel id that name the board (detector page, section 3)."""

_U1, _U2, _I4, _F8 = nb.uint8, nb.uint16, nb.int32, nb.float64

_SIGNATURE = nb.void(
    _I4[::1],  # channel
    _U2[::1],  # adc
    _U2[::1],  # flags
    _I4[::1],  # digits_per_gate
    nb.boolean[::1],  # keep_all
    _I4[::1],  # boards
    _F8[:, ::1],  # mean
    _F8[:, ::1],  # cut
    _U1[:, ::1],  # state
    nb.int64,  # saturation
    _U1[::1],  # reason
    _I4[:, ::1],  # counts
)


@nb.njit(nogil=True)
def find_board(boards: Any, base: Any) -> Any:
    """Row of a board in the ascending ids ``boards``; -1 if it is not there."""
    low, high = 0, boards.size
    while low < high:
        middle = (low + high) // 2
        if boards[middle] < base:
            low = middle + 1
        else:
            high = middle
    if low < boards.size and boards[low] == base:
        return low
    return -1


@nb.njit(nogil=True)
def slot_of(word: Any) -> Any:
    """Column of the counts of a kept digit: its first reason."""
    slot = 0
    while not word >> slot & 1:
        slot += 1
    return slot


@nb.njit(nogil=True)
def judge(adc: Any, flags: Any, mean: Any, cut: Any, state: Any, saturation: Any) -> Any:
    """Reasons of one digit to be kept because of its own signal."""
    word = np.uint8(0)
    if flags & FIRED:
        word |= DISCRIMINATOR
    if not state & NO_PEDESTAL and adc - mean > cut:
        word |= ABOVE_CUT
    if adc >= saturation:
        word |= SATURATED
    return word


@nb.njit(nogil=True)
def suppress_board(
    first: Any, last: Any, channel: Any, adc: Any, flags: Any, keep_all: Any,
    mean: Any, cut: Any, state: Any, saturation: Any, with_signal: Any, reason: Any, count: Any,
) -> None:  # fmt: skip
    """Judge the digits ``first`` to ``last`` of one board in one gate; ``with_signal`` is scratch.

    The untimed digit of a pixel with a signal in a timed block is kept for its low gain.
    """
    with_signal[:] = False
    for row in range(first, last):
        pixel = channel[row] >> 5 & 0x3F
        known = state[pixel]
        word = np.uint8(0)
        if keep_all or not known & (NO_PEDESTAL | BAD_CHANNEL):
            word = judge(adc[row], flags[row], mean[pixel], cut[pixel], known, saturation)
            if word and not flags[row] & UNTIMED:
                with_signal[pixel] = True
            if keep_all:
                word |= CALIBRATION_GATE
        reason[row] = word
    for row in range(first, last):
        pixel = channel[row] >> 5 & 0x3F
        known = state[pixel]
        word = reason[row]
        if not word and flags[row] & UNTIMED and with_signal[pixel]:
            word = LOW_GAIN
        if word:
            count[slot_of(word)] += 1
            reason[row] = word | known
        elif known & BAD_CHANNEL:
            count[BAD_CHANNEL_COUNT] += 1
        elif known & NO_PEDESTAL:
            count[NO_PEDESTAL_COUNT] += 1
        else:
            count[BELOW_CUT_COUNT] += 1


@nb.njit(_SIGNATURE, nogil=True, cache=True)
def suppress(
    channel: Any, adc: Any, flags: Any, digits_per_gate: Any, keep_all: Any, boards: Any,
    mean: Any, cut: Any, state: Any, saturation: Any, reason: Any, counts: Any,
) -> None:  # fmt: skip
    """Say why each digit is kept.

    Parameters
    ----------
    channel : int32 (n_digits,)
        Channel ids; the digits of a board in a gate stand together.
    adc, flags : uint16 (n_digits,)
        High-gain ADC and digit flags.
    digits_per_gate : int32 (n_gates,)
    keep_all : bool (n_gates,)
        Gates of which every digit is kept.
    boards : int32 (n_boards,)
        Channel ids of pixel 0, ascending.
    mean, cut : float64 (n_boards + 1, 64)
        Pedestal, and the charge above it that is kept, ADC; the last row is that of any other
        board.
    state : uint8 (n_boards + 1, 64)
        Bits ``NO_PEDESTAL``, ``BAD_PEDESTAL``, ``BAD_CHANNEL``.
    saturation : int
        ADC from which on a digit is kept.
    reason : uint8 (n_digits,)
        Output: reasons, and the state of the channel; 0: dropped.
    counts : int32 (n_gates, 8)
        Output, added to: each digit once, by its first reason, or why it was dropped.
    """
    with_signal = np.zeros(N_PIXELS, np.bool_)
    row = 0
    for gate in range(digits_per_gate.size):
        end = row + digits_per_gate[gate]
        while row < end:
            base = channel[row] & BOARD_MASK
            last = row + 1
            while last < end and channel[last] & BOARD_MASK == base:
                last += 1
            board = find_board(boards, base)
            suppress_board(
                row, last, channel, adc, flags, keep_all[gate], mean[board], cut[board],
                state[board], saturation, with_signal, reason, counts[gate],
            )  # fmt: skip
            row = last
