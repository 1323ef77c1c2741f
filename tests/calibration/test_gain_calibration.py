"""From raw files and accumulators to gain tables and their files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_curve import PARAMETERS, nominal_curves
from mx2prod.calibration.gain_calibration import calibrate_gains
from mx2prod.calibration.gain_outputs import gain_stem, write_gain_product
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.gain_status import NO_FEB
from mx2prod.calibration.light_injection_file import light_bytes, read_light
from mx2prod.calibration.verdict import Verdict
from mx2prod.constants import (
    BadChannel,
    FebResponse,
    PmtGain,
    Table,
    content_sha256,
    read_parquet,
    read_table,
)
from mx2prod.constants.tables import GAINS
from mx2prod.core.errors import ConfigError, InputFileError, OutputError, TableError, UsageError
from mx2prod.core.files import adler32_of
from mx2prod.core.ids import RunSubrun
from mx2prod.detector.addresses import unpack_channel_ids
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.feb_gates import detector_of
from tests.calibration.light_pulses import HV_COUNTS, Pulses, hardware_of

N = 192
CONFIG = Preproduction(boards=("0-6-0-2", "0-6-0-3"))
STEM = "TS1_00001800_0001_linjc_v09_2311142213"


@pytest.fixture(scope="module")
def hardware() -> HardwareMap:
    return hardware_of([(0, 6, 0, 3)])


def pulses_of(hardware: HardwareMap, gates: int, **options: object) -> Pulses:
    gain = 5.6e5 * np.linspace(0.8, 1.2, N)
    return Pulses(hardware, gates, np.full(N, 2.5), gain, **options)


@pytest.fixture(scope="module")
def whole(hardware: HardwareMap, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of enough pulses."""
    return pulses_of(hardware, 3100, timed=True).write(tmp_path_factory.mktemp("whole"))


def pedestals_of(hardware: HardwareMap) -> Table:
    return pulses_of(hardware, 1).pedestals()


def calibrated(
    files: list[Path], hardware: HardwareMap, config: Preproduction = CONFIG, **options: object
) -> list[GainProduct]:
    pedestals = options.pop("pedestals", None) or pedestals_of(hardware)
    return list(
        calibrate_gains(
            files, config, pedestals=pedestals, detector=detector_of(hardware), **options
        )
    )


def reasons(product: GainProduct) -> dict[str, str]:
    return {reason.code: reason.text for reason in product.verdict.reasons}


def test_a_raw_file_becomes_a_good_table(
    whole: Path, hardware: HardwareMap, tmp_path: Path
) -> None:
    (product,) = calibrated([whole], hardware)
    assert product.verdict.verdict is Verdict.GOOD
    assert product.identity == RunSubrun(1800, 1)
    assert product.verdict.channels == {"good": 128, "investigate": 0, "bad": 0}
    truth = pulses_of(hardware, 1).gain[64:]
    pull = (product.table["gain"] - truth) / product.table["gain_err"]
    assert abs(pull.mean()) < 4 / np.sqrt(128)
    assert pull.std() == pytest.approx(1, abs=0.2)
    assert (product.table["hv"] == HV_COUNTS).all()
    paths = write_gain_product(product, tmp_path)
    assert {path.name for path in paths.values()} == {
        f"{STEM}_gain_table.dat", f"{STEM}_gain_table.parquet", f"{STEM}_problemchannels.dat",
        f"{STEM}_suggestedhv.txt", f"{STEM}_gain_table.acc.parquet",
        f"{STEM}_gain_table.verdict.json",
    }  # fmt: skip
    for again in (read_table(paths["table"], PmtGain), read_parquet(paths["parquet"])):
        assert content_sha256(again) == content_sha256(product.table)
    assert light_bytes(read_light(paths["accumulator"])) == light_bytes(product.accumulator)
    record = json.loads(paths["verdict"].read_text())
    assert record["verdict"] == "good"
    assert (record["run"], record["subrun"], record["level"]) == (1800, 1, 1)
    assert record["content_sha256"] == content_sha256(product.table)
    assert record["inputs"] == [[whole.name, adler32_of(whole)]]
    assert record["constants"]["feb/1"] == "nominal"
    assert record["deviations"] == ["boards"]
    with pytest.raises(OutputError, match="exists already"):
        write_gain_product(product, tmp_path)


def test_the_same_input_gives_the_same_bytes(
    whole: Path, hardware: HardwareMap, tmp_path: Path
) -> None:
    written = [write_gain_product(*calibrated([whole], hardware), tmp_path / name) for name in "ab"]
    for name, path in written[0].items():
        assert path.read_bytes() == written[1][name].read_bytes()


def test_a_stored_accumulator_gives_the_same_table(
    whole: Path, hardware: HardwareMap, tmp_path: Path
) -> None:
    (product,) = calibrated([whole], hardware)
    path = write_gain_product(product, tmp_path)["accumulator"]
    (again,) = calibrated([path], hardware)
    assert content_sha256(again.table) == content_sha256(product.table)
    assert gain_stem(again) == STEM
    with pytest.raises(ConfigError, match="hardware map"):
        calibrated([path], hardware_of([(0, 6, 0, 4)]), pedestals=pedestals_of(hardware))


def test_too_few_gates_leave_an_accumulator_and_no_table(
    hardware: HardwareMap, tmp_path: Path
) -> None:
    raw_file = pulses_of(hardware, 500).write(tmp_path)
    (product,) = calibrated([raw_file], hardware)
    assert product.verdict.verdict is Verdict.TOO_FEW
    assert product.verdict.reasons[0].text == "Not enough events for a gains table"
    assert product.table is None
    paths = write_gain_product(product, tmp_path)
    assert set(paths) == {"accumulator", "verdict"}
    assert read_light(paths["accumulator"]).used == 500
    assert not list(tmp_path.glob("*gain_table.dat"))


def short_files(hardware: HardwareMap, folder: Path, **options: object) -> list[Path]:
    return [
        pulses_of(hardware, 800, subrun=n, seed=n, **options).write(folder) for n in range(1, 6)
    ]


def test_short_files_are_merged_on_request(hardware: HardwareMap, tmp_path: Path) -> None:
    files = short_files(hardware, tmp_path)
    single = calibrated(files, hardware)
    assert [product.verdict.verdict for product in single] == [Verdict.TOO_FEW] * 5
    first, rest = calibrated(files, hardware, merge_until=3000)
    assert (first.accumulator.used, rest.accumulator.used) == (3200, 800)
    assert first.verdict.verdict is Verdict.GOOD
    assert first.files == tuple(files[:4])
    assert first.identity is None
    assert gain_stem(first) == f"{STEM}_to_00001800_0004"
    assert rest.verdict.verdict is Verdict.TOO_FEW
    (every,) = calibrated(files, hardware, merge=True)
    (other,) = calibrated(files[::-1], hardware, merge=True)
    assert every.accumulator.used == 4000
    assert light_bytes(every.accumulator) == light_bytes(other.accumulator)
    assert content_sha256(every.table) == content_sha256(other.table)


def test_files_are_not_merged_across_swaps_voltages_or_levels(
    hardware: HardwareMap, tmp_path: Path
) -> None:
    files = short_files(hardware, tmp_path)
    border = [RunSubrun(1800, 3)]
    groups = calibrated(files, hardware, merge_until=3000, borders=border)
    assert [product.accumulator.used for product in groups] == [1600, 2400]
    with pytest.raises(UsageError, match="hardware swap at 1800/3"):
        calibrated(files, hardware, merge=True, borders=border)
    other = pulses_of(hardware, 800, subrun=6, hv=HV_COUNTS - 300).write(tmp_path)
    with pytest.raises(UsageError, match="high voltage changed by 300 counts"):
        calibrated([files[0], other], hardware, merge=True)
    bright = pulses_of(hardware, 800, subrun=7, level=2).write(tmp_path)
    assert len(calibrated([files[0], bright], hardware, merge_until=3000)) == 2
    with pytest.raises(UsageError, match=r"LED levels \[1\] and \[2\]"):
        calibrated([files[0], bright], hardware, merge=True)


def test_merging_uses_one_pedestal_table_and_says_so(hardware: HardwareMap, tmp_path: Path) -> None:
    files = short_files(hardware, tmp_path)[:2]
    asked = []

    def pedestals(subrun: RunSubrun) -> Table:
        asked.append(subrun)
        return pulses_of(hardware, 1).pedestals(10_000 + subrun.subrun)

    (product,) = calibrated(files, hardware, merge=True, pedestals=pedestals)
    assert asked == [RunSubrun(1800, 1), RunSubrun(1800, 2)]
    assert "the first is used" in reasons(product)["pedestal_tables"]


def test_levels_of_one_file_give_a_product_each(hardware: HardwareMap, tmp_path: Path) -> None:
    """Level 0 is kept as a monitor."""

    class Mixed(Pulses):
        def _chunk(self, random, begin, n):
            chunk = super()._chunk(random, begin, n)
            chunk.gates["led_level"] = np.arange(begin, begin + n) % 3
            return chunk

    pulses = Mixed(hardware, 90, np.full(N, 2.5), np.full(N, 5.6e5))
    config = CONFIG.model_copy(
        update={"gain_verdict": CONFIG.gain_verdict.model_copy(update={"min_gates": 20})}
    )
    products = calibrated([pulses.write(tmp_path)], hardware, config)
    assert [product.level for product in products] == [1, 2]
    assert [gain_stem(product) for product in products] == [STEM, f"{STEM}_level2"]
    assert "kept apart" in reasons(products[0])["levels"]
    assert products[0].spectrum is not None
    assert products[1].spectrum is None
    paths = [write_gain_product(product, tmp_path / "out") for product in products]
    assert read_light(paths[0]["monitor"]).level == 0
    assert "gain_verdict.min_gates" in reasons(products[0])["deviations"]


def test_samples_of_other_gates_say_what_they_hold(
    samples: dict[str, Path], hardware: HardwareMap
) -> None:
    pedestal = next(samples["p01_pedestal_small"].glob("*.dat"))
    (product,) = calibrated([pedestal], hardware)
    assert product.verdict.verdict is Verdict.TOO_FEW
    assert reasons(product)["gates"].endswith("4 pedestal gates: wrong stream?")


def test_unreadable_and_damaged_files_are_named(
    samples: dict[str, Path], hardware: HardwareMap
) -> None:
    empty, damaged = (
        next(samples[name].glob("*.dat")) for name in ("d05_empty", "d01_truncated_midframe")
    )
    (first,), (second,) = calibrated([empty], hardware), calibrated([damaged], hardware)
    assert first.verdict.verdict is Verdict.UNREADABLE
    assert "no intact gate" in reasons(first)["unreadable"]
    assert first.accumulator is None
    assert first.as_dict()["run"] is None
    assert "salvaged" in reasons(second)["integrity"]


def test_a_file_without_gates_writes_its_verdict(
    samples: dict[str, Path], hardware: HardwareMap, tmp_path: Path
) -> None:
    (product,) = calibrated([next(samples["d05_empty"].glob("*.dat"))], hardware)
    paths = write_gain_product(product, tmp_path)
    assert set(paths) == {"verdict"}
    assert json.loads(paths["verdict"].read_text())["verdict"] == "unreadable"


def test_two_runs_of_one_file(samples: dict[str, Path], hardware: HardwareMap) -> None:
    """Runs of the same subrun are one accumulator; repeated gates are used once."""
    path = next(samples["d04_appended_same_run"].glob("*.dat"))
    products = calibrated([path], hardware)
    assert len(products) == 1


def test_beam_gates_in_a_stream_of_light_injection_are_named(
    hardware: HardwareMap, tmp_path: Path
) -> None:
    class WithBeam(Pulses):
        def _chunk(self, random, begin, n):
            chunk = super()._chunk(random, begin, n)
            chunk.gates["trigger_type"][:3] = 16
            return chunk

    path = WithBeam(hardware, 20, np.full(N, 2.5), np.full(N, 5.6e5)).write(tmp_path)
    (product,) = calibrated([path], hardware)
    assert "used by their type" in reasons(product)["stream"]
    assert product.verdict.gates["beam"] == 3
    assert product.accumulator.used == 17


def test_known_bad_channels_and_previous_tables_are_arguments(
    whole: Path, hardware: HardwareMap
) -> None:
    (first,) = calibrated([whole], hardware)
    bad = Table.of(
        BadChannel,
        {
            **{
                name: first.table[name][:1] for name in ("crate", "croc", "chain", "board", "pixel")
            },
            "flags": [1],
            "reason": ["dead"],
        },
    )
    (second,) = calibrated([whole], hardware, previous=first.table, bad_channels=bad)
    assert "no_reference" not in reasons(second)
    assert "known" in reasons(second)
    with pytest.raises(TableError, match="expected pmtgain/1"):
        calibrated([whole], hardware, previous=bad)
    with pytest.raises(TableError, match="expected pedestal/1"):
        calibrated([whole], hardware, pedestals=first.table)


def test_requests_that_cannot_be_meant(whole: Path, hardware: HardwareMap, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no input file"):
        calibrated([], hardware)
    with pytest.raises(UsageError, match="exclude each other"):
        calibrated([whole], hardware, merge=True, merge_until=3000)
    with pytest.raises(UsageError, match="given already"):
        calibrated([whole, tmp_path / whole.name], hardware)
    with pytest.raises(InputFileError, match="the catalogue says 00000000"):
        calibrated([whole], hardware, checksums={whole.name: "00000000"})
    with pytest.raises(InputFileError, match="No such file"):
        calibrated([tmp_path / "none.dat"], hardware)


def feb_table(hardware: HardwareMap, slopes: np.ndarray, keep: np.ndarray) -> Table:
    """Nominal response with other slopes, of some channels."""
    curves = np.broadcast_to(nominal_curves(), (hardware.n_channels, 3, 6)).copy()
    curves[:, :, [1, 3, 5]] *= slopes[:, None, None]
    curves[:, :, [2, 4]] /= slopes[:, None, None]
    fields = unpack_channel_ids(hardware.channel_ids())
    columns = {name: fields[name][keep] for name in FebResponse.key.address}
    for gain, (prefix, _) in enumerate(GAINS):
        for place, name in enumerate(PARAMETERS):
            columns[f"{prefix}_{name}"] = curves[keep, gain, place]
            columns[f"{prefix}_{name}_err"] = np.full(keep.sum(), 0.001)
        columns[f"{prefix}_chi2ndf"] = np.ones(keep.sum())
    return Table.of(FebResponse, columns)


def test_the_response_of_the_boards_scales_the_gains(whole: Path, hardware: HardwareMap) -> None:
    """A slope 10 % larger is a charge 10 % smaller; a channel without a row is bad."""
    (nominal,) = calibrated([whole], hardware)
    slopes, keep = np.ones(N), np.ones(N, np.bool_)
    slopes[64:128] = 1.1
    keep[130] = False
    (product,) = calibrated([whole], hardware, feb=feb_table(hardware, slopes, keep))
    ratio = product.fit.gain / nominal.fit.gain
    assert ratio[64:128] == pytest.approx(1 / 1.1, rel=1e-3)
    assert ratio[128:] == pytest.approx(1, rel=1e-6)
    assert np.flatnonzero(product.status & NO_FEB.mask).tolist() == [130]
    assert product.verdict.channels["bad"] == 1
    assert "nominal_feb" not in reasons(product)
    assert product.constants["feb/1"] != "nominal"
