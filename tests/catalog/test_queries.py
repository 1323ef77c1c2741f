"""Queries on databases: recorded answers, and equality with the evaluator in memory (page, 8)."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mx2prod.catalog
from mx2prod.catalog import Catalog
from mx2prod.catalog.indexed import INDEXED_KEYS
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.evaluate import Options, evaluate
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.catalog.mql.write import write
from mx2prod.catalog.records import DatasetRecord, FileRecord
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did
from mx2prod.journal import events
from tests.catalog.making import ALL, DATA, NS, SIX, dids, loaded, prepared, record, records
from tests.catalog.mql.recorded import queries
from tests.catalog.mql.strategies import EXPRESSIONS, KEYS
from tests.stores import PARAMETERS

KEY_OF = dict(
    zip(KEYS, ("core.event_count", "core.data_stream", "core.runs", "x.other"), strict=True)
)
"""Random conditions are about a number, a text, a list of numbers, and a key without a column."""
VALUES: list[Any] = [
    0, 1, 2, 3, -3, 7200, 7200.0, 7200.5, 2**53, 2**53 + 1, -(2**63), 2**64 + 1, 0.1, 1e300,
    True, False, None, "", "good", "Good", "goodish", "7200", "true", "é", "\U0001f600", "a\0b",
    "\ud800", [], [1], [2, 3], [1, "x"], [[1, 2]], [None], ["good"], [7200.0], [2**64 + 1],
    {"x": 1}, {"muon": "good"}, [{"x": 2}], {},
]  # fmt: skip


@pytest.mark.stores
def test_the_recorded_queries(both: Catalog) -> None:
    """Every recorded query, on each back end: dids, count and order."""
    loaded(both, "catalogue.jsonl")
    wrong = {entry["id"]: text for entry in queries() if (text := _wrong(both, entry))}
    assert wrong == {}


def _wrong(catalogue: Catalog, entry: dict[str, Any]) -> str:
    wanted = entry["default"]
    options = {key: entry[key] for key in ("default_namespace", "include_retired")}
    try:
        answer = catalogue.query(entry["mql"], **options)
        found = list(answer.dids())
    except QueryError as error:
        return "" if "error" in wanted else error.message
    if "error" in wanted or len(found) != wanted["count"]:
        return f"{len(found)} records"
    records_too = [one.did for one in answer.records()]
    if answer.summary().files != len(found) or sorted(records_too) != sorted(found):
        return "dids, records and summary differ"
    if entry["compare"] == "count" or "result" not in wanted:
        return ""
    if entry["compare"] == "set":
        found, wanted = sorted(found), {"result": sorted(wanted["result"])}
    return "" if found == wanted["result"] else "other dids"


@pytest.mark.stores
def test_the_datasets_of_run_1(both: Catalog) -> None:
    """Files, bytes and fids of the six datasets of the talk, and the further queries."""
    loaded(both, "seed_catalogue.jsonl")
    expected = json.loads((DATA / "seed_expected.json").read_text())
    assert [entry["dataset"] for entry in expected["datasets"]] == list(SIX)
    for entry in expected["datasets"] + expected["more"]:
        answer = both.query(entry["mql"])
        summary = answer.summary()
        count = entry.get("nfiles", entry.get("count"))
        assert (summary.files, summary.total_size) == (count, entry["total_size"]), entry["mql"]
        fids = [one.fid for one in answer.records() if isinstance(one, FileRecord)]
        assert sorted(fids) == sorted(entry["fids"])


# --- random conditions: columns, evaluator and memory agree -------------------------------------


def _corpus() -> list[dict[str, Any]]:
    """Files with every value under every key, alone and in random combinations."""
    rng = random.Random(7)
    keys = list(KEY_OF.values())
    metadata = [{}, *({key: value} for key, value in itertools.product(keys, VALUES))]
    metadata += [{key: rng.choice(VALUES) for key in keys} for _ in range(200)]
    return [
        record(f"f{n}", fid=f"F{n}", metadata=one, creator=rng.choice(["dunepro", "twalton"]),
               size=rng.randrange(5))
        for n, one in enumerate(metadata)
    ]  # fmt: skip


@pytest.fixture(scope="module", params=PARAMETERS)
def filled(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Catalog]:
    """The corpus on each back end."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('corpus')}/catalog.db"
    else:
        url = request.getfixturevalue("postgresql").new_schema()
    with mx2prod.catalog.open(url, create=True) as made:
        prepared(made).declare(_corpus(), ALL)
        yield made


@pytest.fixture(scope="module")
def memory() -> MemorySource:
    """The corpus in memory."""
    known = {"datasets": [str(ALL)], "updated_by": events.account()}
    files = [FileRecord.from_json({**one, **known}) for one in _corpus()]
    return MemorySource(files, [DatasetRecord(namespace="dune", name="all")])


def _renamed(node: Any) -> Any:
    """The condition, about the keys of the corpus."""
    if isinstance(node, tuple):
        return tuple(_renamed(item) for item in node)
    if not is_dataclass(node) or isinstance(node, type):
        return node
    new = {f.name: _renamed(getattr(node, f.name)) for f in fields(node) if f.name != "span"}
    if "name" in new and new["name"] in KEY_OF:
        new["name"] = KEY_OF[new["name"]]
    return replace(node, **new)


ATTRIBUTES: st.SearchStrategy[syntax.Expression] = st.sampled_from(
    [
        "files where creator = dunepro", "files where creator != dunepro", "files where size >= 2",
        "files where retired = true", 'files where name ~ "f1"',
        "files where checksums['adler32'] = 0badcafe", "files where updated_by = nobody",
        "files where retired_by = x", "files where fid < F3",
    ]
).map(lambda text: syntax.And((_condition(text),)).items[0])  # fmt: skip


def _condition(text: str) -> syntax.Expression:
    from mx2prod.catalog.mql.parse import parse

    query = parse(text)
    assert isinstance(query, syntax.Where)
    return query.condition


CONDITIONS = st.one_of(
    EXPRESSIONS.map(_renamed),
    st.builds(lambda a, b: syntax.And((a, b)), ATTRIBUTES, EXPRESSIONS.map(_renamed)),
    st.builds(lambda a, b: syntax.Not(syntax.Or((a, b))), ATTRIBUTES, EXPRESSIONS.map(_renamed)),
)


@given(condition=CONDITIONS, everywhere=st.booleans())
def test_columns_and_evaluator_agree(
    filled: Catalog, memory: MemorySource, condition: syntax.Expression, *, everywhere: bool
) -> None:
    base = syntax.AllFiles() if everywhere else syntax.FilesFrom(_selectors("dune:all"))
    text = write(syntax.Where(base, condition))
    try:
        wanted = sorted(one.did for one in evaluate(text, memory).records)
    except QueryError:
        with pytest.raises(QueryError):
            filled.query(text)
        return
    answer = filled.query(text)
    assert sorted(answer.dids()) == wanted
    assert answer.summary().files == len(wanted)


def _selectors(did: str) -> tuple[syntax.Selector, ...]:
    namespace, _, name = did.partition(":")
    return (syntax.Selector(syntax.Name(namespace, name)),)


@given(
    condition=CONDITIONS,
    steps=st.lists(st.sampled_from(["limit 3", "limit 40", "skip 2", "ordered"]), max_size=4),
)
@settings(max_examples=50)
def test_windows_agree(
    filled: Catalog, memory: MemorySource, condition: syntax.Expression, steps: list[str]
) -> None:
    """Parts of an answer; where the order is not defined, only their number."""
    text = " ".join([write(syntax.Where(syntax.AllFiles(), condition)), "ordered", *steps])
    try:
        wanted = len(evaluate(text, memory).records)
    except QueryError:
        return
    found = list(filled.query(text).dids())
    assert len(found) == len(set(found)) == wanted
    assert found == [one.did for one in filled.query(text).records()]


# --- single cases -------------------------------------------------------------------------------


def test_every_indexed_key_is_found_by_its_value(both: Catalog) -> None:
    values: dict[str, Callable[[int], Any]] = {
        "number": lambda n: n, "text": lambda n: f"w{n}", "numbers": lambda n: [n],
    }  # fmt: skip
    metadata = [{key: values[item.kind](n) for key, item in INDEXED_KEYS.items()} for n in range(3)]
    both.declare([record(f"f{n}", metadata=one) for n, one in enumerate(metadata)], ALL)
    for key, item in INDEXED_KEYS.items():
        word = "w1" if item.kind == "text" else "1"
        assert dids(both, f"files where {key} = {word}") == [f"{NS}:f1"], key
        assert len(dids(both, f"files where !({key} = {word})")) == 2


INJECTIONS = (
    "'; DROP TABLE catalog_file; --",
    "x' OR '1'='1",
    '%" OR 1=1',
    "\\'; SELECT pg_sleep(9)",
    "$1 :id ?",
    "\0",
)


def test_text_of_a_query_never_becomes_sql(both: Catalog) -> None:
    both.declare(records(2), ALL)
    for text in INJECTIONS:
        mark = '"' if "'" in text else "'"
        for left in ("core.data_stream", "x.other", "creator", "core.event_count"):
            assert dids(both, f"files where {left} = {mark}{text}{mark}") == []
        where = f"core.data_stream in ({mark}{text}{mark})"
        assert dids(both, f"files from dune:all where {where}") == []
    assert len(dids(both, "files")) == 2


def test_ten_thousand_terms(both: Catalog) -> None:
    both.declare(records(3), ALL)
    numbers = ", ".join(str(n) for n in range(10_000))
    assert len(dids(both, f"files where core.event_count in ({numbers})")) == 3
    assert len(dids(both, f"files where core.event_count not in ({numbers})")) == 0
    assert len(dids(both, f"files where core.runs in ({numbers}) and x.y not present")) == 3


def test_integers_and_fractions_are_compared_by_value(both: Catalog) -> None:
    """PostgreSQL once took the type of the first number for all of them, and rounded 7200.5."""
    both.declare(records(2), ALL)
    for condition, count in (
        ("core.event_count in (0, 7200.5)", 0),
        ("core.event_count in (0, 7200.0)", 2),
        ("core.event_count in 7199:7199.5", 0),
        ("core.event_count < 7200.5", 2),
        ("size < 1000.5", 2),
        ("size >= 999.5", 2),
        ("size = 1000.5", 0),
    ):
        assert len(dids(both, f"files where {condition}")) == count, condition


def test_integers_beyond_doubles_stay_apart(both: Catalog) -> None:
    both.declare([record(f"f{n}", metadata={"core.event_count": 2**53 + n}) for n in range(3)], ALL)
    for n in range(3):
        assert dids(both, f"files where core.event_count = {2**53 + n}") == [f"{NS}:f{n}"]
    assert len(dids(both, f"files where core.event_count > {2**53 + 1}")) == 1


def test_defined_datasets_are_evaluated_when_asked(both: Catalog) -> None:
    both.define("twalton:good", "files from dune:all where dune.dqc_quality = good")
    both.define("twalton:run", "files from twalton:good where core.runs = 1702")
    both.declare(records(3, metadata={"core.runs": [1702], "dune.dqc_quality": "good"}), ALL)
    both.declare([record("x", metadata={"core.runs": [1703], "dune.dqc_quality": "good"})], ALL)
    assert len(dids(both, "files from twalton:good")) == 4
    assert len(dids(both, "files from twalton:run")) == 3
    assert len(dids(both, "files from twalton:good where core.runs = 1703")) == 1
    assert len(dids(both, "files from twalton:good, dune:all where core.runs > 1000")) == 4
    assert len(dids(both, "files from twalton:run - files from twalton:good")) == 0
    both.retire(f"{NS}:f0")
    assert len(dids(both, "files from twalton:run")) == 2
    assert len(dids(both, "files from twalton:run", include_retired=True)) == 3
    found = both.dataset("twalton:run")
    assert found is not None
    assert found.file_count == 2
    assert dids(both, "datasets matching twalton:* having file_count > 2") == ["twalton:good"]


def test_warnings_and_errors_of_queries(small: Catalog) -> None:
    small.declare(records(2), ALL)
    assert "no dataset dune:al" in small.query("files from dune:al").warnings[0]
    assert "core.event_count" in small.query("files where core.event_coun = 1").warnings[0]
    assert "limit without" in small.query("files limit 1").warnings[0]
    for text in ("files where core.runs > core.event_count", "files where colour = 1", "fils", ""):
        with pytest.raises(QueryError):
            small.query(text)


def test_answers_of_other_kinds(small: Catalog) -> None:
    answer = small.query("datasets matching dune:*")
    assert (answer.kind, answer.summary().files, list(answer.dids())) == (
        "datasets", 1, ["dune:all"],
    )  # fmt: skip
    assert list(small.query("queries").records()) == []


def test_records_hold_what_was_asked_for(small: Catalog) -> None:
    small.declare([record("p"), record("c", parents=[f"{NS}:p"])], ALL)
    answer = small.query(f"files {NS}:c")
    plain = next(answer.records())
    assert isinstance(plain, FileRecord)
    assert (plain.metadata, plain.parents, plain.datasets) == ({}, (), ())
    full = next(answer.records(with_metadata=True, with_provenance=True, with_datasets=True))
    assert isinstance(full, FileRecord)
    assert (len(full.metadata), len(full.parents), full.datasets) == (3, 1, (ALL,))
    assert answer.keys() == ["core.data_stream", "core.event_count", "core.runs"]
    assert Did.parse(full.did).namespace == NS
    assert Options().include_retired is False


def test_a_large_answer_is_streamed(small: Catalog) -> None:
    """More files than one chunk, with an order by hand where the columns do not decide."""
    small.declare(
        [record(f"f{n}", metadata={"x.y": n}, created_timestamp=float(-n)) for n in range(1200)],
        ALL,
    )
    found = list(small.query("files where x.y >= 100 ordered skip 10 limit 600").dids())
    assert found == [f"{NS}:f{n}" for n in range(1189, 589, -1)]
    summary = small.query("files where x.y >= 100").summary()
    assert (summary.files, summary.total_size) == (1100, 1_100_000)


def test_a_folder_comes_back(small: Catalog, tmp_path: Path) -> None:
    """Export and import give the same answers, and the same frozen datasets."""
    from mx2prod.catalog.exporting import export_folder
    from mx2prod.catalog.folder import read_folder
    from mx2prod.catalog.importing import import_contents

    loaded(small, "catalogue.jsonl")
    counts = export_folder(small.session, tmp_path / "out")
    assert counts == {"files": 151, "datasets": 8, "named_queries": 1, "parents_left_out": 0}
    with mx2prod.catalog.open(f"sqlite:///{tmp_path}/b.db", create=True) as other:
        contents = read_folder(tmp_path / "out", loaded=1.0, loaded_by="x")
        done = import_contents(other.session, contents, dataset=ALL)
        assert (done.files, done.datasets) == (151, 8)
        again = import_contents(other.session, contents, dataset=ALL)
        assert (again.files, again.files_there) == (0, 151)
        assert {e["id"]: w for e in queries() if (w := _wrong(other, e))} == {}
        for dataset in small.datasets():
            if dataset.frozen:
                ours, theirs = (c.snapshot_of(dataset.did) for c in (small, other))
                assert ours is not None
                assert theirs is not None
                assert ours.digest == theirs.digest
    part = export_folder(small.session, tmp_path / "part", mql="children(files from mx2:raw)")
    assert part["parents_left_out"] > 0
