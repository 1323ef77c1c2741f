"""Apply a plan to a store: read again, change only what is planned, read back, write it down."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sqlalchemy import Engine

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import Mx2Error
from mx2prod.journal import events, reading, writing
from mx2prod.metadata.context import ReplicaLookup
from mx2prod.metadata.repair.judge import tape_refusal
from mx2prod.metadata.repair.plan_file import PlannedFile, RepairPlan
from mx2prod.metadata.repair.rules import Evidence
from mx2prod.metadata.repair.stores import RecordStore, StoredRecord, changed_record
from mx2prod.metadata.schema import load_schema

BATCH = 100
"""Records between two writings of the event log (metadata page, section 10)."""
REPAIRED = "metadata.repaired"
STARTED = "metadata.repair"


@dataclass
class Applied:
    """What became of a plan.

    Attributes
    ----------
    changed : list of str
        Dids of the records that were written now.
    already : list of str
        Those that had the new values before.
    skipped : list of (str, str)
        Did and reason: changed by somebody since the plan, missing, on tape, or refused.
    """

    changed: list[str] = field(default_factory=list)
    already: list[str] = field(default_factory=list)
    skipped: list[tuple[str, str]] = field(default_factory=list)


def apply_plan(
    plan: RepairPlan,
    store: RecordStore,
    engine: Engine,
    *,
    approver: str,
    replicas: ReplicaLookup | None = None,
    dry_run: bool = False,
) -> Applied:
    """Apply a plan; a second time it changes nothing, and after a kill it goes on.

    Parameters
    ----------
    plan : RepairPlan
    store : RecordStore
        Of the plan's address.
    engine : Engine
        Database with the event log.
    approver : str
        Who approved the plan; recorded with its sha256.
    replicas : ReplicaLookup, optional
        Asked again whether a tape replica exists, where the path on tape would change.
    dry_run : bool
        Read and compare only.

    Returns
    -------
    Applied

    Raises
    ------
    StoreError
        If the event log cannot be written; what was changed is logged by the next call.
    """
    done = Applied()
    logged = _logged(engine, plan.sha256)
    if not dry_run:
        _start(engine, plan, approver)
    for first in range(0, len(plan.files), BATCH):
        written = []
        for file in plan.files[first : first + BATCH]:
            outcome = _apply_one(file, store, replicas, dry_run=dry_run)
            _note(done, file.did, outcome)
            if outcome == "changed" or (outcome == "already" and file.did not in logged):
                written.append(file)
        if written and not dry_run:
            _log(engine, plan, written, approver)
    return done


def _note(done: Applied, did: str, outcome: str) -> None:
    if outcome == "changed":
        done.changed.append(did)
    elif outcome == "already":
        done.already.append(did)
    else:
        done.skipped.append((did, outcome))


def _apply_one(
    file: PlannedFile, store: RecordStore, replicas: ReplicaLookup | None, *, dry_run: bool
) -> str:
    """Change one record; ``changed``, ``already``, or why it was skipped."""
    stored = store.find(file.did)
    reason = _reason_to_skip(file, stored, replicas)
    if reason:
        return reason
    if not dry_run:
        values, remove = _update_of(file)
        try:
            store.update(file.did, values, remove)
        except Mx2Error as error:
            return f"refused by the store: {error.message}"
        found = store.find(file.did)
        if found is None or found.sha256 != file.after:
            return "read back, it is not what was written: look at it before anything else"
    return "changed"


def _reason_to_skip(
    file: PlannedFile, stored: StoredRecord | None, replicas: ReplicaLookup | None
) -> str:
    if stored is None:
        return "not there any more"
    if stored.sha256 == file.after:
        return "already"
    if stored.sha256 != file.sha256:
        return "changed since the plan was made: make a new plan"
    if replicas is None:
        return ""
    after = changed_record(stored.record, *_update_of(file))
    return tape_refusal(stored.record, after, Evidence(replicas=replicas, schema=load_schema()))


def _update_of(file: PlannedFile) -> tuple[dict[str, object], set[str]]:
    values = {change.key: change.new for change in file.changes if not change.remove}
    return values, {change.key for change in file.changes if change.remove}


def _start(engine: Engine, plan: RepairPlan, approver: str) -> None:
    """Write down that a plan begins, or goes on."""
    body = {
        "plan": plan.sha256,
        "rule": plan.rule,
        "store": plan.store,
        "files": len(plan.files),
        "approver": approver,
        "undo_of": plan.undo_of,
    }
    with writing(engine) as connection:
        events.append(connection, STARTED, plan.sha256, body)


def _log(engine: Engine, plan: RepairPlan, files: Sequence[PlannedFile], approver: str) -> None:
    with writing(engine) as connection:
        for file in files:
            body = {
                "plan": plan.sha256,
                "rule": plan.rule,
                "approver": approver,
                "before": file.sha256,
                "after": file.after,
                "changes": canonical_json([item.model_dump(mode="json") for item in file.changes]),
            }
            events.append(connection, REPAIRED, file.did, body)


def _logged(engine: Engine, sha256: str) -> set[str]:
    """Dids whose change by this plan stands in the log."""
    with reading(engine) as connection:
        return set(_dids(events.read(connection, kind=REPAIRED), sha256))


def _dids(found: Iterator[events.Event], sha256: str) -> Iterator[str]:
    return (event.object for event in found if event.body.get("plan") == sha256)
