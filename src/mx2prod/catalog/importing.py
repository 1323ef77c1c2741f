"""Take whole catalogues in: a folder of JSON files becomes part of a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, update

from mx2prod.catalog.dataset_rows import (
    dataset_or_none,
    find_dataset,
    require_open,
)
from mx2prod.catalog.declaring import add_members, place, read_drafts
from mx2prod.catalog.folder import Contents
from mx2prod.catalog.making import insert_dataset, insert_subset, make_namespaces
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.catalog.rows import ids_by_fid
from mx2prod.catalog.session import Session
from mx2prod.catalog.snapshots import store_snapshot
from mx2prod.catalog.source import CatalogSource
from mx2prod.catalog.tables import FILE, QUERY
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import DeniedError
from mx2prod.core.ids import Did

_DECLARED = ("fid", "namespace", "name", "size", "creator", "created_timestamp", "checksums",
             "metadata", "parents")  # fmt: skip


@dataclass(frozen=True)
class Imported:
    """What came in.

    Attributes
    ----------
    files, files_there : int
        New ones, and those that were there already with the same content.
    datasets, named_queries, namespaces : int
        New ones.
    """

    files: int
    files_there: int
    datasets: int
    named_queries: int
    namespaces: int


def import_contents(
    session: Session,
    contents: Contents,
    *,
    dataset: Did,
    dry_run: bool = False,
    validate: bool = True,
) -> Imported:
    """Take in all files, datasets and named queries, or none.

    What is there already with the same content stays; namespaces are made as they are needed.

    Parameters
    ----------
    session : Session
        Of an administrator.
    contents : Contents
    dataset : Did
        For files that name no dataset.
    dry_run : bool
        Check everything, write nothing.
    validate : bool
        See :func:`mx2prod.catalog.declaring.declare`.

    Raises
    ------
    DeniedError
        If the actor is no administrator, or a dataset takes no files.
    ConflictError, InvalidRecordError, CatalogError
        If a record cannot come in.
    """
    if not session.actor.admin:
        raise DeniedError("only an administrator imports a catalogue")
    with session.changing(dry_run=dry_run) as connection:
        namespaces = _add_namespaces(session, connection, contents, dataset)
        datasets = _add_datasets(session, connection, contents, dataset)
        there = _add_files(session, connection, contents.files, dataset, validate=validate)
        _retire(connection, contents.files)
        _close(session, connection, contents.datasets)
        queries = _add_queries(session, connection, contents.named_queries)
        imported = Imported(
            len(contents.files) - there, there, len(datasets), queries, len(namespaces)
        )
        session.note(connection, "import", str(dataset), vars(imported))
    return imported


def _add_namespaces(
    session: Session, connection: Connection, contents: Contents, dataset: Did
) -> list[str]:
    records: tuple[Sequence[Any], ...] = (
        contents.files, contents.datasets, contents.named_queries,
    )  # fmt: skip
    names = {record.namespace for group in records for record in group}
    return make_namespaces(session, connection, names | {dataset.namespace})


def _add_datasets(
    session: Session, connection: Connection, contents: Contents, default: Did
) -> list[DatasetRecord]:
    """Make the datasets that are missing, also those that only files name."""
    records = {Did(one.namespace, one.name): one for one in contents.datasets}
    named = {did for record in contents.files for did in record.datasets}
    for did in sorted(named | {default}):
        records.setdefault(did, DatasetRecord(namespace=did.namespace, name=did.name))
    new = [one for did, one in records.items() if dataset_or_none(connection, did) is None]
    for record in new:
        insert_dataset(session, connection, record)
    for record in new:
        for parent in record.parents:
            insert_subset(session, connection, parent, Did(record.namespace, record.name))
    return new


def _add_files(
    session: Session,
    connection: Connection,
    records: Sequence[FileRecord],
    default: Did,
    *,
    validate: bool,
) -> int:
    """Declare files into their first dataset, and add them to the others."""
    by_dataset: dict[Did, list[FileRecord]] = {}
    for record in _parents_first(records):
        by_dataset.setdefault((record.datasets or (default,))[0], []).append(record)
    there = 0
    for did, group in by_dataset.items():
        target = find_dataset(connection, did)
        require_open(target)
        drafts = read_drafts(session, map(_document, group), validate=validate)
        for draft, record in zip(drafts, group, strict=True):
            draft.retired = record.retired
        there += len(place(session, connection, target, drafts))
    _add_to_others(connection, records)
    return there


def _parents_first(records: Sequence[FileRecord]) -> Sequence[FileRecord]:
    """Files without parents first, so that groups of other datasets find them."""
    return sorted(records, key=lambda record: bool(record.parents))


def _document(record: FileRecord) -> Mapping[str, Any]:
    return {name: getattr(record, name) for name in _DECLARED}


def _add_to_others(connection: Connection, records: Sequence[FileRecord]) -> None:
    fids: dict[Did, list[str]] = {}
    for record in records:
        for did in record.datasets[1:]:
            fids.setdefault(did, []).append(record.fid)
    for did, wanted in fids.items():
        target = find_dataset(connection, did)
        if target.kind in ("plain", "snapshot"):
            add_members(connection, target.id, ids_by_fid(connection, wanted).values())


def _retire(connection: Connection, records: Sequence[FileRecord]) -> None:
    for record in records:
        if record.retired:
            values = {
                "retired": 1,
                "retired_by": record.retired_by,
                "retired_timestamp": record.retired_timestamp,
            }
            own = (FILE.c.fid == record.fid) & (FILE.c.retired == 0)
            connection.execute(update(FILE).where(own).values(values))


def _close(session: Session, connection: Connection, records: Sequence[DatasetRecord]) -> None:
    """Freeze the datasets that are frozen where they come from, with the members they have."""
    for record in records:
        if record.frozen:
            found = find_dataset(connection, Did(record.namespace, record.name))
            if found.kind != "frozen":
                store_snapshot(session, connection, found, frozen=True, evaluate=False)


def _add_queries(session: Session, connection: Connection, queries: Sequence[NamedQuery]) -> int:
    source = CatalogSource(connection)
    new = [one for one in queries if source.named_query(Did(one.namespace, one.name)) is None]
    for one in new:
        row = {**one.to_json(), "metadata": canonical_json(one.metadata)}
        connection.execute(insert(QUERY).values(row))
        session.note(connection, "query", one.did, {"source": one.source})
    return len(new)
