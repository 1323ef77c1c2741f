"""File records of rows, read in chunks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from operator import itemgetter
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Select, Table, insert, select

from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery, Namespace
from mx2prod.catalog.tables import CONTENT, DATASET, FILE, KEY, LINEAGE, MEMBER
from mx2prod.core.ids import Did

CHUNK = 500
"""So many values stand in one ``IN``; both databases take many more."""

_Item = TypeVar("_Item")
_ATTRIBUTES = (
    "fid", "namespace", "name", "size", "creator", "created_timestamp", "updated_by",
    "updated_timestamp", "retired_by", "retired_timestamp",
)  # fmt: skip
COLUMNS = (FILE.c.id, FILE.c.retired, *(FILE.c[name] for name in _ATTRIBUTES))
"""What a record without content is made of."""


def chunks(items: Iterable[_Item], size: int = CHUNK) -> Iterator[list[_Item]]:
    """Items in lists of at most ``size``."""
    rest = iter(items)
    while chunk := list(islice(rest, size)):
        yield chunk


def ids_by_did(connection: Connection, dids: Iterable[Did]) -> dict[Did, int]:
    """Numbers of files by name; missing ones are left out."""
    names: dict[str, dict[str, None]] = {}
    for did in dids:
        names.setdefault(did.namespace, {})[did.name] = None
    found: dict[Did, int] = {}
    for namespace, wanted in names.items():
        query = select(FILE.c.id, FILE.c.name).where(FILE.c.namespace == namespace)
        for chunk in chunks(wanted):
            for row in connection.execute(query.where(FILE.c.name.in_(chunk))):
                found[Did(namespace, row.name)] = row.id
    return found


def ids_by_fid(connection: Connection, fids: Iterable[str]) -> dict[str, int]:
    """Numbers of files by fid; missing ones are left out."""
    found: dict[str, int] = {}
    for chunk in chunks(dict.fromkeys(fids)):
        rows = connection.execute(select(FILE.c.fid, FILE.c.id).where(FILE.c.fid.in_(chunk)))
        found.update((row.fid, row.id) for row in rows)
    return found


def linked(
    connection: Connection, ids: Iterable[int], *, to: str, retired: bool = True
) -> dict[int, list[int]]:
    """Numbers of the direct parents or children of files.

    Parameters
    ----------
    connection : Connection
    ids : iterable of int
    to : {"parent", "child"}
    retired : bool
        With the retired ones.
    """
    target, origin = LINEAGE.c[to], LINEAGE.c["child" if to == "parent" else "parent"]
    query = select(origin, target)
    if not retired:
        query = query.join(FILE, FILE.c.id == target).where(FILE.c.retired == 0)
    found: dict[int, list[int]] = {}
    for chunk in chunks(ids):
        for start, end in connection.execute(query.where(origin.in_(chunk))):
            found.setdefault(start, []).append(end)
    return found


def records_of_ids(
    connection: Connection,
    ids: Iterable[int],
    *,
    with_metadata: bool = True,
    with_provenance: bool = True,
    with_datasets: bool = True,
) -> Iterator[FileRecord]:
    """Read files by number, in that order."""
    for chunk in chunks(ids):
        query = select(*COLUMNS, CONTENT).join(CONTENT, CONTENT.c.file == FILE.c.id)
        found: Any = connection.execute(query.where(FILE.c.id.in_(chunk)))
        rows = {row.id: row for row in found}
        present = [number for number in chunk if number in rows]
        links = _links(connection, present) if with_provenance else ({}, {})
        datasets = _datasets(connection, present) if with_datasets else {}
        for number in present:
            yield _record(rows[number], links, datasets, with_metadata=with_metadata)


def plain_records(connection: Connection, ids: Iterable[int]) -> Iterator[tuple[int, FileRecord]]:
    """Read files by number, in that order, without metadata, checksums and links."""
    for chunk in chunks(ids):
        rows = connection.execute(select(*COLUMNS).where(FILE.c.id.in_(chunk)))
        found = {row[0]: row for row in rows}
        yield from ((number, _plain(found[number])) for number in chunk if number in found)


def plain_records_of(
    connection: Connection, statements: Iterable[Select[Any]]
) -> Iterator[tuple[int, FileRecord]]:
    """Read the files of statements that select :data:`COLUMNS`, as :func:`plain_records` does."""
    for statement in statements:
        for row in connection.execute(statement):
            yield row[0], _plain(row)


def _plain(row: Any) -> FileRecord:
    _, retired, *values = row
    return FileRecord(retired=bool(retired), **dict(zip(_ATTRIBUTES, values, strict=True)))


def _record(
    row: Row[Any],
    links: tuple[Mapping[int, tuple[str, ...]], Mapping[int, tuple[str, ...]]],
    datasets: Mapping[int, tuple[Did, ...]],
    *,
    with_metadata: bool,
) -> FileRecord:
    parents, children = links
    return FileRecord(
        **{name: getattr(row, name) for name in _ATTRIBUTES},
        retired=bool(row.retired),
        checksums=json.loads(row.checksums),
        metadata=json.loads(row.metadata) if with_metadata else {},
        parents=parents.get(row.id, ()),
        children=children.get(row.id, ()),
        datasets=datasets.get(row.id, ()),
    )


def _links(
    connection: Connection, ids: Sequence[int]
) -> tuple[dict[int, tuple[str, ...]], dict[int, tuple[str, ...]]]:
    """Fids of parents and of children by number."""
    both = []
    for target, origin in (
        (LINEAGE.c.parent, LINEAGE.c.child),
        (LINEAGE.c.child, LINEAGE.c.parent),
    ):
        query = select(origin, FILE.c.fid).join(FILE, FILE.c.id == target).where(origin.in_(ids))
        both.append(_grouped(connection.execute(query.order_by(target))))
    return both[0], both[1]


def _datasets(connection: Connection, ids: Sequence[int]) -> dict[int, tuple[Did, ...]]:
    query = (
        select(MEMBER.c.file, DATASET.c.namespace, DATASET.c.name)
        .join(DATASET, DATASET.c.id == MEMBER.c.dataset)
        .where(MEMBER.c.file.in_(ids))
        .order_by(MEMBER.c.dataset)
    )
    rows = connection.execute(query)
    return _grouped((file, Did(namespace, name)) for file, namespace, name in rows)


def _grouped(pairs: Iterable[Any]) -> dict[int, tuple[Any, ...]]:
    found: dict[int, list[Any]] = {}
    for number, item in pairs:
        found.setdefault(number, []).append(item)
    return {number: tuple(items) for number, items in found.items()}


def insert_rows(connection: Connection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Insert many rows of the same columns, handed to the driver as they are."""
    if not rows:
        return
    names = list(rows[0])
    compiled = insert(table).compile(dialect=connection.dialect, column_keys=names)
    order = compiled.positiontup
    if order is None:
        connection.exec_driver_sql(str(compiled), [dict(row) for row in rows])
    else:
        values = itemgetter(*order)
        connection.exec_driver_sql(str(compiled), [values(row) for row in rows])


def add_keys(connection: Connection, keys: Iterable[str]) -> None:
    """Remember metadata keys that were not known."""
    known = set(connection.execute(select(KEY.c.name)).scalars())
    new = [{"name": key} for key in dict.fromkeys(keys) if key not in known]
    if new:
        connection.execute(insert(KEY), new)


def namespace_record(row: Row[Any]) -> Namespace:
    """Namespace of a row."""
    return Namespace(**row._mapping)


def named_query_record(row: Row[Any]) -> NamedQuery:
    """Named query of a row."""
    members = {**row._mapping, "metadata": json.loads(row.metadata)}
    return NamedQuery(**members)


def dataset_record(
    row: Row[Any], *, file_count: int, parents: Sequence[Did], children: Sequence[Did]
) -> DatasetRecord:
    """Dataset of a row, with what is counted and linked elsewhere."""
    names = (
        "namespace", "name", "description", "creator", "created_timestamp", "updated_by",
        "updated_timestamp", "definition",
    )  # fmt: skip
    return DatasetRecord(
        **{name: getattr(row, name) for name in names},
        metadata=json.loads(row.metadata),
        frozen=bool(row.frozen),
        monotonic=bool(row.monotonic),
        file_meta_requirements=None if row.requirements is None else json.loads(row.requirements),
        file_count=file_count,
        parents=tuple(parents),
        children=tuple(children),
    )
