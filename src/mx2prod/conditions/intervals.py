"""Intervals of tags: where a new one ends, what it cuts, what it may not overlap (page, 4.3)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, or_, select

from mx2prod.conditions import tables
from mx2prod.conditions.axis import OPEN_END, Interval, place_text
from mx2prod.conditions.store import Store, note
from mx2prod.conditions.tags import Tag
from mx2prod.core.errors import OverlapError

CHOICES = ("extend", "nominal", "exclude")
"""What can be decided for subruns without a table of their own."""


@dataclass(frozen=True)
class Iov:
    """An interval with its payload.

    Attributes
    ----------
    interval : Interval
    content_sha256 : str
    built : bool
        The end follows from the rules, so that the next interval may cut it.
    """

    interval: Interval
    content_sha256: str
    built: bool = False


@dataclass(frozen=True)
class Gap:
    """What was decided for subruns without a table of their own.

    Attributes
    ----------
    interval : Interval
    choice : str
        One of :data:`CHOICES`.
    reason : str
    content_sha256 : str or None
        Payload of ``extend`` and ``nominal``.
    """

    interval: Interval
    choice: str
    reason: str
    content_sha256: str | None


@dataclass(frozen=True)
class Stop:
    """A place that no interval passes unless a signed choice does.

    Attributes
    ----------
    place : int
        First subrun after it.
    folder : str
        Empty: all folders.
    kind : str
        ``swap``, ``high-voltage`` or ``period``.
    reason : str
    """

    place: int
    folder: str
    kind: str
    reason: str


def iovs(connection: Connection, tag_id: int) -> list[Iov]:
    """Intervals of a tag in their order."""
    table = tables.IOV
    query = select(table).where(table.c.tag_id == tag_id).order_by(table.c.since)
    return [_iov_of_row(row) for row in connection.execute(query)]


def gaps(connection: Connection, tag_id: int) -> list[Gap]:
    """Decided gaps of a tag in their order."""
    query = select(tables.GAP).where(tables.GAP.c.tag_id == tag_id).order_by(tables.GAP.c.since)
    return [
        Gap(Interval(row.since, row.until), row.choice, row.reason, row.content_sha256)
        for row in connection.execute(query)
    ]


def stops(connection: Connection, folder: str) -> list[Stop]:
    """Read the stops of a folder, in their order."""
    table = tables.STOP
    query = (
        select(table)
        .where(or_(table.c.folder == "", table.c.folder == folder))
        .order_by(table.c.place, table.c.folder)
    )
    return [Stop(**row) for row in connection.execute(query).mappings()]


def add_stop(store: Store, stop: Stop, *, dry_run: bool = False) -> None:
    """Tell of a swap, a change of the high voltage or a border, for intervals made from now on.

    Raises
    ------
    GuardError
        If it is there already.
    """
    with store.developing(dry_run=dry_run) as connection:
        connection.execute(insert(tables.STOP), vars(stop))
        body = {"place": place_text(stop.place), "kind": stop.kind, "reason": stop.reason}
        note(connection, "stop", stop.folder or "all folders", body)


def end_of(connection: Connection, tag: Tag, since: int) -> int:
    """Where an interval ends that begins here: at the next row of the tag, or the next stop."""
    places = [stop.place for stop in stops(connection, tag.folder) if stop.place > since]
    for table in (tables.IOV, tables.GAP):
        query = (
            select(table.c.since)
            .where(table.c.tag_id == tag.id, table.c.since > since)
            .order_by(table.c.since)
            .limit(1)
        )
        places += connection.execute(query).scalars().all()
    return min(places, default=OPEN_END)


def add_iov(connection: Connection, tag: Tag, iov: Iov) -> bool:
    """Add an interval, cutting the one before it if its end was built; False if it is there.

    Parameters
    ----------
    connection : Connection
    tag : Tag
        Open.
    iov : Iov

    Raises
    ------
    OverlapError
        If it would overlap an interval or gap; names it.
    """
    for other in _overlapping(connection, tag, iov.interval):
        same_place = other.interval.since == iov.interval.since
        if same_place and other.content_sha256 == iov.content_sha256:
            if iov.built or other.interval == iov.interval:
                return False
        elif other.built and other.interval.since < iov.interval.since:
            _cut(connection, tag, other, iov.interval.since)
            continue
        raise OverlapError(
            f"{tag}: {iov.interval} overlaps {other.interval} of payload "
            f"{other.content_sha256[:16]}"
            + (": other content for the same begin" if same_place else ""),
            next_step=f"mx2 conditions tag create {tag.folder}:NEW --reason TEXT",
        )
    _refuse_gap(connection, tag, iov.interval)
    insert_iov(connection, tag.id, iov)
    return True


def insert_iov(connection: Connection, tag_id: int, *many: Iov) -> None:
    """Insert intervals; the database refuses an overlap."""
    rows = [
        {
            "tag_id": tag_id,
            "since": iov.interval.since,
            "until": iov.interval.until,
            "content_sha256": iov.content_sha256,
            "built": int(iov.built),
        }
        for iov in many
    ]
    if rows:
        connection.execute(insert(tables.IOV), rows)


def insert_gap(connection: Connection, tag_id: int, *many: Gap) -> None:
    """Insert decided gaps; the database refuses an overlap."""
    rows = [
        {
            "tag_id": tag_id,
            "since": gap.interval.since,
            "until": gap.interval.until,
            "choice": gap.choice,
            "reason": gap.reason,
            "content_sha256": gap.content_sha256,
        }
        for gap in many
    ]
    if rows:
        connection.execute(insert(tables.GAP), rows)


def covering(rows: Sequence[Iov] | Sequence[Gap], place: int) -> int:
    """Find the number of the row, of rows in order, that holds a place; -1 if none does."""
    number = bisect_right(rows, place, key=lambda row: row.interval.since) - 1
    return number if number >= 0 and place in rows[number].interval else -1


def passed(interval: Interval, at: Iterable[Stop]) -> list[Stop]:
    """Find the stops inside an interval, its begin and end left out."""
    return [stop for stop in at if interval.since < stop.place < interval.until]


def _overlapping(connection: Connection, tag: Tag, interval: Interval) -> list[Iov]:
    table = tables.IOV
    query = (
        select(table)
        .where(table.c.tag_id == tag.id, table.c.since < interval.until)
        .where(table.c.until > interval.since)
        .order_by(table.c.since.desc())
    )
    return [_iov_of_row(row) for row in connection.execute(query.limit(8))]


def _iov_of_row(row: Row[Any]) -> Iov:
    return Iov(Interval(row.since, row.until), row.content_sha256, bool(row.built))


def _cut(connection: Connection, tag: Tag, iov: Iov, until: int) -> None:
    table = tables.IOV
    connection.execute(
        delete(table).where(table.c.tag_id == tag.id, table.c.since == iov.interval.since)
    )
    shorter = Iov(Interval(iov.interval.since, until), iov.content_sha256, built=True)
    insert_iov(connection, tag.id, shorter)


def _refuse_gap(connection: Connection, tag: Tag, interval: Interval) -> None:
    table = tables.GAP
    query = select(table.c.since, table.c.until, table.c.choice).where(
        table.c.tag_id == tag.id, table.c.since < interval.until, table.c.until > interval.since
    )
    row = connection.execute(query.limit(1)).first()
    if row is not None:
        gap = Interval(row.since, row.until)
        raise OverlapError(
            f"{tag}: {interval} overlaps the gap {gap}, for which {row.choice} was chosen",
            next_step=f"mx2 conditions tag create {tag.folder}:NEW --reason TEXT",
        )
