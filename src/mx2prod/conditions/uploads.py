"""Upload lists of table files, with a ledger of what became of each (page, section 3.3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, insert, select, update

from mx2prod.conditions import tables
from mx2prod.conditions.axis import Interval, parse_place
from mx2prod.conditions.documents import place_of_name
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.putting import Provenance, Put, put, read_payload
from mx2prod.conditions.store import Store, folder_schema, note
from mx2prod.conditions.table_files import read_table_file
from mx2prod.constants.text import read_content
from mx2prod.core.errors import InputFileError, Mx2Error, UsageError
from mx2prod.core.time import now
from mx2prod.journal import events

_FLAGS = ("loaded", "verified", "obsolete", "error")


@dataclass(frozen=True)
class Upload:
    """A file of the ledger.

    Attributes
    ----------
    filepath, datatype, tag, detector : str
        ``datatype`` is the folder.
    loaded, verified, obsolete : bool
    error : bool
        The comment says what is wrong.
    comment, add_utc, modify_utc, modify_user : str
    """

    filepath: str
    datatype: str
    tag: str
    detector: str
    loaded: bool
    verified: bool
    obsolete: bool
    error: bool
    comment: str
    add_utc: str
    modify_utc: str
    modify_user: str

    @property
    def state(self) -> str:
        """``to upload``, ``to verify``, ``in error``, ``done`` or ``obsolete``."""
        if self.obsolete:
            return "obsolete"
        if self.error:
            return "in error"
        if not self.loaded:
            return "to upload"
        return "done" if self.verified else "to verify"


@dataclass(frozen=True)
class _Line:
    path: Path
    since: int
    until: int | None


def put_playlist(
    store: Store,
    folder: str,
    playlist: Path,
    *,
    tag: str,
    reason: str,
    provenance: Sequence[Provenance] = (),
    dry_run: bool = False,
) -> list[Upload]:
    """Put every file of a list that is not loaded yet, and verify it by reading it back.

    A line is ``FILE [SINCE [UNTIL]]``, relative to the list; without SINCE the file name says run
    and subrun.  A file that cannot be put is marked as in error, and the others go on.

    Parameters
    ----------
    store : Store
    folder : str
    playlist : Path
    tag, reason : str
    provenance : sequence of Provenance
        Holds for all files.
    dry_run : bool
        Check, and change nothing.

    Returns
    -------
    list of Upload
        The ledger of this list, in its order.

    Raises
    ------
    InputFileError
        If the list cannot be read, or a line has another form; then nothing was changed.
    """
    lines = _read_playlist(playlist)
    with store.reading() as connection:
        schema = folder_schema(connection, folder)
    _enter(store, folder, tag, [line.path for line in lines], dry_run=dry_run)
    ledger = {upload.filepath: upload for upload in uploads(store, folder, tag)}
    done = []
    for line in lines:
        known = ledger.get(str(line.path))
        if known is not None and (known.obsolete or (known.verified and not known.error)):
            done.append(known)
            continue
        try:
            file = read_table_file(line.path, schema, store.maps)
            made = put(
                store, folder, file.table, tag=tag, since=line.since, until=line.until,
                reason=reason, provenance=[*file.provenance, *provenance], dry_run=dry_run,
            )  # fmt: skip
            verified = dry_run or _reads_back(store, made)
            flags = {"loaded": 1, "verified": int(verified), "error": 0, "comment": ""}
        except Mx2Error as error:
            flags = {"error": 1, "comment": error.message}
        done.append(_mark(store, folder, tag, line.path, flags, dry_run=dry_run))
    return done


def uploads(store: Store, folder: str | None = None, tag: str | None = None) -> list[Upload]:
    """Read the ledger, in the order of file names."""
    with store.reading() as connection:
        return _uploads(connection, folder, tag)


def set_obsolete(
    store: Store, folder: str, tag: str, path: Path, *, reason: str, dry_run: bool = False
) -> Upload:
    """Say that a file of the ledger is not to be loaded any more.

    Raises
    ------
    UsageError
        If the ledger has no such file.
    """
    with store.developing(dry_run=dry_run) as connection:
        changed = _change(connection, folder, tag, path, {"obsolete": 1, "comment": reason})
        note(connection, "obsolete", f"{folder}:{tag}", {"file": str(path), "reason": reason})
        return changed


def _uploads(
    connection: Connection, folder: str | None, tag: str | None, path: Path | None = None
) -> list[Upload]:
    table = tables.UPLOAD
    query = select(table).order_by(table.c.datatype, table.c.tag, table.c.filepath)
    wanted = {"datatype": folder, "tag": tag, "filepath": None if path is None else str(path)}
    query = query.filter_by(**{name: value for name, value in wanted.items() if value is not None})
    return [
        Upload(**{**row, **{name: bool(row[name]) for name in _FLAGS}})
        for row in connection.execute(query).mappings()
    ]


def _read_playlist(playlist: Path) -> list[_Line]:
    text = read_content(playlist).decode("utf-8", errors="replace")
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        if len(words) > 3:
            raise InputFileError(f"{playlist}, line {number}: expected FILE [SINCE [UNTIL]]")
        path = (playlist.parent / words[0]).absolute()
        since = parse_place(words[1]) if len(words) > 1 else place_of_name(path.name)
        if since is None:
            raise InputFileError(
                f"{playlist}, line {number}: {path.name} does not say its run and subrun",
                next_step="write RUN/SUBRUN behind the file name",
            )
        until = parse_place(words[2]) if len(words) > 2 else None
        if until is not None:
            Interval(since, until)
        lines.append(_Line(path, since, until))
    if not lines:
        raise InputFileError(f"{playlist}: no file in it")
    return lines


def _enter(store: Store, folder: str, tag: str, paths: Sequence[Path], *, dry_run: bool) -> None:
    """Add the files that the ledger has not."""
    with store.developing(dry_run=dry_run) as connection:
        known = {u.filepath for u in _uploads(connection, folder, tag)}
        new = [path for path in dict.fromkeys(paths) if str(path) not in known]
        if new:
            rows = [_new_row(folder, tag, path) for path in new]
            connection.execute(insert(tables.UPLOAD), rows)


def _new_row(folder: str, tag: str, path: Path) -> dict[str, Any]:
    utc = events.utc_text(now())
    return {
        "filepath": str(path), "datatype": folder, "tag": tag, "detector": "mx2",
        **dict.fromkeys(_FLAGS, 0), "comment": "",
        "add_utc": utc, "modify_utc": utc, "modify_user": events.account(),
    }  # fmt: skip


def _mark(
    store: Store, folder: str, tag: str, path: Path, flags: dict[str, Any], *, dry_run: bool
) -> Upload:
    with store.developing(dry_run=dry_run) as connection:
        if dry_run:
            return Upload(**{**_new_row(folder, tag, path), **flags})
        return _change(connection, folder, tag, path, flags)


def _change(
    connection: Connection, folder: str, tag: str, path: Path, values: dict[str, Any]
) -> Upload:
    table = tables.UPLOAD
    stamped = {
        **values,
        "modify_utc": events.utc_text(now()),
        "modify_user": events.account(),
    }
    done = connection.execute(
        update(table)
        .where(table.c.filepath == str(path), table.c.datatype == folder, table.c.tag == tag)
        .values(**stamped)
    )
    if done.rowcount != 1:
        raise UsageError(f"{path}: not in the ledger of {folder}:{tag}")
    return _uploads(connection, folder, tag, path)[0]


def _reads_back(store: Store, made: Put) -> bool:
    with store.reading() as connection:
        decode(read_payload(connection, made.content_sha256), source=store.address)
    return True
