"""``mx2 metadata``: make and check the DUNE record of a file."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, log, pass_frame
from mx2prod.core.errors import InputFileError, Mx2Error, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.metadata import Context, MadeRecord, Problem
    from mx2prod.metadata.schema import Schema

_FILE = click.Path(path_type=Path)
BAD_INPUT = 2


@click.group("metadata")
def command() -> None:
    """Make and check the DUNE metadata record of a file."""


@command.command()
@click.argument("files", nargs=-1, required=True, type=_FILE)
@click.option("-o", "--out", type=_FILE, help="Write NAME.json into this folder.")
@click.option("--raw", type=_FILE, help="Raw file (or its record) that a digit file is made of.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@pass_frame
def make(
    frame: Frame, files: tuple[Path, ...], out: Path | None, raw: Path | None, *, dry_run: bool
) -> None:
    """Derive the record of raw and raw-digit files from name, content and parent.

    Without -o the record is printed.  With -o it is written as FOLDER/NAME.json, never over another
    file; the folder of a raw file is refused for its record, because NAME.json beside a raw file is
    the DAQ's own.  Findings of the checks go to standard error.

    Exit code 0: no error found; 3: a record has errors; 2: a record cannot be made.
    """
    if raw is not None and len(files) > 1:
        raise UsageError("--raw belongs to one digit file: give one file at a time")
    done = [_make_one(path, out, raw, _schema(frame), dry_run=dry_run) for path in files]
    frame.emit([item.as_dict() for item in done], lambda: _show_made(frame, done, out))
    _exit_with(done)


@command.command()
@click.argument("records", nargs=-1, required=True, type=_FILE)
@click.option("--no-bytes", is_flag=True, help="Do not read the data file beside a record.")
@click.option("--read-back", is_flag=True, help="The records come from the catalogue's server.")
@click.option("--all", "show_all", is_flag=True, help="Print notes too.")
@pass_frame
def check(
    frame: Frame,
    records: tuple[Path, ...],
    *,
    no_bytes: bool,
    read_back: bool,
    show_all: bool,
) -> None:
    """Check records: RECORD.json, or a data file beside which its record NAME.json lies.

    Every rule of the field table and every cross-check, and what MetaCatch (MC), merge-utils (MU)
    and the TypeChecker (TC) say.  Where the data file lies beside the record, its size and
    checksums are read again.  Several records are checked against each other too.

    Exit code 0: clean, or warnings only; 3: errors, listed; 2: a record cannot be read.
    """
    done = _check_all(records, _schema(frame), no_bytes=no_bytes, read_back=read_back)
    frame.emit([item.as_dict() for item in done], lambda: _show_checked(done, show_all=show_all))
    _exit_with(done)


@dataclass
class Outcome:
    """What became of one file.

    Attributes
    ----------
    path : Path
    problems : list of Problem
    error : Mx2Error or None
        Why there is no record to check.
    record : dict or None
        The derived record, of ``make`` only.
    written : Path or None
    """

    path: Path
    problems: Sequence[Problem] = ()
    error: Mx2Error | None = None
    record: dict[str, Any] | None = None
    written: Path | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """True for a record without errors."""
        from mx2prod.metadata import has_errors

        return self.error is None and not has_errors(self.problems)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page, and those of ``make``."""
        document: dict[str, Any] = {
            "path": str(self.path),
            "ok": self.ok,
            "problems": [problem.as_dict() for problem in self.problems],
        }
        if self.error is not None:
            document["error"] = self.error.message
        return {**document, **self.extra}


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
        _report_error(item)
        if item.written is not None:
            verb = "would write" if item.extra["dry_run"] else "wrote"
            click.echo(f"{verb} {item.written}")
        for problem in item.problems:
            frame.say(f"{item.path.name}: {problem}")


def _schema(frame: Frame) -> Schema:
    """Rule table with the file name suffixes of the workspace."""
    from mx2prod.metadata import load_schema

    return load_schema().with_suffixes(frame.workspace.settings.names.suffix)


def _check_all(
    paths: Sequence[Path], schema: Schema, *, no_bytes: bool, read_back: bool
) -> list[Outcome]:
    from mx2prod.metadata import Context, RecordsInMemory, check_records

    done = [Outcome(path) for path in paths]
    values: list[Any] = []
    sources: list[tuple[Outcome, Path | None]] = []
    for item in done:
        try:
            value, data_file = _read(item.path)
        except Mx2Error as error:
            item.error = error
            continue
        values.append(value)
        sources.append((item, None if no_bytes else data_file))
    known = RecordsInMemory(value for value in values if isinstance(value, dict))
    contexts: list[Context] = [
        Context(schema=schema, data_file=data_file, records=known, read_back=read_back)
        for _, data_file in sources
    ]
    for (item, _), problems in zip(sources, check_records(values, contexts), strict=True):
        item.problems = problems
    return done


def _read(path: Path) -> tuple[Any, Path | None]:
    """Record of an argument, and the data file beside it."""
    from mx2prod.metadata.records import data_path, read_record, record_path

    if not path.exists() and ":" in path.name and path.suffix != ".json":
        raise InputFileError(
            f"{path}: no such file; a did needs a catalogue, and here only files are read",
            next_step="mx2 metadata check RECORD.json",
        )
    if path.suffix == ".json":
        return read_record(path), data_path(path)
    if path.is_file() and not record_path(path).exists():
        raise InputFileError(
            f"{path}: no record {path.name}.json beside it",
            next_step=f"mx2 metadata make {path} -o FOLDER",
        )
    return (read_record(record_path(path)), path) if path.is_file() else (read_record(path), None)


def _show_checked(done: Sequence[Outcome], *, show_all: bool) -> None:
    for item in done:
        if item.error is not None:
            _report_error(item)
            continue
        counts = {
            word: sum(problem.severity == word for problem in item.problems)
            for word in ("error", "warning", "note")
        }
        told = [f"{n} {word}{'s' * (n != 1)}" for word, n in counts.items() if n]
        click.echo(f"{item.path}: {'ok' if item.ok else 'NOT OK'}, {', '.join(told) or 'clean'}")
        for problem in item.problems:
            if show_all or problem.severity != "note":
                click.echo(f"  {problem}")


def _report_error(item: Outcome) -> None:
    if item.error is not None:
        log.error("%s", item.error.message)
        if item.error.next_step:
            click.echo(f"next: {item.error.next_step}", err=True)


def _exit_with(done: Sequence[Outcome]) -> None:
    codes = [item.error.exit_code for item in done if item.error is not None]
    if codes:
        code = BAD_INPUT if BAD_INPUT in codes else codes[0]
    else:
        code = 0 if all(item.ok for item in done) else FINDINGS
    click.get_current_context().exit(code)
