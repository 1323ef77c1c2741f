"""Gates and spills by time, against a plain loop; sums; offsets; nothing unknown becomes 0."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.metadata.beam import (
    QUANTITIES,
    BeamConfig,
    Outcome,
    SpillTable,
    match_gates,
    misses,
    offsets_of,
    sum_of,
    total_of,
)
from mx2prod.metadata.matching import GateTimes

T = 1_720_601_760_000_000
CONFIG = BeamConfig(window_s=0.5)


def gates_at(times_ms: list[float], kinds: list[int] | None = None) -> GateTimes:
    n = len(times_ms)
    numbers = np.arange(1, n + 1)
    times = T + np.round(np.array(times_ms, np.float64) * 1000).astype(np.int64)
    return GateTimes(numbers, numbers + 100, times, np.array(kinds or [16] * n, np.int64))


def spills_at(times_ms: list[float], protons: list[float], gps: bool = False) -> SpillTable:
    times = T + np.round(np.array(times_ms, np.float64) * 1000).astype(np.int64)
    values = {name: np.full(len(times), np.nan) for name in QUANTITIES}
    values["protons"] = np.array(protons, np.float64)
    if gps:
        values["gps_time"] = times / 1e6
    return SpillTable(times, values, {})


def test_nearest_spill_in_the_window():
    table = spills_at([0, 1200, 2400, 6000], [1e13, 2e13, np.nan, 4e13])
    gates = gates_at([20, 1100, 2410, 3600, 7000], [16] * 5)
    beam = match_gates(gates, table, CONFIG)
    names = [Outcome(value).name for value in beam.outcome.tolist()]
    assert names == ["MATCHED", "MATCHED", "NO_READING", "NO_SPILL", "NO_SOURCE"]
    assert beam.spill.tolist() == [0, 1, 2, -1, -1]
    assert beam.offset_us.tolist() == [20_000, -100_000, 10_000, 0, 0]
    assert beam.protons[:2].tolist() == [1e13, 2e13]
    assert np.isnan(beam.protons[2:]).all()
    assert [row["gate"] for row in misses(beam)] == [3, 4, 5]
    assert all(row["protons"] is None for row in misses(beam))


def test_a_spill_belongs_to_the_nearest_gate():
    beam = match_gates(gates_at([-100, 50, 300]), spills_at([0], [1e13]), CONFIG)
    assert [Outcome(value).name for value in beam.outcome.tolist()] == ["TAKEN", "MATCHED", "TAKEN"]
    assert np.nansum(beam.protons) == 1e13


def test_gates_of_other_types_have_no_spill():
    beam = match_gates(gates_at([0, 600, 1200], [16, 1, 16]), spills_at([0, 600], [1, 2]), CONFIG)
    assert beam.gates.gates.tolist() == [1, 3]


def test_expected_offset_moves_the_window():
    table = spills_at([0, 1200], [1e13, 2e13])
    far = gates_at([700, 1900])
    assert not (match_gates(far, table, CONFIG).outcome == Outcome.MATCHED).all()
    beam = match_gates(far, table, BeamConfig(window_s=0.1, offset_s=0.7))
    assert (beam.outcome == Outcome.MATCHED).all()
    assert beam.offset_us.tolist() == [700_000, 700_000]


def test_without_a_source_everything_is_unknown():
    table = spills_at([], [])
    total = sum_of("file", match_gates(gates_at([0, 1200]), table, CONFIG))
    assert total.protons is None
    assert total.state == "unknown"
    assert total.outcomes["no_source"] == 2


def test_sums_of_files_and_dataset():
    table = spills_at([0, 1200, 2400], [1e13, 2e13, np.nan])
    known = sum_of("a", match_gates(gates_at([0, 1200]), table, CONFIG))
    partly = sum_of("b", match_gates(gates_at([1200, 2400]), table, CONFIG))
    empty = sum_of("c", match_gates(gates_at([0], [1]), table, CONFIG))
    assert [item.state for item in (known, partly, empty)] == ["known", "partly", "no beam gates"]
    total = total_of("all", [known, partly, empty])
    assert (total.beam_gates, total.known_gates, total.protons) == (4, 3, 5e13)
    assert total.as_dict()["state"] == "partly"
    assert total_of("none", []).protons is None


@given(
    st.lists(st.integers(0, 300), max_size=20, unique=True),
    st.lists(st.integers(0, 300), max_size=20, unique=True),
)
def test_matches_are_those_of_a_plain_loop(gate_ms: list[int], spill_ms: list[int]):
    """The loop gives each spill to the gate that is nearest of those that point at it."""
    gate_ms, spill_ms = sorted(gate_ms), sorted(spill_ms)
    config = BeamConfig(window_s=0.02)
    wanted: dict[int, int] = {}
    for number, time in enumerate(gate_ms):
        near = sorted(range(len(spill_ms)), key=lambda s: (abs(spill_ms[s] - time), s))
        if near and abs(spill_ms[near[0]] - time) <= 20:
            rival = wanted.get(near[0])
            if rival is None or abs(gate_ms[rival] - spill_ms[near[0]]) > abs(
                time - spill_ms[near[0]]
            ):
                wanted[near[0]] = number
    table = spills_at([float(t) for t in spill_ms], [1e12] * len(spill_ms))
    beam = match_gates(gates_at([float(t) for t in gate_ms]), table, config)
    found = {s: g for g, s in enumerate(beam.spill.tolist()) if s >= 0}
    assert found == wanted


def test_offsets_run_by_run():
    table = spills_at([0, 1200, 2400, 3600], [1e13] * 4, gps=True)
    one = match_gates(gates_at([10, 1212]), table, CONFIG)
    two = match_gates(gates_at([2414, 3616]), table, CONFIG)
    other = match_gates(gates_at([0]), spills_at([5], [1e13]), CONFIG)
    found = offsets_of([(50018, other), (50017, one), (50017, two)])
    assert [(item.run, item.clock) for item in found] == [
        (50017, "accelerator"), (50017, "gps"), (50018, "accelerator"), (50018, "gps")
    ]  # fmt: skip
    first = found[0].as_dict()
    assert first["gates"] == sum(first["counts"]) == 4
    assert (first["mean_ms"], first["quantiles_ms"]["0.5"]) == (13.0, 13.0)
    assert found[1].mean_ms == pytest.approx(13.0, abs=1e-3)
    absent = found[3].as_dict()
    assert (absent["state"], absent["mean_ms"], absent["counts"]) == ("unknown", None, [])


def test_rows_of_gates():
    beam = match_gates(gates_at([20, 900]), spills_at([0, 5000], [1e13, 0.0]), CONFIG)
    assert beam.rows() == [
        {"gate": 1, "global_gate": 101, "time": "2024-07-10T08:56:00.020000Z", "protons": 1e13,
         "offset_ms": 20.0, "outcome": "matched"},
        {"gate": 2, "global_gate": 102, "time": "2024-07-10T08:56:00.900000Z", "protons": None,
         "offset_ms": None, "outcome": "no_spill"},
    ]  # fmt: skip
