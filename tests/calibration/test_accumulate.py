"""Decoded gates to accumulators, against the plain twin and the truth of the samples."""

from __future__ import annotations

import gzip
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration import PedestalConfig, accumulate, peirce1
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_filling import WAITING_FRAMES
from mx2prod.core.errors import UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from mx2prod.raw.registers import decode_registers
from tests.calibration.conftest import decoded
from tests.calibration.plain_accumulator import check_against_plain

POLICIES = ("untimed_n0", "untimed_any", "all")


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("sample", ["p01_pedestal_small", "p04_numip_small"])
def test_small_samples_are_as_the_plain_twin_has_them(
    samples: dict[str, Path], five_boards: HardwareMap, sample: str, policy: str
) -> None:
    config = PedestalConfig(block_policy=policy, window_bins=16, window_readings=2)
    chunks = decoded(samples[sample])
    accumulator = accumulate(chunks, five_boards, config)
    assert check_against_plain(accumulator, chunks, five_boards, config) == 5 * 192
    assert accumulator.outside.sum() > 0
    assert accumulator.unmapped == {}


def test_many_gates_are_as_the_plain_twin_has_them(
    samples: dict[str, Path], five_boards: HardwareMap
) -> None:
    """More frames of a board than wait at a time; the window is that of the first three."""
    config = PedestalConfig(window_bins=12, window_readings=3)
    chunks = decoded(samples["p01_pedestal_small"]) * (WAITING_FRAMES // 4 + 9)
    accumulator = accumulate(chunks, five_boards, config)
    check_against_plain(accumulator, chunks, five_boards, config)
    assert (accumulator.boards["frames"] == WAITING_FRAMES + 36).all()
    assert accumulator.outside.sum() > 0


def test_the_full_sample_is_as_the_plain_twin_has_it(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    accumulator = accumulate(full_pedestals, hardware)
    config = PedestalConfig()
    assert check_against_plain(accumulator, full_pedestals, hardware, config) == 35_520
    assert accumulator.gates == {"type 1": 16, "used": 16}
    febs = np.concatenate([chunk.febs for chunk in full_pedestals])
    assert accumulator.boards["timed"].sum() == np.count_nonzero(febs["n_timed"]) > 0
    assert (accumulator.boards["gates"] == 16).all()
    assert accumulator.entries().sum() == 192 * accumulator.boards["frames"].sum()


def test_slow_readings_are_those_of_the_registers(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    boards = accumulate(full_pedestals, hardware).boards
    febs = np.concatenate([chunk.febs for chunk in full_pedestals])
    named = decode_registers(np.concatenate([chunk.registers for chunk in full_pedestals]))
    index = hardware.feb_index(febs)
    for name, register in (("temperature", "temperature"), ("hv", "hv_actual")):
        for board in (0, 100, 184):
            values = named[register][index == board].astype(int)
            found = [int(boards[f"{name}_{what}"][board]) for what in ("sum", "min", "max")]
            assert found == [values.sum(), values.min(), values.max()]
            assert boards["slow_readings"][board] == len(values)


def test_mixed_files_give_only_their_pedestal_gates(
    samples: dict[str, Path], five_boards: HardwareMap
) -> None:
    accumulator = accumulate(decoded(samples["p04_numip_small"]), five_boards)
    assert accumulator.gates == {"type 1": 3, "type 16": 3, "used": 3}
    assert (accumulator.boards["gates"] == 3).all()
    assert accumulator.sources[["run", "subrun", "first_gate", "last_gate"]].tolist() == [
        (1797, 3, 1, 6)
    ]


def test_boards_outside_the_hardware_map_are_counted_by_address(
    samples: dict[str, Path], hardware: HardwareMap
) -> None:
    accumulator = accumulate(decoded(samples["p01_pedestal_small"]), hardware)
    addresses = ["0-10-1-1", "0-10-1-2", "0-10-2-1", "0-10-2-2", "0-13-3-1"]
    assert accumulator.unmapped == dict.fromkeys(addresses, 4)
    assert accumulator.entries().sum() == 0
    assert accumulator.boards["gates"].sum() == 0
    assert np.isnan(peirce1(accumulator.histograms).mean).all()


def test_bad_gates_and_boards_are_skipped_and_counted(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    gates, febs = full_pedestals[0].gates.copy(), full_pedestals[0].febs.copy()
    gates["flags"][0] = GateFlag.DAMAGED
    gates["flags"][1] = GateFlag.DUPLICATE | GateFlag.INCOMPLETE
    gates["flags"][2] = GateFlag.INCOMPLETE
    of_board = np.flatnonzero(hardware.feb_index(febs) == 7)
    febs["flags"][of_board[3]] |= FebFlag.CRC_ERROR
    febs["flags"][of_board[4]] |= FebFlag.ABSENT | FebFlag.NO_FPGA
    febs["flags"][of_board[5]] |= FebFlag.REGISTER_MISMATCH
    spoiled = [replace(full_pedestals[0], gates=gates, febs=febs), *full_pedestals[1:]]
    accumulator = accumulate(spoiled, hardware)
    assert accumulator.gates == {
        "type 1": 16, "used": 14, "skipped damaged": 1, "skipped duplicate": 1,
    }  # fmt: skip
    board = accumulator.boards[7]
    assert (board["gates"], board["absent"], board["errors"]) == (14, 1, 1)
    assert board["frames"] == 12 - board["timed"]
    check_against_plain(accumulator, spoiled, hardware, PedestalConfig())


def test_chunks_of_any_size_give_the_same(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    whole = accumulate(full_pedestals, hardware, PedestalConfig(window_readings=3))
    assert whole.outside.sum() == 0
    other = accumulate(full_pedestals, hardware, PedestalConfig(window_readings=1000))
    for name in ("first", "offsets", "counts"):
        ours, theirs = getattr(whole.histograms, name), getattr(other.histograms, name)
        assert np.array_equal(ours, theirs)


def test_gates_of_two_subruns_are_refused(
    samples: dict[str, Path], five_boards: HardwareMap
) -> None:
    chunks = decoded(samples["p01_pedestal_small"]) + decoded(samples["p04_numip_small"])
    with pytest.raises(UsageError, match=r"run 1797 subrun 3 among gates of run 1698 subrun 1"):
        accumulate(chunks, five_boards)


def test_no_gates_give_an_empty_accumulator(hardware: HardwareMap) -> None:
    accumulator = accumulate([], hardware)
    assert accumulator.time_range_us() is None
    assert len(accumulator.sources) == 0
    assert isinstance(accumulator.histograms, Histograms)


def test_moments_of_the_full_sample_agree_with_its_truth(
    samples: dict[str, Path], full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    """Emulated pedestals are Gaussian; 1-ADC rounding adds 1/12 to the variance."""
    accumulator = accumulate(full_pedestals, hardware)
    true_mean, true_rms = truth_of_channels(samples["p09_ped_full"], hardware)
    n = accumulator.entries()
    mean, rms = accumulator.plain_moments()
    pull = (mean - true_mean) / (true_rms / np.sqrt(n))
    assert abs(pull.mean()) < 4 / np.sqrt(len(n))
    assert abs(pull.std() - 1) < 0.02
    assert np.abs(pull).max() < 5.5
    variance = (rms / true_rms) ** 2
    expected_spread = np.sqrt(np.mean(2 / (n - 1)))
    assert abs(variance.mean() - 1) < 0.01
    assert abs(variance.std() / expected_spread - 1) < 0.05


def test_peirce1_of_the_full_sample_is_that_of_toys_with_its_truth(
    samples: dict[str, Path], full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    """With 16 gates the criterion cuts into the core: toys of equal size must show the same."""
    accumulator = accumulate(full_pedestals, hardware)
    true_mean, true_rms = truth_of_channels(samples["p09_ped_full"], hardware)
    found = peirce1(accumulator.histograms, accumulator.outside.sum(axis=1))
    toys = peirce1(gaussian_toys(true_mean, true_rms, accumulator.entries(), 20_240_412))
    error = np.sqrt(2) * np.std(found.rms / true_rms) / np.sqrt(len(true_rms))
    assert abs(np.mean(found.rms / true_rms) - np.mean(toys.rms / true_rms)) < 4 * error
    assert abs(found.rejected.mean() - toys.rejected.mean()) < 0.005
    mean_err = true_rms / np.sqrt(accumulator.entries())
    pulls = [(moments.mean - true_mean) / mean_err for moments in (found, toys)]
    assert abs(pulls[0].mean()) < 0.03
    assert abs(pulls[0].std() - pulls[1].std()) < 0.03


def truth_of_channels(folder: Path, hardware: HardwareMap) -> tuple[np.ndarray, np.ndarray]:
    """True mean and rms, rounding included, in the order of the rows."""
    with gzip.open(folder / "channels.csv.gz", "rt") as lines:
        table = np.genfromtxt(lines, delimiter=",", names=True)
    boards = [tuple(row) for row in table[["crate", "croc", "chan", "feb"]].astype("i8,i8,i8,i8")]
    order = np.argsort(hardware.feb_index(boards) * 64 + table["pixel"].astype(int))
    mean = np.stack([table[f"ped_{gain}"][order] for gain in ("hi", "med", "lo")], axis=1)
    rms = np.stack([table[f"rms_{gain}"][order] for gain in ("hi", "med", "lo")], axis=1)
    return mean.ravel(), np.sqrt(rms.ravel() ** 2 + 1 / 12)


def gaussian_toys(mean: np.ndarray, rms: np.ndarray, readings: np.ndarray, seed: int) -> Histograms:
    """Histograms of rounded Gaussian readings, as many as each row has."""
    rows = np.repeat(np.arange(len(mean)), readings)
    noise = np.random.default_rng(seed).normal(size=len(rows))
    values = np.rint(mean[rows] + np.sqrt(rms[rows] ** 2 - 1 / 12) * noise).astype(np.int64)
    base = (np.rint(mean) - 256).astype(np.int32)
    dense = np.zeros((len(mean), 512), np.uint32)
    np.add.at(dense, (rows, values - base[rows]), 1)
    return Histograms.from_dense(base, dense)
