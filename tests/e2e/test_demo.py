"""``mx2 demo``: the main job on the packaged samples."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import mx2prod
from mx2prod.cli.demo import CONTENT, DIGITS, LABEL, RUN1, sample_files
from mx2prod.core.ids import FileName
from mx2prod.core.workspace import Settings
from mx2prod.production import process
from mx2prod.production.demo import RUN1_LABEL

PACKAGED = Path(mx2prod.__file__).parent / "samples"


def test_packaged_samples_are_those_of_the_tests(samples):
    good = {name for name in samples if name.startswith("p")}
    folders = {folder.name for folder in PACKAGED.iterdir() if folder.is_dir()} - {RUN1}
    assert folders == good == set(CONTENT)
    for name in folders:
        for path in (PACKAGED / name).iterdir():
            assert path.read_bytes() == (samples[name] / path.name).read_bytes()
    readme = samples["p01_pedestal_small"].parent / "README.md"
    assert (PACKAGED / "README.md").read_bytes() == readme.read_bytes()


def test_demo_in_a_fresh_folder_then_new_digits(mx2_program, tmp_path):
    first = mx2_program("demo", cwd=tmp_path)
    assert first.code == 0, first.err
    assert LABEL in first.err
    assert RUN1_LABEL in first.err
    folder = tmp_path / "mx2-demo"
    files = {path.name for path in (folder / DIGITS).iterdir()}
    digits = [name for name in files if name.endswith("RawDigits.root")]
    assert len(digits) == len(CONTENT)
    assert all(f"{name}.json" in files for name in digits)
    raw_records = [name for name in files if name.endswith("RawData.dat.json")]
    assert len(raw_records) == len(CONTENT)
    for name in [*CONTENT, "mx2-demo", *(n for n in files if "RawDigits" in n)]:
        assert name in first.out
    assert "68 gates read from 11 raw files, 68 written, 0 lost" in first.out
    check_run1(folder, first.out)

    again = process(sample_files(), out=folder / DIGITS, settings=Settings())
    assert len(again.outputs) == len(CONTENT)
    assert len(list((folder / DIGITS).iterdir())) == len(files) + 2 * len(CONTENT)
    first_input = FileName.parse(again.files[0].path.name)
    assert (first_input.run_subrun.run, first_input.stream) == (50017, "numib")


def check_run1(folder: Path, text: str) -> None:
    """The talk's rows: three run periods, a short light-injection file, a board that is gone."""
    for product in ("pedestals", "gains"):
        for letter in "abc":
            assert (folder / "plots" / f"mx2_{product}_run1_prod_{letter}.pdf").stat().st_size > 0
        page = (folder / "plots" / f"mx2_{product}_summary.html").read_text()
        assert RUN1_LABEL in page
    assert "Not enough events for a gains table" in text
    assert "not enough events for a pedestal table" in text
    assert "1 boards of the inner detector absent" in text
    verdicts = [
        json.loads(path.read_text()) for path in (folder / "constants").rglob("*.verdict.json")
    ]
    words = Counter((verdict["kind"], verdict["verdict"]) for verdict in verdicts)
    assert words == {
        ("pedestal", "good"): 3, ("pedestal", "too_few"): 1, ("pedestal", "investigate"): 1,
        ("gain", "too_few"): 1, ("gain", "good"): 1, ("gain", "investigate"): 1,
    }  # fmt: skip
    assert all(verdict["deviations"] == ["pedestal_verdict.min_gates", "boards"]
               for verdict in verdicts)  # fmt: skip
    pages = list((folder / "constants").rglob("*_table.html"))
    assert len(pages) == len(verdicts)
    assert all("DEMO" in page.read_text() for page in pages)
    for path in (folder / "constants").rglob("*.dat"):
        record = json.loads(path.with_name(f"{path.name}.json").read_text())
        assert record["metadata"]["core.data_tier"] == "constants-table"
        assert record["metadata"]["core.file_type"] == "mc"


def test_demo_dry_run_writes_nothing(mx2, tmp_path):
    call = mx2("demo", tmp_path / "x", "--dry-run", "--json")
    assert call.code == 0
    assert call.document["label"] == LABEL
    assert call.document["run1"] is None
    assert list(tmp_path.iterdir()) == []


def test_demo_says_when_a_file_cannot_be_written(mx2, tmp_path):
    (tmp_path / "taken").write_text("a file")
    call = mx2("demo", tmp_path / "taken" / "below")
    assert call.code == 1
    assert "cannot be written" in call.err
