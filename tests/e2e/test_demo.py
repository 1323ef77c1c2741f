"""``mx2 demo``: the main job on the packaged samples."""

from __future__ import annotations

import json
import re
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

import mx2prod
from mx2prod.cli.demo import CONTENT, DIGITS, LABEL, RUN1, sample_files
from mx2prod.conditions import State, open_archive, open_store, verify_archive
from mx2prod.constants import Pedestal, PmtGain
from mx2prod.core.errors import NoConditionsError
from mx2prod.core.ids import FileName
from mx2prod.core.workspace import Settings, write_workspace
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


@pytest.mark.readme
def test_demo_in_a_fresh_folder_then_new_digits(mx2, tmp_path, monkeypatch):
    """In this process; that it works as a user types it is a step of the continuous integration."""
    monkeypatch.chdir(tmp_path)
    first = mx2("demo")
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
    check_constants(folder, first.out)
    check_records(folder, first.out, mx2)

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


def check_constants(folder: Path, text: str) -> None:
    """From development to production with two signatures, and a job that reads them."""
    assert re.search(r"promotion with one signature +refused: .*signature of a convener", text)
    assert "2 exclude, 2 extend" in text
    assert "11 passed, 1 waived" in text
    page = (folder / "conditions" / "mx2-demo-v1.html").read_text()
    assert all(word in page for word in ("demo-reviewer", "demo-convener", "DEMO"))
    assert "nominal" in page
    with closing(open_archive(folder / "conditions" / "mx2-demo-v1.mx2snap")) as archive:
        verified = verify_archive(archive)
    assert (verified.problems, verified.state) == ((), State.PUBLISHED)
    assert verified.signed_by == ("demo-convener", "demo-reviewer")
    with (
        open_store("sqlite:///conditions-prod.db", root=folder) as production,
        production.view(f"mx2-demo-v1@{verified.digest}") as view,
    ):
        assert view.get(PmtGain.folder, 1702, 1).choice == "extend"
        with pytest.raises(NoConditionsError, match="50002/1"):
            view.get(Pedestal.folder, 50002, 1)
    (record,) = (folder / "sup-digits").glob("TS1_00001702_0001_numib_*_SupDigits.root.json")
    metadata = json.loads(record.read_text())["metadata"]
    assert metadata["dune.conditions_tag"] == "mx2-demo-v1"
    assert metadata["dune.conditions_digest"] == verified.digest
    keys = list((folder / "keys").glob("*.pem"))
    assert len(keys) == 4
    assert all(key.name.startswith("DEMO-") and key.stat().st_mode & 0o77 == 0 for key in keys)


def check_records(folder: Path, text: str, mx2) -> None:
    """The catalogue of the small Run 1; what is printed as next command works."""
    assert "raw files in the catalogue: 9 declared, 1 refused" in text
    assert re.search(r"TS1_00001701_0001_pdstl\S+ +declaration +.*error sidecar size", text)
    assert re.search(r"TS1_00001702_0002_numib\S+ +mx2_numib_raw_run1_prod_a.*event_count 1", text)
    assert "in that record as printed: 23, corrected: 0" in text
    assert "in 5 records, 5 of them written now" in text
    assert "missed: none" in text
    table = (folder / "datasets" / "run1_datasets.md").read_text()
    assert RUN1_LABEL in table
    assert len(re.findall(r"^\| \d+ .*mx2_(?:pdstl|numib)_raw_run1_prod_[abc]", table, re.M)) == 6
    assert (folder / "beam" / "DEMO_offsets.pdf").stat().st_size > 0
    commands = re.findall(r"^next: mx2 (--workspace .*|metadata .*)", text, re.M)
    assert len(commands) == 6
    codes = {words: mx2(*words.split()).code for words in commands}
    assert codes == {words: 3 * words.startswith("metadata check") for words in commands}


def test_demo_leaves_other_workspaces_alone(mx2, tmp_path):
    write_workspace(tmp_path, "run1")
    for words in ((), ("--dry-run",)):
        call = mx2("demo", tmp_path, *words)
        assert call.code == 2
        assert "is the workspace 'run1', and not one of the demonstration" in call.err
    assert [path.name for path in tmp_path.iterdir()] == ["mx2.toml"]


def test_demo_dry_run_writes_nothing(mx2, tmp_path):
    call = mx2("demo", tmp_path / "x", "--dry-run", "--json")
    assert call.code == 0
    assert call.document["label"] == LABEL
    assert call.document["run1"] is call.document["records"] is None
    assert list(tmp_path.iterdir()) == []


def test_demo_says_when_a_file_cannot_be_written(mx2, tmp_path):
    (tmp_path / "taken").write_text("a file")
    call = mx2("demo", tmp_path / "taken" / "below")
    assert call.code == 1
    assert "cannot be written" in call.err
