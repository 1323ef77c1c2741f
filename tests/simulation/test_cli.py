"""``mx2 simulate``: options, table, JSON, exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.simulation.making import BOARDS

SPEC = """\
seed: 3
files:
  - {stream: pdstl, run: 1702, subrun: 4, gates: 5, start: 2024-07-10T06:00:00Z}
  - {stream: numib, run: 1800, subrun: 1, gates: 5, start: 2024-07-10T07:00:00Z}
"""


@pytest.fixture
def spec(tmp_path: Path) -> Path:
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC)
    return path


def few(*words: Any) -> list[str]:
    return ["simulate", *map(str, words), "--febs", ",".join(BOARDS)]


def test_from_the_example_to_verified_files(mx2: Any, tmp_path: Path) -> None:
    example = mx2("simulate", "--example")
    assert example.code == 0
    path = tmp_path / "spec.yaml"
    path.write_text(example.out)
    done = mx2("simulate", path, "-o", tmp_path / "out", "--gates", 4)
    assert done.code == 0, done.err
    assert "kB/gate" in done.out and "hits/gate" in done.out
    written = sorted((tmp_path / "out").glob("*.dat"))
    assert len(written) == 3
    assert mx2("raw", "verify", *written).code == 0
    for file in written:
        assert f"wrote: {file}" in done.out


def test_json_of_the_files(mx2: Any, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = mx2(*few(spec, "-o", out, "--truth", "full", "--json"))
    assert done.code == 0, done.err
    document = json.loads(done.out)
    assert [file["gates"] for file in document["files"]] == [5, 5]
    first = document["files"][0]
    assert Path(first["path"]).stat().st_size == first["bytes"]
    assert (Path(first["truth"]) / "truth_hits.parquet").exists()
    assert first["kb_per_gate"] == pytest.approx(first["bytes"] / 5000, abs=1e-3)


def test_dry_run_and_existing_files(mx2: Any, spec: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    dry = mx2(*few(spec, "-o", out, "--dry-run"))
    assert dry.code == 0 and "would write" in dry.out and not out.exists()
    assert mx2(*few(spec, "-o", out, "--quiet")).code == 0
    again = mx2(*few(spec, "-o", out))
    assert again.code == 1 and "exists already" in again.err
    assert mx2(*few(spec, "-o", out, "--overwrite")).code == 0


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--febs", "0-9-0"], "no chain or board '0-9-0'"),
        (["--febs", "0-1-0,"], "an empty name"),
        (["--start-gate", "6"], "has 5 gates, first gate 6"),
        (["--workers", "0"], "--workers"),
        (["--truth", "much"], "--truth"),
    ],
)
def test_bad_requests(mx2: Any, spec: Path, tmp_path: Path, words: list[str], why: str) -> None:
    done = mx2("simulate", spec, "-o", tmp_path / "out", *words)
    assert done.code == 2
    assert why in done.err
    assert not (tmp_path / "out").exists()


def test_bad_specs(mx2: Any, tmp_path: Path) -> None:
    missing = mx2("simulate", tmp_path / "none.yaml", "-o", tmp_path / "out")
    assert missing.code == 2 and "none.yaml" in missing.err
    path = tmp_path / "spec.yaml"
    path.write_text(SPEC + "beams: {}\n")
    done = mx2("simulate", path, "-o", tmp_path / "out")
    assert done.code == 2 and "did you mean 'beam'" in done.err
