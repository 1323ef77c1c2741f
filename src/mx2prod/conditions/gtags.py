"""Global tags: one tag a folder, under one name (page, sections 4.1 and 4.4)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mx2prod.conditions import tables
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.conditions.tags import Tag, find_tag, require_name, signed_off, tag_of_row
from mx2prod.core.errors import StateError, UsageError
from mx2prod.core.suggest import nearest
from mx2prod.journal import Subject

SUBJECT = "gtag"
"""Type of the subject that is signed."""


@dataclass(frozen=True)
class Gtag:
    """A global tag.

    Attributes
    ----------
    name : str
    state : State
    digest : str
        Empty while it is open.
    provisional : bool
        Approved in an emergency; the review is due.
    parent : str or None
        Global tag that it replaces; values are compared with it.
    hardware_map, run_list, runtime, checks : str
        sha256 of what it was made with; empty if there is none.
    created_by, created_utc, reason : str
    tags : dict of str to Tag
        By folder.
    """

    name: str
    state: State
    digest: str
    provisional: bool
    parent: str | None
    hardware_map: str
    run_list: str
    runtime: str
    checks: str
    created_by: str
    created_utc: str
    reason: str
    tags: dict[str, Tag]


def group(
    store: Store,
    name: str,
    members: Mapping[str, str],
    *,
    reason: str,
    parent: str | None = None,
    dry_run: bool = False,
) -> Gtag:
    """Make a global tag of one tag a folder, or give an open one other members.

    Parameters
    ----------
    store : Store
    name : str
    members : mapping of str to str
        Tag by folder; folders that the global tag has and that are not named stay.
    reason : str
    parent : str, optional
        Global tag that this one replaces.
    dry_run : bool

    Raises
    ------
    UsageError
        If a tag, folder or the parent is missing.
    StateError
        If the global tag is no longer open.
    """
    with store.developing(dry_run=dry_run) as connection:
        if parent is not None:
            find_gtag(connection, parent)
        if gtag_row(connection, name) is None:
            add_gtag(connection, name, store.hardware_map, reason=reason, parent=parent)
        gtag = require_open(find_gtag(connection, name))
        for folder, tag_name in members.items():
            map_tag(connection, gtag, find_tag(connection, folder, tag_name))
        body = {"members": dict(members), "parent": parent, "reason": reason}
        note(connection, "group", name, body)
        return find_gtag(connection, name)


def add_gtag(
    connection: Connection,
    name: str,
    hardware_map: str,
    *,
    reason: str,
    parent: str | None = None,
) -> None:
    """Insert an open global tag."""
    require_name(name)
    row = {
        "name": name,
        "state": State.OPEN.value,
        "digest": "",
        "provisional": 0,
        "parent": parent,
        "hardware_map": hardware_map,
        "run_list": "",
        "runtime": "",
        "checks": "",
        **signed_off(reason),
    }
    connection.execute(insert(tables.GTAG), row)


def map_tag(connection: Connection, gtag: Gtag, tag: Tag) -> None:
    """Put a tag into an open global tag in the place of its folder."""
    table = tables.GTAG_MAP
    connection.execute(delete(table).where(table.c.gtag == gtag.name, table.c.folder == tag.folder))
    connection.execute(insert(table), {"gtag": gtag.name, "folder": tag.folder, "tag_id": tag.id})


def find_gtag(connection: Connection, name: str) -> Gtag:
    """Global tag with its tags.

    Raises
    ------
    UsageError
        If there is none; names the nearest one.
    """
    row = gtag_row(connection, name)
    if row is None:
        names = connection.execute(select(tables.GTAG.c.name)).scalars().all()
        raise UsageError(
            f"no global tag {name!r}" + nearest(name, names), next_step="mx2 conditions ls"
        )
    return Gtag(
        **{**row, "state": State(row["state"]), "provisional": bool(row["provisional"])},
        tags=_tags_of(connection, name),
    )


def all_gtags(connection: Connection) -> list[Gtag]:
    """All global tags, by name."""
    query = select(tables.GTAG.c.name).order_by(tables.GTAG.c.name)
    return [find_gtag(connection, name) for name in connection.execute(query).scalars().all()]


def require_open(gtag: Gtag) -> Gtag:
    """Return the global tag if it is open; raise :class:`StateError` if not."""
    if gtag.state is not State.OPEN:
        raise StateError(
            f"global tag {gtag.name}: is {gtag.state}, it no longer changes",
            next_step=f"mx2 conditions tag group NEW FOLDER=TAG --parent {gtag.name}",
        )
    return gtag


def set_gtag(connection: Connection, name: str, **values: Any) -> None:
    """Change columns of a global tag; the database refuses what is not allowed."""
    connection.execute(update(tables.GTAG).where(tables.GTAG.c.name == name).values(**values))


def subject_of_gtag(gtag: Gtag) -> Subject:
    """Give what is signed: name and digest of a frozen global tag."""
    return Subject(SUBJECT, gtag.name, gtag.digest)


def gtag_row(connection: Connection, name: str) -> dict[str, Any] | None:
    """Row of a global tag; None if there is none."""
    found = connection.execute(select(tables.GTAG).where(tables.GTAG.c.name == name)).mappings()
    row = found.one_or_none()
    return None if row is None else dict(row)


def _tags_of(connection: Connection, gtag: str) -> dict[str, Tag]:
    query = (
        select(tables.TAG)
        .join(tables.GTAG_MAP, tables.GTAG_MAP.c.tag_id == tables.TAG.c.id)
        .where(tables.GTAG_MAP.c.gtag == gtag)
        .order_by(tables.TAG.c.folder)
    )
    return {row["folder"]: tag_of_row(row) for row in connection.execute(query).mappings()}
