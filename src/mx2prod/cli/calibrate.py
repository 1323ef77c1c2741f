"""``mx2 calibrate``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import Frame, options, pass_frame, print_table
from mx2prod.core.errors import InputFileError, UsageError

if TYPE_CHECKING:
    from mx2prod.calibration.config import Preproduction
    from mx2prod.detector import Detector
    from mx2prod.production.calibrate import Progress
    from mx2prod.production.calibration_report import CalibrationReport
    from mx2prod.production.products import Maker

_FILE = click.Path(path_type=Path)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_SHOWN = 5


@click.group("calibrate")
def command() -> None:
    """Pre-production: tables of constants with verdicts, records and plots.

    Exit code 0 if every verdict is good or investigate, 3 if one is bad, too_few or unreadable.
    """


_shared = options(
    click.argument("files", nargs=-1, type=_FILE, metavar="[FILE]..."),
    click.option("-o", "--out", required=True, type=_FOLDER, help="Folder of the outputs."),
    click.option(
        "--settings", "settings_file", type=_FILE,
        help="Thresholds, preproduction.yaml; what deviates from the defaults is recorded.",
    ),
    click.option("--no-plots", is_flag=True, help="Write no page of each table."),
    click.option("--overwrite", is_flag=True, help="Make tables again that are complete."),
    click.option("--label", default="", help="Said at the top of every page."),
    click.option("--dry-run", is_flag=True, help="Say what would be made, write nothing."),
)  # fmt: skip
"""Arguments and options of all kinds of tables."""


@command.command("pedestals")
@_shared
@click.option("--merge", is_flag=True, help="One table of all files.")
@click.option("--previous", type=_FILE, help="Table to compare the first one with.")
@click.option("--bad-channels", type=_FILE, help="Table of channels that are known to be bad.")
@click.option(
    "--swapped", multiple=True, metavar="BOARD",
    help="Board exchanged since the previous table, crate-croc-chain-board; may be repeated.",
)  # fmt: skip
@pass_frame
def pedestals(
    frame: Frame, /, files: tuple[Path, ...], *, merge: bool, previous: Path | None,
    bad_channels: Path | None, swapped: tuple[str, ...], **shared: Any,
) -> None:  # fmt: skip
    """Pedestals of every subrun, from gates of trigger type 1.

    Each table is compared with the last usable one before it, the first with --previous.

    \b
    Example:
      mx2 calibrate pedestals raw/*_pdstl_*.dat -o constants/pedestals
    """

    def maker(settings: Preproduction, detector: Detector) -> Maker:
        from mx2prod.constants import BadChannel
        from mx2prod.production.constants_files import read_constants
        from mx2prod.production.products import PedestalMaker

        known = read_constants(bad_channels, BadChannel) if bad_channels else None
        return PedestalMaker(settings, detector, previous, known, swapped)

    _calibrate(frame, files, maker, merge=merge, **shared)


@command.command("gains")
@_shared
@click.option(
    "--pedestals", "pedestal_path", required=True, type=_FILE,
    help="A pedestal table, or a folder of them: then the one that is valid for each subrun.",
)  # fmt: skip
@click.option("--feb", "feb_file", type=_FILE, help="Table of the FEB response (default: nominal).")
@click.option("--merge", is_flag=True, help="One table of all files of an LED level.")
@click.option("--merge-until", type=int, help="Join consecutive files until so many pulses.")
@click.option("--previous", type=_FILE, help="Gain table to compare with.")
@click.option("--bad-channels", type=_FILE, help="Table of channels that are known to be bad.")
@pass_frame
def gains(
    frame: Frame, /, files: tuple[Path, ...], *, pedestal_path: Path, feb_file: Path | None,
    merge: bool, merge_until: int | None, previous: Path | None, bad_channels: Path | None,
    **shared: Any,
) -> None:  # fmt: skip
    """PMT gains, from light-injection gates (trigger type 2) by photostatistics.

    \b
    Example:
      mx2 calibrate gains raw/*_numil_*.dat --pedestals constants/pedestals -o constants/gains
    """

    def maker(settings: Preproduction, detector: Detector) -> Maker:
        from mx2prod.constants import BadChannel, FebResponse, Pedestal, PmtGain
        from mx2prod.production.constants_files import PedestalsOfSubruns, read_constants
        from mx2prod.production.products import GainMaker

        return GainMaker(
            settings,
            detector,
            PedestalsOfSubruns.find(pedestal_path) if pedestal_path.is_dir()
            else read_constants(pedestal_path, Pedestal),
            read_constants(feb_file, FebResponse) if feb_file else None,
            read_constants(previous, PmtGain) if previous else None,
            previous.name if previous else "",
            read_constants(bad_channels, BadChannel) if bad_channels else None,
        )  # fmt: skip

    _calibrate(frame, files, maker, merge=merge, merge_until=merge_until, **shared)


@command.command("feb")
@_shared
@click.option("--bench", type=_FOLDER, help="Import the bench files of this folder instead.")
@click.option(
    "--in-situ", is_flag=True,
    help="Check --feb with light-injection or beam gates: ratios of neighbouring gains.",
)  # fmt: skip
@click.option("--pedestals", "pedestal_file", type=_FILE, help="Pedestal table, for --in-situ.")
@click.option("--feb", "feb_file", type=_FILE, help="Table to be checked, for --in-situ.")
@pass_frame
def feb(
    frame: Frame, /, files: tuple[Path, ...], *, bench: Path | None, in_situ: bool,
    pedestal_file: Path | None, feb_file: Path | None, **shared: Any,
) -> None:  # fmt: skip
    """Response of the front-end boards, from charge-injection gates (trigger type 4).

    All files together make one table.  With --bench the table comes from bench files, with
    --in-situ a table is checked with the data of its period.

    \b
    Examples:
      mx2 calibrate feb injection/*.dat -o constants/feb
      mx2 calibrate feb --bench bench -o constants/feb
      mx2 calibrate feb --in-situ raw/*_numil_*.dat --pedestals P.dat --feb F.parquet -o check
    """
    _require_fitting_options(files, bench, in_situ=in_situ, tables=(pedestal_file, feb_file))

    def maker(settings: Preproduction, detector: Detector) -> Maker:
        from mx2prod.constants import FebResponse, Pedestal
        from mx2prod.production.constants_files import read_constants
        from mx2prod.production.feb_makers import BenchMaker, FebMaker, InSituMaker

        if bench is not None:
            return BenchMaker(settings, detector, bench)
        if pedestal_file is not None and feb_file is not None:
            pedestals = read_constants(pedestal_file, Pedestal)
            return InSituMaker(settings, detector, pedestals, read_constants(feb_file, FebResponse))
        return FebMaker(settings, detector)

    _calibrate(frame, files if bench is None else (bench,), maker, **shared)


def _require_fitting_options(
    files: tuple[Path, ...],
    bench: Path | None,
    *,
    in_situ: bool,
    tables: tuple[Path | None, Path | None],
) -> None:
    if bench is not None and (files or in_situ or any(tables)):
        raise UsageError("--bench takes no files, and neither --in-situ, --pedestals nor --feb")
    if in_situ and not all(tables):
        raise UsageError("--in-situ needs --pedestals and --feb")
    if not in_situ and any(tables):
        raise UsageError("--pedestals and --feb belong to --in-situ")
    if bench is not None and not bench.is_dir():
        raise InputFileError(f"{bench}: no folder of bench files", next_step=f"ls {bench.parent}")


def _calibrate(
    frame: Frame,
    files: tuple[Path, ...],
    make_maker: Callable[[Preproduction, Detector], Maker],
    *,
    out: Path,
    settings_file: Path | None,
    no_plots: bool,
    overwrite: bool,
    label: str,
    dry_run: bool,
    merge: bool = False,
    merge_until: int | None = None,
) -> None:
    from mx2prod.calibration.config import Preproduction, load_preproduction
    from mx2prod.detector import load_detector
    from mx2prod.production.calibrate import Options, calibrate
    from mx2prod.production.products import Joining

    settings = load_preproduction(settings_file) if settings_file else Preproduction()
    tables = frame.workspace.settings.detector
    detector = load_detector(tables.geometry, tables.plex, tables.fibres)
    maker = make_maker(settings, detector)
    if dry_run:
        _say_plan(frame, files, out, maker)
        return
    how = Options(Joining(merge, merge_until), not no_plots, overwrite, label)
    with frame.progress() as bar:
        report = calibrate(maker, files, out, options=how, progress=_progress(bar))
    frame.emit([table.as_dict() for table in report.tables], lambda: _show(report))
    for notice in report.notices:
        frame.say(notice)
    if report.exit_code:
        click.get_current_context().exit(report.exit_code)


def _say_plan(frame: Frame, files: tuple[Path, ...], out: Path, maker: Maker) -> None:
    from mx2prod.core.files import require_regular_file

    inputs = [p for f in files for p in (sorted(f.iterdir()) if f.is_dir() else [f])]
    sizes = {path: require_regular_file(path).st_size for path in inputs}
    plan = {"kind": maker.kind, "out": str(out), "files": [str(path) for path in files],
            "bytes": sum(sizes.values()), "settings_sha256": maker.settings_sha256}  # fmt: skip

    def human() -> None:
        click.echo(
            f"would make {maker.kind} of {len(files)} files ({plan['bytes']} bytes) in {out}"
        )

    frame.emit(plan, human)


def _progress(bar: Any) -> Progress | None:
    if bar is None:
        return None
    task = bar.add_task("raw files", total=None)

    def update(path: Path, done: int, total: int) -> None:
        bar.update(task, description=path.name, completed=done, total=total)

    return update


def _show(report: CalibrationReport) -> None:
    print_table(
        report.kind,
        ("table", "verdict", "good", "investigate", "bad", "gates used", "kept"),
        [
            [
                table.paths["verdict"].name.removesuffix(".verdict.json"),
                str(table.verdict),
                *(
                    table.content["channels"].get(word, 0)
                    for word in ("good", "investigate", "bad")
                ),
                table.content["gates"].get("used", 0),
                "yes" if table.kept else "-",
            ]
            for table in report.tables
        ],
        empty="no tables",
    )
    for table in report.tables:
        if str(table.verdict) != "good":
            click.echo(f"{table.paths['verdict'].name}:")
            reasons = [r for r in table.content["reasons"] if r["verdict"] != "good"]
            for reason in reasons[:_SHOWN]:
                places = ", ".join(reason["places"][:_SHOWN])
                more = len(reason["places"]) - _SHOWN
                text = f"{places}{f' and {more} more' if more > 0 else ''}"
                click.echo(f"  {reason['verdict']}: {reason['text']}{f': {text}' if text else ''}")
    counts = ", ".join(f"{number} {word}" for word, number in report.counts.items() if number)
    steps = ", ".join(f"{name} {seconds:.1f}" for name, seconds in report.seconds.items())
    click.echo(f"{len(report.tables)} tables: {counts or 'none'}")
    click.echo(f"seconds: {steps}; peak memory {report.peak_memory_bytes / 1e6:.0f} MB")
