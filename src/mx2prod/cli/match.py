"""``mx2 match``: the 2x2 charge and light files of an Mx2 file, and back."""

from __future__ import annotations

from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, pass_frame
from mx2prod.cli.match_output import query, show_comparison, show_health, show_match
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from mx2prod.metadata import RecordLookup
    from mx2prod.metadata.matching import (
        Comparison,
        FileInterval,
        Match,
        RunsDatabase,
        TrustedDatabases,
    )

_FILE = click.Path(path_type=Path)


@click.command("match")
@click.argument("names", nargs=-1, metavar="DID...")
@click.option("--runsdb", type=_FILE, help="Run database (default: the last one of the list).")
@click.option("--records", type=_FILE, help="Folder with records NAME.json of known Mx2 files.")
@click.option("--gates", type=_FILE, help="List the gates of this Mx2 file inside each match.")
@click.option("--health", "with_health", is_flag=True, help="Say what is odd in the run database.")
@click.option("--compare", type=_FILE, help="Say what changes from this older release.")
@click.option("-o", "--out", type=_FILE, help="Write NAME.match.json into this folder.")
@click.option("--fill", is_flag=True, help="With -o: write records with their global subruns too.")
@click.option("--dry-run", is_flag=True, help="Say what would be written.")
@pass_frame
def command(
    frame: Frame,
    *,
    names: tuple[str, ...],
    runsdb: Path | None,
    records: Path | None,
    gates: Path | None,
    with_health: bool,
    compare: Path | None,
    out: Path | None,
    fill: bool,
    dry_run: bool,
) -> None:
    """Find the 2x2 charge and light files of Mx2 files, and the Mx2 files of those.

    DID is namespace:name, a file name, RECORD.json, or a raw file.  Files are matched by time with
    the 2x2 run database, and compared with its global subrun numbers.  Only databases whose sha256
    stands in runs-databases.sha256 of the workspace are used; the list has the lines of sha256sum.

    Exit code 0: all matched; 3: gaps, unmatched files or findings, listed; 2: bad input.

    \b
    Example:
      sha256sum mx2x2runs_v0.2.sqlite >> runs-databases.sha256
      mx2 match neardet-2x2-minerva:TS1_00050017_0017_numib_v09_2407100856_RawData.dat
    """
    if fill and out is None:
        raise UsageError("--fill writes records: give a folder with -o")
    if not (names or with_health or compare):
        raise UsageError("no file to match", next_step="mx2 match --help")
    trusted = _trusted(frame)
    database = trusted.open(runsdb or trusted.current)
    with _catalogue(frame) as known:
        job = _Job(database, names, records, known)
    document: dict[str, Any] = {"database": {"name": database.name, "sha256": database.sha256}}
    if with_health:
        document["health"] = [item.as_dict() for item in job.matcher.health]
    comparison = _compared(trusted.open(compare), database) if compare else None
    if comparison is not None:
        document["comparison"] = comparison.as_dict()
    lists = [job.gates_in(match, gates) for match in job.matches] if gates else []
    document["matches"] = [{**match.as_dict(), "query": query(match)} for match in job.matches]
    for entry, gate_list in zip(document["matches"], lists, strict=False):
        entry["gates"] = gate_list
    written = job.write(out, fill=fill, dry_run=dry_run) if out else []
    document["written"] = [str(path) for path in written]

    def show() -> None:
        if with_health:
            show_health(job.matcher)
        if comparison is not None:
            show_comparison(comparison)
        for number, match in enumerate(job.matches):
            show_match(match, lists[number] if lists else None)
        for path in written:
            click.echo(f"{'would write' if dry_run else 'wrote'} {path}")

    frame.emit(document, show)
    disagree = any(row["disagrees"] for gate_list in lists for row in gate_list["by_file"])
    if disagree or any(_has_losses(match) for match in job.matches):
        click.get_current_context().exit(FINDINGS)


class _Job:
    """Files of one call, matched with one database."""

    def __init__(
        self,
        database: RunsDatabase,
        names: Sequence[str],
        folder: Path | None,
        known: RecordLookup,
    ) -> None:
        from mx2prod.metadata.matching import Matcher, known_dids

        given = {record["name"]: record for record in (_records_in(folder) if folder else ())}
        self._records = [_record_of(name, given, known) for name in names]
        at_hand = [*given.values(), *(record for record in self._records if record is not None)]
        self.matcher = Matcher(database, known_dids(known, at_hand))
        self.matches = [
            self.matcher.match(self._interval(name, record))
            for name, record in zip(names, self._records, strict=True)
        ]

    def _interval(self, name: str, record: Mapping[str, Any] | None) -> FileInterval:
        from mx2prod.metadata.matching import interval_of_did, interval_of_record

        return interval_of_record(record) if record else interval_of_did(self.matcher, name)

    def gates_in(self, match: Match, path: Path) -> dict[str, Any]:
        """Gates of a file during a matched one; of an Mx2 file, during each that it matches."""
        from mx2prod.metadata.matching import gate_times, gates_by_row

        times = gate_times(path)
        document = {"file": str(path), **times.during(match.file).as_dict()}
        rows = gates_by_row(match, times) if match.file.system == "Mx2" else []
        return {**document, "by_file": [item.as_dict() for item in rows]}

    def write(self, out: Path, *, fill: bool, dry_run: bool) -> list[Path]:
        """Write match records, and with ``fill`` the records with their global subruns."""
        from mx2prod.metadata import record_path, write_record
        from mx2prod.metadata.matching import fill_record, match_path, write_match

        paths = []
        for match, record in zip(self.matches, self._records, strict=True):
            if fill and record is None:
                raise UsageError(f"{match.file.did}: --fill needs its record, not only its name")
            filled = fill_record(self.matcher, record)[0] if fill and record else None
            paths.append(match_path(out, match) if dry_run else write_match(out, match))
            if filled is not None:
                path = record_path(out / filled["name"])
                paths.append(path if dry_run else write_record(filled, out))
        return paths


def _trusted(frame: Frame) -> TrustedDatabases:
    from mx2prod.metadata.matching import LIST_NAME, TrustedDatabases

    return TrustedDatabases.read(frame.workspace.root / LIST_NAME)


def _compared(old: RunsDatabase, new: RunsDatabase) -> Comparison:
    from mx2prod.metadata.matching import compare

    return compare(old, new)


@contextmanager
def _catalogue(frame: Frame) -> Iterator[RecordLookup]:
    """Records of the workspace's catalogue; none where there is no database of that name."""
    from mx2prod.journal.engine import is_database, sqlite_path
    from mx2prod.metadata import RecordsInMemory

    url, root = frame.workspace.settings.catalog.url, frame.workspace.root
    path = sqlite_path(url, root) if is_database(url) else None
    if not is_database(url) or (path is not None and not path.exists()):
        yield RecordsInMemory([])
        return
    from mx2prod import catalog
    from mx2prod.catalog.lookup import CatalogueRecords

    with catalog.open(url, root=root) as opened:
        yield CatalogueRecords(opened)


def _record_of(
    name: str, given: Mapping[str, dict[str, Any]], known: RecordLookup
) -> Mapping[str, Any] | None:
    """Record of an argument: of a file, from the folder of records, from the catalogue."""
    path = Path(name)
    if not path.is_file():
        return given.get(name.rpartition(":")[2]) or known.find(name)
    from mx2prod.metadata import raw_record, read_record, record_path
    from mx2prod.raw.info import summarise

    if path.suffix == ".dat":
        return raw_record(summarise(path))
    value = read_record(path if path.suffix == ".json" else record_path(path))
    if not isinstance(value, dict):
        raise UsageError(f"{path}: {type(value).__name__}, expected one record")
    return value


def _records_in(folder: Path) -> Iterable[dict[str, Any]]:
    """Records of a folder; other JSON files have no name of an Mx2 file and count for nothing."""
    from mx2prod.metadata import read_record

    if not folder.is_dir():
        raise UsageError(f"{folder}: no folder", next_step=f"ls -d {folder}")
    for path in sorted(folder.glob("*.json")):
        value = read_record(path)
        if isinstance(value, dict) and {"name", "metadata"} <= set(value):
            yield value


def _has_losses(match: Match) -> bool:
    return bool(match.gaps) or not match.declarable or not match.rows
