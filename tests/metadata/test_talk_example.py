"""The example of the workflow talk: every defect of the page's section 6 is named."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.metadata import check_record, example, read_record

STATUS = "dune.output_status"


def findings(record):
    return {(item.field, item.rule) for item in check_record(record) if item.authority == "ours"}


def count(record, severity):
    return Counter(item.authority for item in check_record(record) if item.severity == severity)


@pytest.mark.parametrize(
    ("field", "rule"),
    [
        ("core.runs_subruns", "X03"),
        ("core.start_time", "X08"),
        ("core.end_time", "X08"),
        ("core.data_tier", "word"),
        ("dune.workflow", "type"),
        ("dune.output_status", "word"),
        ("core.events", "value"),
        ("dune.requestid", "value"),
        ("dune.config_file", "config"),
        ("creator", "record"),
        ("dune.dqc_quality", "X22"),
    ],
)
def test_defect_of_the_printed_record_is_named(field, rule):
    assert (field, rule) in findings(example("printed"))


def test_nothing_else_is_wrong_with_the_printed_record():
    assert len(findings(example("printed"))) == 11


def test_overflow_names_the_true_value():
    overflow = [item for item in check_record(example("printed")) if item.rule == "X03"]
    assert [item.want for item in overflow] == ["5001700017 (32-bit overflow)"]
    assert [item.got for item in overflow] == [706732721]


def test_authorities_say_what_was_measured():
    printed = example("printed")
    errors = count(printed, "error")
    del errors["ours"]
    assert errors == Counter(MC=5, MU=4, TC=3)
    old = [item for item in check_record(printed) if item.rule == "old-word"]
    assert {(item.authority, item.field) for item in old} == {
        ("MC", "core.file_type"),
        ("MC", "core.group"),
    }


def test_corrected_record_has_two_old_values_and_the_known_disagreement():
    problems = check_record(example("corrected"))
    warnings = {(i.authority, i.rule, i.field) for i in problems if i.severity == "warning"}
    assert warnings == {
        ("MC", "old-word", "core.file_type"),
        ("MC", "old-word", "core.group"),
        ("MC", "word", STATUS),
        ("MU", "word", STATUS),
    }
    assert [(i.rule, i.severity) for i in problems if i.severity != "warning"] == [("X22", "note")]


def test_confirmed_record_has_the_two_old_values_only():
    record = example("corrected")
    record["metadata"][STATUS] = "confirmed"
    record["metadata"]["dune.dqc_quality"] = "good"
    assert [(i.rule, i.severity) for i in check_record(record)] == [("old-word", "warning")] * 2


def test_as_printed_it_is_not_json(tmp_path):
    text = json.dumps(example("printed"), indent=2)
    broken = tmp_path / "printed.json"
    marker = '    "dune.mx2x2_global_subrun_numbers"'
    broken.write_text(text.replace(marker, "  },\n}\n,\n" + marker), encoding="utf-8")
    with pytest.raises(InputFileError, match=r"not JSON: line 43, column 3"):
        read_record(broken)


def test_dst_word_is_a_known_disagreement_of_two_authorities():
    record = example("corrected")
    record["name"] = record["name"].replace("RecoData", "DST")
    record["metadata"]["core.data_tier"] = "dst-reconstructed"
    problems = [i for i in check_record(record) if i.field == "core.data_tier"]
    assert {(i.authority, str(i.severity)) for i in problems} == {
        ("MU", "warning"),
        ("TC", "warning"),
    }


def test_unknown_example():
    with pytest.raises(UsageError, match="did you mean 'corrected'"):
        example("correct")
