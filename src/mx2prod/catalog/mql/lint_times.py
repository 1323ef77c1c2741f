"""Lint rules on timestamps, which a server compares with ISO text only."""

from __future__ import annotations

from collections.abc import Iterator

from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.lint_context import Context, Rule
from mx2prod.catalog.mql.syntax import Attribute, Compare, Constant, Day, InRange, InSet, Value
from mx2prod.catalog.mql.words import has_zone, iso_text, utc_seconds
from mx2prod.catalog.mql.write import quoted, write


def timestamps(context: Context) -> Iterator[Finding]:
    """Timestamps against numbers and dates (L04), and against texts without zone (L05)."""
    for place in context.places:
        node = place.node
        if not isinstance(node, Compare | InRange | InSet):
            continue
        if not (isinstance(node.left, Attribute) and node.left.name.endswith("_timestamp")):
            continue
        values = _values(node)
        if any(not isinstance(value, Constant) or _is_number(value) for value in values):
            if place.evaluated:
                yield context.finding("L04", node, words=_with_iso(node))
        elif any(_lacks_zone(value) for value in values):
            yield context.finding("L05", node, words=_with_iso(node))


def _values(node: Compare | InRange | InSet) -> tuple[Value, ...]:
    if isinstance(node, Compare):
        return (node.value,)
    return node.values if isinstance(node, InSet) else (node.low, node.high)


def _is_number(value: Constant) -> bool:
    return isinstance(value.value, int | float) and not isinstance(value.value, bool)


def _lacks_zone(value: Value) -> bool:
    text = value.value if isinstance(value, Constant) else None
    return isinstance(text, str) and utc_seconds(text) is not None and not has_zone(text)


def _with_iso(node: Compare | InRange | InSet) -> str | None:
    """Write a term on a timestamp with ISO texts that name their zone; None for no such time."""
    name = write(node.left)
    try:
        if isinstance(node, Compare):
            return _compare_iso(name, node.op, node.value)
        word = "not in" if node.negated else "in"
        if isinstance(node, InSet):
            return f"{name} {word} ({', '.join(_iso(value) for value in node.values)})"
        if isinstance(node.low, Day) and isinstance(node.high, Day):
            start, end = _iso_text(node.low.start), _iso_text(node.high.end)
            inside = f"({name} >= {start} and {name} < {end})"
            return f"!{inside}" if node.negated else inside
        return f"{name} {word} {_iso(node.low)}:{_iso(node.high)}"
    except (OverflowError, ValueError):
        return None


def _compare_iso(name: str, op: str, value: Value) -> str:
    if not isinstance(value, Day):
        return f"{name} {op} {_iso(value)}"
    start, end = _iso_text(value.start), _iso_text(value.end)
    return {
        "=": f"({name} >= {start} and {name} < {end})",
        "!=": f"({name} < {start} or {name} >= {end})",
        "<": f"{name} < {start}",
        "<=": f"{name} < {end}",
        ">": f"{name} >= {end}",
        ">=": f"{name} >= {start}",
    }[op]


def _iso(value: Value) -> str:
    constant = value.start if isinstance(value, Day) else value.value
    if isinstance(constant, str):
        constant = utc_seconds(constant)
    if constant is None or isinstance(constant, bool):
        raise ValueError("not a time")
    return _iso_text(constant)


def _iso_text(seconds: float) -> str:
    return quoted(iso_text(seconds))


RULES: tuple[Rule, ...] = (timestamps,)
