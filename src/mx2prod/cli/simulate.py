"""``mx2 simulate``."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.cli.process import MB, ProgressLines
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.simulation import SimulatedFile, Spec

_COUNT = click.IntRange(min=1)


def _print_example(ctx: click.Context, _: click.Parameter, value: bool) -> None:
    if value:
        click.echo(example_text(), nl=False)
        ctx.exit()


def example_text() -> str:
    """The example that ships with the package, with comments."""
    return (files("mx2prod.simulation") / "example.yaml").read_text(encoding="utf-8")


@click.command("simulate")
@click.argument("spec_path", type=click.Path(path_type=Path), metavar="SPEC.yaml")
@click.option(
    "-o",
    "--out",
    required=True,
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of the files; made if needed.",
)
@click.option("--workers", type=_COUNT, default=1, show_default=True, help="Processes.")
@click.option("--gates", type=_COUNT, help="At most so many gates of each file.")
@click.option(
    "--start-gate", type=_COUNT, default=1, show_default=True, help="First gate of each file."
)
@click.option(
    "--febs",
    metavar="LIST",
    help="Only these chains and boards, with commas: 0-1-0,0-2-0-1.",
)
@click.option(
    "--truth",
    type=click.Choice(["light", "full", "raw"]),
    help="How much truth is written; the spec says it without this option.",
)
@click.option("--overwrite", is_flag=True, help="Replace files that exist.")
@click.option("--dry-run", is_flag=True, help="Check everything, write nothing.")
@click.option(
    "--example",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_print_example,
    help="Print a SPEC.yaml to start from, and do nothing else.",
)
@pass_frame
def command(
    frame: Frame,
    *,
    spec_path: Path,
    out: Path,
    workers: int,
    gates: int | None,
    start_gate: int,
    febs: str | None,
    truth: str | None,
    overwrite: bool,
    dry_run: bool,
) -> None:
    """Simulate raw files in the DAQ's format, with the truth beside them.

    Seed, spec and version of mx2prod fix every byte; workers and the choice of gates do not change
    a gate.  Each raw file comes with the DAQ's JSON and a folder <stem>_truth, one with beam gates
    with the beam data <stem>_beam.csv too.

    \b
    Example:
      mx2 simulate --example > spec.yaml
      mx2 simulate spec.yaml -o simulated
    """
    from mx2prod.core.yaml_file import load_yaml
    from mx2prod.simulation import Spec, simulate

    spec = _with_truth(load_yaml(spec_path, Spec), truth)
    with frame.progress() as bar:
        done = simulate(
            spec,
            out,
            workers=workers,
            gates=gates,
            febs=_names(febs),
            start_gate=start_gate,
            overwrite=overwrite,
            dry_run=dry_run,
            progress=ProgressLines(bar) if bar is not None else None,
        )
    document = {
        "spec_sha256": spec.sha256,
        "dry_run": dry_run,
        "files": [file.as_dict() for file in done],
    }
    frame.emit(document, lambda: _show(done, dry_run=dry_run))


def _with_truth(spec: Spec, truth: str | None) -> Spec:
    return spec if truth is None else spec.model_copy(update={"truth": truth})


def _names(febs: str | None) -> list[str] | None:
    if febs is None:
        return None
    names = [name.strip() for name in febs.split(",")]
    if not all(names):
        raise UsageError(f"--febs {febs!r}: an empty name", next_step="mx2 detector boards")
    return names


def _show(done: list[SimulatedFile], *, dry_run: bool) -> None:
    verb = "would write" if dry_run else "wrote"
    columns = ("file", "gates", "MB", "kB/gate", "hits/gate", "gates/s", "adler32")
    rows = [
        [file.path.name, file.gates, *([None] * 5 if dry_run else _figures(file))] for file in done
    ]
    print_table(f"simulated files ({verb})", columns, rows, empty="no files")
    for file in done:
        for path in file.paths:
            click.echo(f"{verb}: {path}")
    if done and not dry_run:
        click.echo(f"next: mx2 raw verify {done[0].path}")


def _figures(file: SimulatedFile) -> list[object]:
    return [
        round(file.bytes / MB, 3),
        round(file.kb_per_gate, 1),
        round(file.hits_per_gate, 1),
        round(file.gates_per_s, 1),
        file.adler32,
    ]
