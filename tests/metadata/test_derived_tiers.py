"""One derivation for every tier that a job writes; each record passes every authority."""

from __future__ import annotations

import pytest

from mx2prod.core.errors import UsageError
from mx2prod.core.ids import FileName, GateRange
from mx2prod.metadata import (
    Application,
    Conditions,
    Context,
    Job,
    OutputFacts,
    RecordsInMemory,
    check_record,
    derived_record,
    has_errors,
    load_schema,
    make_record,
    raw_record,
)
from mx2prod.raw.info import summarise

SUFFIX = {
    "D": "SupDigits.root",
    "F": "RecoData.root",
    "T": "DST.root",
    "M": "RockMuonData.root",
}
RELEASE = Application("reco", family="gaudi", version="v102r1p1")
GLOBAL = [500170000542, 500170000543]


@pytest.fixture(scope="module")
def raw_path(samples):
    """Sample of run 50017, subrun 17: the file of the workflow talk's example."""
    return next(samples["p03_numib_small"].glob("*.dat"))


@pytest.fixture(scope="module")
def mixed_path(samples):
    return next(samples["p04_numip_small"].glob("*.dat"))


def derived(parent, letter, **changes):
    raw_name = FileName.parse(parent["name"])
    count = parent["metadata"]["core.event_count"]
    facts = {
        "name": str(raw_name.derived(SUFFIX[letter], "2611241700", "abc234")),
        "size": 5000,
        "adler32": "12345678",
        "event_count": count,
        "first_gate": None if letter == "M" else 1,
        "last_gate": None if letter == "M" else count,
    }
    return derived_record(
        parent,
        OutputFacts(**facts | changes),
        Job(1795539600, 1795539660, workflow_id=4000, stage_id=1, user="dunepro"),
        application=RELEASE,
        config_file="mx2-run1c-full-v1.opts",
        request="mx2-run1c-full-v1",
        conditions=Conditions("mx2-run1-v3", "a" * 64),
        global_subruns=GLOBAL,
    )


def problems_of(record, parent):
    context = Context(records=RecordsInMemory([parent], complete=True), now=1795539700.0)
    return check_record(record, context)


@pytest.mark.parametrize("letter", sorted(SUFFIX))
def test_record_of_every_tier_passes_every_authority(letter, raw_path):
    parent = raw_record(summarise(raw_path))
    record = derived(parent, letter)
    assert record["metadata"]["core.data_tier"] == load_schema().tiers[letter].data_tier
    assert record["metadata"]["core.runs_subruns"] == [5001700017]
    assert record["metadata"]["dune.mx2x2_global_subrun_numbers"] == GLOBAL
    assert record["parents"] == [{"did": f"{parent['namespace']}:{parent['name']}"}]
    assert not has_errors(problems_of(record, parent))


def test_raw_record_of_the_talks_file_passes_every_authority(raw_path):
    made = make_record(raw_path)
    assert made.record["metadata"]["core.runs_subruns"] == [5001700017]
    assert not has_errors(made.problems)
    warnings = {(i.authority, i.field) for i in made.problems if i.severity == "warning"}
    assert {item for item in warnings if item[0] in ("MC", "MU", "TC")} == {
        ("MC", "core.file_type"),
        ("MC", "core.group"),
    }


def test_quality_is_unknown_where_it_is_required_and_absent_on_digits(raw_path):
    parent = raw_record(summarise(raw_path))
    assert "dune.dqc_quality" not in derived(parent, "D")["metadata"]
    for letter in "FTM":
        assert derived(parent, letter)["metadata"]["dune.dqc_quality"] == "unknown"


def test_rock_muons_have_no_event_numbers_and_may_count_more_muons_than_gates(raw_path):
    parent = raw_record(summarise(raw_path))
    record = derived(parent, "M", event_count=parent["metadata"]["core.event_count"] * 3)
    assert "core.first_event_number" not in record["metadata"]
    assert not has_errors(problems_of(record, parent))


def test_dst_of_a_mixed_stream_holds_beam_gates_only(mixed_path):
    parent = raw_record(summarise(mixed_path))
    gates = parent["metadata"]["core.event_count"]
    beam = (gates + 1) // 2
    good = derived(parent, "T", event_count=beam, last_gate=2 * beam - 1)
    assert not has_errors(problems_of(good, parent))
    every = derived(parent, "T", event_count=gates, last_gate=gates)
    assert "X05" in {item.rule for item in problems_of(every, parent)}


def test_without_a_run_database_the_parents_numbers_are_kept(raw_path):
    parent = raw_record(summarise(raw_path))
    parent["metadata"]["dune.mx2x2_global_subrun_numbers"] = GLOBAL
    output = OutputFacts(
        str(FileName.parse(parent["name"]).derived("RecoData.root", "2611241700", "abc234")),
        1, "00000002", 2, 1, 2, ranges=(GateRange(1, 2),),
    )  # fmt: skip
    record = derived_record(parent, output, Job(1, 2), application=RELEASE)
    assert record["metadata"]["dune.mx2x2_global_subrun_numbers"] == GLOBAL
    assert record["metadata"]["core.lum_block_ranges"] == [[1, 2]]


def test_suffix_of_no_tier_is_refused(raw_path):
    parent = raw_record(summarise(raw_path))
    name = str(FileName.parse(parent["name"]).derived("RecoDate.root", "2611241700", None))
    with pytest.raises(UsageError, match=r"did you mean 'RecoData\.root'"):
        derived(parent, "F", name=name)
