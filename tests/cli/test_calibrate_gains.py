"""``mx2 calibrate gains``: pedestals of a folder, too few pulses, merging, other constants."""

from __future__ import annotations

from pathlib import Path

import pytest

from mx2prod.constants import write_parquet, write_table
from mx2prod.metadata import check_record, has_errors, read_record
from tests.validation import making
from tests.validation.making import light_file, light_path, pedestal_file, pedestals_of, table_file

KIND = "gains"
TOO_FEW = "Not enough events for a gains table"


@pytest.fixture
def pedestals(tmp_path):
    """True pedestals of the light-injection files, as a table."""
    path = tmp_path / "pedestals.parquet"
    write_parquet(pedestals_of(light_file(tmp_path / "none", 1799, 1, gates=1)), path)
    return path


def test_good_table_with_page_and_records_of_every_file(calibrate, pedestals, tmp_path):
    light_file(tmp_path / "raw", 1799, 1)
    raw = light_path(tmp_path / "raw", 1799, 1)
    call = calibrate(raw, "--pedestals", pedestals, "--json", plots=True)
    assert call.code == 0, call.err
    (table,) = call.document
    assert (table["kind"], table["verdict"], table["level"]) == ("gain", "good", 1)
    assert table["gates"]["li"] == 3050
    files = [p for p in (tmp_path / "out").iterdir() if p.suffix != ".json"]
    assert len(files) == 6
    for path in [*files, Path(table["verdict_file"])]:
        record = read_record(path.with_name(path.name + ".json"))
        assert not has_errors(check_record(record)), path.name
        assert record["parents"] == [{"did": f"neardet-2x2-minerva:{raw.name}"}]
    assert "channels of all expected boards" in Path(table["plots"][0]).read_text()


def test_too_few_pulses_have_the_words_of_the_talk_and_exit_3(calibrate, pedestals, tmp_path):
    light_file(tmp_path / "raw", 1702, 1, gates=500)
    call = calibrate(light_path(tmp_path / "raw", 1702, 1), "--pedestals", pedestals, "--json")
    (table,) = call.document
    assert (call.code, table["verdict"], table["table"]) == (3, "too_few", None)
    assert TOO_FEW in [reason["text"] for reason in table["reasons"]]
    assert Path(table["accumulator"]).is_file()
    human = calibrate(light_path(tmp_path / "raw", 1702, 1), "--pedestals", pedestals)
    assert (human.code, TOO_FEW in human.out) == (3, True)


def test_short_files_are_merged_on_request(calibrate, pedestals, tmp_path):
    for subrun in (1, 2, 3):
        light_file(tmp_path / "raw", 1702, subrun, gates=1600, first_gate=1 + 2000 * subrun)
    files = [light_path(tmp_path / "raw", 1702, subrun) for subrun in (1, 2, 3)]
    call = calibrate(*files, "--pedestals", pedestals, "--merge-until", 3000, "--json")
    assert call.code == 3
    assert [table["gates"]["used"] for table in call.document] == [3200, 1600]
    assert [table["verdict"] for table in call.document][1] == "too_few"
    again = calibrate(*files, "--pedestals", pedestals, "--merge-until", 3000, "--json")
    assert [table["kept"] for table in again.document] == [True, True]
    assert calibrate(*files, "--pedestals", pedestals, "--merge", "--merge-until", 9).code == 2


def test_a_folder_of_pedestals_gives_the_one_valid_for_the_subrun(calibrate, mx2, tmp_path):
    folder = tmp_path / "raw"
    pulses = light_file(folder, 1799, 5)
    truth = making.TRUTH.changed(mean=pulses.pedestal.reshape(making.TRUTH.mean.shape))
    files = [pedestal_file(folder, 1799, subrun, truth=truth) for subrun in (1, 3, 7)]
    where = ["-o", tmp_path / "ped", "--settings", tmp_path / "preproduction.yaml"]
    mx2("calibrate", "pedestals", *files, *where, "--no-plots", "--json")
    call = calibrate(light_path(folder, 1799, 5), "--pedestals", tmp_path / "ped", "--json")
    (table,) = call.document
    valid = read_record(table_file(tmp_path / "ped", files[1], ".dat.json"))
    assert table["constants"]["pedestal/1"] == valid["metadata"]["sha256"]
    assert table["verdict"] == "good", table["reasons"]
    light_file(folder, 1702, 1, gates=500)
    early = calibrate(light_path(folder, 1702, 1), "--pedestals", tmp_path / "ped")
    assert early.code == 2
    assert "no pedestal table is valid for" in early.err
    assert "--pedestals FILE" in early.err


def test_a_folder_without_usable_pedestals_is_refused(calibrate, mx2, tmp_path):
    raw = pedestal_file(tmp_path / "raw", 1702, 1, gates=50)
    where = ["-o", tmp_path / "ped", "--settings", tmp_path / "preproduction.yaml"]
    mx2("calibrate", "pedestals", raw, *where, "--no-plots")
    call = calibrate(raw, "--pedestals", tmp_path / "ped")
    assert call.code == 2
    assert "no pedestal table with the verdict good or investigate" in call.err


def test_a_table_of_other_constants_is_refused_and_named(calibrate, pedestals, tmp_path):
    pulses = light_file(tmp_path / "raw", 1799, 1, gates=400)
    raw = light_path(tmp_path / "raw", 1799, 1)
    assert calibrate(raw, "--pedestals", pedestals).code == 3
    pulses.pedestal += 1
    other = tmp_path / "other.parquet"
    write_parquet(pedestals_of(pulses), other)
    call = calibrate(raw, "--pedestals", other)
    assert (call.code, "other constants (pedestal/1)" in call.err) == (1, True)


def test_the_previous_table_is_named_and_compared(calibrate, pedestals, tmp_path):
    light_file(tmp_path / "raw", 1799, 1)
    before = light_file(tmp_path / "raw", 1799, 2)
    raws = [light_path(tmp_path / "raw", 1799, subrun) for subrun in (1, 2)]
    calibrate(raws[1], "--pedestals", pedestals, out="before")
    previous = table_file(tmp_path / "before", raws[1], ".dat", "gain")
    call = calibrate(raws[0], "--pedestals", pedestals, "--previous", previous, "--json")
    assert call.document[0]["reference"] == previous.name
    assert "changed" in str(call.document[0]["reasons"])
    assert before.gain.shape == (192,)
    assert "other settings" in calibrate(raws[0], "--pedestals", pedestals).err


def test_text_pedestals_and_bad_arguments(calibrate, pedestals, tmp_path):
    text = tmp_path / "pedestals.dat"
    pulses = light_file(tmp_path / "raw", 1799, 1, gates=300)
    write_table(pedestals_of(pulses), text)
    raw = light_path(tmp_path / "raw", 1799, 1)
    assert calibrate(raw, "--pedestals", text).code == 3
    assert calibrate(raw, "--pedestals", tmp_path / "none.dat", out="b").code == 2
    assert calibrate(raw, "--pedestals", pedestals, "--previous", pedestals, out="c").code == 2
    assert calibrate(raw, out="d").code == 2
