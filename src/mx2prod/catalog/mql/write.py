"""Algebra to text: reading what :func:`write` gives yields the same query again."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.syntax import Expression, FileQuery, Node, Value

_POSTFIX = (syntax.Where, syntax.Limit, syntax.Skip, syntax.Ordered)


def write(node: Node) -> str:
    """Text of a query, a condition or a constant.

    Raises
    ------
    ValueError
        For a text that holds both kinds of quotes: MQL cannot say it.
    """
    return _WRITERS[type(node)](node)


def quoted(text: str) -> str:
    """Put a text in quotes that it does not hold itself.

    Raises
    ------
    ValueError
        If it holds both kinds.
    """
    mark = "'" if '"' in text else '"'
    if mark in text:
        raise ValueError(f"{text!r} holds both kinds of quotes")
    return f"{mark}{text}{mark}"


def _constant(node: syntax.Constant) -> str:
    if isinstance(node.value, str):
        return quoted(node.value) if node.quoted else node.value
    if node.value is None:
        return "null"
    if isinstance(node.value, bool):
        return str(node.value).lower()
    return _number(node.value)


def _number(value: float) -> str:
    """Digits of a number; infinity, as large literals read, as the literal that reads so."""
    return repr(value).replace("inf", "1e999")


def _moment(node: syntax.Moment) -> str:
    return f"datetime({quoted(node.text) if node.quoted else node.text})"


def _day(node: syntax.Day) -> str:
    zone = f", {quoted(node.zone)}" if node.zone is not None else ""
    return f"date({quoted(node.text)}{zone})"


def _values(values: Iterable[Value]) -> str:
    return ", ".join(write(value) for value in values)


def _in_range(node: syntax.InRange) -> str:
    return f"{write(node.left)}{_in(node.negated)}{write(node.low)}:{write(node.high)}"


def _in_set(node: syntax.InSet) -> str:
    return f"{write(node.left)}{_in(node.negated)}({_values(node.values)})"


def _contains(node: syntax.Contains) -> str:
    return f"{write(node.value)}{_in(node.negated)}{node.key.name}"


def _present(node: syntax.Present) -> str:
    return f"{node.key.name} {'not ' if node.negated else ''}present"


def _in(negated: bool) -> str:
    return " not in " if negated else " in "


def grouped(expression: Expression) -> str:
    """Text of a condition, in parentheses where ``and`` or ``!`` around it needs them."""
    text = write(expression)
    return f"({text})" if isinstance(expression, syntax.And | syntax.Or) else text


def _name(node: syntax.Name) -> str:
    return node.name if node.namespace is None else f"{node.namespace}:{node.name}"


def _pattern(node: syntax.Pattern) -> str:
    text = quoted(node.text) if node.quoted else node.text
    return f"matching {'regexp ' if node.is_regexp else ''}{node.namespace}:{text}"


def _selector(node: syntax.Selector) -> str:
    subsets = {None: "", "direct": " with subsets", "all": " with subsets recursively"}
    having = "" if node.having is None else f" having {write(node.having)}"
    return f"{write(node.what)}{subsets[node.subsets]}{having}"


def _joined(nodes: Iterable[Node]) -> str:
    return ", ".join(write(node) for node in nodes)


def whole(query: FileQuery) -> str:
    """Text of a query, in parentheses where a clause after it needs them."""
    simple = not isinstance(query, syntax.Minus | syntax.WithNamespace | syntax.Where)
    return write(query) if simple else f"({write(query)})"


def _unit(query: FileQuery) -> str:
    return f"({write(query)})" if isinstance(query, (*_POSTFIX, syntax.Minus)) else write(query)


def _filter(node: syntax.Filter) -> str:
    options = [f"{name}={write(value)}" for name, value in node.options]
    arguments = ", ".join([*(write(value) for value in node.arguments), *options])
    return f"filter {node.name}({arguments})({_joined(node.parts)})"


def _with_namespace(node: syntax.WithNamespace) -> str:
    namespace = quoted(node.namespace) if node.quoted else node.namespace
    return f"with namespace={namespace} {_unit(node.of)}"


def _queries(node: syntax.QueriesQuery) -> str:
    pattern = "" if node.pattern is None else f" {write(node.pattern)}"
    where = "" if node.condition is None else f" where {write(node.condition)}"
    return f"queries{pattern}{where}"


_WRITERS: dict[type[Node], Callable[[Any], str]] = {
    syntax.Constant: _constant,
    syntax.Moment: _moment,
    syntax.Day: _day,
    syntax.Key: lambda node: node.name,
    syntax.Attribute: lambda node: node.name,
    syntax.AnyItem: lambda node: f"{node.name}[any]",
    syntax.AllItems: lambda node: f"{node.name}[all]",
    syntax.Item: lambda node: f"{node.name}[{node.index}]",
    syntax.Member: lambda node: f"{node.name}[{quoted(node.member)}]",
    syntax.Length: lambda node: f"len({node.name})",
    syntax.Checksum: lambda node: f"checksums[{quoted(node.kind)}]",
    syntax.Compare: lambda node: f"{write(node.left)} {node.op} {write(node.value)}",
    syntax.InRange: _in_range,
    syntax.InSet: _in_set,
    syntax.Contains: _contains,
    syntax.Present: _present,
    syntax.Not: lambda node: f"!({write(node.item)})",
    syntax.And: lambda node: " and ".join(grouped(item) for item in node.items),
    syntax.Or: lambda node: " or ".join(grouped(item) for item in node.items),
    syntax.Name: _name,
    syntax.Pattern: _pattern,
    syntax.Selector: _selector,
    syntax.AllFiles: lambda _: "files",
    syntax.FilesFrom: lambda node: f"files from {_joined(node.selectors)}",
    syntax.FileList: lambda node: f"files {_joined(node.names)}",
    syntax.FidList: lambda node: f"fids {', '.join(node.fids)}",
    syntax.Named: lambda node: (
        f"{'query' if node.as_query else 'files selected by'} {write(node.name)}"
    ),
    syntax.Union: lambda node: f"union({_joined(node.parts)})",
    syntax.Join: lambda node: f"join({_joined(node.parts)})",
    syntax.Parents: lambda node: f"parents({write(node.of)})",
    syntax.Children: lambda node: f"children({write(node.of)})",
    syntax.Minus: lambda node: f"{whole(node.left)} - {_unit(node.right)}",
    syntax.Where: lambda node: f"{_unit(node.of)} where {write(node.condition)}",
    syntax.Limit: lambda node: f"{whole(node.of)} limit {node.count}",
    syntax.Skip: lambda node: f"{whole(node.of)} skip {node.count}",
    syntax.Ordered: lambda node: f"{whole(node.of)} ordered",
    syntax.Filter: _filter,
    syntax.WithNamespace: _with_namespace,
    syntax.DatasetQuery: lambda node: f"datasets {_joined(node.selectors)}",
    syntax.QueriesQuery: _queries,
}
