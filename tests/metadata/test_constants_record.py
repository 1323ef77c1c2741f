"""Records of constants tables and their companions: several parents, none of it for MetaCat."""

from __future__ import annotations

import random
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.errors import UsageError
from mx2prod.metadata import (
    Application,
    Context,
    Job,
    Judged,
    OutputFacts,
    RecordsInMemory,
    check_record,
    constants_record,
)
from mx2prod.metadata.constants_record import join_ranges

SHA256 = "ab" * 32


def make(
    parents: list[dict[str, Any]],
    name: str = "TS1_00050017_0017_numip_v09_2407100856_pedestal_table.dat",
) -> dict[str, Any]:
    facts = OutputFacts(name, 900_000, "00c0ffee", 3600, 1, 7200)
    return constants_record(
        parents, facts, Judged("investigate", SHA256), Job(1_730_000_000, 1_730_000_010),
        application=Application("calibrate-pedestals"),
    )  # fmt: skip


def parents_of(new_case: Any, *streams: str) -> list[dict[str, Any]]:
    rng = random.Random(3)
    return [new_case("R", rng, stream).record for stream in streams]


@pytest.mark.parametrize(
    "name",
    ["a_pedestal_table.dat", "a_pedestal_table.parquet", "a_pedestal_table.verdict.json",
     "a_pedestal_table.acc.parquet", "mx2_pedestals_run1_prod_a.pdf", "a_pedestal_table.html"],
)  # fmt: skip
def test_record_of_every_product_is_without_fault(new_case: Any, name: str) -> None:
    parents = parents_of(new_case, "numip", "numip", "pdstl")
    record = make(parents, name)
    context = Context(records=RecordsInMemory(parents, complete=True))
    problems = check_record(record, context)
    assert [p for p in problems if p.severity == "error"] == []
    assert [p for p in problems if p.severity == "warning" and p.authority == "ours"] == []


def test_inputs_are_joined(new_case: Any) -> None:
    parents = parents_of(new_case, "numip", "pdstl", "numip")
    parents[1]["metadata"]["core.file_content_status"] = "recovered"
    metadata = make(parents)["metadata"]
    assert metadata["core.data_stream"] == "numip"
    assert metadata["core.file_content_status"] == "recovered"
    assert metadata["core.runs_subruns"] == sorted(
        number for parent in parents for number in parent["metadata"]["core.runs_subruns"]
    )
    assert metadata["core.start_time"] == min(p["metadata"]["core.start_time"] for p in parents)
    assert metadata["core.end_time"] == max(p["metadata"]["core.end_time"] for p in parents)
    assert metadata["verdict"] == "investigate"
    assert metadata["sha256"] == SHA256


def test_a_simulated_input_makes_it_simulation(new_case: Any) -> None:
    parents = parents_of(new_case, "pdstl", "pdstl")
    parents[0]["metadata"]["core.file_type"] = "mc"
    metadata = make(parents)["metadata"]
    assert (metadata["core.file_type"], metadata["retention.class"]) == ("mc", "simulation")


def test_a_parent_given_twice_is_named_once(new_case: Any) -> None:
    parents = parents_of(new_case, "pdstl")
    assert len(make(parents * 2)["parents"]) == 1


def test_refusals(new_case: Any) -> None:
    with pytest.raises(UsageError, match="no record of an input"):
        make([])
    with pytest.raises(UsageError, match=r"ends in \.dat"):
        make(parents_of(new_case, "pdstl"), "a_table.csv")
    parents = parents_of(new_case, "pdstl", "pdstl")
    parents[0]["metadata"]["core.group"] = "dune"
    with pytest.raises(UsageError, match=r"different core\.group: dune, minerva"):
        make(parents)


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)), max_size=12))
def test_joined_ranges_hold_the_same_gates(pairs: list[tuple[int, int]]) -> None:
    ranges = [[first, first + extra] for first, extra in pairs]
    gates = {gate for first, last in ranges for gate in range(first, last + 1)}
    joined = join_ranges(ranges)
    assert {gate for first, last in joined for gate in range(first, last + 1)} == gates
    assert all(after[0] > before[1] + 1 for before, after in pairwise(joined))
