"""Verbs of ``mx2 dataset`` that print: tables and run lists, and the sign-off of these."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.catalog_frame import catalog_of, dataset_did, reader_of, warn
from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.cli.signing import dry_run_option, key_option, signing_key

if TYPE_CHECKING:
    from mx2prod.catalog.tabling import DatasetTable


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
@click.option("--format", "kind", default="text", show_default=True,
              type=click.Choice(["text", "markdown", "wiki", "csv", "json"]),
              help="Of the table.")  # fmt: skip
@pass_frame
def table(frame: Frame, names: tuple[str, ...], *, kind: str) -> None:
    """Print the table of the workflow talk for datasets.

    Runs are those of the files, those of the definition in brackets where they differ.  Sizes are
    in GB of 10^9 bytes.  A location for which no replica is known is marked as predicted.
    """
    from mx2prod.catalog import tabling

    with reader_of(frame) as catalogue:
        made = tabling.dataset_table(catalogue, [dataset_did(frame, name) for name in names])
    writers = {"markdown": tabling.as_markdown, "wiki": tabling.as_wiki, "csv": tabling.as_csv}
    if frame.json or kind == "json":
        click.echo(json.dumps(made.as_dict(), indent=2))
    elif kind == "text":
        _show_table(made)
    else:
        click.echo(writers[kind](made), nl=False)


def _show_table(made: DatasetTable) -> None:
    from mx2prod.catalog.tabling import COLUMNS, legend, sums_text

    shown = [n for n, column in enumerate(COLUMNS) if column != "Definition"]
    rows = [[line.cells()[n] for n in shown] for line in made.lines]
    print_table("Datasets", [COLUMNS[n] for n in shown], rows, empty="none")
    for text in (legend(made), sums_text(made), ""):
        if text:
            click.echo(text)
    for line in made.lines:
        if line.snapshot_files not in (None, line.files):
            click.echo(f"{line.did}: {line.snapshot_files} files in the snapshot, "
                       f"{line.files} not retired")  # fmt: skip
    click.echo("Definitions:")
    for line in made.lines:
        click.echo(f"  {line.did}: {line.definition or '(files added by hand)'}")


@click.command()
@click.argument("name")
@click.option("--good", is_flag=True,
              help="Only good subruns, of a dataset that was signed off.")  # fmt: skip
@pass_frame
def runs(frame: Frame, name: str, *, good: bool) -> None:
    """Print the run list of a dataset: RUN SUBRUN a line, as mx2 conditions gaps --runs reads it.

    With --good the dataset must be frozen and signed off, and the list is that of the files with
    dune.dqc_quality good.
    """
    from mx2prod.catalog.run_list import GOOD, run_list

    did = dataset_did(frame, name)
    signers: list[str] = []
    with catalog_of(frame) as catalogue:
        if good:
            from mx2prod.catalog.signing_off import require_signed
            from mx2prod.journal.trust import trusted_roles

            signers = require_signed(catalogue, did, trusted_roles(frame.workspace))
        found = run_list(catalogue, did)
    if good:
        warn(frame, [f"{one.subrun}: quality {one.quality or 'unknown'}, left out"
                     for one in found if one.quality != GOOD])  # fmt: skip
        found = [one for one in found if one.quality == GOOD]
    document = {
        "dataset": str(did),
        "signed_by": signers,
        "subruns": [{"run": one.subrun.run, "subrun": one.subrun.subrun, "quality": one.quality,
                     "files": list(one.dids)} for one in found],
    }  # fmt: skip
    lines = [f"{one.subrun.run} {one.subrun.subrun}" for one in found]
    head = f"# {did}" + (f", good, signed off by {', '.join(signers)}" if signers else "")
    frame.emit(document, lambda: click.echo("\n".join([head, *lines])))


@click.command("sign-off")
@click.argument("name")
@key_option
@dry_run_option
@pass_frame
def sign_it_off(frame: Frame, name: str, *, key_path: Path | None, dry_run: bool) -> None:
    """Sign the files of a frozen dataset: its good subruns are then a good-run list."""
    from mx2prod.catalog.signing_off import sign_off

    with catalog_of(frame) as catalogue:
        key = signing_key(key_path)
        done = sign_off(catalogue, dataset_did(frame, name), key, dry_run=dry_run)
    verb = "would sign off" if dry_run else "signed off"
    frame.emit(
        {"name": done.did, "digest": done.digest, "dry_run": dry_run},
        lambda: click.echo(f"{verb} {done.did}: {done.file_count} files, digest {done.digest}"),
    )


VERBS = (table, runs, sign_it_off)
