from __future__ import annotations

import json
import shutil

import pytest

from mx2prod.cli.main import run
from mx2prod.metadata import check_record, example, has_errors, record_path, write_record

SAMPLE = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"


@pytest.fixture
def raw(samples):
    return samples["p03_numib_small"] / SAMPLE


def call(capsys, *arguments):
    code = run([str(item) for item in arguments])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_make_prints_the_record(capsys, raw):
    code, out, err = call(capsys, "metadata", "make", raw)
    record = json.loads(out)
    assert code == 0
    assert record["metadata"]["core.runs_subruns"] == [5001700017]
    assert "sidecar core.runs_subruns" in err


def test_make_prints_several_records_as_one_list(capsys, raw, samples):
    other = next(samples["p01_pedestal_small"].glob("*.dat"))
    code, out, _ = call(capsys, "metadata", "make", raw, other)
    assert code == 0
    assert [record["name"] for record in json.loads(out)] == [raw.name, other.name]


def test_make_writes_and_never_twice(capsys, raw, tmp_path):
    code, out, _ = call(capsys, "metadata", "make", raw, "-o", tmp_path / "records")
    path = record_path(tmp_path / "records" / SAMPLE)
    assert code == 0
    assert out == f"wrote {path}\n"
    before = path.read_bytes()
    code, _, err = call(capsys, "metadata", "make", raw, "-o", tmp_path / "records")
    assert code == 1
    assert "never overwritten" in err
    assert path.read_bytes() == before
    assert call(capsys, "metadata", "check", path)[0] == 0


def test_dry_run_writes_nothing(capsys, raw, tmp_path):
    folder = tmp_path / "records"
    code, out, _ = call(capsys, "--json", "metadata", "make", raw, "-o", folder, "--dry-run")
    (document,) = json.loads(out)
    assert code == 0
    assert document["ok"]
    assert document["written"] is None
    assert document["record"]["name"] == SAMPLE
    assert not folder.exists()


def test_the_json_of_the_daq_is_never_overwritten(capsys, raw, tmp_path):
    shutil.copy(raw, tmp_path / SAMPLE)
    code, _, err = call(capsys, "metadata", "make", tmp_path / SAMPLE, "-o", tmp_path)
    assert code == 2
    assert "the DAQ's own JSON" in err
    assert sorted(path.name for path in tmp_path.iterdir()) == [SAMPLE]


def test_one_bad_file_does_not_stop_the_others(capsys, raw, samples, tmp_path):
    empty = samples["d05_empty"] / SAMPLE
    code, out, err = call(capsys, "--json", "metadata", "make", empty, raw, "-o", tmp_path)
    first, second = json.loads(out)
    assert code == 2
    assert "no gate in the file" in first["error"]
    assert not first["ok"]
    assert second["ok"]
    assert err == ""
    code, out, err = call(capsys, "metadata", "make", empty)
    assert (code, out) == (2, "")
    assert "next: mx2 raw verify" in err


def test_a_record_with_errors_is_made_and_said(capsys, samples):
    old = next(samples["p06_fw95"].glob("*.dat"))
    code, out, err = call(capsys, "metadata", "make", old)
    assert code == 3
    assert json.loads(out)["metadata"]["core.event_count"] == 3
    assert "error X08 core.start_time" in err


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.root", "not an Mx2 file name"),
        (SAMPLE.replace("RawData.dat", "RecoData.root"), "raw and of digit files only"),
    ],
)
def test_files_of_other_tiers(capsys, tmp_path, name, message):
    (tmp_path / name).touch()
    code, _, err = call(capsys, "metadata", "make", tmp_path / name)
    assert code == 2
    assert message in err


def test_raw_belongs_to_one_file(capsys, raw):
    code, _, err = call(capsys, "metadata", "make", raw, raw, "--raw", raw)
    assert code == 2
    assert "one digit file" in err


# ------------------------------------------------------------------ check


@pytest.fixture
def records(tmp_path):
    paths = {}
    for name in ("printed", "corrected"):
        paths[name] = write_record(example(name), tmp_path / name)
    return paths


def test_check_lists_findings(capsys, records):
    code, out, _ = call(capsys, "metadata", "check", records["printed"])
    assert code == 3
    assert "NOT OK, 23 errors, 2 warnings, 1 note" in out
    assert "X03 core.runs_subruns: found 706732721, expected 5001700017 (32-bit overflow)" in out
    assert "note X22" not in out
    assert "note X22" in call(capsys, "metadata", "check", "--all", records["printed"])[1]


def test_check_json(capsys, records):
    code, out, err = call(capsys, "metadata", "check", *records.values(), "--json")
    printed, corrected = json.loads(out)
    assert code == 3
    assert (printed["ok"], corrected["ok"]) == (False, True)
    assert printed["path"] == str(records["printed"])
    assert {"field", "rule", "severity", "got", "want", "authority"} == set(printed["problems"][0])
    assert err == ""


def test_warnings_only_are_clean(capsys, records):
    code, out, _ = call(capsys, "metadata", "check", records["corrected"])
    assert code == 0
    assert "ok, 4 warnings, 1 note" in out


def test_unreadable_wins(capsys, records, tmp_path):
    broken = tmp_path / "broken.json"
    broken.write_text("{,}")
    code, out, err = call(capsys, "metadata", "check", broken, records["printed"])
    assert code == 2
    assert "not JSON: line 1, column 2" in err
    assert "NOT OK" in out
    code, out, _ = call(capsys, "metadata", "check", broken, "--json")
    assert code == 2
    assert not json.loads(out)[0]["ok"]


def test_data_file_with_its_record(capsys, raw, tmp_path):
    code, out, _ = call(capsys, "metadata", "check", raw)
    assert code == 3
    assert "X03" in out
    assert "X15" not in out
    copied = tmp_path / SAMPLE
    copied.write_bytes(raw.read_bytes() + b"x")
    shutil.copy(record_path(raw), record_path(copied))
    code, out, _ = call(capsys, "metadata", "check", copied)
    assert "X15 size: found 50904, expected 50905" in out
    assert "X15" not in call(capsys, "metadata", "check", "--no-bytes", record_path(copied))[1]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("missing.json", "No such file"),
        ("missing.dat", "No such file"),
    ],
)
def test_what_is_not_there(capsys, name, message):
    code, _, err = call(capsys, "metadata", "check", name)
    assert code == 2
    assert message in err


def test_data_file_without_a_record(capsys, tmp_path):
    (tmp_path / "x.root").touch()
    code, _, err = call(capsys, "metadata", "check", tmp_path / "x.root")
    assert code == 2
    assert "no record x.root.json beside it" in err


def test_read_back(capsys, tmp_path):
    record = example("corrected") | {"creator": "dunepro", "fid": "abc"}
    path = write_record(record, tmp_path)
    assert "fid" in call(capsys, "metadata", "check", path)[1]
    assert "fid" not in call(capsys, "metadata", "check", "--read-back", path)[1]


def test_records_are_checked_against_each_other(capsys, raw, records, tmp_path):
    call(capsys, "metadata", "make", raw, "-o", tmp_path)
    parent = record_path(tmp_path / SAMPLE)
    code, out, _ = call(capsys, "metadata", "check", parent, records["corrected"])
    assert code == 3
    assert "X13 core.event_count: found 7200, expected at most 6, as the parent has" in out


@pytest.mark.parametrize("verb", [(), ("make",), ("check",)])
def test_help(capsys, verb):
    code, out, _ = call(capsys, "metadata", *verb, "--help")
    assert code == 0
    assert "Usage: mx2 metadata" in out
    assert not has_errors(check_record(example("corrected")))
