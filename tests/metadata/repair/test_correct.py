"""The corrected record of the talk's example, and of records with more at hand."""

from __future__ import annotations

from mx2prod.metadata import RecordsInMemory, check_record, example, has_errors
from mx2prod.metadata.repair import Evidence, Facts, corrected

RAW = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
FACTS = Facts(workflow_id=4000, config_file="mx2-run1c-full-v1.opts")
SHIPPED_ONLY = ("stage_id", "site_name", "user", "job_id")
"""Members of the shipped example's workflow that nothing printed in the talk tells."""


def raw_record(start=1720601765.5, end=1720610399.25):
    metadata = {"core.data_tier": "binary-raw", "core.start_time": start, "core.end_time": end}
    return {"namespace": "neardet-2x2-minerva", "name": RAW, "metadata": metadata}


def test_it_is_the_shipped_record_but_for_what_the_talk_does_not_tell():
    record, _ = corrected(example("printed"), Evidence(), FACTS)
    shipped = example("corrected")
    for member in SHIPPED_ONLY:
        del shipped["metadata"]["dune.workflow"][member]
    assert record == shipped


def test_it_has_no_error_and_two_old_words():
    record, _ = corrected(example("printed"), Evidence())
    problems = check_record(record)
    assert not has_errors(problems)
    old = {item.field for item in problems if item.rule == "old-word"}
    assert old == {"core.file_type", "core.group"}


def test_stand_ins_are_named():
    _, steps = corrected(example("printed"), Evidence())
    assert {step.field for step in steps if step.stand_in} == {
        "core.start_time",
        "core.end_time",
        "dune.workflow",
        "dune.config_file",
    }
    assert [step.field for step in steps if step.new is None] == [
        "creator",
        "core.events",
        "dune.requestid",
    ]


def test_with_the_raw_record_and_the_facts_nothing_is_a_stand_in():
    evidence = Evidence(records=RecordsInMemory([raw_record()]))
    record, steps = corrected(example("printed"), evidence, FACTS)
    assert [step.field for step in steps if step.stand_in] == []
    assert record["metadata"]["core.start_time"] == 1720601765.5
    assert record["metadata"]["core.end_time"] == 1720610399.25
    assert record["metadata"]["dune.workflow"]["jobscript_real_seconds"] == 1116


def test_a_good_record_stays_as_it_is():
    record, steps = corrected(example("corrected"), Evidence())
    assert steps == []
    assert record == example("corrected")


def test_the_campaign_names_the_configuration():
    printed = example("printed")
    printed["metadata"]["dune.requestid"] = "mx2-run1c-full-v2"
    record, steps = corrected(printed, Evidence())
    assert record["metadata"]["dune.config_file"] == "mx2-run1c-full-v2.opts"
    assert "dune.config_file" not in {step.field for step in steps if step.stand_in}


def test_verdict_and_global_subruns_where_they_are_known():
    evidence = Evidence(quality=lambda _: "good", global_subruns=lambda _: [8, 9])
    record, _ = corrected(example("corrected"), evidence)
    assert record["metadata"]["dune.dqc_quality"] == "good"
    assert record["metadata"]["dune.mx2x2_global_subrun_numbers"] == [8, 9]
