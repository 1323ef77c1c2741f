"""``mx2 demo``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.process import ProgressLines, say_errors

if TYPE_CHECKING:
    from mx2prod.core.workspace import Workspace
    from mx2prod.production import ProcessReport
    from mx2prod.production.demo import Run1Report
    from mx2prod.production.demo_constants import ConstantsReport
    from mx2prod.production.demo_records import RecordsReport

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
    FOLDER/conditions  the page that signers look at, and a snapshot of what was promoted
    FOLDER/sup-digits  simulated beam after pedestal suppression, by the promoted constants
    FOLDER/datasets    the talk's table of the datasets, as the catalogue has them
    FOLDER/metadata    the talk's example of a record, as printed and corrected, with the findings
    FOLDER/matching    a made-up 2x2 run database, and what each beam file matches in it
    FOLDER/beam        simulated spills, and the offsets of the clocks

    FOLDER is a workspace then, with a catalogue and databases of constants, and with persons and
    keys of the demonstration.  Every run writes new digit files, because the name of an output has
    a token that is drawn for each attempt, and one more version of the constants; what the
    catalogue has already stays as it is.  The raw files of the samples, and a README that says what
    is real in them, come with the package.
    """
    from mx2prod.production import process
    from mx2prod.production.demo_workspace import demo_workspace

    frame.say(LABEL)
    settings = frame.workspace.settings
    workspace = demo_workspace(folder, dry_run=dry_run)
    with frame.progress() as bar:
        lines = ProgressLines(bar) if bar is not None else None
        report = process(
            sample_files(), out=folder / DIGITS, dry_run=dry_run, settings=settings, progress=lines
        )
    made = None
    if workspace is not None and not dry_run and not any(file.error for file in report.files):
        made = _make_run1(frame, workspace, folder)
    document = {"label": LABEL, "samples": str(SAMPLES), **report.as_dict(), **_documents(made)}
    frame.emit(document, lambda: _show(report, made, folder))
    done = [report] if made is None else [report, made.digits]
    for item in done:
        say_errors(item)
    failed = [item.exit_code for item in done if any(file.error for file in item.files)]
    if failed:
        click.get_current_context().exit(failed[0])


@dataclass(frozen=True)
class Run1:
    """What was made of the small Run 1.

    Attributes
    ----------
    run1 : Run1Report
    constants : ConstantsReport
    digits : ProcessReport
        Suppressed digits.
    records : RecordsReport
    """

    run1: Run1Report
    constants: ConstantsReport
    digits: ProcessReport
    records: RecordsReport


def sample_files() -> list[Path]:
    """Packaged raw files in the order of :data:`CONTENT`."""
    return [next((SAMPLES / name).glob("*.dat")) for name in CONTENT]


def _make_run1(frame: Frame, workspace: Workspace, folder: Path) -> Run1:
    """Simulate a small Run 1, calibrate it, promote its constants, use them, and catalogue it."""
    from mx2prod.production.demo import RUN1_LABEL, pre_produce_run1
    from mx2prod.production.demo_constants import promote_run1
    from mx2prod.production.demo_digits import suppress_beam
    from mx2prod.production.demo_records import records_of_run1

    settings = frame.workspace.settings
    frame.say(RUN1_LABEL)
    with frame.progress() as bar:
        lines = ProgressLines(bar) if bar is not None else None
        run1 = pre_produce_run1(SAMPLES / RUN1, folder, settings, progress=lines)
    constants = promote_run1(workspace, folder, run1, settings)
    digits = suppress_beam(workspace, folder, run1, constants.reference, settings)
    return Run1(run1, constants, digits, records_of_run1(workspace, folder, run1))


def _documents(made: Run1 | None) -> dict[str, Any]:
    if made is None:
        return {"run1": None, "constants": None, "sup_digits": None, "records": None}
    return {
        "run1": made.run1.as_dict(),
        "constants": made.constants.as_dict(),
        "sup_digits": made.digits.as_dict(),
        "records": made.records.as_dict(),
    }


def _show(report: ProcessReport, made: Run1 | None, folder: Path) -> None:
    from mx2prod.cli.demo_output import show_constants, show_run1, show_samples, show_where
    from mx2prod.cli.demo_records import show_records

    show_samples(report, CONTENT, folder / DIGITS)
    if made is not None:
        show_run1(made.run1)
        show_constants(made.constants, made.digits)
        show_records(made.records)
        show_where(made.run1, made.constants, made.digits, made.records, folder)
    click.echo("next: mx2 process YOUR_RawData.dat --to raw-digits -o FOLDER")
