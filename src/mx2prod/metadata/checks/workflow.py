"""The job, the status of the file, and what must not change (X20, X21, X24, X25)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from mx2prod.metadata.checks.fields import TYPES
from mx2prod.metadata.checks.outer import SENT
from mx2prod.metadata.checks.times import readable_seconds
from mx2prod.metadata.context import Context, Record
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView, as_integer, as_number
from mx2prod.raw.faults import Severity

STATUS_ORDER = ("recorded", "uploaded", "confirmed")
_SECONDS_TOLERANCE = 5.0
_KEY = "dune.workflow"
_STATUS = "dune.output_status"


@rule("X20", Severity.ERROR, "dune.workflow has an integer workflow_id and consistent times")
def check_workflow(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the job; files that are never declared need no workflow_id."""
    workflow = view.get(_KEY)
    if not isinstance(workflow, dict):
        return
    number = workflow.get("workflow_id")
    needed = view.tier is None or view.tier.declared
    if ("workflow_id" in workflow or needed) and not (as_integer(number) or 0) > 0:
        yield Finding(f"{_KEY}.workflow_id", number, "an integer above 0")
    for member, type_name in context.schema.workflow.items():
        if member in workflow and member != "workflow_id":
            value = workflow[member]
            if not TYPES[type_name](value):
                yield Finding(f"{_KEY}.{member}", value, type_name)
    yield from _check_duration(workflow)


def _check_duration(workflow: dict[str, Any]) -> Iterator[Finding]:
    start, finish, seconds = (
        as_number(workflow.get(f"jobscript_{word}")) for word in ("start", "finish", "real_seconds")
    )
    if start is None or finish is None:
        return
    if finish < start:
        yield Finding(f"{_KEY}.jobscript_finish", finish, f"not before the start, {start}")
    elif seconds is not None and abs(seconds - (finish - start)) > _SECONDS_TOLERANCE:
        want = f"{finish - start} s from start to finish"
        yield Finding(f"{_KEY}.jobscript_real_seconds", seconds, want)


@rule("X21", Severity.ERROR, "dune.output_status goes forward; confirmed means read back")
def check_status(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare with the status before, and with the replicas."""
    status = view.text(_STATUS)
    if status not in STATUS_ORDER:
        return
    before = _metadata_of(context.previous).get(_STATUS)
    if before in STATUS_ORDER and STATUS_ORDER.index(status) < STATUS_ORDER.index(before):
        yield Finding(_STATUS, status, f"not back from {before}")
    if status == "confirmed" and context.replicas is not None and view.did:
        missing = list(context.replicas.unverified(view.did))
        if missing:
            yield Finding(_STATUS, status, "replicas read back at " + ", ".join(missing))


@rule("X24", Severity.ERROR, "What the server gives back is what was sent, types included")
def check_read_back(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare member by member and key by key; what the server fills is left out."""
    if context.sent is None:
        return
    sent, got = dict(context.sent), dict(view.record)
    for member in sorted(SENT - {"metadata"}):
        if not same_value(sent.get(member), got.get(member)):
            yield Finding(member, got.get(member), sent.get(member))
    was, now = _metadata_of(sent), view.metadata
    for key in sorted({*was, *now}):
        if not same_value(was.get(key), now.get(key)):
            yield Finding(key, now.get(key), was.get(key))


def same_value(left: Any, right: Any) -> bool:
    """Equality with types, down to the leaves: 1, 1.0 and True differ."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same_value(left[k], right[k]) for k in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same_value, left, right))
    return bool(left == right)


@rule("X25", Severity.ERROR, "Keys of the tape path do not change once a tape replica exists")
def check_tape_path(view: RecordView, context: Context) -> Iterator[Finding]:
    """Compare the keys that make the tape path with the record before the change."""
    if context.previous is None or context.replicas is None or not view.did:
        return
    if not context.replicas.on_tape(view.did):
        return
    before = tape_path(RecordView(dict(context.previous), context.schema))
    for key, value in tape_path(view).items():
        if value != before[key]:
            yield Finding(key, value, before[key])


def tape_path(view: RecordView) -> dict[str, Any]:
    """Give what the path on tape is made of: words, first run, and year of the start."""
    return {
        **{key: view.get(key) for key in view.schema.tape_path_keys},
        "core.runs": view.runs[:1],
        "core.start_time": _year(readable_seconds(view.get("core.start_time"))),
    }


def _year(seconds: float | int | None) -> int | None:
    if seconds is None or not 0 <= seconds < 2**36:
        return None
    return datetime.fromtimestamp(seconds, UTC).year


def _metadata_of(record: Record | None) -> Mapping[str, Any]:
    metadata = record.get("metadata") if record is not None else None
    return metadata if isinstance(metadata, dict) else {}
