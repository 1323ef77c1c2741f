"""Datasets: made, filled, changed, removed (catalogue page, section 1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from mx2prod.catalog.dataset_rows import (
    DatasetRow,
    dataset_or_none,
    dataset_rows,
    find_dataset,
    require_open,
)
from mx2prod.catalog.definitions import definition_names, require_definition
from mx2prod.catalog.drafts import read_reference
from mx2prod.catalog.lineage import known_files
from mx2prod.catalog.making import insert_dataset, insert_subset, make_namespaces
from mx2prod.catalog.querying import ids_of
from mx2prod.catalog.records import DatasetRecord
from mx2prod.catalog.requirements import read_requirements, requirement_problems
from mx2prod.catalog.rows import add_keys, chunks, records_of_ids
from mx2prod.catalog.rules import as_did, checked_did, checked_metadata
from mx2prod.catalog.session import Session, present_time
from mx2prod.catalog.snapshots import store_snapshot
from mx2prod.catalog.source import CatalogSource
from mx2prod.catalog.tables import DATASET, FILE, MEMBER, SUBSET
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
)
from mx2prod.core.ids import Did

_SHOWN = 5


def create_dataset(
    session: Session,
    did: Did | str,
    *,
    description: str = "",
    metadata: Mapping[str, Any] | None = None,
    definition: str | None = None,
    requirements: Mapping[str, Any] | None = None,
    monotonic: bool = False,
    frozen: bool = False,
    fill: str | None = None,
    dry_run: bool = False,
) -> DatasetRecord:
    """Make a dataset; see :meth:`mx2prod.catalog.Catalog.create_dataset`."""
    name = checked_did(did, "dataset")
    if definition is not None and (fill is not None or requirements):
        raise CatalogError(
            f"dataset {name}: a definition selects its files, so it is neither filled nor has "
            "requirements"
        )
    record = DatasetRecord(
        namespace=name.namespace,
        name=name.name,
        description=description,
        metadata=checked_metadata(metadata, f"dataset {name}"),
        monotonic=monotonic,
        file_meta_requirements=dict(requirements) if requirements else None,
        definition=definition,
    )
    with session.changing(dry_run=dry_run) as connection:
        _create(session, connection, record)
        if fill is not None:
            _add(
                session,
                connection,
                find_dataset(connection, name),
                ids_of(session, connection, fill),
            )
        if frozen:
            store_snapshot(session, connection, find_dataset(connection, name), frozen=True)
        return CatalogSource(connection).record(find_dataset(connection, name))


def define(
    session: Session,
    did: Did | str,
    definition: str,
    *,
    description: str = "",
    dry_run: bool = False,
) -> DatasetRecord:
    """Make a defined dataset; see :meth:`mx2prod.catalog.Catalog.define`."""
    name = checked_did(did, "dataset")
    with session.changing(dry_run=dry_run) as connection:
        if session.actor.admin:
            make_namespaces(session, connection, [name.namespace])
        record = DatasetRecord(
            namespace=name.namespace,
            name=name.name,
            description=description,
            definition=definition,
        )
        return _create(session, connection, record)


def _create(session: Session, connection: Connection, record: DatasetRecord) -> DatasetRecord:
    """Write a dataset that is not there yet."""
    name = Did(record.namespace, record.name)
    session.require_owner(connection, name.namespace)
    if dataset_or_none(connection, name) is not None:
        raise ConflictError(f"dataset {name} is there already", (str(name),))
    if record.definition is not None:
        require_definition(connection, name, record.definition)
    insert_dataset(session, connection, record)
    return CatalogSource(connection).record(find_dataset(connection, name))


def update_dataset(
    session: Session,
    did: Did | str,
    *,
    description: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    replace_metadata: bool = False,
    definition: str | None = None,
    monotonic: bool | None = None,
    frozen: bool | None = None,
    reason: str = "",
    dry_run: bool = False,
) -> DatasetRecord:
    """Change a dataset; see :meth:`mx2prod.catalog.Catalog.update_dataset`."""
    name = as_did(did)
    with session.changing(dry_run=dry_run) as connection:
        session.require_owner(connection, name.namespace)
        found = find_dataset(connection, name)
        source = CatalogSource(connection)
        values: dict[str, Any] = {}
        if description is not None:
            values["description"] = description
        if metadata is not None:
            base = {} if replace_metadata else source.record(found).metadata
            known = checked_metadata({**base, **metadata}, f"dataset {name}")
            values["metadata"] = canonical_json(known)
            add_keys(connection, known)
        if monotonic is not None:
            values["monotonic"] = int(monotonic)
        if definition is not None:
            _require_redefinable(found)
            require_definition(connection, name, definition)
            values["definition"] = definition
        if values:
            session.note(connection, "dataset", str(name), {**values, "reason": reason})
        if frozen is False and found.kind == "frozen":
            values["frozen"] = 0
            session.note(connection, "unfreeze", str(name), {"reason": reason})
        values |= {"updated_by": session.actor.user, "updated_timestamp": present_time()}
        connection.execute(update(DATASET).where(DATASET.c.id == found.id).values(values))
        if frozen and found.kind != "frozen":
            store_snapshot(session, connection, find_dataset(connection, name), frozen=True)
        return source.record(find_dataset(connection, name))


def _require_redefinable(dataset: DatasetRow) -> None:
    if dataset.kind != "defined":
        raise DeniedError(
            f"dataset {dataset.did} is {dataset.kind}: only a defined one gets another definition"
        )


def add_files(session: Session, did: Did | str, files: Any, *, dry_run: bool = False) -> int:
    """Add files to a dataset; see :meth:`mx2prod.catalog.Catalog.add_files`."""
    with session.changing(dry_run=dry_run) as connection:
        found = find_dataset(connection, as_did(did))
        require_open(found)
        session.require_owner(connection, found.did.namespace)
        return _add(session, connection, found, _numbers(session, connection, files))


def _numbers(session: Session, connection: Connection, files: Any) -> list[int]:
    """Numbers of the files of a query text, or of a list of references.

    Raises
    ------
    NotInCatalogError
        If a file of the list is not there.
    """
    if isinstance(files, str):
        return ids_of(session, connection, files)
    references = [read_reference(item) for item in files]
    known = known_files(connection, references)
    missing = [str(item) for item in references if item not in known]
    if missing:
        shown = ", ".join(missing[:_SHOWN])
        raise NotInCatalogError(f"{len(missing)} files are not in the catalogue: {shown}")
    return list(dict.fromkeys(known[item] for item in references))


def _add(
    session: Session, connection: Connection, dataset: DatasetRow, numbers: Iterable[int]
) -> int:
    """Add members; return how many were new."""
    query = select(MEMBER.c.file).where(MEMBER.c.dataset == dataset.id)
    known = set(connection.execute(query).scalars())
    new = [number for number in numbers if number not in known]
    _require_owned(session, connection, new)
    rules = read_requirements(dataset.requirements)
    if rules:
        problems = [
            (place, *problem)
            for place, record in enumerate(records_of_ids(connection, new))
            for problem in requirement_problems(rules, record.metadata)
        ]
        if problems:
            text = f"dataset {dataset.did}: {problems[0][1]}: {problems[0][2]}"
            raise InvalidRecordError(text, tuple(problems))
    if new:
        rows = [{"dataset": dataset.id, "file": number} for number in new]
        connection.execute(insert(MEMBER), rows)
        session.note(connection, "add", str(dataset.did), {"files": len(new)})
    return len(new)


def remove_files(session: Session, did: Did | str, files: Any, *, dry_run: bool = False) -> int:
    """Remove files from a dataset; see :meth:`mx2prod.catalog.Catalog.remove_files`."""
    with session.changing(dry_run=dry_run) as connection:
        found = find_dataset(connection, as_did(did))
        require_open(found, removing=True)
        session.require_owner(connection, found.did.namespace)
        numbers = _numbers(session, connection, files)
        _require_owned(session, connection, numbers)
        removed = 0
        for chunk in chunks(numbers):
            gone = (MEMBER.c.dataset == found.id) & MEMBER.c.file.in_(chunk)
            removed += connection.execute(delete(MEMBER).where(gone)).rowcount
        if removed:
            session.note(connection, "remove", str(found.did), {"files": removed})
        return removed


def _require_owned(session: Session, connection: Connection, numbers: Iterable[int]) -> None:
    if session.actor.admin:
        return
    namespaces: set[str] = set()
    for chunk in chunks(numbers):
        query = select(FILE.c.namespace).where(FILE.c.id.in_(chunk)).distinct()
        namespaces.update(connection.execute(query).scalars())
    for namespace in sorted(namespaces):
        session.require_owner(connection, namespace)


def add_subset(session: Session, parent: Did | str, child: Did | str) -> None:
    """Make a dataset a subset; see :meth:`mx2prod.catalog.Catalog.add_subset`."""
    with session.changing() as connection:
        above, below = (find_dataset(connection, as_did(did)) for did in (parent, child))
        for item in (above, below):
            session.require_owner(connection, item.did.namespace)
        insert_subset(session, connection, above.did, below.did)


def remove_dataset(session: Session, did: Did | str, *, dry_run: bool = False) -> None:
    """Remove a dataset, not its files; see :meth:`mx2prod.catalog.Catalog.remove_dataset`."""
    with session.changing(dry_run=dry_run) as connection:
        found = find_dataset(connection, as_did(did))
        session.require_owner(connection, found.did.namespace)
        if found.kind == "frozen":
            raise DeniedError(f"dataset {found.did} is frozen")
        users = [
            str(other.did)
            for other in dataset_rows(connection)
            if other.definition and found.did in definition_names(other.definition)
        ]
        if users:
            raise DeniedError(f"dataset {found.did}: the definition of {users[0]} names it")
        connection.execute(delete(MEMBER).where(MEMBER.c.dataset == found.id))
        links = (SUBSET.c.parent == found.id) | (SUBSET.c.child == found.id)
        connection.execute(delete(SUBSET).where(links))
        connection.execute(delete(DATASET).where(DATASET.c.id == found.id))
        session.note(connection, "remove-dataset", str(found.did), {})
