"""Checks 4 to 10 and 12 of the detector page, section 10, on simulated files.

Small sizes run with every commit, the sizes of the page with ``make test-all``.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod import raw
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_calibration import calibrate_gains
from mx2prod.calibration.gain_status import DARK, HV
from mx2prod.calibration.gain_status import RANGE as GAIN_RANGE
from mx2prod.calibration.pedestal_compare import PreviousPedestals
from mx2prod.calibration.pedestal_product import PedestalProduct
from mx2prod.calibration.pedestal_status import PedestalBit, has_bit
from mx2prod.calibration.pedestals import calibrate_pedestals
from mx2prod.detector import strip_ends
from mx2prod.digits.times import hit_times
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.raw.roundtrip import roundtrip
from mx2prod.simulation import SimulatedFile, Spec, simulate
from mx2prod.simulation.blocks import FileSimulation
from tests.simulation.making import BOARDS, file_of, spec_of
from tests.simulation.muons import muon_light
from tests.simulation.readout_tools import QUIET, deposits, read, truth_of

FULL = pytest.mark.slow
RUN_HEADER, SENTINEL = 492, 56
BUCKET, BATCHES, BUCKETS = 18.831, 6, 84
FEW = Preproduction(boards=tuple(BOARDS))


# 4 and 12: volume, round trip, speed


def beam_spec(gates: int) -> Spec:
    return spec_of(file_of(gates=gates), febs="all")


@pytest.fixture(scope="module")
def small_beam(tmp_path_factory: pytest.TempPathFactory) -> SimulatedFile:
    return simulate(beam_spec(250), tmp_path_factory.mktemp("beam"))[0]


@pytest.fixture(scope="module")
def full_beam(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimulatedFile]:
    file = simulate(beam_spec(7200), tmp_path_factory.mktemp("beam"))[0]
    yield file
    file.path.unlink()


def test_4_a_beam_gate_has_the_volume_of_the_production(small_beam: SimulatedFile) -> None:
    """1.206 GB in 7,200 gates, 10 %; 250 gates of 60 kB spread know it to 2 %."""
    assert small_beam.bytes / 250 == pytest.approx(1.206e9 / 7200, rel=0.10)


def test_4_a_beam_file_encodes_to_its_bytes(small_beam: SimulatedFile) -> None:
    result = roundtrip(small_beam.path)
    assert (result.equal, result.opaque_frames) == (True, 0)


@FULL
def test_4_a_full_beam_file(full_beam: SimulatedFile) -> None:
    assert full_beam.bytes == pytest.approx(1.206e9, rel=0.10)
    result = roundtrip(full_beam.path)
    assert (result.equal, result.opaque_frames) == (True, 0)


def test_4_a_gate_without_hits_has_its_exact_size() -> None:
    """185 boards of 560 bytes and a header of 56."""
    spec = spec_of(file_of("pdstl", gates=3), febs="all", response={"dark_rate": 0})
    block = FileSimulation(spec, spec.files[0]).block(1, 3)
    assert len(block.data) == 3 * 103_656


@FULL
def test_12_speed_and_memory(full_beam: SimulatedFile, tmp_path: Path) -> None:
    """180 s for 7,200 beam gates, 60 s for 10,000 of pedestals, 1 GB (page, section 7.5)."""
    assert 7200 / full_beam.gates_per_s < 180
    pedestals = simulate(spec_of(file_of("pdstl", gates=10_000), febs="all"), tmp_path)[0]
    assert 10_000 / pedestals.gates_per_s < 60
    assert peak_memory_bytes() < 1e9
    pedestals.path.unlink()


@FULL
def test_12_a_small_simulation_is_quick(tmp_path: Path) -> None:
    """100 gates of 10 boards within 2 s, once the kernels are compiled."""
    spec = spec_of(file_of(gates=100), febs=["0-1-0"])
    simulate(spec, tmp_path / "first")
    start = time.perf_counter()
    simulate(spec, tmp_path / "second")
    assert time.perf_counter() - start < 2


# 5: reproducible


@FULL
def test_5_workers_and_resuming_do_not_change_a_byte(
    full_beam: SimulatedFile, tmp_path: Path
) -> None:
    two = simulate(beam_spec(7200), tmp_path / "two", workers=2)[0]
    assert two.adler32 == full_beam.adler32
    two.path.unlink()
    rest = simulate(beam_spec(7200), tmp_path / "rest", start_gate=3001)[0]
    with full_beam.path.open("rb") as whole:
        whole.seek(full_beam.bytes - (rest.bytes - RUN_HEADER))
        assert whole.read() == rest.path.read_bytes()[RUN_HEADER:]
    rest.path.unlink()


# 6: light of muons


@pytest.mark.parametrize("gates", [300, pytest.param(6000, marks=FULL)])
def test_6_light_of_muons(gates: int) -> None:
    """At the time at which the light yields hold; the light of a plane has cross-talk in it."""
    light = muon_light(gates)
    assert light.planes.mean() == pytest.approx(17, abs=1)
    assert light.crossings.mean() == pytest.approx(9.1, abs=0.5)
    assert 1.9 <= light.strips.mean() <= 2.0
    assert 0.01 <= light.no_light <= 0.05


def test_6_all_strips_are_alike() -> None:
    """The same energy in the middle of every strip; 0.7 % of statistics a strip."""
    gates, energy = 30, 340.0
    spec = spec_of(file_of(gates=gates), febs="all", response=QUIET, truth="full")
    truth = truth_of(spec)
    n = len(truth.channel_of_strip)
    low, high = strip_ends(truth.detector.planes.strips()["strip"])
    gate = np.repeat(np.arange(1, gates + 1), n)
    middle = np.tile((low + high) / 2, gates)
    rows = deposits(gate, np.tile(np.arange(n), gates), energy, l_mm=middle)
    hits = read(spec, rows, 1, gates, truth).hits
    light = np.bincount(hits["channel"], hits["pe"], len(truth.gain))[truth.channel_of_strip]
    length, fibres = high - low, truth.detector.fibres
    in_strip = np.exp(-length / 7000) + 0.8 * np.exp(-1.5 * length / 3500)
    outside = np.exp(-fibres.clear / 7830 - fibres.bagged_wls / 3500)
    mean = gates * energy * truth.response.pe_per_mev * truth.light * in_strip * outside
    pull = (light - mean) / np.sqrt(mean)
    assert abs(pull.mean()) < 4 / np.sqrt(n)
    assert pull.std() == pytest.approx(1, abs=4 / np.sqrt(2 * n))
    assert (light / mean).mean() == pytest.approx(1, abs=0.001)


# 7: pedestals


def pedestals_of(
    spec: Spec, folder: Path, settings: Preproduction, **tables: Any
) -> list[tuple[SimulatedFile, PedestalProduct]]:
    files = simulate(spec, folder)
    return [(file, next(calibrate_pedestals([file.path], settings, **tables))) for file in files]


@pytest.mark.parametrize(
    ("gates", "febs", "settings"),
    [
        pytest.param(1500, BOARDS, FEW, id="small"),
        pytest.param(10_000, "all", Preproduction(), id="full", marks=FULL),
    ],
)
def test_7_pulls_of_the_pedestals(
    gates: int, febs: Any, settings: Preproduction, tmp_path: Path
) -> None:
    spec = spec_of(file_of("pdstl", gates=gates), febs=febs)
    file, product = pedestals_of(spec, tmp_path, settings)[0]
    assert product.fit is not None
    truth = FileSimulation(spec, spec.files[0]).truth
    moments = product.fit.moments
    has = moments.entries[:, 0] > 0
    assert has.sum() == file_boards(spec) * 64
    pull = ((moments.mean - truth.pedestal) / moments.mean_err)[has]
    # the page's 0.05 holds for 35,520 pulls; the common mode of 0.3 ADC adds to those of a board
    n = len(pull)
    for gain in range(3):
        assert abs(pull[:, gain].mean()) < max(0.05, 4 / np.sqrt(n))
        assert pull[:, gain].std() == pytest.approx(1, abs=max(0.05, 4 / np.sqrt(2 * n)))
    file.path.unlink()


def file_boards(spec: Spec) -> int:
    return 185 if spec.detector.febs == "all" else len(spec.detector.febs)


# 8: times of the hits


@pytest.fixture(scope="module")
def beam_times(small_beam: SimulatedFile) -> np.ndarray:
    """Times of all discriminators on strips, less the flight to the plane; ns, sorted."""
    simulation = FileSimulation(beam_spec(250), beam_spec(250).files[0])
    detector = simulation.detector
    found = []
    with raw.open(small_beam.path) as file:
        for chunk in file.chunks():
            row, channel = np.nonzero(chunk.records["delay"] < 16)
            records = chunk.records[row]
            febs = chunk.febs[records["feb"]]
            times = hit_times(
                records["timestamp"], febs["gate_timestamp"],
                records["delay"][np.arange(len(row)), channel],
                records["quarter"][np.arange(len(row)), channel],
                np.full(len(row), 1702, np.uint16), has_gate_timestamp=np.ones(len(row), bool),
            )  # fmt: skip
            boards = detector.hardware.feb_index(febs[["crate", "croc", "chain", "board"]].tolist())
            dense = boards * 64 + records["trip"] * 16 + channel
            strip = detector.plex.strip_index(dense)
            z = detector.planes.z[np.maximum(strip, 0) // 127]
            found.append((times.t_ns - z / 299.792)[strip >= 0])
    return np.sort(np.concatenate(found))


def phase_strength(times: np.ndarray, period: float) -> float:
    return float(abs(np.exp(2j * np.pi * times / period).mean()))


def test_8_hits_fold_with_the_bucket(beam_times: np.ndarray) -> None:
    """Light along 2.4 m of strip and time walk leave a third of the bunches' contrast."""
    periods = np.arange(18.0, 19.7, 0.005)
    strength = np.array([phase_strength(beam_times, period) for period in periods])
    best = periods[np.argmax(strength)]
    # a spill of 9.49 us resolves 18.831^2 / 9491 = 0.037 ns
    assert best == pytest.approx(BUCKET, abs=0.01)
    assert strength.max() > 0.2
    elsewhere = strength[np.abs(periods - BUCKET) > 0.3]
    assert elsewhere.max() < strength.max() / 4


def test_8_six_batches_with_gaps(beam_times: np.ndarray) -> None:
    start = np.quantile(beam_times, 0.002)
    in_spill = beam_times[(beam_times > start - 200) & (beam_times < start + 9600)]
    batch = BUCKETS * BUCKET
    phase = np.histogram((in_spill - start) % batch, BUCKETS, (0, batch))[0]
    gap = np.array([phase.take(range(k, k + 3), mode="wrap").sum() for k in range(BUCKETS)])
    # after-pulses and the slow light of the batch before fill some of the gap
    assert gap.min() < 0.35 * gap.mean()
    assert np.sum(gap < 0.6 * gap.mean()) <= 3
    counts = np.histogram(in_spill, BATCHES, (start, start + BATCHES * batch))[0]
    assert counts == pytest.approx(np.full(BATCHES, counts.mean()), rel=0.5)


def test_8_length_of_the_spill(beam_times: np.ndarray) -> None:
    """504 buckets, the last three of them empty: 9.49 us within a bucket."""
    edges = np.arange(0, 12_000, BUCKET) + beam_times[0]
    counts = np.histogram(beam_times, edges)[0]
    filled = np.flatnonzero(counts > 0.4 * np.median(counts[counts > 5]))
    buckets = filled[-1] - filled[0] + 1 + 3
    assert buckets == pytest.approx(BATCHES * BUCKETS, abs=1)


# 10: bad hardware is found (exchanged fibres need tracks: reconstruction)

STUCK, NOISY, DEAD = ["0-1-0-2-9", "0-2-0-2-33"], ["0-1-0-3-5", "0-5-1-2-60"], ["0-1-0-2-40"]
LOW_BITS = range(7)
"""With all of these stuck a pedestal has one value, or two."""


def bad_hardware() -> list[dict[str, Any]]:
    faults = [
        {"kind": "stuck_bit", "address": address, "size": bit}
        for address in STUCK
        for bit in LOW_BITS
    ]
    faults += [{"kind": "noisy_pixel", "address": address} for address in NOISY]
    faults += [{"kind": "dead_pixel", "address": address} for address in DEAD]
    faults += [
        {"kind": "hv_off", "address": "0-1-0-1"},
        {"kind": "absent_feb", "address": "0-5-1-1"},
    ]
    return faults


def channels(addresses: list[str], spec: Spec) -> set[int]:
    boards = FileSimulation(spec, spec.files[0]).detector.hardware.boards.tolist()
    names = ["-".join(map(str, board)) for board in boards]
    return {
        64 * names.index(address.rpartition("-")[0]) + int(address.rpartition("-")[2])
        for address in addresses
    }


def test_10_bad_hardware_is_found_in_pedestals(tmp_path: Path) -> None:
    spec = spec_of(file_of("pdstl", gates=600), faults=bad_hardware())
    _, product = pedestals_of(spec, tmp_path, FEW)[0]
    assert product.status is not None
    found = {bit: set(np.flatnonzero(has_bit(product.status, bit))) for bit in PedestalBit}
    absent = {158 * 64 + pixel for pixel in range(64)}
    assert found[PedestalBit.STUCK] == channels(STUCK, spec)
    assert found[PedestalBit.ABSENT] & absent == absent
    noisy = found[PedestalBit.NOISY] | found[PedestalBit.WIDE]
    assert channels(NOISY, spec) <= noisy
    assert len(noisy - channels(NOISY, spec)) <= 1


def test_10_noise_of_five_times_is_found(tmp_path: Path) -> None:
    """At least 95 % of many, with no other channel; stuck ones are all found."""
    random = {"noisy_pixels": 0.1}
    spec = spec_of(file_of("pdstl", gates=600), random_faults=random)
    _, product = pedestals_of(spec, tmp_path, FEW)[0]
    assert product.status is not None
    truth = FileSimulation(spec, spec.files[0]).truth
    found = has_bit(product.status, PedestalBit.NOISY) | has_bit(product.status, PedestalBit.WIDE)
    boards = np.repeat(np.isin(np.arange(185), [0, 1, 2, 40, 41, 158, 159]), 64)
    noisy = truth.noisy & boards
    assert noisy.sum() > 25
    assert found[noisy].mean() >= 0.95
    assert found[boards & ~truth.noisy].sum() <= 1


def test_10_exchanged_boards_are_found_by_their_pedestals(tmp_path: Path) -> None:
    swap = {"kind": "swapped_boards", "address": "0-1-0-2", "with_address": "0-2-0-2",
            "from_run": 1703}  # fmt: skip
    spec = spec_of(file_of("pdstl", gates=600), file_of("pdstl", run=1703, gates=600),
                   faults=[swap])  # fmt: skip
    first, second = simulate(spec, tmp_path)
    before = next(calibrate_pedestals([first.path], FEW))
    assert before.tables is not None
    previous = PreviousPedestals(before.tables.pedestals, before.tables.companion, "before")
    after = next(calibrate_pedestals([second.path], FEW, previous=previous))
    texts = [f"{reason.text} {reason.places}" for reason in after.verdict.reasons]
    assert any("0-1-0-2 <-> 0-2-0-2" in text for text in texts), texts


def test_10_pixels_without_charge_are_found_by_light_injection(tmp_path: Path) -> None:
    spec = spec_of(file_of("linjc", gates=3000), faults=bad_hardware())
    file = simulate(spec, tmp_path)[0]
    pedestals = FileSimulation(spec, spec.files[0]).truth.tables()["pedestal"]
    product = next(calibrate_gains([file.path], FEW, pedestals=pedestals))
    assert product.status is not None
    # without light the ratio of two fluctuations is a gain: too small, if it is not dark
    blind = (product.status & (DARK.mask | GAIN_RANGE.mask)) != 0
    present = np.repeat(np.isin(np.arange(185), [0, 1, 2, 40, 41, 159]), 64)
    off = set(range(64))
    expected = off | channels(DEAD, spec)
    assert set(np.flatnonzero(blind & present)) - channels(STUCK, spec) == expected
    assert set(np.flatnonzero((product.status & HV.mask) != 0)) == off


# 9, on a file: what the truth says of it


def test_9_dead_time_is_in_the_truth(small_beam: SimulatedFile) -> None:
    """Estimate of the official code, 16 ticks a push, against the true 20 ticks of reset."""
    gates = pq.read_table(small_beam.truth / "truth_gates.parquet")
    true = gates["dead_ns"].to_numpy().sum()
    pushes = 0
    with raw.open(small_beam.path) as file:
        for chunk in file.chunks():
            pushes += int(chunk.febs["n_hits"][:, [0, 2]].sum())
    assert pushes * 16 * 9.4154 == pytest.approx(true, rel=0.21)
