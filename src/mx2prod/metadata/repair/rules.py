"""What each repair rule proposes for one record, and from what evidence (metadata page, 10)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import FileName, RunSubrun
from mx2prod.metadata.checks.times import PROCESS_TIME_SECONDS, raw_stamp, readable_seconds
from mx2prod.metadata.checks.workflow import STATUS_ORDER
from mx2prod.metadata.context import RecordLookup, ReplicaLookup
from mx2prod.metadata.derived import GLOBAL_SUBRUNS
from mx2prod.metadata.schema import Schema, load_schema
from mx2prod.metadata.view import RecordView

START, END = "core.start_time", "core.end_time"
WORKFLOW = "dune.workflow"
STATUS = "dune.output_status"
DQC = "dune.dqc_quality"


@dataclass(frozen=True)
class Evidence:
    """From what the right values follow; what is missing makes a rule refuse.

    Attributes
    ----------
    records : RecordLookup or None
        Parents.
    replicas : ReplicaLookup or None
        Whether the tape path is still free to change; None: not known.
    global_subruns : callable or None
        Numbers of a record by the run database in use.
    quality : callable or None
        Stored verdict of a did, as a value of ``dune.dqc_quality``; None without one.
    workflow : callable or None
        Members of ``dune.workflow`` of a did by the production's ledger; None without them.
    schema : Schema
    """

    records: RecordLookup | None = None
    replicas: ReplicaLookup | None = None
    global_subruns: Callable[[Mapping[str, Any]], Sequence[int]] | None = None
    quality: Callable[[str], str | list[str] | None] | None = None
    workflow: Callable[[str], Mapping[str, Any] | None] | None = None
    schema: Schema = field(default_factory=load_schema)


@dataclass(frozen=True)
class Proposal:
    """Right values of some keys, or why there are none.

    Attributes
    ----------
    values : dict
    evidence : str
        From what they follow.
    refused : str
        Why the rule cannot say; empty if it can.
    """

    values: dict[str, Any] = field(default_factory=dict)
    evidence: str = ""
    refused: str = ""


def propose_numbers(view: RecordView, evidence: Evidence) -> Proposal:
    """``core.runs`` and ``core.runs_subruns`` from the name, or the names of merged parents."""
    found = _run_subruns(view)
    if not found:
        return Proposal(refused="neither its name nor those of its parents tell run and subrun")
    values = {
        "core.runs": sorted({item.run for item in found}),
        "core.runs_subruns": sorted({item.number for item in found}),
    }
    return Proposal(values, "file name" if view.run_subruns else "names of the parents")


def _run_subruns(view: RecordView) -> list[RunSubrun]:
    if not view.merged and view.letter != "K":
        return view.run_subruns
    found = []
    for did in view.parents:
        try:
            found.append(FileName.parse(did.rpartition(":")[2]).run_subrun)
        except NameFormatError:
            return []  # one parent without a run: the union would be too small
    return found


def propose_times(view: RecordView, evidence: Evidence) -> Proposal:
    """Start and end of data taking, from the raw parent; times of the job go to the workflow."""
    if view.letter == "R":
        numbers = [readable_seconds(view.get(key)) for key in (START, END)]
        if None in numbers:
            return Proposal(refused="a raw file: only its content tells (mx2 metadata make)")
        same = {START: float(numbers[0] or 0), END: float(numbers[1] or 0)}
        return Proposal(same, "the same numbers")
    times = _parent_times(view, evidence)
    if isinstance(times, str):
        return Proposal(refused=times)
    start, end = _own_part(view, evidence, times)
    values: dict[str, Any] = {START: start, END: end}
    job = job_times(view)
    if job is not None and isinstance(view.get(WORKFLOW), dict):
        values[WORKFLOW] = {**job, **view.metadata[WORKFLOW]}
    elif job is not None:
        return Proposal(refused=f"{WORKFLOW} cannot take the times of the job: repair it first")
    return Proposal(values, "record of the raw parent")


def _parent_times(view: RecordView, evidence: Evidence) -> tuple[float, float] | str:
    """Start and end of the parents, or why they are not known."""
    starts, ends = [], []
    for did in view.parents:
        record = evidence.records.find(did) if evidence.records is not None else None
        if record is None:
            return f"record of the parent {did} is not at hand"
        parent = RecordView(dict(record), view.schema)
        start, end = parent.number(START), parent.number(END)
        if start is None or end is None or end < start or start < view.schema.earliest_time:
            return f"the times of the parent {did} are wrong too: repair it first"
        starts.append(float(start))
        ends.append(float(end))
    return (min(starts), max(ends)) if starts else "it has no parent"


def _own_part(
    view: RecordView, evidence: Evidence, parents: tuple[float, float]
) -> tuple[float, float]:
    """Own times where they lie inside those of the parents, which may hold more gates."""
    start, end = view.number(START), view.number(END)
    if start is not None and end is not None and parents[0] <= start <= end <= parents[1]:
        return float(start), float(end)
    return parents


def job_times(view: RecordView) -> dict[str, int] | None:
    """Give the times of the job that stand in place of those of data taking; None if they do not.

    Returns
    -------
    dict or None
        ``jobscript_start``, ``jobscript_finish`` and ``jobscript_real_seconds``.
    """
    start, end = (readable_seconds(view.get(key)) for key in (START, END))
    stamp = raw_stamp(view)
    if start is None or end is None or stamp is None or start - stamp <= PROCESS_TIME_SECONDS:
        return None
    return {
        "jobscript_start": int(start),
        "jobscript_finish": int(end),
        "jobscript_real_seconds": int(end) - int(start),
    }


def propose_tier(view: RecordView, evidence: Evidence) -> Proposal:
    """``core.data_tier`` from the suffix of the name."""
    name = view.file_name
    tier = evidence.schema.by_suffix.get(name.suffix) if name is not None else None
    if tier is None:
        return Proposal(refused="the suffix of its name belongs to no tier")
    return Proposal({"core.data_tier": tier.data_tier}, "suffix of the name")


def propose_workflow(view: RecordView, evidence: Evidence) -> Proposal:
    """``dune.workflow`` as an object with numbers, and a legal ``dune.output_status``."""
    if view.letter == "R":
        return Proposal()  # no job made it
    members = view.get(WORKFLOW)
    values: dict[str, Any] = {}
    if view.text(STATUS) not in STATUS_ORDER:
        values[STATUS] = STATUS_ORDER[0]
    if isinstance(members, dict):
        return Proposal({**values, WORKFLOW: _with_numbers(members, view.schema)}, "its own text")
    known = evidence.workflow(view.did) if evidence.workflow is not None and view.did else None
    if not known:
        return Proposal(refused="the job that made it is not known to the production")
    return Proposal({**values, WORKFLOW: dict(known)}, "ledger of the production")


def _with_numbers(members: Mapping[str, Any], schema: Schema) -> dict[str, Any]:
    """Members with numbers where they should be numbers but are texts."""
    return {
        key: int(value)
        if schema.workflow.get(key) in ("int", "number")
        and isinstance(value, str)
        and value.isascii()
        and value.isdigit()
        else value
        for key, value in members.items()
    }


def propose_quality(view: RecordView, evidence: Evidence) -> Proposal:
    """``dune.dqc_quality`` from the stored verdict."""
    found = evidence.quality(view.did) if evidence.quality is not None and view.did else None
    if found is None:
        return Proposal(refused="no verdict is stored: mx2 metadata quality FILE --store")
    return Proposal({DQC: found}, "stored verdict")


def propose_global_subruns(view: RecordView, evidence: Evidence) -> Proposal:
    """``dune.mx2x2_global_subrun_numbers`` from the run database; never an empty list."""
    if evidence.global_subruns is None:
        return Proposal(refused="no run database: give --runsdb")
    numbers = sorted(set(evidence.global_subruns(view.record)))
    if not numbers:
        return Proposal(refused="the run database has no row for it")
    return Proposal({GLOBAL_SUBRUNS: numbers}, "run database")


RULES: dict[str, Callable[[RecordView, Evidence], Proposal]] = {
    "runs_subruns": propose_numbers,
    "times": propose_times,
    "tier": propose_tier,
    "workflow": propose_workflow,
    "dqc": propose_quality,
    "global_subruns": propose_global_subruns,
}
"""Repair rules by the word of the command line."""
