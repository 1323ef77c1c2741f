"""Boards and channels: names, which of them decide, which are known to be bad."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.constants import BadChannel, Constants, Table
from mx2prod.core.errors import TableError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.table import Table as DetectorTable
from mx2prod.detector.trip import Gain
from mx2prod.detector.versions import OD_BOARDS_VERSION, load_table

Bools = npt.NDArray[np.bool_]

ROWS_PER_BOARD = PIXELS_PER_BOARD * len(Gain)
"""Rows of a board in arrays by pixel and gain, ``pixel * 3 + gain``."""


def board_names(hardware: HardwareMap) -> list[str]:
    """Addresses ``crate-croc-chain-board`` of all boards, in dense order."""
    return ["-".join(map(str, board)) for board in hardware.boards.tolist()]


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
