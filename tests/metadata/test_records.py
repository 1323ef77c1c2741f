from __future__ import annotations

import json

import pytest

from mx2prod.core.errors import InputFileError, OutputError, UsageError
from mx2prod.metadata import Context, RecordsInMemory, check_record, example
from mx2prod.metadata.records import (
    data_path,
    read_record,
    record_path,
    record_text,
    write_record,
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"", "not JSON: line 1"),
        (b'{"a": 1,}', "not JSON: line 1"),
        (b'{"a": "\xff"}', "not UTF-8 text: byte 7"),
        (b'{"a": 1, "a": 2}', "keys that occur twice in one object: 'a'"),
        (b"[" * 200_000, "not"),
        (b"1" * 10_000, "not a usable JSON document"),
    ],
)
def test_unusable_files(tmp_path, text, message):
    path = tmp_path / "record.json"
    path.write_bytes(text)
    with pytest.raises(InputFileError, match=message):
        read_record(path)


def test_missing_and_too_large_files(tmp_path):
    with pytest.raises(InputFileError, match="No such file"):
        read_record(tmp_path / "x.json")
    large = tmp_path / "large.json"
    with large.open("wb") as handle:
        handle.truncate(65 * 1024 * 1024)
    with pytest.raises(InputFileError, match="too large for a record"):
        read_record(large)


def test_written_text_is_what_is_read(tmp_path):
    record = example("corrected")
    path = write_record(record, tmp_path)
    assert path == record_path(tmp_path / record["name"])
    assert read_record(path) == record
    assert path.read_text() == record_text(record)
    with pytest.raises(OutputError, match="never overwritten"):
        write_record(record, tmp_path)


def test_the_json_of_the_daq_keeps_its_name(tmp_path):
    record = {"name": "raw.dat", "metadata": {"core.data_tier": "binary-raw"}}
    (tmp_path / "raw.dat").touch()
    with pytest.raises(UsageError, match="the DAQ's own JSON"):
        write_record(record, tmp_path)
    assert not (tmp_path / "raw.dat.json").exists()
    assert write_record(record, tmp_path / "records").exists()


def test_data_file_beside_a_record(tmp_path):
    (tmp_path / "a.root").touch()
    assert data_path(tmp_path / "a.root.json") == tmp_path / "a.root"
    assert data_path(tmp_path / "b.root.json") is None
    assert data_path(tmp_path / "a.root") is None


def test_records_in_memory():
    record = example("corrected")
    lookup = RecordsInMemory([record, {"name": 1}])
    parent = record["parents"][0]["did"]
    assert lookup.find(f"{record['namespace']}:{record['name']}") is record
    assert lookup.find("a:b") is None
    assert list(lookup.children(parent)) == [record]
    assert not lookup.complete


# ------------------------------------------------------------------ X15: fresh read of the bytes


@pytest.fixture
def beside(tmp_path):
    record = example("corrected")
    path = tmp_path / record["name"]
    path.write_bytes(b"Wikipedia")
    record["size"] = 9
    record["checksums"] = {"adler32": "11e60398"}
    return record, path


def fields_of_x15(record, path):
    problems = check_record(record, Context(data_file=path))
    return [item.field for item in problems if item.rule == "X15"]


def test_bytes_that_agree(beside):
    record, path = beside
    assert fields_of_x15(record, path) == []


def test_bytes_that_differ(beside):
    record, path = beside
    record["checksums"]["sha256"] = "0" * 64
    path.write_bytes(b"Wikimedia!")
    assert fields_of_x15(record, path) == ["size", "checksums.adler32", "checksums.sha256"]


def test_bytes_that_are_gone(beside):
    record, path = beside
    path.unlink()
    assert fields_of_x15(record, path) == ["size"]


def test_record_is_ascii():
    assert json.loads(record_text(example("printed"))) == example("printed")
    assert record_text({"a": "é"}).isascii()
