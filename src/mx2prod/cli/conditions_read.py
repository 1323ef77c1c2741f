"""Verbs of ``mx2 conditions`` that read: lists, tables, differences, files, the log."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.conditions_frame import (
    DATABASES,
    FILE,
    constants_options,
    db_option,
    gtag_document,
    store_of,
    view_of,
)
from mx2prod.cli.frame import FAILED, Frame, pass_frame, print_table
from mx2prod.cli.signing import dry_run_option, reason_option
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.conditions import FolderManifest, Interval, Verified


@click.command("ls")
@click.argument("folder", required=False)
@db_option
@pass_frame
def list_all(frame: Frame, folder: str | None, *, db: str) -> None:
    """List global tags with their digests, tags, aliases, and folder names asked for in vain."""
    from mx2prod.conditions import aliases, unknown_folders, uploads
    from mx2prod.conditions.gtags import all_gtags
    from mx2prod.conditions.manifest import manifest_of
    from mx2prod.conditions.tags import all_tags

    with store_of(frame, db) as store:
        with store.reading() as connection:
            tags = all_tags(connection, folder)
            gtags = [
                gtag_document(gtag, manifest_of(connection, gtag).digest)
                for gtag in all_gtags(connection)
            ]
        document = {
            "gtags": gtags,
            "tags": [
                {"folder": tag.folder, "tag": tag.name, "state": tag.state.value,
                 "digest": tag.digest, "reason": tag.reason}
                for tag in tags
            ],
            "aliases": [vars(item) for item in aliases(store)],
            "unknown_folders": unknown_folders(store),
            "uploads": [{**vars(item), "state": item.state} for item in uploads(store, folder)],
        }  # fmt: skip
    frame.emit(document, lambda: _show_all(document))


@click.command()
@click.argument("folder")
@click.option("--tag", help="A tag of the folder, instead of a global tag.")
@constants_options
@pass_frame
def iov(
    frame: Frame, folder: str, *, tag: str | None, reference: str, snapshot: Path | None,
    use: str | None, allow_invalid: bool, db: str,
) -> None:  # fmt: skip
    """List the intervals and gaps of a folder."""
    if tag is not None:
        rows = _rows_of_tag(frame, folder, tag, db)
    else:
        with view_of(frame, reference, snapshot, db, use, invalid=allow_invalid) as view:
            found = [item for item in view.manifest if item.folder == folder]
            if not found:
                raise UsageError(f"{view.gtag}: no folder {folder!r}")
            rows = _rows(found[0])
    frame.emit(
        rows,
        lambda: print_table(
            folder,
            ["since", "until (exclusive)", "payload", "choice", "reason"],
            [[row["from"], row["to"], (row["content_sha256"] or "-")[:16], row["choice"] or "",
              row["reason"]] for row in rows],
            empty="no interval",
        ),
    )  # fmt: skip


@click.command()
@click.argument("folder")
@click.option("--run", required=True, type=int, help="Run.")
@click.option("--subrun", type=int, default=0, show_default=True, help="Subrun.")
@click.option("-o", "--out", type=FILE, help="Write the table: .parquet, or text otherwise.")
@constants_options
@dry_run_option
@pass_frame
def get(
    frame: Frame, /, folder: str, *, run: int, subrun: int, out: Path | None, reference: str,
    snapshot: Path | None, use: str | None, allow_invalid: bool, db: str, dry_run: bool,
) -> None:  # fmt: skip
    """Read the table that holds for a subrun; without one this fails and names the neighbours."""
    from mx2prod.conditions import place_json, place_text
    from mx2prod.conditions.putting import period_of
    from mx2prod.constants import Table, write_parquet, write_table
    from mx2prod.core.files import refuse_existing

    with view_of(frame, reference, snapshot, db, use, invalid=allow_invalid) as view:
        found = view.get(folder, run, subrun)
        document = {
            "folder": folder,
            "gtag": view.gtag,
            "state": view.state.value,
            "digest": view.digest,
            "since": place_json(found.since),
            "until": place_json(found.until),
            "content_sha256": found.sha256,
            "rows": len(found.table),
            "choice": found.choice or None,
            "out": None if out is None else str(out),
            "dry_run": dry_run,
        }
        period = period_of(view.provenance(found.sha256))
    if out is not None and dry_run:
        refuse_existing(out)
    elif out is not None:
        write = write_parquet if out.suffix == ".parquet" else write_table
        write(Table(found.table.schema, found.table.columns, period), out)
    shown = {**document, "since": place_text(found.since), "until": place_text(found.until)}
    lines = [f"{name}: {value}" for name, value in shown.items() if value]
    frame.emit(document, lambda: click.echo("\n".join(lines)))


@click.command()
@click.argument("before")
@click.argument("after")
@db_option
@pass_frame
def diff(frame: Frame, before: str, after: str, *, db: str) -> None:
    """Compare the values that two global tags give: per column, board and worst channels."""
    from mx2prod.conditions import compare_gtags

    with store_of(frame, db) as store:
        found = compare_gtags(store, before, after)
    document = {
        "only_before": list(found.only_before),
        "only_after": list(found.only_after),
        "same": found.same,
        "changed": [item.as_dict() for item in found.intervals],
    }
    rows = [
        [item.folder, str(item.interval), column.column, column.kind, f"{column.median:.6g}",
         f"{column.rms:.3g}", column.beyond, ", ".join(item.table.boards),
         ", ".join(change.address for change in column.worst[:3])]
        for item in found.intervals
        for column in item.table.columns
    ]  # fmt: skip
    columns = ["folder", "interval", "column", "kind", "median", "rms", "beyond 5 sigma",
               "boards", "worst"]  # fmt: skip
    frame.emit(
        document,
        lambda: print_table(f"{before} and {after}", columns, rows, empty="no value differs"),
    )


@click.command()
@click.argument("gtag")
@click.option("--format", "kind", required=True, type=click.Choice(["snap", "dir", "lar"]),
              help="Snapshot; folder of JSON and Parquet; SQLite files for LArSoft.")  # fmt: skip
@click.option("-o", "--out", required=True, type=FILE, help="New file or folder.")
@click.option("--runs", multiple=True, metavar="FIRST-LAST",
              help="Only payloads of these runs, for example 1702-1795; repeatable.")  # fmt: skip
@click.option("--db", type=DATABASES, default="prod", show_default=True,
              help="Database that it is taken from.")  # fmt: skip
@dry_run_option
@pass_frame
def export(
    frame: Frame, gtag: str, *, kind: str, out: Path, runs: tuple[str, ...], db: str, dry_run: bool
) -> None:
    """Write a global tag as a snapshot for jobs, a folder of plain files, or for LArSoft."""
    from mx2prod.cli.conditions_serve import export_lar
    from mx2prod.conditions import write_folder, write_snapshot
    from mx2prod.conditions.archive import contents_of
    from mx2prod.conditions.views import split_reference
    from mx2prod.core.files import refuse_existing

    cut = [_runs(text) for text in runs]
    name, digest = split_reference(gtag)
    with store_of(frame, db) as store:
        with store.reading() as connection:
            contents = contents_of(connection, store, name, cut)
        _require_digest(name, digest, contents.manifest.digest)
        extra: dict[str, Any] = {}
        if dry_run:
            refuse_existing(out)
        elif kind == "lar":
            extra = export_lar(store.view(gtag), out, cut)
        else:
            write = write_snapshot if kind == "snap" else write_folder
            contents = write(store, name, out, cut=cut)
    document = {
        "gtag": name, "digest": contents.manifest.digest, "state": contents.state.value,
        "payloads": len(contents.payloads), "out": str(out), "dry_run": dry_run, **extra,
    }  # fmt: skip
    for warning in extra.get("warnings", []):
        frame.say(warning)
    word = "would write" if dry_run else "wrote"
    frame.emit(document, lambda: click.echo(f"{word} {out}: {len(contents.payloads)} payloads"))


@click.command("import")
@click.argument("file", type=FILE)
@reason_option
@dry_run_option
@pass_frame
def import_file(frame: Frame, file: Path, *, reason: str, dry_run: bool) -> None:
    """Bring a snapshot file or exported folder into the development database, same digest."""
    from mx2prod.conditions import import_archive, open_archive

    with store_of(frame) as store, closing(open_archive(file)) as archive:
        made = import_archive(store, archive, reason=reason, dry_run=dry_run)
    document = {**gtag_document(made), "dry_run": dry_run}
    frame.emit(document, lambda: click.echo(f"{made.name}: {made.state} {made.digest}"))


@click.command()
@click.argument("target", required=False, metavar="[FILE|GTAG]")
@db_option
@pass_frame
def verify(frame: Frame, target: str | None, *, db: str) -> int:
    """Hash everything again and judge the signatures: of the calibrators, and of the approval.

    Of a snapshot file or exported folder, offline; or of one or all global tags of a database.

    Exit code 1: something is not as it was signed.
    """
    from mx2prod.conditions import open_archive, verify_archive, verify_store
    from mx2prod.journal import role_store

    pin = frame.workspace.settings.workspace.trust_root
    if target is not None and Path(target).exists():
        with closing(open_archive(Path(target))) as archive:
            found = [verify_archive(archive, pin=pin)]
    else:
        with store_of(frame, db) as store:
            lists = role_store(frame.workspace) if store.role == "development" else None
            found = verify_store(store, target, pin=pin, role_store=lists)
    _show_verified(frame, found)
    return FAILED if any(item.problems for item in found) else 0


VERBS = (list_all, iov, get, diff, export, import_file, verify)


def _rows_of_tag(frame: Frame, folder: str, tag: str, db: str) -> list[dict[str, Any]]:
    from mx2prod.conditions import FolderManifest
    from mx2prod.conditions.intervals import gaps, iovs
    from mx2prod.conditions.tags import find_tag

    with store_of(frame, db) as store, store.reading() as connection:
        found = find_tag(connection, folder, tag)
        rows, decided = iovs(connection, found.id), gaps(connection, found.id)
    return _rows(FolderManifest(folder, "", tag, tuple(rows), tuple(decided)))


def _rows(folder: FolderManifest) -> list[dict[str, Any]]:
    from mx2prod.conditions import Gap, place_json, place_text

    return [
        {
            "folder": folder.folder,
            "tag": folder.tag,
            "since": place_json(row.interval.since),
            "until": place_json(row.interval.until),
            "content_sha256": row.content_sha256,
            "choice": row.choice if isinstance(row, Gap) else None,
            "reason": row.reason if isinstance(row, Gap) else "",
            "from": place_text(row.interval.since),
            "to": place_text(row.interval.until),
        }
        for row in folder.rows()
    ]


def _require_digest(name: str, wanted: str, found: str) -> None:
    if not found.startswith(wanted):
        raise UsageError(f"global tag {name}: has digest {found}, asked for was {wanted}")


def _runs(text: str) -> Interval:
    from mx2prod.conditions import Interval, position

    first, sign, last = text.partition("-")
    if not first.isdigit() or (sign and not last.isdigit()):
        raise UsageError(f"--runs {text}: expected RUN or FIRST-LAST")
    return Interval(position(int(first)), position(int(last or first) + 1))


def _show_all(document: dict[str, Any]) -> None:
    print_table(
        "Global tags",
        ["name", "state", "digest", "folders"],
        [[g["gtag"], g["state"], g["digest"], len(g["tags"])] for g in document["gtags"]],
        empty="no global tag: mx2 conditions tag group",
    )
    print_table(
        "Tags",
        ["folder", "tag", "state", "reason"],
        [[t["folder"], t["tag"], t["state"], t["reason"]] for t in document["tags"]],
        empty="no tag: mx2 conditions tag create",
    )
    if document["aliases"]:
        rows = [[a["name"], a["gtag"]] for a in document["aliases"]]
        print_table("Aliases", ["name", "global tag"], rows, empty="")
    if document["unknown_folders"]:
        rows = [[name, count] for name, count in document["unknown_folders"].items()]
        print_table("Folders asked for in vain", ["name", "requests"], rows, empty="")
    if document["uploads"]:
        rows = [[u["state"], u["filepath"], u["comment"]] for u in document["uploads"]]
        print_table("Uploads", ["state", "file", "comment"], rows, empty="")


def _show_verified(frame: Frame, found: list[Verified]) -> None:
    rows = [
        [item.gtag, item.state.value, item.digest[:16], item.payloads,
         ", ".join(f"{person} (calibrator)" for person in item.made_by) or "not signed",
         ", ".join(item.signed_by) or "nobody", "; ".join(item.problems) or "ok"]
        for item in found
    ]  # fmt: skip
    columns = ["global tag", "state", "digest", "payloads", "made and signed by", "approved by",
               "result"]  # fmt: skip
    frame.emit(
        [item.as_dict() for item in found],
        lambda: print_table("Verified", columns, rows, empty="no global tag"),
    )
