"""Conditions on records: an expression becomes a function of a record (catalogue page, 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol, TypeAlias

from mx2prod.catalog.mql import attributes, truth
from mx2prod.catalog.mql.attributes import Attributes
from mx2prod.catalog.mql.patterns import compile_pattern
from mx2prod.catalog.mql.syntax import (
    AllItems,
    And,
    AnyItem,
    Attribute,
    Checksum,
    Compare,
    Constant,
    Contains,
    Day,
    Expression,
    InRange,
    InSet,
    Item,
    Key,
    KeyLeft,
    Left,
    Length,
    Member,
    Not,
    Or,
    Present,
    Value,
    walk,
)
from mx2prod.catalog.mql.truth import Test, Truth
from mx2prod.catalog.mql.words import KEY
from mx2prod.core.errors import QueryError


class HasMetadata(Protocol):
    """A record: metadata, and the attributes that a condition asks for."""

    @property
    def metadata(self) -> Mapping[str, Any]:
        """Metadata by key."""


Condition: TypeAlias = Callable[[Any], Truth]
"""Truth of one record, a :class:`HasMetadata`; it is selected where this is True."""
_Elements: TypeAlias = Callable[[Any], Sequence[Any]]


def compile_condition(
    expression: Expression,
    known: Attributes = attributes.OF_FILES,
    known_keys: Collection[str] = (),
) -> Condition:
    """Make the function that decides about one record.

    Parameters
    ----------
    expression : Expression
    known : Attributes
        Attributes of the records: ``OF_FILES``, ``OF_DATASETS`` or ``OF_QUERIES``.
    known_keys : collection of str
        Metadata keys of the catalogue: an unquoted constant of such a name is refused, since
        there is no comparison of two fields.

    Raises
    ------
    QueryError
        If an attribute does not exist, or cannot be compared with its constant.
    """
    for node in walk(expression):
        if isinstance(node, Constant):
            _refuse_key(node, known_keys)
    return _compiled(expression, known)


def _refuse_key(constant: Constant, known_keys: Collection[str]) -> None:
    text = constant.value
    if isinstance(text, str) and not constant.quoted and KEY.fullmatch(text) and text in known_keys:
        raise QueryError(
            f"{text} is a metadata key: fields are compared with constants only",
            offset=constant.span.start,
            hint=f'if the text is meant, quote it: "{text}"',
        )


def _compiled(expression: Expression, known: Attributes) -> Condition:
    if isinstance(expression, And | Or):
        parts = [_compiled(item, known) for item in expression.items]
        return _all_of(parts) if isinstance(expression, And) else _any_of(parts)
    if isinstance(expression, Not):
        inner = _compiled(expression.item, known)
        return lambda record: truth.negated(inner(record))
    if isinstance(expression, Present):
        name, wanted = expression.key.name, not expression.negated
        return lambda record: (name in record.metadata) is wanted
    if isinstance(expression, Contains):
        key = AnyItem(expression.key.name)
        found = _some(_elements(key), truth.comparison("=", expression.value))
        return _opposite(found) if expression.negated else found
    return _term(expression, known)


def _term(term: Compare | InRange | InSet, known: Attributes) -> Condition:
    left = term.left
    if isinstance(left, Attribute | Checksum | Length):
        return attributes.condition(term, left, known)
    if isinstance(term, Compare):
        return _comparison(left, term.op, term.value)
    return _range(left, term) if isinstance(term, InRange) else _set(left, term)


def _all_of(parts: Sequence[Condition]) -> Condition:
    def condition(record: HasMetadata) -> Truth:
        unknown = False
        for part in parts:
            value = part(record)
            if value is False:
                return False
            unknown = unknown or value is None
        return None if unknown else True

    return condition


def _any_of(parts: Sequence[Condition]) -> Condition:
    def condition(record: HasMetadata) -> Truth:
        unknown = False
        for part in parts:
            value = part(record)
            if value:
                return True
            unknown = unknown or value is None
        return None if unknown else False

    return condition


def _comparison(left: KeyLeft, op: str, value: Value) -> Condition:
    elements = _elements(left)
    if "~" in op:
        pattern = compile_pattern(str(truth.plain(value)), ignore_case=op.endswith("*"))
        matches = _text_test(pattern.found, wanted=not op.startswith("!"))
        fails = _text_test(pattern.found, wanted=op.startswith("!"))
        return _every(elements, fails) if isinstance(left, AllItems) else _some(elements, matches)
    if isinstance(left, AllItems):
        return _every(elements, truth.comparison(truth.INVERSE[op], value))
    return _some(elements, truth.comparison(op, value))


def _text_test(found: Callable[[str], bool], *, wanted: bool) -> Test:
    return lambda item: isinstance(item, str) and found(item) is wanted


def _range(left: KeyLeft, term: InRange) -> Condition:
    elements, low, high = _elements(left), term.low, term.high
    if isinstance(low, Day) and isinstance(high, Day):
        within, beyond = truth.inside(low, high), truth.outside(low, high)
        wanted, violating = (beyond, within) if term.negated else (within, beyond)
        if isinstance(left, AllItems):
            return _every(elements, violating)
        return _some(elements, wanted)
    if isinstance(left, AllItems):
        found = _every(elements, truth.beyond(low, high))
    else:
        found = _some(elements, truth.within(low, high))
    return _opposite(found) if term.negated else found


def _set(left: KeyLeft, term: InSet) -> Condition:
    elements, members = _elements(left), truth.Members(term.values)
    if isinstance(left, AllItems):
        found = _every(elements, members.lacks)
    else:
        found = _some(elements, members.has)
    return _opposite(found) if term.negated else found


def _some(elements: _Elements, test: Test) -> Condition:
    return lambda record: truth.some(elements(record), test)


def _every(elements: _Elements, violates: Test) -> Condition:
    return lambda record: truth.negated(truth.some(elements(record), violates))


def _opposite(condition: Condition) -> Condition:
    return lambda record: truth.negated(condition(record))


def _elements(left: KeyLeft) -> _Elements:
    """Values that a left side stands for; lists among them are opened one level."""
    name, sequence = left.name, _sequence(left)

    def elements(record: HasMetadata) -> Sequence[Any]:
        metadata = record.metadata
        if name not in metadata:
            return ()
        found = sequence(metadata[name])
        return _opened(found) if any(isinstance(item, list) for item in found) else found

    return elements


def _opened(items: Iterable[Any]) -> list[Any]:
    opened: list[Any] = []
    for item in items:
        opened.extend(item if isinstance(item, list) else (item,))
    return opened


def _sequence(left: Left) -> Callable[[Any], Sequence[Any]]:
    if isinstance(left, Key):
        return lambda value: (value,)
    if isinstance(left, Item):
        index = left.index
        return lambda value: _item(value if isinstance(value, list) else (value,), index)
    if isinstance(left, Member):
        member = left.member
        return lambda value: [
            part[member]
            for part in (value if isinstance(value, list) else (value,))
            if isinstance(part, dict) and member in part
        ]
    return lambda value: value if isinstance(value, list) else (value,)


def _item(values: Sequence[Any], index: int) -> Sequence[Any]:
    return values[index : index + 1] if index >= 0 else ()
