"""Import of bench files: checks of rows, missing boards, verdicts, files written."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError

from mx2prod.calibration.boards import inner_channels
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_bench import arrays_of_table
from mx2prod.calibration.feb_calibration import import_feb
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_outputs import write_feb_product
from mx2prod.calibration.feb_verdict import (
    CHI2,
    ERRORS,
    KINKS,
    NO_FIT,
    NOMINAL,
    RATIO,
    SLOPES,
    SLOPES_CLOSE,
    check_curves,
    fill_with_median,
)
from mx2prod.calibration.verdict import Verdict, bit_names
from mx2prod.constants import Table, content_sha256, read_feb_file, read_parquet, write_feb_file
from mx2prod.core.errors import InputFileError, OutputError, TableError
from mx2prod.detector import BoardAddress
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.feb_gates import Floats, detector_of, feb_table, map_of, varied_curves

HARDWARE = map_of([(0, 1, 0, 10), (0, 2, 0, 2)])
DETECTOR = detector_of(HARDWARE)
N = HARDWARE.n_channels
CURVES = varied_curves(N, np.random.default_rng(41))
NAMES = ["-".join(map(str, board)) for board in HARDWARE.boards.tolist()]


def bench(folder: Path, curves: Floats = CURVES, skip: tuple[int, ...] = ()) -> Path:
    """A folder with the bench files of all boards but some."""
    table = feb_table(curves, HARDWARE)
    for number, board in enumerate(HARDWARE.boards.tolist()):
        if number not in skip:
            write_feb_file(table, BoardAddress(*board), folder / f"feb_{NAMES[number]}.txt")
    return folder


def values_of(table: Table) -> tuple[Floats, Floats, Floats]:
    return arrays_of_table(table, HARDWARE)


def test_complete_folder_is_a_good_table(tmp_path: Path) -> None:
    product = import_feb(bench(tmp_path), detector=DETECTOR)
    assert product.table is not None and product.sums is None
    assert content_sha256(product.table) == content_sha256(feb_table(CURVES, HARDWARE))
    assert product.verdict.verdict is Verdict.GOOD and not product.status.any()
    assert product.verdict.channels == {"good": N, "investigate": 0, "bad": 0}


def test_missing_board_gets_the_median_and_an_investigate_table(tmp_path: Path) -> None:
    product = import_feb(bench(tmp_path, skip=(4,)), detector=DETECTOR)
    rows = slice(4 * 64, 5 * 64)
    assert product.table is not None and len(product.table) == N
    curves, errors, _ = values_of(product.table)
    others = np.delete(CURVES.reshape(-1, 64, 3, 6), 4, axis=0)
    assert np.array_equal(curves[rows], np.median(others, axis=0))
    spread = 1.4826 * np.median(np.abs(others - np.median(others, axis=0)), axis=0)
    assert (errors[rows][..., 1:] >= spread[..., 1:] * (1 - 1e-12)).all()
    assert np.flatnonzero(product.status).tolist() == list(range(4 * 64, 5 * 64))
    assert (product.status[rows] == NOMINAL.mask).all()
    assert product.verdict.verdict is Verdict.INVESTIGATE
    reason = next(r for r in product.verdict.reasons if r.code == "absent_boards")
    assert (reason.count, reason.places) == (1, ("0-1-0-5",))


def test_missing_outer_detector_board_is_said_too(tmp_path: Path) -> None:
    """Board 1 of a chain is of the outer detector: it does not decide by number, but is nominal."""
    assert not inner_channels(HARDWARE)[:64].any() and inner_channels(HARDWARE)[64:128].all()
    product = import_feb(bench(tmp_path, skip=(0,)), detector=DETECTOR)
    assert product.verdict.verdict is Verdict.INVESTIGATE
    assert product.verdict.channels["investigate"] == 64


def test_only_expected_boards_count(tmp_path: Path) -> None:
    config = Preproduction(boards=("0-2-0", "0-1-0-3"))
    product = import_feb(bench(tmp_path, skip=(5,)), config, detector=DETECTOR)
    assert product.verdict.verdict is Verdict.GOOD
    assert product.table is not None and len(product.table) == 3 * 64
    unused = next(r for r in product.verdict.reasons if r.code == "unused_files")
    assert unused.count == 8 and "feb_0-1-0-2.txt" in unused.places


def test_names_of_files_are_configurable(tmp_path: Path) -> None:
    bench(tmp_path)
    for path in tmp_path.iterdir():
        crate, croc, chain, board = path.stem.removeprefix("feb_").split("-")
        path.rename(tmp_path / f"croc{croc}.{chain}_FEB{int(board):02d}_{crate}.dat")
    (tmp_path / "notes.txt").write_text("bench of 2009\n")
    (tmp_path / ".hidden").write_text("")
    config = Preproduction(feb=FebConfig(file_name="croc{croc}.{chain}_FEB{board}_{crate}.dat"))
    product = import_feb(tmp_path, config, detector=DETECTOR)
    assert product.verdict.verdict is Verdict.GOOD
    assert [r.places for r in product.verdict.reasons] == [("notes.txt",)]


@pytest.mark.parametrize("name", [
    "feb.txt", "{crate}-{croc}-{chain}", "{crate}{croc}{chain}{board}{board}", "{board",
    "a/{crate}-{croc}-{chain}-{board}", "{crate}-{croc}-{chain}-{pixel}",
])  # fmt: skip
def test_names_without_the_address_are_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="file_name"):
        FebConfig(file_name=name)


def test_folder_without_bench_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="no folder of bench files"):
        import_feb(tmp_path / "nowhere", detector=DETECTOR)
    (tmp_path / "readme").write_text("")
    with pytest.raises(TableError, match=r"expected names like feb_0-1-0-2\.txt"):
        import_feb(tmp_path, detector=DETECTOR)


def test_two_files_of_one_board_are_refused(tmp_path: Path) -> None:
    bench(tmp_path)
    (tmp_path / "feb_0-1-0-03.txt").write_text((tmp_path / "feb_0-1-0-3.txt").read_text())
    with pytest.raises(TableError, match=r"both of board 0-1-0-3, expected one"):
        import_feb(tmp_path, detector=DETECTOR)


@pytest.mark.parametrize(("damage", "text"), [
    (lambda lines: lines[:-1], "63 rows found, expected 64"),
    (lambda lines: [*lines[:5], lines[5].replace(lines[5].split()[4], "nan"), *lines[6:]],
     "line 6.*nan"),
    (lambda lines: [*lines[:9], lines[9].rsplit(" ", 1)[0], *lines[10:]], "line 10"),
    (lambda lines: [*lines[:9], lines[8], *lines[10:]], "line 10.*line 9 too"),
])  # fmt: skip
def test_damaged_file_is_refused_with_its_line(tmp_path: Path, damage: object, text: str) -> None:
    bench(tmp_path)
    path = tmp_path / "feb_0-1-0-3.txt"
    assert callable(damage)
    path.write_text("\n".join(damage(path.read_text().splitlines())) + "\n")
    with pytest.raises(TableError, match=rf"feb_0-1-0-3\.txt.*{text}"):
        import_feb(tmp_path, detector=DETECTOR)


@pytest.mark.parametrize(("gain", "place", "value", "bits"), [
    (0, 3, 5.0, [SLOPES]),  # slope2 far above slope1
    (1, 5, -0.5, [SLOPES]),  # negative third slope
    (2, 2, 50_000.0, [KINKS]),
    (2, 2, 0.0, [KINKS]),
    (0, 1, 2.0, [RATIO]),
    (1, 1, 0.9, [RATIO]),
    (0, 4, np.nan, [NO_FIT]),
])  # fmt: skip
def test_checks_of_a_row(gain: int, place: int, value: float, bits: list[object]) -> None:
    curves = CURVES[:2].copy()
    curves[0, gain, place] = value
    status = check_curves(curves, np.abs(CURVES[:2]) * 0.01 + 1e-3, np.ones((2, 3)))
    assert [status[0], status[1]] == [sum(bit.mask for bit in bits), 0]


def test_checks_of_errors_and_chi2() -> None:
    curves, errors, chi2ndf = CURVES[:4].copy(), np.abs(CURVES[:4]) * 0.002 + 1e-4, np.ones((4, 3))
    errors[0, 1, 2] = 0
    chi2ndf[1, 2] = 10.0
    curves[2, 0, 3] = curves[2, 0, 1] * 1.001  # within two errors of each other
    curves[3, 2, 5] = 0.0
    status = check_curves(curves, errors, chi2ndf)
    assert status.tolist() == [ERRORS.mask, CHI2.mask, SLOPES_CLOSE.mask, 0]
    strict = FebConfig(slope_sigma=0.1, chi2ndf_max=20)
    assert check_curves(curves, errors, chi2ndf, strict).tolist() == [
        ERRORS.mask, 0, SLOPES.mask, 0,
    ]  # fmt: skip
    assert bit_names(int(status[2]), [SLOPES, SLOPES_CLOSE]) == ["slopes_close"]


def test_rows_that_have_no_inverse_are_replaced(tmp_path: Path) -> None:
    wrong = CURVES.copy()
    wrong[70, 1, 2] = wrong[70, 1, 4] * 2
    product = import_feb(bench(tmp_path, wrong), detector=DETECTOR)
    assert product.table is not None
    curves = values_of(product.table)[0]
    pixel = [70 % 64 + 64 * board for board in range(12) if board != 1]
    assert np.array_equal(curves[70], np.median(CURVES[pixel], axis=0))
    assert product.status[70] == KINKS.mask | NOMINAL.mask
    assert product.verdict.verdict is Verdict.INVESTIGATE
    places = {r.code: r.places for r in product.verdict.reasons}
    assert places["kinks"] == places["nominal"] == ("0-1-0-2-6",)


def test_many_bad_rows_make_a_bad_table(tmp_path: Path) -> None:
    wrong = CURVES.copy()
    wrong[::9, 0, 3] = 3.0
    verdict = import_feb(bench(tmp_path, wrong), detector=DETECTOR).verdict
    assert verdict.verdict is Verdict.BAD and verdict.reasons[0].code == "usable"
    few = CURVES.copy()
    few[100::120, 0, 3] = 3.0
    other = import_feb(bench(tmp_path / "few", few), detector=DETECTOR).verdict
    assert other.verdict is Verdict.INVESTIGATE
    assert {r.code for r in other.reasons} == {"good", "slopes"}


def test_median_of_a_pixel_that_no_board_has() -> None:
    curves = CURVES[:128]
    rows = np.zeros(128, np.bool_)
    rows[[5, 69]] = True
    filled, _, _ = fill_with_median(curves, np.abs(curves), np.ones((128, 3)), rows)
    assert filled[5] == pytest.approx(np.median(curves[~rows], axis=0))
    assert np.array_equal(filled[~rows], curves[~rows])


def test_written_files_read_back(tmp_path: Path) -> None:
    product = import_feb(bench(tmp_path / "bench", skip=(4,)), detector=DETECTOR)
    out = tmp_path / "out"
    written = write_feb_product(product, out, "bench2009")
    assert list(written) == ["table", "parquet", "verdict"]
    assert len(list(written["table"].iterdir())) == 12
    table = read_parquet(out / "bench2009_feb_table.parquet")
    assert product.table is not None
    assert content_sha256(table) == content_sha256(product.table)
    board = read_feb_file(out / "bench2009_feb_table" / "feb_0-1-0-5.txt", BoardAddress(0, 1, 0, 5))
    assert board["hg_slope1"].tolist() == table["hg_slope1"][4 * 64 : 5 * 64].tolist()
    verdict = json.loads((out / "bench2009_feb_table.verdict.json").read_text())
    assert (verdict["kind"], verdict["verdict"]) == ("feb", "investigate")
    assert verdict["content_sha256"] == content_sha256(table) and verdict["accumulator"] is None
    assert verdict["file"] == str(tmp_path / "bench")
    assert len(verdict["reasons"][0]["places"]) in {1, 64}
    with pytest.raises(OutputError, match="exists already"):
        write_feb_product(product, out, "bench2009")


def test_the_written_folder_imports_again(tmp_path: Path) -> None:
    product = import_feb(bench(tmp_path / "bench"), detector=DETECTOR)
    write_feb_product(product, tmp_path, "all")
    again = import_feb(tmp_path / "all_feb_table", detector=DETECTOR)
    assert again.table is not None and product.table is not None
    assert content_sha256(again.table) == content_sha256(product.table)


@pytest.mark.slow
def test_full_detector(tmp_path: Path) -> None:
    hardware = HardwareMap.load()
    curves = varied_curves(hardware.n_channels, np.random.default_rng(3))
    table = feb_table(curves, hardware)
    for board in hardware.boards.tolist()[:-1]:
        address = BoardAddress(*board)
        write_feb_file(table, address, tmp_path / f"feb_{address}.txt")
    product = import_feb(tmp_path)
    assert product.table is not None and len(product.table) == 11_840
    assert product.verdict.channels == {"good": 11_840 - 64, "investigate": 64, "bad": 0}
    assert not product.table.missing().size
