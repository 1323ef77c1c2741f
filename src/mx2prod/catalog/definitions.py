"""Definitions of datasets: MQL texts that must mean something (catalogue page, section 1.2)."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import Connection

from mx2prod.catalog.dataset_rows import find_dataset
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.syntax import DatasetQuery, FilesFrom, Name, QueriesQuery, walk
from mx2prod.core.errors import CatalogError
from mx2prod.core.ids import Did


def require_definition(connection: Connection, did: Did, text: str) -> None:
    """Refuse a text that cannot define a dataset.

    Raises
    ------
    QueryError
        If it is not MQL.
    CatalogError
        If it does not select files, or the dataset would be defined by itself.
    NotInCatalogError
        If it names a dataset that is not there.
    """
    if isinstance(parse(text), DatasetQuery | QueriesQuery):
        raise CatalogError(f"dataset {did}: its definition selects no files: {text}")
    for name in definition_names(text):
        if did in (name, *_needed(connection, name, (did,))):
            raise CatalogError(f"dataset {did}: would be defined by itself, over {name}")
        find_dataset(connection, name)


def definition_names(text: str) -> set[Did]:
    """Datasets that a text names, each with its namespace."""
    return {
        Did(selector.what.namespace, selector.what.name)
        for node in walk(parse(text))
        if isinstance(node, FilesFrom)
        for selector in node.selectors
        if isinstance(selector.what, Name) and selector.what.namespace is not None
    }


def _needed(connection: Connection, name: Did, above: tuple[Did, ...]) -> Iterator[Did]:
    """Datasets by which a dataset is defined, however many steps away."""
    found = find_dataset(connection, name)
    if found.definition is None or found.kind != "defined":
        return
    for other in definition_names(found.definition):
        yield other
        if other not in above:
            yield from _needed(connection, other, (*above, name))
