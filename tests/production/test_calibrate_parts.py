"""Parts of pre-production in `production`: constants files, order of files, records."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.config import Preproduction, load_preproduction
from mx2prod.calibration.pedestal_outputs import read_with_companion
from mx2prod.constants import Pedestal, PmtGain, write_parquet, write_table
from mx2prod.core.errors import TableError
from mx2prod.core.ids import RunSubrun
from mx2prod.detector import load_detector
from mx2prod.metadata import check_record, has_errors, read_record
from mx2prod.production.calibrate import Options, calibrate
from mx2prod.production.constants_files import (
    PedestalsOfSubruns,
    in_order_of_runs,
    read_constants,
    read_pedestals,
)
from mx2prod.production.products import Joining, PedestalMaker, settings_hash
from mx2prod.production.table_records import RawRecords, TableFacts, write_table_records
from tests.validation import making


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """Two pedestal tables, of subruns 2 and 4 of run 1702, and the maker."""
    folder = tmp_path_factory.mktemp("tables")
    files = [making.pedestal_file(folder / "raw", 1702, subrun) for subrun in (2, 4)]
    maker = PedestalMaker(load_preproduction(making.settings_file(folder)), load_detector())
    report = calibrate(maker, files, folder / "tables", options=Options(plots=False))
    return folder, files, report


def test_pedestals_are_valid_from_their_subrun_to_the_next(made):
    folder, _, report = made
    valid = PedestalsOfSubruns.find(folder / "tables")
    hashes = [table.content["content_sha256"] for table in report.tables]
    for subrun, place in ((2, 0), (3, 0), (4, 1), (99, 1)):
        assert valid.content_of(RunSubrun(1702, subrun)) == hashes[place]
    assert valid.content_of(RunSubrun(1703, 0)) == hashes[1]
    table = read_with_companion(Path(report.tables[1].paths["parquet"]))[0]
    np.testing.assert_array_equal(valid(RunSubrun(1702, 5))["hg_mean"], table["hg_mean"])


def test_pedestals_are_read_from_all_their_formats(made, tmp_path):
    paths = made[2].tables[0].paths
    whole, companion = read_pedestals(paths["parquet"])
    text, none = read_pedestals(paths["table"])
    assert companion is not None
    assert none is None
    np.testing.assert_array_equal(whole.channel, text.channel)
    plain = tmp_path / "plain.parquet"
    write_parquet(whole, plain)
    again, none = read_pedestals(plain)
    assert none is None
    np.testing.assert_array_equal(again["hg_mean"], whole["hg_mean"])
    assert read_constants(paths["parquet"], Pedestal).schema is Pedestal
    with pytest.raises(TableError, match="expected pmtgain/1"):
        read_constants(plain, PmtGain)
    with pytest.raises(TableError):
        read_pedestals(paths["accumulator"])


def test_files_are_taken_in_order_of_runs(tmp_path):
    names = [making.raw_name(1703, 1, "pdstl"), "b.dat", making.raw_name(1702, 12, "pdstl"),
             "a.dat", making.raw_name(1702, 3, "pdstl")]  # fmt: skip
    ordered = [path.name for path in in_order_of_runs([tmp_path / name for name in names])]
    assert ordered == [names[4], names[2], names[0], "b.dat", "a.dat"]


def test_an_accumulator_makes_the_same_table_and_is_the_parent_of_its_files(made, tmp_path):
    _, files, report = made
    maker = PedestalMaker(load_preproduction(making.settings_file(tmp_path)), load_detector())
    accumulator = Path(report.tables[0].paths["accumulator"])
    again = calibrate(maker, [accumulator], tmp_path / "out", options=Options(plots=False))
    (table,) = again.tables
    assert table.content["content_sha256"] == report.tables[0].content["content_sha256"]
    record = read_record(Path(f"{table.paths['table']}.json"))
    assert record["parents"] == [{"did": f"neardet-2x2-minerva:{accumulator.name}"}]
    assert not has_errors(check_record(record))
    assert record["metadata"]["core.runs_subruns"] == [170_200_002]
    assert files[0].name in str(table.content["inputs"])


def test_no_record_without_a_parent(tmp_path):
    records = RawRecords()
    broken = tmp_path / making.raw_name(1702, 1, "pdstl")
    broken.write_bytes(b"x")
    assert records.of(broken) is None
    assert records.of(broken) is None
    assert len(records.notices) == 1
    facts = TableFacts("pedestals", "unreadable", None, 0, (0, 0), None)
    assert write_table_records([broken], [], facts, 0.0) == []
    assert list(tmp_path.iterdir()) == [broken]


def test_hash_of_settings_knows_tables_and_values(made):
    table = read_pedestals(made[2].tables[0].paths["table"])[0]
    detector, settings = load_detector(), Preproduction()
    hashes = {
        settings_hash(settings, detector),
        settings_hash(settings, detector, {"previous": table}),
        settings_hash(settings, detector, {"other": table}),
        settings_hash(settings, detector, swaps=["0-1-0-1"]),
        settings_hash(Preproduction(boards=("0-1-0",)), detector),
    }
    assert len(hashes) == 5
    assert settings_hash(settings, detector, {"previous": None}) in hashes


def test_words_of_joining():
    assert [str(Joining()), str(Joining(merge=True)), str(Joining(merge_until=9))] == [
        "each file", "merge", "merge until 9",
    ]  # fmt: skip


def test_progress_names_every_file(made, tmp_path):
    _, files, _ = made
    maker = PedestalMaker(load_preproduction(making.settings_file(tmp_path)), load_detector())
    seen = []
    calibrate(maker, files, tmp_path / "o", options=Options(plots=False),
              progress=lambda path, done, total: seen.append((path.name, done, total)))  # fmt: skip
    assert seen == [(files[0].name, 0, 2), (files[1].name, 1, 2)]


def test_a_text_table_of_the_experiment_is_a_previous_table(made, tmp_path):
    _, files, report = made
    previous = tmp_path / "previous.dat"
    write_table(read_pedestals(report.tables[0].paths["parquet"])[0], previous)
    settings = load_preproduction(making.settings_file(tmp_path))
    maker = PedestalMaker(settings, load_detector(), previous)
    again = calibrate(maker, files[1:], tmp_path / "o", options=Options(plots=False))
    assert again.tables[0].content["reference"] == "previous.dat"
    assert again.exit_code == 0
    assert again.counts["good"] == 1
