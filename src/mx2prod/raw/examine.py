"""From stretches of frames to checked gates: one pass, findings as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import FEB_DTYPE, FEB_INCOMPLETE, GateFlag
from mx2prod.raw.decode_kernels import assemble
from mx2prod.raw.event_count import EventCounts
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.findings import (
    Listing,
    board_faults,
    board_notes,
    frame_faults,
    headerless_faults,
    lost_faults,
    unlisted_faults,
)
from mx2prod.raw.framing import Run, Stretch
from mx2prod.raw.framing_kernels import (
    ADC,
    BY_HEADER,
    CRC_BAD,
    DAQ_HEADER,
    DISCRIMINATOR,
    FPGA,
    GROUP_DAMAGED,
    GROUP_LOST,
    LOST,
    RUN_HEADER,
    SENTINEL,
)
from mx2prod.raw.gates import GateOrder, Identity, check_against_name, read_headers
from mx2prod.raw.layout import RUN_HEADER_BYTES, RunHeader, board_key_of

_Columns = npt.NDArray[np.void]
_SEVERE_BOARDS, _SEVERE_GATES = 0.05, 0.01
"""More than 5 % of the boards missing in more than 1 % of the gates is an error (section 11)."""


@dataclass
class Totals:
    """What was counted in a file.

    ``bytes_decoded + bytes_lost`` is the size of the file; frames of gates without a DAQ header
    are decoded bytes, counted in ``headerless_frames``.
    """

    bytes_decoded: int = 0
    bytes_lost: int = 0
    gates: int = 0
    intact_gates: int = 0
    headerless_groups: int = 0
    headerless_frames: int = 0
    adc: int = 0
    discriminator: int = 0
    fpga: int = 0


@dataclass
class Examined:
    """A stretch with its gates and boards; arrays are new, ``frames`` belongs to the walker.

    Attributes
    ----------
    run : Run
    gates : ndarray of GATE_DTYPE
    febs : ndarray of FEB_DTYPE
    frames : ndarray of FRAME_DTYPE
    n_records, n_adc : int
        Rows that the decode arrays need.
    faults : list of Fault
    """

    run: Run
    gates: _Columns
    febs: _Columns
    frames: _Columns
    n_records: int
    n_adc: int
    faults: list[Fault]


@dataclass
class Examiner:
    """State of the checks over one file.

    Parameters
    ----------
    buffer : ndarray of uint8
        The whole file.
    stream, name_run, name_subrun
        From the file name; None where it does not parse.
    """

    buffer: npt.NDArray[np.uint8]
    stream: str | None = None
    name_run: int | None = None
    name_subrun: int | None = None
    totals: Totals = field(default_factory=Totals)
    runs: list[Run] = field(default_factory=list)
    identities: dict[int, Identity] = field(default_factory=dict)
    sentinels: set[int] = field(default_factory=set)
    _order: GateOrder | None = None
    _seen: set[tuple[int, int, int]] = field(default_factory=set)
    _noted: set[tuple[int, int]] = field(default_factory=set)
    _counts: EventCounts = field(init=False)
    _thin_gates: int = 0
    _cut_end: bool = False
    _frame_listing: Listing = field(default_factory=Listing)
    _board_listing: Listing = field(default_factory=Listing)

    def __post_init__(self) -> None:
        self._counts = EventCounts(self.buffer)

    def examine(self, stretch: Stretch) -> Examined:
        """Check a stretch and find the boards of its gates."""
        frames, groups = stretch.frames, stretch.groups
        faults = list(self._start(stretch))
        rows = np.flatnonzero(groups["closed_by"] == BY_HEADER)
        after = _last_gate_before(groups, self._counts.last_gate, self.buffer)
        gates = read_headers(self.buffer, groups[rows])
        order = self._order_of(stretch.run, gates, faults)
        if order is not None:
            faults += order.check(gates)
        faults += self._counts.check(frames, groups, gates)
        trimmed = _trim_lost(frames, groups)
        gates["offset"] = groups["begin"][rows]
        febs, n_records, n_adc = _assemble(self.buffer, stretch, rows)
        _link(gates, febs)
        gate_of_group = np.full(len(groups), -1, np.int64)
        gate_of_group[rows] = gates["gate"]
        _flag(gates, groups[rows], trimmed[rows], febs)
        faults += frame_faults(self.buffer, frames, gate_of_group, self._frame_listing)
        faults += self._lost(stretch, gate_of_group, after, gates)
        faults += self._headerless(stretch, after)
        faults += board_faults(febs, gates, self._board_listing)
        faults += board_notes(febs, self._noted)
        self._count(stretch, gates, febs)
        return Examined(stretch.run, gates, febs, frames, n_records, n_adc, faults)

    def finish(self) -> Iterator[Fault]:
        """Yield findings that are known only at the end of the file."""
        yield from unlisted_faults(self._frame_listing, self._board_listing)
        last = self.runs[-1].index if self.runs else 0
        if self.totals.gates and last not in self.sentinels and not self._cut_end:
            yield Fault(
                Kind.NO_SENTINEL,
                Severity.WARNING,
                "the file ends after a DAQ header, without a sentinel",
                offset=int(self.buffer.size),
            )
        if not self.totals.gates:
            yield Fault(
                Kind.NO_GATES,
                Severity.ERROR,
                f"no DAQ header in the file ({self.totals.headerless_frames} frames without one)",
                offset=0,
                length=int(self.buffer.size),
            )
        if self._thin_gates > _SEVERE_GATES * self.totals.gates:
            yield Fault(
                Kind.FEB_MISSING,
                Severity.ERROR,
                f"more than {_SEVERE_BOARDS:.0%} of the boards are missing in "
                f"{self._thin_gates} of {self.totals.gates} gates",
            )

    def _start(self, stretch: Stretch) -> Iterator[Fault]:
        run = stretch.run
        if self.runs and self.runs[-1] is run:
            return
        if self.runs:
            yield from self._second_run(run)
        self.runs.append(run)
        self._order, self._counts = None, EventCounts(self.buffer)
        if run.header.assumed:
            run.header = _assumed_header(stretch)
        yield from _run_header_faults(run)
        self.totals.bytes_lost += run.lost_before
        if run.error:
            self.totals.bytes_lost += run.header_bytes
        else:
            self.totals.bytes_decoded += run.header_bytes

    def _second_run(self, run: Run) -> Iterator[Fault]:
        previous = self.runs[-1]
        if previous.index not in self.sentinels:
            yield Fault(
                Kind.NO_SENTINEL,
                Severity.WARNING,
                f"run {previous.index} of the file has no sentinel",
                offset=run.begin,
            )
        yield Fault(
            Kind.SECOND_RUN,
            Severity.ERROR,
            f"a second run header: the file holds {run.index + 1} runs, they are never merged",
            offset=run.begin,
            length=RUN_HEADER_BYTES,
        )

    def _order_of(self, run: Run, gates: _Columns, faults: list[Fault]) -> GateOrder | None:
        if self._order is None and len(gates):
            identity = Identity.of(gates, self.stream)
            self.identities[run.index] = identity
            self._order = GateOrder(identity, self._seen)
            faults += check_against_name(identity, self.name_run, self.name_subrun)
        return self._order

    def _lost(
        self,
        stretch: Stretch,
        gate_of_group: npt.NDArray[np.int64],
        after: list[int | None],
        gates: _Columns,
    ) -> Iterator[Fault]:
        ended = stretch.run.index in self.sentinels or SENTINEL in stretch.frames["kind"]
        for row, fault in lost_faults(
            self.buffer, stretch.frames, gate_of_group, after, ended=ended
        ):
            if fault.kind is Kind.BLOCK_WRAPPED and fault.gate is not None:
                begin = stretch.groups["begin"][stretch.frames["group"][row]]
                gates["flags"][gates["offset"] == begin] |= GateFlag.WRAPPED.value
            self._cut_end |= fault.kind is Kind.TRUNCATED
            yield fault

    def _headerless(self, stretch: Stretch, after: list[int | None]) -> Iterator[Fault]:
        for fault in headerless_faults(stretch.groups, after):
            if fault.kind is Kind.TRUNCATED and self._cut_end:
                continue
            self._cut_end |= fault.kind is Kind.TRUNCATED
            yield fault
        for row in np.flatnonzero(stretch.frames["kind"] == SENTINEL):
            self.sentinels.add(stretch.run.index)
            if np.any(stretch.frames["kind"][row + 1 :] < DAQ_HEADER):
                yield Fault(
                    Kind.NO_RUN_HEADER,
                    Severity.ERROR,
                    "frames follow this sentinel without a run header",
                    offset=int(stretch.frames["offset"][row]),
                )

    def _count(self, stretch: Stretch, gates: _Columns, febs: _Columns) -> None:
        totals, frames, groups = self.totals, stretch.frames, stretch.groups
        lost = frames["kind"] == LOST
        totals.bytes_lost += int(frames["length"][lost].sum())
        totals.bytes_decoded += int(frames["length"][~lost].sum())
        kinds = np.bincount(frames["kind"], minlength=RUN_HEADER + 1)
        totals.discriminator += int(kinds[DISCRIMINATOR])
        totals.adc += int(kinds[ADC])
        totals.fpga += int(kinds[FPGA])
        totals.gates += len(gates)
        spoiled = GateFlag.INCOMPLETE | GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.ASIDE
        totals.intact_gates += int(np.sum((gates["flags"] & spoiled) == 0))
        totals.headerless_groups += int(np.sum(groups["closed_by"] != BY_HEADER))
        outside = (frames["kind"] < DAQ_HEADER) & (frames["feb"] < 0)
        totals.headerless_frames += int(np.sum(outside))
        missing = (febs["flags"] & FEB_INCOMPLETE) != 0
        per_gate = np.bincount(febs["gate"][missing], minlength=len(gates))
        self._thin_gates += int(np.sum(per_gate > _SEVERE_BOARDS * stretch.run.header.febs))


def _assumed_header(stretch: Stretch) -> RunHeader:
    """Map of a file without run header: the nominal one, unless the boards seen are others."""
    nominal, seen = set(stretch.run.header.board_keys().tolist()), _seen_boards(stretch)
    if not seen or 2 * len(nominal.intersection(seen)) >= len(nominal):
        return stretch.run.header
    return RunHeader.of_boards(seen)


def _run_header_faults(run: Run) -> Iterator[Fault]:
    if run.lost_before:
        yield Fault(
            Kind.BYTES_LOST,
            Severity.ERROR,
            f"a run header cut to {run.lost_before} bytes, with another one right behind it",
            offset=run.begin - run.lost_before,
            length=run.lost_before,
        )
    header = run.header
    if header.assumed:
        reason = run.error or "the first frame is not a run header"
        yield Fault(
            Kind.NO_RUN_HEADER,
            Severity.ERROR,
            f"{reason}; {'the nominal Mx2' if header.is_nominal else 'a'} map of {header.febs} "
            "boards stands in",
            offset=run.begin,
        )
    elif not header.is_nominal:
        yield Fault(
            Kind.HEADER_MISMATCH,
            Severity.NOTE,
            f"the run header lists {len(header.chains)} chains and {header.febs} FEBs, Mx2 has "
            "22 chains and 185 FEBs; the run header is taken as true",
            offset=run.begin,
        )


def _last_gate_before(
    groups: _Columns, last: int | None, buffer: npt.NDArray[np.uint8]
) -> list[int | None]:
    """Gate number of the last DAQ header before each group."""
    numbers = groups["header_offset"]
    before: list[int | None] = []
    for offset in numbers.tolist():
        before.append(last)
        if offset >= 0:
            last = int.from_bytes(bytes(buffer[offset + 32 : offset + 36]), "little")
    return before


def _assemble(
    buffer: npt.NDArray[np.uint8], stretch: Stretch, rows: npt.NDArray[np.int64]
) -> tuple[_Columns, int, int]:
    expected = stretch.run.header.board_keys()
    capacity = len(rows) * (len(expected) + 8) + 64
    while True:
        febs = np.zeros(capacity, FEB_DTYPE)
        n_febs, n_records, n_adc = assemble(
            buffer, stretch.frames, stretch.groups, rows, expected, febs
        )
        if n_febs >= 0:
            return febs[:n_febs], n_records, n_adc
        capacity *= 2


def _link(gates: _Columns, febs: _Columns) -> None:
    per_gate = np.bincount(febs["gate"], minlength=len(gates))
    gates["n_febs"] = per_gate
    gates["first_feb"] = np.cumsum(per_gate) - per_gate


def _trim_lost(frames: _Columns, groups: _Columns) -> npt.NDArray[np.bool_]:
    """Take lost ranges in front of the first frame out of their groups; tell which had one."""
    trimmed = np.zeros(len(groups), np.bool_)
    for row in np.flatnonzero(groups["flags"] & GROUP_LOST).tolist():
        group = groups[row]
        first = int(group["first_frame"])
        lost = frames["kind"][first : first + int(group["n_frames"])] == LOST
        leading = int(np.argmin(lost)) if not lost.all() else 0
        if leading:
            trimmed[row] = True
            group["first_frame"] += leading
            group["n_frames"] -= leading
            group["begin"] = frames["offset"][first + leading]
        if lost.sum() == leading:
            group["flags"] &= ~np.uint8(GROUP_LOST)
    return trimmed


def _flag(
    gates: _Columns, groups: _Columns, trimmed: npt.NDArray[np.bool_], febs: _Columns
) -> None:
    """Set INCOMPLETE and DAMAGED; lost bytes before a complete gate are not of this gate."""
    incomplete = (febs["flags"] & FEB_INCOMPLETE) != 0
    gates["flags"][febs["gate"][incomplete]] |= GateFlag.INCOMPLETE.value
    lacks = (gates["flags"] & GateFlag.INCOMPLETE) != 0
    damaged = (groups["flags"] & (GROUP_LOST | GROUP_DAMAGED)) != 0
    gates["flags"][damaged | (trimmed & lacks)] |= GateFlag.DAMAGED.value


def _seen_boards(stretch: Stretch) -> list[int]:
    """Keys of the boards whose FPGA frame stands in at least half of the gates."""
    frames = stretch.frames
    source = frames["source"][(frames["kind"] == FPGA) & (frames["flags"] & CRC_BAD == 0)]
    keys, counts = np.unique(board_key_of(source), return_counts=True)
    n_gates = int(np.sum(stretch.groups["closed_by"] == BY_HEADER))
    found: list[int] = keys[2 * counts >= max(n_gates, 1)].tolist()
    return found
