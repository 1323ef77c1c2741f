"""Gates of an Mx2 file that belong to a charge or light file (metadata page, section 9.4.8)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import US_PER_S
from mx2prod.metadata.matching.results import FileInterval, Match, MatchRow, RowKind

MARGIN_S = 1
"""Start and end of a file are whole seconds: gates up to this far outside are kept."""


@dataclass(frozen=True)
class GateList:
    """Gates of a file that were taken during another one.

    Attributes
    ----------
    gates, global_gates : ndarray of int64, shape (n,)
    times_us : ndarray of int64, shape (n,)
    boundary : ndarray of bool, shape (n,)
        Within a second of start or end: the gate is in the list of the neighbour too.
    """

    gates: npt.NDArray[np.int64]
    global_gates: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    boundary: npt.NDArray[np.bool_]

    def as_dict(self) -> dict[str, Any]:
        """Members as lists, with the number of gates."""
        return {
            "n": len(self.gates),
            "n_boundary": int(self.boundary.sum()),
            "gate": self.gates.tolist(),
            "global_gate": self.global_gates.tolist(),
            "time_us": self.times_us.tolist(),
            "boundary": self.boundary.tolist(),
        }


@dataclass(frozen=True)
class GateTimes:
    """Gates of a file with their times.

    Attributes
    ----------
    gates, global_gates : ndarray of int64, shape (n,)
    times_us : ndarray of int64, shape (n,)
        Microseconds since 1970, host clock after readout.
    trigger_types : ndarray of int64, shape (n,)
    """

    gates: npt.NDArray[np.int64]
    global_gates: npt.NDArray[np.int64]
    times_us: npt.NDArray[np.int64]
    trigger_types: npt.NDArray[np.int64]

    def during(self, file: FileInterval) -> GateList:
        """Gates from a second before the start of a file to a second after its end."""
        start, end = round(file.start * US_PER_S), round(file.end * US_PER_S)
        margin = MARGIN_S * US_PER_S
        times = self.times_us
        kept = (times >= start - margin) & (times <= end + margin)
        boundary = (np.abs(times - start) <= margin) | (np.abs(times - end) <= margin)
        return GateList(self.gates[kept], self.global_gates[kept], times[kept], boundary[kept])


@dataclass(frozen=True)
class RowGates:
    """Gates of an Mx2 file during one of the files that it was matched with.

    Attributes
    ----------
    row : MatchRow
    n, n_boundary : int
        All gates, and those within a second of start or end.
    """

    row: MatchRow
    n: int
    n_boundary: int

    @property
    def disagrees(self) -> bool:
        """Whether the files overlap and not one gate says so."""
        return self.n == 0 and self.row.kind is not RowKind.EDGE

    def as_dict(self) -> dict[str, Any]:
        """Numbers, with the subrun that they are of."""
        row = self.row
        return {
            "system": row.system,
            "run": row.run,
            "subrun": row.subrun,
            "n": self.n,
            "n_boundary": self.n_boundary,
            "disagrees": self.disagrees,
        }


def gates_by_row(match: Match, times: GateTimes) -> list[RowGates]:
    """Cross-check the match of an Mx2 file with the times of its gates, row by row."""
    found = []
    for row in match.rows:
        other = replace(match.file, start=float(row.start), end=float(row.end))
        gates = times.during(other)
        found.append(RowGates(row, len(gates.gates), int(gates.boundary.sum())))
    return found


def gate_times(path: Path) -> GateTimes:
    """Read the times of all gates of a raw file or of a file of digits.

    Gates that are not the file's own (another run) are left out of a raw file.

    Raises
    ------
    InputFileError
        If the file cannot be read as one or the other.
    """
    if path.suffix == ".root":
        from mx2prod.output.raw_digits import HEADER
        from mx2prod.output.root_reader import open_root

        names = ("gate", "gl_gate", "t_us", "trigger_type")
        with open_root(path) as file:
            columns = file[HEADER].arrays(list(names), library="np")
        return GateTimes(*(columns[name].astype(np.int64) for name in names))
    from mx2prod.raw.reader import RawFile

    with RawFile(path) as raw:
        scan = raw.scan()
    own = scan.gates[scan.run_of_gate == 0]
    names = ("gate", "global_gate", "time_us", "trigger_type")
    return GateTimes(*(own[name].astype(np.int64) for name in names))
