"""``mx2 metadata repair FILE``: the corrected record of one file, and what was corrected."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame
from mx2prod.core.errors import InputFileError, UsageError

if TYPE_CHECKING:
    from mx2prod.metadata.repair import Correction


def correct_file(
    frame: Frame,
    path: Path,
    out: Path | None,
    *,
    raw: Path | None,
    workflow_id: int | None,
    config: str | None,
    runsdb: Path | None,
    dry_run: bool,
) -> None:
    """Print the corrected record, or write it where no value of it is a stand-in.

    Raises
    ------
    InputFileError
        If the file holds no record.
    UsageError
        If a record with stand-ins should be written.
    """
    from mx2prod.cli.metadata_evidence import evidence_of
    from mx2prod.core.files import write_text
    from mx2prod.metadata import check_record, has_errors, read_any_record
    from mx2prod.metadata.records import record_text
    from mx2prod.metadata.repair import Facts, corrected

    value, _ = read_any_record(path)
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        raise InputFileError(f"{path}: no record with metadata")
    with evidence_of(frame, runsdb) as evidence:
        known = replace(evidence, records=_parent(raw))
        record, steps = corrected(value, known, Facts(workflow_id, config))
        problems = check_record(record)
    stand_ins = [step.field for step in steps if step.stand_in]
    if out is not None and stand_ins:
        raise UsageError(
            f"{path}: not written, because nothing tells the true {', '.join(stand_ins)}",
            next_step=f"mx2 metadata repair {path} --raw RAW --workflow-id N --config NAME.opts "
            f"-o {out}",
        )
    if out is not None and not dry_run:
        write_text(out, record_text(record))
    document = {
        "record": record,
        "corrections": [step.as_dict() for step in steps],
        "problems": [problem.as_dict() for problem in problems],
        "ok": not has_errors(problems),
        "written": str(out) if out is not None and not dry_run else None,
    }
    frame.emit(document, lambda: click.echo(json.dumps(record, indent=2)))
    _say(frame, steps, [str(item) for item in problems if item.severity == "error"])
    if has_errors(problems):
        click.get_current_context().exit(FINDINGS)


def _parent(raw: Path | None) -> Any:
    """Record of the raw parent, derived from the raw file or read."""
    from mx2prod.metadata import RecordsInMemory, raw_record, read_record
    from mx2prod.raw.info import summarise

    if raw is None:
        return None
    if raw.suffix != ".json":
        return RecordsInMemory([raw_record(summarise(raw))])
    value = read_record(raw)
    if not isinstance(value, dict):
        raise InputFileError(f"{raw}: no record")
    return RecordsInMemory([value])


def _say(frame: Frame, steps: list[Correction], errors: list[str]) -> None:
    """Say on standard error what was corrected."""
    for step in steps:
        new = "taken out" if step.new is None else _short(step.new)
        mark = "STAND-IN " if step.stand_in else ""
        frame.say(f"{mark}{step.field}: {_short(step.old)} -> {new} ({step.why})")
    for text in errors:
        frame.say(f"still wrong: {text}")


def _short(value: Any) -> str:
    text = "nothing" if value is None else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
