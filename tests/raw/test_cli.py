"""``mx2 raw`` as a shifter types it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mx2prod.cli.main import run


def answer(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, Any, str]:
    """Exit code, JSON document and messages of a command line."""
    code = run([*map(str, words), "--json"])
    captured = capsys.readouterr()
    return code, json.loads(captured.out), captured.err


def text(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str]:
    code = run([*map(str, words)])
    return code, capsys.readouterr().out


def test_info(capsys: Any, raw_path: Any) -> None:
    code, document, _ = answer(capsys, "raw", "info", raw_path("p10_numib_full"))
    (info,) = document
    assert code == 0
    assert (info["run"], info["subrun"], info["gates"], info["febs"]) == (50017, 22, 14, 185)
    assert info["triggers"] == {"16": 14}
    assert info["adler32"] == "acabcb54"
    code, shown = text(capsys, "raw", "info", raw_path("p10_numib_full"))
    assert code == 0
    assert "2024-07-10T09:46:04.206510Z" in shown


def test_info_of_files_that_cannot_be_read(capsys: Any, raw_path: Any, tmp_path: Path) -> None:
    good = raw_path("p03_numib_small")
    code, document, messages = answer(capsys, "raw", "info", good, tmp_path, tmp_path / "none")
    assert code == 2
    assert [entry["path"] for entry in document] == [
        str(good),
        str(tmp_path),
        str(tmp_path / "none"),
    ]
    assert "a directory" in messages
    assert "next: ls -l" in messages


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["p03_numib_small", "p09_ped_full"], 0),
        (["d08_json_size0"], 3),
        (["d01_truncated_midframe"], 3),
        (["d05_empty"], 2),
        (["d05_empty", "p03_numib_small"], 2),
    ],
)
def test_verify_exit_codes(capsys: Any, raw_path: Any, names: list[str], expected: int) -> None:
    paths = [raw_path(name) for name in names]
    code, document, _ = answer(capsys, "raw", "verify", *paths)
    assert code == expected
    assert [entry["path"] for entry in document] == [str(path) for path in paths]
    assert text(capsys, "raw", "verify", *paths)[0] == expected


def test_verify_shows_errors_and_folds_the_rest(capsys: Any, raw_path: Any) -> None:
    _, shown = text(capsys, "raw", "verify", raw_path("d03_no_daq_header"))
    assert "no_daq_header at byte 28369" in shown
    assert "note" not in shown.split("\n", 1)[1]
    assert "note " in text(capsys, "raw", "verify", "--all", raw_path("d03_no_daq_header"))[1]


def test_dump(capsys: Any, raw_path: Any) -> None:
    code, document, _ = answer(capsys, "raw", "dump", raw_path("p03_numib_small"), "--gate", 3)
    assert code == 0
    assert [gate["gate"] for gate in document["gates"]] == [3]
    code, shown = text(capsys, "raw", "dump", raw_path("p01_pedestal_small"))
    assert len(json.loads(shown)["gates"]) == 4
    code, document, messages = answer(
        capsys, "raw", "dump", raw_path("p03_numib_small"), "--gate", 9
    )
    assert code == 2
    assert "no gate 9" in document["error"]["message"]
    assert "gates 1 to 6" in messages


def test_roundtrip(capsys: Any, raw_path: Any) -> None:
    code, document, _ = answer(capsys, "raw", "roundtrip", raw_path("d09_length_zero"))
    assert (code, document["equal"], document["first_difference"]) == (0, True, None)
    assert "identical" in text(capsys, "raw", "roundtrip", raw_path("p03_numib_small"))[1]


def test_salvage(capsys: Any, raw_path: Any, tmp_path: Path) -> None:
    words = ("raw", "salvage", raw_path("d03_no_daq_header"), "-o", tmp_path / "out.dat")
    code, document, _ = answer(capsys, *words, "--dry-run")
    assert (code, document["kept"]) == (3, [1, 2, 4, 5, 6])
    assert not (tmp_path / "out.dat").exists()
    code, shown = text(capsys, *words)
    assert code == 3
    assert "5 gates" in shown
    assert "lost: no gate, byte 28369" in shown
    code, document, _ = answer(capsys, *words)
    assert code == 1
    assert "exists already" in document["error"]["message"]
