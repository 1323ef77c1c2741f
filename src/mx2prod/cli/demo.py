"""``mx2 demo``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.cli.process import MB, ProgressLines, say_errors, speed_text
from mx2prod.cli.report import show_why

if TYPE_CHECKING:
    from mx2prod.production import FileReport, ProcessReport
    from mx2prod.production.demo import Run1Report

SAMPLES = Path(__file__).parents[1] / "samples"
"""Raw files that ship with the package, a folder each; their README says what is real in them."""

DIGITS, RUN1 = "digits", "run1"
"""Folder of the digits; folder of the small Run 1 among the samples."""

CONTENT = {
    "p10_numib_full": "NuMI beam, 185 boards",
    "p09_ped_full": "pedestals, 185 boards",
    "p11_numil_full": "NuMI beam and light injection, 185 boards",
    "p01_pedestal_small": "pedestals",
    "p02_li_small": "light injection",
    "p03_numib_small": "NuMI beam",
    "p04_numip_small": "NuMI beam and pedestals",
    "p05_independent_push": "each TriP with its own hit count",
    "p06_fw95": "board firmware 95",
    "p07_fw91": "board firmware 91",
    "p08_many_hits": "up to 22 hits a board",
}
"""What each sample holds; the full detector comes first."""

LABEL = (
    "DEMO: the samples' framing was written by the DAQ's own software, the bytes of the front-end "
    "boards are emulated; none comes from the detector."
)


@click.command("demo")
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False), default="mx2-demo")
@click.option("--dry-run", is_flag=True, help="Check the samples, write nothing.")
@pass_frame
def command(frame: Frame, folder: Path, *, dry_run: bool) -> None:
    """The main job: packaged samples to digits, a small simulated Run 1 to constants, in FOLDER.

    \b
    FOLDER/digits      digits and records of the packaged samples
    FOLDER/raw         simulated raw files of the three run periods, with their truth
    FOLDER/constants   pedestals and gains with verdicts, pages and records
    FOLDER/plots       one PDF a run period, and the summary pages

    Every run writes new digit files: the name of an output has a token that is drawn for each
    attempt.  The raw files of the samples, and a README that says what is real in them, come with
    the package.
    """
    from mx2prod.production import process

    frame.say(LABEL)
    settings = frame.workspace.settings
    with frame.progress() as bar:
        lines = ProgressLines(bar) if bar is not None else None
        report = process(
            sample_files(), out=folder / DIGITS, dry_run=dry_run, settings=settings, progress=lines
        )
    run1 = None
    if not dry_run and not any(file.error for file in report.files):
        from mx2prod.production.demo import RUN1_LABEL, pre_produce_run1

        frame.say(RUN1_LABEL)
        with frame.progress() as bar:
            lines = ProgressLines(bar) if bar is not None else None
            run1 = pre_produce_run1(SAMPLES / RUN1, folder, settings, progress=lines)
    document = {"label": LABEL, "samples": str(SAMPLES), **report.as_dict(),
                "run1": None if run1 is None else run1.as_dict()}  # fmt: skip
    frame.emit(document, lambda: _show(report, run1, folder))
    say_errors(report)
    if any(file.error for file in report.files):
        click.get_current_context().exit(report.exit_code)


def sample_files() -> list[Path]:
    """Packaged raw files in the order of :data:`CONTENT`."""
    return [next((SAMPLES / name).glob("*.dat")) for name in CONTENT]


def _show(report: ProcessReport, run1: Run1Report | None, folder: Path) -> None:
    print_table(
        f"{report.tier} of the packaged samples",
        ("sample", "content", "gates read", "written", "lost", "MB read", "MB written", "record"),
        [_row(file) for file in report.files],
        empty="no samples in this installation",
    )
    for output in report.outputs:
        click.echo(output.path)
        click.echo(output.record_path)
    click.echo("")
    if not report.dry_run:
        click.echo(_totals(report, folder))
        click.echo(speed_text(report))
    if run1 is not None:
        _show_run1(run1, folder)
    click.echo("next: mx2 process YOUR_RawData.dat --to raw-digits -o FOLDER")


def _show_run1(run1: Run1Report, folder: Path) -> None:
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
    for report in run1.reports:
        for path in report.paths:
            if path.suffix in (".html", ".pdf"):
                click.echo(f"look at: {path}")
    click.echo(f"look at: {folder / 'constants'} (a page beside each table)")
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in run1.seconds.items())
    click.echo(f"seconds: {steps}")


def _row(file: FileReport) -> list[object]:
    sample = file.path.parent.name
    return [
        sample,
        CONTENT[sample],
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
        f"files are in {folder / DIGITS}"
    )
