"""From raw files to a table of the response, its verdict, and the check in situ."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_accumulator_file import read_feb_sums
from mx2prod.calibration.feb_calibration import calibrate_feb, check_in_situ
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import curves_of_table
from mx2prod.calibration.feb_fit import fit_injection
from mx2prod.calibration.feb_outputs import write_feb_product, write_in_situ
from mx2prod.calibration.feb_verdict import NO_FIT, NOMINAL
from mx2prod.calibration.verdict import Verdict
from mx2prod.constants import content_sha256
from mx2prod.core.errors import InputFileError, OutputError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.raw.columns import GateChunk
from tests.calibration.feb_gates import (
    STEPS,
    chunk_of,
    detector_of,
    feb_table,
    light,
    map_of,
    pedestal_table,
    readings,
    varied_curves,
    varied_pedestals,
    write_raw_file,
)

HARDWARE = map_of([(0, 1, 0, 2)])
DETECTOR = detector_of(HARDWARE)
N = HARDWARE.n_channels
RNG = np.random.default_rng(51)
CURVES, PEDESTALS = varied_curves(N, RNG), varied_pedestals(N, RNG)
CONFIG = Preproduction(feb=FebConfig(step_readings=20))
READINGS = 24


def injection(part: int, parts: int, subrun: int = 0) -> GateChunk:
    """One part of the gates that step through the charge, READINGS gates a step."""
    dac = np.repeat(STEPS, READINGS)
    numbers = np.array_split(np.arange(len(dac)), parts)[part]
    charge = np.repeat(dac[numbers][:, None] * 12.0, N, axis=1)
    adc = readings(charge, CURVES, PEDESTALS, np.random.default_rng(part))
    first = int(numbers[0]) + 1
    return chunk_of(adc, HARDWARE, trigger=4, first_gate=first, subrun=subrun, dac=dac[numbers])


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two subruns of charge injection, half of the steps each."""
    folder = tmp_path_factory.mktemp("injection")
    return [
        write_raw_file(folder, [injection(part, 2, subrun=part)], HARDWARE, "linjc", part)
        for part in range(2)
    ]


def test_raw_files_to_table(files: list[Path], tmp_path: Path) -> None:
    product = calibrate_feb(files, CONFIG, detector=DETECTOR)
    assert product.table is not None and product.sums is not None
    assert product.verdict.verdict is Verdict.GOOD, list(map(str, product.verdict.reasons))
    assert product.verdict.gates["injection"] == product.verdict.gates["used"] == 59 * READINGS
    curves = curves_of_table(product.table, HARDWARE)
    assert curves[..., 1] == pytest.approx(CURVES[..., 1], rel=0.005)
    assert curves[..., 4] == pytest.approx(CURVES[..., 4], rel=0.03)
    assert [row[:4] for row in product.sums.sources.tolist()] == [
        (1698, 0, 1, 708), (1698, 1, 709, 1416),
    ]  # fmt: skip
    written = write_feb_product(product, tmp_path, "linjc")
    again = read_feb_sums(tmp_path / "linjc_feb_table.acc.parquet")
    assert np.array_equal(fit_injection(again, CONFIG.feb).curves, curves)
    assert list(written) == ["table", "parquet", "accumulator", "verdict"]
    record = json.loads(written["verdict"].read_text())
    assert record["content_sha256"] == content_sha256(product.table)
    assert record["config_hash"] == product.sums.config_hash
    assert record["inputs"] == [[path.name, adler32_of(path)] for path in files]
    assert record["file"] == [str(path) for path in files]
    assert record["deviations"] == ["feb.step_readings"]
    assert (record["table"], record["accumulator"]) == (
        "linjc_feb_table",
        "linjc_feb_table.acc.parquet",
    )


def test_same_input_gives_the_same_content_in_any_order(files: list[Path]) -> None:
    tables = [
        calibrate_feb(order, CONFIG, detector=DETECTOR).table for order in (files, files[::-1])
    ]
    assert tables[0] is not None and tables[1] is not None
    assert content_sha256(tables[0]) == content_sha256(tables[1])


def test_half_of_the_steps_is_no_calibration(files: list[Path]) -> None:
    """Without the large charges no gain shows both kinks: nothing is exported as measured."""
    product = calibrate_feb(files[:1], CONFIG, detector=DETECTOR)
    assert product.verdict.verdict in {Verdict.BAD, Verdict.INVESTIGATE}
    assert product.status.all()


def test_injected_charge_by_gate(tmp_path: Path) -> None:
    chunk = injection(0, 1)
    chunk.registers[:, 28:30] = 0
    path = write_raw_file(tmp_path, [chunk], HARDWARE, "linjc")
    with pytest.raises(UsageError, match="1416 charge-injection gates without injected charge"):
        calibrate_feb([path], CONFIG, detector=DETECTOR)
    product = calibrate_feb([path], CONFIG, detector=DETECTOR, dac=np.repeat(STEPS, READINGS))
    assert product.verdict.verdict is Verdict.GOOD


def test_silent_board_gets_the_median(tmp_path: Path) -> None:
    larger = map_of([(0, 1, 0, 3)])
    path = write_raw_file(tmp_path, [injection(0, 1)], HARDWARE, "linjc")
    product = calibrate_feb([path], CONFIG, detector=detector_of(larger))
    assert product.table is not None and len(product.table) == 192
    assert (product.status[128:] == NOMINAL.mask).all()
    assert product.verdict.verdict is Verdict.INVESTIGATE
    assert ("0-1-0-3",) in [reason.places for reason in product.verdict.reasons]


def test_stuck_channel_is_bad_and_nominal(tmp_path: Path) -> None:
    chunk = injection(0, 1)
    chunk.adc[1::2, 0, 3] = 432
    path = write_raw_file(tmp_path, [chunk], HARDWARE, "linjc")
    product = calibrate_feb([path], CONFIG, detector=DETECTOR)
    assert np.flatnonzero(product.status).tolist() == [64]
    assert product.status[64] == NO_FIT.mask | NOMINAL.mask
    assert product.verdict.channels["bad"] == 1


def test_files_without_charge_injection(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    gates = chunk_of(readings(np.zeros((12, N)), CURVES, PEDESTALS, rng), HARDWARE, trigger=16)
    path = write_raw_file(tmp_path, [gates], HARDWARE, "numib")
    product = calibrate_feb([path], CONFIG, detector=DETECTOR)
    assert product.table is None and product.verdict.verdict is Verdict.TOO_FEW
    text = "0 charge-injection gates, 12 NuMI gates: wrong stream?"
    assert [reason.text for reason in product.verdict.reasons] == [text]
    few = write_raw_file(tmp_path, [injection(0, 60)], HARDWARE, "linjc", 1)
    product = calibrate_feb([few], Preproduction(), detector=DETECTOR)
    assert product.verdict.reasons[0].text == "24 charge-injection gates"
    assert list(write_feb_product(product, tmp_path, "few")) == ["accumulator", "verdict"]
    with pytest.raises(OutputError, match="exists already"):
        write_feb_product(product, tmp_path, "few")
    write_feb_product(product, tmp_path, "few", overwrite=True)


def test_damaged_and_unreadable_files_are_named(files: list[Path], tmp_path: Path) -> None:
    cut = tmp_path / files[1].name
    cut.write_bytes(files[1].read_bytes()[:-3000])
    empty = tmp_path / "TS1_00001698_0007_linjc_v09_2407030946_RawData.dat"
    empty.write_bytes(b"")
    product = calibrate_feb([files[0], cut, empty], CONFIG, detector=DETECTOR)
    places = {reason.code: reason.places for reason in product.verdict.reasons}
    assert places["damaged_files"] == (cut.name,) and places["unreadable"] == (empty.name,)
    assert product.verdict.verdict is Verdict.INVESTIGATE
    assert calibrate_feb([empty], CONFIG, detector=DETECTOR).verdict.verdict is Verdict.UNREADABLE
    with pytest.raises(InputFileError, match="No such file"):
        calibrate_feb([tmp_path / "none.dat"], CONFIG, detector=DETECTOR)
    with pytest.raises(UsageError, match="no input file"):
        calibrate_feb([], CONFIG, detector=DETECTOR)
    with pytest.raises(InputFileError, match="the catalogue says 00000000"):
        calibrate_feb(files, CONFIG, detector=DETECTOR, checksums={files[1].name: "00000000"})
    copy = tmp_path / "copy.dat"
    copy.write_bytes(files[0].read_bytes())
    with pytest.raises(UsageError, match=f"{copy}: run 1698 subrun 0: gates 1-708"):
        calibrate_feb([files[0], copy], CONFIG, detector=DETECTOR)
    with pytest.raises(UsageError, match="given already"):
        calibrate_feb([files[0], files[0]], CONFIG, detector=DETECTOR)


def test_check_in_situ_from_raw_files(tmp_path: Path) -> None:
    rng = np.random.default_rng(61)
    paths = []
    for subrun in range(2):
        adc = readings(light(700, N, rng), CURVES, PEDESTALS, rng)
        chunk = chunk_of(adc, HARDWARE, trigger=2, subrun=subrun)
        paths.append(write_raw_file(tmp_path, [chunk], HARDWARE, "linjc", subrun))
    pedestals = pedestal_table(PEDESTALS, HARDWARE)
    good = check_in_situ(
        paths, pedestals=pedestals, feb=feb_table(CURVES, HARDWARE), detector=DETECTOR
    )
    assert good.verdict.verdict is Verdict.GOOD and not good.boards
    assert good.verdict.gates["li"] == 1400
    written = write_in_situ(good, tmp_path / "out", "light")
    record = json.loads(written["verdict"].read_text())
    assert (record["kind"], record["verdict"], record["table"]) == ("feb", "good", None)
    assert record["constants"]["pedestal/1"] == [content_sha256(pedestals)]
    again = read_feb_sums(written["accumulator"])
    assert good.sums is not None and np.array_equal(again.sums, good.sums.sums)
    exchanged = feb_table(np.roll(CURVES, 64, axis=0), HARDWARE)
    found = check_in_situ(paths, pedestals=pedestals, feb=exchanged, detector=DETECTOR)
    assert found.verdict.verdict is Verdict.BAD
    assert found.verdict.reasons[0].text == "boards exchanged: 0-1-0-1 <-> 0-1-0-2"
    empty = tmp_path / "TS1_00001698_0007_linjc_v09_2407030946_RawData.dat"
    empty.write_bytes(b"")
    nothing = check_in_situ([empty], pedestals=pedestals, feb=exchanged, detector=DETECTOR)
    assert nothing.verdict.verdict is Verdict.UNREADABLE and nothing.ratios is None
