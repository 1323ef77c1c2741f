"""Boards and channels: names, order in arrays, which decide, which are known to be bad."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.verdict import Reason, Status, StatusBit, Verdict
from mx2prod.constants import BadChannel, Constants, Key, Table
from mx2prod.core.errors import TableError
from mx2prod.detector.addresses import unpack_channel_ids
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.table import Table as DetectorTable
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, TRIP_OF_PIXEL, Gain
from mx2prod.detector.versions import OD_BOARDS_VERSION, load_table

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]

ROWS_PER_BOARD = PIXELS_PER_BOARD * len(Gain)
"""Rows of a board in arrays by pixel and gain, ``pixel * 3 + gain``."""

TRIP_OF_PLACE = TRIP_OF_PIXEL.astype(np.int64).T.ravel()
"""TriP by pixel and gain, gain fastest; shape (192,)."""

WORD_OF_PLACE = TRIP_OF_PLACE * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL.astype(np.int64).T.ravel()
"""Word of an ADC frame by pixel and gain, gain fastest; shape (192,)."""


def board_names(hardware: HardwareMap) -> list[str]:
    """Addresses ``crate-croc-chain-board`` of all boards, in dense order."""
    return ["-".join(map(str, board)) for board in hardware.boards.tolist()]


def chosen_boards(hardware: HardwareMap, chosen: Bools) -> tuple[str, ...]:
    """Addresses ``crate-croc-chain-board`` of chosen boards.

    Parameters
    ----------
    hardware : HardwareMap
    chosen : ndarray of bool, shape (n_febs,)
    """
    names = board_names(hardware)
    return tuple(names[board] for board in np.flatnonzero(chosen).tolist())


def channel_names(hardware: HardwareMap, chosen: Bools) -> tuple[str, ...]:
    """Addresses ``crate-croc-chain-board-pixel`` of chosen channels.

    Parameters
    ----------
    hardware : HardwareMap
    chosen : ndarray of bool, shape (n_channels,)
    """
    names = board_names(hardware)
    return tuple(
        f"{names[channel // PIXELS_PER_BOARD]}-{channel % PIXELS_PER_BOARD}"
        for channel in np.flatnonzero(chosen).tolist()
    )


def address_columns(
    hardware: HardwareMap, channels: npt.NDArray[np.integer]
) -> dict[str, npt.NDArray[Any]]:
    """Address columns of a constants table for channels, given by their dense numbers."""
    address = unpack_channel_ids(hardware.channel_ids()[channels])
    return {name: address[name] for name in Key.CHANNEL.address}


def median_of_boards(values: Floats, chosen: Bools, otherwise: float) -> Floats:
    """Median of the chosen pixels of each board, for each of its pixels.

    Parameters
    ----------
    values : ndarray of float64, shape (n_channels,)
    chosen : ndarray of bool, shape (n_channels,)
    otherwise : float
        For boards without a finite value.
    """
    boards = np.where(chosen, values, np.nan).reshape(-1, PIXELS_PER_BOARD)
    medians = np.full(len(boards), otherwise)
    some = np.isfinite(boards).any(axis=1)
    medians[some] = np.nanmedian(boards[some], axis=1)
    return np.repeat(medians, PIXELS_PER_BOARD)


def reasons_of_bits(
    status: Status,
    rows: Bools,
    hardware: HardwareMap,
    bits: Sequence[StatusBit],
    deciding: Sequence[StatusBit] = (),
) -> list[Reason]:
    """One reason a bit that a channel has; most only inform, because fractions decide.

    Parameters
    ----------
    status : ndarray of int32, shape (n_channels,)
    rows : ndarray of bool, shape (n_channels,)
        Channels that count.
    hardware : HardwareMap
    bits : sequence of StatusBit
    deciding : sequence of StatusBit
        Those of which a single channel makes a table one to investigate.
    """
    reasons = []
    for bit in bits:
        places = channel_names(hardware, rows & ((status & bit.mask) != 0))
        if places:
            verdict = Verdict.INVESTIGATE if bit in deciding else Verdict.GOOD
            reasons.append(Reason(bit.name, bit.condition, verdict, len(places), places))
    return reasons


def listed_boards(table: DetectorTable, hardware: HardwareMap) -> Bools:
    """Tell which boards of the hardware map a table of the detector lists, shape (n_febs,)."""
    index = hardware.feb_index(table.rows)
    listed = np.zeros(hardware.n_febs, np.bool_)
    listed[index[index >= 0]] = True
    return listed


def inner_channels(hardware: HardwareMap) -> Bools:
    """Tell which channels are not of the outer detector, shape (n_channels,).

    They decide the verdict of a table of gains or of the FEB response.
    """
    outer = listed_boards(load_table(OD_BOARDS_VERSION, "od_boards"), hardware)
    return np.repeat(~outer, PIXELS_PER_BOARD)


def known_bad_channels(bad_channels: Table | None, hardware: HardwareMap) -> Bools:
    """Tell which channels a bad-channel table lists with a flag, shape (n_channels,).

    Raises
    ------
    TableError
        If the table has another schema than BadChannel.
    """
    require_schema(bad_channels, BadChannel)
    known = np.zeros(hardware.n_channels, np.bool_)
    if bad_channels is not None:
        index = hardware.channel_index(bad_channels.channel)
        known[index[(index >= 0) & (bad_channels["flags"] != 0)]] = True
    return known


def require_schema(table: Table | None, schema: type[Constants], *, next_step: str = "") -> None:
    """Raise :class:`TableError` if a table that was given has another schema."""
    if table is not None and table.schema is not schema:
        raise TableError(
            f"table {table.schema.schema}: expected {schema.schema}", next_step=next_step
        )
