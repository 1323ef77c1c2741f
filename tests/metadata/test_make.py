"""Records of files on disk: what the job wrote beside its output can be made again."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import uproot

from mx2prod.core.errors import InputFileError, UsageError
from mx2prod.metadata import has_errors, make_record, record_path
from mx2prod.production.process import process

SAMPLE = "TS1_00001797_0003_numip_v09_2406010303_RawData.dat"


@pytest.fixture(scope="module")
def job(samples, tmp_path_factory):
    """Raw file, and folder of its digits and of both records."""
    raw = samples["p04_numip_small"] / SAMPLE
    folder = tmp_path_factory.mktemp("digits")
    process([raw], out=folder)
    return raw, next(folder.glob("*_RawDigits.root"))


def test_record_of_digits_is_that_of_the_job(job):
    raw, digits = job
    made = make_record(digits, raw=raw)
    written = json.loads(record_path(digits).read_text())
    workflow = made.record["metadata"].pop("dune.workflow")
    assert (
        workflow["jobscript_start"] == written["metadata"].pop("dune.workflow")["jobscript_start"]
    )
    assert made.record == written
    assert not has_errors(made.problems)


def test_raw_file_or_its_record_beside_the_digits_is_found(job, tmp_path):
    raw, digits = job
    expected = make_record(digits, raw=raw).record
    assert make_record(digits).record == expected, "record of the raw file beside it"
    shutil.copy(digits, tmp_path)
    shutil.copy(raw, tmp_path)
    assert make_record(tmp_path / digits.name).record == expected, "raw file beside it"


def test_without_its_raw_file_there_is_no_record(job, tmp_path):
    _, digits = job
    shutil.copy(digits, tmp_path)
    with pytest.raises(InputFileError, match="does not lie beside it") as caught:
        make_record(tmp_path / digits.name)
    assert "--raw" in caught.value.next_step


def test_another_raw_file_is_refused(job, samples):
    _, digits = job
    other = next(samples["p03_numib_small"].glob("*.dat"))
    with pytest.raises(UsageError, match="not the input of"):
        make_record(digits, raw=other)
    with pytest.raises(UsageError, match="not the record of the raw file"):
        make_record(digits, raw=record_path(other))


def test_a_parent_record_without_what_is_inherited(job, tmp_path):
    raw, digits = job
    record = make_record(raw).record
    del record["metadata"]["core.lum_block_ranges"]
    path = tmp_path / "parent.json"
    path.write_text(json.dumps(record))
    with pytest.raises(InputFileError, match="not usable as the record of a parent"):
        make_record(digits, raw=path)


def root_file(folder: Path, meta: str | None) -> Path:
    path = folder / SAMPLE.replace("RawData.dat", "RawDigits.root")
    with uproot.recreate(path) as file:
        if meta is not None:
            file["Meta"] = meta
    return path


@pytest.mark.parametrize(
    ("meta", "error", "message"),
    [
        (None, InputFileError, "no object 'Meta'"),
        ('{"schema": "dst/1"}', UsageError, "holds 'dst/1'"),
        ('{"schema": "raw-digits/1"}', InputFileError, "Meta does not tell input and job"),
        (
            '{"schema": "raw-digits/1", "inputs": [{"did": "x"}]}',
            InputFileError,
            "Meta does not tell input and job",
        ),
    ],
)
def test_root_files_of_others(tmp_path, meta, error, message):
    with pytest.raises(error, match=message):
        make_record(root_file(tmp_path, meta))


def test_not_a_root_file(tmp_path):
    path = tmp_path / SAMPLE.replace("RawData.dat", "RawDigits.root")
    path.write_bytes(b"x" * 100)
    with pytest.raises(InputFileError, match="not a readable ROOT file"):
        make_record(path)
