"""Where the boards of a file are not those of the detector tables, in a few lines."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.detector import BoardStatus, Plex, board_report, unpack_channel_ids
from mx2prod.raw.columns import FebFlag

_NAMED = 5
"""Boards that a notice names."""


def boards_seen(boards: dict[str, npt.NDArray[Any]]) -> list[int]:
    """Channel ids of pixel 0 of the boards that have frames.

    Parameters
    ----------
    boards : dict of ndarray
        Columns of the boards of some gates.
    """
    there = (boards["flags"] & int(FebFlag.ABSENT)) == 0
    return [int(channel) for channel in np.unique(boards["chan"][there])]


def board_notices(
    plex: Plex, seen: set[int], header_boards: npt.NDArray[np.void] | None
) -> list[str]:
    """Say where the boards of a file are not those of the detector tables.

    Parameters
    ----------
    plex : Plex
    seen : set of int
        Boards that have frames, see :func:`boards_seen`.
    header_boards : ndarray of BOARD_DTYPE or None
        Boards that the run header lists.
    """
    addresses = unpack_channel_ids(np.array(sorted(seen), dtype=np.int64))
    report = board_report(plex, addresses, header_boards)
    lines = []
    if report.chain_differences:
        count, first = len(report.chain_differences), report.chain_differences[0]
        lines.append(f"{count} chains are not those of the hardware map, first {first}")
    for status, meaning in (
        (BoardStatus.UNMAPPED, "in no detector table; kept, never mapped to a strip"),
        (BoardStatus.ABSENT, "missing from the run header or from the data"),
    ):
        found = [str(board.address) for board in report.with_status(status)]
        if found:
            named = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
            lines.append(f"{len(found)} {status} boards ({meaning}): {named}")
    return lines
