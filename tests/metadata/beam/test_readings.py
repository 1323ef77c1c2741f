"""Exports of the beam database: both forms, units, missing values, rows that are wrong; storage."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from mx2prod.core.errors import InputFileError, OutputError
from mx2prod.core.files import sha256_of_file
from mx2prod.metadata.beam import BeamConfig, import_spills, read_spills, write_spills
from mx2prod.metadata.beam.table import SpillTable

T = 1_720_601_760
ROWS = [
    (T * 1000, "E:TRTGTD", "E12", "45.5"),
    (T * 1000 + 3, "E:NSLINA", "kA", "-50"),
    (T * 1000 + 4, "E:NSLINB", "kA", "-50"),
    (T * 1000 + 4, "E:NSLINC", "A", "-50000"),
    (T * 1000 + 4, "E:NSLIND", "kA", "-49"),
    (T * 1000 + 5, "E:HPTGT[]", "cm", "0.02"),
    (T * 1000 + 1200, "E:TR101D@e,a9", "E12", "44"),
    (T * 1000 + 1203, "E:NSLINA", "kA", "-50"),
    (T * 1000 + 2400, "E:TRTGTD", "E12", ""),
    (T * 1000 + 2400, "G:OTHER", "", "1"),
]


def csv_file(path: Path, rows: list[tuple[object, ...]], header: str = "") -> Path:
    with path.open("w", newline="") as handle:
        handle.write(f"{header or 'timestamp,name,units,value(s)'}\n")
        csv.writer(handle).writerows(rows)
    return path


def same(one: SpillTable, other: SpillTable) -> bool:
    return np.array_equal(one.time_us, other.time_us) and all(
        np.array_equal(one.values[name], other.values[name], equal_nan=True) for name in one.values
    )


@pytest.fixture
def table(tmp_path: Path) -> SpillTable:
    return import_spills([csv_file(tmp_path / "beam.csv", ROWS)], BeamConfig())


def test_readings_become_spills(table: SpillTable):
    assert table.time_us.tolist() == [T * 10**6, T * 10**6 + 1_200_000, T * 10**6 + 2_400_000]
    protons = table.values["protons"].tolist()
    assert protons[:2] == pytest.approx([4.55e13, 4.4e13])
    assert math.isnan(protons[2]), "a missing reading is unknown, not 0"
    assert table.values["horn_current"][0] == pytest.approx(-199)
    assert np.isnan(table.values["horn_current"][1]), "three strip lines are missing"
    assert table.values["x"][0] == pytest.approx(0.2)
    assert table.meta["other_devices"] == {"G:OTHER": 1}
    assert table.meta["readings_without_value"] == 1
    assert table.as_dict()["protons"] == pytest.approx(8.95e13)


def test_other_forms_give_the_same_table(tmp_path: Path, table: SpillTable):
    listed = [dict(zip(("clock", "name", "units", "value"), row, strict=True)) for row in ROWS]
    rows = tmp_path / "rows.json"
    rows.write_text(json.dumps({"rows": listed}))
    assert same(import_spills([rows], BeamConfig()), table)
    bare = tmp_path / "bare.json"
    bare.write_text(json.dumps([{**row, "value": [row["value"] or None]} for row in listed]))
    assert same(import_spills([bare], BeamConfig()), table)


def test_one_spill_a_row(tmp_path: Path):
    rows = [
        ("2024-07-10T08:56:00Z", "45.5", "0.1"),
        ("2024-07-10T03:56:01.200-05:00", "", "0.2"),
        (f"{T}.6", "1", ""),
    ]
    path = csv_file(tmp_path / "wide.csv", rows, "Time,E:TRTGTD [E12],E:VPTGT [mm]")
    table = import_spills([path], BeamConfig(spill_s=0.2))
    assert table.time_us.tolist() == [T * 10**6, T * 10**6 + 600_000, T * 10**6 + 1_200_000]
    assert table.values["protons"][:2].tolist() == pytest.approx([4.55e13, 1e12])
    assert np.isnan(table.values["protons"][2])
    assert table.values["y"][2] == 0.2


def test_files_that_overlap_count_once(tmp_path: Path, table: SpillTable):
    first = csv_file(tmp_path / "a.csv", ROWS[:8])
    second = csv_file(tmp_path / "b.csv", ROWS[5:])
    both = import_spills([second, first], BeamConfig())
    assert same(both, table)
    assert both.meta["repeated_readings"] == 0
    assert [item["sha256"] for item in both.meta["sources"]] == [
        sha256_of_file(second), sha256_of_file(first)
    ]  # fmt: skip


def test_repeated_reading_in_a_spill_is_counted(tmp_path: Path):
    rows = [ROWS[0], (T * 1000 + 50, "E:TRTGTD", "E12", "99")]
    table = import_spills([csv_file(tmp_path / "b.csv", rows)], BeamConfig())
    assert table.values["protons"].tolist() == pytest.approx([4.55e13])
    assert table.meta["repeated_readings"] == 1


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ((T * 1000, "E:TRTGTD", "E12", "many"), "value 'many'"),
        ((T * 1000, "E:TRTGTD", "E12", "inf"), "finite"),
        ((T * 1000, "E:HPTGT", "mmm", "1"), "did you mean 'mm'"),
        ((T * 1000, "E:TRTGTD", "kA", "1"), "E<n>"),
        (("", "E:TRTGTD", "E12", "1"), "no time"),
        ((-5, "E:TRTGTD", "E12", "1"), "since 1970"),
        (("2024-07-10T08:56:00", "E:TRTGTD", "E12", "1"), "without a zone"),
        (("soon", "E:TRTGTD", "E12", "1"), "ISO 8601"),
        ((T * 1000, "E:TRTGTD", "E12"), "3 cells, expected 4"),
    ],
)
def test_wrong_rows_are_named(tmp_path: Path, row: tuple[object, ...], why: str):
    path = csv_file(tmp_path / "beam.csv", [ROWS[0], row])
    with pytest.raises(InputFileError, match=why) as caught:
        import_spills([path], BeamConfig())
    assert "row 3" in caught.value.message
    assert caught.value.next_step == f"sed -n 3p {path}"


@pytest.mark.parametrize(
    ("name", "text", "why"),
    [
        ("a.csv", "", "header empty"),
        ("a.csv", "name,value\nE:TRTGTD,1\n", "column of times"),
        ("a.json", "{", "not JSON"),
        ("a.json", '{"rows": 5}', "list of objects"),
        ("a.csv", "time,name,value\n1720601760,E:NONE,1\n", "E:NONE"),
    ],
)
def test_files_that_are_no_export(tmp_path: Path, name: str, text: str, why: str):
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputFileError, match=why):
        import_spills([path], BeamConfig())


def test_other_devices_by_configuration(tmp_path: Path):
    rows = [(T * 1000, "E:TOR860", "E10", "100")]
    config = BeamConfig(protons=("E:TOR860",))
    table = import_spills([csv_file(tmp_path / "b.csv", rows)], config)
    assert table.values["protons"].tolist() == [1e12]
    with pytest.raises(ValidationError):
        BeamConfig(protons=())
    with pytest.raises(ValidationError):
        BeamConfig.model_validate({"toroids": ["E:TOR860"]})


def test_stored_table_comes_back_with_what_is_unknown(tmp_path: Path, table: SpillTable):
    data, record = write_spills(table, tmp_path / "out", "run")
    back = read_spills(data)
    assert same(back, table)
    assert back.meta == table.meta
    described = json.loads(record.read_text())
    assert described["sha256"] == table.digest
    assert described["spills"] == 3
    with pytest.raises(OutputError):
        write_spills(table, tmp_path / "out", "run")


def test_changed_and_foreign_tables_are_refused(tmp_path: Path, table: SpillTable):
    import pyarrow.parquet as pq

    data, _ = write_spills(table, tmp_path, "run")
    arrow = pq.read_table(data)
    pq.write_table(arrow.slice(0, 2), tmp_path / "short.parquet")
    with pytest.raises(InputFileError, match="was changed"):
        read_spills(tmp_path / "short.parquet")
    pq.write_table(arrow.replace_schema_metadata({}), tmp_path / "bare.parquet")
    with pytest.raises(InputFileError, match="no table of spills"):
        read_spills(tmp_path / "bare.parquet")
    (tmp_path / "text.parquet").write_text("text")
    with pytest.raises(InputFileError, match="no Parquet"):
        read_spills(tmp_path / "text.parquet")
