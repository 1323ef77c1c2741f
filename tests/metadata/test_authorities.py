from __future__ import annotations

import pytest

from mx2prod.metadata import check_record, example
from mx2prod.metadata.authorities import load_authorities
from mx2prod.metadata.schema import load_schema


def said(record, authority):
    return [item for item in check_record(record) if item.authority == authority]


@pytest.mark.parametrize("authority", ["MC", "MU", "TC"])
@pytest.mark.parametrize("key", sorted(example("printed")["metadata"]))
@pytest.mark.parametrize("value", [None, "", [], {}, 1, 1.5, True, "word", [{}]])
def test_one_finding_a_field_and_authority(authority, key, value):
    record = example("corrected")
    record["metadata"][key] = value
    fields = [item.field for item in said(record, authority)]
    assert len(fields) == len(set(fields))


def test_integers_pass_for_floats_and_booleans_for_nothing():
    record = example("corrected")
    record["metadata"]["core.start_time"] = 1720601760
    assert not [item for item in check_record(record) if item.field == "core.start_time"]
    record["metadata"]["core.start_time"] = True
    wrong = {i.authority for i in check_record(record) if i.field == "core.start_time"}
    assert wrong == {"ours", "MC", "MU", "TC"}


def test_type_checker_needs_no_event_numbers_of_a_root_tuple():
    record = example("corrected")
    for key in ("core.event_count", "core.first_event_number", "core.last_event_number"):
        del record["metadata"][key]
    assert {item.field for item in said(record, "TC")} == {
        "core.event_count",
        "core.first_event_number",
        "core.last_event_number",
    }
    record["metadata"]["core.data_tier"] = "root-tuple"
    assert said(record, "TC") == []


def test_raw_files_need_no_application():
    record = example("corrected")
    record["metadata"]["core.data_tier"] = "binary-raw"
    for key in ("core.application.family", "dune.config_file"):
        del record["metadata"][key]
    assert said(record, "TC") == []
    record["metadata"]["core.data_tier"] = "root-tuple"
    assert {item.field for item in said(record, "MU") if item.rule == "required"} == {
        "core.application.family",
        "dune.config_file",
    }


def test_simulated_files_are_asked_by_file_type():
    record = example("corrected")
    record["metadata"]["core.file_type"] = "mc"
    asked = [item for item in check_record(record) if item.field.startswith("dune_mc.")]
    assert {(item.authority, str(item.severity)) for item in asked} == {
        ("MC", "warning"),
        ("MU", "warning"),
        ("TC", "warning"),
    }


def test_iceberg_is_a_word_of_its_own():
    words = {item.name: item.words["core.run_type"] for item in load_authorities()}
    assert {"311_dp_light", "iceberg"} <= words["TC"]


def test_keys_of_ours_are_a_note():
    record = example("corrected")
    record["metadata"]["dune.conditions_tag"] = "mx2-run1-v3"
    notes = [item for item in check_record(record) if item.rule == "unknown-key"]
    assert [(item.field, item.authority) for item in notes] == [("dune.conditions_tag", "MC")]


@pytest.mark.parametrize("word", ["numibeam", "cosmc", "bmuon", "errorstream"])
def test_streams_of_others_are_refused(word):
    record = example("corrected")
    record["metadata"]["core.data_stream"] = word
    assert {item.authority for item in check_record(record) if item.rule == "word"} >= {
        "ours",
        "MC",
        "MU",
        "TC",
    }


def test_known_disagreements_name_fields_of_the_table_and_a_reason():
    fields = load_schema().fields
    for authority in load_authorities():
        for known in authority.known:
            assert known.field in fields
            assert known.kind in ("word", "type", "required")
            assert known.reason
