"""``mx2 beam``: beam data to spills, spills to gates, protons on target, offsets of the clocks."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FINDINGS, Frame, options, pass_frame, print_table
from mx2prod.core.errors import NameFormatError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.metadata.beam import BeamConfig, BeamSum, GateBeam, Offsets, SpillTable

_FILE = click.Path(path_type=Path)
_MISSES_SHOWN = 20

_config = click.option("--config", type=_FILE, help="YAML with devices, window and offset.")
_files = click.argument("files", nargs=-1, required=True, type=_FILE)
_with_spills = options(
    _files,
    click.option("--beam", "table_path", required=True, type=_FILE, help="NAME.beam.parquet."),
    click.option("--window", type=click.FloatRange(min=0, min_open=True, max=5), metavar="S",
                 help="A gate and its spill are at most this far apart."),
    click.option("--offset", type=click.FloatRange(-60, 60), metavar="S",
                 help="Expected time of a gate minus accelerator time."),
)  # fmt: skip


@click.group("beam")
def command() -> None:
    """Beam data: import them, match them to gates, sum protons on target."""


@command.command("import")
@_files
@click.option("-o", "--out", required=True, type=_FILE, help="Folder of the table.")
@click.option("--name", help="Stem of the table (default: from the first file).")
@_config
@click.option(
    "--gates",
    "gate_files",
    multiple=True,
    type=_FILE,
    metavar="FILE",
    help="Raw or digit file to match at once; may be repeated.",
)
@click.option("--dry-run", is_flag=True, help="Read and check everything, write nothing.")
@pass_frame
def import_(
    frame: Frame,
    *,
    files: tuple[Path, ...],
    out: Path,
    name: str | None,
    config: Path | None,
    gate_files: tuple[Path, ...],
    dry_run: bool,
) -> None:
    """Join readings of beam devices to spills, and store them.

    FILES are exports of the beam database, CSV or JSON: one reading a row (time, device, unit,
    value) or one spill a row (time, one column a device).  Written are NAME.beam.parquet and
    NAME.beam.json, with the sha256 of every file.  A value that is missing is unknown, never 0.

    Exit code 0: done; 3: gates of --gates without known protons, listed; 2: bad input.

    \b
    Example:
      mx2 beam import run50017.csv -o beam --gates TS1_00050017_0017_..._RawData.dat
    """
    from mx2prod.metadata.beam import import_spills, spill_paths, write_spills

    settings = _settings(config)
    table = import_spills(files, settings)
    stem = name or files[0].stem.removesuffix("_beam")
    paths = spill_paths(out, stem) if dry_run else write_spills(table, out, stem)
    matched = [_matched(path, table, settings) for path in gate_files]
    document = {
        **table.as_dict(),
        "dry_run": dry_run,
        "written": [] if dry_run else [str(path) for path in paths],
        **_sums_document(matched),
    }

    def show() -> None:
        _show_table(table)
        for path in paths:
            click.echo(f"{'would write' if dry_run else 'wrote'} {path}")
        if matched:
            _show_sums(matched)

    frame.emit(document, show)
    _exit_with(matched)


@command.command("table")
@_with_spills
@click.option("--per-gate", is_flag=True, help="A row a gate instead of a row a file.")
@pass_frame
def table_(
    frame: Frame,
    *,
    files: tuple[Path, ...],
    table_path: Path,
    window: float | None,
    offset: float | None,
    per_gate: bool,
) -> None:
    """Print protons on target of each gate or file, and of all files together.

    FILES are raw or digit files.  Each beam gate gets the nearest spill within the window; gates
    without one are listed with the reason, and their protons are unknown, never 0.

    Exit code 0: all known; 3: some unknown, listed; 2: bad input.
    """
    table, settings = _spills(table_path, window, offset)
    matched = [_matched(path, table, settings) for path in files]
    document = _sums_document(matched, per_gate=per_gate)
    frame.emit(document, lambda: _show_gates(matched) if per_gate else _show_sums(matched))
    _exit_with(matched)


@command.command("offsets")
@_with_spills
@click.option("--plot", type=_FILE, help="Draw the distributions into this file (.pdf or .png).")
@pass_frame
def offsets_(
    frame: Frame,
    *,
    files: tuple[Path, ...],
    table_path: Path,
    window: float | None,
    offset: float | None,
    plot: Path | None,
) -> None:
    """Show how gate times differ from accelerator and GPS time, run by run.

    A clock without a source is unknown.
    """
    from mx2prod.metadata.beam import offsets_of

    table, settings = _spills(table_path, window, offset)
    matched = [_matched(path, table, settings) for path in files]
    found = offsets_of((_run_of(path), beam) for path, beam, _ in matched)
    if plot is not None:
        from mx2prod.validation.beam_offsets import save_offsets

        save_offsets(found, plot)

    def show() -> None:
        _show_offsets(found)
        if plot is not None:
            click.echo(f"wrote {plot}")

    document = {"offsets": [item.as_dict() for item in found], "plot": plot and str(plot)}
    frame.emit(document, show)


_Matched = tuple[Path, "GateBeam", "BeamSum"]


def _settings(path: Path | None) -> BeamConfig:
    from mx2prod.core.yaml_file import load_yaml
    from mx2prod.metadata.beam import BeamConfig

    return load_yaml(path, BeamConfig) if path else BeamConfig()


def _spills(
    path: Path, window: float | None, offset: float | None
) -> tuple[SpillTable, BeamConfig]:
    """Table of spills, and the configuration it was made with, changed by the options."""
    from mx2prod.metadata.beam import BeamConfig, read_spills

    table = read_spills(path)
    given = {"window_s": window, "offset_s": offset}
    changed = {key: value for key, value in given.items() if value is not None}
    return table, BeamConfig.model_validate({**table.meta["config"], **changed})


def _matched(path: Path, table: SpillTable, settings: BeamConfig) -> _Matched:
    from mx2prod.metadata.beam import match_gates, sum_of
    from mx2prod.metadata.matching import gate_times

    beam = match_gates(gate_times(path), table, settings)
    return path, beam, sum_of(path.name, beam)


def _run_of(path: Path) -> int:
    from mx2prod.core.ids import FileName

    try:
        return FileName.parse(path.name).run_subrun.run
    except NameFormatError as error:
        raise UsageError(f"{path}: the run is taken from the name: {error.message}") from error


def _sums_document(matched: Sequence[_Matched], *, per_gate: bool = False) -> dict[str, Any]:
    from mx2prod.metadata.beam import misses, total_of

    files = [
        {**total.as_dict(), "misses": misses(beam), **({"gates": beam.rows()} if per_gate else {})}
        for _, beam, total in matched
    ]
    return {"files": files, "total": total_of("total", [item[2] for item in matched]).as_dict()}


def _show_table(table: SpillTable) -> None:
    from mx2prod.core.time import iso
    from mx2prod.metadata.beam import QUANTITIES

    facts = table.as_dict()
    first, last = (iso(time)[:19] + "Z" for time in facts["time_us"])
    click.echo(f"{len(table)} spills from {first} to {last}")
    rows = [
        [name, unit, facts["known"][name], len(table) - facts["known"][name]]
        for name, (unit, _) in QUANTITIES.items()
    ]
    print_table("", ("quantity", "unit", "known", "unknown"), rows, empty="")
    if facts["other_devices"]:
        click.echo(f"not used: {', '.join(facts['other_devices'])}")
    if facts["repeated_readings"]:
        click.echo(f"{facts['repeated_readings']} repeated readings of a device in one spill")


def _show_sums(matched: Sequence[_Matched]) -> None:
    from mx2prod.metadata.beam import misses, total_of

    sums = [item[2] for item in matched]
    rows = [
        [item.name, item.beam_gates, item.known_gates, item.beam_gates - item.known_gates,
         "unknown" if item.protons is None else f"{item.protons:.4e}", item.state]
        for item in (*sums, total_of("total", sums))
    ]  # fmt: skip
    columns = ("file", "beam gates", "known", "missed", "protons on target", "state")
    print_table("protons on target", columns, rows, empty="no files")
    for path, beam, _ in matched:
        missed = misses(beam)
        for row in missed[:_MISSES_SHOWN]:
            click.echo(f"  {path.name} gate {row['gate']} at {row['time']}: {row['outcome']}")
        if len(missed) > _MISSES_SHOWN:
            click.echo(f"  ... and {len(missed) - _MISSES_SHOWN} more (--json lists all)")


def _show_gates(matched: Sequence[_Matched]) -> None:
    columns = ("gate", "global gate", "time", "protons", "offset ms", "outcome")
    for path, beam, _ in matched:
        rows = [
            [row["gate"], row["global_gate"], row["time"],
             "unknown" if row["protons"] is None else f"{row['protons']:.4e}",
             row["offset_ms"], row["outcome"]]
            for row in beam.rows()
        ]  # fmt: skip
        print_table(path.name, columns, rows, empty=f"{path.name}: no beam gates")


def _show_offsets(found: Sequence[Offsets]) -> None:
    columns = ("run", "gate minus", "gates", "mean ms", "sigma ms", "1 %", "median", "99 %")
    rows = [_offset_row(item) for item in found]
    print_table("offsets of the clocks", columns, rows, empty="no files")


def _offset_row(item: Offsets) -> list[object]:
    if not item.gates:
        return [item.run, item.clock, 0, *["unknown"] * 5]
    facts = item.as_dict()
    quantiles = [facts["quantiles_ms"][key] for key in ("0.01", "0.5", "0.99")]
    return [item.run, item.clock, item.gates, facts["mean_ms"], facts["sigma_ms"], *quantiles]


def _exit_with(matched: Sequence[_Matched]) -> None:
    if any(total.known_gates < total.beam_gates for _, _, total in matched):
        click.get_current_context().exit(FINDINGS)
