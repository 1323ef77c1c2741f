"""``mx2 demo``: the main job on the packaged samples."""

from __future__ import annotations

from pathlib import Path

import mx2prod
from mx2prod.cli.demo import CONTENT, LABEL
from mx2prod.core.ids import FileName

PACKAGED = Path(mx2prod.__file__).parent / "samples"


def test_packaged_samples_are_those_of_the_tests(samples):
    good = {name for name in samples if name.startswith("p")}
    assert {folder.name for folder in PACKAGED.iterdir() if folder.is_dir()} == good == set(CONTENT)
    for folder in PACKAGED.iterdir():
        if folder.is_dir():
            for path in folder.iterdir():
                assert path.read_bytes() == (samples[folder.name] / path.name).read_bytes()
    readme = samples["p01_pedestal_small"].parent / "README.md"
    assert (PACKAGED / "README.md").read_bytes() == readme.read_bytes()


def test_demo_twice_in_a_fresh_folder(mx2_program, mx2, tmp_path):
    first = mx2_program("demo", cwd=tmp_path)
    assert first.code == 0, first.err
    assert LABEL in first.err
    folder = tmp_path / "mx2-demo"
    files = {path.name for path in folder.iterdir()}
    digits = [name for name in files if name.endswith("RawDigits.root")]
    assert len(digits) == len(CONTENT)
    assert all(f"{name}.json" in files for name in digits)
    raw_records = [name for name in files if name.endswith("RawData.dat.json")]
    assert len(raw_records) == len(CONTENT)
    for name in [*CONTENT, "mx2-demo", *(n for n in files if "RawDigits" in n)]:
        assert name in first.out
    assert "68 gates read from 11 raw files, 68 written, 0 lost" in first.out

    again = mx2("demo", folder, "--json")
    assert again.code == 0, again.err
    document = again.document
    assert document["label"] == LABEL
    assert len(document["outputs"]) == len(CONTENT)
    assert len(list(folder.iterdir())) == len(files) + 2 * len(CONTENT)
    first_input = FileName.parse(Path(document["files"][0]["path"]).name)
    assert (first_input.run_subrun.run, first_input.stream) == (50017, "numib")


def test_demo_dry_run_writes_nothing(mx2, tmp_path):
    call = mx2("demo", tmp_path / "x", "--dry-run")
    assert call.code == 0
    assert list(tmp_path.iterdir()) == []


def test_demo_says_when_a_file_cannot_be_written(mx2, tmp_path):
    (tmp_path / "taken").write_text("a file")
    call = mx2("demo", tmp_path / "taken" / "below")
    assert call.code == 1
    assert "cannot be written" in call.err
