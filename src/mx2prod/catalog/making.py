"""Namespaces and datasets as rows: made where they are missing."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, insert, select

from mx2prod.catalog.dataset_rows import dataset_or_none, find_dataset, subset_closure
from mx2prod.catalog.records import DatasetRecord, Namespace
from mx2prod.catalog.requirements import read_requirements
from mx2prod.catalog.rows import add_keys
from mx2prod.catalog.rules import NAME, checked_did
from mx2prod.catalog.session import Session, next_id, present_time
from mx2prod.catalog.tables import DATASET, NAMESPACE, SUBSET
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import CatalogError
from mx2prod.core.ids import Did


def make_missing(
    session: Session, connection: Connection, namespaces: Iterable[str], dataset: Did
) -> None:
    """Make the namespaces and the dataset of declarations, where they are missing."""
    make_namespaces(session, connection, {*namespaces, dataset.namespace})
    if dataset_or_none(connection, dataset) is None:
        record = DatasetRecord(namespace=dataset.namespace, name=dataset.name)
        insert_dataset(session, connection, record)


def make_namespaces(session: Session, connection: Connection, names: Iterable[str]) -> list[str]:
    """Make missing namespaces, owned by the actor; return their names."""
    known = set(connection.execute(select(NAMESPACE.c.name)).scalars())
    new = sorted(set(names) - known)
    for name in new:
        owner = session.actor.user
        insert_namespace(session, connection, Namespace(name=name, owner_user=owner))
    return new


def insert_namespace(session: Session, connection: Connection, record: Namespace) -> Namespace:
    """Write a namespace; the actor is its creator.

    Raises
    ------
    CatalogError
        If the name has other characters than names may have.
    """
    if not NAME.match(record.name):
        raise CatalogError(f"namespace {record.name!r}: expected letters, digits and _ . / - only")
    made = {"creator": session.actor.user, "created_timestamp": present_time()}
    connection.execute(insert(NAMESPACE).values({**record.to_json(), **made}))
    owners = {"owner_user": record.owner_user, "owner_role": record.owner_role}
    session.note(connection, "namespace", record.name, owners)
    return Namespace.from_json({**record.to_json(), **made})


def insert_dataset(session: Session, connection: Connection, record: DatasetRecord) -> None:
    """Write a dataset without members; neither frozen nor a snapshot, whatever the record says.

    Raises
    ------
    CatalogError
        If a name or a requirement is not allowed.
    """
    did = checked_did(Did(record.namespace, record.name), "dataset")
    rules = read_requirements(record.file_meta_requirements)
    now, user = present_time(), session.actor.user
    row = {
        "id": next_id(connection, DATASET),
        "namespace": did.namespace,
        "name": did.name,
        "description": record.description,
        "metadata": canonical_json(record.metadata),
        "creator": record.creator or user,
        "created_timestamp": record.created_timestamp or now,
        "updated_by": user,
        "updated_timestamp": now,
        "frozen": 0,
        "monotonic": int(record.monotonic),
        "requirements": canonical_json(record.file_meta_requirements) if rules else None,
        "definition": record.definition,
    }
    connection.execute(insert(DATASET).values(row))
    add_keys(connection, record.metadata)
    body = {
        "definition": record.definition,
        "monotonic": record.monotonic,
        "description": record.description,
    }
    session.note(connection, "dataset", str(did), body)


def insert_subset(session: Session, connection: Connection, parent: Did, child: Did) -> None:
    """Make a dataset a subset of another one; nothing if it is one.

    Raises
    ------
    NotInCatalogError
        If one of them is not there.
    CatalogError
        If the parent is the child, or below it.
    """
    above, below = (find_dataset(connection, did).id for did in (parent, child))
    if above == below or above in subset_closure(connection, [below], to="child"):
        raise CatalogError(f"dataset {parent} cannot be a subset of itself, by {child}")
    there = (SUBSET.c.parent == above) & (SUBSET.c.child == below)
    if connection.execute(select(SUBSET).where(there)).first() is None:
        connection.execute(insert(SUBSET).values(parent=above, child=below))
        session.note(connection, "subset", str(parent), {"child": str(child)})
