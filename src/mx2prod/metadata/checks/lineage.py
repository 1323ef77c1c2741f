"""Parents and duplicates (X13, X14)."""

from __future__ import annotations

from collections.abc import Iterator

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import FileName
from mx2prod.metadata.context import Context, Record, did_of, parent_dids
from mx2prod.metadata.problems import shown
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

_PER_GATE = ("D", "F", "T")
_SAME_OUTPUT = (
    "core.data_tier",
    "core.application.name",
    "core.application.version",
    "dune.config_file",
)


@rule(
    "X13", Severity.ERROR, "Parents exist, fit in run, subrun, stream and tier, and hold the gates"
)
def check_parents(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare with the names of the parents, and with their records where they are at hand."""
    for did in view.parents:
        if view.letter != "K":
            yield from _check_parent_name(view, did)
        record = context.records.find(did) if context.records else None
        if record is not None:
            yield from _check_parent(view, did, record)
        elif context.records is not None and context.records.complete:
            yield Finding("parents", did, "a declared file")


def _check_parent_name(view: RecordView, did: str) -> Iterator[Finding]:
    if view.merged:
        return
    try:
        parent = FileName.parse(did.rpartition(":")[2])
    except NameFormatError:
        if view.letter is not None:
            yield Finding("parents", did, "the name of an Mx2 file")
        return
    name = view.file_name
    if name is not None and (parent.run_subrun, parent.stream) != (name.run_subrun, name.stream):
        yield Finding("parents", did, f"run/subrun {name.run_subrun} and stream {name.stream}")
    tier = view.schema.by_suffix.get(parent.suffix)
    if view.tier is not None and (tier is None or tier.letter not in view.tier.parents):
        yield Finding("parents", did, f"a parent of tier {' or '.join(view.tier.parents)}")


def _check_parent(view: RecordView, did: str, record: Record) -> Iterator[Finding]:
    parent = RecordView(dict(record), view.schema)
    if record.get("retired"):
        yield Finding("parents", did, "a file that is not retired")
    if view.tier is None or view.merged or view.letter == "K":
        return
    if parent.letter is not None and parent.letter not in view.tier.parents:
        yield Finding("parents", did, f"a parent of tier {' or '.join(view.tier.parents)}")
    for key in ("core.runs", "core.data_stream"):
        if key in view.metadata and parent.get(key) not in (None, view.get(key)):
            yield Finding(key, view.get(key), f"as the parent, {shown(parent.get(key))}")
    yield from _check_gates(view, parent)


def _check_gates(view: RecordView, parent: RecordView) -> Iterator[Finding]:
    count, available = view.integer("core.event_count"), parent.integer("core.event_count")
    both_known = count is not None and available is not None
    if view.letter in _PER_GATE and both_known and (count or 0) > (available or 0):
        yield Finding("core.event_count", count, f"at most {available}, as the parent has")
    if not _inside(view.ranges or [], parent.ranges):
        want = f"inside the ranges of the parent, {shown(parent.get('core.lum_block_ranges'))}"
        yield Finding("core.lum_block_ranges", view.get("core.lum_block_ranges"), want)


def _inside(inner: list[tuple[int, int]], outer: list[tuple[int, int]] | None) -> bool:
    if not outer:
        return True
    return all(any(a <= first and last <= b for a, b in outer) for first, last in inner)


@rule("X14", Severity.ERROR, "No second file of the same tier, version, configuration and parent")
def check_duplicates(view: RecordView, context: Context) -> Iterator[Finding]:
    """Look for another confirmed, not retired output of the same parents."""
    if context.records is None or view.letter in (None, "R", "K"):
        return
    for did in view.parents:
        for other in context.records.children(did):
            if did_of(other) != view.did and _is_same_output(view, other):
                yield Finding("name", view.record.get("name"), f"no output beside {did_of(other)}")


def _is_same_output(view: RecordView, other: Record) -> bool:
    if other.get("retired"):
        return False
    twin = RecordView(dict(other), view.schema)
    confirmed = twin.get("dune.output_status") == "confirmed"
    same = all(view.get(key) == twin.get(key) for key in _SAME_OUTPUT)
    suffixes = [item.file_name.suffix if item.file_name else "" for item in (view, twin)]
    same_parents = sorted(parent_dids(other)) == sorted(view.parents)
    return confirmed and same and same_parents and suffixes[0] == suffixes[1]
