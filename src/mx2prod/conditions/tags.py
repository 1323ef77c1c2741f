"""Tags of folders and global tags: make, find, group (conditions page, sections 4.1 and 4.4)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, func, insert, literal, select, update

from mx2prod.conditions import tables
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, folder_schema, note
from mx2prod.core.errors import StateError, UsageError
from mx2prod.core.suggest import nearest
from mx2prod.core.time import now
from mx2prod.journal import events

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/+-]{0,119}")


@dataclass(frozen=True)
class Tag:
    """A tag of a folder.

    Attributes
    ----------
    id : int
        Of this database only.
    folder, name : str
    state : State
        ``OPEN`` or ``VALIDATED``.
    parent_tag : int or None
        Tag that this one was made from.
    digest : str
        Empty while it is open.
    created_by, created_utc, reason : str
    """

    id: int
    folder: str
    name: str
    state: State
    parent_tag: int | None
    digest: str
    created_by: str
    created_utc: str
    reason: str

    def __str__(self) -> str:
        return f"{self.folder}:{self.name}"


def create_tag(
    store: Store,
    folder: str,
    name: str,
    *,
    reason: str,
    parent: str | None = None,
    dry_run: bool = False,
) -> Tag:
    """Make an open tag; as a child it begins with the intervals and gaps of its parent.

    Parameters
    ----------
    store : Store
    folder, name : str
    reason : str
    parent : str, optional
        Tag of the same folder.
    dry_run : bool
        Check, and change nothing.

    Raises
    ------
    UsageError
        If there is no such folder or parent, or the name has other characters.
    StateError
        If the folder has this tag already.
    """
    with store.developing(dry_run=dry_run) as connection:
        folder_schema(connection, folder)
        above = find_tag(connection, folder, parent) if parent else None
        made = add_tag(connection, folder, name, reason=reason, parent=above)
        if above is not None:
            copy_rows(connection, above, made)
        body = {"tag": name, "parent": parent, "reason": reason}
        note(connection, "tag", folder, body)
        return made


def add_tag(
    connection: Connection, folder: str, name: str, *, reason: str, parent: Tag | None = None
) -> Tag:
    """Insert an open tag."""
    require_name(name)
    found = tag_named(connection, folder, name)
    if found is not None:
        raise StateError(f"{folder}: tag {name} is there already, {found.state}")
    last = connection.execute(select(func.max(tables.TAG.c.id))).scalar() or 0
    row: dict[str, Any] = {
        "id": last + 1,
        "folder": folder,
        "name": name,
        "state": State.OPEN.value,
        "parent_tag": None if parent is None else parent.id,
        "digest": "",
        **signed_off(reason),
    }
    connection.execute(insert(tables.TAG), row)
    return Tag(**{**row, "state": State.OPEN})


def copy_rows(connection: Connection, source: Tag, target: Tag) -> None:
    """Give a tag the intervals and gaps of another one."""
    for table in (tables.IOV, tables.GAP):
        columns = [literal(target.id) if c.name == "tag_id" else c for c in table.c]
        query = select(*columns).where(table.c.tag_id == source.id)
        connection.execute(insert(table).from_select([c.name for c in table.c], query))


def find_tag(connection: Connection, folder: str, name: str) -> Tag:
    """Tag of a folder.

    Raises
    ------
    UsageError
        If there is none; names the nearest one.
    """
    folder_schema(connection, folder)
    found = tag_named(connection, folder, name)
    if found is None:
        query = select(tables.TAG.c.name).where(tables.TAG.c.folder == folder)
        names = connection.execute(query).scalars().all()
        raise UsageError(
            f"{folder}: no tag {name!r}" + nearest(name, names),
            next_step=f"mx2 conditions tag create {folder}:{name} --reason TEXT",
        )
    return found


def tag_named(connection: Connection, folder: str, name: str) -> Tag | None:
    """Tag of a folder; None if there is none."""
    query = select(tables.TAG).where(tables.TAG.c.folder == folder, tables.TAG.c.name == name)
    row = connection.execute(query).mappings().one_or_none()
    return None if row is None else tag_of_row(row)


def open_tag(connection: Connection, folder: str, name: str) -> Tag:
    """Tag that can still be changed.

    Raises
    ------
    StateError
        If it is frozen.
    """
    tag = find_tag(connection, folder, name)
    if tag.state is not State.OPEN:
        raise StateError(
            f"{tag}: is {tag.state}, its intervals no longer change",
            next_step=f"mx2 conditions tag create {folder}:NEW --parent {name} --reason TEXT",
        )
    return tag


def all_tags(connection: Connection, folder: str | None = None) -> list[Tag]:
    """All tags, or those of a folder, by folder and in the order they were made."""
    query = select(tables.TAG).order_by(tables.TAG.c.folder, tables.TAG.c.id)
    if folder is not None:
        folder_schema(connection, folder)
        query = query.where(tables.TAG.c.folder == folder)
    return [tag_of_row(row) for row in connection.execute(query).mappings()]


def with_parents(connection: Connection, tag: Tag) -> list[Tag]:
    """List a tag, the one that it was made from, and so on."""
    found = [tag]
    while found[-1].parent_tag is not None:
        query = select(tables.TAG).where(tables.TAG.c.id == found[-1].parent_tag)
        found.append(tag_of_row(connection.execute(query).mappings().one()))
    return found


def set_tag(connection: Connection, tag: Tag, **values: Any) -> None:
    """Change columns of a tag; the database refuses what is not allowed."""
    connection.execute(update(tables.TAG).where(tables.TAG.c.id == tag.id).values(**values))


def require_name(name: str) -> None:
    """Raise :class:`UsageError` for a name that could not stand in an address."""
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"{name!r}: a tag has letters, digits and ._/+-, begins with a letter or digit, "
            "and has at most 120 characters"
        )


def signed_off(reason: str) -> dict[str, str]:
    """Columns that say who made a row, when and why."""
    return {
        "created_by": events.account(),
        "created_utc": events.utc_text(now()),
        "reason": reason,
    }


def tag_of_row(row: Mapping[Any, Any]) -> Tag:
    """Tag of a row of its table."""
    return Tag(**{**row, "state": State(row["state"])})
