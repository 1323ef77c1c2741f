"""Attributes of records in conditions: their kinds, and what they may be compared with (2.4)."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from mx2prod.catalog.mql.patterns import compile_pattern
from mx2prod.catalog.mql.syntax import (
    Attribute,
    Checksum,
    Compare,
    Constant,
    Day,
    InRange,
    InSet,
    Length,
    Moment,
    Value,
)
from mx2prod.catalog.mql.truth import OPERATORS, Truth
from mx2prod.catalog.mql.words import utc_seconds
from mx2prod.core.errors import QueryError
from mx2prod.core.suggest import nearest

Attributes: TypeAlias = Mapping[str, tuple[str, str]]
"""Name in a query to (field of the record, kind): ``text``, ``number``, ``flag``, ``time``."""

OF_FILES: Attributes = {
    "creator": ("creator", "text"),
    "name": ("name", "text"),
    "namespace": ("namespace", "text"),
    "size": ("size", "number"),
    "fid": ("fid", "text"),
    "id": ("fid", "text"),
    "retired": ("retired", "flag"),
    "retired_by": ("retired_by", "text"),
    "retired_timestamp": ("retired_timestamp", "time"),
    "updated_by": ("updated_by", "text"),
    "updated_timestamp": ("updated_timestamp", "time"),
    "created_timestamp": ("created_timestamp", "time"),
}
OF_QUERIES: Attributes = {
    "creator": ("creator", "text"),
    "created_timestamp": ("created_timestamp", "time"),
    "namespace": ("namespace", "text"),
    "name": ("name", "text"),
    "description": ("description", "text"),
}
OF_DATASETS: Attributes = {
    **OF_QUERIES,
    "frozen": ("frozen", "flag"),
    "monotonic": ("monotonic", "flag"),
    "file_count": ("file_count", "number"),
}

_Term: TypeAlias = Compare | InRange | InSet
_Field: TypeAlias = Callable[[Any], Any]
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.[0-9]*)?(?:[eE][+-]?[0-9]+)?")


def condition(
    term: _Term, left: Attribute | Checksum | Length, known: Attributes
) -> Callable[[Any], Truth]:
    """Make the function for a term on an attribute, a checksum or a length.

    Where the record has no value (an attribute that is not set, the length of what is no list),
    the outcome is unknown, and stays so under negation.

    Raises
    ------
    QueryError
        If the attribute does not exist or the constant is of another kind.
    """
    field, kind = _field(left, known)
    test = _test(term, kind)

    def decide(record: Any) -> Truth:
        value = field(record)
        return None if value is None else test(value)

    return decide


def _field(left: Attribute | Checksum | Length, known: Attributes) -> tuple[_Field, str]:
    if isinstance(left, Checksum):
        which = left.kind
        return lambda record: record.checksums.get(which), "digits"
    if isinstance(left, Length):
        key = left.name
        return lambda record: _length(record.metadata.get(key)), "length"
    if left.name == "checksums":
        text = "checksums cannot be compared as a whole"
        raise QueryError(text, offset=left.span.start, hint='write: checksums["adler32"] = …')
    if left.name not in known:
        raise QueryError(
            f"there is no attribute {left.name}{nearest(left.name, known)}",
            offset=left.span.start,
            hint=f"attributes are: {', '.join(known)}; a metadata key has a dot",
        )
    name, kind = known[left.name]
    return lambda record: getattr(record, name), kind


def _length(value: Any) -> int | None:
    return len(value) if isinstance(value, list) else None


def _test(term: _Term, kind: str) -> Callable[[Any], Truth]:
    if isinstance(term, InSet):
        return _set_test(term, kind)
    if isinstance(term, InRange):
        return _range_test(term, kind)
    if "~" in term.op:
        if kind not in {"text", "digits"}:
            raise QueryError("a pattern needs a text on its left", offset=term.span.start)
        found = compile_pattern(str(_plain(term.value)), ignore_case=term.op.endswith("*")).found
        wanted = not term.op.startswith("!")
        return lambda value: found(value) is wanted
    if isinstance(term.value, Day):
        return _day_test(term.op, _day(term.value, kind))
    return _plain_test(term.op, read(term.value, kind))


def _plain_test(op: str, constant: Any) -> Callable[[Any], Truth]:
    if constant is None:
        return lambda value: None
    compare = OPERATORS[op]
    return lambda value: compare(value, constant)


def _day_test(op: str, day: Day) -> Callable[[Any], Truth]:
    start, end = day.start, day.end
    tests: dict[str, Callable[[Any], Truth]] = {
        "=": lambda value: start <= value < end,
        "!=": lambda value: not start <= value < end,
        "<": lambda value: value < start,
        ">=": lambda value: value >= start,
        "<=": lambda value: value < end,
        ">": lambda value: value >= end,
    }
    return tests[op]


def _range_test(term: InRange, kind: str) -> Callable[[Any], Truth]:
    wanted = not term.negated
    if isinstance(term.low, Day) and isinstance(term.high, Day):
        start, end = _day(term.low, kind).start, _day(term.high, kind).end
        return lambda value: (start <= value < end) is wanted
    low, high = read(term.low, kind), read(term.high, kind)
    if low is None or high is None:
        return lambda value: None
    return lambda value: (low <= value <= high) is wanted


def _set_test(term: InSet, kind: str) -> Callable[[Any], Truth]:
    constants = {read(value, kind) for value in term.values}
    wanted, unknown = not term.negated, None in constants

    def test(value: Any) -> Truth:
        if value in constants:
            return wanted
        return None if unknown else not wanted

    return test


def _day(day: Day, kind: str) -> Day:
    if kind != "time":
        raise QueryError("date(…) compares with times only", offset=day.span.start)
    return day


def read(value: Value, kind: str) -> Any:
    """Read a constant as what an attribute of this kind holds; null is None.

    Raises
    ------
    QueryError
        If the constant is of another kind.
    """
    constant = _plain(value)
    if constant is None:
        return None
    found = _READERS[kind](constant, value)
    if found is None:
        wanted = {"flag": "true or false", "time": "a time", "text": "a text (quote it)"}
        text = f"expected {wanted.get(kind, 'a number')}, found {constant!r}"
        raise QueryError(text, offset=value.span.start)
    return found


def _plain(value: Value) -> int | float | bool | str | None:
    if isinstance(value, Day):
        raise QueryError("date(…) cannot stand here", offset=value.span.start)
    return value.value


def _text(constant: Any, value: Value) -> str | None:
    return constant if isinstance(constant, str) else None


def _digits(constant: Any, value: Value) -> str | None:
    """Hexadecimal digits as written: ``12345678`` is no number here."""
    return (
        value.written if isinstance(value, Constant) and value.written else _text(constant, value)
    )


def _number(constant: Any, value: Value) -> int | float | None:
    if isinstance(constant, bool) or isinstance(value, Moment):
        return None
    if isinstance(constant, int | float):
        return constant
    if not _NUMBER.fullmatch(constant):
        return None
    return int(constant) if constant.lstrip("+-").isdigit() else float(constant)


def _only_number(constant: Any, value: Value) -> int | float | None:
    return None if isinstance(constant, str) else _number(constant, value)


def _flag(constant: Any, value: Value) -> bool | None:
    if isinstance(constant, bool):
        return constant
    return {"true": True, "false": False}.get(str(constant).lower())


def _time(constant: Any, value: Value) -> float | None:
    if isinstance(constant, bool):
        return None
    if isinstance(constant, int | float):
        return constant
    return utc_seconds(constant) if isinstance(value, Constant) else None


_READERS: dict[str, Callable[[Any, Value], Any]] = {
    "text": _text,
    "digits": _digits,
    "number": _number,
    "length": _only_number,
    "flag": _flag,
    "time": _time,
}
