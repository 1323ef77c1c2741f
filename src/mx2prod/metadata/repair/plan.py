"""Make a repair plan: what would change in which record; and the plan that takes it back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.metadata.checks.workflow import same_value, tape_path
from mx2prod.metadata.repair.judge import refusal_of
from mx2prod.metadata.repair.plan_file import (
    Change,
    DatasetEffect,
    PlannedFile,
    Refused,
    RepairPlan,
)
from mx2prod.metadata.repair.rules import RULES, Evidence, Proposal
from mx2prod.metadata.repair.stores import (
    RecordStore,
    StoredRecord,
    StoreRecords,
    changed_record,
    record_sha256,
)
from mx2prod.metadata.view import RecordView


def make_plan(store: RecordStore, dataset: str, rule: str, evidence: Evidence) -> RepairPlan:
    """Compute what a rule would change; nothing is written.

    Parameters
    ----------
    store : RecordStore
    dataset : str
        As the store understands it: a query, or ``namespace:name``.
    rule : str
        One of :data:`mx2prod.metadata.repair.rules.RULES`.
    evidence : Evidence
        Its ``records`` are those of the store where none are given.

    Raises
    ------
    UsageError
        For an unknown rule.
    Mx2Error
        If the store cannot select.
    """
    if rule not in RULES:
        known = ", ".join(RULES)
        raise UsageError(f"no repair rule {rule!r} (rules: {known})" + nearest(rule, RULES))
    selected = list(store.select(dataset))
    records = evidence.records or StoreRecords(store, selected)
    known_evidence = _with_records(evidence, records)
    files: list[PlannedFile] = []
    refused: list[Refused] = []
    for stored in selected:
        found = _planned(stored, rule, known_evidence)
        if isinstance(found, PlannedFile):
            files.append(found)
        elif found is not None:
            refused.append(found)
    values = {file.did: {change.key: change.new for change in file.changes} for file in files}
    effects = store.effects(values) if files else ()
    return RepairPlan(
        store=store.address,
        dataset=dataset,
        rule=rule,
        schema_version=evidence.schema.version,
        made=datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        files=tuple(files),
        refused=tuple(refused),
        unchanged=len(selected) - len(files) - len(refused),
        keys=dict(Counter(change.key for file in files for change in file.changes)),
        effects=tuple(DatasetEffect(**asdict(effect)) for effect in effects),
        tape_paths=sum(_moves(file, values[file.did], evidence) for file in files),
    )


def _with_records(evidence: Evidence, records: Any) -> Evidence:
    return Evidence(
        records,
        evidence.replicas,
        evidence.global_subruns,
        evidence.quality,
        evidence.workflow,
        evidence.schema,
    )


def _planned(stored: StoredRecord, rule: str, evidence: Evidence) -> PlannedFile | Refused | None:
    """Change of one record; None where there is nothing to do."""
    view = RecordView(stored.record, evidence.schema)
    proposal = RULES[rule](view, evidence)
    if proposal.refused:
        return Refused(did=stored.did, reason=proposal.refused)
    changes = changes_of(stored.metadata, proposal, rule)
    if not changes:
        return None
    after = changed_record(stored.record, {change.key: change.new for change in changes})
    if reason := refusal_of(stored.record, after, changes, evidence):
        return Refused(did=stored.did, reason=reason)
    return PlannedFile(
        did=stored.did,
        fid=stored.fid,
        updated=stored.updated,
        metadata=stored.metadata,
        sha256=stored.sha256,
        after=record_sha256(after),
        changes=tuple(changes),
    )


def changes_of(metadata: Mapping[str, Any], proposal: Proposal, rule: str) -> list[Change]:
    """Keys whose proposed value differs from the one that stands there, types included."""
    return [
        Change(
            key=key,
            old=metadata.get(key),
            new=value,
            had=key in metadata,
            rule=rule,
            evidence=proposal.evidence,
        )
        for key, value in proposal.values.items()
        if key not in metadata or not same_value(metadata[key], value)
    ]


def _moves(file: PlannedFile, values: Mapping[str, Any], evidence: Evidence) -> bool:
    before, after = (
        tape_path(RecordView({"metadata": metadata}, evidence.schema))
        for metadata in (file.metadata, {**file.metadata, **values})
    )
    return before != after


def inverse_of(plan: RepairPlan) -> RepairPlan:
    """Plan that takes a plan back: old values again, keys that were not there out again."""
    return RepairPlan(
        store=plan.store,
        dataset=plan.dataset,
        rule=plan.rule,
        schema_version=plan.schema_version,
        made=plan.made,
        undo_of=plan.sha256,
        files=tuple(_inverse_file(file) for file in plan.files),
        keys=plan.keys,
        effects=tuple(
            DatasetEffect(dataset=item.dataset, gained=item.lost, lost=item.gained)
            for item in plan.effects
        ),
        tape_paths=plan.tape_paths,
    )


def _inverse_file(file: PlannedFile) -> PlannedFile:
    return PlannedFile(
        did=file.did,
        fid=file.fid,
        metadata={**file.metadata, **{change.key: change.new for change in file.changes}},
        sha256=file.after,
        after=file.sha256,
        changes=tuple(_inverse_changes(file.changes)),
    )


def _inverse_changes(changes: Iterable[Change]) -> Iterable[Change]:
    for change in changes:
        yield Change(
            key=change.key,
            old=change.new,
            new=change.old,
            remove=not change.had,
            rule=change.rule,
            evidence="value before the repair",
        )
