"""Files for which a condition is true: by the columns where they decide, else by the evaluator.

The columns and the evaluator give the same answer; a test compares them on random conditions
(catalogue page, sections 2.4 and 5).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    exists,
    false,
    literal_column,
    or_,
    select,
    true,
)

from mx2prod.catalog.mql.attributes import OF_FILES
from mx2prod.catalog.mql.check import keys_of
from mx2prod.catalog.mql.conditions import Condition, compile_condition
from mx2prod.catalog.mql.syntax import Attribute, Checksum, Expression, walk
from mx2prod.catalog.rows import chunks
from mx2prod.catalog.selecting import Narrowing, Predicate, narrow
from mx2prod.catalog.tables import CONTENT, FILE, MEMBER
from mx2prod.journal.engine import is_sqlite

_MEMORY = 4096
_SOME = FILE.c.undecided != literal_column("0")


@dataclass(frozen=True)
class Matched:
    """Files that a condition selects.

    Attributes
    ----------
    predicate : predicate
        Of the files that the columns decide.
    also : tuple of int
        Numbers of the files that the evaluator decided, none of which meets the predicate.
    dataset : int or None
        Dataset whose members alone are meant, where the statement begins with them.
    """

    predicate: Predicate
    also: tuple[int, ...] = ()
    dataset: int | None = None

    def selects(self, *columns: Any) -> Iterator[Select[Any]]:
        """Yield statements that select the files together, each file by one of them."""
        yield self._joined(select(*columns).where(self.predicate))
        for chunk in chunks(self.also):
            yield select(*columns).where(FILE.c.id.in_(chunk))

    def whole(self, *columns: Any) -> Select[Any]:
        """One statement for all; only where few files were decided by the evaluator."""
        one = or_(self.predicate, FILE.c.id.in_(self.also)) if self.also else self.predicate
        return self._joined(select(*columns).where(one))

    def _joined(self, statement: Select[Any]) -> Select[Any]:
        if self.dataset is None:
            return statement.select_from(FILE)
        members = MEMBER.join(FILE, FILE.c.id == MEMBER.c.file)
        return statement.select_from(members).where(MEMBER.c.dataset == self.dataset)


def numbers_of(connection: Connection, found: Matched) -> list[int]:
    """Numbers of the files that were selected."""
    selects = found.selects(FILE.c.id)
    return [number for one in selects for number in connection.execute(one).scalars()]


def matched(
    connection: Connection,
    datasets: Sequence[int] | None,
    condition: Expression | None,
    *,
    within: Predicate | None = None,
    include_retired: bool = False,
) -> Matched:
    """Select the files of datasets for which a condition is true.

    Parameters
    ----------
    connection : Connection
    datasets : sequence of int, optional
        Numbers of datasets; the whole catalogue if None.
    condition : Expression, optional
    within : predicate, optional
        What else must hold.
    include_retired : bool

    Raises
    ------
    QueryError
        If the condition asks for an attribute that does not exist, or compares what cannot be.
    """
    base: Predicate = true() if include_retired else FILE.c.retired == 0
    base = base if within is None else and_(base, within)
    narrowing = Narrowing(true(), false()) if condition is None else narrow(condition)
    dataset = None
    if datasets is not None and (narrowing.by_run or len(datasets) != 1):
        # The index of runs gives few files, each of which is then looked up among the members.
        among = MEMBER.c.dataset.in_(datasets)
        base = and_(base, exists().where(MEMBER.c.file == FILE.c.id, among))
    elif datasets is not None:
        dataset = datasets[0]
    certain = Matched(and_(base, _decided(narrowing), narrowing.may_hold), (), dataset)
    beyond = Matched(and_(base, _undecided(narrowing)), (), dataset)
    if condition is None or (narrowing.exact and not narrowing.mask):
        return certain
    decide = compile_condition(condition)
    also = list(_by_evaluator(connection, beyond, condition, decide)) if narrowing.mask else []
    if narrowing.exact:
        return replace(certain, also=tuple(also))
    also += _by_evaluator(connection, certain, condition, decide)
    return Matched(false(), tuple(also))


def _decided(narrowing: Narrowing) -> Predicate:
    if not narrowing.mask:
        return true()
    return FILE.c.undecided.bitwise_and(narrowing.mask) == 0


def _undecided(narrowing: Narrowing) -> Predicate:
    """Rows of which the columns say nothing; the first part is that of their index."""
    return and_(_SOME, FILE.c.undecided.bitwise_and(narrowing.mask) != 0)


def _by_evaluator(
    connection: Connection, candidates: Matched, condition: Expression, decide: Condition
) -> Iterator[int]:
    """Numbers of the candidates for which the evaluator says true."""
    fields = _fields(condition)
    keys = sorted({node.name for node in keys_of(condition)})
    columns = [_column(name) for name in fields]
    read = [_fragment(key) for key in keys] if is_sqlite(connection) else [CONTENT.c.metadata]
    metadata_of = _from_fragments(keys) if is_sqlite(connection) else _from_text(keys)

    def judge(parts: tuple[Any, ...], values: tuple[Any, ...]) -> bool:
        known = {
            name: _READERS.get(name, _as_it_is)(value)
            for name, value in zip(fields, values, strict=True)
        }
        return decide(SimpleNamespace(metadata=metadata_of(parts), **known)) is True

    judged: Callable[..., bool] = lru_cache(maxsize=_MEMORY)(judge)
    statement = candidates.whole(FILE.c.id, *read, *columns)
    statement = statement.where(CONTENT.c.file == FILE.c.id)
    rows = connection.execute(statement.execution_options(yield_per=2000))
    split = 1 + len(read)
    for row in rows:
        if judged(tuple(row[1:split]), tuple(row[split:])):
            yield row[0]


def _fields(condition: Expression) -> list[str]:
    """Members of a record, other than metadata, that a condition looks at."""
    found = {
        OF_FILES[node.name][0]
        for node in walk(condition)
        if isinstance(node, Attribute) and node.name in OF_FILES
    }
    found |= {"checksums" for node in walk(condition) if isinstance(node, Checksum)}
    return sorted(found)


def _as_it_is(value: Any) -> Any:
    return value


_READERS: dict[str, Callable[[Any], Any]] = {"retired": bool, "checksums": json.loads}


def _column(name: str) -> ColumnElement[Any]:
    return CONTENT.c.checksums if name == "checksums" else FILE.c[name]


def _fragment(key: str) -> ColumnElement[Any]:
    """JSON text of the value of a key, cut out by the database."""
    return CONTENT.c.metadata.op("->")(f'$."{key}"')


def _from_fragments(keys: Sequence[str]) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    def read(parts: tuple[Any, ...]) -> dict[str, Any]:
        return {
            key: json.loads(part) for key, part in zip(keys, parts, strict=True) if part is not None
        }

    return read


def _from_text(keys: Sequence[str]) -> Callable[[tuple[Any, ...]], dict[str, Any]]:
    def read(parts: tuple[Any, ...]) -> dict[str, Any]:
        metadata = json.loads(parts[0])
        return {key: metadata[key] for key in keys if key in metadata}

    return read
