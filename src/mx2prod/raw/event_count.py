"""Second evidence for a missing DAQ header: the event counts of the boards (section 11, rule 5).

When a gate number jumps, the frames before a DAQ header may belong to two gates: those of a gate
whose header is lost, and those of this one.  Every board counts events; within a gate the counts of
all boards have advanced by the same amount since the gate before.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.framing_kernels import CRC_BAD, OPAQUE

_Columns = npt.NDArray[np.void]
_KEYS = 2048
_MODULUS = 1 << 14


@dataclass
class EventCounts:
    """Follows the event counts of the boards from gate to gate of one run."""

    buffer: npt.NDArray[np.uint8]
    last_gate: int | None = None
    _last_counts: npt.NDArray[np.int64] | None = None

    def part_gates(
        self, frames: _Columns, groups: _Columns, rows: npt.NDArray[np.int64], numbers: list[int]
    ) -> Iterator[Fault]:
        """Take the frames of a gate that lost its header out of the gate that follows it.

        Parameters
        ----------
        frames, groups : ndarray of FRAME_DTYPE, GROUP_DTYPE
            Changed in place: the frames before the boundary lose their group.
        rows : ndarray of int64
            Groups that are gates.
        numbers : list of int
            Their gate numbers.
        """
        previous: _Columns | None = None
        for row, number in zip(rows.tolist(), numbers, strict=True):
            group = groups[row]
            first = int(group["first_frame"])
            own = frames[first : first + int(group["n_frames"])]
            if self.last_gate is not None and number != self.last_gate + 1:
                before = self._last_counts if previous is None else self._counts(previous)
                boundary = self._boundary(own, before)
                if boundary > 0:
                    yield self._part(group, own, boundary)
            previous, self.last_gate = own, number
        if previous is not None:
            self._last_counts = self._counts(previous)

    def _part(self, group: np.void, own: _Columns, boundary: int) -> Fault:
        offset = int(own["offset"][boundary])
        begin = int(group["begin"])
        own["group"][:boundary] = -1
        group["begin"] = offset
        group["first_frame"] += boundary
        group["n_frames"] -= boundary
        return Fault(
            Kind.NO_DAQ_HEADER,
            Severity.ERROR,
            f"event counts jump here: the {boundary} frames after gate {self.last_gate} (from byte "
            f"{begin}) belong to a gate without DAQ header; they are excluded",
            offset=offset,
        )

    def _boundary(self, frames: _Columns, before: npt.NDArray[np.int64] | None) -> int:
        """First frame whose board advanced by another amount than the first board; 0 if none."""
        if before is None:
            return 0
        rows, keys, counts = self._read(frames)
        known = before[keys] >= 0
        rows, advance = rows[known], (counts[known] - before[keys[known]]) % _MODULUS
        changed = np.flatnonzero(advance != advance[:1])
        return int(rows[changed[0]]) if len(changed) else 0

    def _counts(self, frames: _Columns) -> npt.NDArray[np.int64]:
        counts = np.full(_KEYS, -1, np.int64)
        _, keys, values = self._read(frames)
        counts[keys] = values
        return counts

    def _read(
        self, frames: _Columns
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """Rows, board keys and event counts of the good front-end frames."""
        rows = np.flatnonzero((frames["kind"] <= OPAQUE) & ((frames["flags"] & CRC_BAD) == 0))
        source = frames["source"][rows].astype(np.int64)
        keys = (source >> 14 & 1) << 10 | (source >> 3 & 0x3FF)
        offsets = frames["offset"][rows]
        high = self.buffer[offsets + 13].astype(np.int64) >> 2
        return rows, keys, high << 8 | self.buffer[offsets + 14]
