"""``mx2 workspace``: care of the databases of a workspace."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.frame import FAILED, FINDINGS, Frame, pass_frame, print_table
from mx2prod.cli.signing import dry_run_option, key_option, signing_key
from mx2prod.core.errors import Mx2Error

if TYPE_CHECKING:
    from mx2prod.journal import Database
    from mx2prod.journal.backups import Manifest
    from mx2prod.journal.heads import ExportedHeads

_FILE = click.Path(path_type=Path, dir_okay=False)
_FOLDER = click.Path(path_type=Path, file_okay=False)


@click.group("workspace")
def command() -> None:
    """Care of a workspace: tables of its databases, backup, and checks of the event logs."""


@command.command()
@dry_run_option
@pass_frame
def migrate(frame: Frame, *, dry_run: bool) -> int:
    """Make the tables of every database, or bring them to the version of this program.

    Each database changes in one transaction.  One that cannot be reached does not stop the others;
    the exit code is then 1.
    """
    done = [_migrate(frame, database, dry_run=dry_run) for database in _databases(frame)]
    rows = [
        [item["database"], item["address"], item["found"], item["newest"], item["error"]]
        for item in done
    ]
    columns = ["database", "address", "found", "now" if not dry_run else "would be", "error"]
    frame.emit(done, lambda: print_table("Tables", columns, rows, empty="no database"))
    return FAILED if any(item["error"] for item in done) else 0


@command.command()
@click.argument("role")
@dry_run_option
@pass_frame
def grant(frame: Frame, role: str, *, dry_run: bool) -> None:
    """Give the PostgreSQL role ROLE the rights of a writer in every PostgreSQL database.

    It may read everything and add rows, change rows only where the program needs it, and delete
    none.  In SQLite whoever can write the file can do everything: there signatures and heads kept
    elsewhere are the only defence.
    """
    from mx2prod.core.secrets import redact
    from mx2prod.journal import grant
    from mx2prod.journal.engine import sqlite_path

    done: list[dict[str, Any]] = []
    for database in _databases(frame):
        if sqlite_path(database.url, frame.workspace.root) is not None:
            continue
        statements: list[str] = []
        if not dry_run:
            with database.opened(frame.workspace) as engine:
                statements = grant(engine, database.rooms, role)
        document = {"database": database.name, "address": redact(database.url), "role": role}
        done.append({**document, "statements": statements, "dry_run": dry_run})
    rows = [[item["database"], item["role"], len(item["statements"])] for item in done]
    columns = ["database", "role", "statements"]
    empty = "no PostgreSQL database in mx2.toml"
    frame.emit(done, lambda: print_table("Rights of a writer", columns, rows, empty=empty))


@command.command()
@click.argument("folder", type=_FOLDER)
@dry_run_option
@pass_frame
def backup(frame: Frame, folder: Path, *, dry_run: bool) -> int:
    """Copy all databases and the role lists into the new FOLDER, while they are in use.

    Exit code 3: written, but an event log is not as it was written; what was found is listed.
    """
    from mx2prod.core.files import refuse_existing
    from mx2prod.journal import back_up

    databases = _databases(frame)
    if dry_run:
        refuse_existing(folder)
        names = [d.name for d in databases if d.exists(frame.workspace)]
        document = {"folder": str(folder), "databases": names, "dry_run": True}
        frame.emit(document, lambda: click.echo(f"would copy {', '.join(names) or 'nothing'}"))
        return 0
    manifest = back_up(frame.workspace, databases, folder)
    _show_manifest(frame, manifest, f"wrote {folder}")
    problems = [text for copy in manifest.databases.values() for text in copy.problems]
    for text in problems:
        frame.say(text)
    return FINDINGS if problems else 0


@command.command()
@click.argument("folder", type=_FOLDER)
@dry_run_option
@pass_frame
def restore(frame: Frame, folder: Path, *, dry_run: bool) -> None:
    """Write the databases and role lists of a backup to where mx2.toml says.

    Nothing is ever overwritten: move damaged files away first.
    """
    from mx2prod.journal import restore

    manifest = restore(frame.workspace, _databases(frame), folder, dry_run=dry_run)
    _show_manifest(frame, manifest, f"{'would restore' if dry_run else 'restored'} {folder}")


@command.command()
@click.option("-o", "--out", type=_FILE, required=True, help="New file, on another disk.")
@click.option("--sign", "signed", is_flag=True, help="Sign it with your key.")
@key_option
@dry_run_option
@pass_frame
def head(frame: Frame, out: Path, key_path: Path | None, *, signed: bool, dry_run: bool) -> None:
    """Write the head of every event log into a file; keep it where nobody can change it.

    Without such a file, nobody can see that a whole log was written anew, or that its last events
    were removed together with the head.
    """
    from mx2prod.core.files import refuse_existing
    from mx2prod.journal import reading, write_heads
    from mx2prod.journal.events import head

    heads = {}
    for database in _existing(frame):
        with database.opened(frame.workspace) as engine, reading(engine) as connection:
            heads[database.name] = head(connection)
    key = signing_key(key_path) if signed else None
    if dry_run:
        refuse_existing(out)
    else:
        write_heads(out, heads, key)
    document = {
        "file": str(out),
        "heads": {name: {"seq": item.seq, "hash": item.hash} for name, item in heads.items()},
        "signed": signed,
        "dry_run": dry_run,
    }
    verb = "would write" if dry_run else "wrote"
    frame.emit(document, lambda: click.echo(f"{verb} {out}: {len(heads)} heads"))


@command.command()
@click.option("--head", "files", multiple=True, type=_FILE, help="Heads that were written earlier.")
@pass_frame
def verify(frame: Frame, files: tuple[Path, ...]) -> int:
    """Check the event log of every database: chain, head, times, and heads kept elsewhere.

    Exit code 1: a log is not as it was written.
    """
    from mx2prod.journal import reading
    from mx2prod.journal.events import verify

    exported = [_heads(frame, file) for file in files]
    done: list[dict[str, Any]] = []
    for database in _existing(frame):
        known = tuple(e.heads[database.name] for e in exported if database.name in e.heads)
        with database.opened(frame.workspace) as engine, reading(engine) as connection:
            found = verify(connection, known)
        done.append(
            {
                "database": database.name,
                "events": found.head.seq,
                "hash": found.head.hash,
                "problems": list(found.problems),
                "clock_went_back": list(found.clock_went_back),
            }
        )
    _show_verified(frame, done)
    return FAILED if any(item["problems"] for item in done) else 0


def _databases(frame: Frame) -> list[Database]:
    """Databases of the workspace; each room with tables of its own is named here."""
    from mx2prod.catalog.room import CATALOG as FILES
    from mx2prod.conditions.room import CONDITIONS
    from mx2prod.journal import databases
    from mx2prod.journal.databases import (
        CATALOG,
        CONDITIONS_DEVELOPMENT,
        CONDITIONS_PRODUCTION,
        PRODUCTION,
    )
    from mx2prod.metadata.quality.tables import QUALITY

    rooms = {
        CONDITIONS_DEVELOPMENT: [CONDITIONS],
        CONDITIONS_PRODUCTION: [CONDITIONS],
        CATALOG: [FILES],
        PRODUCTION: [QUALITY],
    }
    return databases(frame.workspace, rooms)


def _existing(frame: Frame) -> list[Database]:
    return [database for database in _databases(frame) if database.exists(frame.workspace)]


def _migrate(frame: Frame, database: Database, *, dry_run: bool) -> dict[str, Any]:
    from mx2prod.core.secrets import redact
    from mx2prod.journal import migrate, versions

    document: dict[str, Any] = {"database": database.name, "address": redact(database.url)}
    document |= {"found": None, "newest": None, "error": None, "dry_run": dry_run}
    try:
        if dry_run and not database.exists(frame.workspace):
            return {**document, "newest": ", ".join(_newest(database))}
        with database.opened(frame.workspace, create=not dry_run) as engine:
            found = (versions if dry_run else migrate)(engine, database.rooms)
    except Mx2Error as error:
        return {**document, "error": error.message}
    return {
        **document,
        "found": ", ".join(item.found or "none" for item in found),
        "newest": ", ".join(item.newest for item in found),
    }


def _newest(database: Database) -> list[str]:
    from mx2prod.journal.rooms import newest

    return [newest(room) for room in database.rooms]


def _heads(frame: Frame, file: Path) -> ExportedHeads:
    """Exported heads; says by whom they are signed."""
    from mx2prod.journal import read_heads
    from mx2prod.journal.trust import role_store

    lists = role_store(frame.workspace).history()
    keys = lists[-1].keys() if lists else {}
    found = read_heads(file, frozenset(keys))
    names = sorted({keys[public][0].person for public in found.signed_by})
    frame.say(f"{file}: written {found.utc}, signed by {', '.join(names) or 'nobody enrolled'}")
    return found


def _show_manifest(frame: Frame, manifest: Manifest, text: str) -> None:
    rows = [
        [name, copy.kind, copy.file, copy.seq, sum(copy.rows.values())]
        for name, copy in manifest.databases.items()
    ]
    columns = ["database", "kind", "file", "events", "rows"]
    frame.emit(
        manifest.model_dump(mode="json"),
        lambda: print_table(text, columns, rows, empty=f"{text}: no database"),
    )


def _show_verified(frame: Frame, done: list[dict[str, Any]]) -> None:
    rows = [
        [item["database"], item["events"], item["hash"][:16], "; ".join(item["problems"]) or "ok"]
        for item in done
    ]
    columns = ["database", "events", "head", "result"]
    empty = "no database: mx2 workspace migrate"
    frame.emit(done, lambda: print_table("Event logs", columns, rows, empty=empty))
    for item in done:
        if item["clock_went_back"]:
            frame.say(f"{item['database']}: clock went back before {item['clock_went_back']}")
