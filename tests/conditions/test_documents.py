"""Run lists, run-to-time maps, places on the axis, table files with their verdicts."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.conditions import (
    OPEN_END,
    Interval,
    RunList,
    RunTimeMap,
    Subrun,
    parse_place,
    place_text,
    position,
    read_table_file,
    run_subrun,
)
from mx2prod.conditions.axis import place_json
from mx2prod.conditions.documents import place_of_name
from mx2prod.constants import Pedestal, content_sha256, to_arrow, write_parquet
from mx2prod.constants.keys import default_maps
from mx2prod.core.errors import InputFileError, NameFormatError, TableError
from tests.conditions.making import pedestals


def test_places_of_the_page() -> None:
    assert position(1698, 0) == 7292854468608
    assert position(50017, 17) == 214821379244049
    period = Interval(position(1698), position(1796))
    assert position(1795, 9999) in period
    assert position(1796) not in period


@given(st.integers(0, 99_999_999), st.integers(0, 9_999))
def test_a_place_goes_both_ways(run: int, subrun: int) -> None:
    place = position(run, subrun)
    assert (run_subrun(place).run, run_subrun(place).subrun) == (run, subrun)
    assert parse_place(place_text(place)) == place
    assert place_json(place) == {"run": run, "subrun": subrun}


@pytest.mark.parametrize("text", ["", "x", "5/", "/5", "1/99999", "-1", "1/2/3", "5 6"])
def test_what_is_no_place_is_refused(text: str) -> None:
    with pytest.raises(NameFormatError):
        parse_place(text)


def test_an_interval_is_not_empty() -> None:
    assert (place_text(OPEN_END), place_json(OPEN_END)) == ("open", None)
    with pytest.raises(NameFormatError, match="the end is not after the begin"):
        Interval(5, 5)


def test_run_lists_are_read_in_each_form(tmp_path: Path) -> None:
    path = tmp_path / "runs.txt"
    path.write_text(
        "# comment\n\n1702 4\n1702/3\n1702, 5\n1703\n"
        "TS1_00050017_0017_numib_v09_2407100856_RawData.dat\n"
        "neardet-2x2-minerva:TS1_00050017_0018_numib_v09_2407100856_RawData.dat\n"
    )
    runs = RunList.read(path)
    assert runs.places == tuple(
        position(*pair)
        for pair in ((1702, 3), (1702, 4), (1702, 5), (1703, 0), (50017, 17), (50017, 18))
    )
    assert RunList.of_document(runs.document()) == runs
    assert runs.within(Interval(position(1702, 4), position(1703))) == runs.places[1:3]
    for text, match in (("nonsense\n", "line 1"), ("# only\n", "no subrun")):
        path.write_text(text)
        with pytest.raises(InputFileError, match=match):
            RunList.read(path)


def test_names_say_where_a_table_begins() -> None:
    name = "TS1_00001702_0004_pdstl_v09_2404120514_pedestal_table.dat"
    assert place_of_name(name) == position(1702, 4)
    assert place_of_name("s2s_constants_1702.txt") == position(1702)
    assert place_of_name("table.dat") is None


SUBRUNS = (
    Subrun(position(1702, 0), 1_000_000, 1_900_000, "a"),
    Subrun(position(1702, 1), 2_000_000, 2_900_000, "b"),
    Subrun(position(50001, 0), 9_000_000, 9_500_000, "c"),
)


def test_intervals_become_times() -> None:
    runtime = RunTimeMap.of(reversed(SUBRUNS))
    assert RunTimeMap.of_document(runtime.document()) == runtime
    assert runtime.seconds(Interval(position(1702), position(1702, 1))) == (1.0, 2.0)
    assert runtime.seconds(Interval(position(1700), position(1796))) == (1.0, 9.0)
    assert runtime.seconds(Interval(position(1702, 1), OPEN_END)) == (2.0, None)
    assert runtime.seconds(Interval(position(50002), OPEN_END)) is None
    assert runtime.place_at(999_999) is None
    assert runtime.place_at(2_500_000) == position(1702, 1)
    assert runtime.place_at(8_000_000) == position(1702, 1)


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        (Subrun(position(1702, 1), 5_000_000, 5_100_000, "d"), "stands twice"),
        (Subrun(position(1702, 2), 2_500_000, 3_100_000, "d"), "times overlap"),
        (Subrun(position(1702, 2), 100_000, 200_000, "d"), "disagree with the order of runs"),
        (Subrun(position(1703), 4_000_000, 3_000_000, "d"), "ends before it begins"),
    ],
)
def test_a_map_whose_times_disagree_is_refused(wrong: Subrun, match: str) -> None:
    with pytest.raises(TableError, match=match):
        RunTimeMap.of([*SUBRUNS, wrong])


def test_the_map_is_made_of_the_gates_of_raw_files(samples: dict[str, Path]) -> None:
    from mx2prod import raw

    folder = next(folder for name, folder in samples.items() if name.startswith("p09"))
    (path,) = folder.glob("*.dat")
    info = raw.summarise(path)
    (subrun,) = RunTimeMap.of_raw_files([path]).subruns
    assert subrun.place == position(info.run or 0, info.subrun or 0)
    assert (subrun.begin_us, subrun.end_us) == (
        info.first_trigger_time_us,
        info.last_trigger_time_us,
    )


def test_a_table_file_brings_its_verdict(tmp_path: Path) -> None:
    path = tmp_path / "ped.parquet"
    write_parquet(pedestals(), path)
    assert [f.kind for f in read_table_file(path, Pedestal, default_maps()).provenance] == ["file"]
    beside = tmp_path / "ped.verdict.json"
    beside.write_text(
        json.dumps({"verdict": "investigate", "file": "x.dat", "settings_sha256": "0a"})
    )
    read = read_table_file(path, Pedestal, default_maps())
    facts = {fact.kind: fact.value for fact in read.provenance}
    assert (facts["verdict"], facts["input"], facts["config"]) == ("investigate", "x.dat", "0a")
    beside.write_text("[]")
    with pytest.raises(InputFileError, match="not a verdict file"):
        read_table_file(path, Pedestal, default_maps())
    path.write_bytes(b"PAR1")
    with pytest.raises(TableError, match="cannot be read as a Parquet file"):
        read_table_file(path, Pedestal, default_maps())


def test_companion_columns_of_a_calibration_are_left_out(tmp_path: Path) -> None:
    table = pedestals()
    wider = to_arrow(table).append_column("hg_mean_err", pa.array([0.1] * len(table)))
    path = tmp_path / "ped.parquet"
    pq.write_table(wider, path)
    read = read_table_file(path, Pedestal, default_maps()).table
    assert content_sha256(read) == content_sha256(table)
    pq.write_table(wider.drop_columns(["hg_rms"]), path)
    with pytest.raises(TableError, match="are missing: hg_rms"):
        read_table_file(path, Pedestal, default_maps())
