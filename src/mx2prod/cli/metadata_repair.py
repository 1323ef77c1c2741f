"""``mx2 metadata repair``: plan, apply and undo repairs of declared records."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.metadata_evidence import NotOnTape, evidence_of, open_store
from mx2prod.core.errors import ApprovalError, InputFileError, UsageError

if TYPE_CHECKING:
    from mx2prod.metadata.repair import Applied, RepairPlan

_FILE = click.Path(path_type=Path)
_SHOWN = 10
RULES = ("runs_subruns", "times", "tier", "workflow", "dqc", "global_subruns")


@click.command()
@click.argument("file", required=False, type=_FILE)
@click.option("--dataset", help="MQL text, dataset or file of the catalogue: NAMESPACE:NAME.")
@click.option("--records", type=_FILE, help="Folder of record files, in place of the catalogue.")
@click.option("--rule", type=click.Choice(RULES), help="What to repair.")
@click.option("-o", "--out", type=_FILE, help="Write the plan, or the corrected record, here.")
@click.option("--apply", "plan_path", type=_FILE, help="Apply this plan.")
@click.option("--undo", is_flag=True, help="With --apply: take the plan back.")
@click.option("--approver", default="", help="Who approved it; in a simulated workspace only.")
@click.option("--raw", type=_FILE, help="With FILE: its raw file, or the record of that.")
@click.option("--workflow-id", type=click.IntRange(1), help="With FILE: number of its workflow.")
@click.option("--config", help="With FILE: name of the campaign's configuration.")
@click.option("--runsdb", type=_FILE, help="2x2 run database, for global_subruns.")
@click.option("--no-tape", is_flag=True, help="You know: none of the files is on tape.")
@click.option("--dry-run", is_flag=True, help="Change nothing; without --apply the default.")
@pass_frame
def repair(
    frame: Frame,
    *,
    file: Path | None,
    dataset: str | None,
    records: Path | None,
    rule: str | None,
    out: Path | None,
    plan_path: Path | None,
    undo: bool,
    approver: str,
    raw: Path | None,
    workflow_id: int | None,
    config: str | None,
    runsdb: Path | None,
    no_tape: bool,
    dry_run: bool,
) -> None:
    """Repair declared records, or print the corrected record of one FILE.

    A plan lists every key that would change, with the old and the new value, from what it follows,
    and what stored datasets would gain and lose.  It changes nothing.  --apply reads each record
    again, leaves alone what somebody changed since, changes only the planned keys, reads back, and
    writes each change into the event log.  A second time it changes nothing.

    A plan is approved as repair-plan:DIGEST, where DIGEST is the first 16 digits of its sha256.

    Exit code 0: done; 3: records refused or skipped, listed; 2: bad input.

    \b
    Examples:
      mx2 metadata repair record.json --dry-run
      mx2 metadata repair --dataset twalton:mx2_run1c --rule runs_subruns -o plan.json
      mx2 metadata repair --apply plan.json
    """
    if sum(item is not None for item in (file, rule, plan_path)) != 1:
        raise UsageError(
            "give one of FILE, --rule RULE and --apply PLAN.json",
            next_step="mx2 metadata repair --help",
        )
    if file is not None:
        from mx2prod.cli.metadata_correct import correct_file

        correct_file(
            frame, file, out, raw=raw, workflow_id=workflow_id, config=config,
            runsdb=runsdb, dry_run=dry_run,
        )  # fmt: skip
    elif rule is not None:
        _plan(
            frame, dataset, records, rule, out,
            runsdb=runsdb, no_tape=no_tape, dry_run=dry_run,
        )  # fmt: skip
    elif plan_path is not None:
        _apply(
            frame, plan_path, records, approver, undo=undo, no_tape=no_tape, dry_run=dry_run
        )  # fmt: skip


def _plan(
    frame: Frame,
    dataset: str | None,
    records: Path | None,
    rule: str,
    out: Path | None,
    *,
    runsdb: Path | None,
    no_tape: bool,
    dry_run: bool,
) -> None:
    from mx2prod.metadata.repair import make_plan, write_plan

    if dataset is None and records is None:
        raise UsageError("give --dataset, or --records FOLDER")
    with (
        open_store(frame, records) as store,
        evidence_of(frame, runsdb, no_tape=no_tape) as evidence,
    ):
        plan = make_plan(store, dataset or "", rule, evidence)
    if out is not None and not dry_run:
        write_plan(plan, out)
    document = {
        "sha256": plan.sha256,
        **plan.model_dump(mode="json"),
        "written": str(out) if out is not None and not dry_run else None,
    }
    frame.emit(document, lambda: _show_plan(plan))
    if plan.files:
        _say_next(frame, plan, out, records)
    if plan.refused:
        click.get_current_context().exit(FINDINGS)


def _apply(
    frame: Frame,
    path: Path,
    records: Path | None,
    approver: str,
    *,
    undo: bool,
    no_tape: bool,
    dry_run: bool,
) -> None:
    from mx2prod.journal import approvals_database, migrate
    from mx2prod.metadata.repair import apply_plan, inverse_of, read_plan, write_plan

    plan = read_plan(path)
    plan = inverse_of(plan) if undo else plan
    inverse = path.with_suffix(".undo.json")
    who = "" if dry_run else _approver(frame, plan, approver)
    with open_store(frame, records) as store:
        if store.address != plan.store:
            raise InputFileError(f"{path}: a plan for {plan.store}, but this is {store.address}")
        if not (dry_run or undo):
            write_plan(inverse_of(plan), inverse, overwrite=True)
        database = approvals_database(frame.workspace, "repair-plan")
        with database.opened(frame.workspace, create=True) as engine:
            migrate(engine)
            done = apply_plan(
                plan, store, engine, approver=who, dry_run=dry_run,
                replicas=NotOnTape() if no_tape else None,
            )  # fmt: skip
    document = {
        "plan": plan.sha256,
        "approver": who,
        "changed": done.changed,
        "already": done.already,
        "skipped": [{"did": did, "reason": reason} for did, reason in done.skipped],
        "undo": None if dry_run or undo else str(inverse),
        "dry_run": dry_run,
    }
    frame.emit(document, lambda: _show_applied(done, dry_run=dry_run))
    if not (dry_run or undo) and done.changed:
        frame.say(f"to take it back: {_application(path, records)} --undo")
    if done.skipped:
        click.get_current_context().exit(FINDINGS)


def _approver(frame: Frame, plan: RepairPlan, named: str) -> str:
    """Who approved a plan: signers, or in a simulated workspace whoever is named.

    An undo needs no approval beside that of the plan it takes back.
    """
    from mx2prod.journal import Subject, approvals_of

    digest = plan.undo_of or plan.sha256
    if named:
        if not frame.workspace.settings.workspace.simulated:
            raise ApprovalError(
                "--approver is for simulated workspaces; here plans are signed",
                next_step=_request(digest),
            )
        return f"{named} (not signed)"
    with approvals_of(frame.workspace, "repair-plan") as approvals:
        approval = approvals.require(Subject("repair-plan", digest[:16], digest))
    return ", ".join(item.person for item in approval.signatures if item.counts)


def _request(digest: str) -> str:
    return f"mx2 approval request repair-plan:{digest[:16]} --digest {digest} --reason TEXT"


def _say_next(frame: Frame, plan: RepairPlan, out: Path | None, records: Path | None) -> None:
    if out is None:
        frame.say("nothing was written: give -o PLAN.json to keep the plan")
        return
    frame.say(f"next: {_request(plan.sha256)}")
    frame.say(f"then: {_application(out, records)}")


def _application(plan: Path, records: Path | None) -> str:
    store = "" if records is None else f"--records {records} "
    return f"mx2 metadata repair {store}--apply {plan}"


def _show_plan(plan: RepairPlan) -> None:
    click.echo(f"plan {plan.sha256[:16]}: {plan.rule} on {plan.dataset or plan.store}")
    keys = ", ".join(f"{key} ({n})" for key, n in plan.keys.items()) or "nothing"
    total = len(plan.files) + len(plan.refused) + plan.unchanged
    click.echo(
        f"{len(plan.files)} of {total} records change, {plan.unchanged} are right, "
        f"{len(plan.refused)} are refused; keys: {keys}"
    )
    rows = [
        [file.did.rpartition(":")[2], change.key, _short(change.old), _short(change.new),
         change.evidence]
        for file in plan.files[:_SHOWN]
        for change in file.changes
    ]  # fmt: skip
    if rows:
        print_table("", ["file", "key", "old", "new", "from"], rows, empty="")
    if len(plan.files) > _SHOWN:
        click.echo(f"  ... and {len(plan.files) - _SHOWN} more; all with --json or -o")
    for reason, count in Counter(item.reason for item in plan.refused).most_common(_SHOWN):
        click.echo(f"  refused, {count} records: {reason}")
    for effect in plan.effects:
        gained, lost = len(effect.gained), len(effect.lost)
        click.echo(f"  dataset {effect.dataset}: gains {gained}, loses {lost} files")
    if plan.tape_paths:
        click.echo(f"  the computed path on tape changes for {plan.tape_paths} records")


def _short(value: Any) -> str:
    text = "-" if value is None else json.dumps(value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _show_applied(done: Applied, *, dry_run: bool) -> None:
    verb = "would change" if dry_run else "changed"
    click.echo(
        f"{verb} {len(done.changed)} records; {len(done.already)} had the new values already, "
        f"{len(done.skipped)} skipped"
    )
    for did, reason in done.skipped:
        click.echo(f"  {did}: {reason}")
