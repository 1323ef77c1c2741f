"""Aliases: movable names of published global tags, moved by compare and swap (page, section 7)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Table, insert, select, update

from mx2prod.conditions import tables
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.states import READABLE
from mx2prod.conditions.store import Store, folder_schema, note
from mx2prod.conditions.tags import require_name
from mx2prod.core.errors import StateError, UsageError
from mx2prod.core.time import now
from mx2prod.journal import events


@dataclass(frozen=True)
class Alias:
    """A movable name.

    Attributes
    ----------
    name, gtag : str
    digest : str
        Digest of the global tag: what jobs pin.
    moved_utc : str
    """

    name: str
    gtag: str
    digest: str
    moved_utc: str


def move_alias(
    store: Store,
    name: str,
    gtag: str,
    *,
    expected: str | None,
    reason: str,
    dry_run: bool = False,
) -> Alias:
    """Let an alias name another global tag, if it still names the expected one.

    Parameters
    ----------
    store : Store
    name, gtag : str
    expected : str or None
        What the alias names now; None: it does not exist.
    reason : str
    dry_run : bool

    Raises
    ------
    StateError
        If it names something else by now, or the global tag is not published.
    """
    require_name(name)
    with store.changing(dry_run=dry_run) as connection:
        found = find_gtag(connection, gtag)
        if found.state not in READABLE:
            raise StateError(
                f"global tag {gtag}: is {found.state}, an alias names one that is PUBLISHED",
                next_step=f"mx2 conditions promote {gtag}",
            )
        present = alias_of(connection, name)
        if present != expected:
            raise StateError(
                f"alias {name}: names {present or 'nothing'}, expected {expected or 'nothing'}: "
                "somebody has moved it",
                next_step="mx2 conditions alias",
            )
        utc = events.utc_text(now())
        if present != gtag:
            _write(connection, tables.ALIAS, {"name": name}, {"gtag": gtag, "moved_utc": utc})
            body = {"from": present, "to": gtag, "digest": found.digest, "reason": reason}
            note(connection, "alias", name, body)
    return Alias(name, gtag, found.digest, utc)


def alias_of(connection: Connection, name: str) -> str | None:
    """Global tag that an alias names; None without such an alias."""
    query = select(tables.ALIAS.c.gtag).where(tables.ALIAS.c.name == name)
    found: str | None = connection.execute(query).scalar_one_or_none()
    return found


def aliases(store: Store) -> list[Alias]:
    """All aliases, by name."""
    query = (
        select(tables.ALIAS, tables.GTAG.c.digest)
        .join(tables.GTAG, tables.GTAG.c.name == tables.ALIAS.c.gtag)
        .order_by(tables.ALIAS.c.name)
    )
    with store.reading() as connection:
        return [
            Alias(row.name, row.gtag, row.digest, row.moved_utc)
            for row in connection.execute(query)
        ]


def resolve_alias(store: Store, name: str) -> str:
    """``GTAG@DIGEST`` that an alias names now; a campaign does this once, at submission.

    Raises
    ------
    UsageError
        If there is no such alias.
    """
    for alias in aliases(store):
        if alias.name == name:
            return f"{alias.gtag}@{alias.digest}"
    raise UsageError(f"no alias {name!r}", next_step="mx2 conditions alias")


def add_folder_alias(
    store: Store, requested: str, folder: str, *, reason: str, dry_run: bool = False
) -> None:
    """Let readers ask for a folder by another name.

    Raises
    ------
    UsageError
        If there is no such folder, or the other name is a folder itself.
    """
    with store.changing(dry_run=dry_run) as connection:
        folder_schema(connection, folder)
        if folder_named(connection, requested) == requested:
            raise UsageError(f"{requested}: is a folder itself")
        _write(connection, tables.FOLDER_ALIAS, {"requested": requested}, {"folder": folder})
        note(connection, "folder-alias", requested, {"folder": folder, "reason": reason})


def folder_named(connection: Connection, requested: str) -> str | None:
    """Folder of a name or of another name of it; None if it is unknown."""
    query = select(tables.FOLDER.c.name).where(tables.FOLDER.c.name == requested)
    found: str | None = connection.execute(query).scalar_one_or_none()
    if found is None:
        table = tables.FOLDER_ALIAS
        query = select(table.c.folder).where(table.c.requested == requested)
        found = connection.execute(query).scalar_one_or_none()
    return found


def count_unknown_folder(store: Store, requested: str) -> None:
    """Remember that a reader asked for a folder that is not there (page, section 1.1)."""
    table = tables.UNKNOWN_FOLDER
    utc = events.utc_text(now())
    with store.writing() as connection:
        done = connection.execute(
            update(table)
            .where(table.c.requested == requested)
            .values(requests=table.c.requests + 1, last_utc=utc)
        )
        if done.rowcount == 0:
            row = {"requested": requested, "requests": 1, "last_utc": utc}
            connection.execute(insert(table), row)


def unknown_folders(store: Store) -> dict[str, int]:
    """Names of folders that readers asked for in vain, with the number of requests."""
    table = tables.UNKNOWN_FOLDER
    query = select(table.c.requested, table.c.requests).order_by(table.c.requested)
    with store.reading() as connection:
        return {row.requested: row.requests for row in connection.execute(query)}


def _write(
    connection: Connection, table: Table, key: Mapping[str, str], values: Mapping[str, Any]
) -> None:
    """Change a row, or insert it if it is not there."""
    changed = connection.execute(update(table).filter_by(**key).values(**values))
    if changed.rowcount == 0:
        connection.execute(insert(table), {**key, **values})
