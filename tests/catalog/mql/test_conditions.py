"""Conditions: the rules of section 2.4 one by one, and against a second evaluation of them."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.conditions import compile_condition
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.records import FileRecord
from mx2prod.core.errors import QueryError
from tests.catalog.mql.strategies import EXPRESSIONS, METADATA


def record(metadata: dict[str, Any] | None = None, **others: Any) -> FileRecord:
    known: dict[str, Any] = {"fid": "F1", "namespace": "n", "name": "x.dat", "size": 10}
    return FileRecord(**{**known, **others}, metadata=metadata or {})


def truth(condition: str, metadata: dict[str, Any] | None = None, **others: Any) -> bool | None:
    query = parse(f"files where {condition}")
    assert isinstance(query, syntax.Where)
    return compile_condition(query.condition)(record(metadata, **others))


NOTHING = object()
DAY = 1730160000  # 2024-10-29T00:00:00Z


@pytest.mark.parametrize(
    ("condition", "value", "wanted"),
    [
        ("k.v = 1700", [1600, "x", 1700], True),
        ("k.v = 5", [1600, "x", 1700], None),
        ("k.v != good", NOTHING, False),
        ("!(k.v = good)", NOTHING, True),
        ("k.v = 7200", 7200.0, True),
        ("k.v = 9007199254740993", 9007199254740992, False),
        ("k.v = 9007199254740993", 9007199254740993, True),
        ("k.v > 9007199254740992.0", 9007199254740993, True),
        ('k.v = "Good"', "good", False),
        ('k.v > "é"', "\U0001f600", True),
        ("k.v = true", 1, None),
        ("k.v = true", "true", None),
        ("k.v > false", True, True),
        ("k.v > 1", "7200", None),
        ("!(k.v > 1)", "7200", None),
        ("k.v > 1", {"a": 2}, None),
        ("k.v != 1", None, True),
        ("k.v = 1", None, False),
        ("!(k.v = 1)", None, True),
        ("k.v = null", None, True),
        ("k.v <= null", None, True),
        ("k.v < null", None, False),
        ("k.v != null", 1, True),
        ("k.v = null", {}, False),
        ("k.v = 1699", [1699, 1700], True),
        ("k.v != 1699", [1699, 1700], True),
        ("k.v = 1", [[1]], None),
        ("k.v[any] = 1", [[1]], True),
        ("k.v[any] = 1", [[[1]]], None),
        ("k.v[0] = 1", 1, True),
        ("k.v[1] = 1", 1, False),
        ("k.v[-1] = 1", [1], False),
        ('k.v["x"] = 1', {"x": 1}, True),
        ('k.v["x"] = 1', [{"x": 1}, {"x": 2}], True),
        ('k.v["x"] != 1', {"y": 1}, False),
        ("k.v[all] = 1700", NOTHING, True),
        ("k.v[all] = 1700", [], True),
        ("k.v[all] = 1700", [1700, 1], False),
        ("k.v[all] = 1700", [1700, "x"], None),
        ("k.v[all] = 1700", [1, "x"], False),
        ("k.v[all] >= 5", [None], True),
        ("k.v[any] in 6:7", [5, 8], False),
        ("k.v[any] >= 6 and k.v[any] <= 7", [5, 8], True),
        ("k.v in 1:7200.5", 7200.25, True),
        ("k.v in 5:1", 3, False),
        ("k.v in 1:5", "3", False),
        ("k.v not in 1:5", "3", True),
        ("k.v not in 1:5", NOTHING, True),
        ("k.v in 1:5", [[3]], False),
        ("k.v[any] in 1:5", [[3]], True),
        ("k.v[all] in 1:5", [3, None, "x"], True),
        ("k.v[all] in 1:5", [3, 6], False),
        ("!(k.v[all] in 1:5)", [3, 6], True),
        ('k.v in (1, "7200")', "7200", True),
        ("k.v in (1)", True, False),
        ("k.v in (true)", 1, False),
        ("k.v not in (1)", NOTHING, True),
        ("k.v[any] in (1, null)", [None], True),
        ("k.v[all] in (1)", [1, None], False),
        ("k.v[all] in (1)", [1, "x"], True),
        ("k.v[all] in (1, x)", [1, 2], True),
        ("k.v[all] in (null)", [1], False),
        ("k.v present", None, True),
        ("k.v not present", NOTHING, True),
        ("x in k.v", ["x"], True),
        ("x not in k.v", NOTHING, True),
        ("x not in k.v", [5], None),
        ("good in k.v", "not_good", False),
        ('k.v ~ "oo"', "good", True),
        ('k.v ~ "oo"', 5, False),
        ('k.v !~ "oo"', 5, False),
        ('k.v !~ "oo"', NOTHING, False),
        ('!(k.v ~ "oo")', NOTHING, True),
        ('k.v !~ "oo"', ["good", "bad"], True),
        ('k.v[all] ~ "oo"', ["good", "bad"], False),
        ('k.v[all] ~ "oo"', [5], True),
        ("k.v ~* GOOD", "good", True),
        ("k.v !~* GOOD", "good", False),
        ('k.v ~ "go\\.od"', "goxod", False),
        ("len(k.v) = 2", [1, 2], True),
        ("len(k.v) = 2", 5, None),
        ("!(len(k.v) = 2)", NOTHING, None),
        ("len(k.v) not in (2, 3)", NOTHING, None),
        ("len(k.v) in 1:2", [1], True),
        ("k.v = date(2024-10-29)", DAY + 86399.5, True),
        ("k.v = date(2024-10-29)", DAY + 86400, False),
        ("k.v != date(2024-10-29)", DAY - 1, True),
        ("k.v < date(2024-10-29)", DAY, False),
        ("k.v <= date(2024-10-29)", DAY + 1, True),
        ("k.v > date(2024-10-29)", DAY + 86400, True),
        ("k.v >= date(2024-10-29)", DAY, True),
        ("k.v = date(2024-10-29)", "1730160000", None),
        ('k.v = date(2024-10-29, "-05:00")', DAY + 5 * 3600, True),
        ("k.v in date(2024-10-29):date(2024-10-30)", DAY + 2 * 86400 - 1, True),
        ("k.v in date(2024-10-29):date(2024-10-30)", DAY + 2 * 86400, False),
        ("k.v not in date(2024-10-29):date(2024-10-30)", NOTHING, False),
        ("k.v[all] in date(2024-10-29):date(2024-10-29)", [DAY, DAY + 1], True),
        ("k.v[all] not in date(2024-10-29):date(2024-10-29)", [DAY, 5], False),
        ('k.v = datetime("2024-10-29 00:00:00.5+01:00")', DAY - 3599.5, True),
        ("k.v = datetime(2024-10-29T00:00Z)", DAY, True),
    ],
)
def test_rule(condition: str, value: Any, wanted: bool | None) -> None:
    metadata = {} if value is NOTHING else {"k.v": value}
    assert truth(condition, metadata) is wanted


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ('name = "x.dat" and namespace = n', True),
        ("fid = F1 and id = F1", True),
        ('size = "10"', True),
        ("size in (10, 20)", True),
        ("size not in 20:60", True),
        ("creator = nobody", None),
        ("!(creator = nobody)", None),
        ("creator not in (nobody)", None),
        ('creator ~ "x"', None),
        ("creator = null", None),
        ("retired = false", True),
        ('retired = "false"', True),
        ("created_timestamp = 5", True),
        ('created_timestamp < "1970-01-02"', True),
        ('created_timestamp in "1970-01-01":"1970-01-01T00:00:05Z"', True),
        ("created_timestamp in date(1970-01-01):date(1970-01-01)", True),
        ("created_timestamp != date(1970-01-01)", False),
        ("created_timestamp >= date(1970-01-02)", False),
        ("created_timestamp <= date(1970-01-01)", True),
        ("updated_timestamp = datetime(1970-01-01)", None),
        ('checksums["adler32"] = 12345678', True),
        ('checksums["adler32"] ~ "^123"', True),
        ('checksums["md5"] = 12345678', None),
        ('name in "a":"y"', True),
        ('name ~* "^X"', True),
        ('name !~ "^y"', True),
    ],
)
def test_attribute(condition: str, wanted: bool | None) -> None:
    found = truth(condition, created_timestamp=5.0, checksums={"adler32": "12345678"})
    assert found is wanted


@pytest.mark.parametrize(
    ("condition", "words"),
    [
        ("size = abc", "expected a number, found 'abc'"),
        ('size ~ "1"', "a pattern needs a text"),
        ("size = true", "expected a number"),
        ("size = date(2024-10-29)", "compares with times only"),
        ("name = 5", "expected a text (quote it)"),
        ("retired = 1", "expected true or false"),
        ("created_timestamp = yesterday", "expected a time"),
        ("Creator = x", "did you mean 'creator'"),
        ("checksums = x", "cannot be compared as a whole"),
        ("len(k.v) = abc", "expected a number"),
        ('len(k.v) = "2"', "expected a number"),
    ],
)
def test_attribute_that_cannot_be_compared(condition: str, words: str) -> None:
    with pytest.raises(QueryError, match=re.escape(words)) as caught:
        truth(condition)
    assert caught.value.offset is not None


def test_an_unquoted_key_on_the_right_is_refused_where_the_catalogue_knows_it() -> None:
    query = parse("files where core.event_count > core.last_event_number")
    assert isinstance(query, syntax.Where)
    assert compile_condition(query.condition)(record({"core.event_count": 5})) is None
    with pytest.raises(QueryError, match="is a metadata key"):
        compile_condition(query.condition, known_keys={"core.last_event_number"})


# --- the same rules once more, written from the table, slowly


def _kind(value: Any) -> str:
    if value is None or isinstance(value, bool):
        return "null" if value is None else "flag"
    if isinstance(value, int | float):
        return "number"
    return "text" if isinstance(value, str) else "other"


def _compare(value: Any, op: str, constant: Any) -> bool | None:
    if (value is None) != (constant is None):
        return op == "!="
    if _kind(value) != _kind(constant) or _kind(value) == "other":
        return None
    if value is None:
        sign = 0
    elif _kind(value) == "text":
        left, right = [ord(one) for one in value], [ord(one) for one in constant]
        sign = (left > right) - (left < right)
    else:
        left, right = Fraction(value), Fraction(constant)
        sign = (left > right) - (left < right)
    return {"<": sign < 0, "<=": sign <= 0, ">": sign > 0, ">=": sign >= 0, "=": sign == 0,
            "!=": sign != 0}[op]  # fmt: skip


def _items(left: Any, metadata: dict[str, Any]) -> list[Any]:
    if left.name not in metadata:
        return []
    value = metadata[left.name]
    listed = value if isinstance(value, list) else [value]
    if isinstance(left, syntax.Key):
        listed = [value]
    if isinstance(left, syntax.Item):
        listed = [one for index, one in enumerate(listed) if index == left.index]
    if isinstance(left, syntax.Member):
        listed = [
            one[left.member] for one in listed if isinstance(one, dict) and left.member in one
        ]
    return [inner for one in listed for inner in (one if isinstance(one, list) else [one])]


def _any(outcomes: list[bool | None]) -> bool | None:
    if True in outcomes:
        return True
    return None if None in outcomes else False


def _not(outcome: bool | None) -> bool | None:
    return None if outcome is None else not outcome


VIOLATES = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "!=", "!=": "="}


def slow(node: Any, metadata: dict[str, Any]) -> bool | None:
    """Truth of a condition on metadata."""
    if isinstance(node, syntax.And):
        return _not(_any([_not(slow(item, metadata)) for item in node.items]))
    if isinstance(node, syntax.Or):
        return _any([slow(item, metadata) for item in node.items])
    if isinstance(node, syntax.Not):
        return _not(slow(node.item, metadata))
    if isinstance(node, syntax.Present):
        return (node.key.name in metadata) != node.negated
    if isinstance(node, syntax.Contains):
        items = _items(syntax.AnyItem(node.key.name), metadata)
        found = _any([_compare(item, "=", node.value.value) for item in items])
        return _not(found) if node.negated else found
    items = _items(node.left, metadata)
    every = isinstance(node.left, syntax.AllItems)
    if isinstance(node, syntax.Compare):
        return _slow_comparison(node, items, every=every)
    if isinstance(node, syntax.InRange):
        low, high = node.low.value, node.high.value
        if every:
            found = not any(_compare(i, "<", low) or _compare(i, ">", high) for i in items)
        else:
            found = any(_compare(i, ">=", low) and _compare(i, "<=", high) for i in items)
    else:
        values = [value.value for value in node.values]
        if every:
            found = not any(all(_compare(i, "!=", v) is True for v in values) for i in items)
        else:
            found = any(_compare(i, "=", v) for i in items for v in values)
    return bool(found) != node.negated


def _slow_comparison(node: Any, items: list[Any], *, every: bool) -> bool | None:
    if "~" not in node.op:
        if every:
            return _not(_any([_compare(i, VIOLATES[node.op], node.value.value) for i in items]))
        return _any([_compare(item, node.op, node.value.value) for item in items])
    flags = re.IGNORECASE if node.op.endswith("*") else re.NOFLAG
    wanted = node.op.startswith("!") == every
    matches = [bool(re.search(node.value.value, i, flags)) for i in items if isinstance(i, str)]
    return (wanted in matches) != every


@given(EXPRESSIONS, METADATA)
def test_random_conditions_agree_with_the_slow_evaluation(
    expression: syntax.Expression, metadata: dict[str, Any]
) -> None:
    assert compile_condition(expression)(record(metadata)) is slow(expression, metadata)


@given(EXPRESSIONS, EXPRESSIONS, METADATA)
def test_de_morgan(one: Any, other: Any, metadata: dict[str, Any]) -> None:
    left = compile_condition(syntax.Not(syntax.And((one, other))))
    right = compile_condition(syntax.Or((syntax.Not(one), syntax.Not(other))))
    assert left(record(metadata)) is right(record(metadata))


@given(EXPRESSIONS, st.lists(METADATA, max_size=4))
def test_a_part_that_fails_excludes_the_row(expression: Any, rows: list[dict[str, Any]]) -> None:
    """What an index may do with the parts of a condition."""
    whole = compile_condition(expression)
    parts = [compile_condition(part) for part in syntax.conjuncts(expression)]
    for metadata in rows:
        row = record(metadata)
        assert (whole(row) is True) == all(part(row) is True for part in parts)
