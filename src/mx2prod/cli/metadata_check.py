"""``mx2 metadata check``: records of files, of printed texts, and of the catalogue."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import click

from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.metadata_outcome import Outcome, exit_with, report_error, schema_of
from mx2prod.core.errors import InputFileError, Mx2Error, NotInCatalogError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.catalog import Catalog
    from mx2prod.metadata import Context, Problem, RecordLookup

_FILE = click.Path(path_type=Path)
RECORD_SUFFIXES = (".json", ".txt")
"""Arguments with these endings are records themselves; any other file has its record beside it."""


@click.command()
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
    """Check records: RECORD.json, a data file beside which NAME.json lies, or NAMESPACE:NAME.

    A did is looked up in the catalogue of the workspace, with its parents and children.

    A record that is printed in pieces, and is therefore not JSON, is joined and checked.

    Every rule of the field table and every cross-check, and what MetaCatch (MC), merge-utils (MU)
    and the TypeChecker (TC) say.  Where the data file lies beside the record, its size and
    checksums are read again.  Several records are checked against each other too.

    Exit code 0: clean, or warnings only; 3: errors, listed; 2: a record cannot be read.
    """
    with _Sources(frame, read_back=read_back) as sources:
        done = _check_all(records, sources, no_bytes=no_bytes)
    frame.emit([item.as_dict() for item in done], lambda: _show_checked(done, show_all=show_all))
    exit_with(done)


class _Sources:
    """Where records are read from: files, and the workspace's catalogue once a did is asked for."""

    def __init__(self, frame: Frame, *, read_back: bool) -> None:
        self.schema = schema_of(frame)
        self.read_back = read_back
        self.catalogue: Catalog | None = None
        self._frame = frame

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.catalogue is not None:
            self.catalogue.close()

    def read(self, path: Path) -> tuple[Any, Path | None, list[Problem]]:
        """Record of an argument, the data file beside it, and what reading found."""
        if not path.exists() and ":" in path.name and path.suffix != ".json":
            return self._declared(str(path)), None, []
        return _read(path)

    def _declared(self, did: str) -> dict[str, Any]:
        from mx2prod import catalog
        from mx2prod.catalog.lookup import CatalogueRecords
        from mx2prod.metadata.checks.outer import SENT

        if self.catalogue is None:
            workspace = self._frame.workspace
            self.catalogue = catalog.open(workspace.settings.catalog.url, root=workspace.root)
        record = CatalogueRecords(self.catalogue).find(did)
        if record is None:
            raise NotInCatalogError(
                f"{did}: neither a file here nor one of {self.catalogue.address}",
                next_step="mx2 metadata check RECORD.json",
            )
        if not record["parents"]:
            del record["parents"]
        if self.read_back:
            return record
        return {member: value for member, value in record.items() if member in SENT}

    def context(self, known: RecordLookup, data_file: Path | None) -> Context:
        """Facts beside a record: those given here, and the whole catalogue if it is open."""
        from mx2prod.catalog.lookup import CatalogueRecords
        from mx2prod.metadata import Context

        records = known if self.catalogue is None else CatalogueRecords(self.catalogue)
        return Context(
            schema=self.schema, data_file=data_file, records=records, read_back=self.read_back
        )


def _check_all(paths: Sequence[Path], sources: _Sources, *, no_bytes: bool) -> list[Outcome]:
    from mx2prod.metadata import RecordsInMemory, check_records

    done = [Outcome(path) for path in paths]
    values: list[Any] = []
    found: list[tuple[Outcome, Path | None]] = []
    for item in done:
        try:
            value, data_file, item.problems = sources.read(item.path)
        except Mx2Error as error:
            item.error = error
            continue
        values.append(value)
        found.append((item, None if no_bytes else data_file))
    known = RecordsInMemory(value for value in values if isinstance(value, dict))
    contexts = [sources.context(known, data_file) for _, data_file in found]
    for (item, _), problems in zip(found, check_records(values, contexts), strict=True):
        item.problems = [*item.problems, *problems]
    return done


def _read(path: Path) -> tuple[Any, Path | None, list[Problem]]:
    from mx2prod.metadata import read_any_record
    from mx2prod.metadata.records import data_path, record_path

    if path.suffix in RECORD_SUFFIXES or not path.is_file():
        value, problems = read_any_record(path)
        return value, data_path(path), problems
    if not record_path(path).exists():
        raise InputFileError(
            f"{path}: no record {path.name}.json beside it",
            next_step=f"mx2 metadata make {path} -o FOLDER",
        )
    value, problems = read_any_record(record_path(path))
    return value, path, problems


def _show_checked(done: Sequence[Outcome], *, show_all: bool) -> None:
    for item in done:
        if item.error is not None:
            report_error(item)
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
