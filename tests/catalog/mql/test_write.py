"""Writing a query and reading it back."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.write import quoted, write
from mx2prod.core.errors import QueryError
from tests.catalog.mql.recorded import queries
from tests.catalog.mql.strategies import QUERIES


@given(QUERIES)
def test_random_queries_read_back(query: Any) -> None:
    assert parse(write(query)) == query


def test_recorded_queries_read_back() -> None:
    for entry in queries():
        try:
            query = parse(entry["mql"])
        except QueryError:
            continue
        assert parse(write(query)) == query


@pytest.mark.parametrize(
    "text",
    [
        "with namespace=mx2 union(files a, b, files from c)",
        'files where k.t in date("2024-10-29", "+01:00"):date("2024-10-30")',
        "files where k.t > datetime(2024-10-29T12:00:00)",
        "files where k.t > datetime('2024-10-29 12:00')",
        "filter randomize(seed=5, window=10)(files from a:b)",
        "files where k.x < 1e400",
        "datasets matching regexp a:'^x\"$' with subsets recursively having frozen = true",
    ],
)
def test_rarer_forms_read_back(text: str) -> None:
    assert parse(write(parse(text))) == parse(text)


def test_a_text_with_both_quotes_cannot_be_written() -> None:
    assert quoted('a"b') == "'a\"b'"
    with pytest.raises(ValueError, match="both kinds"):
        write(syntax.Constant("a'b\"c", quoted=True))
