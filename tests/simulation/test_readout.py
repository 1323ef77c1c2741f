"""The whole readout of a block of gates: records, frames and truth agree with each other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, TRIP_OF_PIXEL
from mx2prod.digits.times import hit_times
from mx2prod.simulation import readout as readout_module
from mx2prod.simulation.blocks import FileSimulation
from mx2prod.simulation.columns import HitFlag
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.plan import gate_plan
from mx2prod.simulation.readout import BoardReadout
from mx2prod.simulation.spec import Spec
from tests.simulation.making import BOARDS, file_of, spec_of
from tests.simulation.readout_tools import (
    FIRST_CHANNEL,
    GATE_NS,
    QUIET,
    TICK,
    deposits,
    quiet_spec,
    read,
    strip_at,
    truth_of,
)

WORD = TRIP_OF_PIXEL.astype(int) * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL
LOST = HitFlag.LOST_IN_DEAD_TIME
GATES = 60
BUSY = {**QUIET, "dark_rate": 3000.0, "afterpulse": 0.01}
"""About 3 photoelectrons of a board in a gate."""


@dataclass(frozen=True)
class Busy:
    """Gates of hot boards, without noise and common mode so that every word is known."""

    spec: Spec
    truth: TrueDetector
    out: BoardReadout

    @property
    def adc(self) -> np.ndarray:
        return self.out.adc.reshape(-1, 216).astype(int)


def busy(pairing: str = "end", push: str = "paired", low_gain: str = "gate_end") -> Busy:
    response = {**BUSY, "low_gain": low_gain, "common_shift": 0, "pedestal_drift": 0}
    spec = spec_of(
        file_of(gates=GATES, push=push), response=response, truth="full", adc_pairing=pairing
    )
    truth = truth_of(spec)
    truth.noise[:] = 0
    return Busy(spec, truth, read(spec, None, 1, GATES, truth))


MODES = [(p, q) for p in ("end", "front") for q in ("paired", "independent")]


def rows_of(out: BoardReadout, hits: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Board row, TriP and channel in it of the hits of a truth table."""
    numbers = {board: n for n, board in enumerate([0, 1, 2, 40, 41, 158, 159])}
    board = np.array([numbers[b] for b in (hits["channel"] // 64).tolist()])
    feb = (hits["gate"].astype(int) - 1) * len(BOARDS) + board
    pixel = hits["channel"] % 64
    return feb, pixel // 16, pixel % 16


@pytest.mark.parametrize(("pairing", "push"), MODES)
def test_records_give_the_true_time_of_every_discriminator(pairing: str, push: str) -> None:
    sample = busy(pairing, push)
    out = sample.out
    fired = out.hits[out.hits["fired"]]
    assert len(fired) > 500
    feb, trip, channel = rows_of(out, fired)
    boards = out.febs[feb]
    missing = boards["n_timed"].astype(int) - boards["n_hits"][np.arange(len(feb)), trip]
    number = fired["block"] - (missing if pairing == "end" else 0)
    before = np.array([boards["n_hits"][k, :t].sum() for k, t in enumerate(trip)], int)
    records = out.records[boards["first_record"] + before + number]
    assert np.array_equal(records["feb"], feb)
    assert np.array_equal(records["trip"], trip)
    assert np.array_equal(records["record"], number)
    delay, quarter = (records[name][np.arange(len(feb)), channel] for name in ("delay", "quarter"))
    assert (delay < 16).all()
    times = hit_times(
        records["timestamp"], boards["gate_timestamp"], delay, quarter,
        np.full(len(feb), 1702, np.uint16), has_gate_timestamp=np.ones(len(feb), bool),
    )  # fmt: skip
    error = (times.t_ns - fired["time_ns"]) / TICK
    assert np.abs(error).max() <= 1 / 8 + 1e-3
    # a uniform error of a quarter tick in all
    assert error.std() == pytest.approx(0.25 / np.sqrt(12), abs=4 * 0.05 / np.sqrt(len(error)))
    n_delays = int((out.records["delay"] < 16).sum())
    assert n_delays == len(fired)


@pytest.mark.parametrize(("pairing", "push"), MODES)
def test_charges_stand_in_the_frame_that_the_truth_says(pairing: str, push: str) -> None:
    """High gain of every frame from the truth alone."""
    sample = busy(pairing, push)
    out, truth = sample.out, sample.truth
    expected = truth.pedestal[:, 0].reshape(-1, 64)[[0, 1, 2, 40, 41, 158, 159]]
    expected = expected[out.adc_frames["feb"] % len(BOARDS)]
    inside = out.hits[out.hits["block"] >= 0]
    feb, _, _ = rows_of(out, inside)
    frame = out.febs["first_adc"][feb] + inside["block"]
    assert (inside["block"] <= out.febs["n_timed"][feb]).all()
    assert inside["charge"].max() < 1900
    np.add.at(expected, (frame, inside["channel"] % 64), 0.8 * inside["charge"].astype(float))
    found = sample.adc[:, WORD[0]]
    assert np.abs(found - expected).max() <= 0.51
    untimed = inside["block"] == out.febs["n_timed"][feb]
    assert not inside["fired"][untimed].any()


@pytest.mark.parametrize("push", ["paired", "independent"])
def test_chips_that_push_together(push: str) -> None:
    counts = busy(push=push).out.febs["n_hits"]
    together = (counts[:, 0] == counts[:, 1]) & (counts[:, 2] == counts[:, 3])
    assert together.all() == (push == "paired")
    assert (counts.max(axis=1) > counts.min(axis=1)).mean() > 0.3


def test_a_pair_reads_all_of_its_pixels_with_each_push() -> None:
    """A pixel below its threshold is in the block of the other chip of the pair."""
    hits = busy().out.hits
    timed = hits[(hits["block"] >= 0)]
    assert (timed["pe"] > 0).all()
    assert (~timed["fired"]).sum() > 10


@pytest.mark.parametrize("low_gain", ["gate_end", "per_push"])
def test_low_gain(low_gain: str) -> None:
    sample = busy(low_gain=low_gain)
    out, truth = sample.out, sample.truth
    boards = np.array([0, 1, 2, 40, 41, 158, 159])
    expected = truth.pedestal[:, 2].reshape(-1, 64)[boards][out.adc_frames["feb"] % len(BOARDS)]
    hits = out.hits[(out.hits["block"] >= 0) | (low_gain == "gate_end")]
    hits = hits[hits["time_ns"] < GATE_NS]
    feb, _, _ = rows_of(out, hits)
    block = out.febs["n_timed"][feb] if low_gain == "gate_end" else hits["block"]
    frame = out.febs["first_adc"][feb] + block
    np.add.at(expected, (frame, hits["channel"] % 64), 0.8 / 15 * hits["charge"].astype(float))
    assert np.abs(sample.adc[:, WORD[2]] - expected).max() <= 0.51


def test_medium_gain_is_a_quarter_of_high_gain() -> None:
    sample = busy()
    boards = np.array([0, 1, 2, 40, 41, 158, 159])
    pedestal = sample.truth.pedestal.reshape(-1, 64, 3)[boards]
    pedestal = pedestal[sample.out.adc_frames["feb"] % len(BOARDS)]
    high = sample.adc[:, WORD[0]] - pedestal[:, :, 0]
    medium = sample.adc[:, WORD[1]] - pedestal[:, :, 1]
    assert np.abs(high / 4 - medium).max() < 0.7


def test_at_most_22_blocks_and_the_rest_is_lost() -> None:
    spec = quiet_spec(file_of(gates=3), dark_rate=3e5)
    out = read(spec, None, 1, 3)
    assert (out.febs["n_timed"] == 22).all()
    assert (out.febs["n_adc"] == 23).all()
    assert set(out.febs["n_hits"].ravel()) == {22}
    late = out.hits[out.hits["block"] == -1]
    assert (late["flags"] & LOST > 0).all()
    assert not (out.hits["flags"][out.hits["block"] >= 0] & LOST).any()


def test_estimate_of_the_dead_time() -> None:
    """Lost light of evenly spread hits is the share of the gate in which the chips are blind.

    The estimate of the official code, 16 ticks for each push, is 16/20 of it: it counts the
    integration, in which nothing is lost, and not the reset (detector page, section 10.9: 20 %).
    """
    gates = 400
    spec = quiet_spec(file_of(gates=gates), dark_rate=3000.0)
    out = read(spec, None, 1, gates)
    lost = out.hits["block"] == -1
    n, n_lost = float(out.hits["pe"].sum()), float(out.hits["pe"][lost].sum())
    pairs = gates * len(BOARDS) * 2
    by_pair = np.zeros((gates * len(BOARDS), 2))
    by_pair[:, 0], by_pair[:, 1] = out.febs["n_hits"][:, 0], out.febs["n_hits"][:, 2]
    blind = out.dead_ns.sum() / (pairs * GATE_NS)
    estimate = by_pair.sum() * 16 * TICK / (pairs * GATE_NS)
    error = 4 * np.sqrt(n_lost) / n
    assert n_lost / n == pytest.approx(blind, abs=error)
    assert estimate / blind == pytest.approx(16 / 20, rel=0.02)
    assert n_lost / n == pytest.approx(estimate, rel=0.25 + error / estimate)


def test_what_comes_after_the_gate_is_lost() -> None:
    spec = quiet_spec(file_of(gates=2))
    truth = truth_of(spec)
    rows = deposits([1, 2], strip_at(truth, 27), 30.0, [GATE_NS + 1, -3000.0])
    out = read(spec, rows, 1, 2)
    assert (out.hits["block"] == -1).all() and len(out.hits) == 2
    assert (out.hits["flags"] == LOST).all()
    assert (out.febs["n_timed"] == 0).all()
    assert not (out.adc.reshape(2, 7, 216)[:, 1, WORD[2]] > 460).any()


def test_saturated_hits_are_flagged() -> None:
    spec = quiet_spec(file_of(gates=2))
    truth = truth_of(spec)
    truth.curve[:, :, 0] = 500.0  # offset of the curve: it is in the pedestal already
    rows = deposits([1, 2], strip_at(truth, 27), [100.0, 12_000.0])
    out = read(spec, rows, 1, 2, truth)
    own = out.hits[out.hits["channel"] == FIRST_CHANNEL + 27]
    assert (own["flags"] & HitFlag.SATURATED > 0).tolist() == [False, True]
    adc = out.adc.reshape(-1, 216)[:, WORD[0, 27]]
    frame = out.febs["first_adc"].reshape(2, 7)[:, 1]
    assert adc[frame[1]] == 4095 > adc[frame[0]]


# The same gate in any company


def events_of(spec: Spec, first: int, last: int) -> tuple[np.ndarray, BoardReadout]:
    simulation = FileSimulation(spec, spec.files[0])
    plan = gate_plan(spec, spec.files[0], first, last, 7)
    rows = simulation._events.generate(plan).deposits
    return rows, read(spec, rows, first, last, simulation.truth)


def slice_of(out: BoardReadout, febs: np.ndarray) -> dict[str, Any]:
    """Content of some rows of boards, without their places in the arrays."""
    found: dict[str, Any] = {"hits": out.febs["n_hits"][febs].tolist()}
    frames = np.isin(out.adc_frames["feb"], febs)
    found["adc"] = out.adc[frames].tobytes()
    records = out.records[np.isin(out.records["feb"], febs)].copy()
    records["feb"] = 0
    found["records"] = records.tobytes()
    return found


@pytest.mark.parametrize("stream", ["numib", "linjc", "pdstl"])
def test_a_gate_is_the_same_alone_and_in_a_block(stream: str) -> None:
    spec = spec_of(file_of(stream, gates=40), truth="full")
    _, every = events_of(spec, 1, 40)
    for gate in (1, 7, 40):
        _, alone = events_of(spec, gate, gate)
        rows = np.arange((gate - 1) * 7, gate * 7)
        assert slice_of(every, rows) == slice_of(alone, np.arange(7))
        own = every.hits[every.hits["gate"] == gate]
        assert own.tobytes() == alone.hits.tobytes()
        assert every.dead_ns[gate - 1] == alone.dead_ns[0]


@pytest.mark.parametrize("stream", ["numib", "linjc"])
def test_a_board_is_the_same_with_other_boards(stream: str) -> None:
    boards = ["0-1-0-1", "0-1-0-2", "0-5-1-1"]
    few = spec_of(file_of(stream, gates=20), febs=boards)
    many = spec_of(file_of(stream, gates=20))
    rows, every = events_of(many, 1, 20)
    alone = read(few, rows, 1, 20)
    for here, there in ((0, 0), (1, 1), (2, 5)):
        gates = np.arange(20)
        assert slice_of(alone, 3 * gates + here) == slice_of(every, 7 * gates + there)


def test_room_that_is_too_small_is_made_larger(monkeypatch: pytest.MonkeyPatch) -> None:
    sample = busy()
    monkeypatch.setattr(readout_module, "FIRST_ROWS", 10)
    monkeypatch.setattr(readout_module, "MOST_ARRIVALS", 2)
    out = read(sample.spec, None, 1, GATES, sample.truth)
    for name in ("febs", "records", "adc_frames", "adc", "hits", "dead_ns"):
        assert np.array_equal(getattr(out, name), getattr(sample.out, name)), name


def test_hits_are_written_only_if_the_truth_is_asked_for() -> None:
    sample = busy()
    light = sample.spec.model_copy(update={"truth": "light"})
    out = read(light, None, 1, GATES, sample.truth)
    assert len(out.hits) == 0
    assert np.array_equal(out.adc, sample.out.adc)
    assert np.array_equal(out.records, sample.out.records)


def test_the_gate_time_stamp_runs_with_the_clock_of_the_boards() -> None:
    out = read(spec_of(file_of("pdstl", gates=3)), None, 1, 3)
    stamps = out.febs["gate_timestamp"].reshape(3, 7).astype(np.int64)
    assert (stamps == stamps[:, :1]).all()
    steps = np.diff(stamps[:, 0]) % 2**32
    assert steps == pytest.approx([1e8 / TICK, 1e8 / TICK], abs=1)
