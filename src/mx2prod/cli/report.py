"""``mx2 report``."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, options, pass_frame, print_table
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.validation.report import Report

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("report")
def command() -> None:
    """Pages, PDFs and the summary table of constants."""


_shared = options(
    click.argument("folder", type=_FOLDER),
    click.option("-o", "--out", required=True, type=_FOLDER, help="Folder of the report."),
    click.option(
        "--runs", "ranges", multiple=True, metavar="FIRST-LAST",
        help="A run range; may be repeated (default: the run periods).",
    ),
    click.option("--no-pdf", is_flag=True, help="Only the summary, without plots."),
    click.option("--label", default="", help="Said at the top of every page."),
    click.option("--dry-run", is_flag=True, help="Say what would be written, write nothing."),
)  # fmt: skip
"""Arguments and options of all products."""


@command.command("pedestals")
@_shared
@pass_frame
def pedestals(frame: Frame, /, folder: Path, **shared: Any) -> None:
    """Report on the pedestal tables in FOLDER: one PDF a run range, one page, the summary table.

    \b
    Example:
      mx2 report pedestals constants/pedestals -o plots
    """
    _report(frame, "pedestals", folder, **shared)


@command.command("gains")
@_shared
@click.option("--previous", type=_FILE, help="Gain table to compare with.")
@pass_frame
def gains(frame: Frame, /, folder: Path, *, previous: Path | None, **shared: Any) -> None:
    """Report on the gain tables in FOLDER: one PDF a run range, one page, the summary table.

    \b
    Example:
      mx2 report gains constants/gains -o plots
    """
    _report(frame, "gains", folder, previous=previous, **shared)


def _report(
    frame: Frame,
    product: str,
    folder: Path,
    *,
    out: Path,
    ranges: tuple[str, ...],
    no_pdf: bool,
    label: str,
    dry_run: bool,
    previous: Path | None = None,
) -> None:
    from mx2prod.constants import PmtGain
    from mx2prod.detector import load_detector
    from mx2prod.production.constants_files import read_constants
    from mx2prod.production.report_records import write_report_records
    from mx2prod.validation.report import make_report, plan_report

    runs = [_range(text) for text in ranges]
    if dry_run:
        plan = plan_report(product, folder, out, ranges=runs, pdf=not no_pdf)
        frame.emit(plan.as_dict(), lambda: _show(plan))
        return
    started, tables = time.time(), frame.workspace.settings.detector
    report = make_report(
        product,
        folder,
        out,
        load_detector(tables.geometry, tables.plex, tables.fibres),
        ranges=runs,
        pdf=not no_pdf,
        label=label,
        previous=read_constants(previous, PmtGain) if previous else None,
    )
    records = write_report_records(report, started)
    frame.emit({**report.as_dict(), "problems": records.problems}, lambda: _show(report))
    for file in report.outside:
        frame.say(f"{', '.join(file.inputs)}: outside the run ranges, left out")
    for notice in records.notices:
        frame.say(notice)


def _range(text: str) -> tuple[int, int]:
    first, dash, last = text.partition("-")
    if not (dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last)):
        raise UsageError(f"--runs {text}: expected FIRST-LAST, for example 1698-1795")
    return int(first), int(last)


def _show(report: Report) -> None:
    from mx2prod.validation.summary import TALK_COLUMNS, WORDS

    print_table(
        f"{report.product}: summary",
        ("Start Run", "End Run", "NFiles", "Directory Size", "Comments", "files in", *WORDS),
        [
            [
                *(cell for name, cell in zip(TALK_COLUMNS, summary.row(), strict=False)
                  if name not in ("Location", "Validation Plots")),
                len(summary.files), *summary.counts.values(),
            ]
            for summary in report.summaries
        ],
        empty="no run range has a file",
    )  # fmt: skip
    show_why(report)
    for path in report.paths:
        click.echo(path)


def show_why(report: Report) -> None:
    """Name the files without a good table, and why."""
    for file in report.files:
        if file.verdict != "good":
            click.echo(f"{', '.join(file.inputs)}: {file.verdict}: {file.why()}")
