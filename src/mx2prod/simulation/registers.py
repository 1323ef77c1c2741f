"""FPGA registers, event counts and clocks of the boards (raw-format page, section 6).

Values that no page gives are those of the emulated samples.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from mx2prod.detector import Electronics
from mx2prod.raw.columns import FebFlag
from mx2prod.raw.layout import EVENT_COUNT_MODULUS
from mx2prod.raw.registers import encode_registers

_EVENT_COUNT_STEP = 977
"""Every board counts events from a start of its own: this much more than the board before it."""

_HIT_COUNTERS = {0: 54, 2: 55, 1: 56, 3: 57}
"""Register of the hit counter of each TriP, firmware 96 and later."""
_MODE_BIT = 0x80
_INDEPENDENT = 2
_ALL_CHANNELS = 0xFFFF
_ELECTRONICS = Electronics()
_SETTINGS = {
    "gate_start": _ELECTRONICS.gate_start_ticks,
    "gate_length": _ELECTRONICS.gate_length_ticks,
    "dcm_status": 0b11000,
    "hv_enabled": 1,
    "hv_period_manual": 35000,
    "hv_period_auto": 20001,
    "hv_pulse_width": 30,
    **{f"discriminator_mask{trip}": _ALL_CHANNELS for trip in range(4)},
}


def board_registers(
    boards: npt.NDArray[np.void],
    firmware: int,
    *,
    independent: bool,
    readings: Mapping[str, npt.ArrayLike],
) -> npt.NDArray[np.uint8]:
    """Give the registers that stay the same during a file.

    Parameters
    ----------
    boards : ndarray of BOARD_DTYPE, shape (n_boards,)
    firmware : int
    independent : bool
        Each TriP pushes by itself.
    readings : mapping of str to array_like of int
        Further registers by name, for example ``hv_actual`` and ``temperature``.

    Returns
    -------
    ndarray of uint8, shape (n_boards, 59)
    """
    values = {
        **_SETTINGS,
        "board_id": boards["board"],
        "firmware_register": firmware,
        "acq_mode": _INDEPENDENT if independent else 0,
        **readings,
    }
    return encode_registers(values, len(boards))


def gate_registers(
    constant: npt.NDArray[np.uint8], febs: npt.NDArray[np.void]
) -> npt.NDArray[np.uint8]:
    """Fill clocks and hit counters into the registers of the boards of some gates.

    Parameters
    ----------
    constant : ndarray of uint8, shape (n_boards, 59)
        From :func:`board_registers`.
    febs : ndarray of FEB_DTYPE, shape (n_gates * n_boards,)
        In order of gate, board.

    Returns
    -------
    ndarray of uint8, shape (n_gates * n_boards, 59)
    """
    registers = np.tile(constant, (len(febs) // len(constant), 1))
    opened = febs["gate_timestamp"].astype(np.uint32)
    closed = opened + np.uint32(_ELECTRONICS.gate_length_ticks)
    registers[:, 0:4] = closed[:, None].view(np.uint8)
    registers[:, 50:54] = opened[:, None].view(np.uint8)
    counted = febs["firmware"] >= 96
    for trip, register in _HIT_COUNTERS.items():
        registers[:, register] = np.where(counted, febs["n_hits"][:, trip], 0)
    independent = (febs["flags"] & FebFlag.INDEPENDENT_PUSH) != 0
    registers[np.ix_(counted & independent, (55, 57))] |= _MODE_BIT
    return registers


def event_counts(
    gates: npt.NDArray[np.integer], boards: npt.NDArray[np.integer]
) -> npt.NDArray[np.uint16]:
    """Event counts of boards, 14 bits.

    Parameters
    ----------
    gates : ndarray of int, shape (n,)
        Number of the gate in the subrun.
    boards : ndarray of int, shape (n,)
        Dense number of the board.
    """
    counts = gates.astype(np.int64) + boards.astype(np.int64) * _EVENT_COUNT_STEP
    return (counts % EVENT_COUNT_MODULUS).astype(np.uint16)
