"""Findings about frames, boards and lost bytes of a stretch (raw-format page, section 11)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import FEB_ABSENT, FEB_INCOMPLETE, FebFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.framing_kernels import (
    BY_END,
    BY_HEADER,
    BY_SENTINEL,
    CRC_BAD,
    DAQ_HEADER,
    FPGA,
    LOST,
    MALFORMED,
    MANY_HITS,
    STATUS_BAD,
    TYPE_CLASS,
    UNKNOWN,
)
from mx2prod.raw.layout import (
    CHAIN_MASK,
    DAQ_HEADER_BYTES,
    DAQ_HEADER_MAGIC,
    FRAME_HEALTHY,
    MAX_FRAME_BYTES,
    MAX_HITS,
    MIN_FRAME_BYTES,
    RUN_HEADER_BYTES,
    RUN_HEADER_MAGIC,
    SENTINEL_MAGIC,
    Address,
)

_Columns = npt.NDArray[np.void]
_Bytes = npt.NDArray[np.uint8]
_WORTH_A_FINDING = CRC_BAD | STATUS_BAD | UNKNOWN | MALFORMED | MANY_HITS
_FRAME_KINDS = (
    (CRC_BAD, Kind.CRC_ERROR, Severity.ERROR),
    (UNKNOWN, Kind.UNKNOWN_FRAME, Severity.ERROR),
    (MALFORMED, Kind.MALFORMED, Severity.ERROR),
    (STATUS_BAD, Kind.FRAME_STATUS, Severity.WARNING),
    (MANY_HITS, Kind.HIT_COUNT, Severity.WARNING),
)


MAX_LISTED = 100_000
"""Findings of frames, and of boards, that are listed one by one for a file."""


@dataclass
class Listing:
    """The first findings of one sort are listed one by one; what comes after is counted.

    A file in which every frame is bad must not fill the memory with findings.

    Parameters
    ----------
    listed, unlisted : int
        Findings so far.
    flags : int
        All bits of ``flags`` of the frames or boards that are not listed.
    """

    listed: int = 0
    unlisted: int = 0
    flags: int = 0

    def take(self, rows: npt.NDArray[np.intp], flags: npt.NDArray[Any]) -> npt.NDArray[np.intp]:
        """Return the rows to list, and count the others; ``flags`` has one value a row."""
        room = min(len(rows), MAX_LISTED - self.listed)
        self.listed += room
        self.unlisted += len(rows) - room
        self.flags |= int(np.bitwise_or.reduce(flags[room:], initial=0))
        return rows[:room]


def unlisted_faults(frames: Listing, boards: Listing) -> Iterator[Fault]:
    """Yield a finding that counts those which are not listed, under the gravest of their kinds."""
    if frames.unlisted:
        kind, severity = next(
            (kind, severity) for bit, kind, severity in _FRAME_KINDS if frames.flags & bit
        )
        detail = f"{frames.unlisted} more frames with findings, not listed one by one"
        yield Fault(kind, severity, detail)
    if boards.unlisted:
        detail = f"{boards.unlisted} more findings of boards without all frames, not listed"
        yield Fault(Kind.FEB_MISSING, Severity.WARNING, detail)


def frame_faults(
    buffer: _Bytes,
    frames: _Columns,
    gate_of_group: npt.NDArray[np.int64],
    listing: Listing,
) -> Iterator[Fault]:
    """Yield one finding per frame that has a bad CRC, error bits, or unusable content.

    Parameters
    ----------
    buffer : ndarray of uint8
    frames : ndarray of FRAME_DTYPE
    gate_of_group : ndarray of int64
        Gate number of each group; -1 where the group is no gate.
    listing : Listing
        Shared by all calls for a file.
    """
    rows = np.flatnonzero(frames["flags"] & _WORTH_A_FINDING)
    for row in listing.take(rows, frames["flags"][rows]):
        frame = frames[row]
        kind, severity, detail = _judge(buffer, frame)
        address = Address.of(int(frame["source"]))
        yield Fault(
            kind,
            severity,
            detail,
            offset=int(frame["offset"]),
            length=int(frame["length"]),
            gate=_gate_number(gate_of_group, int(frame["group"])),
            crate=address.crate,
            croc=address.croc,
            channel=address.channel,
            feb=address.feb,
            hit=address.hit,
        )


def _judge(buffer: _Bytes, frame: np.void) -> tuple[Kind, Severity, str]:
    flags = int(frame["flags"])
    start, length = int(frame["offset"]), int(frame["length"])
    if flags & CRC_BAD:
        found = bytes(buffer[start + length - 2 : start + length]).hex(" ")
        return Kind.CRC_ERROR, Severity.ERROR, f"CRC bytes {found} do not fit the frame"
    if flags & UNKNOWN:
        detail = f"device/function byte 0x{int(frame['type']):02X} is unknown; kept as bytes"
        return Kind.UNKNOWN_FRAME, Severity.ERROR, detail
    if flags & MALFORMED:
        detail = (
            f"frame type 0x{int(frame['type']):02X} of firmware {int(buffer[start + 4])}: length "
            f"{length} or content is not legal; kept as bytes"
        )
        return Kind.MALFORMED, Severity.ERROR, detail
    if flags & MANY_HITS:
        return Kind.HIT_COUNT, Severity.WARNING, f"a TriP has more than {MAX_HITS} hits"
    detail = (
        f"frame status 0x{int(frame['status']):04X}, byte 12 0x{int(buffer[start + 12]):02X}, "
        f"expected no error bits and 0x{FRAME_HEALTHY:02X}"
    )
    return Kind.FRAME_STATUS, Severity.WARNING, detail


def board_faults(febs: _Columns, gates: _Columns, listing: Listing) -> Iterator[Fault]:
    """Yield one finding per gate and board that lacks frames or does not answer.

    A gate without any frame gives one finding for all its boards.
    """
    absent = np.bincount(febs["gate"][febs["flags"] == FEB_ABSENT], minlength=len(gates))
    empty = (absent == gates["n_febs"]) & (absent > 1)
    gates_without = np.flatnonzero(empty)
    for row in listing.take(gates_without, gates["flags"][gates_without]):
        yield Fault(
            Kind.FEB_MISSING,
            Severity.WARNING,
            f"no frame of any of the {int(absent[row])} boards in the gate",
            gate=int(gates["gate"][row]),
        )
    missing = (febs["flags"] & FEB_INCOMPLETE) != 0
    rows = np.flatnonzero(missing & ~_explained_by_opaque(febs) & ~empty[febs["gate"]])
    for row in listing.take(rows, febs["flags"][rows]):
        feb = febs[row]
        no_answer = bool(feb["flags"] & FebFlag.NO_ANSWER)
        yield Fault(
            Kind.FEB_NO_ANSWER if no_answer else Kind.FEB_MISSING,
            Severity.WARNING,
            "header-only frames" if no_answer else _what_is_missing(feb),
            gate=int(gates["gate"][feb["gate"]]),
            crate=int(feb["crate"]),
            croc=int(feb["croc"]),
            channel=int(feb["chain"]),
            feb=int(feb["board"]),
        )


def _explained_by_opaque(febs: _Columns) -> npt.NDArray[np.bool_]:
    explained: npt.NDArray[np.bool_] = (febs["flags"] & FebFlag.OPAQUE) != 0
    return explained


def _what_is_missing(feb: np.void) -> str:
    flags = FebFlag(int(feb["flags"]))
    if flags & FebFlag.ABSENT:
        return "no frame of this board in the gate"
    parts = []
    if flags & FebFlag.NO_DISCRIMINATOR:
        parts.append("discriminator frame")
    if flags & FebFlag.ADC_INCOMPLETE:
        wanted = "" if flags & FebFlag.NO_DISCRIMINATOR else f" of {int(feb['n_timed']) + 1}"
        parts.append(f"ADC frames ({int(feb['n_adc'])}{wanted} found)")
    if flags & FebFlag.NO_FPGA:
        parts.append("FPGA frame")
    return "missing: " + ", ".join(parts)


def board_notes(febs: _Columns, noted: set[tuple[int, int]]) -> Iterator[Fault]:
    """Yield findings that are worth one line per board and file: unexpected, or deviating."""
    flag_texts = (
        (FebFlag.UNEXPECTED, Kind.HEADER_MISMATCH, Severity.WARNING, "not in the run header"),
        (
            FebFlag.FIRMWARE_LENGTH,
            Kind.FRAME_STATUS,
            Severity.NOTE,
            "frame lengths are not those of its firmware version; decoded by length",
        ),
        (
            FebFlag.REGISTER_MISMATCH,
            Kind.FRAME_STATUS,
            Severity.NOTE,
            "board number, firmware or hit counters in the FPGA registers deviate",
        ),
    )
    for flag, kind, severity, text in flag_texts:
        for row in np.flatnonzero(febs["flags"] & flag):
            feb = febs[row]
            crate, croc, chain, board = (int(feb[n]) for n in ("crate", "croc", "chain", "board"))
            key = (int(flag), crate << 10 | croc << 6 | chain << 4 | board)
            if key not in noted:
                noted.add(key)
                yield Fault(
                    kind,
                    severity,
                    f"{text} (first seen here; said once a file)",
                    crate=crate,
                    croc=croc,
                    channel=chain,
                    feb=board,
                )


def headerless_faults(groups: _Columns, after: list[int | None]) -> Iterator[Fault]:
    """Yield a finding for each group of frames that has no DAQ header.

    Parameters
    ----------
    groups : ndarray of GROUP_DTYPE
    after : list of int or None
        Number of the last gate before each group.
    """
    for row in np.flatnonzero(groups["closed_by"] != BY_HEADER):
        group = groups[row]
        frames, begin, end = (int(group[n]) for n in ("n_frames", "begin", "end"))
        place = "before the first gate" if after[row] is None else f"after gate {after[row]}"
        if group["closed_by"] == BY_END:
            detail = f"the file ends inside the gate {place}: {frames} frames without DAQ header"
            yield Fault(Kind.TRUNCATED, Severity.ERROR, detail, offset=end)
            continue
        mark = "the sentinel" if group["closed_by"] == BY_SENTINEL else "the next gate"
        yield Fault(
            Kind.NO_DAQ_HEADER,
            Severity.ERROR,
            f"{mark} begins here, but the {frames} frames {place} (from byte {begin}) have no "
            "DAQ header; they are excluded",
            offset=end,
        )


def lost_faults(
    buffer: _Bytes,
    frames: _Columns,
    gate_of_group: npt.NDArray[np.int64],
    after: list[int | None],
    *,
    ended: bool,
) -> Iterator[tuple[int, Fault]]:
    """Yield (row, finding) for each byte range that no frame explains.

    ``after`` has the last gate number before each group; ``ended`` says that a sentinel came
    before, so that a short tail is not a cut frame.
    """
    for row in np.flatnonzero(frames["kind"] == LOST):
        start, length = int(frames["offset"][row]), int(frames["length"][row])
        gate = _gate_number(gate_of_group, int(frames["group"][row]))
        wrapped = _wrapped_chain(buffer, frames, int(row))
        if wrapped is not None:
            yield (
                int(row),
                Fault(
                    Kind.BLOCK_WRAPPED,
                    Severity.ERROR,
                    "chain block of 64 KiB or more: the DAQ wrote its length modulo 65536, the "
                    "frame here is cut and the rest of the chain is lost",
                    offset=start,
                    length=length,
                    gate=gate,
                    crate=wrapped.crate,
                    croc=wrapped.croc,
                    channel=wrapped.channel,
                    feb=wrapped.feb,
                    hit=wrapped.hit,
                ),
            )
        elif start + length == buffer.size and is_cut_frame(buffer, start, ended=ended):
            detail = f"the file ends {length} bytes into a frame" + _open_gate(
                frames, int(frames["group"][row]), after
            )
            yield (
                int(row),
                Fault(
                    Kind.TRUNCATED, Severity.ERROR, detail, offset=start, length=length, gate=gate
                ),
            )
        else:
            detail = f"{length} bytes are no frame; skipped to the next good one"
            yield (
                int(row),
                Fault(
                    Kind.BYTES_LOST, Severity.ERROR, detail, offset=start, length=length, gate=gate
                ),
            )


def _open_gate(frames: _Columns, group: int, after: list[int | None]) -> str:
    """Say how much of the last gate is there."""
    if not 0 <= group < len(after):
        return ""
    count = int(np.sum((frames["group"] == group) & (frames["kind"] < DAQ_HEADER)))
    place = "before the first gate" if after[group] is None else f"after gate {after[group]}"
    return f"; the gate {place} has {count} whole frames and no DAQ header, it is lost"


def is_cut_frame(buffer: _Bytes, start: int, *, ended: bool = False) -> bool:
    """Tell whether the bytes up to the end of the file begin a frame that is longer than them."""
    left = buffer.size - start
    head = bytes(buffer[start : start + 10])
    for magic, length in (
        (RUN_HEADER_MAGIC, RUN_HEADER_BYTES),
        (DAQ_HEADER_MAGIC, DAQ_HEADER_BYTES),
        (SENTINEL_MAGIC, DAQ_HEADER_BYTES),
    ):
        if left < length and head[:8] == magic[: min(left, 8)]:
            return True
    if left < 10:
        return not ended
    length = int.from_bytes(head[:2], "big")
    return head[:2] == head[8:10] and MIN_FRAME_BYTES <= length <= MAX_FRAME_BYTES and length > left


def _wrapped_chain(buffer: _Bytes, frames: _Columns, row: int) -> Address | None:
    """Address of the cut frame if a lost range looks like a wrapped chain block."""
    start, length = int(frames["offset"][row]), int(frames["length"][row])
    if length < 8 or not TYPE_CLASS[buffer[start + 5]] or row + 1 >= len(frames):
        return None
    declared = int(buffer[start]) << 8 | int(buffer[start + 1])
    source = int(buffer[start + 6]) << 8 | int(buffer[start + 7])
    after, chain = frames[row + 1], source & CHAIN_MASK
    ends_chain = after["kind"] == DAQ_HEADER or (after["source"] & CHAIN_MASK) != chain
    same_gate = after["group"] == frames["group"][row]
    if not ends_chain or not same_gate or declared <= length:
        return None
    group = frames[frames["group"] == frames["group"][row]]
    same_chain = (group["source"] & CHAIN_MASK) == chain
    of_chain = group[same_chain & (group["kind"] < DAQ_HEADER)]
    if not len(of_chain) or np.any(of_chain["kind"] == FPGA):
        return None
    return Address.of(source)


def _gate_number(gate_of_group: npt.NDArray[np.int64], group: int) -> int | None:
    if not 0 <= group < len(gate_of_group) or gate_of_group[group] < 0:
        return None
    return int(gate_of_group[group])
