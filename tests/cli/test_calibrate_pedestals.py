"""``mx2 calibrate pedestals``: verdicts, exit codes, kept tables, records."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from mx2prod.constants import BadChannel, Table, write_parquet
from mx2prod.metadata import check_record, has_errors, read_record
from tests.validation import making
from tests.validation.making import bad_truth, pedestal_file, table_file

KIND = "pedestals"
MEMBERS = {
    "file", "run", "subrun", "kind", "verdict", "reasons", "channels", "gates", "table",
    "accumulator", "plots",
}  # fmt: skip
"""Of the pre-production page, section 2.5."""


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {p.name: (p.read_bytes(), p.stat().st_mtime_ns) for p in folder.iterdir()}


def codes(table: dict) -> set[str]:
    return {reason["code"] for reason in table["reasons"]}


def test_good_table_has_every_member_and_every_file_a_record(calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    call = calibrate(raw, "--json", "--label", "DEMO", plots=True)
    assert call.code == 0, call.err
    (table,) = call.document
    assert set(table) >= MEMBERS
    assert (table["run"], table["subrun"], table["kind"]) == (1702, 1, "pedestal")
    assert table["verdict"] == "good"
    assert table["channels"] == {"good": 128, "investigate": 0, "bad": 0}
    assert table["gates"]["pedestal"] == table["gates"]["used"] == 520
    for name in (table["table"], table["accumulator"], *table["plots"], table["verdict_file"]):
        assert Path(name).is_file()
    assert "DEMO" in Path(table["plots"][0]).read_text()
    made = {p for p in (tmp_path / "out").iterdir() if not record_beside(p)}
    assert len(made) == 5
    for path in made:
        record = read_record(path.with_name(path.name + ".json"))
        assert not has_errors(check_record(record)), path.name
        assert record["parents"] == [{"did": f"neardet-2x2-minerva:{raw.name}"}]
        assert record["metadata"]["verdict"] == "good"
    assert not [problem for problem in table["problems"] if problem["severity"] == "error"]


def record_beside(path: Path) -> bool:
    """Whether the file is itself the record of another one."""
    return path.suffix == ".json" and path.with_suffix("").is_file()


def test_verdicts_that_are_not_usable_exit_3_and_the_others_are_made(calibrate, tmp_path):
    folder = tmp_path / "raw"
    files = [
        pedestal_file(folder, 1702, 1),
        pedestal_file(folder, 1702, 2, truth=bad_truth()),
        pedestal_file(folder, 1702, 3, gates=60),
        folder / making.raw_name(1702, 4, "pdstl"),
        pedestal_file(folder, 1702, 5),
    ]
    files[3].write_bytes(b"no raw file at all")
    call = calibrate(*files, "--json")
    assert call.code == 3
    verdicts = [table["verdict"] for table in call.document]
    assert verdicts == ["good", "bad", "too_few", "unreadable", "good"]
    assert call.document[2]["table"] is None
    assert "no record of" in call.err
    human = calibrate(*files, out="again")
    assert human.code == 3
    assert "5 tables: 2 good, 1 bad, 1 too_few, 1 unreadable" in human.out
    assert "no intact gate" in human.out


def test_a_page_of_a_table_with_too_few_gates_says_why(calibrate, tmp_path):
    call = calibrate(pedestal_file(tmp_path / "raw", 1702, 3, gates=60), "--json", plots=True)
    (table,) = call.document
    assert (call.code, table["verdict"]) == (3, "too_few")
    assert "not enough events for a pedestal table" in Path(table["plots"][0]).read_text()


def test_gates_of_another_type_are_too_few_with_the_counts(calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1, trigger_type=16, stream="numib")
    call = calibrate(raw, "--json")
    (table,) = call.document
    assert (call.code, table["verdict"]) == (3, "too_few")
    assert table["gates"]["beam"] == 520
    assert any("wrong stream" in reason["text"] for reason in table["reasons"])


def test_same_command_again_keeps_everything_and_is_fast(calibrate, tmp_path):
    files = [pedestal_file(tmp_path / "raw", 1702, n) for n in (1, 2)]
    begin = time.perf_counter()
    first = calibrate(*files, "--json")
    cold = time.perf_counter() - begin
    before = contents(tmp_path / "out")
    begin = time.perf_counter()
    again = calibrate(*files, "--json")
    warm = time.perf_counter() - begin
    assert contents(tmp_path / "out") == before
    assert [table["kept"] for table in again.document] == [True, True]
    different = {"kept", "problems"}
    for ours, theirs in zip(first.document, again.document, strict=True):
        assert {k: v for k, v in ours.items() if k not in different} == {
            k: v for k, v in theirs.items() if k not in different
        }
    assert warm < cold


def test_a_table_whose_last_record_is_missing_is_finished(calibrate, tmp_path):
    files = [pedestal_file(tmp_path / "raw", 1702, n) for n in (1, 2)]
    first = calibrate(*files, "--json").document
    record = table_file(tmp_path / "out", files[1], ".verdict.json.json")
    record.unlink()
    table_file(tmp_path / "out", files[1], ".dat").write_text("torn")
    again = calibrate(*files, "--json")
    assert again.code == 0, again.err
    assert [table["kept"] for table in again.document] == [True, False]
    assert record.is_file()
    for name in ("content_sha256", "companion_sha256", "reference", "verdict"):
        assert again.document[1][name] == first[1][name]


def test_same_content_after_overwrite_and_in_another_folder(calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    first = calibrate(raw, "--json", plots=True).document[0]
    files = {p.name: p.read_bytes() for p in (tmp_path / "out").iterdir()}
    over = calibrate(raw, "--json", "--overwrite", plots=True).document[0]
    other = calibrate(raw, "--json", out="other").document[0]
    assert first["content_sha256"] == over["content_sha256"] == other["content_sha256"]
    assert not over["kept"]
    same = {name for name in files if not name.endswith((".dat.json", "quet.json", "html.json",
                                                         "verdict.json.json"))}  # fmt: skip
    assert len(same) == 5
    for name in same:
        assert (tmp_path / "out" / name).read_bytes() == files[name]
        if not name.endswith(".html"):
            assert (tmp_path / "other" / name).read_bytes() == files[name]


def test_a_table_of_other_settings_is_refused_and_named(mx2, calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    calibrate(raw)
    making.settings_file(tmp_path, "pedestal_verdict: {noisy_rms: 20}\n")
    before = contents(tmp_path / "out")
    call = calibrate(raw)
    assert call.code == 1
    assert "made with other settings" in call.err
    assert "--overwrite" in call.err
    assert contents(tmp_path / "out") == before
    assert calibrate(raw, "--overwrite").code == 0


def test_a_swap_list_is_part_of_the_settings(calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    calibrate(raw)
    assert "made with other settings" in calibrate(raw, "--swapped", "0-1-0-2").err


def test_first_table_is_compared_with_previous_and_the_next_with_the_last_usable(
    calibrate, tmp_path
):
    folder = tmp_path / "raw"
    calibrate(pedestal_file(folder, 1701, 1), out="before")
    previous = table_file(tmp_path / "before", folder / making.raw_name(1701, 1, "pdstl"), ".dat")
    moved = making.TRUTH.changed(mean=making.TRUTH.mean + np.array([1.0, 0, 0]))
    files = [
        pedestal_file(folder, 1702, 1),
        pedestal_file(folder, 1702, 2, truth=bad_truth()),
        pedestal_file(folder, 1702, 3, truth=moved),
    ]
    tables = calibrate(*reversed(files), "--previous", previous, "--json").document
    assert [table["subrun"] for table in tables] == [1, 2, 3]
    assert [table["reference"] for table in tables] == [
        previous.name, "run 1702 subrun 1", "run 1702 subrun 1",
    ]  # fmt: skip
    assert "no_reference" not in codes(tables[0])


def test_a_kept_table_says_when_it_would_be_compared_with_another_one(calibrate, tmp_path):
    folder = tmp_path / "raw"
    files = [pedestal_file(folder, 1702, n) for n in (1, 3)]
    calibrate(*files)
    call = calibrate(files[0], pedestal_file(folder, 1702, 2), files[1])
    assert call.code == 0
    assert "compared with run 1702 subrun 1; now it would be run 1702 subrun 2" in call.err
    assert call.err.count("now it would be") == 1


@pytest.mark.parametrize(("next_run", "shifted"), [(1703, True), (1796, False)])
def test_drift_allowance_is_three_times_as_large_across_a_run_period(
    calibrate, tmp_path, next_run, shifted
):
    """6 ADC are above the limit of 3, and below 3 times that."""
    moved = making.TRUTH.changed(mean=making.TRUTH.mean + np.array([6.0, 0, 0]))
    files = [
        pedestal_file(tmp_path / "raw", 1702, 1),
        pedestal_file(tmp_path / "raw", next_run, 1, truth=moved),
    ]
    tables = calibrate(*files, "--json").document
    assert ("shifted_channels" in codes(tables[1])) is shifted
    assert (tables[1]["verdict"] == "good") is not shifted


def test_merged_files_make_one_table_and_single_tables_do_not_count_for_it(calibrate, tmp_path):
    files = [pedestal_file(tmp_path / "raw", 1702, n, gates=300) for n in (1, 2)]
    assert len(calibrate(*files, "--json").document) == 2
    call = calibrate(*files, "--merge", "--json")
    (table,) = call.document
    assert (table["run"], table["gates"]["used"], table["kept"]) == (None, 600, False)
    assert table["file"] == [str(path) for path in files]
    assert calibrate(*files, "--merge", "--json").document[0]["kept"]
    assert [t["kept"] for t in calibrate(*files, "--json").document] == [True, True]


def test_a_file_of_two_runs_makes_two_tables(calibrate, tmp_path):
    one = pedestal_file(tmp_path / "one", 1702, 1).read_bytes()
    two = pedestal_file(tmp_path / "two", 1703, 7).read_bytes()
    both = tmp_path / making.raw_name(1702, 1, "pdstl")
    both.write_bytes(one + two)
    call = calibrate(both, "--json")
    assert [(t["run"], t["subrun"]) for t in call.document] == [(1702, 1), (1703, 7)]
    assert [t["gates"]["used"] for t in call.document] == [520, 520]
    assert len({t["table"] for t in call.document}) == 2
    assert [t["kept"] for t in calibrate(both, "--json").document] == [True, True]


def test_dry_run_writes_nothing(calibrate, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    plan = calibrate(raw, "--dry-run", "--json").document
    assert plan["bytes"] == raw.stat().st_size
    assert "would make pedestals of 1 files" in calibrate(raw, "--dry-run").out
    assert not (tmp_path / "out").exists()
    assert calibrate(tmp_path / "none.dat", "--dry-run").code == 2


def test_bad_calls_exit_2_and_change_nothing(calibrate, mx2, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1)
    assert calibrate().code == 2
    assert "given twice" in calibrate(raw, raw).err
    assert calibrate(tmp_path / "missing.dat").code == 2
    assert calibrate(raw, "--previous", tmp_path / "missing.dat").code == 2
    assert calibrate(raw, "--swapped", "9-9-9-9").code == 2
    (tmp_path / "preproduction.yaml").write_text("bords: []\n")
    call = calibrate(raw)
    assert (call.code, "boards" in call.err) == (2, True)
    assert not (tmp_path / "out").exists()


def test_bad_channels_are_excused(calibrate, tmp_path):
    channels = [(0, 1, 0, 2, pixel) for pixel in range(64)]
    address = dict(zip(("crate", "croc", "chain", "board", "pixel"), np.array(channels).T,
                       strict=True))  # fmt: skip
    values = {"flags": np.ones(64, np.int64), "reason": np.full(64, "dead")}
    known = tmp_path / "known.parquet"
    write_parquet(Table.of(BadChannel, {**address, **values}), known)
    rms = making.TRUTH.rms.copy()
    rms[1] = 0
    raw = pedestal_file(tmp_path / "raw", 1702, 1, truth=making.TRUTH.changed(rms=rms))
    assert calibrate(raw, "--json").document[0]["verdict"] == "bad"
    excused = calibrate(raw, "--json", "--bad-channels", known, out="excused")
    assert excused.document[0]["verdict"] == "good", json.dumps(excused.document, indent=1)
