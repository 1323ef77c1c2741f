"""What each rule plans, and what it refuses."""

from __future__ import annotations

import copy
import json

import pytest

from mx2prod.core.errors import InputFileError, NotInCatalogError, UsageError
from mx2prod.metadata import example, write_record
from mx2prod.metadata.repair import (
    Evidence,
    FolderStore,
    inverse_of,
    make_plan,
    read_plan,
    write_plan,
)

START, END = "core.start_time", "core.end_time"


class Tape:
    """Replicas with the given dids on tape."""

    def __init__(self, *dids):
        self.dids = dids

    def unverified(self, did):
        return []

    def on_tape(self, did):
        return did in self.dids


def runs_of(plan):
    return {int(file.did.split("_")[1]) for file in plan.files}


def only(folder, record):
    """Store with one record."""
    write_record(record, folder)
    return FolderStore(folder)


def test_wrapped_numbers_of_run_1c_and_of_no_other_period(store):
    plan = make_plan(store, "", "runs_subruns", Evidence())
    assert runs_of(plan) == {50001, 50005, 50017, 50018}
    assert len(plan.files) == 8
    assert plan.unchanged == 8
    assert plan.refused == ()
    assert plan.keys == {"core.runs_subruns": 8}
    for file in plan.files:
        (change,) = file.changes
        run, subrun = int(file.did.split("_")[1]), int(file.did.split("_")[2])
        assert change.new == [run * 100_000 + subrun]
        assert change.old == [(run * 100_000 + subrun) % 2**32]


def test_the_number_of_the_talks_file(folder):
    record = example("corrected")
    record["metadata"]["core.runs_subruns"] = [706732721]
    plan = make_plan(only(folder, record), "", "runs_subruns", Evidence())
    assert [change.new for change in plan.files[0].changes] == [[5001700017]]


def test_planning_writes_nothing(store, folder):
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    make_plan(store, "", "runs_subruns", Evidence())
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_times_come_from_the_raw_parent_and_job_times_are_kept(folder, cases):
    case = cases[-1]
    write_record(case.parent, folder)
    right = [case.metadata[key] for key in (START, END)]
    case.metadata.update({START: "1780244766", END: "1780245882"})
    for key in ("jobscript_start", "jobscript_finish", "jobscript_real_seconds"):
        del case.metadata["dune.workflow"][key]
    store = only(folder, case.record)
    years = make_plan(store, "", "times", Evidence())
    assert "core.start_time: part of the path on tape" in years.refused[0].reason
    plan = make_plan(store, "", "times", Evidence(replicas=Tape()))
    assert plan.refused == ()
    new = {change.key: change.new for change in plan.files[0].changes}
    assert [new[START], new[END]] == right
    assert new["dune.workflow"]["jobscript_real_seconds"] == 1116
    assert new["dune.workflow"]["workflow_id"] == case.metadata["dune.workflow"]["workflow_id"]


def test_times_without_the_record_of_the_parent_are_refused(folder, cases):
    case = cases[0]
    case.metadata[START] = "1730244766"
    plan = make_plan(only(folder, case.record), "", "times", Evidence())
    assert plan.files == ()
    assert "is not at hand" in plan.refused[0].reason


def test_times_that_no_workflow_can_keep_are_refused(folder, cases):
    case = cases[0]
    write_record(case.parent, folder)
    case.metadata.update({START: "1930244766", END: "1930245882", "dune.workflow": "justin"})
    plan = make_plan(only(folder, case.record), "", "times", Evidence())
    assert "repair it first" in plan.refused[0].reason


def test_wrong_times_of_the_parent_are_not_passed_on(folder, cases):
    case = cases[0]
    case.parent["metadata"][START] = -1.0
    write_record(case.parent, folder)
    case.metadata[START] = "1730244766"
    plan = make_plan(only(folder, case.record), "", "times", Evidence())
    assert any("wrong too" in item.reason for item in plan.refused)


def test_times_of_a_part_of_the_gates_stay(folder, cases):
    case = cases[0]
    write_record(case.parent, folder)
    case.metadata[END] = round((case.metadata[START] + case.metadata[END]) / 2, 3)
    case.metadata["core.event_count"] //= 2
    plan = make_plan(only(folder, case.record), "", "times", Evidence())
    assert plan.files == ()
    assert plan.unchanged == 2


def test_whole_seconds_and_numerals_of_a_raw_file_become_floats(folder, cases):
    raw = cases[0].parent
    start = int(raw["metadata"][START]) + 1
    raw["metadata"] |= {START: start, END: str(start + 8000)}
    store = only(folder, raw)
    (file,) = make_plan(store, "", "times", Evidence()).files
    new = [change.new for change in file.changes]
    assert new == [float(start), float(start + 8000)]
    assert all(isinstance(value, float) for value in new)


def test_tier_is_refused_unless_the_file_is_not_on_tape(folder, cases):
    record = cases[0].record
    record["metadata"]["core.data_tier"] = "reco"
    store = only(folder, record)
    did = f"{record['namespace']}:{record['name']}"
    unknown = make_plan(store, "", "tier", Evidence())
    assert "not known" in unknown.refused[0].reason
    tape = make_plan(store, "", "tier", Evidence(replicas=Tape(did)))
    assert "a replica exists" in tape.refused[0].reason
    disk = make_plan(store, "", "tier", Evidence(replicas=Tape()))
    assert [change.new for change in disk.files[0].changes] == ["full-reconstructed"]
    assert disk.tape_paths == 1


def test_workflow_numbers_that_were_texts(folder, cases):
    record = cases[0].record
    record["metadata"]["dune.workflow"]["workflow_id"] = "4000"
    record["metadata"]["dune.output_status"] = "true"
    (file,) = make_plan(only(folder, record), "", "workflow", Evidence()).files
    new = {change.key: change.new for change in file.changes}
    assert new["dune.workflow"]["workflow_id"] == 4000
    assert new["dune.output_status"] == "recorded"


def test_workflow_that_is_a_word_needs_the_ledger(folder, cases):
    record = cases[0].record
    job = record["metadata"]["dune.workflow"]
    record["metadata"]["dune.workflow"] = "justin"
    store = only(folder, record)
    assert make_plan(store, "", "workflow", Evidence()).refused
    (file,) = make_plan(store, "", "workflow", Evidence(workflow=lambda _: job)).files
    assert file.changes[0].new == job


def test_no_job_made_a_raw_file(folder, cases):
    plan = make_plan(only(folder, cases[0].parent), "", "workflow", Evidence())
    assert (plan.files, plan.refused, plan.unchanged) == ((), (), 1)


@pytest.mark.parametrize(("verdict", "planned"), [("good", 1), (["good", "no_match"], 1)])
def test_verdicts_are_filled_in(folder, cases, verdict, planned):
    cases[0].metadata["dune.dqc_quality"] = "unknown"
    store = only(folder, cases[0].record)
    plan = make_plan(store, "", "dqc", Evidence(quality=lambda _: verdict))
    assert len(plan.files) == planned
    assert plan.files[0].changes[0].new == verdict


@pytest.mark.parametrize("verdict", [None, "", [], "excellent", ["good", "bad"]])
def test_no_verdict_or_an_illegal_one_is_refused(folder, cases, verdict):
    store = only(folder, cases[0].record)
    plan = make_plan(store, "", "dqc", Evidence(quality=lambda _: verdict))
    assert plan.files == ()
    assert plan.refused


def test_an_empty_list_of_global_subruns_is_never_written(folder, cases):
    store = only(folder, cases[0].record)
    plan = make_plan(store, "", "global_subruns", Evidence(global_subruns=lambda _: []))
    assert "no row" in plan.refused[0].reason
    new = make_plan(store, "", "global_subruns", Evidence(global_subruns=lambda _: [7, 6, 7]))
    assert new.files[0].changes[0].new == [6, 7]
    assert "--runsdb" in make_plan(store, "", "global_subruns", Evidence()).refused[0].reason


def test_errors_of_other_keys_do_not_stand_in_the_way(folder):
    plan = make_plan(only(folder, example("printed")), "", "runs_subruns", Evidence())
    assert [change.key for change in plan.files[0].changes] == ["core.runs_subruns"]


def test_an_error_of_the_changed_key_does(folder, cases):
    record = cases[0].record
    record["metadata"]["dune.workflow"] |= {
        "workflow_id": "4000", "jobscript_start": 9, "jobscript_finish": 1,
    }  # fmt: skip
    plan = make_plan(only(folder, record), "", "workflow", Evidence())
    assert "X20" in plan.refused[0].reason


def test_unknown_rule_and_selections_of_a_folder(store, tmp_path):
    with pytest.raises(UsageError, match="did you mean 'times'"):
        make_plan(store, "", "time", Evidence())
    with pytest.raises(UsageError, match="no queries"):
        make_plan(store, "files from a:b", "times", Evidence())
    with pytest.raises(NotInCatalogError):
        make_plan(store, "neardet-2x2-minerva:none", "times", Evidence())
    with pytest.raises(UsageError, match="no folder"):
        FolderStore(tmp_path / "nowhere")


def test_one_record_of_a_folder(store):
    did = next(iter(store.select())).did
    plan = make_plan(store, did, "runs_subruns", Evidence())
    assert len(plan.files) + plan.unchanged == 1


def test_the_daqs_json_beside_a_raw_file_is_no_record(folder, cases):
    raw = cases[-1].parent
    write_record(raw, folder)
    (folder / raw["name"]).write_bytes(b"raw")
    assert list(FolderStore(folder).select()) == []


def test_a_record_under_another_name_is_said(folder):
    (folder / "x.json").write_text(json.dumps(example("corrected")))
    with pytest.raises(InputFileError, match="expected that of x"):
        list(FolderStore(folder).select())


def test_plan_files_know_when_they_were_changed(store, tmp_path):
    plan = make_plan(store, "", "runs_subruns", Evidence())
    path = tmp_path / "plan.json"
    write_plan(plan, path)
    assert read_plan(path) == plan
    path.write_text(path.read_text().replace('"had": true', '"had": false', 1))
    with pytest.raises(InputFileError, match="changed after it was made"):
        read_plan(path)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": "mx2-repair-plan-2"}'])
def test_other_files_are_no_plans(tmp_path, text):
    path = tmp_path / "plan.json"
    path.write_text(text)
    with pytest.raises(InputFileError, match="no repair plan"):
        read_plan(path)


def test_inverse_of_the_inverse_changes_the_same(store):
    plan = make_plan(store, "", "runs_subruns", Evidence())
    again = inverse_of(inverse_of(plan))
    assert [file.after for file in again.files] == [file.after for file in plan.files]
    assert inverse_of(plan).undo_of == plan.sha256
    assert copy.deepcopy(plan).sha256 == plan.sha256


def merged(cases):
    """Record of a file merged of two, with the wrapped numbers of one."""
    record = copy.deepcopy(cases[-1].record)
    record["metadata"] |= {"merge.method": "hadd", "core.runs_subruns": [706732721]}
    record["parents"] = [
        {"did": f"{case.record['namespace']}:{case.record['name']}"} for case in cases[-2:]
    ]
    return record


def test_numbers_of_a_merged_file_come_from_its_parents(folder, cases):
    evidence = Evidence(replicas=Tape())
    plan = make_plan(only(folder, merged(cases)), "", "runs_subruns", evidence)
    assert plan.refused == ()
    (file,) = plan.files
    new = {change.key: change.new for change in file.changes}
    numbers = [case.metadata["core.runs_subruns"][0] for case in cases[-2:]]
    assert new["core.runs_subruns"] == sorted(numbers)
    assert new["core.runs"] == [50017, 50018]


def test_a_merged_file_with_a_parent_of_another_kind_is_refused(folder, cases):
    record = merged(cases)
    record["parents"].append({"did": "neardet-2x2-minerva:list.txt"})
    plan = make_plan(only(folder, record), "", "runs_subruns", Evidence())
    assert "nor those of its parents" in plan.refused[0].reason


def test_times_of_a_raw_file_without_numbers_are_refused(folder, cases):
    cases[0].parent["metadata"][START] = "yesterday"
    plan = make_plan(only(folder, cases[0].parent), "", "times", Evidence())
    assert "only its content tells" in plan.refused[0].reason


def test_tier_of_a_name_without_a_suffix_of_ours(folder, cases):
    record = cases[0].record
    record["name"] = "list.root"
    plan = make_plan(only(folder, record), "", "tier", Evidence())
    assert "belongs to no tier" in plan.refused[0].reason
