"""Gates of each stream: types, times, counters, protons."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from mx2prod.raw.layout import TRIGGER_BY_STREAM
from mx2prod.simulation.plan import gate_plan
from tests.simulation.making import START, file_of, spec_of

PERIOD_S = {"pdstl": 0.1, "linjc": 2.0, "numib": 1.2, "numip": 0.6, "numil": 0.6}


@pytest.mark.parametrize("stream", PERIOD_S)
def test_types_and_times_of_a_stream(stream: str) -> None:
    spec = spec_of(file_of(stream, gates=40, first_global_gate=900))
    plan = gate_plan(spec, spec.files[0], 1, 40, 185)
    odd, even = plan[plan["gate"] % 2 == 1], plan[plan["gate"] % 2 == 0]
    types = {*odd["trigger_type"].tolist(), *even["trigger_type"].tolist()}
    assert types == TRIGGER_BY_STREAM[stream]
    if len(types) == 2:
        assert set(odd["trigger_type"].tolist()) == {16}
    assert plan["gate"].tolist() == list(range(1, 41))
    assert plan["global_gate"].tolist() == list(range(900, 940))
    steps = {b - a for a, b in pairwise(plan["time_us"].tolist())}
    assert steps == {round(PERIOD_S[stream] * 1e6)}
    opened = plan["time_us"][0] - plan["readout_us"][0]
    assert opened == int(START.timestamp()) * 1_000_000
    assert plan["readout_us"][0] == 4000 + 43 * 185
    assert np.all(plan["readout_us"] < steps.pop())


def test_protons_only_with_beam() -> None:
    spec = spec_of(file_of("numip", gates=4000), beam={"empty_fraction": 0.1})
    plan = gate_plan(spec, spec.files[0], 1, 4000, 7)
    beam = plan["trigger_type"] == 16
    assert np.all(plan["pot"][~beam] == 0)
    pot = plan["pot"][beam]
    empty = np.mean(pot == 0)
    assert abs(empty - 0.1) < 5 * np.sqrt(0.1 * 0.9 / len(pot))
    mean = pot[pot > 0].mean() / spec.beam.pot_per_spill
    assert abs(mean - 1) < 5 * 0.05 / np.sqrt(np.sum(pot > 0))


def test_light_is_injected_only_into_its_gates() -> None:
    spec = spec_of(file_of("numil", led_level=2, led_group=64))
    plan = gate_plan(spec, spec.files[0], 1, 6, 7)
    assert plan["led_level"].tolist() == [0, 2, 0, 2, 0, 2]
    assert plan["led_group"].tolist() == [0, 64, 0, 64, 0, 64]


def test_a_gate_does_not_depend_on_the_others() -> None:
    spec = spec_of(file_of(gates=500))
    whole = gate_plan(spec, spec.files[0], 1, 500, 7)
    assert np.array_equal(gate_plan(spec, spec.files[0], 301, 350, 7), whole[300:350])


def test_the_spill_counter_runs_on_across_files() -> None:
    spec = spec_of(file_of(gates=100), file_of(subrun=23, start=START.replace(hour=11)))
    first, second = (gate_plan(spec, file, 1, 6, 7) for file in spec.files)
    assert np.all(np.diff(first["sgate"].astype(int)) == 1)
    spills = (START.replace(hour=11) - START).total_seconds() / 1.2
    assert (int(second["sgate"][0]) - int(first["sgate"][0])) % 2**28 == pytest.approx(
        spills, abs=1
    )
