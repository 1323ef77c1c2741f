"""Run, subrun and gate numbers agree with each other and with the name (X01 to X06)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mx2prod.core.ids import MAX_SUBRUN, SUBRUNS_PER_RUN
from mx2prod.metadata.context import Context
from mx2prod.metadata.overflow import is_overflow, true_number
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

_PER_GATE = ("D", "F", "T")
"""Derived tiers with one entry a gate and gate numbers 1..N."""


@rule("X01", Severity.ERROR, "Name, core.runs, runs_subruns and data_stream agree")
def check_name_tokens(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare the tokens of the name; an unmerged file has one run and one subrun."""
    if view.merged or view.letter == "K":
        return
    for key in ("core.runs", "core.runs_subruns"):
        values = view.integers(key)
        if values is not None and len(values) != 1:
            yield Finding(key, values, "exactly one entry in a file that is not merged")
    name = view.file_name
    if name is None:
        if isinstance(view.record.get("name"), str):
            yield Finding("name", view.record["name"], view.parsed_name.error)
        return
    if view.integers("core.runs") not in (None, [name.run_subrun.run]):
        yield Finding("core.runs", view.get("core.runs"), [name.run_subrun.run])
    stream = view.text("core.data_stream")
    if stream is not None and stream != name.stream:
        yield Finding("core.data_stream", stream, name.stream)


@rule("X02", Severity.ERROR, "core.runs_subruns is run * 100000 + subrun of core.runs")
def check_runs_subruns(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare run and subrun numbers; an overflow that X03 can undo is left to it."""
    key = "core.runs_subruns"
    values = view.integers(key)
    if not values or all(is_overflow(n) and _meant(view, n) for n in values):
        return
    wanted = [] if view.merged else [item.number for item in view.run_subruns]
    if wanted and values != wanted:
        yield Finding(key, values, wanted)
        return
    if any(value % SUBRUNS_PER_RUN > MAX_SUBRUN for value in values):
        yield Finding(key, values, f"subruns of at most {MAX_SUBRUN}")
    runs = view.integers("core.runs")
    if runs and {value // SUBRUNS_PER_RUN for value in values} != set(runs):
        yield Finding(key, values, f"run * 100000 + subrun of the runs {runs}")
    if values != sorted(set(values)):
        yield Finding(key, values, "sorted, each once")


@rule("X03", Severity.ERROR, "core.runs_subruns is not a 32-bit overflow")
def check_overflow(view: RecordView, context: Context) -> Iterator[Finding]:
    """Recognise the 32-bit overflow of the DAQ, and say what was meant."""
    for value in view.integers("core.runs_subruns") or []:
        if not is_overflow(value):
            continue
        meant = _meant(view, value)
        want = f"{meant} (32-bit overflow)" if meant else "no 32-bit overflow"
        yield Finding("core.runs_subruns", value, want)


def _meant(view: RecordView, value: int) -> int | None:
    """Undo a wrap: to the run and subrun of the name, or else to a run of ``core.runs``."""
    if view.run_subruns and not view.merged:
        return true_number(value, view.run_subruns)
    number = true_number(value)
    if number is None or not view.runs:
        return number
    return number if number // SUBRUNS_PER_RUN in view.runs else None


@rule("X04", Severity.ERROR, "core.lum_block_ranges are sorted, ordered, disjoint, below 2^63")
def check_ranges(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the ranges of global gates among themselves."""
    key, ranges = "core.lum_block_ranges", view.ranges
    if not ranges:
        return
    if any(last < first for first, last in ranges):
        yield Finding(key, view.get(key), "first <= last in each range")
    if any(not 0 <= gate < 2**63 for pair in ranges for gate in pair):
        yield Finding(key, view.get(key), "gate numbers from 0 to 2^63 - 1")
    if ranges != sorted(ranges):
        yield Finding(key, view.get(key), "sorted ranges")
    elif any(after[0] <= before[1] for before, after in pairwise(ranges)):
        yield Finding(key, view.get(key), "disjoint ranges: no gate twice")


@rule("X05", Severity.ERROR, "core.event_count fits the ranges of gates read")
def check_event_count(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare the count with the sum of the range lengths, as the tier asks."""
    count, gates = view.integer("core.event_count"), view.gates_in_ranges
    if count is None or gates is None:
        return
    key = "core.event_count"
    if count < 0:
        yield Finding(key, count, "0 or more")
    if view.letter in ("R", *_PER_GATE) and count > gates:
        yield Finding(key, count, f"at most the {gates} gates of core.lum_block_ranges")
    elif view.letter == "T" and view.mixed_stream and count > (gates + 1) // 2:
        yield Finding(key, count, f"at most {(gates + 1) // 2} beam gates of {gates}")
    elif view.letter in ("D", "F") and count + (context.skipped_gates or 0) != gates:
        explained = context.skipped_gates is None and not view.whole
        severity = Severity.WARNING if explained else Severity.ERROR
        want = f"{gates} gates of core.lum_block_ranges less those listed as skipped"
        yield Finding(key, count, want, severity)


@rule("X06", Severity.ERROR, "First and last event number fit the count (derived) or ranges (raw)")
def check_first_last(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the convention D6: gate numbers 1..N on derived files, global gates on raw ones."""
    first, last = (view.integer(f"core.{edge}_event_number") for edge in ("first", "last"))
    if first is None or last is None:
        return
    if view.letter == "R":
        yield from _raw_edges(view, first, last)
    elif view.letter in _PER_GATE:
        yield from _gate_edges(view, context, first, last)


def _raw_edges(view: RecordView, first: int, last: int) -> Iterator[Finding]:
    if not view.ranges:
        return
    edges = (min(pair[0] for pair in view.ranges), max(pair[1] for pair in view.ranges))
    for word, found, wanted in zip(("first", "last"), (first, last), edges, strict=True):
        if found != wanted:
            yield Finding(f"core.{word}_event_number", found, wanted)


def _gate_edges(view: RecordView, context: Context, first: int, last: int) -> Iterator[Finding]:
    if not 1 <= first <= last:
        yield Finding("core.first_event_number", first, f"between 1 and the last, {last}")
        return
    count, length = view.integer("core.event_count"), last - first + 1
    if count is None or view.merged:
        return
    key = "core.last_event_number"
    if length < count:
        yield Finding(key, last, f"at least {first + count - 1} for {count} gates")
    elif length > count and not _gates_dropped(view, context):
        yield Finding(key, last, f"{first + count - 1} for {count} gates, none dropped")


def _gates_dropped(view: RecordView, context: Context) -> bool:
    """Whether gates may be missing between the first and the last."""
    return (
        bool(context.skipped_gates) or not view.whole or (view.letter == "T" and view.mixed_stream)
    )
