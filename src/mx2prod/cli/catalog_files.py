"""Verbs of ``mx2 catalog`` on files: declare, show, query, retire."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.catalog_frame import (
    catalog_of,
    default_dataset,
    reader_of,
    retired_option,
    server_of,
    warn,
)
from mx2prod.cli.catalog_server import ask, declare_at, refused
from mx2prod.cli.frame import FINDINGS, Frame, pass_frame
from mx2prod.cli.signing import dry_run_option
from mx2prod.core.errors import UsageError
from mx2prod.core.ids import Did

if TYPE_CHECKING:
    from collections.abc import Sequence

    from mx2prod.catalog import Catalog
    from mx2prod.catalog.declaring import Declared
    from mx2prod.catalog.metacat.reading import ServerReader
    from mx2prod.catalog.metacat.server import MetaCat
    from mx2prod.catalog.records import FileRecord
    from mx2prod.catalog.scanning import Seen

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)
_SHOWN = 20


@click.command()
@click.argument("records", nargs=-1, type=_FILE, metavar="[RECORD.json]...")
@click.option("--scan", "folder", type=_FOLDER, help="Declare the raw files below this folder.")
@click.option("--watch", is_flag=True, help="With --scan: look again and again, until stopped.")
@click.option("--every", type=click.FloatRange(min=0.1), default=60.0, show_default=True,
              help="With --watch: seconds between two looks.")  # fmt: skip
@click.option("--settled", type=click.FloatRange(min=0), default=60.0, show_default=True,
              help="With --scan: least age of the last change of a complete file, s.")  # fmt: skip
@click.option("--dataset", metavar="NS:NAME", help="Dataset (default: that of mx2.toml).")
@dry_run_option
@pass_frame
def declare(
    frame: Frame, /, records: tuple[Path, ...], *, folder: Path | None, watch: bool, every: float,
    settled: float, dataset: str | None, dry_run: bool,
) -> int:  # fmt: skip
    """Declare files: their records, or with --scan raw files as they arrive.

    A RECORD.json is one record or a list of them; all of one call come in, or none.  What is there
    already with the same content is left as it is.  With --scan the record of each raw file is
    derived from the file; a file that may still grow, or without the JSON of the DAQ beside it, is
    left and listed.

    Under --json: JSON lines, one file each.  Exit code 3: files were refused, or left for later.
    """
    if bool(records) == bool(folder):
        raise UsageError("give records, or --scan DIR", next_step="mx2 catalog declare --help")
    if watch and folder is None:
        raise UsageError("--watch goes with --scan DIR")
    target = Did.parse(dataset) if dataset else default_dataset(frame)
    server = server_of(frame)
    if server is not None:
        _declare_at(frame, server, records, target, dry_run=dry_run)
        return 0
    with catalog_of(frame, create=not dry_run) as catalogue:
        if folder is None:
            found = _read(records)
            done = catalogue.declare(found, target, make_names=True, dry_run=dry_run)
            _show_done(frame, catalogue, found, done, target, dry_run=dry_run)
            return 0
        while watch:
            _look(frame, catalogue, folder, target, settled, dry_run=dry_run, quiet=True)
            time.sleep(every)
        return _look(frame, catalogue, folder, target, settled, dry_run=dry_run, quiet=False)


def _declare_at(
    frame: Frame, server: MetaCat, paths: Sequence[Path], target: Did, *, dry_run: bool
) -> None:
    if not paths:
        raise refused("--scan declares in a database only", "mx2 metadata make FILE -o DIR")
    found = _read(paths)
    done = declare_at(frame, server, found, target, dry_run=dry_run)
    _show_done(frame, server, found, done, target, dry_run=dry_run)


def _read(paths: Sequence[Path]) -> list[dict[str, Any]]:
    """Records of files, each of one record or of a list."""
    from mx2prod.metadata.records import read_record

    found: list[Any] = []
    for path in paths:
        content = read_record(path)
        found += content if isinstance(content, list) else [content]
    if not all(isinstance(item, dict) for item in found):
        raise UsageError("a record is a JSON object")
    return found


def _show_done(
    frame: Frame, catalogue: Catalog | MetaCat, found: Sequence[Any], done: Sequence[Declared],
    target: Did, *, dry_run: bool,
) -> None:  # fmt: skip
    if frame.json:
        _echo_declared(catalogue, found, done, dry_run=dry_run)
    else:
        _show_declared(done, target, dry_run=dry_run)


def _echo_declared(
    catalogue: Catalog | MetaCat, given: Sequence[Any], done: Sequence[Declared], *, dry_run: bool
) -> None:
    """Print a line of JSON a file: its record, whether it is new, and notices."""
    stored = {} if dry_run else {one.did: one for one in catalogue.files([d.did for d in done])}
    for document, one in zip(given, done, strict=True):
        record = stored[one.did].to_json() if one.did in stored else document
        state = {"fid": one.fid, "state": one.state, "notices": one.notices, "dry_run": dry_run}
        click.echo(json.dumps({**record, **state}))


def _show_declared(done: Sequence[Declared], target: Did, *, dry_run: bool) -> None:
    new = sum(one.state == "new" for one in done)
    verb = "would declare" if dry_run else "declared"
    click.echo(f"{verb} {new} files in {target}; {len(done) - new} were there already")
    for one in done:
        for notice in one.notices:
            click.echo(f"  {one.did}: {notice}")


def _look(
    frame: Frame, catalogue: Catalog, folder: Path, target: Did, settled: float, *,
    dry_run: bool, quiet: bool,
) -> int:  # fmt: skip
    """Look into the folder once; print what became of each file, under --watch only changes."""
    from mx2prod.catalog.scanning import scan

    settings = frame.workspace.settings
    done = list(
        scan(
            catalogue, folder, target, namespace=settings.workspace.namespace,
            creator=settings.catalog.creator, settled_s=settled, dry_run=dry_run,
        )
    )  # fmt: skip
    shown = [one for one in done if one.state != "there"] if quiet else done
    if quiet:
        for one in shown:
            click.echo(json.dumps(one.as_dict()) if frame.json else _line(one))
        return 0
    if frame.json:
        click.echo("\n".join(json.dumps(one.as_dict()) for one in done))
    else:
        _show_seen(done)
    return FINDINGS if any(one.state in ("left", "refused") for one in done) else 0


def _line(one: Seen) -> str:
    return f"{one.state}: {one.path.name}{': ' if one.reason else ''}{one.reason}"


def _show_seen(done: Sequence[Seen]) -> None:
    if not done:
        click.echo("no raw file *_RawData.dat in that folder")
    for one in done:
        if one.state != "there":
            click.echo(_line(one))
    there = sum(one.state == "there" for one in done)
    if there:
        click.echo(f"there already: {there} files")


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="DID...")
@click.option("--lineage", is_flag=True, help="All files that it was made of too.")
@pass_frame
def show(frame: Frame, names: tuple[str, ...], *, lineage: bool) -> None:
    """Show files: record, metadata, parents, children, datasets.  DID is ns:name, or a fid.

    Under --json: JSON lines, one file each.
    """
    with reader_of(frame) as catalogue:
        for name in names:
            record = catalogue.require_file(name)
            above = catalogue.lineage(name) if lineage else []
            if frame.json:
                document = record.to_json(with_datasets=True)
                if lineage:
                    document["ancestors"] = [{"fid": one.fid, "did": one.did} for one in above]
                click.echo(json.dumps(document))
            else:
                _show_file(catalogue, record, above)


def _show_file(
    catalogue: Catalog | ServerReader, record: FileRecord, above: Sequence[FileRecord]
) -> None:
    click.echo(record.did + ("  RETIRED" if record.retired else ""))
    document = record.to_json(with_metadata=False, with_provenance=False)
    for key in ("fid", "size", "creator", "created_timestamp", "updated_by", "updated_timestamp",
                "retired_by", "retired_timestamp"):  # fmt: skip
        if document[key] is not None:
            click.echo(f"  {key}: {_value(key, document[key])}")
    for kind, digits in record.checksums.items():
        click.echo(f"  {kind}: {digits}")
    click.echo(f"  datasets: {', '.join(map(str, record.datasets)) or '-'}")
    for title, fids in (("parents", record.parents), ("children", record.children)):
        wanted = [{"fid": fid} for fid in fids]
        known = catalogue.files(wanted, with_metadata=False, with_provenance=False)
        click.echo(f"  {title}: {', '.join(one.did for one in known) or '-'}")
    for one in above:
        click.echo(f"  made of: {one.did}")
    for key, value in sorted(record.metadata.items()):
        click.echo(f"  {key}: {json.dumps(value)}")


def _value(key: str, value: Any) -> str:
    from datetime import UTC, datetime

    if key.endswith("_timestamp"):
        return datetime.fromtimestamp(value, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return str(value)


@click.command()
@click.argument("mql")
@click.option("--summary", is_flag=True, help="Print the number of files, bytes and events only.")
@click.option("--namespace", help="Namespace of names without one.")
@retired_option
@pass_frame
def query(
    frame: Frame, mql: str, *, summary: bool, namespace: str | None, include_retired: bool,
) -> None:  # fmt: skip
    """Print the dids that a query in MQL selects, one a line; - reads it from standard input.

    Under --json: JSON lines, one file, dataset or named query each; with --summary one document.
    """
    text = click.open_file("-", encoding="utf-8").read() if mql == "-" else mql
    server = server_of(frame)
    if server is not None:
        ask(frame, server, text, summary=summary, namespace=namespace,
            include_retired=include_retired)  # fmt: skip
        return
    with catalog_of(frame) as catalogue:
        answer = catalogue.query(text, default_namespace=namespace, include_retired=include_retired)
        warn(frame, answer.warnings)
        if summary:
            sums = answer.summary()
            words = f"{sums.files} {answer.kind}"
            words += f", {sums.total_size} bytes, {sums.events} events" * (answer.kind == "files")
            frame.emit({"kind": answer.kind, **vars(sums)}, lambda: click.echo(words))
        elif frame.json:
            for record in answer.records(with_metadata=True, with_provenance=True):
                click.echo(json.dumps(record.to_json()))
        else:
            for did in answer.dids():
                click.echo(did)


@click.command()
@click.argument("names", nargs=-1, required=True, metavar="DID...")
@click.option("--undo", is_flag=True, help="Show the files again.")
@dry_run_option
@pass_frame
def retire(frame: Frame, names: tuple[str, ...], *, undo: bool, dry_run: bool) -> None:
    """Hide files from queries; their names stay taken, their records can still be shown."""
    with catalog_of(frame) as catalogue:
        done = [catalogue.retire(name, retire=not undo, dry_run=dry_run) for name in names]
        children = [(one, _children(catalogue, one)) for one in done]
    document = [
        {"did": one.did, "retired": not undo, "children": dids, "dry_run": dry_run}
        for one, dids in children
    ]
    frame.emit(document, lambda: _show_retired(document, undo=undo, dry_run=dry_run))


def _children(catalogue: Catalog, record: FileRecord) -> list[str]:
    fids = [{"fid": fid} for fid in record.children]
    return [one.did for one in catalogue.files(fids, with_metadata=False) if not one.retired]


def _show_retired(document: Sequence[dict[str, Any]], *, undo: bool, dry_run: bool) -> None:
    verbs = ("would show", "shown") if undo else ("would retire", "retired")
    verb = verbs[0] if dry_run else verbs[1]
    for one in document:
        click.echo(f"{verb}: {one['did']}")
        if one["children"] and not undo:
            click.echo(f"  its {len(one['children'])} children are not retired:")
            for did in one["children"][:_SHOWN]:
                click.echo(f"    {did}")


VERBS = (declare, show, query, retire)
