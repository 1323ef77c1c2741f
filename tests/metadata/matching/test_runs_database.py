"""Reading a run database: text numbers, rows that cannot be used, files that are none; the list."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from mx2prod.core.errors import InputFileError
from mx2prod.metadata.matching import TrustedDatabases, read_runs_database
from mx2prod.metadata.matching.generate import other_subruns, write_runs_database
from mx2prod.metadata.matching.numbering import MadeSubrun

T = 1_720_000_000


def small_run() -> list[MadeSubrun]:
    # Light starts later: its columns are NULL in the first row of the global subruns.
    return [
        *other_subruns("CRS", 50017, [T, T + 600, T + 1200]),
        *other_subruns("LRS", 50017, [T + 100, T + 900]),
        MadeSubrun("Mx2", 50017, 17, T + 50, T + 1100, "TS1.dat", 26511430, 26518629),
    ]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_runs_database(tmp_path / "runs.sqlite", [small_run()])


def change(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


def test_column_that_starts_with_null_is_text_and_is_cast(path: Path):
    with closing(sqlite3.connect(path)) as connection:
        kinds = connection.execute(
            "select distinct typeof(lrs_subrun), typeof(crs_subrun) from All_global_subruns"
        ).fetchall()
    assert {kind[0] for kind in kinds} == {"null", "text"}
    assert {kind[1] for kind in kinds} == {"integer"}
    database = read_runs_database(path)
    assert sorted(set(database.rows["lrs_subrun"].tolist())) == [-1, 1]
    assert database.rows["lrs_run"].dtype.kind == "i"


def test_reading_changes_nothing_in_the_folder(path: Path):
    before = {item: item.read_bytes() for item in path.parent.iterdir()}
    read_runs_database(path)
    assert {item: item.read_bytes() for item in path.parent.iterdir()} == before


def test_times_that_are_not_set_are_dropped_and_listed(path: Path):
    change(
        path,
        "update CRS_summary set end_time_unix = -1 where subrun = 2",
        "update LRS_summary set end_time_unix = start_time_unix",
        "update Mx2_summary set start_time_unix = 'soon'",
    )
    database = read_runs_database(path)
    assert [(row.table, row.key) for row in database.dropped] == [
        ("CRS_summary", "50017/2"),
        ("LRS_summary", "50017/1"),
        ("Mx2_summary", "50017/17"),
    ]
    assert database.summaries["CRS"].rows["subrun"].tolist() == [1]
    assert "not after" in database.dropped[1].reason


def test_text_and_float_times(path: Path):
    change(
        path,
        "update CRS_summary set start_time_unix = '1720000000.0' where subrun = 1",
        "update CRS_summary set start_time_unix = 1720000600.0 where subrun = 2",
    )
    assert read_runs_database(path).summaries["CRS"].rows["start"].tolist() == [T, T + 600]


def test_extra_columns_and_tables_are_tolerated(path: Path):
    change(
        path,
        "alter table CRS_summary add column nersc_path text",
        "create table SC_beam_summary (global_subrun integer primary key)",
    )
    assert len(read_runs_database(path).summaries["CRS"].rows) == 2


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("drop table Mx2_summary", "Mx2_summary"),
        ("alter table All_global_subruns rename column crs_run to csr_run", "did you mean"),
    ],
)
def test_other_databases_are_refused(path: Path, statement: str, named: str):
    change(path, statement)
    with pytest.raises(InputFileError, match=named) as caught:
        read_runs_database(path)
    assert caught.value.next_step.endswith(".schema")


def test_other_files_are_refused(tmp_path: Path):
    text = tmp_path / "text.sqlite"
    text.write_text("no database at all, only some words that are long enough" * 20)
    with pytest.raises(InputFileError, match="SQLite"):
        read_runs_database(text)
    with pytest.raises(InputFileError):
        read_runs_database(tmp_path / "none.sqlite")


@pytest.mark.parametrize("suffix", ["-wal", "-journal"])
def test_database_that_is_being_written_is_refused(path: Path, suffix: str):
    path.with_name(f"{path.name}{suffix}").write_bytes(b"x")
    with pytest.raises(InputFileError, match="being written"):
        read_runs_database(path)


def test_only_listed_hashes_are_opened(path: Path):
    listed = path.parent / "runs-databases.sha256"
    trusted = TrustedDatabases.read(listed)
    with pytest.raises(InputFileError, match="not in") as caught:
        trusted.open(path)
    assert "sha256sum" in caught.value.next_step
    with pytest.raises(InputFileError, match="no run database"):
        _ = trusted.current
    digest = read_runs_database(path).sha256
    listed.write_text(f"# releases\n{digest}  {path.name}\n")
    trusted = TrustedDatabases.read(listed)
    assert trusted.current == path
    assert trusted.open(path).sha256 == digest
    change(path, "update CRS_summary set msg_rate = 2")
    with pytest.raises(InputFileError, match="not in"):
        trusted.open(path)


def test_line_that_is_not_of_sha256sum(tmp_path: Path):
    listed = tmp_path / "list"
    listed.write_text("abc  file\n")
    with pytest.raises(InputFileError, match="line 1"):
        TrustedDatabases.read(listed)
