"""Filters (section 2.3)."""

from __future__ import annotations

import zlib

import pytest

from mx2prod.catalog.mql.evaluate import evaluate
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.catalog.records import DatasetRecord, FileRecord
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did


@pytest.fixture(scope="module")
def source() -> MemorySource:
    """Six files in d:a, four others in d:b, one of them in both."""
    files = [
        FileRecord(
            fid=f"F{number}",
            namespace="n",
            name=str(number),
            size=1,
            created_timestamp=float(number),
            datasets=tuple(
                Did("d", name)
                for name, low, high in (("a", 0, 6), ("b", 5, 10))
                if low <= number < high
            ),
        )
        for number in range(10)
    ]
    return MemorySource(files, [DatasetRecord(namespace="d", name=name) for name in "ab"])


def names(source: MemorySource, text: str) -> str:
    return "".join(record.name for record in evaluate(text, source).records)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("filter sample(0.5)(files from d:a ordered)", "135"),
        ("filter sample(1)(files from d:a ordered)", "012345"),
        ("filter sample(0)(files from d:a ordered)", ""),
        ("filter sample(0.4)(files from d:a ordered)", "24"),
        ("filter every_nth(3, 1)(files from d:a ordered)", "14"),
        ("filter stride(3,1)(files from d:a ordered)", "14"),
        ("filter stride(2,5)(files from d:a ordered)", ""),
        ("filter mix(1, 1)(files from d:a ordered, files from d:b ordered)", "5061728394"),
        ("filter mix(2, 1)(files from d:a ordered, files from d:b ordered)", "05126347"),
        ("filter mix(1)(files from d:a ordered)", "012345"),
        ("filter sample(0.5)(filter stride(2, 0)(files ordered))", "26"),
        ("filter stride(2,0)(files ordered) where name > 4", None),
        ('filter stride(2,0)(files ordered) where name > "4" ordered limit 1', "6"),
    ],
)
def test_filter(source: MemorySource, text: str, wanted: str | None) -> None:
    if wanted is None:
        with pytest.raises(QueryError):
            names(source, text)
    else:
        assert names(source, text) == wanted


def test_hash_parts_the_files(source: MemorySource) -> None:
    parts = [names(source, f"filter hash(3, {i})(files ordered)") for i in range(3)]
    assert sorted("".join(parts)) == list("0123456789")
    assert all(zlib.adler32(f"F{name}".encode()) % 3 == 1 for name in parts[1])


def test_randomize_keeps_the_files_and_obeys_its_seed(source: MemorySource) -> None:
    first = names(source, "filter randomize(seed=1, window=5)(files ordered)")
    assert sorted(first) == list("0123456789")
    assert first == names(source, "filter randomize(seed=1, window=5)(files ordered)")
    assert first != names(source, "filter randomize(seed=2, window=5)(files ordered)")
    assert sorted(names(source, "filter randomize()(files)")) == list("0123456789")


@pytest.mark.parametrize(
    "call",
    [
        "sample()", "sample(x)", "sample(1, 2)", "sample(true)", "sample(date(2024-01-01))",
        "stride(2)", "every_nth(0, 1)", "hash(3, 1, 2)", "hash(3, 1, seed=1)", "mix(1, 2)",
        "mix()", "mix(0)", "mix(-1)",
        "randomize(5)", "randomize(window=0)", "randomize(window=1.5)", "randomize(windows=5)",
        "randomize(seed=1, seed=2)", "randomize(seed=date(2024-01-01))", "randomise(seed=1)",
    ],
)  # fmt: skip
def test_wrong_arguments_are_an_error(source: MemorySource, call: str) -> None:
    with pytest.raises(QueryError):
        names(source, f"filter {call}(files)")


def test_a_filter_of_one_set_refuses_two(source: MemorySource) -> None:
    with pytest.raises(QueryError, match="one set of files"):
        names(source, "filter sample(0.5)(files, files)")
