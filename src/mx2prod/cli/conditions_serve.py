"""Verbs of ``mx2 conditions`` for readers of other kinds: the server, SQLite files for LArSoft."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.conditions_frame import FILE, USES, db_option, pair, store_of
from mx2prod.cli.frame import Frame, pass_frame

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mx2prod.conditions import Interval, View
    from mx2prod.conditions.server_sources import Source


@click.command()
@click.option("--snapshot", type=FILE, help="Serve this snapshot file, not a database.")
@click.option(
    "--bind",
    default="127.0.0.1:8080",
    show_default=True,
    metavar="HOST:PORT",
    help="Port 0 takes a free port.",
)
@click.option("--use", type=USES, help="Serve constants that are not published too, for this.")
@click.option("--allow-invalid", is_flag=True, help="Serve withdrawn global tags too.")
@click.option(
    "--folder-alias",
    "folders",
    multiple=True,
    metavar="NAME=FOLDER",
    help="Another name that readers ask for a folder by.",
)
@click.option(
    "--requests",
    type=FILE,
    metavar="FILE",
    help="Add a JSON line for each request: folder, time, content hash.",
)
@db_option
@pass_frame
def serve(
    frame: Frame, *, snapshot: Path | None, bind: str, use: str | None, allow_invalid: bool,
    folders: tuple[str, ...], requests: Path | None, db: str,
) -> None:  # fmt: skip
    """Serve constants over HTTP until stopped; prints the address first.

    \b
    /v1/gt/GTAG@DIGEST/resolve?run=RUN&subrun=SUBRUN     what holds for a subrun
    /v1/payload/SHA256                                    a table, as Parquet
    /compat/GTAG@DIGEST/app/                              for nucondb (base address)
    /compat/GTAG@DIGEST/lar/                              for LArSoft (base address)

    In place of GTAG@DIGEST an alias of the database may stand, whose answers change when it moves.
    """
    from mx2prod.conditions.request_log import RequestLog
    from mx2prod.conditions.server_run import serve as run

    names = dict(pair(text, "NAME=FOLDER") for text in folders)
    with _source(frame, snapshot, db, use, invalid=allow_invalid) as source:
        address = source.address

        def ready(url: str) -> None:
            frame.emit({"url": url, "source": address}, lambda: click.echo(url))

        with RequestLog(requests) as log:
            run(source, bind=bind, folders=names, log=log, ready=ready)


def export_lar(view: View, out: Path, cut: Sequence[Interval]) -> dict[str, Any]:
    """Write the files for LArSoft; the members of the JSON document for them."""
    from mx2prod.conditions.lar import write_lar

    written = write_lar(view, out, cut=cut)
    return {
        "files": [
            {"folder": item.folder, "tags": list(item.tags), "intervals": item.intervals,
             "rows": item.rows}
            for item in written
        ],
        "warnings": [text for item in written for text in item.warnings],
    }  # fmt: skip


@contextmanager
def _source(
    frame: Frame, snapshot: Path | None, db: str, use: str | None, *, invalid: bool
) -> Iterator[Source]:
    from mx2prod.conditions import Snapshot, Use
    from mx2prod.conditions.server_sources import SnapshotSource, StoreSource

    purpose = Use(use) if use else None
    if snapshot is not None:
        with Snapshot(snapshot) as file:
            yield SnapshotSource(file, purpose, invalid)
    else:
        with store_of(frame, db) as store:
            yield StoreSource(store, purpose, invalid)


VERBS = (serve,)
