"""Boards that a simulation has: all of the hardware map, or some chains and boards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import ConfigError
from mx2prod.core.suggest import nearest
from mx2prod.detector import HardwareMap
from mx2prod.detector.hardware import board_names
from mx2prod.raw.layout import RunHeader, board_key


def selected_boards(
    hardware: HardwareMap, febs: Literal["all"] | Sequence[str]
) -> npt.NDArray[np.void]:
    """Boards of a selection, in the order of the hardware map.

    Parameters
    ----------
    hardware : HardwareMap
    febs : 'all' or sequence of str
        Chains ``crate-croc-chain`` and boards ``crate-croc-chain-board``.

    Returns
    -------
    ndarray of BOARD_DTYPE

    Raises
    ------
    ConfigError
        If a name is no chain or board of the hardware map (the nearest one is given), nothing is
        selected, or the boards of a chain do not count from 1 without holes: a run header cannot
        say that.
    """
    if febs == "all":
        return hardware.boards
    names = board_names(hardware.boards)
    chains = [name.rpartition("-")[0] for name in names]
    known = dict.fromkeys([*names, *chains])
    for name in febs:
        if name not in known:
            raise ConfigError(
                f"detector.febs: no chain or board {name!r}" + nearest(name, known),
                next_step="mx2 detector boards",
            )
    wanted = set(febs)
    chosen = [name in wanted or chain in wanted for name, chain in zip(names, chains, strict=True)]
    boards: npt.NDArray[np.void] = hardware.boards[np.array(chosen, bool)]
    _require_prefixes(boards)
    return boards


def run_header(boards: npt.NDArray[np.void]) -> RunHeader:
    """Run header that lists these boards.

    Parameters
    ----------
    boards : ndarray of BOARD_DTYPE
        Boards of each chain from 1 on, as :func:`selected_boards` gives them.
    """
    return RunHeader.of_boards((board_key(*board) for board in boards.tolist()), assumed=False)


def _require_prefixes(boards: npt.NDArray[np.void]) -> None:
    if not len(boards):
        raise ConfigError("detector.febs: no board is selected")
    following: dict[tuple[int, ...], int] = {}
    for *chain, board in boards.tolist():
        expected = following.get(tuple(chain), 1)
        if board != expected:
            name = "-".join(map(str, chain))
            raise ConfigError(
                f"detector.febs: board {name}-{board} without {name}-{expected}: boards of a "
                "chain count from 1 without holes"
            )
        following[tuple(chain)] = board + 1
