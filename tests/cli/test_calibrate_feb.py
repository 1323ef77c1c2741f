"""``mx2 calibrate feb``: charge injection, bench files, the check in situ."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import SLOPE1, nominal_curves
from mx2prod.constants import read_parquet, write_feb_file, write_parquet
from mx2prod.detector import BoardAddress
from mx2prod.metadata import check_record, has_errors, read_record
from tests.calibration import feb_gates
from tests.calibration.feb_gates import chunk_of, feb_table, light, readings, write_raw_file
from tests.validation import making

KIND = "feb"
FEW = feb_gates.map_of([(0, 1, 0, 3)])
N = FEW.n_channels


@pytest.fixture
def truth():
    """Curves and pedestals of three boards."""
    rng = np.random.default_rng(11)
    return feb_gates.varied_curves(N, rng), feb_gates.varied_pedestals(N, rng)


@pytest.fixture
def bench(tmp_path, truth):
    """Folder of bench files of the boards, named as the settings expect."""
    folder = tmp_path / "bench"
    table = feb_table(truth[0], FEW)
    for board in FEW.boards.tolist():
        name = FebConfig().file_name.format(
            **dict(zip(("crate", "croc", "chain", "board"), board, strict=True))
        )
        write_feb_file(table, BoardAddress(*board), folder / name)
    return folder


def test_injection_files_make_one_table_with_a_page(calibrate, truth, tmp_path):
    """There is no stream for charge injection, so that the raw file can have no record."""
    curves, pedestals = truth
    rng = np.random.default_rng(1)
    dac = np.repeat(feb_gates.STEPS, 60)
    config = FebConfig()
    charge = np.broadcast_to((dac * config.charge_per_dac)[:, None], (len(dac), N))
    adc = readings(charge, curves, pedestals, rng)
    chunk = chunk_of(adc, FEW, trigger=config.injection_trigger, dac=dac)
    raw = write_raw_file(tmp_path, [chunk], FEW, "pdstl")
    call = calibrate(raw, "--json", plots=True)
    (table,) = call.document
    assert (call.code, table["kind"]) == (0, "feb"), table["reasons"]
    assert Path(table["table"]).is_dir()
    page = Path(table["plots"][0])
    assert "F0" in page.read_text()
    assert "no record of" in call.err
    again = calibrate(raw, "--json").document[0]
    assert again["content_sha256"] == table["content_sha256"]
    making.settings_file(tmp_path, "feb: {chi2ndf_max: 9}\n")
    assert "made with other settings" in calibrate(raw).err


def test_bench_files_are_imported(calibrate, bench, truth, tmp_path):
    call = calibrate("--bench", bench, "--json", plots=True)
    assert call.code == 0, call.err
    (table,) = call.document
    assert table["verdict"] == "good", table["reasons"]
    made = read_parquet(tmp_path / "out" / "bench_feb_table.parquet")
    np.testing.assert_allclose(made["hg_slope1"], truth[0][:, 0, SLOPE1], rtol=1e-6)
    assert not list((tmp_path / "out").glob("*.json.json"))
    assert calibrate("--bench", bench, "--json", plots=True).document[0]["kept"]
    changed = next(bench.iterdir())
    changed.write_text(changed.read_text() + "\n")
    assert "made with other settings" in calibrate("--bench", bench).err


def test_a_missing_bench_file_is_investigated(calibrate, bench):
    next(iter(sorted(bench.iterdir()))).unlink()
    call = calibrate("--bench", bench, "--json")
    assert (call.code, call.document[0]["verdict"]) == (0, "investigate")


def light_data(tmp_path, curves, pedestals, n_gates=900):
    rng = np.random.default_rng(2)
    adc = readings(light(n_gates, N, rng, 12.0), curves, pedestals, rng)
    raw = write_raw_file(tmp_path, [chunk_of(adc, FEW, trigger=2)], FEW, "linjc")
    given = tmp_path / "pedestals.parquet"
    write_parquet(feb_gates.pedestal_table(pedestals, FEW), given)
    return raw, given


@pytest.mark.parametrize(("factor", "verdict", "code"), [(1.0, "good", 0), (1.1, "bad", 3)])
def test_check_in_situ_finds_a_board_with_other_constants(
    calibrate, truth, tmp_path, factor, verdict, code
):
    """Closure test 12, by the command: high-gain slopes of one board 10 % off."""
    curves, pedestals = truth
    raw, given = light_data(tmp_path, curves, pedestals)
    believed = curves.copy()
    believed[64:128, 0, SLOPE1] *= factor
    checked = tmp_path / "feb.parquet"
    write_parquet(feb_table(believed, FEW), checked)
    words = ["--in-situ", raw, "--pedestals", given, "--feb", checked, "--json"]
    call = calibrate(*words, plots=True)
    (table,) = call.document
    assert (call.code, table["verdict"]) == (code, verdict), table["reasons"]
    off = [reason for reason in table["reasons"] if reason["code"] == "board_off"]
    assert [reason["places"] for reason in off] == ([] if factor == 1 else [["0-1-0-2"]])
    page = Path(table["plots"][0])
    assert "F1" in page.read_text()
    record = read_record(page.with_name(page.name + ".json"))
    assert not has_errors(check_record(record))
    assert record["parents"] == [{"did": f"neardet-2x2-minerva:{raw.name}"}]
    assert calibrate(*words, plots=True).document[0]["kept"]
    write_parquet(feb_table(nominal_curves() * np.ones((N, 1, 1)), FEW), checked, overwrite=True)
    assert "made with other settings" in calibrate(*words).err


def test_an_unreadable_file_is_no_check(calibrate, truth, tmp_path):
    raw, given = light_data(tmp_path, *truth, n_gates=2)
    raw.write_bytes(b"")
    checked = tmp_path / "feb.parquet"
    write_parquet(feb_table(truth[0], FEW), checked)
    call = calibrate("--in-situ", raw, "--pedestals", given, "--feb", checked, "--json", plots=True)
    assert (call.code, call.document[0]["verdict"], call.document[0]["plots"]) == (
        3, "unreadable", [],
    )  # fmt: skip


def test_options_that_do_not_fit_together(calibrate, bench, tmp_path):
    for words, says in (
        (["--bench", bench, "--in-situ"], "--bench takes no files"),
        (["--in-situ", "a.dat", "--feb", "b"], "--in-situ needs"),
        (["a.dat", "--feb", "b"], "belong to --in-situ"),
        (["--bench", tmp_path / "none"], "no folder of bench files"),
        ([], "no file given"),
    ):
        call = calibrate(*words)
        assert (call.code, says in call.err) == (2, True), words


def test_dry_run_counts_the_bench_files(calibrate, bench, tmp_path):
    plan = calibrate("--bench", bench, "--dry-run", "--json").document
    assert plan["bytes"] == sum(path.stat().st_size for path in bench.iterdir())
    assert not (tmp_path / "out").exists()
