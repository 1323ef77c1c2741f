"""Changes that a repair refuses (metadata page, section 10)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mx2prod.metadata.check import check_record
from mx2prod.metadata.checks.outer import EMPTY
from mx2prod.metadata.checks.workflow import tape_path
from mx2prod.metadata.context import Context
from mx2prod.metadata.problems import Problem
from mx2prod.metadata.repair.rules import Evidence
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

if TYPE_CHECKING:
    from mx2prod.metadata.repair.plan_file import Change


def refusal_of(
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    changes: Sequence[Change],
    evidence: Evidence,
) -> str:
    """Say why a change is refused; empty if it is not.

    Refused are empty values, a path on tape that changes although a tape replica exists or may
    exist, and a result with an error of a changed key, or with one that was not there before.
    Errors of other keys that were there before do not count: another rule repairs them.

    Parameters
    ----------
    before, after : mapping
        The record.
    changes : sequence of Change
    evidence : Evidence
    """
    for change in changes:
        if change.new is None or change.new in EMPTY:
            return f"{change.key}: the computed value is empty"
    if reason := tape_refusal(before, after, evidence):
        return reason
    context = Context(
        schema=evidence.schema,
        records=evidence.records,
        replicas=evidence.replicas,
        previous=before,
    )
    known = {_name(item) for item in _errors(before, Context(schema=evidence.schema))}
    changed = {change.key for change in changes}
    for problem in _errors(after, context):
        if problem.field.startswith(tuple(changed)) or _name(problem) not in known:
            return f"after the change: {problem}"
    return ""


def tape_refusal(before: Mapping[str, Any], after: Mapping[str, Any], evidence: Evidence) -> str:
    """Say why the path on tape may not change as it would; empty if it does not or may."""
    views = [RecordView(dict(record), evidence.schema) for record in (before, after)]
    paths = [tape_path(view) for view in views]
    moved = ", ".join(key for key in paths[0] if paths[0][key] != paths[1][key])
    if not moved:
        return ""
    if evidence.replicas is None:
        return f"{moved}: part of the path on tape, and whether it is on tape is not known"
    if views[0].did is None or evidence.replicas.on_tape(views[0].did):
        return f"{moved}: part of the path on tape, where a replica exists"
    return ""


def _errors(record: Mapping[str, Any], context: Context) -> list[Problem]:
    found = check_record(dict(record), context)
    return [item for item in found if item.severity is Severity.ERROR]


def _name(problem: Problem) -> tuple[str, str, str]:
    return problem.field, problem.rule, problem.authority
