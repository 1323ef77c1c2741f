"""Defects of boards and of the file as a whole; defects of pixels are the true detector's.

Source: detector page, section 7.2, row 'bad hardware'.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import ConfigError
from mx2prod.core.suggest import nearest
from mx2prod.detector.hardware import board_names
from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.simulation.chunk import without_boards
from mx2prod.simulation.spec import Fault, FaultKind, FileSpec

BOARD_FAULTS: tuple[FaultKind, ...] = ("absent_feb", "stopped_feb", "status_error")
FILE_FAULTS: tuple[FaultKind, ...] = ("truncated", "no_sentinel")


@dataclass(frozen=True)
class FileFaults:
    """Defects of one file that the driver makes.

    Attributes
    ----------
    boards : tuple of (Fault, int)
        Defects of a board and its number among the boards of the file.
    left : float
        Fraction of the bytes that is left; 1 for a whole file.
    sentinel : bool
        The file has its end mark.
    """

    boards: tuple[tuple[Fault, int], ...]
    left: float
    sentinel: bool

    @classmethod
    def of(
        cls, faults: Sequence[Fault], file: FileSpec, boards: npt.NDArray[np.void]
    ) -> FileFaults:
        """Pick the defects of a file.

        Parameters
        ----------
        faults : sequence of Fault
        file : FileSpec
        boards : ndarray of BOARD_DTYPE

        Raises
        ------
        ConfigError
            If the address of a defect is no board of the file, or a size is out of bounds.
        """
        number = {name: row for row, name in enumerate(board_names(boards))}
        of_boards = [
            (fault, _board(fault, number)) for fault in faults if fault.kind in BOARD_FAULTS
        ]
        acting = [fault for fault in faults if acts(fault, file.run)]
        cuts = [_left(fault) for fault in acting if fault.kind == "truncated"]
        lost_mark = any(fault.kind == "no_sentinel" for fault in acting)
        return cls(
            tuple((fault, row) for fault, row in of_boards if acts(fault, file.run)),
            min(cuts, default=1.0),
            not lost_mark,
        )

    def apply(self, chunk: GateChunk) -> GateChunk:
        """Give the boards of some gates their defects.

        ``absent_feb`` sends no frame, ``stopped_feb`` header-only frames, ``status_error`` frames
        whose status says that they timed out.

        Parameters
        ----------
        chunk : GateChunk
            Its boards in order of gate and board number; ``flags`` are changed in place.
        """
        hit = {kind: np.zeros(len(chunk.febs), bool) for kind in BOARD_FAULTS}
        for fault, board in self.boards:
            rows = chunk.gates["first_feb"][_has(fault, chunk.gates["gate"])] + board
            hit[fault.kind][rows] = True
        chunk.febs["flags"][hit["status_error"]] |= FebFlag.STATUS.value
        return without_boards(chunk, hit["absent_feb"], hit["stopped_feb"])


def acts(fault: Fault, run: int) -> bool:
    """Tell whether a run has a defect."""
    return fault.from_run <= run and (fault.to_run == 0 or run <= fault.to_run)


def _has(fault: Fault, gates: npt.NDArray[np.integer]) -> npt.NDArray[np.bool_]:
    late: npt.NDArray[np.bool_] = gates >= fault.from_gate
    return late & (gates <= fault.to_gate) if fault.to_gate else late


def _board(fault: Fault, number: dict[str, int]) -> int:
    if fault.address not in number:
        raise ConfigError(
            f"faults: {fault.kind} of board {fault.address!r}, which is not simulated"
            + nearest(fault.address, number),
            next_step="mx2 detector boards",
        )
    return number[fault.address]


def _left(fault: Fault) -> float:
    if not 0 < fault.size < 1:
        raise ConfigError(
            f"faults: truncated needs a size between 0 and 1, the fraction of the file that is "
            f"left; found {fault.size:g}"
        )
    return fault.size
