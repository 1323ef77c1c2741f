"""The algebra of MQL: what a query means, as frozen values (catalogue page, sections 2.1 to 2.4).

A query is one of three: a tree of :data:`FileQuery` nodes, a :class:`DatasetQuery`, a
:class:`QueriesQuery`.  Conditions (``where``, ``having``) are trees of :data:`Expression` nodes.
Names without a namespace keep ``None``; evaluation puts the default one in.  Every node knows the
span of the text it was read from; two nodes are equal whatever their spans.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Any, TypeAlias

from mx2prod.catalog.mql.expressions import (
    COMPARISONS,
    NOWHERE,
    AllItems,
    And,
    AnyItem,
    Attribute,
    Checksum,
    Compare,
    Constant,
    Contains,
    Day,
    Expression,
    InRange,
    InSet,
    Item,
    Key,
    KeyLeft,
    Left,
    Length,
    Member,
    Moment,
    Node,
    Not,
    Or,
    Present,
    Span,
    Term,
    Value,
)

__all__ = [
    "COMPARISONS",
    "NOWHERE",
    "AllFiles",
    "AllItems",
    "And",
    "AnyItem",
    "Attribute",
    "Checksum",
    "Children",
    "Compare",
    "Constant",
    "Contains",
    "DatasetQuery",
    "Day",
    "Expression",
    "FidList",
    "FileList",
    "FileQuery",
    "FilesFrom",
    "Filter",
    "InRange",
    "InSet",
    "Item",
    "Join",
    "Key",
    "KeyLeft",
    "Left",
    "Length",
    "Limit",
    "Member",
    "Minus",
    "Moment",
    "Name",
    "Named",
    "Node",
    "Not",
    "Or",
    "Ordered",
    "Parents",
    "Pattern",
    "Present",
    "QueriesQuery",
    "Query",
    "Selector",
    "Skip",
    "Span",
    "Term",
    "Union",
    "Value",
    "Where",
    "WithNamespace",
    "children",
    "conjuncts",
    "depth",
    "walk",
]

# --- datasets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Name(Node):
    """``[namespace:]name`` of a file, a dataset or a named query."""

    namespace: str | None
    name: str


@dataclass(frozen=True, slots=True)
class Pattern(Node):
    """``matching namespace:GLOB`` or ``matching regexp namespace:"…"``.

    Attributes
    ----------
    namespace : str
    text : str
    is_regexp : bool
    quoted : bool
        A glob in quotes means the same.
    """

    namespace: str
    text: str
    is_regexp: bool = False
    quoted: bool = False


@dataclass(frozen=True, slots=True)
class Selector(Node):
    """One selection of datasets.

    Attributes
    ----------
    what : Name or Pattern
    subsets : str or None
        ``direct``, ``all`` descendants, or None.
    having : Expression or None
        Filter on the metadata and attributes of the datasets.
    """

    what: Name | Pattern
    subsets: str | None = None
    having: Expression | None = None


# --- files --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class AllFiles(Node):
    """``files``: every file of the catalogue."""


@dataclass(frozen=True, slots=True)
class FilesFrom(Node):
    """``files from …``: the members of datasets."""

    selectors: tuple[Selector, ...]


@dataclass(frozen=True, slots=True)
class FileList(Node):
    """``files ns:a, ns:b``: files by name; names carry their namespace on."""

    names: tuple[Name, ...]


@dataclass(frozen=True, slots=True)
class FidList(Node):
    """``fids F1, F2``: files by identifier."""

    fids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named(Node):
    """``files selected by ns:name`` or ``query ns:name``: a named query."""

    name: Name
    as_query: bool = False


@dataclass(frozen=True, slots=True)
class Union(Node):
    """Files of any part."""

    parts: tuple[FileQuery, ...]


@dataclass(frozen=True, slots=True)
class Join(Node):
    """Files of all parts."""

    parts: tuple[FileQuery, ...]


@dataclass(frozen=True, slots=True)
class Minus(Node):
    """Files of ``left`` that are not in ``right``."""

    left: FileQuery
    right: FileQuery


@dataclass(frozen=True, slots=True)
class Parents(Node):
    """Direct parents of the files, each once."""

    of: FileQuery


@dataclass(frozen=True, slots=True)
class Children(Node):
    """Direct children of the files, each once."""

    of: FileQuery


@dataclass(frozen=True, slots=True)
class Where(Node):
    """Files for which the condition is true."""

    of: FileQuery
    condition: Expression


@dataclass(frozen=True, slots=True)
class Limit(Node):
    """The first ``count`` files in the present order; a negative count is an error."""

    of: FileQuery
    count: int


@dataclass(frozen=True, slots=True)
class Skip(Node):
    """All but the first ``count`` files; puts them in order first."""

    of: FileQuery
    count: int


@dataclass(frozen=True, slots=True)
class Ordered(Node):
    """By time of creation, then fid."""

    of: FileQuery


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """``filter name(arguments)(parts)``.

    Attributes
    ----------
    name : str
    arguments : tuple of Value
    options : tuple of (str, Value)
        Arguments with a name.
    parts : tuple of FileQuery
    """

    name: str
    arguments: tuple[Value, ...]
    options: tuple[tuple[str, Value], ...]
    parts: tuple[FileQuery, ...]


@dataclass(frozen=True, slots=True)
class WithNamespace(Node):
    """``with namespace=NS …``: default namespace of the names inside."""

    namespace: str
    of: FileQuery
    quoted: bool = True


FileQuery: TypeAlias = (
    AllFiles
    | FilesFrom
    | FileList
    | FidList
    | Named
    | Union
    | Join
    | Minus
    | Parents
    | Children
    | Where
    | Limit
    | Skip
    | Ordered
    | Filter
    | WithNamespace
)

# --- whole queries ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class DatasetQuery(Node):
    """``datasets …``: the datasets themselves."""

    selectors: tuple[Selector, ...]


@dataclass(frozen=True, slots=True)
class QueriesQuery(Node):
    """``queries [matching …] [where …]``: named queries."""

    pattern: Pattern | None
    condition: Expression | None


Query: TypeAlias = FileQuery | DatasetQuery | QueriesQuery


def children(node: Node) -> Iterator[Node]:
    """Yield the nodes directly below a node, left to right."""
    for item in fields(node):
        yield from _nodes(getattr(node, item.name))


def _nodes(value: Any) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple) and not isinstance(value, Span):
        for item in value:
            yield from _nodes(item)


def walk(root: Node) -> Iterator[Node]:
    """Yield a node and everything below it, parents before children, without recursion."""
    stack = [root]
    while stack:
        node = stack.pop()
        yield node
        stack.extend(reversed(list(children(node))))


def depth(root: Node) -> int:
    """Levels of the tree, 1 for a single node; without recursion."""
    deepest = 0
    stack = [(root, 1)]
    while stack:
        node, level = stack.pop()
        deepest = max(deepest, level)
        stack.extend((child, level + 1) for child in children(node))
    return deepest


def conjuncts(expression: Expression) -> tuple[Expression, ...]:
    """Split a condition into parts that must all be true: what an index may narrow by.

    A row that fails any one part fails the whole; parts that an index does not know are left to
    the evaluator.
    """
    if not isinstance(expression, And):
        return (expression,)
    return tuple(part for item in expression.items for part in conjuncts(item))
