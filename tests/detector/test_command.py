"""``mx2 detector``: what it prints, filters, errors and exit codes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from mx2prod.cli.main import run
from mx2prod.core.workspace import write_workspace
from mx2prod.detector import load_detector
from tests.detector.test_tables import lines_of, write


@pytest.fixture(autouse=True)
def _empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def rows(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> list[dict[str, Any]]:
        assert run(["detector", *words, "--json"]) == 0
        document: list[dict[str, Any]] = json.loads(capsys.readouterr().out)
        return document

    return call


@pytest.fixture
def refused(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*words: str) -> str:
        assert run(["detector", *words]) == 2
        captured = capsys.readouterr()
        assert captured.out == ""
        return captured.err

    return call


def test_planes(rows: Any) -> None:
    every = rows("planes")
    assert len(every) == 76
    assert every[0] == {
        "plane_index": 0, "module": 1, "plane": 1, "view": "U", "region": "tracker_us",
        "subdet": 3, "absorber": "pb_collar_1.98", "z_det_mm": 4538.6, "z_2x2_mm": -2374.03,
    }  # fmt: skip
    assert [row["module"] for row in rows("planes", "--module", "2", "--module", "44")] == [
        2,
        2,
        44,
    ]
    assert len(rows("planes", "--view", "U", "--region", "hcal")) == 3
    old = rows("planes", "--geometry", "planes_v3", "--module", "1", "--plane", "2")
    assert old[0]["z_det_mm"] == 4044.99


def test_boards(rows: Any) -> None:
    every = rows("boards")
    assert len(every) == 185
    assert sum(row["status"] == "od" for row in every) == 33
    assert [row["feb_index"] for row in every] == list(range(185))
    (board,) = rows("boards", "--croc", "6", "--chain", "0", "--board", "5")
    assert board["modules"] == [33, 35]
    assert (board["weave"], board["weave_mismatches"]) == ("A", 2)
    assert (board["low"], board["high"]) == ("33/2/33-63", "35/2/33-63")
    of_module = rows("boards", "--module", "34")
    assert all(34 in row["modules"] for row in of_module)
    assert {row["status"] for row in of_module} == {"mapped", "od"}
    assert len(rows("boards", "--status", "od")) == 33
    assert rows("boards", "--status", "unmapped") == []


def test_plex(rows: Any) -> None:
    every = rows("plex")
    assert len(every) == 11_840
    roles = [row["role"] for row in every]
    assert [roles.count(role) for role in ("strip", "spare", "od")] == [9_652, 76, 2_112]
    (pixel,) = rows("plex", "--module", "35", "--plane", "2", "--strip", "61")
    assert (pixel["croc"], pixel["chain"], pixel["board"], pixel["pixel"]) == (6, 0, 5, 4)
    assert pixel["channel_id"] == 6312064
    outer = rows("plex", "--croc", "1", "--chain", "0", "--board", "1", "--pixel", "0")[0]
    assert (outer["role"], outer["strip"], outer["view"]) == ("od", None, None)
    synthetic = rows(
        "plex", "--module", "1", "--plane", "1", "--strip", "1", "--plex", "plex_synth"
    )
    assert synthetic[0]["pixel"] == 63


@pytest.mark.parametrize("address", ["0-6-0-5-4", "6312064", "6312069"])
def test_channel(rows: Any, address: str) -> None:
    (card,) = rows("channel", address)
    assert card["channel_id"] == 6312064
    assert (card["module"], card["plane"], card["strip"], card["view"]) == (35, 2, 61, "X")
    assert card["channel_index"] == card["feb_index"] * 64 + 4
    assert (card["pmt_row"], card["pmt_column"], card["half"]) == (0, 4, "high")
    assert (card["trip_low"], card["trip_channel_low"]) == (4, 24)
    assert card["t_mm"] == pytest.approx(-50.2158)
    assert card["length_mm"] == pytest.approx(card["l_high_mm"] - card["l_low_mm"], abs=0.011)


@pytest.mark.parametrize("strip", ["35/2/61", "1782117376"])
def test_strip(rows: Any, strip: str) -> None:
    assert rows("strip", strip) == rows("channel", "0-6-0-5-4")


def test_every_strip_id_finds_its_strip() -> None:
    from mx2prod.detector.describe import find_strip

    detector = load_detector()
    for strip in detector.planes.strips()[::97]:
        found = find_strip(detector, str(strip["strip_id"]))
        assert (found.module, found.plane, found.strip) == tuple(
            strip[["module", "plane", "strip"]].tolist()
        )


def test_pixels_without_strip(rows: Any) -> None:
    (outer,) = rows("channel", "0-1-0-1-0")
    assert outer["role"] == "od"
    assert outer["od_modules"] == [1, 2, 3, 4]
    assert outer["strip_id"] is None
    assert "t_mm" not in outer
    (unknown,) = rows("channel", "0-10-1-1-5")
    assert unknown["role"] == "unmapped"
    assert unknown["channel_index"] is None
    assert unknown["channel_id"] == 10621088


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("planes", "--module", "45"), "no module 45: there are 1..44"),
        (("planes", "--region", "ecl"), "did you mean 'ecal'"),
        (("planes", "--geometry", "planes_v5"), "did you mean 'planes_v4'"),
        (("planes", "--geometry", "./none.csv"), "none.csv"),
        (("boards", "--croc", "9"), "no croc 9: there are 1..6"),
        (("boards", "--module", "45"), "module 45"),
        (("plex", "--pixel", "64"), "no pixel 64: there are 0..63"),
        (("plex", "--plex", "plexv1"), "did you mean 'plex_v1'"),
        (("channel", "0-1-0-2-64"), "pixel 64 is out of range"),
        (("channel", "4294967295"), "expected ids without bits outside"),
        (("channel", "0-1-0"), "is not of the form crate-croc-chain-board-pixel"),
        (("strip", "33/1/5"), "no plane 1 in module 33"),
        (("strip", "1/1/0"), "no strip 1/1/0"),
        (("strip", "1210377216"), "but plane 2/1 of planes_v4 is in sub-detector 3"),
        (("strip", "4-2-95"), "is not of the form module/plane/strip"),
    ],
)  # fmt: skip
def test_refusals(refused: Any, words: tuple[str, ...], message: str) -> None:
    assert message in refused(*words)


def test_versions_come_from_the_workspace(tmp_path: Path, rows: Any) -> None:
    path = write_workspace(tmp_path, "old")
    text = path.read_text().replace('"planes_v4"', '"planes_v3"')
    path.write_text(text)
    assert rows("planes", "--module", "1")[0]["z_det_mm"] == 4024.51
    assert rows("planes", "--module", "1", "--geometry", "planes_v4")[0]["z_det_mm"] == 4538.6


def test_paths_of_the_workspace_start_at_its_folder(
    tmp_path: Path, rows: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, lines_of("plex_v1"))
    path = write_workspace(tmp_path, "own")
    path.write_text(path.read_text().replace('"plex_v1"', '"mine.csv"'))
    inner = tmp_path / "inner"
    inner.mkdir()
    monkeypatch.chdir(inner)
    assert rows("strip", "35/2/61")[0]["channel_id"] == 6312064


def test_own_table_with_a_defect(tmp_path: Path, refused: Any) -> None:
    write(tmp_path, lines_of("plex_v1")[:-1])
    assert "mine.csv: 9727 rows (last row at line 9731), expected 9728" in refused(
        "plex", "--plex", "mine.csv"
    )


def test_tables_and_constants(rows: Any) -> None:
    tables = {row["name"]: row for row in rows("tables")}
    assert tables["plex_v1"]["rows"] == 9_728
    assert tables["plex_synth"]["made_by"] == "rule"
    every = rows("constants")
    assert {row["part"] for row in every} == {"shape", "electronics", "response"}
    assert all(row["mark"] and row["source"] for row in every)
    assert {row["part"] for row in rows("constants", "response")} == {"response"}


@pytest.mark.parametrize(
    "words",
    [
        ("planes", "--module", "1"), ("boards", "--croc", "5"), ("plex", "--board", "3"), ("plex",),
        ("channel", "1056768"), ("strip", "1/1/1"), ("tables",), ("constants",),
    ],
)  # fmt: skip
def test_tables_for_people(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    assert run(["detector", *words]) == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) > 3
    assert "None" not in out
    assert "{" not in out


def test_no_row(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["detector", "planes", "--module", "1", "--region", "hcal"]) == 0
    assert "no row agrees with all filters" in capsys.readouterr().out
