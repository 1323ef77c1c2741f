"""The whole corrected record of one file, all rules at once: what ``repair FILE`` prints.

Declared records are repaired rule by rule, from evidence.  Here a single record that is not
declared is put right as a whole, for a person to look at; where nothing in it or beside it tells a
value, a stand-in is used and named, and a record with stand-ins is never written.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from mx2prod.metadata.checks.outer import EMPTY, SENT
from mx2prod.metadata.checks.times import raw_stamp
from mx2prod.metadata.repair.plan import changes_of
from mx2prod.metadata.repair.rules import (
    END,
    START,
    STATUS,
    WORKFLOW,
    Evidence,
    Proposal,
    job_times,
    propose_global_subruns,
    propose_numbers,
    propose_quality,
    propose_tier,
    propose_times,
    propose_workflow,
)
from mx2prod.metadata.view import RecordView

SECONDS_PER_GATE = 1.2
"""Between beam gates of the talk's runs (metadata page, 5.1); for a stand-in of the end only."""
STAND_IN_WORKFLOW = 1
_CONFIG = "dune.config_file"


@dataclass(frozen=True)
class Facts:
    """What only a person can tell about a record.

    Attributes
    ----------
    workflow_id : int or None
    config_file : str or None
        Name of the campaign's configuration.
    """

    workflow_id: int | None = None
    config_file: str | None = None


@dataclass(frozen=True)
class Correction:
    """One member that was put right.

    Attributes
    ----------
    field : str
    old, new : any JSON value
        None where it was not there, or was taken out.
    why : str
    stand_in : bool
        The value is a placeholder: nothing at hand tells the true one.
    """

    field: str
    old: Any
    new: Any
    why: str
    stand_in: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Members as the command prints them."""
        return dict(vars(self))


def corrected(
    record: Mapping[str, Any], evidence: Evidence, facts: Facts | None = None
) -> tuple[dict[str, Any], list[Correction]]:
    """Put a record right.

    Parameters
    ----------
    record : mapping
        A record with metadata.
    evidence : Evidence
    facts : Facts, optional

    Returns
    -------
    record : dict
    corrections : list of Correction
    """
    known = facts or Facts()
    view = RecordView(dict(record), evidence.schema)
    steps = [
        *_members(record),
        *_values(view, evidence),
        *_times(view, evidence),
        *_job(view, evidence, known),
        *_config(view, evidence, known),
        *_empty(view),
    ]
    outer = {key: value for key, value in record.items() if key in SENT}
    metadata = dict(view.metadata)
    for step in steps:
        if step.new is None:
            metadata.pop(step.field, None)
        else:
            metadata[step.field] = step.new
    return {**outer, "metadata": metadata}, steps


def _members(record: Mapping[str, Any]) -> Iterator[Correction]:
    for member in record:
        if member not in SENT:
            yield Correction(member, record[member], None, "the server fills it")


def _values(view: RecordView, evidence: Evidence) -> Iterator[Correction]:
    """Tier, run numbers, and what the run database and the verdicts say."""
    for propose in (propose_tier, propose_numbers, propose_quality, propose_global_subruns):
        yield from _steps(view, propose(view, evidence))


def _steps(view: RecordView, proposal: Proposal, *, stand_in: bool = False) -> Iterator[Correction]:
    for change in changes_of(view.metadata, proposal, "correct"):
        yield Correction(change.key, change.old, change.new, change.evidence, stand_in)


def _times(view: RecordView, evidence: Evidence) -> Iterator[Correction]:
    """Correct start and end: those of the parent, or by the stamp of its name."""
    proposal = propose_times(_with_workflow(view, {}), evidence)
    own = {key: value for key, value in proposal.values.items() if key in (START, END)}
    if own:
        yield from _steps(view, Proposal(own, proposal.evidence))
        return
    stamp, gates = raw_stamp(view), view.integer("core.event_count")
    wrong = view.number(START) is None or view.number(END) is None or job_times(view) is not None
    if wrong and stamp is not None and gates is not None:
        guess = {START: stamp, END: round(stamp + gates * SECONDS_PER_GATE, 6)}
        why = f"stamp of the raw file, and {SECONDS_PER_GATE} s a gate: give the raw record"
        yield from _steps(view, Proposal(guess, why), stand_in=True)


def _with_workflow(view: RecordView, workflow: dict[str, Any]) -> RecordView:
    """Give the record with an object as workflow, so that job times have a place."""
    metadata = {**view.metadata, WORKFLOW: workflow}
    return RecordView({**view.record, "metadata": metadata}, view.schema)


def _job(view: RecordView, evidence: Evidence, facts: Facts) -> Iterator[Correction]:
    """``dune.workflow`` and ``dune.output_status`` of a file that a job made."""
    if view.letter == "R":
        return
    found = propose_workflow(view, evidence)
    values = {**_job_members(view, found), **_given(facts)}
    declared = view.tier is None or view.tier.declared
    stand_in = declared and not isinstance(values.get("workflow_id"), int)
    if stand_in:
        values["workflow_id"] = STAND_IN_WORKFLOW
    why = "times of the job, and its number: give --workflow-id" if stand_in else "the job"
    yield from _steps(view, Proposal({WORKFLOW: values}, why), stand_in=stand_in)
    status = _status_of(view, evidence)
    yield from _steps(view, Proposal(status, "first of recorded, uploaded, confirmed"))


def _job_members(view: RecordView, found: Proposal) -> dict[str, Any]:
    members = found.values.get(WORKFLOW, {})
    return {**(job_times(view) or {}), **members}


def _given(facts: Facts) -> dict[str, Any]:
    return {} if facts.workflow_id is None else {"workflow_id": facts.workflow_id}


def _status_of(view: RecordView, evidence: Evidence) -> dict[str, Any]:
    values = propose_workflow(_with_workflow(view, {}), evidence).values
    return {STATUS: values[STATUS]} if STATUS in values else {}


def _config(view: RecordView, evidence: Evidence, facts: Facts) -> Iterator[Correction]:
    """One name a campaign in place of one a file (D7)."""
    config = view.text(_CONFIG)
    one_a_file = bool(config) and (str(config).startswith("TS1_") or "/" in str(config))
    if not (one_a_file or facts.config_file):
        return
    if facts.config_file:
        yield from _steps(view, Proposal({_CONFIG: facts.config_file}, "given"))
        return
    request, periods = view.text("dune.requestid"), evidence.schema.periods_of(view.runs)
    if request:
        yield from _steps(view, Proposal({_CONFIG: f"{request}.opts"}, "dune.requestid"))
    elif periods:
        guess = f"mx2-run{periods[0].name}-full-v1.opts"
        why = "name of a campaign of the run period: give --config"
        yield from _steps(view, Proposal({_CONFIG: guess}, why), stand_in=True)


def _empty(view: RecordView) -> Iterator[Correction]:
    for key, value in view.metadata.items():
        if value is None or value in EMPTY:
            yield Correction(key, value, None, "no key instead of an empty value")
