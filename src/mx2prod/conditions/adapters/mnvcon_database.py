"""Write into the database of a mnvcon server, by SQL alone (conditions page, section 12.1).

One transaction a tag: intervals, their rows by COPY, the tag, its list of intervals.  Everything is
read back and hashed before it is committed.  Nothing that is there is changed or removed.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sql
from sqlalchemy import Connection, Engine

from mx2prod.conditions.adapters.mnvcon_tables import FolderTables, TimeKind
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.states import READABLE
from mx2prod.conditions.view import View
from mx2prod.conditions.wire import time_text
from mx2prod.conditions.wire_times import TimedInterval, gapless, runtime_of
from mx2prod.constants import content_sha256, table_of_folder, table_of_schema
from mx2prod.core.errors import (
    HashMismatch,
    StateError,
    TableError,
    UsageError,
)
from mx2prod.core.suggest import nearest
from mx2prod.journal import open_engine, reading, writing


@dataclass(frozen=True)
class WrittenTag:
    """A tag in the other database.

    Attributes
    ----------
    folder, tag : str
    intervals, rows : int
    changed : bool
        False if it was there already, the same.
    """

    folder: str
    tag: str
    intervals: int
    rows: int
    changed: bool


def open_database(url: str) -> Engine:
    """Engine of the PostgreSQL database of a mnvcon server.

    Parameters
    ----------
    url : str
        ``postgresql+psycopg://USER@HOST/NAME``; see :func:`mx2prod.journal.open_engine`.
    """
    return open_engine(url)


def create_folder(engine: Engine, folder: str, time: TimeKind = TimeKind.ZONED) -> None:
    """Make the tables of a folder.

    Raises
    ------
    StoreError
        If they are there.
    """
    with writing(engine) as connection:
        FolderTables.of(folder, table_of_folder(folder), time).create(connection)


def write_tag(
    engine: Engine,
    view: View,
    folder: str,
    *,
    tag: str = "",
    active: bool = False,
    dry_run: bool = False,
) -> WrittenTag:
    """Write a folder of a global tag as a tag; the same tag again changes nothing.

    Parameters
    ----------
    engine : Engine
    view : View
        With a run-to-time map.
    folder : str
    tag : str
        Name there; that of the global tag by default.
    active : bool
        Let readers that name no tag see the tables too; only of a published global tag.
    dry_run : bool
        Do everything, and undo it.

    Raises
    ------
    UsageError, StateError
        If the global tag has no such folder, or no map; the tag is there with other content;
        active intervals are there that would mix with these; or the global tag is not published
        and would be active.
    NoConditionsError
        If subruns have no constants: tags there are lists of intervals without ends.
    HashMismatch
        If what is read back is not what was written; nothing is changed.
    """
    if active and view.state not in READABLE:
        raise StateError(
            f"global tag {view.gtag}: is {view.state}; only what is PUBLISHED is shown to readers "
            "that name no tag",
            next_step=f"mx2 conditions promote {view.gtag}",
        )
    manifest, runtime = view.folder(folder), runtime_of(view)
    tag = tag or view.gtag
    intervals = gapless(manifest.folder, manifest.rows(), runtime)
    with writing(engine) as connection:
        tables = FolderTables.found(connection, folder, table_of_schema(manifest.schema))
        name = tables.iovs.name
        connection.execute(sql.text(f'LOCK TABLE "{name}" IN SHARE ROW EXCLUSIVE MODE'))
        if _has_tag(connection, tables, tag):
            return _same(connection, tables, tag, intervals)
        if active:
            _require_nothing_later(connection, tables, intervals[0])
        rows = _insert(connection, tables, view, intervals, tag, active=active)
        problems = _drift(connection, tables, tag, intervals)
        if problems:
            raise HashMismatch(f"{folder}:{tag}: read back otherwise than written: {problems[0]}")
        if dry_run:
            connection.rollback()
    return WrittenTag(folder, tag, len(intervals), rows, changed=True)


def verify_tag(engine: Engine, view: View, folder: str, *, tag: str = "") -> list[str]:
    """Differences between a folder of a global tag and the tag in the other database.

    Raises
    ------
    UsageError
        If there is no such tag.
    """
    manifest, runtime = view.folder(folder), runtime_of(view)
    tag = tag or view.gtag
    with reading(engine) as connection:
        tables = FolderTables.found(connection, folder, table_of_schema(manifest.schema))
        if not _has_tag(connection, tables, tag):
            known = connection.execute(sql.select(tables.tags.c.tag)).scalars().all()
            raise UsageError(f"{folder}: no tag {tag!r} there" + nearest(tag, known))
        return _drift(connection, tables, tag, gapless(folder, manifest.rows(), runtime))


def _has_tag(connection: Connection, tables: FolderTables, tag: str) -> bool:
    query = sql.select(tables.tags.c.tag).where(tables.tags.c.tag == tag)
    return connection.execute(query).first() is not None


def _same(
    connection: Connection, tables: FolderTables, tag: str, intervals: Sequence[TimedInterval]
) -> WrittenTag:
    problems = _drift(connection, tables, tag, intervals)
    if problems:
        raise StateError(
            f"{tables.folder}: tag {tag} is there with other content: {problems[0]}",
            next_step="choose another name for the tag",
        )
    return WrittenTag(tables.folder, tag, len(intervals), 0, changed=False)


def _require_nothing_later(
    connection: Connection, tables: FolderTables, first: TimedInterval
) -> None:
    """Active intervals that begin later would hide ours in places."""
    begin = tables.iovs.c.begin_time
    query = sql.select(sql.func.count()).where(
        tables.iovs.c.active, begin >= tables.time.of_time(first.begin_us)
    )
    found = connection.execute(query).scalar_one()
    if found:
        raise StateError(
            f"{tables.folder}: {found} active intervals begin at {time_text(first.begin_us)} s or "
            "later and would mix with these",
            next_step="write a tag that is not active; readers name it",
        )


def _insert(
    connection: Connection,
    tables: FolderTables,
    view: View,
    intervals: Sequence[TimedInterval],
    tag: str,
    *,
    active: bool,
) -> int:
    numbers, rows = [], 0
    for interval in intervals:
        values = {"begin_time": tables.time.of_time(interval.begin_us), "active": active}
        query = sql.insert(tables.iovs).values(values).returning(tables.iovs.c.iov_id)
        number = connection.execute(query).scalar_one()
        table = decode(view.stored(interval.content_sha256), source=view.source)
        tables.copy_rows(connection, number, table)
        numbers.append(number)
        rows += len(table)
    row = {"tag": tag, "created": sql.func.now(), "comments": str(view)}
    connection.execute(sql.insert(tables.tags).values(row))
    members = [{"tag": tag, "iov_id": number} for number in numbers]
    connection.execute(sql.insert(tables.tag_iovs), members)
    return rows


def _drift(
    connection: Connection, tables: FolderTables, tag: str, intervals: Sequence[TimedInterval]
) -> list[str]:
    iovs, members = tables.iovs, tables.tag_iovs
    query = (
        sql.select(iovs.c.iov_id, iovs.c.begin_time)
        .join(members, members.c.iov_id == iovs.c.iov_id)
        .where(members.c.tag == tag)
        .order_by(iovs.c.begin_time, iovs.c.iov_id)
    )
    found = connection.execute(query).all()
    if len(found) != len(intervals):
        return [f"{len(found)} intervals, expected {len(intervals)}"]
    problems = []
    for (number, begin), interval in zip(found, intervals, strict=True):
        begin_us = tables.time.time_us(begin)
        place = f"interval {number} of {time_text(interval.begin_us)} s"
        if begin_us != interval.begin_us:
            problems.append(f"{place}: begins at {time_text(begin_us)} s")
        try:
            sha256 = content_sha256(tables.read_rows(connection, number))
        except TableError as error:
            problems.append(f"{place}: {error.message}")
            continue
        if sha256 != interval.content_sha256:
            problems.append(
                f"{place}: content {sha256[:16]}, expected {interval.content_sha256[:16]}"
            )
    return problems
