"""From what the grammar recognises to nodes of the algebra; one method a rule of grammar.lark."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

from lark import Token

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.build_parts import (
    Parts,
    Within,
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
from mx2prod.catalog.mql.build_queries import FileRules
from mx2prod.catalog.mql.syntax import Constant, Day, Expression, Key, Moment, Value
from mx2prod.catalog.mql.words import ATTRIBUTE, KEY, read_day, read_moment
from mx2prod.core.errors import QueryError

_KEY_WANTED = "a metadata key has a dot (core.runs), an attribute is one word (size)"


class Builder(FileRules):
    """All rules: those of conditions stand here."""

    def disjunction(self, parts: Parts) -> syntax.Or:
        """Read ``a or b``."""
        return syntax.Or(tuple(_flat(plain(parts), syntax.Or)), span=span_of(parts))

    def conjunction(self, parts: Parts) -> syntax.And:
        """Read ``a and b``."""
        return syntax.And(tuple(_flat(plain(parts), syntax.And)), span=span_of(parts))

    def negation(self, parts: Parts) -> syntax.Not:
        """Read ``!a``."""
        return syntax.Not(plain(parts)[0], span=span_of(parts))

    def compare(self, parts: Parts) -> syntax.Compare:
        """Read ``left op value``."""
        op = "=" if parts[1] == "==" else str(parts[1])
        value = value_of(parts[2])
        if "~" in op:
            if not (isinstance(value, Constant) and isinstance(value.value, str)):
                raise QueryError("a pattern is a text: quote it", offset=value.span.start)
            check_pattern(value.value, quoted=True, offset=value.span.start)
        return syntax.Compare(_left(parts[0]), op, value, span=span_of(parts))

    def in_range(self, parts: Parts) -> syntax.InRange:
        """Read ``left [not] in low:high``."""
        low, high = value_of(parts[2]), value_of(parts[4])
        if _kind(low) != _kind(high):
            text = f"the ends of a range are {_kind(low)} and {_kind(high)}: expected one kind"
            raise QueryError(text, offset=low.span.start)
        return syntax.InRange(_left(parts[0]), low, high, parts[1].negated, span=span_of(parts))

    def in_set(self, parts: Parts) -> syntax.InSet:
        """Read ``left [not] in (…)``."""
        values = tuple(value_of(part) for part in parts[3:-1] if not isinstance(part, Token))
        for value in values:
            if isinstance(value, Day):
                text = "date(…) cannot stand in a list: use = or a range"
                raise QueryError(text, offset=value.span.start)
        return syntax.InSet(_left(parts[0]), values, parts[1].negated, span=span_of(parts))

    def contains(self, parts: Parts) -> syntax.Contains:
        """Read ``value [not] in key``."""
        right = parts[2]
        if not (isinstance(right, Word) and KEY.fullmatch(right.text)):
            text = "after 'in' stands low:high, a list in parentheses, or a metadata key"
            raise QueryError(text, offset=edge(right, 0))
        value = value_of(parts[0])
        if isinstance(value, Day):
            raise QueryError("date(…) cannot stand before 'in'", offset=value.span.start)
        key = Key(right.text, span=right.span)
        return syntax.Contains(value, key, parts[1].negated, span=span_of(parts))

    def present(self, parts: Parts) -> syntax.Present:
        """Read ``key [not] present``."""
        key = _left(parts[0])
        if not isinstance(key, Key):
            raise QueryError("'present' needs a metadata key", offset=edge(parts[0], 0))
        return syntax.Present(key, has(parts, "NOT"), span=span_of(parts))

    def within(self, parts: Parts) -> Within:
        """Read ``in`` and ``not in``."""
        return Within(negated=has(parts, "NOT"))

    def word(self, parts: Parts) -> Word:
        """Read an unquoted word."""
        return Word(str(parts[0]), span_of(parts))

    def quoted(self, parts: Parts) -> Constant:
        """Read a text in quotes."""
        return Constant(text_of(parts[0]), quoted=True, span=span_of(parts))

    def moment(self, parts: Parts) -> Moment:
        """Read ``datetime(…)``."""
        token: Token = parts[2]
        return read_moment(text_of(token), quoted=token.type == "QUOTED", span=span_of(parts))

    def day(self, parts: Parts) -> Day:
        """Read ``date(…)``."""
        texts = [text_of(part) for part in parts if part.type in {"MOMENT", "QUOTED"}]
        return read_day(texts[0], texts[1] if len(texts) > 1 else None, span=span_of(parts))

    def subscripted(self, parts: Parts) -> syntax.Left:
        """Read ``key[…]`` and ``checksums["…"]``."""
        name, inside, span = str(parts[0]), parts[2], span_of(parts)
        if name == "checksums" and inside.type == "QUOTED":
            return syntax.Checksum(text_of(inside), span=span)
        if not KEY.fullmatch(name):
            raise QueryError(f"{name}: only metadata keys have items", offset=span.start)
        if inside.type == "INT":
            return syntax.Item(name, integer_of(inside), span=span)
        if inside.type == "QUOTED":
            return syntax.Member(name, text_of(inside), span=span)
        return (syntax.AnyItem if inside == "any" else syntax.AllItems)(name, span=span)

    def length(self, parts: Parts) -> syntax.Length:
        """Read ``len(key)``."""
        name = str(parts[2])
        if not KEY.fullmatch(name):
            raise QueryError(f"len({name}): expected a metadata key", offset=edge(parts[2], 0))
        return syntax.Length(name, span=span_of(parts))


def _flat(items: Iterable[Any], kind: type[syntax.And | syntax.Or]) -> Iterable[Expression]:
    """Take apart items of the same kind: ``a and (b and c)`` has three items."""
    for item in items:
        yield from item.items if isinstance(item, kind) else (item,)


def _left(part: Any) -> syntax.Left:
    if not isinstance(part, Word):
        if isinstance(part, Constant | Moment | Day):
            raise QueryError(
                "a condition has a key or an attribute on its left",
                offset=part.span.start,
                hint="write the comparison the other way round",
            )
        return cast("syntax.Left", part)
    if KEY.fullmatch(part.text):
        return Key(part.text, span=part.span)
    if ATTRIBUTE.fullmatch(part.text):
        return syntax.Attribute(part.text, span=part.span)
    text = f"{part.text!r} is neither a metadata key nor an attribute"
    raise QueryError(text, offset=part.span.start, hint=_KEY_WANTED)


def _kind(value: Value) -> str:
    """Kind of a range end; integers, floats and datetime() are one."""
    if isinstance(value, Day):
        return "date()"
    if isinstance(value, Moment):
        return "a number"
    if isinstance(value.value, bool):
        return "true or false"
    names = {int: "a number", float: "a number", str: "a text"}
    return names.get(type(value.value), "null")
