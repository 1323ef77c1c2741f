"""Evaluation of a query over a :class:`~mx2prod.catalog.mql.source.Source` (section 2.3)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.check import check, unknown_keys
from mx2prod.catalog.mql.conditions import compile_condition
from mx2prod.catalog.mql.evaluate_datasets import DatasetEvaluator, Options
from mx2prod.catalog.mql.filters import apply_filter
from mx2prod.catalog.mql.parse import located, parse
from mx2prod.catalog.mql.source import Source
from mx2prod.catalog.mql.syntax import Expression, FileQuery, Query
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did
from mx2prod.core.suggest import nearest

__all__ = [
    "UNORDERED",
    "Evaluation",
    "Evaluator",
    "Options",
    "evaluate",
    "evaluate_query",
    "order",
    "without_where",
]

UNORDERED = "limit without ordered: which files come first is not defined"
"""Warning of a limit on files in no order."""
Records: TypeAlias = Sequence[FileRecord] | Sequence[DatasetRecord] | Sequence[NamedQuery]


@dataclass(frozen=True)
class Evaluation:
    """The answer to a query.

    Attributes
    ----------
    kind : str
        ``files``, ``datasets`` or ``queries``.
    records : sequence of FileRecord, DatasetRecord or NamedQuery
        Each once.
    warnings : tuple of str
        What was left out or may surprise.
    """

    kind: str
    records: Records
    warnings: tuple[str, ...]


def evaluate(text: str, source: Source, options: Options | None = None) -> Evaluation:
    """Answer an MQL text.

    Parameters
    ----------
    text : str
    source : Source
    options : Options, optional

    Raises
    ------
    QueryError
        If the query cannot be understood or answered; the message shows the place.
    """
    query = parse(text)
    try:
        return evaluate_query(query, source, options or Options())
    except QueryError as error:
        raise located(error, text) from error


def evaluate_query(query: Query, source: Source, options: Options) -> Evaluation:
    """Answer a query that is read already; errors know their offset in its text."""
    known_keys = source.known_keys()
    check(query, known_keys)
    evaluator = Evaluator(source, options)
    evaluator.warnings.extend(unknown_keys(query, known_keys).values())
    kind, records = evaluator.answer(query)
    return Evaluation(kind, records, tuple(dict.fromkeys(evaluator.warnings)))


class Evaluator(DatasetEvaluator):
    """Evaluates checked queries.

    Parameters
    ----------
    source : Source
    options : Options

    Attributes
    ----------
    warnings : list of str
        Grows with each query that is answered.
    """

    def __init__(self, source: Source, options: Options) -> None:
        super().__init__(source, options)
        self._retired = options.include_retired
        self._open: tuple[Did, ...] = ()
        self._methods: dict[type[syntax.Node], Callable[[Any], list[FileRecord]]] = {
            **dict.fromkeys((syntax.AllFiles, syntax.FilesFrom, syntax.Where), self._selected),
            **dict.fromkeys((syntax.FileList, syntax.FidList), self._listed),
            **dict.fromkeys((syntax.Limit, syntax.Skip, syntax.Ordered), self._cut),
            **dict.fromkeys((syntax.Parents, syntax.Children), self._relatives),
            **dict.fromkeys((syntax.Union, syntax.Join, syntax.Minus), self._combined),
            syntax.Filter: self._filtered,
            syntax.WithNamespace: self._inside,
            syntax.Named: self._named,
        }

    def answer(self, query: Query) -> tuple[str, Records]:
        """Answer a query: the kind of its records, and the records."""
        if isinstance(query, syntax.DatasetQuery):
            return "datasets", self.datasets(query.selectors)
        if isinstance(query, syntax.QueriesQuery):
            return "queries", self.named_queries(query)
        return "files", self.files(query)

    def files(self, query: FileQuery) -> list[FileRecord]:
        """Files of a query, each once, in its order."""
        return self._methods[type(query)](query)

    def _selected(
        self, query: syntax.AllFiles | syntax.FilesFrom | syntax.Where
    ) -> list[FileRecord]:
        base, condition = without_where(query)
        if isinstance(base, syntax.AllFiles | syntax.FilesFrom):
            datasets = None
            if isinstance(base, syntax.FilesFrom):
                records = self.datasets(base.selectors)
                datasets = [Did(record.namespace, record.name) for record in records]
            files = self._current(self.source.select(datasets, condition))
        else:
            files = self.files(base)
        if condition is None:
            return files
        holds = compile_condition(condition)
        return [record for record in files if holds(record) is True]

    def _current(self, files: Iterable[FileRecord]) -> list[FileRecord]:
        return [record for record in files if self._retired or not record.retired]

    def _listed(self, query: syntax.FileList | syntax.FidList) -> list[FileRecord]:
        """Files by name or fid, in order of creation; warns of missing and retired ones."""
        if isinstance(query, syntax.FileList):
            dids = [self.did(name) for name in query.names]
            wanted = list(dict.fromkeys(str(did) for did in dids))
            found = {record.did: record for record in self.source.by_did(dids)}
        else:
            wanted = list(dict.fromkeys(query.fids))
            found = {record.fid: record for record in self.source.by_fid(wanted)}
        for name in wanted:
            if name not in found:
                self.warnings.append(f"there is no file {name}")
            elif found[name].retired and not self._retired:
                self.warnings.append(f"{name} is retired and left out")
        return sorted(self._current(found.values()), key=order)

    def _cut(self, query: syntax.Limit | syntax.Skip | syntax.Ordered) -> list[FileRecord]:
        files = self.files(query.of)
        if isinstance(query, syntax.Limit):
            if not _is_ordered(query.of):
                self.warnings.append(UNORDERED)
            return files[: query.count]
        files = sorted(files, key=order)
        return files[query.count :] if isinstance(query, syntax.Skip) else files

    def _relatives(self, query: syntax.Parents | syntax.Children) -> list[FileRecord]:
        fids = [record.fid for record in self.files(query.of)]
        if isinstance(query, syntax.Parents):
            return self._current(self.source.parents(fids))
        return self._current(self.source.children(fids))

    def _combined(self, query: syntax.Union | syntax.Join | syntax.Minus) -> list[FileRecord]:
        if isinstance(query, syntax.Minus):
            left, right = self.files(query.left), self.files(query.right)
            others = {record.fid for record in right}
            return [record for record in left if record.fid not in others]
        parts = [self.files(part) for part in query.parts]
        if isinstance(query, syntax.Union):
            return _once(record for part in parts for record in part)
        common = set.intersection(*({record.fid for record in part} for part in parts))
        return [record for record in parts[0] if record.fid in common]

    def _filtered(self, query: syntax.Filter) -> list[FileRecord]:
        return _once(apply_filter(query, [self.files(part) for part in query.parts]))

    def _inside(self, query: syntax.WithNamespace) -> list[FileRecord]:
        outer, self.namespace = self.namespace, query.namespace
        try:
            return self.files(query.of)
        finally:
            self.namespace = outer

    def _named(self, query: syntax.Named) -> list[FileRecord]:
        did = self.did(query.name)
        record = self.source.named_query(did)
        if record is None:
            known = [other.did for other in self.source.named_queries()]
            text = f"there is no named query {did}{nearest(str(did), known)}"
            raise QueryError(text, offset=query.span.start)
        if did in self._open:
            text = f"the named query {did} uses itself"
            raise QueryError(text, offset=query.span.start)
        self._open = (*self._open, did)
        try:
            return self._of_text(record)
        except QueryError as error:
            reason = error.message.partition("\n")[0]
            text = f"in the named query {did}: {reason}"
            raise QueryError(text, offset=query.span.start) from error
        finally:
            self._open = self._open[:-1]

    def _of_text(self, record: NamedQuery) -> list[FileRecord]:
        inner = parse(record.source)
        check(inner, self.source.known_keys())
        if isinstance(inner, syntax.DatasetQuery | syntax.QueriesQuery):
            raise QueryError("it does not select files")
        return self.files(inner)


def without_where(query: FileQuery) -> tuple[FileQuery, Expression | None]:
    """Take apart ``X where a where b``: the files, and ``a and b``."""
    found: list[Expression] = []
    while isinstance(query, syntax.Where):
        found.extend(syntax.conjuncts(query.condition))
        query = query.of
    if not found:
        return query, None
    return query, found[0] if len(found) == 1 else syntax.And(tuple(found))


def _is_ordered(query: FileQuery) -> bool:
    """Say whether the order of a query's files is defined."""
    while isinstance(query, syntax.Where | syntax.Limit | syntax.WithNamespace):
        query = query.of
    return isinstance(query, syntax.Ordered | syntax.Skip | syntax.FileList | syntax.FidList)


def _once(files: Iterable[FileRecord]) -> list[FileRecord]:
    return list({record.fid: record for record in files}.values())


def order(record: FileRecord) -> tuple[float, str]:
    """By time of creation (those without one first), then fid."""
    created = record.created_timestamp
    return (float("-inf") if created is None else created), record.fid
