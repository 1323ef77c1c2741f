"""``mx2 dataset``: datasets by definition, their snapshots, tables and run lists."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli import dataset_table
from mx2prod.cli.catalog_frame import catalog_of, dataset_did, server_of
from mx2prod.cli.dataset_server import freeze_at, look_at
from mx2prod.cli.frame import FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.signing import dry_run_option, reason_option
from mx2prod.core.errors import NotInCatalogError, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.catalog import Catalog
    from mx2prod.catalog.composition import Composition, LeftOut
    from mx2prod.catalog.records import DatasetRecord
    from mx2prod.catalog.snapshots import Difference, Snapshot
    from mx2prod.core.ids import Did

_SHOWN = 10


@click.group("dataset")
def command() -> None:
    """Datasets: define them by MQL, freeze them, print the tables of the workflow talk.

    A name without a namespace is in that of the datasets of mx2.toml.

    \b
    From the shipped definitions to a frozen list of files:
      mx2 dataset define --run1
      mx2 dataset table mx2_numib_raw_run1_prod_a mx2_numib_raw_run1_prod_b
      mx2 dataset freeze mx2_numib_raw_run1_prod_a
      mx2 dataset diff mx2_numib_raw_run1_prod_a
    """


@command.command()
@click.argument("name", required=False)
@click.option("--mql", metavar="TEXT", help="Definition; without it that of the shipped dataset.")
@click.option("--runs", metavar="FIRST-LAST", help="Runs of a shipped template.")
@click.option("--run1", is_flag=True, help="Define the six datasets of the workflow talk.")
@click.option("--description", default="", help="What it is.")
@click.option("--replace", is_flag=True, help="Change the definition of one that is not frozen.")
@dry_run_option
@pass_frame
def define(
    frame: Frame, /, name: str | None, *, mql: str | None, runs: str | None, run1: bool,
    description: str, replace: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Define a dataset: its files are those that the definition selects, whenever one asks.

    NAME alone takes a shipped definition; a template asks for --runs.  A dataset that is there
    with the same definition is left as it is.
    """
    from mx2prod.catalog.shipped import shipped

    if bool(name) == run1:
        raise UsageError("give NAME, or --run1", next_step="mx2 dataset define --help")
    if run1:
        wanted = [(dataset_did(frame, item.name), item.definition, item.description)
                  for item in shipped().values() if not item.is_template]  # fmt: skip
    else:
        did = dataset_did(frame, str(name))
        text, words = (mql, "") if mql else _shipped(did.name, runs)
        wanted = [(did, str(text), description or words)]
    with catalog_of(frame, create=not dry_run) as catalogue:
        done = [_define(catalogue, *item, replace=replace, dry_run=dry_run) for item in wanted]
    rows = [[one["name"], one["state"], one["nfiles"]] for one in done]
    frame.emit(done, lambda: print_table("Datasets", ["name", "state", "files now"], rows,
                                         empty="none"))  # fmt: skip


def _shipped(name: str, runs: str | None) -> tuple[str, str]:
    from mx2prod.catalog.shipped import shipped_dataset

    item = shipped_dataset(name)
    bounds = None
    if runs is not None:
        first, dash, last = runs.partition("-")
        if not (dash and first.isdigit() and last.isdigit()):
            raise UsageError(f"--runs {runs!r}: expected FIRST-LAST, for example 1702-1795")
        bounds = int(first), int(last)
    return item.text(bounds), item.description + (" (proposal)" if item.proposal else "")


def _define(
    catalogue: Catalog, did: Did, text: str, description: str, *, replace: bool, dry_run: bool
) -> dict[str, Any]:
    old = catalogue.dataset(did)
    would = "would be " if dry_run else ""
    if old is None:
        made = catalogue.define(did, text, description=description, dry_run=dry_run)
        state = f"{would}defined"
    elif old.definition == text:
        made, state = old, "there"
    elif replace:
        made = catalogue.update_dataset(did, definition=text, dry_run=dry_run)
        state = f"{would}changed"
    else:
        raise UsageError(
            f"dataset {did} has another definition: {old.definition}",
            next_step=f"mx2 dataset define {did} --mql ... --replace",
        )
    return {"name": str(did), "definition": text, "state": state, "nfiles": made.file_count,
            "dry_run": dry_run}  # fmt: skip


@command.command()
@click.argument("name", required=False)
@click.option("--left-out", "show_left_out", is_flag=True,
              help="Files that one condition alone leaves out, with the reason.")  # fmt: skip
@pass_frame
def show(frame: Frame, name: str | None, *, show_left_out: bool) -> None:
    """List the datasets; with NAME show one: definition, numbers, what is odd about its files."""
    from mx2prod.catalog.composition import composition, left_out

    server = server_of(frame)
    if server is not None:
        did = None if name is None else dataset_did(frame, name)
        there, sums, found = look_at(server, did, left_out=show_left_out)
        frame.emit(found, lambda: _show(there, None, sums, []))
        return
    with catalog_of(frame) as catalogue:
        if name is None:
            _list_all(frame, catalogue)
            return
        did = dataset_did(frame, name)
        record = catalogue.dataset(did)
        if record is None:
            names = ", ".join(one.did for one in catalogue.datasets()[:_SHOWN])
            raise NotInCatalogError(f"no dataset {did} (there are: {names or 'none'})",
                                    next_step="mx2 dataset show")  # fmt: skip
        snapshot = catalogue.snapshot_of(did)
        numbers = composition(catalogue, did)
        text = record.definition or ""
        missed = left_out(catalogue, text) if show_left_out and text else []
    document = {
        **record.to_json(with_relations=True),
        "snapshot": None if snapshot is None else snapshot.as_dict(),
        "composition": numbers.as_dict(),
        "left_out": [{"condition": one.condition, "files": list(one.files)} for one in missed],
    }
    frame.emit(document, lambda: _show(record, snapshot, numbers, missed))


def _list_all(frame: Frame, catalogue: Catalog) -> None:
    found = catalogue.datasets()
    rows = [[one.did, _kind(one), one.file_count, one.description] for one in found]
    frame.emit(
        [one.to_json(with_relations=True) for one in found],
        lambda: print_table("Datasets", ["name", "kind", "files", "description"], rows,
                            empty="no dataset: mx2 dataset define --run1"),
    )  # fmt: skip


def _kind(record: DatasetRecord) -> str:
    words = ["frozen"] if record.frozen else []
    words += ["monotonic"] if record.monotonic else []
    words += ["by definition"] if record.definition else []
    return ", ".join(words) or "members"


def _show(
    record: DatasetRecord, snapshot: Snapshot | None, numbers: Composition,
    missed: Sequence[LeftOut],
) -> None:  # fmt: skip
    from mx2prod.catalog.tabling import size_text

    click.echo(f"{record.did}: {record.description or '(no description)'}")
    if record.definition:
        click.echo(f"  definition: {record.definition}")
    size = f"{size_text(numbers.total_size)}, {numbers.total_size} bytes"
    click.echo(f"  {numbers.files} files, {size}")
    if numbers.files:
        click.echo(f"  smallest {numbers.smallest}, median {numbers.median}, "
                   f"largest {numbers.largest} bytes")  # fmt: skip
    if snapshot is not None:
        word = "frozen" if snapshot.frozen else "snapshot"
        click.echo(f"  {word}: {snapshot.file_count} files, {snapshot.total_size} bytes")
        click.echo(f"    digest {snapshot.digest}")
    for word, items in (
        ("of no byte", numbers.empty), ("without adler32", numbers.without_adler32),
        ("subruns with more than one file", numbers.doubled),
        ("not of exactly one run", numbers.several_runs),
    ):  # fmt: skip
        if items:
            click.echo(f"  {len(items)} {word}: {_some(items)}")
    for one in missed:
        click.echo(f"  left out by {one.condition} alone: {len(one.files)}")
        for did, reason in one.files[:_SHOWN]:
            click.echo(f"    {did}: {reason}")
        if len(one.files) > _SHOWN:
            click.echo(f"    and {len(one.files) - _SHOWN} more; --json lists all")


def _some(items: Sequence[str]) -> str:
    more = len(items) - _SHOWN
    return ", ".join(items[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


@command.command()
@click.argument("name")
@click.option(
    "--as", "into", metavar="NS:NAME", help="Freeze into a new dataset; NAME stays as it is."
)
@click.option("--snapshot", "unfrozen", is_flag=True,
              help="Only store the files; the snapshot can be taken again.")  # fmt: skip
@dry_run_option
@pass_frame
def freeze(frame: Frame, name: str, *, into: str | None, unfrozen: bool, dry_run: bool) -> None:
    """Store the files that a dataset has now, and let nothing change them afterwards."""
    target = dataset_did(frame, into) if into else None
    server = server_of(frame)
    if server is not None:
        freeze_at(frame, server, dataset_did(frame, name), target, dry_run=dry_run,
                  snapshot=unfrozen)  # fmt: skip
        return
    with catalog_of(frame) as catalogue:
        done = catalogue.snapshot(
            dataset_did(frame, name), target, frozen=not unfrozen, dry_run=dry_run
        )
    verb = ("would store" if dry_run else "stored") if unfrozen else (
        "would freeze" if dry_run else "froze")  # fmt: skip
    frame.emit(
        {**done.as_dict(), "dry_run": dry_run},
        lambda: click.echo(f"{verb} {done.did}: {done.file_count} files, {done.total_size} bytes\n"
                           f"digest {done.digest}"),
    )  # fmt: skip


@command.command()
@click.argument("name")
@reason_option
@dry_run_option
@pass_frame
def unfreeze(frame: Frame, name: str, *, reason: str, dry_run: bool) -> None:
    """Let a frozen dataset be changed again; the act and its reason stay in the log."""
    did = dataset_did(frame, name)
    with catalog_of(frame) as catalogue:
        catalogue.update_dataset(did, frozen=False, reason=reason, dry_run=dry_run)
    verb = "would unfreeze" if dry_run else "unfroze"
    frame.emit({"name": str(did), "frozen": False, "dry_run": dry_run},
               lambda: click.echo(f"{verb} {did}"))  # fmt: skip


@command.command()
@click.argument("name")
@pass_frame
def diff(frame: Frame, name: str) -> int:
    """Compare a snapshot with what its definition selects now.

    Exit code 3: they differ, or members are retired now.
    """
    with catalog_of(frame) as catalogue:
        found = catalogue.diff(dataset_did(frame, name))
    document = {**vars(found), "same": found.same}
    frame.emit(document, lambda: _show_difference(found))
    return 0 if found.same else FINDINGS


def _show_difference(found: Difference) -> None:
    if found.same:
        click.echo(f"{found.did}: the definition selects the same files now")
    if not found.intact:
        click.echo(f"{found.did}: the members are NOT those whose digest was kept")
    for word, items in (
        ("selected now, not in the snapshot", found.added),
        ("in the snapshot, not selected any more", found.lost),
        ("in the snapshot, retired since", found.retired),
    ):
        if items:
            click.echo(f"{len(items)} {word}:")
            for did in items:
                click.echo(f"  {did}")


for _verb in dataset_table.VERBS:
    command.add_command(_verb)
