"""Lint rules on the terms of conditions."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.lint_context import Context, Place, Rule
from mx2prod.catalog.mql.syntax import (
    AllItems,
    AnyItem,
    Attribute,
    Compare,
    Constant,
    Contains,
    Day,
    InRange,
    InSet,
    Item,
    Key,
    Length,
    Member,
    Moment,
    Not,
    Present,
    Value,
    walk,
)
from mx2prod.catalog.mql.words import KEY, iso_text
from mx2prod.catalog.mql.write import quoted, write

_ESCAPES = {"d": "[0-9]", "w": "[A-Za-z0-9_]", "D": "[^0-9]", "W": "[^A-Za-z0-9_]"}
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ON_KEY = Key | AnyItem | AllItems | Item | Member


def plain_range(context: Context) -> Iterator[Finding]:
    """Ranges of plain keys (L01)."""
    for place in context.places:
        node = place.node
        if isinstance(node, InRange) and isinstance(node.left, Key) and not _days(node):
            term = f"{node.left.name}[any] in {_end(node.low, node)}:{_end(node.high, node)}"
            yield context.finding("L01", node, words=f"!({term})" if node.negated else term)


def mixed_range(context: Context) -> Iterator[Finding]:
    """Ranges from an integer to a float (L24)."""
    for place in context.places:
        node = place.node
        if isinstance(node, InRange) and _is_mixed(node):
            word = "not in" if node.negated else "in"
            ends = f"{_end(node.low, node)}:{_end(node.high, node)}"
            yield context.finding("L24", node, words=f"{context.words(node.left)} {word} {ends}")


def _days(node: InRange) -> bool:
    return isinstance(node.low, Day)


def _is_mixed(node: InRange) -> bool:
    kinds = {type(end.value) for end in (node.low, node.high) if not isinstance(end, Day)}
    return kinds == {int, float}


def _end(value: Value, node: InRange) -> str:
    if _is_mixed(node) and isinstance(value, Constant) and type(value.value) is int:
        return f"{value.value}.0"
    return write(value)


def case_of_keys(context: Context) -> Iterator[Finding]:
    """``~*`` and ``!~*`` on keys (L02)."""
    for place in context.places:
        node = place.node
        if isinstance(node, Compare) and isinstance(node.left, _ON_KEY) and "~*" in node.op:
            pattern = quoted(f"(?i){_text(node.value)}")
            words = f"{write(node.left)} {node.op[:-1]} {pattern}"
            if place.evaluated:
                yield context.finding("L02", node, words=words)


def lengths(context: Context) -> Iterator[Finding]:
    """``len(k)`` (L03)."""
    for node in context.nodes:
        if isinstance(node, Length):
            yield context.finding("L03", node)


def contained_text(context: Context) -> Iterator[Finding]:
    """Texts ``in`` a key (L14)."""
    for place in context.places:
        node = place.node
        if isinstance(node, Contains) and isinstance(_constant(node.value), str):
            term = f"{node.key.name}[any] = {quoted(_text(node.value))}"
            yield context.finding("L14", node, words=f"!({term})" if node.negated else term)


def backslashes(context: Context) -> Iterator[Finding]:
    """Backslashes in patterns on keys (L15)."""
    for place in context.places:
        node = place.node
        if not (isinstance(node, Compare) and isinstance(node.left, _ON_KEY) and "~" in node.op):
            continue
        if "\\" in _text(node.value):
            pattern = _without_backslashes(_text(node.value))
            words = pattern and f"{write(node.left)} {node.op} {quoted(pattern)}"
            yield context.finding("L15", node, words=words)


def _without_backslashes(pattern: str) -> str | None:
    """Say the same without a backslash; None where that takes more than replacing it."""
    if "[" in pattern or any(
        (letter.isalnum() and letter not in _ESCAPES) or letter in "^\\"
        for letter in _ESCAPE.findall(pattern)
    ):
        return None
    return _ESCAPE.sub(lambda match: _ESCAPES.get(match[1], f"[{match[1]}]"), pattern)


def constants(context: Context) -> Iterator[Finding]:
    """Null (L16) and names of keys (L17) as constants, ``datetime(hh:mm)`` unquoted (L19)."""
    known = context.source.known_keys() if context.source else ()
    for node in context.nodes:
        if isinstance(node, Moment) and not node.quoted and ":" in node.text:
            words = f'datetime("{node.text}")'
            yield context.finding("L19", node, words=words, detail="datetime() without quotes")
        if not isinstance(node, Constant) or node.quoted:
            continue
        if node.value is None:
            yield context.finding("L16", node)
        if isinstance(node.value, str) and KEY.fullmatch(node.value) and node.value in known:
            yield context.finding("L17", node, words=f'"{node.value}"')


def fid_attribute(context: Context) -> Iterator[Finding]:
    """``id`` and ``fid`` as attributes (L19)."""
    for place in context.places:
        left = getattr(place.node, "left", None)
        if isinstance(left, Attribute) and left.name in {"id", "fid"} and place.evaluated:
            yield context.finding("L19", left, detail=f"{left.name} as an attribute")


def all_items(context: Context) -> Iterator[Finding]:
    """Negated lists and ranges of ``[all]``, and ``[all] in date:date`` (L23)."""
    direct = {
        id(place.node.item): place.node for place in context.places if isinstance(place.node, Not)
    }
    for place in context.places:
        node = place.node
        if not place.evaluated or not isinstance(node, InRange | InSet):
            continue
        if not isinstance(node.left, AllItems):
            continue
        if place.negative:
            around = direct.get(id(node))
            words = None if around is None else _opposite(node)
            yield context.finding("L23", around or node, words=words)
        elif isinstance(node, InRange) and not node.negated:
            yield from _days_of_all(context, node)


def _days_of_all(context: Context, node: InRange) -> Iterator[Finding]:
    if isinstance(node.low, Day) and isinstance(node.high, Day):
        name = write(node.left)
        words = f"({name} >= {_moment(node.low.start)} and {name} < {_moment(node.high.end)})"
        yield context.finding("L23", node, words=words)


def _opposite(term: InRange | InSet) -> str:
    word = "in" if term.negated else "not in"
    if isinstance(term, InSet):
        values = ", ".join(write(value) for value in term.values)
        return f"{write(term.left)} {word} ({values})"
    return f"{write(term.left)} {word} {write(term.low)}:{write(term.high)}"


def _moment(seconds: float) -> str:
    return f"datetime({quoted(iso_text(seconds))})"


def missing_keys(context: Context) -> Iterator[Finding]:
    """Terms that are true of files without the key (L25)."""
    for place in context.places:
        node = place.node
        key = _first_key(place)
        if key is None:
            continue
        negated = isinstance(node, Not) or getattr(node, "negated", False)
        of_all = isinstance(getattr(node, "left", None), AllItems)
        if (negated and not isinstance(node, Present)) or of_all:
            detail = f"if {key} must be there:  … and {key} present"
            yield context.finding("L25", node, detail=detail)


def _first_key(place: Place) -> str | None:
    return next((item.name for item in walk(place.node) if isinstance(item, _ON_KEY)), None)


def first_items(context: Context) -> Iterator[Finding]:
    """``k[0]`` in a term (L26)."""
    for node in context.nodes:
        if isinstance(node, Item) and node.index == 0:
            yield context.finding("L26", node)


def _constant(value: Value) -> object:
    return None if isinstance(value, Day) else value.value


def _text(value: Value) -> str:
    return str(_constant(value))


RULES: tuple[Rule, ...] = (
    plain_range,
    mixed_range,
    case_of_keys,
    lengths,
    contained_text,
    backslashes,
    constants,
    fid_attribute,
    all_items,
    missing_keys,
    first_items,
)
