"""The true detector: drawn from the seed alone, within the limits of the detector page."""

from __future__ import annotations

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.spec import Spec
from tests.simulation.making import BOARDS, START, file_of, spec_of

ARRAYS = [
    field.name for field in fields(TrueDetector)
    if field.name not in ("detector", "response", "seed", "when", "w2", "light", "slewing_ns")
]  # fmt: skip

THREE_GAINS = ("pedestal", "noise")


def detector(spec: Spec, run: int = 50017, when: Any = START) -> TrueDetector:
    return TrueDetector.of(spec, run, when)


def with_seed(seed: int, **values: Any) -> Spec:
    return spec_of(**values).model_copy(update={"seed": seed})


def test_a_board_does_not_depend_on_the_boards_that_are_simulated() -> None:
    alone = detector(spec_of(febs=BOARDS[:2]))
    every = detector(spec_of(febs="all"))
    for name in ARRAYS:
        assert np.array_equal(getattr(alone, name), getattr(every, name)), name


def test_the_same_seed_makes_the_same_detector_in_every_run() -> None:
    first, second = detector(spec_of(), 1702), detector(spec_of(file_of("linjc")), 1799)
    for name in ARRAYS:
        assert np.array_equal(getattr(first, name), getattr(second, name)), name


@pytest.mark.parametrize(
    "name", ["pedestal", "noise", "gain", "threshold", "injected", "hv", "day_phase"]
)
def test_another_seed_makes_another_detector(name: str) -> None:
    first, second = (
        getattr(detector(with_seed(seed)), name).reshape(-1, 3 if name in THREE_GAINS else 1)[:, 0]
        for seed in (1, 2)
    )
    assert abs(np.corrcoef(first[:64], second[:64])[0, 1]) < 0.6
    assert (first != second).mean() > 0.95  # noise has limits that both may reach


def test_numbers_of_different_channels_are_independent() -> None:
    truth = detector(spec_of())
    normal = (truth.pedestal - [430, 420, 410]) / 20
    for shifted in (normal[1:, 0], normal[64:, 0]):
        n = len(shifted)
        assert abs(np.corrcoef(normal[:n, 0], shifted)[0, 1]) < 4 / np.sqrt(n)
    assert abs(np.corrcoef(normal[:, 0], normal[:, 1])[0, 1]) < 4 / np.sqrt(len(normal))
    assert abs(np.corrcoef(normal[:, 0], truth.gain)[0, 1]) < 4 / np.sqrt(len(normal))


def test_pedestals_and_noise_are_those_of_the_page() -> None:
    truth = detector(spec_of())
    assert truth.pedestal.mean(axis=0) == pytest.approx([430, 420, 410], abs=1)
    assert truth.pedestal.std(axis=0) == pytest.approx([20, 20, 20], rel=0.03)
    assert np.median(truth.noise, axis=0) == pytest.approx([5, 3, 2], rel=0.02)
    assert truth.noise[:, 0].min() >= 2 and truth.noise[:, 0].max() <= 9


def test_gains_are_within_the_spread_of_a_pmt() -> None:
    truth = detector(spec_of())
    by_pmt = truth.gain.reshape(-1, 64)
    assert (by_pmt.max(axis=1) / by_pmt.min(axis=1)).max() < 3
    assert truth.gain.mean() == pytest.approx(5.6e5, rel=0.03)
    assert np.mean(truth.charge_per_pe) == pytest.approx(90.4, rel=0.03)


def test_thresholds_are_spread_by_a_tenth() -> None:
    threshold = detector(spec_of()).threshold
    assert threshold.mean() == pytest.approx(0.75 * 90.4, rel=0.01)
    assert threshold.std() / threshold.mean() == pytest.approx(0.10, rel=0.05)


def test_without_known_errors_the_detector_is_nominal() -> None:
    truth = detector(spec_of())
    assert (truth.strip_response == 1).all()
    assert (truth.offset_ns == 0).all() and (truth.drift == 0).all()
    assert (truth.plane_shift_mm == 0).all() and (truth.plane_rotation_rad == 0).all()
    assert (truth.attenuation == [3500, 0.8, 1]).all()
    assert truth.alive.all() and not truth.noisy.any() and not truth.stuck.any()
    assert np.array_equal(truth.channel_of_strip, truth.detector.plex.channel_of_strip)
    assert (truth.curve[:, 0] == [0, 0.80, 1900, 0.65, 2600, 0.05]).all()


def test_registers_tell_high_voltage_and_temperature() -> None:
    spec = spec_of(faults=[{"kind": "hv_off", "address": "0-1-0-2"}])
    truth = detector(spec)
    registers = {name: np.asarray(values) for name, values in truth.registers().items()}
    on = np.arange(185) != 1
    assert (registers["hv_actual"][on] == registers["hv_target"][on]).all()
    assert (registers["hv_actual"][1], registers["hv_enabled"][1]) == (0, 0)
    assert registers["hv_enabled"][on].all()
    assert registers["hv_target"].min() >= 43_000 and registers["hv_target"].max() <= 47_000
    assert np.ptp(registers["temperature"]) <= 80
    assert truth.conditions()["hv_off"] == ["0-1-0-2"]


def test_temperature_changes_with_the_time_of_the_day() -> None:
    morning = detector(spec_of(), when=START.replace(hour=6)).temperature
    evening = detector(spec_of(), when=START.replace(hour=18)).temperature
    assert (morning - evening).min() > 40
