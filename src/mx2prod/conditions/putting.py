"""Put tables into the development database: payload, provenance and interval in one step."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sqlalchemy import Connection, insert, select

from mx2prod.conditions import tables
from mx2prod.conditions.axis import Interval, place_text, run_subrun
from mx2prod.conditions.intervals import Iov, add_iov, covering, end_of, iovs
from mx2prod.conditions.payloads import Payload, decode, encode
from mx2prod.conditions.store import Store, folder_schema, note
from mx2prod.conditions.tags import Tag, open_tag
from mx2prod.constants import Period, Table
from mx2prod.constants.source import Source
from mx2prod.core.errors import HashMismatch, NoConditionsError, StoreError, TableError, UsageError

_SHORTEST = 8
"""Digits that name a payload."""


@dataclass(frozen=True)
class Provenance:
    """One fact about where a table comes from.

    Attributes
    ----------
    kind : str
        ``input``, ``software``, ``config``, ``request``, ``plot``, ``verdict``, ``period``,
        ``nominal``, ``simulated``, ``parent`` or ``file``.
    value : str
    """

    kind: str
    value: str


@dataclass(frozen=True)
class Put:
    """What became of a table.

    Attributes
    ----------
    folder, tag : str
    interval : Interval
    content_sha256 : str
    rows : int
    changed : bool
        False if the tag had it already.
    """

    folder: str
    tag: str
    interval: Interval
    content_sha256: str
    rows: int
    changed: bool = field(default=True)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page."""
        return {
            "folder": self.folder,
            "tag": self.tag,
            **self.interval.as_dict(),
            "content_sha256": self.content_sha256,
            "rows": self.rows,
            "changed": self.changed,
        }


def put(
    store: Store,
    folder: str,
    table: Table,
    *,
    tag: str,
    since: int,
    until: int | None = None,
    reason: str,
    provenance: Iterable[Provenance] = (),
    replaces: str = "",
    dry_run: bool = False,
) -> Put:
    """Put a table into an open tag; the same table in the same place again changes nothing.

    Parameters
    ----------
    store : Store
    folder : str
    table : Table
        Of the folder's schema.
    tag : str
    since : int
        First subrun (see :func:`~mx2prod.conditions.axis.position`).
    until : int, optional
        First subrun after; by default that of the next table of the tag, or the next stop.
    reason : str
    provenance : iterable of Provenance
    replaces : str
        Content hash, or its first digits, of the table that must be valid there until now.
    dry_run : bool
        Check, and change nothing.

    Raises
    ------
    UsageError
        If there is no such folder or tag, or no reason is given.
    HashMismatch
        If another table than the one to be replaced is valid there.
    StateError
        If the tag is frozen.
    TableError
        If the table is of another schema, or breaks it under the store's hardware map.
    OverlapError
        If the interval overlaps another one whose end was given.
    """
    if not reason.strip():
        raise UsageError("a reason is needed", next_step="--reason TEXT")
    payload = encode(table)
    with store.developing(dry_run=dry_run) as connection:
        _require_fits(connection, store, folder, table)
        found = open_tag(connection, folder, tag)
        if replaces:
            _require_valid(connection, found, since, replaces)
        end = end_of(connection, found, since) if until is None else until
        iov = Iov(Interval(since, end), payload.content_sha256, built=until is None)
        add_payload(connection, payload)
        add_provenance(connection, payload.content_sha256, _with_period(table, provenance))
        changed = add_iov(connection, found, iov)
        if changed:
            note(connection, "put", f"{folder}:{tag}", _body(iov, reason))
    return Put(folder, tag, iov.interval, payload.content_sha256, payload.n_rows, changed=changed)


def merge(
    store: Store,
    folder: str,
    rows: Table,
    *,
    tag: str,
    since: int,
    parent: str,
    reason: str,
    provenance: Iterable[Provenance] = (),
    dry_run: bool = False,
) -> Put:
    """Replace some rows of the table that is valid at a place, as a new table from there on.

    Parameters
    ----------
    store, folder, tag, since, reason, provenance, dry_run
        As in :func:`put`.
    rows : Table
        Rows that take the place of those with the same keys, for example of one board.
    parent : str
        Content hash, or its first digits, of the table that is valid there now.

    Raises
    ------
    NoConditionsError
        If no table of the tag is valid there.
    HashMismatch
        If another table than the named one is.
    """
    with store.reading() as connection:
        valid = _require_valid(connection, open_tag(connection, folder, tag), since, parent)
        before = decode(read_payload(connection, valid), source=store.address)
    merged = with_rows(before, rows, store)
    facts = [*provenance, Provenance("parent", valid)]
    return put(
        store, folder, merged, tag=tag, since=since, reason=reason, provenance=facts,
        replaces=valid, dry_run=dry_run,
    )  # fmt: skip


def with_rows(before: Table, rows: Table, store: Store) -> Table:
    """Table with the rows of another one in the place of those with the same keys.

    Raises
    ------
    TableError
        If the schemas differ.
    """
    if before.schema is not rows.schema:
        raise TableError(f"rows of {rows.schema.schema}, expected {before.schema.schema}")
    kept = ~np.isin(before.channel, rows.channel)
    columns = {
        name: np.concatenate([before[name][kept], rows[name]]) for name in before.schema.names()
    }
    return Table.of(before.schema, columns, maps=store.maps, source=Source("merged table"))


def add_payload(connection: Connection, payload: Payload) -> bool:
    """Insert a payload if it is not there; tell whether it was inserted."""
    table = tables.PAYLOAD
    query = select(table.c.content_sha256).where(table.c.content_sha256 == payload.content_sha256)
    if connection.execute(query).first() is not None:
        return False
    row = {name: getattr(payload, name) for name in tables.PAYLOAD_COLUMNS}
    connection.execute(insert(table), row)
    return True


def read_payload(connection: Connection, content_sha256: str) -> Payload:
    """Payload of a content hash.

    Raises
    ------
    StoreError
        If it is missing.
    """
    query = select(tables.PAYLOAD).where(tables.PAYLOAD.c.content_sha256 == content_sha256)
    row = connection.execute(query).first()
    if row is None:
        raise StoreError(
            f"payload {content_sha256[:16]} is missing", next_step="mx2 conditions verify"
        )
    return Payload(
        row.content_sha256, row.schema_id, row.n_rows, row.encoding, row.file_sha256,
        bytes(row.data),
    )  # fmt: skip


def add_provenance(
    connection: Connection, content_sha256: str, facts: Iterable[Provenance]
) -> None:
    """Add facts about a payload that are not there."""
    known = set(read_provenance(connection, content_sha256))
    rows = [
        {"content_sha256": content_sha256, "kind": fact.kind, "value": fact.value}
        for fact in dict.fromkeys(facts)
        if fact not in known
    ]
    if rows:
        connection.execute(insert(tables.PROVENANCE), rows)


def read_provenance(connection: Connection, content_sha256: str) -> list[Provenance]:
    """Facts about a payload, in the order of their kinds."""
    table = tables.PROVENANCE
    query = (
        select(table.c.kind, table.c.value)
        .where(table.c.content_sha256 == content_sha256)
        .order_by(table.c.kind, table.c.value)
    )
    return [Provenance(kind, value) for kind, value in connection.execute(query)]


def _require_valid(connection: Connection, tag: Tag, place: int, expected: str) -> str:
    """Content hash of the table that is valid at a place, which must begin as expected."""
    rows = iovs(connection, tag.id)
    number = covering(rows, place)
    hint = f"mx2 conditions iov {tag.folder} --tag {tag.name}"
    if number < 0:
        raise NoConditionsError(
            f"{tag}: no table is valid at {place_text(place)}",
            folder=tag.folder,
            run=run_subrun(place).run,
            subrun=run_subrun(place).subrun,
            next_step=hint,
        )
    valid = rows[number].content_sha256
    if len(expected) < _SHORTEST or not valid.startswith(expected):
        raise HashMismatch(
            f"{tag}: valid at {place_text(place)} is payload {valid}, not {expected!r}",
            next_step=hint,
        )
    return valid


def _require_fits(connection: Connection, store: Store, folder: str, table: Table) -> None:
    """Check schema and keys once more, with the hardware map of this store."""
    schema = folder_schema(connection, folder)
    if table.schema is not schema:
        raise TableError(f"{folder}: a table of {table.schema.schema}, expected {schema.schema}")
    Table.of(schema, table.columns, maps=store.maps, source=Source(f"table for {folder}"))


def period_of(facts: Iterable[Provenance]) -> Period | None:
    """When the data behind a payload were taken; None if nobody knows.

    The first one, if the same table was made of several data.
    """
    found = sorted(fact.value for fact in facts if fact.kind == "period")
    return Period(*(int(word) for word in found[0].split())) if found else None


def _with_period(table: Table, facts: Iterable[Provenance]) -> list[Provenance]:
    period = table.period
    if period is None:
        return list(facts)
    words = [period.begin_us, period.end_us]
    if period.min_occupancy is not None:
        words.append(period.min_occupancy)
    return [*facts, Provenance("period", " ".join(map(str, words)))]


def _body(iov: Iov, reason: str) -> dict[str, Any]:
    return {
        "since": place_text(iov.interval.since),
        "until": place_text(iov.interval.until),
        "content_sha256": iov.content_sha256,
        "reason": reason,
    }
