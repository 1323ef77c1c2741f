"""``mx2 process``."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, log, pass_frame, print_table

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from mx2prod.production import FileReport, OutputReport, ProcessReport
    from mx2prod.production.steps import StageSettings

DEFAULT_TIER = "raw-digits"
_SHOWN = 10
MB = 1_000_000
FILE = click.Path(path_type=Path)
COUNTED = {
    "kept_discriminator": "kept: fired", "kept_above_cut": "above cut",
    "kept_saturated": "saturated", "kept_calibration_gate": "calibration gate",
    "kept_low_gain": "low gain", "dropped_below_cut": "dropped: below cut",
    "dropped_no_pedestal": "no pedestal", "dropped_bad_channel": "bad channel",
}  # fmt: skip
"""Counters of suppressed digits and their columns, which are shown where one is not zero."""


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
    help="Tier to make: raw-digits, or sup-digits, which needs constants.",
)
@click.option(
    "--constants",
    "reference",
    metavar="GTAG[@DIGEST]",
    default="",
    help="Published global tag of the production database; needed from sup-digits on.",
)
@click.option(
    "--snapshot",
    type=FILE,
    help="Read the constants from this snapshot file, not from the database.",
)
@click.option(
    "--keep", multiple=True, metavar="TIER", help="Write this tier on the way too; repeatable."
)
@click.option(
    "--settings",
    "settings_file",
    type=FILE,
    help="Settings of the stages (reconstruction.yaml); the defaults without it.",
)
@click.option("--salvage", is_flag=True, help="Keep all that can be had from damaged files.")
@click.option("--dry-run", is_flag=True, help="Check the files and say what would be written.")
@pass_frame
def command(
    frame: Frame,
    files: tuple[Path, ...],
    out: Path,
    tier: str,
    *,
    reference: str,
    snapshot: Path | None,
    keep: tuple[str, ...],
    settings_file: Path | None,
    salvage: bool,
    dry_run: bool,
) -> None:
    """Process raw files into OUT, with a metadata record beside each output.

    Every rule of the raw format is checked first.  A file that breaks one is refused (exit code
    2) and the others are still processed; with --salvage all that can be had is kept and what is
    lost is listed (exit code 3).  Each attempt writes new names; nothing is overwritten.

    From sup-digits on, constants are needed: a global tag that was approved and promoted.  A
    subrun without an interval is refused; nothing else is taken instead.

    \b
    Examples:
      mx2 process TS1_00050017_0022_numib_v09_2407100946_RawData.dat --to raw-digits -o digits
      mx2 process TS1_*_RawData.dat --to sup-digits --constants mx2-run1-v3 -o digits
    """
    from mx2prod.production import open_constants, process

    workspace = frame.workspace
    with (
        open_constants(workspace, reference, snapshot) as constants,
        frame.progress() as bar,
    ):
        report = process(
            files,
            out=out,
            to=tier,
            keep=keep,
            constants=constants,
            stage_settings=_settings(settings_file),
            salvage=salvage,
            dry_run=dry_run,
            settings=workspace.settings,
            progress=ProgressLines(bar) if bar is not None else None,
        )
    frame.emit(report.as_dict(), lambda: show_report(report))
    say_errors(report)
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


def _settings(path: Path | None) -> StageSettings | None:
    from mx2prod.core.yaml_file import load_yaml
    from mx2prod.production.steps import StageSettings

    return load_yaml(path, StageSettings) if path is not None else None


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
    _show_constants(report)
    for output in report.outputs:
        size = "" if report.dry_run else f"  {output.bytes / MB:.1f} MB"
        click.echo(f"{written}: {output.path}{size}")
        click.echo(f"{written}: {output.record_path}")
    for file in report.files:
        if file.record_path is not None and file.error is None:
            click.echo(f"{written}: {file.record_path}")
    if not report.dry_run:
        click.echo(speed_text(report))


def _show_constants(report: ProcessReport) -> None:
    """Print which constants were read, and what became of the digits."""
    if report.constants is None:
        return
    signed = ", ".join(report.constants["signed_by"])
    click.echo(
        f"constants: {report.constants['tag']}@{report.constants['digest'][:16]} "
        f"({report.constants['state']}, signed by {signed})"
    )
    counted = [output for output in report.outputs if "n_raw" in output.counters]
    shown = [name for name in COUNTED if any(output.counters[name] for output in counted)]
    if counted:
        print_table(
            "digits a gate, each by its first reason",
            ("run/subrun", "gates", "read", "kept", "kept %", *(COUNTED[name] for name in shown)),
            [_count_row(output, shown) for output in counted],
            empty="no digits",
        )


def _count_row(output: OutputReport, shown: list[str]) -> list[Any]:
    counters = output.counters
    read = counters["n_raw"]
    kept = sum(n for name, n in counters.items() if name.startswith("kept_"))
    subrun = output.record["metadata"]["core.runs_subruns"][0]
    return [
        f"{subrun // 100_000}/{subrun % 100_000}", output.gates, round(read / output.gates, 1),
        round(kept / output.gates, 1), round(100 * kept / read, 2) if read else 0.0,
        *(round(counters[name] / output.gates, 1) for name in shown),
    ]  # fmt: skip


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
