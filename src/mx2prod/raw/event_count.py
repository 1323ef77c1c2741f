"""Second evidence for a missing DAQ header: the event counts of the boards (section 11, rule 5).

Every board counts events, each from a start of its own.  What a board has counted less the number
of the gate is therefore the same in all gates, and tells the event of any of its frames.  Where a
header is lost, or stands behind frames of another gate, the events of the frames show it.  Nothing
is concluded from boards whose counts do not follow the gates.
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
from mx2prod.raw.layout import EVENT_COUNT_MODULUS as _MODULUS
from mx2prod.raw.layout import board_key_of

_Columns = npt.NDArray[np.void]
_Numbers = npt.NDArray[np.int64]
_KEYS = 2048
_NONE = -1


@dataclass
class EventCounts:
    """Follows the event counts of the boards through one run.

    Parameters
    ----------
    buffer : ndarray of uint8
        The whole file.
    last_gate : int or None
        Number of the last gate seen.
    """

    buffer: npt.NDArray[np.uint8]
    last_gate: int | None = None
    _starts: list[_Numbers] = field(default_factory=list)

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
        rows = np.flatnonzero(groups["closed_by"] == BY_HEADER)
        repeats = np.flatnonzero(groups["closed_by"] == BY_REPEAT)
        numbers = gates["gate"].astype(np.int64)
        before = np.concatenate([self._number_before(numbers), numbers])[: len(numbers)]
        jumps = np.flatnonzero(numbers != before + 1)
        usable = np.flatnonzero(groups["flags"][rows] == 0)
        if len(jumps) or len(repeats):
            learnt = [self._start_counts(frames, groups[rows[i]], int(numbers[i])) for i in usable]
            starts, votes = _most_frequent([*self._starts, *learnt])
            events = self._events(frames, starts)
            for gate in jumps.tolist():
                sure = _all_sure(votes, _good_keys(_slice(frames, groups[rows[gate]])))
                yield from _check_gate(frames, groups[rows[gate]], gates, gate, events, sure=sure)
            for row in repeats.tolist():
                _return_tail(frames, groups, row, events)
        for gate in usable[-2:].tolist():
            start = self._start_counts(frames, groups[rows[gate]], int(numbers[gate]))
            self._starts = [*self._starts[-1:], start]
        self.last_gate = int(numbers[-1]) if len(numbers) else self.last_gate

    def _number_before(self, numbers: _Numbers) -> _Numbers:
        return numbers[:1] - 1 if self.last_gate is None else np.array([self.last_gate])

    def _start_counts(self, frames: _Columns, group: np.void, number: int) -> _Numbers:
        """Count of each board less the gate number; shape (2048,), -1 where it is not seen."""
        own = _slice(frames, group)
        rows = np.flatnonzero(_is_good(own))
        starts = np.full(_KEYS, _NONE, np.int64)
        starts[board_key_of(own["source"][rows])] = (self._read(own[rows]) - number) % _MODULUS
        return starts

    def _events(self, frames: _Columns, starts: _Numbers) -> _Numbers:
        """Event of each frame; -1 where the frame is not good or its board is not known."""
        events = np.full(len(frames), _NONE, np.int64)
        rows = np.flatnonzero(_is_good(frames))
        start = starts[board_key_of(frames["source"][rows])]
        found = (self._read(frames[rows]) - start) % _MODULUS
        events[rows] = np.where(start >= 0, found, _NONE)
        return events

    def _read(self, frames: _Columns) -> _Numbers:
        """Event counts of front-end frames."""
        offsets = frames["offset"]
        high = self.buffer[offsets + 13].astype(np.int64) >> 2
        counts: _Numbers = high << 8 | self.buffer[offsets + 14]
        return counts


def _is_good(frames: _Columns) -> npt.NDArray[np.bool_]:
    good: npt.NDArray[np.bool_] = (frames["kind"] <= OPAQUE) & ((frames["flags"] & CRC_BAD) == 0)
    return good


def _good_keys(frames: _Columns) -> _Numbers:
    """Board keys of the good front-end frames."""
    return board_key_of(frames["source"][_is_good(frames)])


def _slice_of(group: np.void) -> slice:
    first = int(group["first_frame"])
    return slice(first, first + int(group["n_frames"]))


def _slice(frames: _Columns, group: np.void) -> _Columns:
    return frames[_slice_of(group)]


def _most_frequent(samples: list[_Numbers]) -> tuple[_Numbers, _Numbers]:
    """Most frequent start count of each board over some gates, and how often it was found."""
    starts = np.full(_KEYS, _NONE, np.int64)
    votes = np.zeros(_KEYS, np.int64)
    if samples:
        table = np.stack(samples)
        for key in np.flatnonzero(np.any(table >= 0, axis=0)).tolist():
            column = table[:, key]
            values, counts = np.unique(column[column >= 0], return_counts=True)
            best = int(np.argmax(counts))
            starts[key], votes[key] = values[best], counts[best]
    return starts, votes


def _all_sure(votes: _Numbers, keys: _Numbers) -> bool:
    """Tell whether the start count of every board was found in two gates at least."""
    return bool(len(keys)) and bool(np.all(votes[keys] >= 2))


def _check_gate(
    frames: _Columns, group: np.void, gates: _Columns, gate: int, events: _Numbers, *, sure: bool
) -> Iterator[Fault]:
    """Compare the frames of a gate with the number in its header."""
    own, number = events[_slice_of(group)], int(gates["gate"][gate])
    known = np.flatnonzero(own >= 0)
    wrong = known[own[known] != number % _MODULUS]
    right = known[own[known] == number % _MODULUS]
    if len(wrong) and len(right) and wrong[-1] < right[0]:
        yield _part(frames, group, int(right[0]))
        gates["offset"][gate] = group["begin"]
    elif len(wrong) and not len(right) and sure:
        gates["flags"][gate] |= GateFlag.ASIDE.value
        yield Fault(
            Kind.HEADER_MISMATCH,
            Severity.ERROR,
            f"the header says gate {number}, but by their event counts the frames are of gate "
            f"{int(own[wrong[0]])}: a header is lost between; the gate is kept aside",
            offset=int(gates["header_offset"][gate]),
            gate=number,
        )


def _part(frames: _Columns, group: np.void, boundary: int) -> Fault:
    """Take the frames before a boundary out of a gate."""
    own = _slice(frames, group)
    offset, begin = int(own["offset"][boundary]), int(group["begin"])
    own["group"][:boundary] = -1
    group["begin"] = offset
    group["first_frame"] += boundary
    group["n_frames"] -= boundary
    return Fault(
        Kind.NO_DAQ_HEADER,
        Severity.ERROR,
        f"event counts jump here: the {boundary} frames from byte {begin} belong to a gate without "
        "DAQ header; they are excluded",
        offset=offset,
    )


def _return_tail(frames: _Columns, groups: _Columns, row: int, events: _Numbers) -> None:
    """Give the end of a group without header to the next group, where it is of its event."""
    if row + 1 >= len(groups):
        return
    group, following = groups[row], groups[row + 1]
    next_events = events[_slice_of(following)]
    next_events = next_events[next_events >= 0]
    own = events[_slice_of(group)]
    known = np.flatnonzero(own >= 0)
    other = known[own[known] != next_events[0]] if len(next_events) else known
    tail = known[known > other[-1]] if len(other) else known[:0]
    if not len(tail):
        return
    piece = _slice(frames, group)[int(tail[0]) :]
    if np.any(np.isin(_identities(piece), _identities(_slice(frames, following)))):
        return  # frames that the next group has already: a copy, not its beginning
    moved, offset = len(piece), int(piece["offset"][0])
    piece["group"] = row + 1
    group["end"] = following["begin"] = offset
    group["n_frames"] -= moved
    following["first_frame"] -= moved
    following["n_frames"] += moved
    following["flags"] |= _flags_of(piece)


def _identities(frames: _Columns) -> _Numbers:
    """Type and source id of front-end frames as one number."""
    own = frames[frames["kind"] <= OPAQUE]
    found: _Numbers = own["type"].astype(np.int64) << 16 | own["source"]
    return found


def _flags_of(frames: _Columns) -> int:
    """Group flags that some frames give."""
    damaged = np.any(frames["flags"] & (CRC_BAD | UNKNOWN | MALFORMED))
    lost = np.any(frames["kind"] == LOST)
    return (GROUP_DAMAGED if damaged else 0) | (GROUP_LOST if lost else 0)
