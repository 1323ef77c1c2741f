"""What the content of a raw file means for its record (metadata page, 5.2)."""

from __future__ import annotations

from collections.abc import Iterator

from mx2prod.core.errors import RawFileError
from mx2prod.core.ids import FileName
from mx2prod.metadata.problems import OURS, Problem
from mx2prod.metadata.schema import Schema, Stream
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.info import RawInfo

MX2_DETECTOR = 64
"""Detector code in word 0 of the DAQ header."""

ABOUT_SIDECAR = frozenset({Kind.JSON_MISSING, Kind.JSON_UNRELIABLE, Kind.CHECKSUM_MISMATCH})
"""Findings about the DAQ's JSON and not about the bytes."""


def content_status(info: RawInfo) -> str:
    """``core.file_content_status`` of a raw file.

    Returns
    -------
    str
        ``bad`` without an intact gate.  ``recovered`` where something is missing or damaged: any
        finding of severity error about the bytes, lost bytes, or no sentinel.  Else ``good``;
        warnings (a silent board, a clock step) and findings about the DAQ's JSON do not count.
    """
    if not info.intact_gates:
        return "bad"
    damaged = any(
        fault.severity is Severity.ERROR and fault.kind not in ABOUT_SIDECAR
        for fault in info.faults
    )
    return "recovered" if damaged or info.bytes_lost or not info.sentinel else "good"


def require_declarable(info: RawInfo, name: FileName, schema: Schema, *, strict: bool) -> None:
    """Refuse a file whose content contradicts its name, or that no record can describe.

    Parameters
    ----------
    info : RawInfo
    name : FileName
        Its parsed name.
    schema : Schema
    strict : bool
        Refuse a second run in the file too.

    Raises
    ------
    RawFileError
        Without a gate, for another detector, run or subrun, for trigger types of another stream,
        or (strict) for a second run.
    """
    look = f"mx2 raw verify {info.path}"
    if not info.gates or not info.global_ranges or info.first_trigger_time_us is None:
        text = f"{info.path}: no gate in the file, expected at least one: no record can be made"
        raise RawFileError(text, kind=Kind.NO_GATES, next_step=look)
    if info.detector != MX2_DETECTOR:
        text = f"{info.path}: detector code {info.detector}, expected {MX2_DETECTOR} (Mx2)"
        raise RawFileError(text, kind=Kind.HEADER_MISMATCH, next_step=look)
    found, said = (info.run, info.subrun), (name.run_subrun.run, name.run_subrun.subrun)
    if found != said:
        text = (
            f"{info.path}: the DAQ headers say run/subrun {info.run}/{info.subrun}, "
            f"the name {name.run_subrun}"
        )
        raise RawFileError(text, kind=Kind.HEADER_MISMATCH, next_step=look)
    _require_stream(info, schema.streams[name.stream], look)
    second = _first(info, Kind.SECOND_RUN)
    if strict and second is not None:
        raise RawFileError(
            f"{info.path}: {second.where()}: two runs in one file: {second.detail}",
            kind=Kind.SECOND_RUN,
            offset=second.offset,
            next_step=f"mx2 raw salvage {info.path} -o FOLDER",
        )


def _require_stream(info: RawInfo, stream: Stream, look: str) -> None:
    if not set(info.triggers) & {stream.odd, stream.even}:
        text = (
            f"{info.path}: the name says stream {stream.name} (trigger types "
            f"{_types(stream)}), the gates have {sorted(info.triggers)}"
        )
        raise RawFileError(text, kind=Kind.HEADER_MISMATCH, next_step=look)


def trigger_problems(info: RawInfo, stream: Stream) -> Iterator[Problem]:
    """Compare the trigger types of the gates with the stream of the name.

    Parity of the gate number is not an error: it shifts when a gate is lost.
    """
    allowed = {stream.odd, stream.even}
    others = {str(kind): n for kind, n in sorted(info.triggers.items()) if kind not in allowed}
    if others:
        want = f"trigger types {_types(stream)} for {stream.name}"
        yield _warning(f"gates by trigger type: {others}", want)
    if not stream.mixed:
        return
    pairs = zip(info.gate_numbers, info.trigger_types, strict=True)
    shifted = sum(
        kind in allowed and kind != (stream.odd if gate % 2 else stream.even)
        for gate, kind in pairs
    )
    if shifted:
        want = f"odd gates of type {stream.odd}, even ones of type {stream.even}"
        yield _warning(f"{shifted} gates of the other parity", want)
    beam, most = info.triggers.get(stream.odd, 0), (info.gates + 1) // 2
    if beam > most:
        yield _warning(f"{beam} beam gates", f"at most {most} of {info.gates}")


def _warning(got: str, want: str) -> Problem:
    return Problem("core.data_stream", "content", Severity.WARNING, got, want, OURS)


def _types(stream: Stream) -> str:
    return " and ".join(str(kind) for kind in sorted({stream.odd, stream.even}))


def _first(info: RawInfo, kind: Kind) -> Fault | None:
    return next((fault for fault in info.faults if fault.kind is kind), None)
