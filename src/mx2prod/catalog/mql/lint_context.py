"""What the rules of the lint look at."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.source import Source
from mx2prod.catalog.mql.syntax import Expression, Name, Node, Query, Span
from mx2prod.core.ids import Did


@dataclass(frozen=True)
class LintOptions:
    """What goes with the query.

    Attributes
    ----------
    default_namespace : str or None
    include_retired : bool
    batch_size : int or None
        The client asks for the files in batches of so many.
    """

    default_namespace: str | None = None
    include_retired: bool = False
    batch_size: int | None = None


@dataclass(frozen=True)
class Place:
    """A term of a condition, and how it stands there.

    Attributes
    ----------
    node : Node
        A comparison, a range, a list, ``in``, ``present``, or ``!``.
    negative : bool
        Inside an odd number of ``!``.
    evaluated : bool
        False where the server never looks at the condition, so that it cannot fail.
    """

    node: Node
    negative: bool
    evaluated: bool


@dataclass(frozen=True)
class Context:
    """A query with its text, its options, and a catalogue where there is one."""

    text: str
    query: Query
    options: LintOptions
    source: Source | None

    def words(self, node: Node) -> str:
        """Text of a node as it was written."""
        return self.text[node.span.start : node.span.end]

    def replaced(self, span: Span, words: str) -> str:
        """Return the whole text with other words in one place."""
        return self.text[: span.start] + words + self.text[span.end :]

    def finding(
        self, code: str, node: Node, *, words: str | None = None, detail: str = ""
    ) -> Finding:
        """Make a finding for a node, with a rewriting that says ``words`` in its place."""
        rewriting = None if words is None else self.replaced(node.span, words)
        return Finding(code, node.span, detail, rewriting)

    @cached_property
    def nodes(self) -> tuple[Node, ...]:
        """All nodes of the query."""
        return tuple(syntax.walk(self.query))

    @cached_property
    def conditions(self) -> tuple[tuple[Expression, bool], ...]:
        """Conditions, and whether the server looks at them."""
        return tuple(self._conditions())

    def _conditions(self) -> Iterator[tuple[Expression, bool]]:
        for node in self.nodes:
            if isinstance(node, syntax.Where):
                yield node.condition, not self._selects_nothing(node)
            elif isinstance(node, syntax.Selector) and node.having is not None:
                yield node.having, not is_ignored(node)
            elif isinstance(node, syntax.QueriesQuery) and node.condition is not None:
                yield node.condition, False

    def _selects_nothing(self, node: syntax.Where) -> bool:
        """Say whether none of the datasets exists: the server answers without a look at files."""
        base: Node = node
        while isinstance(base, syntax.Where):
            base = base.of
        if self.source is None or not isinstance(base, syntax.FilesFrom):
            return False
        return all(
            isinstance(one.what, Name)
            and one.what.namespace is not None
            and self.source.dataset(Did(one.what.namespace, one.what.name)) is None
            for one in base.selectors
        )

    @cached_property
    def places(self) -> tuple[Place, ...]:
        """All terms of all conditions."""
        return tuple(
            place
            for expression, evaluated in self.conditions
            for place in _places(expression, negative=False, evaluated=evaluated)
        )


Rule: TypeAlias = Callable[[Context], Iterator[Finding]]


def is_ignored(selector: syntax.Selector) -> bool:
    """Say whether the server ignores ``having``: of a dataset named in full, without subsets."""
    return isinstance(selector.what, Name) and selector.subsets is None


def _places(expression: Expression, *, negative: bool, evaluated: bool) -> Iterator[Place]:
    if isinstance(expression, syntax.And | syntax.Or):
        for item in expression.items:
            yield from _places(item, negative=negative, evaluated=evaluated)
        return
    yield Place(expression, negative, evaluated)
    if isinstance(expression, syntax.Not):
        yield from _places(expression.item, negative=not negative, evaluated=evaluated)


def combinations(expression: Expression, *, negative: bool = False) -> int:
    """Terms of the sum of products that a condition is written out to."""
    if isinstance(expression, syntax.Not):
        return combinations(expression.item, negative=not negative)
    if not isinstance(expression, syntax.And | syntax.Or):
        return 1
    counts = [combinations(item, negative=negative) for item in expression.items]
    if isinstance(expression, syntax.And) is negative:
        return sum(counts)
    product = 1
    for count in counts:
        product *= count
    return product
