"""Backup and restore of the databases of a workspace, with its role lists.

A backup is one folder with a manifest: for each database the file, its sha256, the head of the
event log and the number of rows of each table.  Backup and restore both count and verify again
what they have written.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import quote

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy import Connection, Engine, create_engine, func, inspect, select
from sqlalchemy.sql import table

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import InputFileError, OutputError, StoreError, UsageError
from mx2prod.core.files import refuse_existing, require_regular_file, sha256_of_file
from mx2prod.core.time import now
from mx2prod.core.workspace import Workspace, describe
from mx2prod.journal import backup_files, events, roles
from mx2prod.journal.databases import Database
from mx2prod.journal.engine import address, is_sqlite, reading, sqlite_path
from mx2prod.journal.tables import EVENT

MANIFEST = "manifest.json"
_ROLES = roles.FOLDER


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Copy(_Model):
    """One database in a backup.

    Attributes
    ----------
    kind : str
        ``sqlite`` or ``postgresql``; restored to the same kind.
    file, sha256 : str
    seq, hash : int and str
        Head of the event log.
    rows : dict of str to int
        Number of rows of each table.
    problems : tuple of str
        What the check of the event log found; empty for a log as it was written.
    """

    kind: Literal["sqlite", "postgresql"]
    file: Annotated[str, Field(pattern=r"^[a-z0-9._-]+$")]
    sha256: str
    seq: int
    hash: str
    rows: dict[str, int]
    problems: tuple[str, ...] = ()


class Manifest(_Model):
    """What is in a backup.

    Attributes
    ----------
    utc : str
    databases : dict of str to Copy
        By the name of the database in the workspace.
    roles : dict of str to str
        sha256 of each file of the role lists.
    """

    type: Literal["mx2-backup/1"] = "mx2-backup/1"
    utc: str
    databases: dict[str, Copy]
    roles: dict[str, str]


def back_up(workspace: Workspace, databases: Sequence[Database], folder: Path) -> Manifest:
    """Copy the databases that exist, as they are at one moment each, into a new folder.

    Writers go on meanwhile.  The folder appears when it is complete.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    StoreError
        If a database cannot be read or its copy differs from it.
    """
    refuse_existing(folder)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".backup.", dir=folder.parent) as name:
            part = Path(name) / folder.name
            part.mkdir(mode=0o700)
            copies = {
                database.name: _copy(workspace, database, part)
                for database in databases
                if database.exists(workspace)
            }
            manifest = Manifest(
                utc=events.utc_text(now()),
                databases=copies,
                roles=_copy_roles(workspace.root / _ROLES, part / _ROLES),
            )
            (part / MANIFEST).write_text(canonical_json(manifest.model_dump()) + "\n")
            part.rename(folder)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}", next_step="df -h") from error
    return manifest


def read_manifest(folder: Path) -> Manifest:
    """Manifest of a backup, after checking the sha256 of every file.

    Raises
    ------
    InputFileError
        If the folder is not a backup, or a file is missing or differs.
    """
    path = folder / MANIFEST
    require_regular_file(path)
    try:
        manifest = Manifest.model_validate_json(path.read_text(encoding="utf-8"))
    except (ValidationError, UnicodeDecodeError) as error:
        text = describe(error, Manifest) if isinstance(error, ValidationError) else str(error)
        raise InputFileError(f"{path}: {text}") from error
    files = {copy.file: copy.sha256 for copy in manifest.databases.values()}
    files |= {f"{_ROLES}/{name}": digest for name, digest in manifest.roles.items()}
    for name, digest in files.items():
        require_regular_file(folder / name)
        if sha256_of_file(folder / name) != digest:
            raise InputFileError(f"{folder / name}: sha256 differs from that of the manifest")
    return manifest


def restore(
    workspace: Workspace, databases: Sequence[Database], folder: Path, *, dry_run: bool = False
) -> Manifest:
    """Write the databases of a backup to where ``mx2.toml`` says; nothing is ever overwritten.

    Raises
    ------
    InputFileError
        If the backup is damaged.
    UsageError
        If a database of the backup is not in ``mx2.toml``, or of another kind there.
    OutputError
        If a database or the role lists exist already.
    StoreError
        If what was written differs from the backup.
    """
    manifest = read_manifest(folder)
    places = {database.name: database for database in databases}
    for name, copy in manifest.databases.items():
        _require_free(workspace, places.get(name), name, copy)
    if manifest.roles:
        refuse_existing(workspace.root / _ROLES)
    if dry_run:
        return manifest
    for name, copy in manifest.databases.items():
        _write_back(workspace, places[name], folder, copy)
    if manifest.roles:
        shutil.copytree(folder / _ROLES, workspace.root / _ROLES)
    return manifest


def _copy(workspace: Workspace, database: Database, folder: Path) -> Copy:
    with database.opened(workspace) as engine:
        _require_journal(engine)
        if is_sqlite(engine):
            file = folder / f"{database.name}.db"
            backup_files.copy_sqlite(engine, file)
            rows, found = _contents_of_copy(file)
        else:
            file = folder / f"{database.name}.dump"
            with reading(engine) as connection:
                rows, found = contents(connection)
                backup_files.dump_postgresql(connection, file)
    return Copy(
        kind="sqlite" if is_sqlite(engine) else "postgresql",
        file=file.name,
        sha256=sha256_of_file(file),
        seq=found.head.seq,
        hash=found.head.hash,
        rows=rows,
        problems=found.problems,
    )


def _require_journal(engine: Engine) -> None:
    if EVENT.name not in backup_files.tables(engine):
        raise StoreError(
            f"{address(engine)}: has not the tables of this program",
            next_step="mx2 workspace migrate",
        )


def contents(connection: Connection) -> tuple[dict[str, int], events.Verification]:
    """Rows of each table and the check of the event log, as a transaction sees them."""
    rows = {
        name: connection.execute(select(func.count()).select_from(table(name))).scalar_one()
        for name in sorted(inspect(connection).get_table_names())
    }
    return rows, events.verify(connection)


def _contents_of_copy(file: Path) -> tuple[dict[str, int], events.Verification]:
    """Contents of a copied SQLite file, which keeps its bytes."""
    engine = create_engine(f"sqlite:///file:{quote(str(file))}?mode=ro&immutable=1&uri=true")
    try:
        with engine.connect() as connection:
            return contents(connection)
    finally:
        engine.dispose()


def _require_free(workspace: Workspace, database: Database | None, name: str, copy: Copy) -> None:
    if database is None:
        raise UsageError(f"the backup has a database {name}, which mx2.toml has not")
    path = sqlite_path(database.url, workspace.root)
    kind = "postgresql" if path is None else "sqlite"
    if kind != copy.kind:
        raise UsageError(f"{name}: the backup is of {copy.kind}, mx2.toml says {kind}")
    if _is_taken(workspace, database, path):
        raise OutputError(
            f"{name}: {database.url} exists already and is never overwritten",
            next_step="move it away, or give another address in mx2.toml",
        )


def _is_taken(workspace: Workspace, database: Database, path: Path | None) -> bool:
    if path is not None:
        return path.exists()
    with database.opened(workspace) as engine:
        return bool(backup_files.tables(engine))


def _write_back(workspace: Workspace, database: Database, folder: Path, copy: Copy) -> None:
    file = folder / copy.file
    path = sqlite_path(database.url, workspace.root)
    if path is not None:
        backup_files.write_back_sqlite(file, path)
    with database.opened(workspace) as engine:
        if path is None:
            backup_files.write_back_postgresql(file, engine)
        with reading(engine) as connection:
            rows, found = contents(connection)
    if rows != copy.rows or found.head != events.Head(copy.seq, copy.hash):
        raise StoreError(
            f"{database.name}: restored, but differs from the backup in rows or in the head of "
            "its events",
            next_step="mx2 workspace verify",
        )


def _copy_roles(source: Path, target: Path) -> dict[str, str]:
    if not source.is_dir():
        return {}
    shutil.copytree(source, target)
    return {path.name: sha256_of_file(path) for path in sorted(target.iterdir())}
