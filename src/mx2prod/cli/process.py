"""``mx2 process``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, log, pass_frame, print_table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from mx2prod.production import FileReport, ProcessReport

DEFAULT_TIER = "raw-digits"
_SHOWN = 10
MB = 1_000_000


@click.command("process")
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path), metavar="FILE..."
)
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the outputs; made if needed.",
)
@click.option(
    "--to",
    "tier",
    default=DEFAULT_TIER,
    show_default=True,
    metavar="TIER",
    help="Tier to make; the default is the last one that this version makes.",
)
@click.option("--salvage", is_flag=True, help="Keep all that can be had from damaged files.")
@click.option("--dry-run", is_flag=True, help="Check the files and say what would be written.")
@pass_frame
def command(
    frame: Frame, files: tuple[Path, ...], out: Path, tier: str, *, salvage: bool, dry_run: bool
) -> None:
    """Process raw files into OUT, with a metadata record beside each output.

    Every rule of the raw format is checked first.  A file that breaks one is refused (exit code
    2) and the others are still processed; with --salvage all that can be had is kept and what is
    lost is listed (exit code 3).  Each attempt writes new names; nothing is overwritten.

    \b
    Example:
      mx2 process TS1_00050017_0022_numib_v09_2407100946_RawData.dat --to raw-digits -o digits
    """
    from mx2prod.production import process

    with frame.progress() as bar:
        report = process(
            files,
            out=out,
            to=tier,
            salvage=salvage,
            dry_run=dry_run,
            settings=frame.workspace.settings,
            progress=ProgressLines(bar) if bar is not None else None,
        )
    frame.emit(report.as_dict(), lambda: show_report(report))
    say_errors(report)
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


class ProgressLines:
    """One progress bar a file, in gates."""

    def __init__(self, bar: Progress) -> None:
        self._bar = bar
        self._tasks: dict[Path, TaskID] = {}

    def __call__(self, path: Path, done: int, total: int) -> None:
        """Note that so many gates of a file are written."""
        if path not in self._tasks:
            self._tasks[path] = self._bar.add_task(path.name, total=total)
        self._bar.update(self._tasks[path], completed=done)


def show_report(report: ProcessReport) -> None:
    """Print what was read, written and lost, findings, paths and speed."""
    written = "would write" if report.dry_run else "written"
    print_table(
        f"{report.tier} of {len(report.files)} raw file{'s' if len(report.files) > 1 else ''}",
        ("file", "gates read", written, "lost", "MB read", "MB lost", "findings", "status"),
        [_row(file) for file in report.files],
        empty="no files",
    )
    for file in report.files:
        _show_details(file)
    for output in report.outputs:
        size = "" if report.dry_run else f"  {output.bytes / MB:.1f} MB"
        click.echo(f"{written}: {output.path}{size}")
        click.echo(f"{written}: {output.record_path}")
    for file in report.files:
        if file.record_path is not None and file.error is None:
            click.echo(f"{written}: {file.record_path}")
    if not report.dry_run:
        click.echo(speed_text(report))


def say_errors(report: ProcessReport) -> None:
    """Say on standard error why files were refused, and what to do next."""
    for file in report.files:
        if file.error is not None:
            log.error("%s", file.error.message)
            if file.error.next_step:
                click.echo(f"next: {file.error.next_step}", err=True)


def findings_text(file: FileReport) -> str:
    """Findings of a file by kind, notes left out."""
    counts = Counter(str(fault.kind) for fault in file.faults if fault.severity != "note")
    return ", ".join(f"{number} {kind}" for kind, number in counts.items()) or "none"


def _row(file: FileReport) -> list[Any]:
    return [
        file.path.name,
        file.gates_read,
        file.gates_written if file.error is None else None,
        file.gates_lost if file.error is None else None,
        round(file.bytes / MB, 3),
        round(file.bytes_lost / MB, 3),
        findings_text(file),
        file.status,
    ]


def _show_details(file: FileReport) -> None:
    findings = [str(fault) for fault in file.faults if fault.severity != "note"]
    problems = [
        f"record {p['field']}: {p['rule']}: {p['got']}, expected {p['want']}"
        for p in file.record_problems
        if p["severity"] == "error"
    ]
    lines = [*findings, *problems, *file.notices]
    if file.error is not None or not lines:
        return
    click.echo(f"{file.path.name}:")
    for line in lines[:_SHOWN]:
        click.echo(f"  {line}")
    if len(lines) > _SHOWN:
        click.echo(f"  ... and {len(lines) - _SHOWN} more, all of them with --json")


def speed_text(report: ProcessReport) -> str:
    """Seconds a step, gates a second, peak memory, share of the cold start."""
    steps = ", ".join(f"{name} {seconds:.2f}" for name, seconds in report.seconds.items())
    return (
        f"seconds: {steps}; {report.gates_per_second:.0f} gates/s, "
        f"peak memory {report.peak_memory_bytes / MB:.0f} MB, "
        f"cold start {report.cold_start_share:.0%}"
    )
