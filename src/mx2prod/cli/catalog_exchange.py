"""Verbs of ``mx2 catalog`` that take a catalogue in, or write it out."""

from __future__ import annotations

import time
from pathlib import Path

import click

from mx2prod.cli.catalog_frame import catalog_of, default_dataset
from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.signing import dry_run_option
from mx2prod.core.ids import Did

_PATH = click.Path(path_type=Path)


@click.command("import")
@click.argument("path", type=_PATH, metavar="DIR|FILE")
@click.option("--dataset", metavar="NS:NAME", help="For files that name no dataset "
              "(default: that of mx2.toml).")  # fmt: skip
@click.option("--trusted", is_flag=True, help="Take records as they are, without checking them.")
@dry_run_option
@pass_frame
def import_it(
    frame: Frame, path: Path, *, dataset: str | None, trusted: bool, dry_run: bool
) -> None:
    """Take in a catalogue: a folder with catalogue.jsonl, or a file of such lines.

    Beside the file may lie datasets.json and named_queries.json.  All of it comes in, or nothing;
    what is there already with the same content is left as it is.
    """
    from mx2prod.catalog.folder import CATALOGUE, read_folder
    from mx2prod.catalog.importing import import_contents
    from mx2prod.journal.events import account

    folder, name = (path, CATALOGUE) if path.is_dir() else (path.parent, path.name)
    contents = read_folder(folder, name, loaded=time.time(), loaded_by=account())
    target = Did.parse(dataset) if dataset else default_dataset(frame)
    with catalog_of(frame, create=not dry_run) as catalogue:
        done = import_contents(
            catalogue.session, contents, dataset=target, dry_run=dry_run, validate=not trusted
        )
    verb = "would import" if dry_run else "imported"
    frame.emit(
        {**vars(done), "dry_run": dry_run},
        lambda: click.echo(
            f"{verb} {done.files} files ({done.files_there} were there already), "
            f"{done.datasets} datasets, {done.named_queries} named queries, "
            f"{done.namespaces} namespaces"
        ),
    )


@click.command()
@click.option("-o", "--out", type=_PATH, required=True, help="New folder.")
@click.option("--query", "mql", metavar="MQL", help="Only the files of this query.")
@dry_run_option
@pass_frame
def export(frame: Frame, *, out: Path, mql: str | None, dry_run: bool) -> None:
    """Write files, datasets and named queries into a folder that mx2 catalog import reads."""
    from mx2prod.catalog.exporting import export_folder

    with catalog_of(frame) as catalogue:
        counts = export_folder(catalogue.session, out, mql=mql, dry_run=dry_run)
    verb = "would write" if dry_run else "wrote"
    lost = counts["parents_left_out"]
    frame.emit(
        {**counts, "folder": str(out), "dry_run": dry_run},
        lambda: click.echo(
            f"{verb} {out}: {counts['files']} files, {counts['datasets']} datasets, "
            f"{counts['named_queries']} named queries"
            + (f"; {lost} parents are not among the files and are left out" if lost else "")
        ),
    )


VERBS = (import_it, export)
