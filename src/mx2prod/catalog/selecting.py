"""What the database can say of a condition (catalogue page, sections 2.4 and 5).

For each condition there are two predicates: where it may be true, and where it may be false; the
second is what a ``!`` needs.  A term that the columns decide has exact ones.  A term that they do
not know may be both everywhere, and leaves the decision to the evaluator.  Values of a query only
ever become bound parameters.

The predicates hold for rows whose ``undecided`` has no bit of ``mask``; of the others the columns
say nothing.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, and_, false, or_, true

from mx2prod.catalog.indexed import INDEXED_KEYS, IndexedKey, is_number, is_text
from mx2prod.catalog.mql.syntax import (
    And,
    AnyItem,
    Attribute,
    Compare,
    Constant,
    Contains,
    Expression,
    InRange,
    InSet,
    Item,
    Key,
    Not,
    Or,
    Present,
    Value,
)
from mx2prod.catalog.tables import FILE

Predicate = ColumnElement[bool]

_OPERATORS: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_OPPOSITES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
_ATTRIBUTES = {"creator": "text", "namespace": "text", "name": "text", "fid": "text", "id": "text",
               "updated_by": "text", "retired_by": "text", "size": "number"}  # fmt: skip
_MOST_VALUES = 1000


@dataclass(frozen=True)
class Narrowing:
    """What the columns say of a condition.

    Attributes
    ----------
    may_hold, may_fail : predicates
        Where the condition may be true, and where it may be false.
    exact : bool
        True if the columns decide: then it is true where ``may_hold`` is, false where
        ``may_fail`` is, and unknown elsewhere.
    mask : int
        Bits of the keys that were looked at.
    by_run : bool
        True if it bounds the run, so that the index of runs is where to begin.
    """

    may_hold: Predicate
    may_fail: Predicate
    exact: bool = True
    mask: int = 0
    by_run: bool = False


_UNKNOWN = Narrowing(true(), true(), exact=False)


def narrow(condition: Expression) -> Narrowing:
    """Say what the columns know about a condition."""
    rule: Callable[[Any], Narrowing] = _RULES[type(condition)]
    return rule(condition)


def _compare(term: Compare) -> Narrowing:
    return _compared(term.left, term.op, term.value) if term.op in _OPERATORS else _UNKNOWN


def _range(term: InRange) -> Narrowing:
    return _signed(_in_range(term.left, term.low, term.high), negated=term.negated)


def _set(term: InSet) -> Narrowing:
    return _signed(_in_set(term.left, term.values), negated=term.negated)


def _contains(term: Contains) -> Narrowing:
    found = _compared(AnyItem(term.key.name), "=", term.value)
    return _signed(found, negated=term.negated)


def _presence(term: Present) -> Narrowing:
    return _signed(_present(term.key), negated=term.negated)


_RULES: dict[type, Callable[[Any], Narrowing]] = {
    And: lambda condition: _joined(condition.items, and_, or_),
    Or: lambda condition: _joined(condition.items, or_, and_),
    Not: lambda condition: _negated(narrow(condition.item)),
    Compare: _compare,
    InRange: _range,
    InSet: _set,
    Contains: _contains,
    Present: _presence,
}


def _joined(
    items: Iterable[Expression], hold: Callable[..., Any], fail: Callable[..., Any]
) -> Narrowing:
    found = [narrow(item) for item in items]
    mask = 0
    for item in found:
        mask |= item.mask
    return Narrowing(
        hold(*(item.may_hold for item in found)),
        fail(*(item.may_fail for item in found)),
        exact=all(item.exact for item in found),
        mask=mask,
        by_run=hold is and_ and any(item.by_run for item in found),
    )


def _negated(item: Narrowing) -> Narrowing:
    return Narrowing(item.may_fail, item.may_hold, exact=item.exact, mask=item.mask)


def _signed(item: Narrowing, *, negated: bool) -> Narrowing:
    return _negated(item) if negated else item


def _compared(left: Any, op: str, value: Value) -> Narrowing:
    """``left op value`` for a left side that has a column."""
    if not isinstance(value, Constant):
        return _UNKNOWN
    if isinstance(left, Attribute):
        return _attribute_compared(left.name, op, value.value)
    indexed = _indexed(left)
    if indexed is None or not _usable(value.value):
        return _UNKNOWN
    column = FILE.c[indexed.column]
    missing = column.is_(None)
    if value.value is None:
        # A value that is not null differs from null, and is in no other relation to it.
        hold, fail = (~missing, missing) if op == "!=" else (false(), true())
        return Narrowing(hold, fail, mask=indexed.bit)
    if _kind(value.value) != _kind_of(indexed):
        return Narrowing(false(), missing, mask=indexed.bit)
    return Narrowing(
        _OPERATORS[op](column, _bound(value.value)),
        or_(missing, _OPERATORS[_OPPOSITES[op]](column, _bound(value.value))),
        mask=indexed.bit,
        by_run=indexed.column == "run" and op != "!=",
    )


def _attribute_compared(name: str, op: str, value: Any) -> Narrowing:
    """Compare an attribute; one that is not set is unknown, also under ``!``."""
    kind = _ATTRIBUTES.get(name)
    if kind is None or _kind(value) != kind or isinstance(value, float):
        return _UNKNOWN
    column = FILE.c["fid" if name == "id" else name]
    return Narrowing(_OPERATORS[op](column, value), _OPERATORS[_OPPOSITES[op]](column, value))


def _in_range(left: Any, low: Value, high: Value) -> Narrowing:
    """``left in low:high``, which is true or false and never unknown."""
    indexed = _indexed(left)
    if indexed is None or not (isinstance(low, Constant) and isinstance(high, Constant)):
        return _UNKNOWN
    if {_kind(low.value), _kind(high.value)} != {_kind_of(indexed)}:
        return _UNKNOWN
    column = FILE.c[indexed.column]
    return Narrowing(
        and_(column >= _bound(low.value), column <= _bound(high.value)),
        or_(column.is_(None), column < _bound(low.value), column > _bound(high.value)),
        mask=indexed.bit,
        by_run=indexed.column == "run",
    )


def _in_set(left: Any, values: tuple[Value, ...]) -> Narrowing:
    """``left in (values)``; of a long list only its ends narrow."""
    indexed = _indexed(left)
    if indexed is None or not all(isinstance(item, Constant) for item in values):
        return _UNKNOWN
    plain = [item.value for item in values if isinstance(item, Constant)]
    if not all(_usable(value) for value in plain):
        return _UNKNOWN
    known: list[Any] = [_bound(value) for value in plain if _kind(value) == _kind_of(indexed)]
    column = FILE.c[indexed.column]
    by_run = indexed.column == "run"
    if not known:
        return Narrowing(false(), true(), mask=indexed.bit)
    if len(known) > _MOST_VALUES:
        between = and_(column >= min(known), column <= max(known))
        return Narrowing(between, true(), exact=False, mask=indexed.bit, by_run=by_run)
    return Narrowing(
        column.in_(known),
        or_(column.is_(None), column.not_in(known)),
        mask=indexed.bit,
        by_run=by_run,
    )


def _present(key: Key) -> Narrowing:
    indexed = INDEXED_KEYS.get(key.name)
    if indexed is None:
        return _UNKNOWN
    missing = FILE.c[indexed.column].is_(None)
    return Narrowing(~missing, missing, mask=indexed.bit)


def _indexed(left: Any) -> IndexedKey | None:
    """Indexed key of a left side that means its only value, or its first."""
    plain = isinstance(left, Key | AnyItem) or (isinstance(left, Item) and left.index == 0)
    return INDEXED_KEYS.get(left.name) if plain else None


def _kind_of(indexed: IndexedKey) -> str:
    return "text" if indexed.kind == "text" else "number"


def _kind(value: Any) -> str:
    if is_number(value):
        return "number"
    return "text" if is_text(value) else "other"


def _bound(value: Any) -> Any:
    """Value as a parameter: every number as a double, which is what the columns hold.

    The type of a parameter is that of its first use; an integer among them would round others.
    """
    return float(value) if isinstance(value, int) else value


def _usable(value: Any) -> bool:
    """Tell whether a constant can be compared in the database, or by its type alone."""
    return value is None or isinstance(value, bool) or _kind(value) != "other"
