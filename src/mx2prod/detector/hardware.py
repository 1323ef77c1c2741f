"""The hardware map: which boards the readout has, and the dense numbers of boards and pixels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import AddressError
from mx2prod.detector.addresses import (
    BoardAddress,
    ChannelAddress,
    pack_channel_ids,
    unpack_channel_ids,
)
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.table import Table
from mx2prod.detector.versions import HARDWARE_VERSION, load_table

Integers = npt.NDArray[np.int64]
_Column = npt.NDArray[np.integer]
BOARD_DTYPE = np.dtype([(name, "u1") for name in ("crate", "croc", "chain", "board")])
"""Address of a board."""

_BOARD_SHIFT = 12
_BOARD_KEYS = 1 << 17
"""A channel id without pixel and hit has 17 bits."""


def expand_chains(chains: Iterable[tuple[int, int, int, int]]) -> npt.NDArray[np.void]:
    """Boards of chains; addresses run from 1.

    Parameters
    ----------
    chains : iterable of (crate, croc, chain, number of boards)
        Rows of a hardware table, or the entries of a run header.

    Returns
    -------
    ndarray of BOARD_DTYPE
        In the order of the chains.

    Raises
    ------
    AddressError
        If an address does not fit in a channel id.
    """
    boards = [
        (crate, croc, chain, board)
        for crate, croc, chain, febs in chains
        for board in range(1, febs + 1)
    ]
    return as_boards(boards)


def as_boards(boards: npt.NDArray[np.void] | Iterable[object]) -> npt.NDArray[np.void]:
    """Board addresses as an array.

    Parameters
    ----------
    boards : structured ndarray, or iterable of BoardAddress or tuple
        An array has the fields crate, croc, chain, board (a decoded file's boards do); a tuple
        their values.

    Returns
    -------
    ndarray of BOARD_DTYPE

    Raises
    ------
    AddressError
        If an address does not fit in a channel id, or an entry is no address.
    """
    names = BOARD_DTYPE.names or ()
    if isinstance(boards, np.ndarray) and boards.dtype.names is not None:
        columns = [boards[name] for name in names]
    else:
        rows = [_parts(board) for board in boards]
        columns = list(np.array(rows, dtype=np.int64).reshape(-1, len(names)).T)
    pack_channel_ids(columns[0], columns[1], columns[2], columns[3], 0)
    result = np.zeros(len(columns[0]), dtype=BOARD_DTYPE)
    for name, column in zip(names, columns, strict=True):
        result[name] = column
    return result


def _parts(board: object) -> tuple[int, ...]:
    if isinstance(board, BoardAddress):
        return board.crate, board.croc, board.chain, board.board
    if isinstance(board, tuple) and len(board) == len(BOARD_DTYPE.names or ()):
        return board
    raise AddressError(f"{board!r} is no board address: expected crate, croc, chain, board")


@dataclass(frozen=True)
class HardwareMap:
    """Crates, CROC-Es, chains and boards of the readout.

    Attributes
    ----------
    table : Table
        The chains: crate, croc, chain, febs.
    boards : ndarray of BOARD_DTYPE, shape (n_febs,)
        In order of crate, CROC-E, chain, board; the row is the ``feb_index``.
    """

    table: Table
    boards: npt.NDArray[np.void] = field(init=False)
    _index: npt.NDArray[np.int16] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        boards = np.sort(expand_chains(self.table.rows.tolist()))
        index = np.full(_BOARD_KEYS, -1, dtype=np.int16)
        index[_board_keys(boards)] = np.arange(len(boards))
        for name, array in (("boards", boards), ("_index", index)):
            array.flags.writeable = False
            object.__setattr__(self, name, array)

    @classmethod
    def load(cls, name: str = HARDWARE_VERSION) -> HardwareMap:
        """Load a hardware map by version name or path (see :func:`~.versions.load_table`)."""
        return cls(load_table(name, "hardware"))

    @property
    def n_chains(self) -> int:
        """Number of chains that have a board."""
        return len(self.table)

    @property
    def n_febs(self) -> int:
        """Number of boards."""
        return len(self.boards)

    @property
    def n_channels(self) -> int:
        """Number of pixels."""
        return self.n_febs * PIXELS_PER_BOARD

    def feb_index(self, boards: npt.NDArray[np.void] | Iterable[object]) -> Integers:
        """Dense board numbers; -1 for boards that the hardware map does not have.

        Parameters
        ----------
        boards : see :func:`as_boards`

        Returns
        -------
        ndarray of int64, shape (len(boards),)
            0 .. n_febs - 1, or -1.

        Raises
        ------
        AddressError
            If an address does not fit in a channel id.
        """
        return self._index[_board_keys(as_boards(boards))].astype(np.int64)

    def channel_index(self, channel_ids: npt.ArrayLike) -> Integers:
        """Dense channel numbers ``feb_index * 64 + pixel`` of channel ids.

        The hit block of an id does not matter.

        Parameters
        ----------
        channel_ids : int or array_like of int

        Returns
        -------
        ndarray of int64
            0 .. n_channels - 1, or -1 for a board that the hardware map does not have.

        Raises
        ------
        AddressError
            If an id has bits outside the layout or a field out of range.
        """
        fields = unpack_channel_ids(channel_ids)
        keys = np.asarray(channel_ids).astype(np.int64) >> _BOARD_SHIFT
        febs = self._index[keys].astype(np.int64)
        return np.where(febs < 0, -1, febs * PIXELS_PER_BOARD + fields["pixel"])

    def channel_ids(self) -> npt.NDArray[np.uint32]:
        """Channel ids of all pixels in dense order, shape (n_channels,)."""
        columns = board_columns(self.boards[:, None])
        return pack_channel_ids(*columns, pixel=np.arange(PIXELS_PER_BOARD)).ravel()

    def require_channel(self, address: ChannelAddress) -> int:
        """Dense channel number of an address that must exist.

        Raises
        ------
        AddressError
            If the hardware map has no such board; says which boards the chain has.
        """
        index = int(self.channel_index(address.id))
        if index < 0:
            raise AddressError(
                f"no board {address.feb} in {self.table.name}: {self._chain_text(address)}",
                next_step="mx2 detector boards",
            )
        return index

    def _chain_text(self, address: ChannelAddress) -> str:
        rows = self.table.rows
        chain = rows[(rows["crate"] == address.crate) & (rows["croc"] == address.croc)
                     & (rows["chain"] == address.chain)]  # fmt: skip
        where = f"chain {address.crate}-{address.croc}-{address.chain}"
        return f"{where} has boards 1..{chain['febs'][0]}" if len(chain) else f"no {where}"


def board_columns(boards: npt.NDArray[np.void]) -> tuple[_Column, _Column, _Column, _Column]:
    """Columns crate, croc, chain, board of a structured array."""
    return boards["crate"], boards["croc"], boards["chain"], boards["board"]


def board_names(boards: npt.NDArray[np.void]) -> list[str]:
    """Addresses ``crate-croc-chain-board`` of boards, of BOARD_DTYPE."""
    return ["-".join(map(str, board)) for board in boards.tolist()]


def _board_keys(boards: npt.NDArray[np.void]) -> Integers:
    ids = pack_channel_ids(*board_columns(boards), pixel=0)
    return (ids >> np.uint32(_BOARD_SHIFT)).astype(np.int64)
