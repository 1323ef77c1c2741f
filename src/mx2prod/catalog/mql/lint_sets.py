"""Lint rules on sets of files, on datasets and on named queries."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import fields, replace
from typing import Any, TypeGuard

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.lint_context import Context, Rule, combinations, is_ignored
from mx2prod.catalog.mql.parse import without_comments
from mx2prod.catalog.mql.syntax import Name, Node, Pattern, Selector, Span
from mx2prod.catalog.mql.write import write
from mx2prod.core.ids import Did
from mx2prod.core.suggest import nearest

_POSTFIX = syntax.Limit | syntax.Skip | syntax.Ordered
_CURRENT = "join({}, files from dune:all)"
"""Files of one dataset are each given once, and only those that are not retired."""


def having(context: Context) -> Iterator[Finding]:
    """``having`` that is ignored (L06), or not grouped (L07)."""
    for node in context.nodes:
        if not isinstance(node, Selector) or node.having is None:
            continue
        if is_ignored(node):
            yield context.finding("L06", node, words=_as_pattern(node))
        elif combinations(node.having) > 1:
            yield context.finding("L07", node, words=_one_selector_a_part(node))


def _as_pattern(node: Selector) -> str | None:
    what, condition = node.what, node.having
    if condition is None or not isinstance(what, Name) or what.namespace is None:
        return None
    pattern = Pattern(what.namespace, f"^{what.name.replace('.', '[.]')}$", True, True)
    return write(Selector(pattern, None, condition))


def _one_selector_a_part(node: Selector) -> str | None:
    if not isinstance(node.having, syntax.Or) or combinations(node.having) > len(node.having.items):
        return None
    parts = [Selector(node.what, node.subsets, part) for part in node.having.items]
    return ", ".join(write(part) for part in parts)


def unions(context: Context) -> Iterator[Finding]:
    """Unions in unions (L08), ``where`` of a union with ``where`` inside (L09)."""
    for node in context.nodes:
        if isinstance(node, syntax.Union):
            for part in node.parts:
                if isinstance(part, syntax.Union):
                    flat = ", ".join(write(inner) for inner in part.parts)
                    span = _with_parentheses(context, part)
                    yield Finding("L08", part.span, "", context.replaced(span, flat))
        if isinstance(node, syntax.Where) and _is_union_with_where(node.of):
            parts = [syntax.Where(part, node.condition) for part in node.of.parts]
            words = write(syntax.Union(tuple(_merged(part) for part in parts)))
            yield context.finding("L09", node, words=words)


def _is_union_with_where(query: Node) -> TypeGuard[syntax.Union]:
    return isinstance(query, syntax.Union) and any(
        isinstance(part, syntax.Where) for part in query.parts
    )


def _merged(query: syntax.Where) -> syntax.Where:
    """Merge ``(A where x) where y`` into ``A where x and y``."""
    if not isinstance(query.of, syntax.Where):
        return query
    inner = _merged(query.of)
    items = (*syntax.conjuncts(inner.condition), *syntax.conjuncts(query.condition))
    return syntax.Where(inner.of, syntax.And(items))


def _with_parentheses(context: Context, node: Node) -> Span:
    """Span of a node with the parentheses that stand around it alone."""
    start, end = node.span
    before, after = context.text[:start].rstrip(), context.text[end:]
    while before.endswith("(") and after.lstrip().startswith(")"):
        if re.search(r"\w\s*\($", before):
            break
        start, end = len(before) - 1, end + len(after) - len(after.lstrip()) + 1
        before, after = context.text[:start].rstrip(), context.text[end:]
    return Span(start, end)


def named_queries(context: Context) -> Iterator[Finding]:
    """``where`` of a named query (L10), ``query ns:n`` (L19)."""
    for node in context.nodes:
        if isinstance(node, syntax.Where) and isinstance(node.of, syntax.Named):
            source = _source_of(context, node.of)
            rewriting = None
            if source is not None:
                words = f"({' '.join(without_comments(source).split())})"
                rewriting = context.replaced(node.of.span, words)
            yield Finding("L10", node.span, "", rewriting)
        if isinstance(node, syntax.Named) and node.as_query:
            words = f"files selected by {write(node.name)}"
            yield context.finding("L19", node, words=words, detail="query NS:NAME")


def _source_of(context: Context, node: syntax.Named) -> str | None:
    namespace = node.name.namespace or context.options.default_namespace
    if context.source is None or namespace is None:
        return None
    record = context.source.named_query(Did(namespace, node.name.name))
    return record.source if record else None


def relatives(context: Context) -> Iterator[Finding]:
    """Relatives of several files (L11), of retired ones (L13), and the recovery idiom (L32)."""
    joined = _joined_with_a_dataset(context)
    for node in context.nodes:
        if isinstance(node, syntax.Parents | syntax.Children):
            if not _is_one_file(node.of) and id(node) not in joined:
                words = _CURRENT.format(context.words(node))
                yield context.finding("L11", node, words=words)
            if context.options.include_retired:
                yield context.finding("L13", node)
        if isinstance(node, syntax.Minus) and _is_recovery(node.right):
            detail = "name the tier:  parents(children(A) where core.data_tier = …)"
            yield context.finding("L32", node, detail=detail)


def _joined_with_a_dataset(context: Context) -> set[int]:
    """Identities of the nodes of which ``join`` takes only members of some datasets."""
    return {
        id(part)
        for node in context.nodes
        if isinstance(node, syntax.Join)
        and any(isinstance(part, syntax.FilesFrom) for part in node.parts)
        for part in node.parts
    }


def _is_one_file(query: Node) -> bool:
    if isinstance(query, syntax.FileList):
        return len(query.names) == 1
    return isinstance(query, syntax.FidList) and len(query.fids) == 1


def _is_recovery(query: Node) -> bool:
    return isinstance(query, syntax.Parents) and isinstance(query.of, syntax.Children)


def lists(context: Context) -> Iterator[Finding]:
    """Files by name or fid (L12)."""
    if context.options.include_retired:
        return
    joined = _joined_with_a_dataset(context)
    for node in context.nodes:
        if not isinstance(node, syntax.FileList | syntax.FidList) or id(node) in joined:
            continue
        if _may_hold_retired(context, node):
            yield context.finding("L12", node, words=_CURRENT.format(context.words(node)))


def _may_hold_retired(context: Context, node: syntax.FileList | syntax.FidList) -> bool:
    if context.source is None:
        return True
    if isinstance(node, syntax.FidList):
        return any(record.retired for record in context.source.by_fid(node.fids))
    default = context.options.default_namespace or ""
    dids = [Did(name.namespace or default, name.name) for name in node.names]
    return any(record.retired for record in context.source.by_did(dids))


def datasets(context: Context) -> Iterator[Finding]:
    """Globs in quotes, datasets without namespace (L19); datasets that are not there (L20)."""
    for node in context.nodes:
        if isinstance(node, Pattern) and node.quoted and not node.is_regexp:
            words = write(Pattern(node.namespace, node.text))
            yield context.finding("L19", node, words=words, detail="a glob in quotes")
        if isinstance(node, Selector):
            yield from _dataset(context, node)


def _dataset(context: Context, node: Selector) -> Iterator[Finding]:
    what, source = node.what, context.source
    if isinstance(what, Name) and what.namespace is None:
        default = context.options.default_namespace
        words = f"{default}:{what.name}" if default else None
        yield context.finding("L19", what, words=words, detail="a dataset without namespace")
    elif source is not None and isinstance(what, Name) and what.namespace is not None:
        did = Did(what.namespace, what.name)
        if source.dataset(did) is None:
            known = [one.did for one in source.datasets(did.namespace)]
            yield context.finding("L20", what, detail=f"{did}{nearest(str(did), known)}")
    elif (
        source is not None
        and isinstance(what, Pattern)
        and not any(True for _ in source.datasets(what.namespace))
    ):
        yield context.finding("L20", what, detail=f"no dataset is in {what.namespace}")


def clauses(context: Context) -> Iterator[Finding]:
    """Chained ``where``, ``with namespace`` (L19), negative limits (L22), limits (L31)."""
    for node in context.nodes:
        if isinstance(node, syntax.Where) and isinstance(node.of, syntax.Where):
            words = write(_merged(node))
            if not _parenthesised(node.of, node):
                yield context.finding("L19", node, words=words, detail="where after where")
        if isinstance(node, syntax.WithNamespace):
            words = write(_named_in(node.of, node.namespace))
            yield context.finding("L19", node, words=words, detail="with namespace=")
        if isinstance(node, syntax.Limit):
            if node.count < 0:
                yield context.finding("L22", node)
            if not _has_order(node.of):
                at = context.text.rfind("limit", node.of.span.end, node.span.end)
                rewriting = context.replaced(Span(at, at), "ordered ")
                yield Finding("L31", node.span, "", rewriting)


def _named_in(node: Node, namespace: str) -> Node:
    """Write the default namespace into the names of a query."""
    if isinstance(node, syntax.WithNamespace):
        return _named_in(node.of, node.namespace)
    if isinstance(node, Name):
        return node if node.namespace else replace(node, namespace=namespace)
    changes: dict[str, Any] = {}
    for item in fields(node):
        value = getattr(node, item.name)
        if isinstance(value, Node):
            changes[item.name] = _named_in(value, namespace)
        elif isinstance(value, tuple) and value and isinstance(value[0], Node):
            changes[item.name] = tuple(_named_in(part, namespace) for part in value)
    return replace(node, **changes) if changes else node


def _parenthesised(inner: Node, outer: Node) -> bool:
    return inner.span.start != outer.span.start


def _has_order(query: Node) -> bool:
    while isinstance(query, syntax.Limit | syntax.Where):
        query = query.of
    return isinstance(query, syntax.Ordered | syntax.Skip)


def differences(context: Context) -> Iterator[Finding]:
    """Clauses after ``A - B`` without parentheses (L27)."""
    for node in context.nodes:
        inner: Node
        if isinstance(node, _POSTFIX) and isinstance(node.of, syntax.Minus):
            inner, detail = node.of, "it cuts the difference"
            if _parenthesised(inner, node):
                continue
        elif isinstance(node, syntax.Minus) and isinstance(node.right, syntax.Where):
            inner, detail = node.right, "'where' selects from B"
            if inner.span.end != node.span.end:
                continue
        else:
            continue
        rewriting = context.replaced(inner.span, f"({context.words(inner)})")
        yield Finding("L27", node.span, detail, rewriting)


def filters(context: Context) -> Iterator[Finding]:
    """``every_nth`` (L19)."""
    for node in context.nodes:
        if isinstance(node, syntax.Filter) and node.name == "every_nth":
            words = re.sub(r"every_nth", "stride", context.words(node), count=1)
            yield context.finding("L19", node, words=words, detail="every_nth")


def queries(context: Context) -> Iterator[Finding]:
    """Find queries for named queries (L30), ``where`` of them without a pattern (L19)."""
    query = context.query
    if isinstance(query, syntax.QueriesQuery):
        yield context.finding("L30", query)
        if query.pattern is None and query.condition is not None:
            yield context.finding("L19", query, detail="queries where, without matching")


RULES: tuple[Rule, ...] = (
    having,
    unions,
    named_queries,
    relatives,
    lists,
    datasets,
    clauses,
    differences,
    filters,
    queries,
)
