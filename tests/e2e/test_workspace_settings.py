"""Settings of a workspace reach every verb: names of outputs, tables of one's own."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mx2prod.cli.main import run

TABLES = Path(__file__).parents[2] / "src" / "mx2prod" / "detector" / "tables"


@pytest.fixture
def workspace(tmp_path: Path) -> Path:
    """A workspace with a suffix and a plane table of its own."""
    folder = tmp_path / "workspace"
    assert run(["init", str(folder), "--quiet"]) == 0
    settings = folder / "mx2.toml"
    text = settings.read_text()
    text = text.replace('"RawDigits.root"', '"MyDigits.root"').replace(
        'geometry = "planes_v4"', 'geometry = "tables/my_planes.csv"'
    )
    settings.write_text(text)
    (folder / "tables").mkdir()
    (folder / "tables" / "my_planes.csv").write_bytes((TABLES / "planes_v4.csv").read_bytes())
    return folder


def test_process_and_metadata_use_the_workspace(
    workspace: Path,
    samples: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    raw_file = next(samples["p03_numib_small"].glob("*.dat"))
    monkeypatch.chdir(tmp_path)
    out = tmp_path / "out"
    words = ["process", str(raw_file), "-o", str(out), "--workspace", str(workspace)]
    assert run([*words, "--json"]) == 0
    report: Any = json.loads(capsys.readouterr().out)
    (digits,) = out.glob("*.root")
    assert digits.name.endswith("_MyDigits.root")
    assert str(digits) in json.dumps(report)
    assert run(["metadata", "check", str(digits), "--workspace", str(workspace), "--json"]) == 0
    assert run(["metadata", "check", str(digits), "--json"]) == 3
    capsys.readouterr()
    assert run(["detector", "planes", "--module", "13", "--workspace", str(workspace)]) == 0
