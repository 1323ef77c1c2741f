"""Every recorded query: our answer, and what the lint says of the server's."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import Any

import pytest

from mx2prod.catalog.mql.evaluate import evaluate
from mx2prod.catalog.mql.lint import lint, rewritten
from mx2prod.catalog.mql.lint_context import LintOptions
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.core.errors import QueryError
from tests.catalog.mql.recorded import DATA, answer, codes, difference, queries

QUERIES = queries()
RUN_1 = json.loads((DATA / "seed_expected.json").read_text())


@pytest.mark.parametrize("entry", QUERIES, ids=lambda entry: entry["id"])
def test_answer_is_the_documented_one(entry: dict[str, Any], catalogue: MemorySource) -> None:
    assert not difference(entry, catalogue), entry["mql"]


@pytest.mark.parametrize("entry", QUERIES, ids=lambda entry: entry["id"])
def test_lint_raises_the_listed_codes_and_no_false_alarm(
    entry: dict[str, Any], catalogue: MemorySource
) -> None:
    raised = codes(entry, catalogue)
    assert set(entry["lint"]) <= raised.keys(), entry["mql"]
    if entry["server"]["http"] == 200:
        assert "ERR" not in raised.values(), entry["mql"]


def test_a_query_that_differs_is_never_without_a_finding(catalogue: MemorySource) -> None:
    for entry in QUERIES:
        if entry["differs"]:
            assert set(codes(entry, catalogue).values()) - {"NOTE"}, entry["mql"]


def test_list_by_construct(catalogue: MemorySource, capsys: pytest.CaptureFixture[str]) -> None:
    """Print how many queries of each construct pass."""
    passed: dict[str, list[bool]] = defaultdict(list)
    for entry in QUERIES:
        for tag in entry["tags"]:
            passed[tag].append(not difference(entry, catalogue))
    lines = [f"{tag:14} {sum(done):3} of {len(done):3}" for tag, done in sorted(passed.items())]
    with capsys.disabled():
        print("\n" + "\n".join(lines))
    assert len(QUERIES) == 313
    assert len(lines) > 40
    assert all(all(done) for done in passed.values())


def test_rewritings_mean_the_same_and_leave_nothing_to_rewrite(catalogue: MemorySource) -> None:
    """Where a query can be answered at all; L17 is refused here, and its rewriting is not."""
    tried = 0
    for entry in QUERIES:
        options = LintOptions(entry["default_namespace"], entry["include_retired"])
        better = rewritten(entry["mql"], options, catalogue)
        if better == entry["mql"] or "error" in entry["default"]:
            continue
        tried += 1
        before, after = answer(entry["mql"], catalogue, entry), answer(better, catalogue, entry)
        if entry["compare"] != "count":
            assert {one.did for one in before.records} == {one.did for one in after.records}, better
        left = [finding for finding in lint(better, options, catalogue) if finding.rewriting]
        assert not [finding.code for finding in left if finding.kind != "NOTE"], better
    assert tried >= 50


@pytest.mark.parametrize("entry", RUN_1["datasets"], ids=lambda entry: entry["dataset"])
def test_run_1_definitions_find_their_files(entry: dict[str, Any], seed: MemorySource) -> None:
    files = evaluate(entry["mql"], seed).records
    assert sorted(record.fid for record in files) == sorted(entry["fids"])
    assert len(files) == entry["nfiles"]
    assert sum(record.size for record in files) == entry["total_size"]


def test_run_1_union_counts_shared_files_once(seed: MemorySource) -> None:
    text = f"union({', '.join(entry['mql'] for entry in RUN_1['datasets'])})"
    files = evaluate(text, seed).records
    assert len(files) == RUN_1["union"]["nfiles"] == 950
    assert sum(record.size for record in files) == RUN_1["union"]["total_size"]


@pytest.mark.parametrize("entry", RUN_1["more"], ids=lambda entry: entry["mql"][:60])
def test_more_queries_of_run_1(entry: dict[str, Any], seed: MemorySource) -> None:
    files = evaluate(entry["mql"], seed).records
    assert sorted(record.fid for record in files) == sorted(entry["fids"])


def test_run_1_definitions_are_answered_alike_by_a_server(seed: MemorySource) -> None:
    """The first item of the runs (L26) is the only thing to say about them."""
    for entry in RUN_1["datasets"]:
        found = {finding.code for finding in lint(entry["mql"], source=seed)}
        assert found <= {"L20", "L26"}


def test_errors_of_the_collection_point_at_a_place(catalogue: MemorySource) -> None:
    """All but the empty query, an unknown name and a file without namespace show a column."""
    silent = []
    for entry in QUERIES:
        if "error" in entry["default"]:
            with pytest.raises(QueryError) as caught:
                answer(entry["mql"], catalogue, entry)
            if "column" not in caught.value.message:
                silent.append(entry["mql"])
    assert silent == [""]
