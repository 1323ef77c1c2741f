"""Second evidence for a missing DAQ header: the event counts of the boards (section 11, rule 5).

Every board counts events; since the gate before, the counts of all boards of a gate have advanced
by the same amount.  Where a header is lost or belongs to other frames, that is not so.  Nothing is
concluded from boards whose counts do not advance.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import GateFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.framing_kernels import (
    BY_HEADER,
    BY_REPEAT,
    CRC_BAD,
    GROUP_DAMAGED,
    GROUP_LOST,
    LOST,
    MALFORMED,
    OPAQUE,
    UNKNOWN,
)
from mx2prod.raw.layout import board_key_of

_Columns = npt.NDArray[np.void]
_Counts = npt.NDArray[np.int64]
_KEYS = 2048
_MODULUS = 1 << 14


@dataclass
class _Gate:
    """A gate that others are compared with."""

    number: int
    counts: _Counts


@dataclass
class EventCounts:
    """Follows the event counts of the boards from gate to gate of one run.

    Parameters
    ----------
    buffer : ndarray of uint8
        The whole file.
    last_gate : int or None
        Number of the last gate seen.
    """

    buffer: npt.NDArray[np.uint8]
    last_gate: int | None = None
    _last: list[_Gate] = field(default_factory=list)

    def check(self, frames: _Columns, groups: _Columns, gates: _Columns) -> Iterator[Fault]:
        """Part frames of gates without header from those of other gates.

        Parameters
        ----------
        frames, groups : ndarray of FRAME_DTYPE, GROUP_DTYPE
            Changed in place: frames that turn out to be of another gate change their group.
        gates : ndarray of GATE_DTYPE
            One for each group closed by a header; ``ASIDE`` is set where the frames are not of
            the event that the header says.
        """
        gate_row = np.cumsum(groups["closed_by"] == BY_HEADER) - 1
        rows = np.flatnonzero(groups["closed_by"] == BY_HEADER)
        numbers = gates["gate"].astype(np.int64)
        start = numbers[:1] - 1 if self.last_gate is None else [self.last_gate]
        before = np.concatenate([start, numbers[:-1]])
        for gate in np.flatnonzero(numbers != before[: len(numbers)] + 1).tolist():
            yield from self._check_jump(frames, groups, gates, rows, gate)
        for row in np.flatnonzero(groups["closed_by"] == BY_REPEAT).tolist():
            around = self._around(frames, groups, gates, rows, int(gate_row[row]) + 1)
            self._return_tail(frames, groups, row, around)
        for gate in self._usable(groups, gates, rows)[-2:].tolist():
            self._last = [*self._last[-1:], self._gate(frames, groups, gates, rows, gate)]
        self.last_gate = int(numbers[-1]) if len(numbers) else self.last_gate

    def _gate(
        self, frames: _Columns, groups: _Columns, gates: _Columns, rows: _Counts, gate: int
    ) -> _Gate:
        counts = np.full(_KEYS, -1, np.int64)
        _, keys, values = self._read(_frames_of(frames, groups[rows[gate]]))
        counts[keys] = values
        return _Gate(int(gates["gate"][gate]), counts)

    def _around(
        self, frames: _Columns, groups: _Columns, gates: _Columns, rows: _Counts, gate: int
    ) -> list[_Gate]:
        """Gates to compare frames before gate ``gate`` with: two before it, else one after it."""
        usable = self._usable(groups, gates, rows)
        earlier = usable[usable < gate][-2:].tolist()
        found = [*self._last, *(self._gate(frames, groups, gates, rows, i) for i in earlier)]
        if found:
            return found[-2:]
        following = usable[usable > gate][:1].tolist()
        return [self._gate(frames, groups, gates, rows, i) for i in following]

    def _usable(self, groups: _Columns, gates: _Columns, rows: _Counts) -> _Counts:
        """Gates whose counts others can be compared with: undamaged, not put aside."""
        aside = (gates["flags"] & GateFlag.ASIDE.value) != 0
        return np.flatnonzero((groups["flags"][rows] == 0) & ~aside)

    def _return_tail(
        self, frames: _Columns, groups: _Columns, row: int, around: list[_Gate]
    ) -> None:
        """Give the end of a group without header to the next group, if it is of its event."""
        if not around or row + 1 >= len(groups):
            return
        group, following = groups[row], groups[row + 1]
        own = _frames_of(frames, group)
        boundary, _, event = self._advance(own, around[-1].counts)
        _, next_event, _ = self._advance(_frames_of(frames, following), around[-1].counts)
        if boundary > 0 and event == next_event:
            offset = int(own["offset"][boundary])
            moved = len(own) - boundary
            own["group"][boundary:] = row + 1
            group["end"] = following["begin"] = offset
            group["n_frames"] -= moved
            following["first_frame"] -= moved
            following["n_frames"] += moved
            following["flags"] |= _flags_of(own[boundary:])

    def _check_jump(
        self, frames: _Columns, groups: _Columns, gates: _Columns, rows: _Counts, gate: int
    ) -> Iterator[Fault]:
        """Compare the frames of a gate whose number is not one more with the gate before."""
        before = self._around(frames, groups, gates, rows, gate) if gate or self._last else []
        if not before:
            return
        group = groups[rows[gate]]
        own = _frames_of(frames, group)
        boundary, advance, _ = self._advance(own, before[-1].counts)
        if boundary > 0:
            gates["offset"][gate] = own["offset"][boundary]
            yield _part(group, own, boundary, before[-1].number)
            return
        step = int(gates["gate"][gate]) - before[-1].number
        if _counts_gates(before) and advance is not None and (step - advance) % _MODULUS:
            gates["flags"][gate] |= GateFlag.ASIDE.value
            yield Fault(
                Kind.HEADER_MISMATCH,
                Severity.ERROR,
                f"the header says gate {int(gates['gate'][gate])}, but the event counts of the "
                f"boards advanced by {advance} since gate {before[-1].number}: a header is lost "
                "between; the gate is kept aside",
                offset=int(gates["header_offset"][gate]),
                gate=int(gates["gate"][gate]),
            )

    def _advance(self, frames: _Columns, reference: _Counts) -> tuple[int, int | None, int | None]:
        """First frame whose board advanced unlike the first one (0: none); both advances.

        There is a boundary only if all boards before it advanced alike, and all after it.
        """
        rows, keys, counts = self._read(frames)
        known = reference[keys] >= 0
        rows, advance = rows[known], (counts[known] - reference[keys[known]]) % _MODULUS
        if not len(rows):
            return 0, None, None
        changed = np.flatnonzero(advance != advance[0])
        if not len(changed) or np.any(advance[changed[0] :] != advance[-1]):
            return 0, int(advance[0]), int(advance[0])
        return int(rows[changed[0]]), int(advance[0]), int(advance[-1])

    def _read(self, frames: _Columns) -> tuple[_Counts, _Counts, _Counts]:
        """Rows, board keys and event counts of the good front-end frames."""
        rows = np.flatnonzero((frames["kind"] <= OPAQUE) & ((frames["flags"] & CRC_BAD) == 0))
        keys = board_key_of(frames["source"][rows])
        offsets = frames["offset"][rows]
        high = self.buffer[offsets + 13].astype(np.int64) >> 2
        return rows, keys, high << 8 | self.buffer[offsets + 14]


def _frames_of(frames: _Columns, group: np.void) -> _Columns:
    first = int(group["first_frame"])
    return frames[first : first + int(group["n_frames"])]


def _flags_of(frames: _Columns) -> int:
    """Group flags that some frames give."""
    damaged = np.any(frames["flags"] & (CRC_BAD | UNKNOWN | MALFORMED))
    lost = np.any(frames["kind"] == LOST)
    return (GROUP_DAMAGED if damaged else 0) | (GROUP_LOST if lost else 0)


def _counts_gates(gates: list[_Gate]) -> bool:
    """Tell whether the counts advanced by the number of gates between two earlier ones."""
    if len(gates) < 2:
        return False
    first, second = gates
    both = (first.counts >= 0) & (second.counts >= 0)
    advance = (second.counts[both] - first.counts[both]) % _MODULUS
    return bool(len(advance)) and bool(np.all(advance == (second.number - first.number) % _MODULUS))


def _part(group: np.void, own: _Columns, boundary: int, last_gate: int) -> Fault:
    """Take the frames before a boundary out of a gate."""
    offset, begin = int(own["offset"][boundary]), int(group["begin"])
    own["group"][:boundary] = -1
    group["begin"] = offset
    group["first_frame"] += boundary
    group["n_frames"] -= boundary
    return Fault(
        Kind.NO_DAQ_HEADER,
        Severity.ERROR,
        f"event counts jump here: the {boundary} frames after gate {last_gate} (from byte {begin}) "
        "belong to a gate without DAQ header; they are excluded",
        offset=offset,
    )
