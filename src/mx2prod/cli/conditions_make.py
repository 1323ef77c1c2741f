"""Verbs of ``mx2 conditions`` that make constants: databases, tags, tables, intervals, gaps."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.conditions_frame import (
    DATABASES,
    FILE,
    gtag_document,
    is_simulated,
    make_store,
    pair,
    require_reason,
    roles_of,
    split_tag,
    store_of,
    url_of,
)
from mx2prod.cli.frame import FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.signing import dry_run_option, reason_option
from mx2prod.core.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from mx2prod.conditions import Provenance, Put, RunList, Store, Upload


@click.command()
@click.option("--db", type=DATABASES, help="Only this one (default: both).")
@dry_run_option
@pass_frame
def init(frame: Frame, db: str | None, *, dry_run: bool) -> None:
    """Make the development and the production database, or add what is new in this version."""
    names = [db] if db else ["dev", "prod"]
    done = [{"db": name, "url": url_of(frame, name), "dry_run": dry_run} for name in names]
    if not dry_run:
        for name in names:
            make_store(frame, name).close()
    if any(url_of(frame, name).startswith("sqlite") for name in names):
        frame.say(
            "SQLite: whoever owns the file can change it; digests, signatures and mx2 workspace "
            "head show that, only PostgreSQL prevents it"
        )
    verb = "would make" if dry_run else "ready:"
    frame.emit(done, lambda: click.echo("\n".join(f"{verb} {item['url']}" for item in done)))


@click.command()
@click.argument("folder")
@click.argument("file", required=False, type=FILE)
@click.option("--tag", required=True, help="Open tag of the folder.")
@click.option("--since", help="First subrun (default: the one of the file name).")
@click.option("--until", help="First subrun after (default: the next table, swap or border).")
@click.option("--playlist", type=FILE, help="A list of files: FILE [SINCE [UNTIL]] a line.")
@click.option("--nominal", is_flag=True, help="The nominal table instead: defaults, one row a key.")
@click.option("--origin", multiple=True, metavar="KIND=VALUE",
              help="Where it comes from: input, software, config, request, plot.")  # fmt: skip
@reason_option
@dry_run_option
@pass_frame
def put(
    frame: Frame, /, folder: str, file: Path | None, *, tag: str, since: str | None,
    until: str | None, playlist: Path | None, nominal: bool, origin: tuple[str, ...], reason: str,
    dry_run: bool,
) -> int:  # fmt: skip
    """Put a table into a tag; the same again changes nothing.

    The verdict file of mx2 calibrate beside the table is kept with it.  With --playlist a file that
    is refused is listed, the others are put, and the exit code is 3.
    """
    from mx2prod.conditions import put_playlist

    if sum((file is not None, playlist is not None, nominal)) != 1:
        raise UsageError("give one of FILE, --playlist LIST and --nominal")
    facts = [_provenance(text) for text in origin]
    with store_of(frame) as store:
        if playlist is not None:
            done = put_playlist(
                store, folder, playlist, tag=tag, reason=reason, provenance=facts, dry_run=dry_run
            )
            _show_uploads(frame, done)
            return FINDINGS if any(upload.error for upload in done) else 0
        made = _put(
            store, folder, file, (since, until), tag=tag, reason=reason, facts=facts,
            dry_run=dry_run,
        )  # fmt: skip
    _show_put(frame, made, dry_run=dry_run)
    return 0


@click.command()
@click.argument("folder")
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--board", "boards", multiple=True, metavar="CRATE-CROC-CHAIN-BOARD",
              help="Address of each FEB file of 64 rows, in their order.")  # fmt: skip
@click.option("--tag", required=True, help="Open tag of the folder.")
@click.option("--since", required=True, help="First subrun of the merged table.")
@click.option("--parent", required=True, help="Payload that is valid there now.")
@reason_option
@dry_run_option
@pass_frame
def merge(
    frame: Frame, /, folder: str, files: tuple[Path, ...], *, boards: tuple[str, ...], tag: str,
    since: str, parent: str, reason: str, dry_run: bool,
) -> None:  # fmt: skip
    """Replace the rows of some boards in the table that is valid, as a new table from there on."""
    from mx2prod.conditions import Provenance, merge, parse_place

    with store_of(frame) as store:
        rows = _rows_to_merge(store, folder, files, boards)
        facts = [Provenance("file", path.name) for path in files]
        made = merge(
            store, folder, rows, tag=tag, since=parse_place(since), parent=parent, reason=reason,
            provenance=facts, dry_run=dry_run,
        )  # fmt: skip
    _show_put(frame, made, dry_run=dry_run)


@click.group()
def tag() -> None:
    """Tags of folders, and global tags."""


@tag.command("create")
@click.argument("name", metavar="FOLDER:TAG")
@click.option("--parent", help="Tag of the folder whose intervals it begins with.")
@reason_option
@dry_run_option
@pass_frame
def create(frame: Frame, name: str, *, parent: str | None, reason: str, dry_run: bool) -> None:
    """Make an open tag."""
    from mx2prod.conditions import create_tag

    folder, tag_name = split_tag(name)
    with store_of(frame) as store:
        made = create_tag(store, folder, tag_name, reason=reason, parent=parent, dry_run=dry_run)
    document = {"folder": folder, "tag": tag_name, "state": made.state.value, "parent": parent}
    frame.emit({**document, "dry_run": dry_run}, lambda: click.echo(f"{made}: {made.state}"))


@tag.command("group")
@click.argument("gtag")
@click.argument("members", nargs=-1, metavar="FOLDER=TAG...")
@click.option("--parent", help="Global tag that it replaces; values are compared with it.")
@reason_option
@dry_run_option
@pass_frame
def group(
    frame: Frame, gtag: str, members: tuple[str, ...], *, parent: str | None, reason: str,
    dry_run: bool,
) -> None:  # fmt: skip
    """Make a global tag of one tag a folder, or give an open one other tags."""
    from mx2prod.conditions import group

    pairs = dict(pair(member, "FOLDER=TAG") for member in members)
    with store_of(frame) as store:
        made = group(store, gtag, pairs, reason=reason, parent=parent, dry_run=dry_run)
    _show_gtag(frame, gtag_document(made), dry_run=dry_run)


@tag.command("supersede")
@click.argument("gtag")
@click.option("--by", "successor", required=True, help="Newer global tag that is published.")
@reason_option
@dry_run_option
@pass_frame
def supersede(frame: Frame, gtag: str, *, successor: str, reason: str, dry_run: bool) -> None:
    """Say in the production database that a newer global tag replaces this one."""
    from mx2prod.conditions import supersede

    with store_of(frame, "prod") as store:
        made = supersede(store, gtag, successor=successor, reason=reason, dry_run=dry_run)
    _show_gtag(frame, gtag_document(made), dry_run=dry_run)


@tag.command("withdraw")
@click.argument("gtag")
@reason_option
@dry_run_option
@pass_frame
def withdraw(frame: Frame, gtag: str, *, reason: str, dry_run: bool) -> None:
    """Withdraw a published global tag, once two conveners have signed for it.

    The first call asks for the signatures: mx2 conditions approve GTAG/withdrawal --db prod.
    """
    from mx2prod.conditions import withdraw

    with store_of(frame, "prod") as store:
        made = withdraw(store, roles_of(frame), gtag, reason=reason, dry_run=dry_run)
    _show_gtag(frame, gtag_document(made), dry_run=dry_run)


@click.command()
@click.argument("place", metavar="RUN/SUBRUN")
@click.option("--kind", type=click.Choice(["swap", "high-voltage", "period"]), default="swap",
              show_default=True, help="What changed.")  # fmt: skip
@click.option("--folder", default="", help="Only for this folder.")
@reason_option
@dry_run_option
@pass_frame
def stop(frame: Frame, place: str, *, kind: str, folder: str, reason: str, dry_run: bool) -> None:
    """Say that hardware changed before this subrun: no interval made from now on passes it."""
    from mx2prod.conditions import Stop, add_stop, parse_place

    made = Stop(parse_place(place), folder, kind, reason)
    with store_of(frame) as store:
        add_stop(store, made, dry_run=dry_run)
    document = {"place": place, "kind": kind, "folder": folder, "dry_run": dry_run}
    frame.emit(document, lambda: click.echo(f"{kind} before {place}"))


@click.command()
@click.argument("gtag")
@click.option("--runs", type=FILE, help="Subruns to process: RUN SUBRUN or a file name a line.")
@click.option("--dataset", metavar="NS:NAME", help="Subruns to process: those of this dataset.")
@click.option("--choose", nargs=3, metavar="FOLDER RUN/SUBRUN extend|nominal|exclude",
              help="Decide about the subruns without a table around this one.")  # fmt: skip
@click.option("--drop", nargs=2, metavar="FOLDER RUN/SUBRUN", help="Take a choice back.")
@click.option("--payload", default="", help="Payload of the choice (default: the next table).")
@click.option("--reason", default="", help="Why; needed with --choose and --drop.")
@dry_run_option
@pass_frame
def gaps(
    frame: Frame, /, gtag: str, *, runs: Path | None, dataset: str | None,
    choose: tuple[str, str, str] | None, drop: tuple[str, str] | None, payload: str, reason: str,
    dry_run: bool,
) -> int:  # fmt: skip
    """Which subruns of the run list have no table, and what was decided for them.

    Exit code 3 as long as nothing was decided for some of them.
    """
    from mx2prod.conditions import gap_report

    run_list = _run_list(frame, runs, dataset)
    with store_of(frame) as store:
        _change_gaps(
            store, gtag, run_list, choose=choose, drop=drop, payload=payload, reason=reason,
            dry_run=dry_run,
        )  # fmt: skip
        if dry_run and run_list is not None:
            frame.say("nothing was changed")
            return 0
        found = gap_report(store, gtag)
    rows = [
        [m.folder, str(m.interval), m.subruns, _around(m.before), _around(m.after),
         m.choice.choice if m.choice else "UNDECIDED", m.choice.reason if m.choice else ""]
        for m in found
    ]  # fmt: skip
    columns = ["folder", "interval", "subruns", "before", "after", "choice", "reason"]
    frame.emit(
        [m.as_dict() for m in found],
        lambda: print_table("Subruns without a table", columns, rows, empty="none"),
    )
    return FINDINGS if any(m.choice is None for m in found) else 0


@click.command()
@click.argument("gtag")
@click.argument("files", nargs=-1, required=True, type=FILE)
@dry_run_option
@pass_frame
def runtime(frame: Frame, gtag: str, files: tuple[Path, ...], *, dry_run: bool) -> None:
    """Make the run-to-time map of a global tag from the gates of raw FILES."""
    from mx2prod.conditions import RunTimeMap, set_runtime

    made = RunTimeMap.of_raw_files(files)
    with store_of(frame) as store:
        sha256 = set_runtime(store, gtag, made, dry_run=dry_run)
    document = {"gtag": gtag, "runtime": sha256, "subruns": len(made.subruns)}
    frame.emit(
        {**document, "dry_run": dry_run},
        lambda: click.echo(f"{gtag}: times of {len(made.subruns)} subruns"),
    )


@click.command()
@click.argument("name")
@dry_run_option
@pass_frame
def fixture(frame: Frame, name: str, *, dry_run: bool) -> None:
    """Load small constants with known bytes, to try readers with: pedestal3."""
    from mx2prod.conditions import load_fixture

    if not is_simulated(frame):
        raise ConfigError(
            "the workspace is not simulated, it takes no test constants",
            next_step="mx2 init OTHER-FOLDER",
        )
    with store_of(frame) as store:
        made, digest = load_fixture(store, name, dry_run=dry_run)
    _show_gtag(frame, gtag_document(made, digest), dry_run=dry_run)


VERBS = (init, put, merge, tag, stop, gaps, runtime, fixture)


def _put(
    store: Store, folder: str, file: Path | None, places: tuple[str | None, str | None], *,
    tag: str, reason: str, facts: list[Provenance], dry_run: bool,
) -> Put:  # fmt: skip
    from mx2prod.conditions import Provenance, nominal_table, parse_place, put, read_table_file
    from mx2prod.conditions.documents import place_of_name
    from mx2prod.constants import table_of_folder

    since, until = (None if text is None else parse_place(text) for text in places)
    if file is None:
        table = nominal_table(folder, store.maps)
        facts = [*facts, Provenance("nominal", folder)]
    else:
        read = read_table_file(file, table_of_folder(folder), store.maps)
        table, facts = read.table, [*facts, *read.provenance]
        since = place_of_name(file.name) if since is None else since
    if since is None:
        raise UsageError("say where it begins: --since RUN/SUBRUN")
    return put(
        store, folder, table, tag=tag, since=since, until=until, reason=reason, provenance=facts,
        dry_run=dry_run,
    )  # fmt: skip


def _rows_to_merge(
    store: Store, folder: str, files: tuple[Path, ...], boards: tuple[str, ...]
) -> Any:
    from mx2prod.conditions import read_table_file
    from mx2prod.constants import joined, read_feb_file, table_of_folder
    from mx2prod.detector import BoardAddress

    if not boards:
        schema = table_of_folder(folder)
        return joined([read_table_file(f, schema, store.maps).table for f in files])
    if len(boards) != len(files):
        raise UsageError(f"{len(files)} files and {len(boards)} boards: give one --board a file")
    tables = []
    for file, board in zip(files, boards, strict=True):
        words = board.split("-")
        if len(words) != 4 or not all(word.isdigit() for word in words):
            raise UsageError(f"--board {board}: expected CRATE-CROC-CHAIN-BOARD")
        address = BoardAddress(*(int(word) for word in words))
        tables.append(read_feb_file(file, address, maps=store.maps))
    return joined(tables, maps=store.maps)


def _run_list(frame: Frame, runs: Path | None, dataset: str | None) -> RunList | None:
    """Subruns of a file or of a dataset of the catalogue; None if neither is given."""
    from mx2prod.conditions import RunList, position

    if runs is not None and dataset is not None:
        raise UsageError("--runs and --dataset: give one of them")
    if runs is not None:
        return RunList.read(runs)
    if dataset is None:
        return None
    from mx2prod.catalog.run_list import run_list
    from mx2prod.cli.catalog_frame import catalog_of, dataset_did

    with catalog_of(frame) as catalogue:
        found = run_list(catalogue, dataset_did(frame, dataset))
    return RunList.of(position(one.subrun.run, one.subrun.subrun) for one in found)


def _change_gaps(
    store: Store, gtag: str, runs: RunList | None, *, choose: tuple[str, str, str] | None,
    drop: tuple[str, str] | None, payload: str, reason: str, dry_run: bool,
) -> None:  # fmt: skip
    from mx2prod import conditions

    if runs is not None:
        conditions.set_run_list(store, gtag, runs, dry_run=dry_run)
    if choose or drop:
        require_reason(reason)
    if drop is not None:
        place = conditions.parse_place(drop[1])
        conditions.drop_choice(store, gtag, drop[0], place, reason=reason, dry_run=dry_run)
    if choose is not None:
        folder, where, choice = choose
        place = conditions.parse_place(where)
        conditions.choose(
            store, gtag, folder, place, choice, reason=reason, payload=payload, dry_run=dry_run
        )


def _provenance(text: str) -> Provenance:
    from mx2prod.conditions import Provenance

    return Provenance(*pair(text, "KIND=VALUE"))


def _around(iov: Any) -> str:
    return "-" if iov is None else f"{iov.interval} {iov.content_sha256[:12]}"


def _show_put(frame: Frame, made: Put, *, dry_run: bool) -> None:
    word = "would put" if dry_run else "put"
    text = f"{word} {made.rows} rows" if made.changed else "is there already"
    frame.emit(
        {**made.as_dict(), "dry_run": dry_run},
        lambda: click.echo(
            f"{made.folder}:{made.tag} {made.interval} {made.content_sha256[:16]}: {text}"
        ),
    )


def _show_gtag(frame: Frame, document: dict[str, Any], *, dry_run: bool = False) -> None:
    def human() -> None:
        click.echo(f"{document['gtag']}: {document['state']} {document['digest']}".rstrip())
        for folder, name in document["tags"].items():
            click.echo(f"  {folder}: {name}")

    frame.emit({**document, "dry_run": dry_run}, human)


def _show_uploads(frame: Frame, done: list[Upload]) -> None:
    columns = ["state", "file", "comment"]
    rows = [[upload.state, upload.filepath, upload.comment] for upload in done]
    frame.emit(
        [{**vars(upload), "state": upload.state} for upload in done],
        lambda: print_table("Files of the list", columns, rows, empty="none"),
    )
