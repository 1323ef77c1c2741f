"""What ``mx2 demo`` prints."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.demo_records import next_commands, paths_to_look_at
from mx2prod.cli.frame import print_table
from mx2prod.cli.process import MB, speed_text
from mx2prod.cli.report import show_why

if TYPE_CHECKING:
    from mx2prod.production import FileReport, ProcessReport
    from mx2prod.production.demo import Run1Report
    from mx2prod.production.demo_constants import ConstantsReport
    from mx2prod.production.demo_records import RecordsReport

_SHOWN_DIGEST = 16
_LOOK = (".html", ".pdf")


def show_samples(report: ProcessReport, contents: dict[str, str], folder: Path) -> None:
    """Print what became of the packaged samples.

    Parameters
    ----------
    report : ProcessReport
    contents : dict of str to str
        What each sample holds, by its name.
    folder : Path
        Where the digits are.
    """
    print_table(
        f"{report.tier} of the packaged samples",
        ("sample", "content", "gates read", "written", "lost", "MB read", "MB written", "record"),
        [_sample_row(file, contents) for file in report.files],
        empty="no samples in this installation",
    )
    for output in report.outputs:
        click.echo(output.path)
        click.echo(output.record_path)
    click.echo("")
    if not report.dry_run:
        click.echo(_totals(report, folder))
        click.echo(speed_text(report))


def show_run1(run1: Run1Report) -> None:
    """Print the simulated files, and the tables that came of them."""
    from mx2prod.validation.summary import TALK_COLUMNS

    click.echo("")
    print_table(
        "simulated raw files",
        ("file", "gates", "MB", "board hits a gate"),
        [
            [file.path.name, file.gates, round(file.bytes / MB, 1), round(file.hits_per_gate, 1)]
            for file in run1.simulated
        ],
        empty="no files",
    )
    for report in run1.reports:
        print_table(
            report.product,
            (*TALK_COLUMNS[:4], "Comments", "files in"),
            [
                [*summary.row()[:4], summary.comment, len(summary.files)]
                for summary in report.summaries
            ],
            empty="no tables",
        )
        show_why(report)
        click.echo("")


def show_constants(constants: ConstantsReport, digits: ProcessReport) -> None:
    """Print how constants came into production, and what a job made with them."""
    print_table(
        f"beam subruns without a table in {constants.promotion.gtag}, and what is decided",
        ("folder", "subruns", "number", "decision", "reason"),
        [
            [gap.folder, str(gap.interval), gap.subruns, gap.choice.choice, gap.choice.reason]
            for gap in constants.frozen.gaps
            if gap.choice is not None
        ],
        empty="every subrun has its table",
    )
    print_table(
        "constants, from development to production", ("step", "result"),
        [*_steps(constants), *_digit_rows(digits)], empty="nothing was done",
    )  # fmt: skip


def show_where(
    run1: Run1Report, constants: ConstantsReport, digits: ProcessReport, records: RecordsReport,
    folder: Path,
) -> None:  # fmt: skip
    """Print what to look at, and how long each step took."""
    plots = [path for report in run1.reports for path in report.paths if path.suffix in _LOOK]
    outputs = [output.path for output in digits.outputs]
    made = (*plots, constants.page, constants.snapshot, *outputs, *paths_to_look_at(records))
    for path in made:
        click.echo(f"look at: {path}")
    click.echo(f"look at: {folder / 'constants'} (a page beside each table)")
    seconds = {**run1.seconds, "constants": constants.seconds,
               "sup-digits": sum(digits.seconds.values()), **records.seconds}  # fmt: skip
    click.echo("seconds: " + ", ".join(f"{name} {time:.1f}" for name, time in seconds.items()))
    for text in (f"mx2 --workspace {folder} conditions ls --db prod",
                 *next_commands(records, folder)):  # fmt: skip
        click.echo(f"next: {text}")


def _steps(constants: ConstantsReport) -> list[tuple[str, str]]:
    frozen, done = constants.frozen, constants.promotion
    choices = Counter(gap.choice.choice for gap in frozen.gaps if gap.choice is not None)
    checks = frozen.checks
    verdicts = Counter(checks.verdict(result) for result in checks.results)
    tables = sum(len(folder.iovs) for folder in frozen.manifest)
    return [
        ("put into development", f"{frozen.good} good tables, {tables - frozen.good} nominal"),
        ("decisions about gaps", _counted(choices)),
        ("checks", _counted(verdicts)),
        *((f"waived: {waiver.rule}", waiver.reason) for waiver in checks.waivers),
        ("frozen, digest", f"{done.gtag}@{done.digest[:_SHOWN_DIGEST]}"),
        ("promotion with one signature", f"refused: {constants.refused}"),
        ("promotion with two", f"published, {done.payloads} payloads hashed again"),
        ("snapshot file", f"verified, signed by {', '.join(constants.verified.signed_by)}"),
        ("read back", f"{constants.read.name}, byte for byte"),
    ]


def _digit_rows(digits: ProcessReport) -> list[tuple[str, str]]:
    rows = []
    for output in digits.outputs:
        counters = output.counters
        kept = sum(number for name, number in counters.items() if name.startswith("kept_"))
        share = kept / max(counters["n_raw"], 1)
        text = f"{output.gates} gates, {kept} of {counters['n_raw']} digits kept ({share:.1%})"
        rows.append((f"{digits.tier} with them", text))
    return rows


def _counted(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {word}" for word, number in sorted(counts.items()))


def _sample_row(file: FileReport, contents: dict[str, str]) -> list[object]:
    sample = file.path.parent.name
    return [
        sample,
        contents[sample],
        file.gates_read,
        file.gates_written,
        file.gates_lost,
        round(file.bytes / MB, 3),
        round(sum(output.bytes for output in file.outputs) / MB, 3),
        _record_text(file),
    ]


def _record_text(file: FileReport) -> str:
    """What the checks say about the records; rules by name where they find an error."""
    errors = {str(p["rule"]) for p in file.record_problems if p["severity"] == "error"}
    if not errors:
        return "good"
    known = " (date before Mx2: the DAQ emulation's)" if errors == {"X08"} else ""
    return f"{', '.join(sorted(errors))}{known}"


def _totals(report: ProcessReport, folder: Path) -> str:
    read = sum(file.gates_read for file in report.files)
    written = sum(file.gates_written for file in report.files)
    lost = sum(file.gates_lost for file in report.files)
    size = sum(output.bytes for output in report.outputs) / MB
    return (
        f"{read} gates read from {len(report.files)} raw files, {written} written, {lost} lost; "
        f"{len(report.outputs)} digit files ({size:.1f} MB) and the records of raw and digit "
        f"files are in {folder}"
    )
