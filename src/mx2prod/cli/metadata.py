"""``mx2 metadata``: the DUNE record of a file; make and check it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.metadata_check import check
from mx2prod.cli.metadata_outcome import Outcome, exit_with, report_error, schema_of
from mx2prod.cli.metadata_quality import quality
from mx2prod.cli.metadata_repair import repair
from mx2prod.cli.metadata_schema import schema
from mx2prod.core.errors import Mx2Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.metadata import MadeRecord
    from mx2prod.metadata.schema import Schema

_FILE = click.Path(path_type=Path)


@click.group("metadata")
def command() -> None:
    """Make, check, repair and judge the DUNE metadata record of a file."""


command.add_command(check)
command.add_command(repair)
command.add_command(quality)
command.add_command(schema)


@command.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("-o", "--out", type=_FILE, help="Write NAME.json into this folder.")
@click.option("--raw", type=_FILE, help="Raw file (or its record) that a digit file is made of.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@pass_frame
def make(
    frame: Frame, files: tuple[Path, ...], out: Path | None, raw: Path | None, *, dry_run: bool
) -> None:
    """Derive the record of raw and digit files from name, content and parent.

    Without -o the record is printed.  With -o it is written as FOLDER/NAME.json, never over another
    file; the folder of a raw file is refused for its record, because NAME.json beside a raw file is
    the DAQ's own.  Findings of the checks go to standard error.

    Exit code 0: no error found; 3: a record has errors; 2: a record cannot be made.
    """
    if raw is not None and len(files) > 1:
        raise UsageError("--raw belongs to one digit file: give one file at a time")
    done = [_make_one(path, out, raw, schema_of(frame), dry_run=dry_run) for path in files]
    frame.emit([item.as_dict() for item in done], lambda: _show_made(frame, done, out))
    exit_with(done)


def _make_one(
    path: Path, out: Path | None, raw: Path | None, schema: Schema, *, dry_run: bool
) -> Outcome:
    from mx2prod.metadata import make_record

    try:
        made = make_record(path, raw=raw, schema=schema)
        written = _write(made, out, dry_run=dry_run) if out is not None else None
    except Mx2Error as error:
        return Outcome(path, error=error, extra={"record": None, "written": None})
    extra = {
        "record": made.record,
        "written": None if written is None or dry_run else str(written),
        "dry_run": dry_run,
    }
    return Outcome(path, made.problems, record=made.record, written=written, extra=extra)


def _write(made: MadeRecord, out: Path, *, dry_run: bool) -> Path:
    from mx2prod.metadata import record_path, write_record
    from mx2prod.metadata.records import require_free_place

    if not dry_run:
        return write_record(made.record, out)
    require_free_place(made.record, out)
    return record_path(out / str(made.record["name"]))


def _show_made(frame: Frame, done: Sequence[Outcome], out: Path | None) -> None:
    """Print records, or where they were written; findings go to standard error."""
    records = [item.record for item in done if item.record is not None]
    if out is None and records:
        click.echo(json.dumps(records[0] if len(done) == 1 else records, indent=2))
    for item in done:
        report_error(item)
        if item.written is not None:
            verb = "would write" if item.extra["dry_run"] else "wrote"
            click.echo(f"{verb} {item.written}")
        for problem in item.problems:
            frame.say(f"{item.path.name}: {problem}")
