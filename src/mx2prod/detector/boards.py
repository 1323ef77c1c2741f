"""State of every board of a file: mapped, outer detector, unmapped, absent (detector page, 4)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.detector.addresses import BoardAddress
from mx2prod.detector.hardware import HardwareMap, as_boards
from mx2prod.detector.plex import Plex, Role
from mx2prod.detector.versions import OD_BOARDS_VERSION, load_table

Boards = npt.NDArray[np.void] | Iterable[object]
_NAMED = 10


class BoardStatus(StrEnum):
    """What is known of a board."""

    MAPPED = "mapped"
    """Read by the plex, listed and seen."""
    OD = "od"
    """Outer detector, listed and seen; never mapped to a strip."""
    UNMAPPED = "unmapped"
    """Listed or seen, but in no table; decoded and counted, never given an address."""
    ABSENT = "absent"
    """In a table, but missing from the run header or from the data."""


@dataclass(frozen=True)
class BoardState:
    """State of one board.

    Attributes
    ----------
    address : BoardAddress
    feb_index : int
        Dense number; -1 for a board that the hardware map does not have.
    role : BoardStatus
        What the tables say: mapped, od or unmapped.
    in_header : bool or None
        Listed by the run header; None if the file has none.
    in_data : bool
        Has frames in the data.
    status : BoardStatus
    """

    address: BoardAddress
    feb_index: int
    role: BoardStatus
    in_header: bool | None
    in_data: bool
    status: BoardStatus

    def as_dict(self) -> dict[str, Any]:
        """Members as plain values, the address in its parts."""
        return {
            "crate": self.address.crate,
            "croc": self.address.croc,
            "chain": self.address.chain,
            "board": self.address.board,
            "feb_index": self.feb_index,
            "role": str(self.role),
            "in_header": self.in_header,
            "in_data": self.in_data,
            "status": str(self.status),
        }


@dataclass(frozen=True)
class BoardReport:
    """State of all boards of a file.

    Attributes
    ----------
    boards : tuple of BoardState
        Every board of the hardware map, the run header and the data, in address order.
    chain_differences : tuple of str
        Chains whose boards in the run header are not those of the hardware map.
    """

    boards: tuple[BoardState, ...]
    chain_differences: tuple[str, ...]

    def with_status(self, status: BoardStatus) -> tuple[BoardState, ...]:
        """Return the boards of one status."""
        return tuple(board for board in self.boards if board.status == status)

    @property
    def verdict(self) -> str:
        """``good``, or ``investigate`` if a board is unmapped or absent or a chain differs."""
        faulty = self.with_status(BoardStatus.UNMAPPED) or self.with_status(BoardStatus.ABSENT)
        return "investigate" if faulty or self.chain_differences else "good"

    def warnings(self) -> list[str]:
        """One line about each kind of trouble, to be said once a file; empty if all is well."""
        lines = list(self.chain_differences)
        for status, meaning in (
            (BoardStatus.UNMAPPED, "in no detector table"),
            (BoardStatus.ABSENT, "missing from the run header or from the data"),
        ):
            found = self.with_status(status)
            if found:
                plural = "" if len(found) == 1 else "s"
                lines.append(f"{len(found)} {status} board{plural} ({meaning}): {_names(found)}")
        return lines


def board_report(plex: Plex, seen: Boards, header: Boards | None) -> BoardReport:
    """Compare the boards of a file with the tables.

    Parameters
    ----------
    plex : Plex
        With its hardware map and outer-detector boards.
    seen : structured ndarray, or iterable of BoardAddress or tuple
        Boards that have frames in the data; repetitions do not matter.
    header : the same, or None
        Boards that the run header lists (see :func:`~.hardware.expand_chains`); None for a file
        without one.

    Returns
    -------
    BoardReport

    Raises
    ------
    AddressError
        If an address does not fit in a channel id.
    """
    in_data = _address_set(seen)
    in_header = None if header is None else _address_set(header)
    known = dict.fromkeys(_address_set(plex.hardware.boards))
    everything = sorted(known.keys() | in_data | (in_header or set()))
    index = plex.hardware.feb_index(everything).tolist()
    roles = plex.role_of_feb
    states = []
    for address, feb in zip(everything, index, strict=True):
        role = _role(Role(int(roles[feb]))) if feb >= 0 else BoardStatus.UNMAPPED
        listed = None if in_header is None else address in in_header
        status = _status(role, listed=listed, seen=address in in_data)
        states.append(BoardState(address, feb, role, listed, address in in_data, status))
    differences = () if in_header is None else _differences(set(known), in_header)
    return BoardReport(tuple(states), differences)


def inner_boards(hardware: HardwareMap) -> npt.NDArray[np.bool_]:
    """Tell which boards are not of the outer detector, shape (n_febs,)."""
    outer = hardware.feb_index(load_table(OD_BOARDS_VERSION, "od_boards").rows)
    inner = np.ones(hardware.n_febs, np.bool_)
    inner[outer[outer >= 0]] = False
    return inner


def _names(boards: tuple[BoardState, ...]) -> str:
    """Addresses of the first boards, and how many there are more."""
    names = ", ".join(str(board.address) for board in boards[:_NAMED])
    return names + (f" and {len(boards) - _NAMED} more" if len(boards) > _NAMED else "")


def _address_set(boards: Boards) -> set[BoardAddress]:
    return {BoardAddress(*row) for row in np.unique(as_boards(boards)).tolist()}


def _role(role: Role) -> BoardStatus:
    return {Role.STRIP: BoardStatus.MAPPED, Role.OD: BoardStatus.OD}.get(role, BoardStatus.UNMAPPED)


def _status(role: BoardStatus, *, listed: bool | None, seen: bool) -> BoardStatus:
    if role is BoardStatus.UNMAPPED:
        return role
    return role if seen and listed is not False else BoardStatus.ABSENT


def _differences(known: set[BoardAddress], listed: set[BoardAddress]) -> tuple[str, ...]:
    chains = sorted({(board.crate, board.croc, board.chain) for board in known | listed})
    lines = []
    for chain in chains:
        counts = [
            sum((board.crate, board.croc, board.chain) == chain for board in boards)
            for boards in (listed, known)
        ]
        if counts[0] != counts[1]:
            name = "-".join(map(str, chain))
            lines.append(
                f"chain {name}: {counts[0]} boards in the run header, "
                f"{counts[1]} in the hardware map"
            )
    return tuple(lines)
