"""Texts and their algebra: words, names, errors that point at the place, limits."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.evaluate import evaluate
from mx2prod.catalog.mql.parse import DEEPEST, parse
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.catalog.mql.syntax import AllFiles, Constant, FileList, Limit, Name, Where
from mx2prod.core.errors import QueryError


def value(text: str) -> Any:
    query = parse(f"files where k.v = {text}")
    assert isinstance(query, Where)
    assert isinstance(query.condition, syntax.Compare)
    return query.condition.value


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("007", Constant(7)),
        ("-5", Constant(-5)),
        ("+5", Constant(5)),
        ("1.", Constant(1.0)),
        (".5", Constant(0.5)),
        ("7.2e3", Constant(7200.0)),
        ("1e+2", Constant(100.0)),
        ("18446744073709551617", Constant(2**64 + 1)),
        ("TRUE", Constant(True)),
        ("False", Constant(False)),
        ("null", Constant(None)),
        ("NULL", Constant("NULL")),
        ("5x", Constant("5x")),
        ("true5", Constant("true5")),
        ("1.2.3", Constant("1.2.3")),
        ("1_000", Constant("1_000")),
        ("inf", Constant("inf")),
        ("a@b", Constant("a@b")),
        ("$x-1", Constant("$x-1")),
        ("and", Constant("and")),
        ('"a b"', Constant("a b", quoted=True)),
        ("'say \"é\"'", Constant('say "é"', quoted=True)),
        ('"5"', Constant("5", quoted=True)),
        ('"a # b"', Constant("a # b", quoted=True)),
    ],
)
def test_word(text: str, wanted: Constant) -> None:
    assert value(text) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("files limit", FileList((Name(None, "limit"),))),
        ("files limit 5", Limit(AllFiles(), 5)),
        ("files where", FileList((Name(None, "where"),))),
        ("files where limit 5", Limit(FileList((Name(None, "where"),)), 5)),
        ("files limit, skip", FileList((Name(None, "limit"), Name(None, "skip")))),
        ("files from:from", FileList((Name("from", "from"),))),
        ("files ordered", syntax.Ordered(AllFiles())),
        ("files a:b, c, d:e", FileList((Name("a", "b"), Name("a", "c"), Name("d", "e")))),
        (
            "files filesystem, anderson",
            FileList((Name(None, "filesystem"), Name(None, "anderson"))),
        ),
        ("union(files a:b, files c:d)", syntax.Union((parse("files a:b"), parse("files c:d")))),  # type: ignore[arg-type]
        ("union(files a:b, fids F1, F2)", syntax.Union((parse("files a:b"), parse("fids F1, F2")))),  # type: ignore[arg-type]
        ("union(files a:b, files:d)", syntax.Union((parse("files a:b, files:d"),))),  # type: ignore[arg-type]
        ("[files from a:b, c:d, (files)]", parse("union(files from a:b, c:d, files)")),
        ("{files}", parse("join(files)")),
        ("files # all of them\n", AllFiles()),
        ("files\twhere(a.b=1)limit 3", parse("files where a.b = 1 limit 3")),
        ("files where a.b==1", parse("files where a.b = 1")),
        ("files where a.b=1 or a.b=2 and a.c=3", parse("files where a.b=1 or (a.b=2 and a.c=3)")),
        ("files where a.b = 1 -files", parse("(files where a.b = 1) - files")),
        ("files from a:b-c", syntax.FilesFrom((syntax.Selector(Name("a", "b-c")),))),
        ("file a:b", parse("files a:b")),
        ("fid F1", parse("fids F1")),
        ("files from datasets matching a:*", parse("files from matching a:*")),
    ],
)
def test_reading(text: str, wanted: syntax.Query) -> None:
    assert parse(text) == wanted


def test_clauses_bind_as_the_page_says() -> None:
    left, right = parse("files from a:A"), parse("files from b:B")
    condition = parse("files where x.y = 1")
    assert isinstance(condition, Where)
    where_right = Where(right, condition.condition)  # type: ignore[arg-type]
    assert parse("files from a:A - files from b:B where x.y = 1") == syntax.Minus(left, where_right)  # type: ignore[arg-type]
    assert parse("files from a:A - files from b:B limit 2") == Limit(syntax.Minus(left, right), 2)  # type: ignore[arg-type]
    chained = parse("files from a:A ordered where x.y = 1 where x.y = 1 limit 2")
    assert chained == parse("((files from a:A ordered) where x.y = 1) where x.y = 1 limit 2")


@pytest.mark.parametrize(
    ("text", "column", "words"),
    [
        ("files where a.b like x", 17, "there is no like"),
        ("files where a.b !== 1", 19, "write: !="),
        ("files where a.b <> 1", 18, "write: !="),
        ('files where exists "$.a"', 20, "there is no exists"),
        ("files where not a.b = 1", 17, "negation is written !("),
        ("files where a.b = 1 && a.c = 2", 21, "write: and"),
        ("files where a.b = 1 || a.c = 2", 21, "write: or"),
        ("files where a.b + 1 > 2", 17, "no arithmetic"),
        ("files where a.b = 1;", 20, "one query only"),
        ("files where a.b[first] = 1", 17, "between brackets"),
        ("files where a.b[] = 1", 17, "between brackets"),
        ("files where a.b[0][1] = 1", 19, "one subscript only"),
        ("files where a.b in ()", 21, "has at least one"),
        ("files from a:b with meta", 21, "expected subsets"),
        ("files where a.b = 1 with meta", 21, "are options"),
        ("files from a:b, summary=count", 24, "are options"),
        ("FILES FROM a:b", 1, "lower case"),
        ("files where a.b = 1 AND a.c = 2", 21, "lower case"),
        ("fiels from a:b", 1, "did you mean 'files'"),
        ("select * from files", 1, "a query starts with"),
        ("datasets matching *:*", 19, "namespace written out"),
        ('files where a.b = "x', 19, "not closed"),
        ("files a:b, files c:d", 10, "union(A, B)"),
        ("files limit 3 where a.b = 1 limit 3 where a.b = 2", 37, "parentheses"),
        ("files where a.b = /path", 19, "stands in quotes"),
        ("files where a.b is null", 17, "there is no is"),
        ("files where a.b =", 18, "the end of the query"),
        ("files where (a.b = 1", 21, "expected ')'"),
        ('files where "5" = a.b', 13, "the other way round"),
        ("files where 5 = a.b", 13, "neither a metadata key"),
        ("files where a.9 = 1", 13, "neither a metadata key"),
        ("files where a.b in c", 20, "low:high"),
        ("files where a.b in 1:x", 20, "expected one kind"),
        ("files where a.b in date(2024-01-01):5", 20, "expected one kind"),
        ("files where a.b in (date(2024-01-01))", 21, "cannot stand in a list"),
        ("files where date(2024-01-01) in a.b", 13, "cannot stand before 'in'"),
        ("files where size present", 13, "needs a metadata key"),
        ("files where size[any] = 1", 13, "only metadata keys"),
        ("files where len(size) = 1", 17, "expected a metadata key"),
        ("files where a.b ~ 5", 19, "a pattern is a text"),
        ('files where a.b ~ "a("', 19, "character 2"),
        ("files where a.b = date(2024-13-01)", 19, "YYYY-MM-DD"),
        ("files where a.b = date(2024-01-01, 5)", 19, "zone"),
        ("files where a.b = datetime(now)", 19, "YYYY-MM-DD"),
        ("query x", 7, "expected NS:NAME"),
        ("filter sample(f=1, 2)(files)", 15, "after the others"),
        ("datasets matching regexp a:b*", 28, "in quotes"),
        (f"files limit {'9' * 30}", 13, "digits"),
        (f"files where a.b = {'9' * 500}", 19, "500 characters"),
    ],
)
def test_error_points_at_its_place(text: str, column: int, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        parse(text)
    message = caught.value.message
    assert words in message
    assert f"line 1, column {column}" in message
    assert caught.value.offset == column - 1
    _, shown, caret, *_ = message.split("\n")
    assert shown[len(caret) - 1 :].startswith(text[column - 1 : column])


def test_error_names_the_line() -> None:
    with pytest.raises(QueryError, match="line 3, column 3") as caught:
        parse("files from a:b\n  where a.b = 1 # so\n  adn a.c = 2")
    assert "\n    adn a.c = 2\n    ^" in caught.value.message


@pytest.mark.parametrize("text", ["", "  \n", "# nothing"])
def test_empty_query_is_refused(text: str) -> None:
    with pytest.raises(QueryError):
        parse(text)


@pytest.mark.parametrize(
    "text",
    [
        "files where " + "(" * (DEEPEST + 1) + "a.b = 1" + ")" * (DEEPEST + 1),
        "files where " + "!" * 100_000 + "a.b = 1",
        "files" + " limit 5" * 100_000,
        "files" + " - files a:b" * 300,
        "(" * 400_000,
        "files" + " " * 1_000_000,
    ],
    ids=["brackets", "negations", "limits", "differences", "open", "length"],
)
def test_too_deep_or_too_long_is_an_error(text: str) -> None:
    with pytest.raises(QueryError, match=r"more than 200 levels|characters"):
        parse(text)


def test_as_deep_as_allowed_is_answered() -> None:
    text = "files where " + "!(" * 98 + "a.b = 1" + ")" * 98
    assert evaluate(text, MemorySource([])).records == []


def test_ten_thousand_terms() -> None:
    numbers = ", ".join(str(number) for number in range(10_000))
    query = parse(f"files where a.b in ({numbers}) or " + " or ".join(["a.c = 1"] * 10_000))
    assert isinstance(query, Where)
    assert isinstance(query.condition, syntax.Or)
    assert len(query.condition.items) == 10_001


def test_twenty_groups_of_or_do_not_multiply() -> None:
    groups = " and ".join(f"(a.b = {number} or a.c = {number})" for number in range(20))
    started = time.perf_counter()
    assert evaluate(f"files where {groups}", MemorySource([])).records == []
    assert time.perf_counter() - started < 5.0  # expanded it would be a million terms: minutes


@given(st.text(max_size=60))
def test_any_text_is_a_query_or_an_error(text: str) -> None:
    try:
        parse(text)
    except QueryError as error:
        assert error.message


_PIECES = st.sampled_from(
    ["files", "from", "where", "a:b", "a.b", "=", "5", '"x"', "(", ")", "and", "or", "!", "in",
     ",", ":", "-", "limit", "union(", "[", "]", "not", "present", "having", "matching", "a:*",
     "date(2024-01-01)", "ordered", "~", "len(a.b)", "with", "subsets", "datasets", "{", "}"]
)  # fmt: skip


@given(st.lists(_PIECES, max_size=14).map(" ".join))
def test_any_row_of_words_is_a_query_or_an_error(text: str) -> None:
    try:
        query = parse(text)
    except QueryError:
        return
    assert query.span.end <= len(text)
