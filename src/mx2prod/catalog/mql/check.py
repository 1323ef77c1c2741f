"""What can be wrong with a query that reads well: found before anything is evaluated."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from mx2prod.catalog.mql import attributes
from mx2prod.catalog.mql.attributes import Attributes
from mx2prod.catalog.mql.conditions import compile_condition
from mx2prod.catalog.mql.filters import check_filter
from mx2prod.catalog.mql.syntax import (
    AllItems,
    AnyItem,
    Expression,
    Filter,
    Item,
    Key,
    Length,
    Limit,
    Member,
    Node,
    QueriesQuery,
    Query,
    Selector,
    Skip,
    Where,
    walk,
)
from mx2prod.core.errors import QueryError
from mx2prod.core.suggest import nearest


def check(query: Query, known_keys: Collection[str] = ()) -> None:
    """Check conditions, counts and filters of a query, whatever the catalogue holds.

    Parameters
    ----------
    query : Query
    known_keys : collection of str
        Metadata keys of the catalogue; none if there is no catalogue at hand.

    Raises
    ------
    QueryError
        For an attribute that does not exist, a constant of the wrong kind, an unquoted constant
        that is a metadata key, a negative limit or skip, an unknown filter, wrong arguments.
    """
    for node in walk(query):
        if isinstance(node, Limit | Skip) and node.count < 0:
            what = "limit" if isinstance(node, Limit) else "skip"
            text = f"{what} {node.count}: expected a number from 0 on"
            raise QueryError(text, offset=node.span.end - len(str(node.count)))
        if isinstance(node, Filter):
            check_filter(node)
    for expression, known in conditions(query):
        compile_condition(expression, known, known_keys)


def conditions(query: Query) -> Iterator[tuple[Expression, Attributes]]:
    """Yield the conditions of a query with the attributes that they may use."""
    for node in walk(query):
        if isinstance(node, Where):
            yield node.condition, attributes.OF_FILES
        elif isinstance(node, Selector) and node.having is not None:
            yield node.having, attributes.OF_DATASETS
        elif isinstance(node, QueriesQuery) and node.condition is not None:
            yield node.condition, attributes.OF_QUERIES


def keys_of(node: Node) -> Iterator[Key | AnyItem | AllItems | Item | Member | Length]:
    """Yield the places of a query where a metadata key stands."""
    for item in walk(node):
        if isinstance(item, Key | AnyItem | AllItems | Item | Member | Length):
            yield item


def unknown_keys(query: Query, known_keys: Collection[str]) -> dict[str, str]:
    """Metadata keys that nothing in the catalogue has, with a warning for each."""
    return {
        key.name: f"no file or dataset has the key {key.name}{nearest(key.name, known_keys)}"
        for key in keys_of(query)
        if key.name not in known_keys
    }
