"""Queries: a predicate of the database where that is all, else the evaluator over it."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection

from mx2prod.catalog.answers import Answer, Window
from mx2prod.catalog.matching import Matched
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.check import check, unknown_keys
from mx2prod.catalog.mql.evaluate import UNORDERED, Options, order, without_where
from mx2prod.catalog.mql.parse import located, parse
from mx2prod.catalog.mql.syntax import FileQuery, Query, walk
from mx2prod.catalog.session import Session
from mx2prod.catalog.source import CatalogSource, StoreEvaluator
from mx2prod.catalog.tables import FILE
from mx2prod.core.errors import CatalogError, QueryError

_MOST_BESIDES = 500
"""So many files beside the predicate may stand in an ordered or limited answer."""


def query(
    session: Session,
    mql: str,
    *,
    default_namespace: str | None = None,
    include_retired: bool = False,
) -> Answer:
    """Answer a query; see :meth:`mx2prod.catalog.Catalog.query`."""
    options = Options(default_namespace=default_namespace, include_retired=include_retired)
    with session.reading() as connection:
        return answered(session, connection, mql, options)


def answered(session: Session, connection: Connection, mql: str, options: Options) -> Answer:
    """Answer a query in a transaction of the caller.

    Raises
    ------
    QueryError
        If the text cannot be understood or answered; the message shows the place.
    """
    parsed = parse(mql)
    source = CatalogSource(connection, counting=_counts(parsed))
    try:
        keys = source.known_keys()
        check(parsed, keys)
        evaluator = StoreEvaluator(source, options)
        evaluator.warnings.extend(unknown_keys(parsed, keys).values())
        kind, found, window = _found(evaluator, source, parsed)
    except QueryError as error:
        raise located(error, mql) from error
    warnings = tuple(dict.fromkeys(evaluator.warnings))
    return Answer(session, kind, warnings, found, window)


def _counts(parsed: Query) -> bool:
    """Tell whether a query looks at the number of files of datasets."""
    names = (node.name for node in walk(parsed) if isinstance(node, syntax.Attribute))
    return isinstance(parsed, syntax.DatasetQuery) or "file_count" in names


def _found(
    evaluator: StoreEvaluator, source: CatalogSource, parsed: Query
) -> tuple[Any, Any, Window]:
    """Kind and records of an answer; of files a predicate with a window, or numbers in order."""
    if isinstance(parsed, syntax.DatasetQuery | syntax.QueriesQuery):
        kind, records = evaluator.answer(parsed)
        return kind, records, Window()
    windowed = _windowed(parsed)
    if windowed is not None:
        base, window = windowed
        found = evaluator.matched(base)
        if window.limit is not None and not window.ordered:
            evaluator.warnings.append(UNORDERED)
        if len(found.also) > _MOST_BESIDES and window != Window():
            return "files", _cut(source.connection, found, window), Window()
        return "files", found, window
    records = evaluator.files(parsed)
    return "files", source.numbers([record.fid for record in records]), Window()


def _cut(connection: Connection, found: Matched, window: Window) -> list[int]:
    """Numbers of the files of a window, where too many of them stand in no predicate."""
    statements = found.selects(FILE.c.id, FILE.c.created_timestamp, FILE.c.fid)
    rows: list[Any] = [row for one in statements for row in connection.execute(one)]
    if window.ordered:
        rows.sort(key=order)
    end = None if window.limit is None else window.skip + window.limit
    return [row.id for row in rows[window.skip : end]]


def _windowed(query: FileQuery) -> tuple[FileQuery, Window] | None:
    """Take ``limit``, ``skip`` and ``ordered`` off a selection; None for any other query.

    A ``skip`` or ``ordered`` after a limit without an order is left to the evaluator.
    """
    steps: list[Any] = []
    while isinstance(query, syntax.Limit | syntax.Skip | syntax.Ordered):
        steps.append(query)
        query = query.of
    base, _ = without_where(query)
    if not isinstance(base, syntax.AllFiles | syntax.FilesFrom):
        return None
    window = Window()
    for step in reversed(steps):
        if isinstance(step, syntax.Limit):
            window = window.limited(step.count)
        elif window.limit is not None and not window.ordered:
            return None
        else:
            window = window.skipped(step.count if isinstance(step, syntax.Skip) else 0)
    return query, window


def ids_of(session: Session, connection: Connection, mql: str) -> list[int]:
    """Numbers of the files of a query, in a transaction of the caller.

    Raises
    ------
    CatalogError
        If it does not select files.
    """
    answer = answered(session, connection, mql, Options())
    if answer.kind != "files":
        raise CatalogError(f"selects {answer.kind}, not files: {mql}")
    return answer.ids(connection)
