"""What ``mx2 demo`` prints of catalogue, metadata, matching and beam."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import print_table
from mx2prod.cli.process import MB

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mx2prod.metadata.beam import BeamSum
    from mx2prod.metadata.matching import Match
    from mx2prod.production.demo_beam import BeamReport
    from mx2prod.production.demo_catalog import CatalogReport
    from mx2prod.production.demo_matching import MatchingReport
    from mx2prod.production.demo_metadata import MetadataReport
    from mx2prod.production.demo_records import RecordsReport

_SHOWN_MISSES = 3
_SHOWN_DIGEST = 16


def show_records(records: RecordsReport) -> None:
    """Print what became of the records of the small Run 1."""
    _show_datasets(records.catalog)
    _show_example(records.metadata)
    _show_matches(records.matching)
    _show_beam(records.beam)
    _show_quality(records.metadata)


def paths_to_look_at(records: RecordsReport) -> Iterator[Path]:
    """Files that a person opens."""
    yield from records.catalog.paths
    yield from records.metadata.paths
    yield records.beam.plot


def next_commands(records: RecordsReport, folder: Path) -> Iterator[str]:
    """Say what can be tried in the folder of the demonstration."""
    mx2 = f"mx2 --workspace {folder}"
    frozen = records.catalog.snapshot.did.partition(":")[2]
    yield f"{mx2} dataset table {frozen}"
    for dataset in sorted({item.dataset for item in records.catalog.rejected if item.dataset}):
        yield f"{mx2} dataset show {dataset} --left-out"
    for match in records.matching.matches[:1]:
        yield f"{mx2} catalog show {match.file.did}"
        yield f"{mx2} match {match.file.did}"
    yield f"mx2 metadata check {records.metadata.paths[0]}"


def _show_datasets(catalog: CatalogReport) -> None:
    states = Counter(item.state for item in catalog.seen)
    told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
    click.echo(f"raw files in the catalogue: {told}")
    print_table(
        "raw files that are not used, and why",
        ("file", "by", "reason"),
        [[item.name, item.dataset or "declaration", item.reason] for item in catalog.rejected],
        empty="every raw file is used",
    )
    print_table(
        "datasets of Run 1, by the definitions of the talk",
        ("dataset", "first run", "last run", "files", "MB"),
        [
            [line.did, line.start_run, line.end_run, line.files, round(line.total_size / MB, 1)]
            for line in catalog.table.lines
        ],
        empty="none",
    )
    snapshot = catalog.snapshot
    click.echo(f"frozen: {snapshot.did}, {snapshot.file_count} files, "
               f"digest {snapshot.digest[:_SHOWN_DIGEST]}")  # fmt: skip
    if not catalog.difference.same:
        click.echo(f"  its definition selects other files now: mx2 dataset diff {snapshot.did}")
    click.echo("")


def _show_example(metadata: MetadataReport) -> None:
    from mx2prod.metadata.problems import OURS

    rows = [
        [item.field, item.rule, _short(item.got), _short(item.want)]
        for item in metadata.problems["printed"]
        if item.authority == OURS
    ]
    columns = ("field", "rule", "found", "expected")
    print_table("the record on the talk's slide, checked by our rules", columns, rows, empty="ok")
    errors = {name: len(metadata.errors(name)) for name in metadata.problems}
    told = ", ".join(f"{name}: {number}" for name, number in errors.items())
    click.echo("errors by our rules, MetaCatch, merge-utils and the TypeChecker "
               f"in that record as {told}\n")  # fmt: skip


def _short(value: object) -> str:
    text = "nothing" if value is None else str(value) or "empty text"
    return text if len(text) <= 60 else f"{text[:57]}..."


def _show_matches(matching: MatchingReport) -> None:
    print_table(
        f"beam files matched with the made-up run database {matching.database.name}",
        ("Mx2 file", "seconds", "global subruns", "charge", "light", "straddling", "gaps"),
        [_match_row(match) for match in matching.matches],
        empty="no file with beam",
    )
    filled = len(matching.matches) - len(matching.unmatched)
    click.echo(f"dune.mx2x2_global_subrun_numbers: in {filled} records, {matching.changed} of them "
               "written now")  # fmt: skip
    for match in matching.unmatched:
        click.echo(f"no global subrun: {match.file.did}, which covers {match.file.duration:.1f} s")
    click.echo("")


def _match_row(match: Match) -> list[object]:
    from mx2prod.core.ids import gate_ranges

    span = ", ".join(
        f"{item.first} .. {item.last}" if item.last > item.first else f"{item.first}"
        for item in gate_ranges(match.numbers)
    )
    return [
        match.file.did.partition(":")[2], round(match.file.duration), span or "none",
        len(match.matched("CRS")), len(match.matched("LRS")), len(match.straddles),
        len(match.gaps),
    ]  # fmt: skip


def _show_beam(beam: BeamReport) -> None:
    print_table(
        f"protons on target, from {len(beam.spills)} simulated spills",
        ("file or dataset", "beam gates", "known", "missed", "protons", "state"),
        [_beam_row(item) for item in (*beam.files, *beam.datasets)],
        empty="no file with beam",
    )
    if not beam.misses:
        click.echo("missed: none, every beam gate has its spill")
    for name, row in beam.misses[:_SHOWN_MISSES]:
        click.echo(f"missed: {name} gate {row['gate']} at {row['time']}: {row['outcome']}")
    if len(beam.misses) > _SHOWN_MISSES:
        click.echo(f"missed: {len(beam.misses) - _SHOWN_MISSES} more (mx2 demo --json lists all)")
    click.echo("")


def _beam_row(item: BeamSum) -> list[object]:
    protons = "unknown" if item.protons is None else f"{item.protons:.3e}"
    return [item.name, item.beam_gates, item.known_gates, item.beam_gates - item.known_gates,
            protons, item.state]  # fmt: skip


def _show_quality(metadata: MetadataReport) -> None:
    print_table(
        "data quality of the raw files; good needs a signature, and nobody has signed",
        ("file", "verdict", "flags", "why"),
        [
            [item.did.partition(":")[2], item.word, ", ".join(item.flags), "; ".join(item.reasons)]
            for item in metadata.verdicts
        ],
        empty="no file",
    )
