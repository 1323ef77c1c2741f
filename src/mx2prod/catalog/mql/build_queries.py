"""From what the grammar recognises to nodes: queries, files and datasets."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, cast

from lark import Token

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.build_parts import (
    Group,
    Option,
    Parts,
    Word,
    check_pattern,
    edge,
    has,
    integer_of,
    plain,
    span_of,
    text_of,
    value_of,
)
from mx2prod.catalog.mql.syntax import FileQuery, Name, Node, Pattern, Selector
from mx2prod.core.errors import QueryError


class FileRules:
    """Rules of queries, files and datasets."""

    def start(self, parts: Parts) -> Node:
        """Take the query out of its rule."""
        return cast("Node", plain(parts)[0])

    def group(self, parts: Parts) -> Group:
        """Read ``( … )``."""
        return Group(plain(parts)[0], span_of(parts))

    def dataset_query(self, parts: Parts) -> syntax.DatasetQuery:
        """Read ``datasets …``."""
        return syntax.DatasetQuery(tuple(parts[1]), span=span_of(parts))

    def queries_query(self, parts: Parts) -> syntax.QueriesQuery:
        """Read ``queries …``."""
        pattern = next((part for part in parts if isinstance(part, Pattern)), None)
        condition = plain(parts)[-1] if has(parts, "WHERE") else None
        return syntax.QueriesQuery(pattern, condition, span=span_of(parts))

    def minus(self, parts: Parts) -> syntax.Minus:
        """Read ``A - B``."""
        return syntax.Minus(*plain(parts), span=span_of(parts))

    def where(self, parts: Parts) -> syntax.Where:
        """Read ``A where e``."""
        return syntax.Where(*plain(parts), span=span_of(parts))

    def limit(self, parts: Parts) -> syntax.Limit:
        """Read ``A limit n``."""
        return syntax.Limit(plain(parts)[0], integer_of(parts[2]), span=span_of(parts))

    def skip(self, parts: Parts) -> syntax.Skip:
        """Read ``A skip n``."""
        return syntax.Skip(plain(parts)[0], integer_of(parts[2]), span=span_of(parts))

    def ordered(self, parts: Parts) -> syntax.Ordered:
        """Read ``A ordered``."""
        return syntax.Ordered(plain(parts)[0], span=span_of(parts))

    def all_files(self, parts: Parts) -> syntax.AllFiles:
        """Read ``files``."""
        return syntax.AllFiles(span=span_of(parts))

    def files_from(self, parts: Parts) -> syntax.FilesFrom:
        """Read ``files from …``."""
        return syntax.FilesFrom(tuple(parts[-1]), span=span_of(parts))

    def named(self, parts: Parts) -> syntax.Named:
        """Read ``files selected by …`` and ``query …``."""
        name: Name = parts[-1]
        as_query = has(parts, "QUERY")
        if as_query and name.namespace is None:
            raise QueryError(f"query {name.name}: expected NS:NAME", offset=name.span.start)
        return syntax.Named(name, as_query, span=span_of(parts))

    def file_list(self, parts: Parts) -> syntax.FileList:
        """Read ``files a, b``; a namespace holds for the names after it."""
        names: list[Name] = []
        for name in plain(parts):
            carried = names[-1].namespace if names else None
            names.append(name if name.namespace else replace(name, namespace=carried))
        return syntax.FileList(tuple(names), span=span_of(parts))

    def fid_list(self, parts: Parts) -> syntax.FidList:
        """Read ``fids a, b``."""
        fids = tuple(str(part) for part in parts if part.type == "NAME")
        return syntax.FidList(fids, span=span_of(parts))

    def union(self, parts: Parts) -> syntax.Union:
        """Read ``union(…)`` and ``[…]``."""
        return syntax.Union(tuple(plain(parts)), span=span_of(parts))

    def join(self, parts: Parts) -> syntax.Join:
        """Read ``join(…)`` and ``{…}``."""
        return syntax.Join(tuple(plain(parts)), span=span_of(parts))

    def parents(self, parts: Parts) -> syntax.Parents:
        """Read ``parents(A)``."""
        return syntax.Parents(plain(parts)[0], span=span_of(parts))

    def children(self, parts: Parts) -> syntax.Children:
        """Read ``children(A)``."""
        return syntax.Children(plain(parts)[0], span=span_of(parts))

    def filter(self, parts: Parts) -> syntax.Filter:
        """Read ``filter name(…)(…)``."""
        given: list[Any] = parts[3] if isinstance(parts[3], list) else []
        arguments = [item for item in given if not isinstance(item, Option)]
        if given[: len(arguments)] != arguments:
            offset = edge(given[0], 0)
            raise QueryError("arguments with a name come after the others", offset=offset)
        return syntax.Filter(
            str(parts[1]),
            tuple(arguments),
            tuple((item.name, item.value) for item in given if isinstance(item, Option)),
            tuple(part for part in plain(parts) if not isinstance(part, list)),
            span=span_of(parts),
        )

    def arguments(self, parts: Parts) -> list[Any]:
        """Collect the arguments of a filter."""
        return plain(parts)

    def argument(self, parts: Parts) -> Any:
        """Read one argument of a filter."""
        value = value_of(parts[-1])
        return value if len(parts) == 1 else Option(str(parts[0]), value, span_of(parts))

    def with_namespace(self, parts: Parts) -> syntax.WithNamespace:
        """Read ``with namespace=NS A``."""
        token: Token = parts[3]
        namespace = text_of(token)
        inner: FileQuery = plain(parts)[0]
        return syntax.WithNamespace(namespace, inner, token.type == "QUOTED", span=span_of(parts))

    def name(self, parts: Parts) -> Name:
        """Read ``[ns:]name``."""
        namespace = str(parts[0]) if len(parts) > 1 else None
        return Name(namespace, str(parts[-1]), span=span_of(parts))

    def selectors(self, parts: Parts) -> list[Selector]:
        """Collect selectors."""
        return plain(parts)

    def selector(self, parts: Parts) -> Selector:
        """Read one selector of datasets."""
        subsets = next((part.text for part in parts if isinstance(part, Word)), None)
        having = plain(parts)[-1] if has(parts, "HAVING") else None
        return Selector(parts[0], subsets, having, span=span_of(parts))

    def subsets(self, parts: Parts) -> Word:
        """Read ``with subsets [recursively]``."""
        return Word("all" if has(parts, "RECURSIVELY") else "direct", span_of(parts))

    def matching(self, parts: Parts) -> Pattern:
        """Read ``matching …``."""
        return replace(cast("Pattern", parts[1]), span=span_of(parts))

    def pattern(self, parts: Parts) -> Pattern:
        """Read a glob or a regular expression of names."""
        token: Token = parts[-1]
        pattern = Pattern(
            str(parts[-3]),
            text_of(token),
            has(parts, "REGEXP"),
            token.type == "QUOTED",
            span=span_of(parts),
        )
        if pattern.is_regexp:
            check_pattern(pattern.text, quoted=pattern.quoted, offset=token.start_pos)
        return pattern
