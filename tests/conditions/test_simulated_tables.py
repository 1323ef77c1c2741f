"""The record beside a table tells which program made it, and whether from simulated files."""

from __future__ import annotations

import json

import pytest

from mx2prod.conditions import Provenance, load_fixture, read_table_file
from mx2prod.conditions.putting import read_provenance
from mx2prod.constants import Pedestal, Period, Table, write_table
from mx2prod.constants.keys import default_maps
from mx2prod.core.errors import InputFileError
from tests.conditions.making import pedestals


@pytest.fixture
def table_path(tmp_path):
    table = pedestals()
    period = Period(1679419898780211, 1679421873400253)
    write_table(Table(table.schema, table.columns, period), tmp_path / "ped.dat")
    return tmp_path / "ped.dat"


APPLICATION = {"family": "mx2prod", "name": "calibrate-pedestals", "version": "0.1"}
MADE_BY = {f"core.application.{key}": word for key, word in APPLICATION.items()}


def facts_of(path):
    return [f for f in read_table_file(path, Pedestal, default_maps()).provenance
            if f.kind in ("software", "simulated")]  # fmt: skip


@pytest.mark.parametrize(("file_type", "known"), [("mc", True), ("importedDetector", False)])
def test_the_record_beside_the_table_tells(table_path, file_type, known):
    record = {"metadata": {"core.file_type": file_type, **MADE_BY}}
    table_path.with_name("ped.dat.json").write_text(json.dumps(record))
    software = Provenance("software", "mx2prod calibrate-pedestals 0.1")
    assert facts_of(table_path) == [
        software,
        *([Provenance("simulated", "ped.dat")] if known else []),
    ]


def test_without_a_record_nothing_is_said(table_path):
    assert facts_of(table_path) == []


@pytest.mark.parametrize("text", ["nonsense", "[]", '{"metadata": {}}', '{"metadata": 3}'])
def test_what_is_no_record_is_refused(table_path, text):
    table_path.with_name("ped.dat.json").write_text(text)
    with pytest.raises(InputFileError, match="not a metadata record"):
        read_table_file(table_path, Pedestal, default_maps())


def test_the_fixture_is_simulated(store):
    load_fixture(store, "pedestal3")
    with store.reading() as connection:
        hashes = connection.exec_driver_sql(
            "SELECT content_sha256 FROM conditions_payload"
        ).scalars()
        facts = [read_provenance(connection, sha256) for sha256 in hashes.all()]
    assert len(facts) == 4
    assert all(Provenance("simulated", "pedestal3") in of_one for of_one in facts)
