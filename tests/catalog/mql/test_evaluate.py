"""Sets of files, datasets and named queries (section 2.3)."""

from __future__ import annotations

import pytest

from mx2prod.catalog.mql.evaluate import Evaluation, Options, evaluate
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did

RAW, SUP, TOP, EMPTY, LOOP = (Did("d", name) for name in ("raw", "sup", "top", "empty", "loop"))


def _file(number: int, *datasets: Did, parents: str = "", retired: bool = False) -> FileRecord:
    return FileRecord(
        fid=f"F{number}",
        namespace="n",
        name=f"f{number}",
        size=number,
        created_timestamp=float(100 - number),
        metadata={"x.n": number},
        parents=tuple(parents.split()),
        datasets=datasets,
        retired=retired,
    )


FILES = [
    _file(1, RAW),
    _file(2, RAW),
    _file(3, RAW, SUP),
    _file(4, SUP, parents="F1 F2"),
    _file(5, SUP, parents="F2"),
    _file(6, SUP, parents="F3", retired=True),
    _file(7, SUP, parents="F4 F6"),
]
DATASETS = [
    DatasetRecord(namespace="d", name="top", metadata={"x.level": 0}),
    DatasetRecord(namespace="d", name="raw", metadata={"x.level": 1}, parents=(TOP,)),
    DatasetRecord(namespace="d", name="sup", frozen=True, parents=(RAW,)),
    DatasetRecord(namespace="d", name="empty", description="nothing here"),
    DatasetRecord(namespace="d", name="loop", parents=(SUP, LOOP)),
    DatasetRecord(namespace="e", name="raw"),
]
NAMED = [
    NamedQuery(namespace="q", name="raw", source="files from d:raw # all", creator="nroy"),
    NamedQuery(namespace="q", name="nested", source="files selected by q:raw where x.n > 1"),
    NamedQuery(namespace="q", name="circle", source="files selected by q:circle"),
    NamedQuery(namespace="q", name="wrong", source="files from"),
    NamedQuery(namespace="q", name="sets", source="datasets d:raw", metadata={"x.n": 1}),
]


@pytest.fixture(scope="module")
def source() -> MemorySource:
    return MemorySource(FILES, DATASETS, NAMED)


def ask(source: MemorySource, text: str, **options: object) -> Evaluation:
    return evaluate(text, source, Options(**options))  # type: ignore[arg-type]


def names(answer: Evaluation) -> str:
    return " ".join(record.name for record in answer.records)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("files", "f1 f2 f3 f4 f5 f7"),
        ("files from d:raw", "f1 f2 f3"),
        ("files from d:raw, d:sup", "f1 f2 f3 f4 f5 f7"),
        ("files from d:top with subsets", "f1 f2 f3"),
        ("files from d:top with subsets recursively", "f1 f2 f3 f4 f5 f7"),
        ("files from matching d:* having x.level present", "f1 f2 f3"),
        ("files from d:raw having x.level = 5", ""),
        ("files from matching regexp d:'^s'", "f3 f4 f5 f7"),
        ("files from d:raw where x.n > 1 where x.n < 3", "f2"),
        ("files n:f2, f1, n:f2", "f2 f1"),
        ("fids F2, F1", "f2 f1"),
        ("files from d:raw - files from d:sup", "f1 f2"),
        ("files - files n:f1 - files n:f2 where x.n = 2", "f3 f4 f5 f7"),
        ("union(files n:f1, files from d:raw)", "f1 f2 f3"),
        ("join(files from d:raw, files from d:sup)", "f3"),
        ("{files from d:raw}", "f1 f2 f3"),
        ("parents(files from d:sup)", "f1 f2 f4"),
        ("children(files n:f2)", "f4 f5"),
        ("children(children(files from d:raw))", "f7"),
        ("files from d:raw ordered", "f3 f2 f1"),
        ("files from d:raw skip 1", "f2 f1"),
        ("files from d:raw skip 0 limit 2 skip 1", "f2"),
        ("files from d:raw limit 2 skip 2", ""),
        ("files limit 0", ""),
        ("files skip 9", ""),
        ("files ordered skip 1 limit 3 skip 1 limit 1", "f4"),
        ("files selected by q:raw", "f1 f2 f3"),
        ("query q:nested", "f2 f3"),
        ("files selected by q:raw where x.n = 1", "f1"),
        ("children(files selected by q:nested)", "f4 f5"),
        ("with namespace=d union(files from raw, with namespace='n' files f4)", "f1 f2 f3 f4"),
        ("with namespace=d {files from raw, files from sup}", "f3"),
        ("datasets d:raw, d:sup, d:raw", "raw sup"),
        ("datasets matching d:*", "empty loop raw sup top"),
        ("datasets matching d:* having frozen = true", "sup"),
        ("datasets matching d:* having file_count in 3:4", "raw sup"),
        ("datasets matching d:* having description ~ here", "empty"),
        ("datasets d:loop with subsets recursively", "loop"),
        ("queries", "circle nested raw sets wrong"),
        ("queries matching q:r*", "raw"),
        ("queries matching regexp q:'e'", "circle nested sets"),
        ("queries where creator = nroy", "raw"),
        ("queries where x.n = 1", "sets"),
    ],
)
def test_construct(source: MemorySource, text: str, wanted: str) -> None:
    assert names(ask(source, text)) == wanted


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("files from d:sup", "f3 f4 f5 f6 f7"),
        ("files n:f6", "f6"),
        ("parents(files n:f7)", "f4 f6"),
        ("children(files n:f3)", "f6"),
        ("files where retired = true", "f6"),
    ],
)
def test_retired_files_when_asked_for(source: MemorySource, text: str, wanted: str) -> None:
    assert names(ask(source, text, include_retired=True)) == wanted


def test_default_namespace_of_files_datasets_and_queries(source: MemorySource) -> None:
    assert names(ask(source, "files f1, f2", default_namespace="n")) == "f2 f1"
    assert names(ask(source, "files from raw", default_namespace="d")) == "f1 f2 f3"
    assert names(ask(source, "files selected by raw", default_namespace="q")) == "f1 f2 f3"
    assert names(ask(source, "files from d:raw", default_namespace="e")) == "f1 f2 f3"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("files from d:rav", "no dataset d:rav; did you mean 'd:raw'"),
        ("files n:f9", "no file n:f9"),
        ("fids F9", "no file F9"),
        ("files n:f6", "n:f6 is retired"),
        ("files limit 2", "limit without ordered"),
        ("files where x.m = 1", "has the key x.m; did you mean 'x.n'"),
    ],
)
def test_warning(source: MemorySource, text: str, words: str) -> None:
    assert any(words in warning for warning in ask(source, text).warnings)


def test_no_warning_without_reason(source: MemorySource) -> None:
    assert ask(source, "files from d:raw where x.n > 1 ordered limit 3").warnings == ()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("files from raw", "raw has no namespace"),
        ("files f1", "f1 has no namespace"),
        ("files selected by q:rav", "no named query q:rav; did you mean 'q:raw'"),
        ("files selected by q:circle", "uses itself"),
        ("files selected by q:wrong", "in the named query q:wrong: unexpected the end"),
        ("files selected by q:sets", "does not select files"),
        ("files limit -1", "expected a number from 0 on"),
        ("files skip -1", "expected a number from 0 on"),
        ("files where nothing = 1", "no attribute nothing"),
        ("datasets d:raw having size = 1", "no attribute size"),
        ("queries where file_count = 1", "no attribute file_count"),
        ("files from d:empty where x.n > x.n", "is a metadata key"),
        ("filter nothing(1)(files from d:empty)", "no filter nothing"),
    ],
)
def test_error(source: MemorySource, text: str, words: str) -> None:
    with pytest.raises(QueryError) as caught:
        ask(source, text)
    assert words in caught.value.message
    assert "line 1, column" in caught.value.message


INJECTIONS = [
    "'; drop table files; --",
    '" or 1=1 --',
    "\\'; delete from files where ''='",
    "$.x ? (@ == 1)",
    "%27%20or%201=1",
    "${x}{{x}}%s{0}",
    "../../etc/passwd",
    "\x00\x1b[2J",
]


@pytest.mark.parametrize("attempt", INJECTIONS)
def test_an_injection_is_a_text_like_any_other(source: MemorySource, attempt: str) -> None:
    mark = "'" if '"' in attempt else '"'
    quoted = f"{mark}{attempt.replace(mark, '')}{mark}"
    for text in (f"files where x.n = {quoted}", f"files where name = {quoted}",
                 f"files where x.n[{quoted}] = 1", f"files where {quoted} in x.n"):  # fmt: skip
        assert names(ask(source, text)) == ""
    for text in (f"files from d:raw {attempt}", f"files where {attempt} = 1"):
        with pytest.raises(QueryError):
            ask(source, text)


def test_texts_of_any_script_and_numbers_of_any_size() -> None:
    values = {"a": ("café", 2**80), "b": ("\U0001f600", -(2**63))}
    files = [
        FileRecord(
            fid=name, namespace="n", name=name, size=1, metadata={"x.t": text, "x.n": number}
        )
        for name, (text, number) in values.items()
    ]
    source = MemorySource(files)
    assert names(ask(source, 'files where x.t = "café"')) == "a"
    assert names(ask(source, 'files where x.t > "z"')) == "b"
    assert names(ask(source, f"files where x.n = {2**80}")) == "a"
    assert names(ask(source, f"files where x.n = {2**80 + 1}")) == ""
    assert names(ask(source, f"files where x.n <= {-(2**63)}")) == "b"


def test_a_list_of_ten_thousand_values(source: MemorySource) -> None:
    values = ", ".join(f'"{number}"' for number in range(9_998))
    assert names(ask(source, f"files where x.n in ({values}, 1, 2)")) == "f1 f2"
