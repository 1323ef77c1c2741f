"""What ``mx2 match`` prints for people."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mx2prod.metadata.matching import Comparison, Match, Matcher


def query(match: Match) -> str | None:
    """MQL text that finds the Mx2 files of a charge or light file; None where it has no numbers."""
    from mx2prod.metadata.matching import query_of

    return query_of(match.numbers) if match.numbers and match.file.system != "Mx2" else None


def show_match(match: Match, gates: Mapping[str, Any] | None) -> None:
    """Print a match, and the gates of ``--gates`` inside it."""
    file = match.file
    click.echo(f"{file.did}")
    span = f"{_utc(file.start)} to {_utc(file.end)}, {file.duration:.0f} s"
    click.echo(f"  {file.system} {file.run}/{file.subrun}, {span} (from the {file.source})")
    click.echo(f"  global subruns: {_condensed(match.numbers) or 'none'}")
    columns = ("system", "run/subrun", "file", "overlap s", "of this %", "of it %", "kind", "by")
    rows = [
        [row.system, f"{row.run}/{row.subrun}", ", ".join(row.dids) or row.file,
         round(row.overlap_s, 1), round(100 * row.fraction, 2),
         round(100 * row.fraction_of_other, 2), row.kind, row.method]
        for row in match.rows
    ]  # fmt: skip
    empty = f"no file of another system at that time in {match.database}"
    print_table("", columns, rows, empty=empty)
    if text := query(match):
        click.echo(f"  {text}")
    for part in (*match.gaps, *match.doubles):
        seconds = part.end - part.start
        click.echo(f"  {part.kind}: {_utc(part.start)} to {_utc(part.end)}, {seconds:.0f} s")
    for finding in match.findings:
        click.echo(f"  {finding.severity} {finding.kind}: {finding.detail}")
    if gates is not None:
        numbers = gates["gate"]
        which = f", {numbers[0]} to {numbers[-1]}" if numbers else ""
        border = f"{gates['n_boundary']} of them within 1 s of its borders"
        click.echo(f"  {gates['n']} gates of {gates['file']}{which}; {border}")
        for row in gates["by_file"]:
            word = "  NO GATE, although the times overlap" if row["disagrees"] else ""
            name = f"{row['system']} {row['run']}/{row['subrun']}"
            click.echo(f"    {name}: {row['n']} gates{word}")


def show_health(matcher: Matcher) -> None:
    """Print what a run database holds, and what is odd in it."""
    import numpy as np

    database = matcher.database
    click.echo(f"{database.name}  sha256 {database.sha256}")
    click.echo(f"  {len(database.rows)} global subruns")
    for system, summary in database.summaries.items():
        runs = ", ".join(str(run) for run in np.unique(summary.rows["run"]))
        click.echo(f"  {system}: {len(summary.rows)} subruns of runs {runs or '-'}")
    for finding in matcher.health:
        when = f" {_utc(finding.start)}" if finding.start else ""
        click.echo(f"  {finding.severity} {finding.kind}{when}: {finding.detail}")
    if not matcher.health:
        click.echo("  nothing odd")


def show_comparison(comparison: Comparison) -> None:
    """Print what a new release of the run database changes."""
    click.echo(f"{comparison.old[0]} to {comparison.new[0]}")
    rows = [
        [f"{item.run}/{item.subrun}", _condensed(item.old), _condensed(item.new),
         "times too" if item.times_changed else "numbers only"]
        for item in comparison.changed
    ]  # fmt: skip
    columns = ("Mx2 run/subrun", "old", "new", "what changed")
    print_table("changed subruns", columns, rows, empty="  no subrun has other numbers")
    for word, subruns in (("gained", comparison.gained), ("lost", comparison.lost)):
        listed = ", ".join(f"{run}/{subrun}" for run, subrun in subruns)
        click.echo(f"  {word}: {listed or 'none'}")


def _condensed(numbers: Sequence[int]) -> str:
    """Numbers as ranges, for people."""
    from mx2prod.core.ids import gate_ranges

    parts = [(item.first, item.last) for item in gate_ranges(numbers)]
    return ", ".join(str(a) if a == b else f"{a}..{b}" for a, b in parts)


def _utc(time: float) -> str:
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
