"""Verbs of ``mx2 conditions`` that exchange tables with servers of other systems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.conditions_frame import FILE, constants_options, store_of, view_of
from mx2prod.cli.frame import FINDINGS, Frame, pass_frame
from mx2prod.cli.signing import dry_run_option, reason_option
from mx2prod.core.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mx2prod.conditions import RunTimeMap
    from mx2prod.conditions.adapters import Reply


@click.command()
@click.argument("url")
@click.argument("folder")
@click.argument("files", nargs=-1, required=True, type=FILE, metavar="RAW_FILE...")
@click.option("--tag", required=True, help="Open tag that the tables go into.")
@click.option("--their-tag", default="", metavar="NAME", help="Tag of the other system.")
@reason_option
@dry_run_option
@pass_frame
def fetch(
    frame: Frame, url: str, folder: str, files: tuple[Path, ...], *, tag: str, their_tag: str,
    reason: str, dry_run: bool,
) -> None:  # fmt: skip
    """Bring the tables of a mnvcon+http(s):// or condb+http(s):// server into an open tag.

    The raw files say which subruns a time belongs to; tables of other times are left out.
    """
    from mx2prod.conditions import RunTimeMap
    from mx2prod.conditions.adapters import import_folder

    times = RunTimeMap.of_raw_files(files)
    replies = _walk(url, folder, times, their_tag)
    with store_of(frame) as store:
        found = import_folder(
            store, folder, replies, tag=tag, runtime=times, reason=reason, dry_run=dry_run
        )
    document: dict[str, Any] = {
        "tables": [item.as_dict() for item in found.puts],
        "without_subruns": found.without_subruns,
        "dry_run": dry_run,
    }
    text = f"{len(found.puts)} tables into {folder}:{tag}, {found.without_subruns} left out"
    frame.emit(document, lambda: click.echo(text))


@click.command()
@click.argument("url")
@click.argument("folder")
@click.option("--their-tag", default="", metavar="NAME", help="Default: the global tag's name.")
@click.option("--active", is_flag=True, help="Let readers that name no tag see the tables too.")
@click.option("--verify", is_flag=True, help="Only compare what is there; exit code 3: it differs.")
@constants_options
@dry_run_option
@pass_frame
def send(
    frame: Frame, url: str, folder: str, *, their_tag: str, active: bool, verify: bool,
    reference: str, snapshot: Path | None, use: str | None, allow_invalid: bool, db: str,
    dry_run: bool,
) -> int:  # fmt: skip
    """Write a folder of a global tag as a tag into a mnvcon database (postgresql+psycopg://...).

    All or nothing, read back and compared before it is kept.
    """
    from mx2prod.conditions.adapters import open_database, verify_tag, write_tag

    engine = open_database(url)
    try:
        with view_of(frame, reference, snapshot, db, use, invalid=allow_invalid) as view:
            if verify:
                problems = verify_tag(engine, view, folder, tag=their_tag)
                lines = problems or ["the same"]
                frame.emit({"problems": problems}, lambda: click.echo("\n".join(lines)))
                return FINDINGS if problems else 0
            done = write_tag(engine, view, folder, tag=their_tag, active=active, dry_run=dry_run)
    finally:
        engine.dispose()
    word = "written" if done.changed else "there already"
    text = f"{folder}:{done.tag}: {done.intervals} intervals, {word}"
    frame.emit({**vars(done), "dry_run": dry_run}, lambda: click.echo(text))
    return 0


def _walk(url: str, folder: str, times: RunTimeMap, their_tag: str) -> Iterator[Reply]:
    """Tables from the first to the last gate of the raw files."""
    from mx2prod.conditions.adapters import CondbServer, MnvconServer
    from mx2prod.constants import table_of_folder

    first, last = times.subruns[0].begin_us, times.subruns[-1].end_us
    if url.startswith(CondbServer.scheme):
        schema = table_of_folder(folder)
        yield from CondbServer(url).walk(folder, schema, first, last, their_tag)
    elif url.startswith(MnvconServer.scheme):
        for reply in MnvconServer(url).walk(folder, first, their_tag):
            yield reply
            if last in reply:
                return
    else:
        raise ConfigError(f"{url}: expected mnvcon+http(s)://... or condb+http(s)://...")


VERBS = (fetch, send)
