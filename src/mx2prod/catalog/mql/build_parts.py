"""Parts of rules: what the grammar hands to the builder, and how to read them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

from lark import Token

from mx2prod.catalog.mql.patterns import compile_pattern
from mx2prod.catalog.mql.syntax import Constant, Day, Moment, Node, Span, Value
from mx2prod.catalog.mql.words import read_word
from mx2prod.core.errors import QueryError


@dataclass(frozen=True)
class Group:
    """A node in parentheses; its span is that of the parentheses."""

    node: Node
    span: Span


@dataclass(frozen=True)
class Word:
    """An unquoted word that is a key, an attribute or a constant by where it stands."""

    text: str
    span: Span


Parts = Sequence[Any]
"""What stands in one rule: tokens and what the methods below made of the rules inside."""


def edge(part: Any, side: int) -> int:
    """First (0) or last (1) character of a part."""
    if isinstance(part, Token):
        return cast("int", part.end_pos if side else part.start_pos)
    if isinstance(part, list):
        return edge(part[-side], side)
    return cast("int", part.span[side])


def span_of(parts: Parts) -> Span:
    """Span from the first part to the last one."""
    return Span(edge(parts[0], 0), edge(parts[-1], 1))


def plain(parts: Parts) -> list[Any]:
    """Return the parts that are no tokens, without their parentheses."""
    return [
        part.node if isinstance(part, Group) else part
        for part in parts
        if not isinstance(part, Token)
    ]


def has(parts: Parts, terminal: str) -> bool:
    """Say whether a terminal is among the parts."""
    return any(isinstance(part, Token) and part.type == terminal for part in parts)


def text_of(token: Token) -> str:
    """Text of a token, without its quotes."""
    return str(token)[1:-1] if token.type == "QUOTED" else str(token)


@dataclass(frozen=True)
class Within:
    """``in`` or ``not in``."""

    negated: bool


@dataclass(frozen=True)
class Option:
    """An argument of a filter that has a name."""

    name: str
    value: Value
    span: Span


def value_of(part: Any) -> Value:
    """Read a part as a constant."""
    if isinstance(part, Constant | Moment | Day):
        return part
    if not isinstance(part, Word):
        raise QueryError("expected a constant", offset=edge(part, 0))
    return read_word(part.text, part.span)


def check_pattern(text: str, *, quoted: bool, offset: int | None) -> None:
    """Refuse a regular expression that is not valid, at its place."""
    if not quoted:
        raise QueryError("a regular expression stands in quotes", offset=offset)
    try:
        compile_pattern(text)
    except QueryError as error:
        raise QueryError(error.message, offset=offset) from error


def integer_of(token: Token) -> int:
    """Read the number of a clause or a subscript."""
    if len(token) > 18:
        raise QueryError(f"{token}: more than 18 digits", offset=token.start_pos)
    return int(token)
