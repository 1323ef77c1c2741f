"""Rules whose answer depends on what is known beside the record."""

from __future__ import annotations

import copy

import pytest

from mx2prod.metadata import Context, check_record, example


def found(record, rule, **options):
    return [
        (item.field, str(item.severity))
        for item in check_record(record, Context(**options))
        if item.rule == rule
    ]


def with_job_time():
    record = example("corrected")
    record["metadata"] |= {"core.start_time": 1730244766.0, "core.end_time": 1730245882.0}
    return record


def test_job_times_are_a_warning_under_the_process_convention():
    assert found(with_job_time(), "X08") == [("core.start_time", "error")]
    late = found(with_job_time(), "X08", time_convention="process")
    assert late == [("core.start_time", "warning")]


def test_skipped_gates_explain_a_smaller_count():
    record = example("corrected")
    record["metadata"]["core.event_count"] = 7190
    assert found(record, "X05") == [("core.event_count", "error")]
    assert found(record, "X05", skipped_gates=10) == []
    assert found(record, "X05", skipped_gates=9) == [("core.event_count", "error")]
    assert found(record, "X06", skipped_gates=10) == []


def test_a_recovered_file_may_miss_gates():
    record = example("corrected")
    record["metadata"] |= {"core.event_count": 7190, "core.file_content_status": "recovered"}
    assert found(record, "X05") == [("core.event_count", "warning")]
    assert found(record, "X06") == []


def test_rock_muon_files_count_muons():
    record = example("corrected")
    record["name"] = record["name"].replace("RecoData", "RockMuonData")
    record["metadata"] |= {"core.data_tier": "root-tuple", "core.event_count": 9000}
    for rule in ("X05", "X06", "X10", "X12"):
        assert found(record, rule) == []


def test_server_fills_what_we_do_not_send():
    record = example("corrected")
    record |= {"creator": "dunepro", "fid": "1", "created_timestamp": 1.0, "updated_by": "x"}
    assert {severity for _, severity in found(record, "record")} == {"warning"}
    assert found(record, "record", read_back=True) == []
    del record["creator"]
    assert found(record, "record", read_back=True) == [("creator", "error")]


def test_what_came_back_unchanged_is_not_said():
    record = example("corrected")
    assert found(record, "X24", sent=copy.deepcopy(record)) == []


def test_read_back_with_another_parent_and_key():
    sent = example("corrected")
    record = copy.deepcopy(sent)
    record["parents"] = []
    del record["metadata"]["dune.campaign"]
    assert {field for field, _ in found(record, "X24", sent=sent)} == {"parents", "dune.campaign"}


def test_status_forward_is_right():
    before, record = example("corrected"), example("corrected")
    record["metadata"]["dune.output_status"] = "uploaded"
    assert found(record, "X21", previous=before) == []


class NoReplica:
    def unverified(self, did):
        return []

    def on_tape(self, did):
        return False


def test_keys_of_the_tape_path_may_change_before_there_is_a_tape_replica():
    before, record = example("corrected"), example("corrected")
    record["metadata"]["core.file_type"] = "detector"
    assert found(record, "X25", previous=before, replicas=NoReplica()) == []


@pytest.mark.parametrize("year", [float("1e300"), -1e300, 2**62])
def test_a_time_of_no_year(year):
    class Tape(NoReplica):
        def on_tape(self, did):
            return True

    record = example("corrected")
    record["metadata"]["core.start_time"] = year
    changed = found(record, "X25", previous=example("corrected"), replicas=Tape())
    assert ("core.start_time", "error") in changed


def test_foreign_files_need_no_constants_of_ours_and_ours_do():
    record = example("corrected")
    assert found(record, "required") == []
    record["metadata"]["core.application.family"] = "mx2prod"
    assert {field for field, _ in found(record, "required")} == {
        "dune.conditions_tag",
        "dune.conditions_digest",
    }


def test_campaign_of_another_period_is_an_error_and_an_unknown_run_a_warning():
    record = example("corrected")
    record["metadata"]["core.runs"] = [100]
    del record["metadata"]["dune.campaign"]
    assert found(record, "X17") == [("core.runs", "warning")]


def test_constants_tables_are_checked_with_rules_of_their_own():
    record = example("corrected")
    record["name"] = "minerva2x2_pedestals_1698_1.parquet"
    record["metadata"] |= {
        "core.data_tier": "constants-table",
        "core.file_format": "parquet",
        "verdict": "good",
        "sha256": "a" * 64,
    }
    problems = check_record(record)
    assert [item for item in problems if item.severity == "error"] == []
    assert {"MC", "MU", "TC"} == {i.authority for i in problems if i.field == "core.data_tier"}


@pytest.mark.parametrize(
    ("name", "numbers", "want"),
    [
        ("x.root", [706732721], "5001700017 (32-bit overflow)"),
        ("x.root", [2**70], "no 32-bit overflow"),
        ("x.root", [(60_000 * 100_000 + 1) % 2**32], "no 32-bit overflow"),
        (None, [5001700018, 706732721], "5001700017 (32-bit overflow)"),
    ],
)
def test_overflow_without_a_name_or_in_a_merged_file(name, numbers, want):
    record = example("corrected")
    if name:
        record["name"] = name
    record["metadata"] |= {"core.runs_subruns": numbers, "merge.method": "hadd"}
    problems = [item for item in check_record(record) if item.rule == "X03"]
    assert [item.want for item in problems] == [want]
