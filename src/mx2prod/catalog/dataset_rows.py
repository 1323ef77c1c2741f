"""Rows of datasets: find one, say of which kind it is, see whether files may come or go."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from sqlalchemy import Connection, Row, func, select

from mx2prod.catalog.tables import DATASET, FILE, MEMBER, SUBSET
from mx2prod.core.errors import DeniedError, NotInCatalogError
from mx2prod.core.ids import Did
from mx2prod.core.suggest import nearest

Kind = Literal["plain", "defined", "snapshot", "frozen"]


@dataclass(frozen=True)
class DatasetRow:
    """A dataset as it is stored.

    Attributes
    ----------
    row : Row
        Columns of the table.
    """

    row: Row[Any]

    @property
    def id(self) -> int:
        """Number in this database."""
        number: int = self.row.id
        return number

    @property
    def did(self) -> Did:
        """Namespace and name."""
        return Did(self.row.namespace, self.row.name)

    @property
    def kind(self) -> Kind:
        """What its files are: those added, those a text selects now, or those of a snapshot."""
        if self.row.frozen:
            return "frozen"
        if self.row.digest is not None:
            return "snapshot"
        return "plain" if self.row.definition is None else "defined"

    @property
    def definition(self) -> str | None:
        """MQL text, if it has one."""
        text: str | None = self.row.definition
        return text

    @property
    def requirements(self) -> dict[str, Any]:
        """Requirements on the metadata of its files, in their JSON form."""
        found: dict[str, Any] = json.loads(self.row.requirements or "{}")
        return found


def find_dataset(connection: Connection, did: Did) -> DatasetRow:
    """Find a dataset.

    Raises
    ------
    NotInCatalogError
        If it is not there; names the nearest one.
    """
    found = dataset_or_none(connection, did)
    if found is None:
        query = select(DATASET.c.namespace, DATASET.c.name)
        names = [f"{row.namespace}:{row.name}" for row in connection.execute(query)]
        raise NotInCatalogError(
            f"no dataset {did}" + nearest(str(did), names), next_step="mx2 dataset show"
        )
    return found


def dataset_or_none(connection: Connection, did: Did) -> DatasetRow | None:
    """Find a dataset; None if it is not there."""
    query = select(DATASET).where(DATASET.c.name == did.name, DATASET.c.namespace == did.namespace)
    row = connection.execute(query).first()
    return None if row is None else DatasetRow(row)


def dataset_rows(connection: Connection, namespace: str | None = None) -> list[DatasetRow]:
    """All datasets, or those of a namespace, by name."""
    query = select(DATASET).order_by(DATASET.c.namespace, DATASET.c.name)
    if namespace is not None:
        query = query.where(DATASET.c.namespace == namespace)
    return [DatasetRow(row) for row in connection.execute(query)]


def require_open(dataset: DatasetRow, *, removing: bool = False) -> None:
    """Refuse to add files to a dataset, or to remove them, where its kind does not allow it.

    Raises
    ------
    DeniedError
    """
    did = dataset.did
    if dataset.kind == "frozen":
        raise DeniedError(f"dataset {did} is frozen", next_step=f"mx2 dataset show {did}")
    if dataset.kind == "snapshot":
        raise DeniedError(
            f"dataset {did} is a snapshot of its definition, nothing is added or removed by hand",
            next_step=f"mx2 dataset diff {did}",
        )
    if dataset.kind == "defined":
        raise DeniedError(
            f"dataset {did} has the files that its definition selects",
            next_step=f"mx2 dataset show {did}",
        )
    if removing and dataset.row.monotonic:
        raise DeniedError(f"dataset {did} is monotonic: files are added, never removed")


def stored_count(connection: Connection, number: int) -> int:
    """Members of a dataset that are stored and not retired."""
    query = (
        select(func.count())
        .select_from(MEMBER.join(FILE, FILE.c.id == MEMBER.c.file))
        .where(MEMBER.c.dataset == number, FILE.c.retired == 0)
    )
    return int(connection.execute(query).scalar_one())


def related(connection: Connection, number: int, *, to: Literal["parent", "child"]) -> list[Did]:
    """Datasets of which this one is a subset, or its own subsets, by name."""
    target, origin = SUBSET.c[to], SUBSET.c["child" if to == "parent" else "parent"]
    query = (
        select(DATASET.c.namespace, DATASET.c.name)
        .join(SUBSET, target == DATASET.c.id)
        .where(origin == number)
        .order_by(DATASET.c.namespace, DATASET.c.name)
    )
    return [Did(row.namespace, row.name) for row in connection.execute(query)]


def subset_closure(
    connection: Connection, numbers: Iterable[int], *, to: Literal["parent", "child"]
) -> set[int]:
    """Numbers of all datasets above or below, however many steps away."""
    target, origin = SUBSET.c[to], SUBSET.c["child" if to == "parent" else "parent"]
    found: set[int] = set()
    edge = set(numbers)
    while edge:
        reached = connection.execute(select(target).where(origin.in_(edge))).scalars()
        edge = set(reached) - found
        found |= edge
    return found
