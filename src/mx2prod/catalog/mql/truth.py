"""Three-valued truth, and one value against one constant (catalogue page, section 2.4).

True, False and None for unknown.  Values are compared only with values of their own kind: numbers
(integers exact, whatever their size), texts by code point, truth values (false before true), null.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

from mx2prod.catalog.mql.syntax import Constant, Day, Value

Truth: TypeAlias = bool | None
Test: TypeAlias = Callable[[Any], Truth]
"""One value against what it is compared with."""

OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
INVERSE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}
"""What violates a comparison."""


def negated(truth: Truth) -> Truth:
    """Not: unknown stays unknown."""
    return None if truth is None else not truth


def some(items: Iterable[Any], test: Test) -> Truth:
    """Find a test true of an item: true; else unknown if it is unknown of one, else false."""
    unknown = False
    for item in items:
        truth = test(item)
        if truth:
            return True
        unknown = unknown or truth is None
    return None if unknown else False


def kind_of(value: Any) -> str:
    """Name the kind: ``number``, ``text``, ``flag``, ``null``, or ``other`` (lists, dicts)."""
    if value is None:
        return "null"
    return _KINDS.get(type(value), "other")


_KINDS = {bool: "flag", int: "number", float: "number", str: "text"}


def plain(value: Value) -> int | float | bool | str | None:
    """Return the constant of a value that is no day."""
    if isinstance(value, Day):
        raise TypeError("a day is an interval, not a constant")
    return value.value


def comparison(op: str, value: Value) -> Test:
    """Test of one value by ``<``, ``<=``, ``>``, ``>=``, ``=`` or ``!=``.

    Of different kinds: unknown, except that null is known to differ from everything else.
    """
    if isinstance(value, Day):
        return _day_comparison(op, value)
    constant = plain(value)
    compare, wanted = OPERATORS[op], kind_of(constant)
    if wanted == "null":
        equal, unequal = op in {"=", "<=", ">="}, op == "!="
        return lambda item: equal if item is None else unequal

    def test(item: Any) -> Truth:
        if item is None:
            return op == "!="
        return compare(item, constant) if _KINDS.get(type(item)) == wanted else None

    return test


def _day_comparison(op: str, day: Day) -> Test:
    """Compare with a whole day: inside, outside, before, after; null is none of them."""
    start, end = _number(day.start), _number(day.end)
    if op == "=":
        return inside(day, day)
    if op == "!=":
        return outside(day, day)
    bounds = {"<": start, ">=": start, "<=": end, ">": end}
    return comparison({"<": "<", ">=": ">=", "<=": "<", ">": ">="}[op], bounds[op])


def inside(first: Day, last: Day) -> Test:
    """Test for ``[first, end of last)``."""
    after, before = comparison(">=", _number(first.start)), comparison("<", _number(last.end))

    def test(item: Any) -> Truth:
        left, right = after(item), before(item)
        return None if left is None or right is None else left and right

    return test


def outside(first: Day, last: Day) -> Test:
    """Test for being before ``first`` or at or after the end of ``last``."""
    before, after = comparison("<", _number(first.start)), comparison(">=", _number(last.end))

    def test(item: Any) -> Truth:
        left, right = before(item), after(item)
        return None if left is None or right is None else left or right

    return test


def within(low: Value, high: Value) -> Test:
    """Test for ``low <= item <= high``; false, never unknown, for other kinds."""
    above, below = comparison(">=", low), comparison("<=", high)
    return lambda item: above(item) is True and below(item) is True


def beyond(low: Value, high: Value) -> Test:
    """Test for being known to be below ``low`` or above ``high``."""
    below, above = comparison("<", low), comparison(">", high)
    return lambda item: below(item) is True or above(item) is True


class Members:
    """The values of a list in a condition.

    Parameters
    ----------
    values : iterable of Constant or Moment
    """

    def __init__(self, values: Iterable[Value]) -> None:
        self._by_kind: dict[str, set[Any]] = {}
        for value in values:
            constant = plain(value)
            self._by_kind.setdefault(kind_of(constant), set()).add(constant)

    def has(self, item: Any) -> bool:
        """Say whether the item equals one of the values."""
        kind = kind_of(item)
        return kind in self._by_kind and item in self._by_kind[kind]

    def lacks(self, item: Any) -> bool:
        """Say whether the item is known to differ from all values."""
        kind = kind_of(item)
        if kind == "null":
            return "null" not in self._by_kind
        comparable = self._by_kind.keys() <= {kind, "null"} and kind != "other"
        return (comparable or self._by_kind.keys() == {"null"}) and not self.has(item)


def _number(seconds: float) -> Constant:
    return Constant(seconds)
