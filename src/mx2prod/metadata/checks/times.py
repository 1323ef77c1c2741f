"""Start and end time (X08 to X10)."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from typing import Any

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import FileName
from mx2prod.metadata.context import Context
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView, as_number
from mx2prod.raw.faults import Severity

FUTURE_SECONDS = 60.0
PROCESS_TIME_SECONDS = 86_400.0
STAMP_SECONDS = 120.0
SECONDS_PER_GATE = (0.2, 10.0)
_KEYS = ("core.start_time", "core.end_time")
_NUMERAL = re.compile(r"\d{1,15}(\.\d{1,9})?\Z")


@rule("X08", Severity.ERROR, "Start and end are numbers, in order, in the years of Mx2 data taking")
def check_times(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check start and end time, and that they are not those of the job."""
    now = time.time() if context.now is None else context.now
    for key in _KEYS:
        value = view.get(key)
        if key not in view.metadata:
            continue
        if as_number(value) is None:
            yield Finding(key, value, "UTC seconds as a number")
        elif not context.schema.earliest_time <= value <= now + FUTURE_SECONDS:
            yield Finding(key, value, "between 2023-01-01 and now")
    start, end = (view.number(key) for key in _KEYS)
    if start is not None and end is not None and end < start:
        yield Finding("core.end_time", end, f"not before the start, {start}")
    yield from _check_process_time(view, context)


def _check_process_time(view: RecordView, context: Context) -> Iterator[Finding]:
    start, stamp = readable_seconds(view.get("core.start_time")), raw_stamp(view)
    if start is None or stamp is None or start - stamp <= PROCESS_TIME_SECONDS:
        return
    convention = context.time_convention or context.schema.time_convention
    severity = Severity.ERROR if convention == "data" else Severity.WARNING
    want = f"time of data taking, about {stamp:.1f}: this looks like the time of the job"
    yield Finding("core.start_time", view.get("core.start_time"), want, severity)


@rule("X09", Severity.WARNING, "The start is within 120 s of the stamp of the raw file")
def check_stamp(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare with the set-up of the subrun; later than a day is left to X08."""
    start, stamp = view.number("core.start_time"), raw_stamp(view)
    if start is None or stamp is None or start - stamp > PROCESS_TIME_SECONDS:
        return
    if abs(start - stamp) > STAMP_SECONDS:
        yield Finding("core.start_time", start, f"within 120 s of {stamp:.1f}")


@rule("X10", Severity.WARNING, "A beam file takes 0.2 to 10 s a gate")
def check_rate(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare the duration with the count of gates; one gate has no duration."""
    stream = context.schema.streams.get(view.text("core.data_stream") or "")
    start, end = (view.number(key) for key in _KEYS)
    count = view.integer("core.event_count")
    if stream is None or not stream.beam or view.letter in ("M", "K"):
        return
    if start is None or end is None or count is None or count < 2:
        return
    per_gate = (end - start) / count
    if not SECONDS_PER_GATE[0] <= per_gate <= SECONDS_PER_GATE[1]:
        want = f"{SECONDS_PER_GATE[0]} to {SECONDS_PER_GATE[1]} s a gate"
        yield Finding("core.end_time", f"{per_gate:.3g} s a gate", want)


def raw_stamp(view: RecordView) -> float | None:
    """UTC seconds of the stamp of the raw file: the file itself, or its first raw parent."""
    if view.file_name is not None and view.file_name.is_raw:
        return view.file_name.time.timestamp()
    for did in view.parents:
        try:
            name = FileName.parse(did.rpartition(":")[2])
        except NameFormatError:
            continue
        if name.is_raw:
            return name.time.timestamp()
    return None


def readable_seconds(value: Any) -> float | None:
    """Give a number, also where it was written as a text."""
    if isinstance(value, str) and _NUMERAL.match(value):
        return float(value)
    return as_number(value)
