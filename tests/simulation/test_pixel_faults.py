"""Defects of pixels, PMTs and boards: what they do, where, and in which runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mx2prod.core.errors import ConfigError
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, TRIP_OF_PIXEL
from mx2prod.simulation.hardware import TrueDetector
from tests.simulation.making import START, file_of, spec_of
from tests.simulation.readout_tools import GATE_NS, QUIET, deposits, read, strip_at, truth_of

PIXEL, CHANNEL = "0-1-0-2-20", 64 + 20
OTHER, OTHER_CHANNEL = "0-1-0-3-41", 128 + 41
HIGH = TRIP_OF_PIXEL[0].astype(int) * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL[0]
"""Place of the high gain of each pixel among the 216 words."""
BY_CHANNEL = (
    "pedestal", "noise", "gain", "curve", "threshold", "dark_rate", "alive", "noisy", "stuck",
)  # fmt: skip
BY_BOARD = ("offset_ns", "hv", "temperature", "hv_off", "day_phase", "drift")


def truth_with(*faults: dict[str, Any], run: int = 50017, **values: Any) -> TrueDetector:
    return TrueDetector.of(spec_of(faults=list(faults), **values), run, START)


def fault(kind: str, address: str = PIXEL, **values: Any) -> dict[str, Any]:
    return {"kind": kind, "address": address, **values}


@pytest.fixture(scope="module")
def nominal() -> TrueDetector:
    return truth_with()


def changed(nominal: TrueDetector, truth: TrueDetector) -> dict[str, list[int]]:
    """Channels (or boards) that differ, by array."""
    found = {}
    for name in (*BY_CHANNEL, *BY_BOARD, "channel_of_strip"):
        before, after = getattr(nominal, name), getattr(truth, name)
        differs = (before != after).reshape(len(before), -1).any(axis=1)
        if differs.any():
            found[name] = np.flatnonzero(differs).tolist()
    return found


@pytest.mark.parametrize(
    ("entry", "name", "value"),
    [
        (fault("dead_pixel"), "alive", False),
        (fault("hot_pixel"), "dark_rate", 5000),
        (fault("hot_pixel", size=800), "dark_rate", 800),
        (fault("stuck_bit", size=4), "stuck", 16),
        (fault("stuck_bit"), "stuck", 1),
    ],
)
def test_a_defect_is_in_its_pixel_alone(
    nominal: TrueDetector, entry: dict[str, Any], name: str, value: float
) -> None:
    truth = truth_with(entry)
    assert changed(nominal, truth) == {name: [CHANNEL]}
    assert getattr(truth, name)[CHANNEL] == value


@pytest.mark.parametrize(("size", "factor"), [(0, 5), (3, 3)])
def test_a_noisy_pixel(nominal: TrueDetector, size: float, factor: float) -> None:
    truth = truth_with(fault("noisy_pixel", size=size))
    assert changed(nominal, truth) == {"noise": [CHANNEL], "noisy": [CHANNEL]}
    assert truth.noise[CHANNEL] == pytest.approx(factor * nominal.noise[CHANNEL])


def test_stuck_bits_add_up() -> None:
    assert truth_with(fault("stuck_bit"), fault("stuck_bit", size=3)).stuck[CHANNEL] == 9


def test_high_voltage_off(nominal: TrueDetector) -> None:
    truth = truth_with(fault("hv_off", "0-1-0-2"))
    assert changed(nominal, truth) == {"alive": list(range(64, 128)), "hv_off": [1]}


def test_exchanged_fibres(nominal: TrueDetector) -> None:
    truth = truth_with(fault("swapped_fibres", with_address=OTHER))
    first, second = (
        int(np.flatnonzero(nominal.channel_of_strip == c)[0]) for c in (CHANNEL, OTHER_CHANNEL)
    )
    assert changed(nominal, truth) == {"channel_of_strip": sorted([first, second])}
    assert truth.channel_of_strip[[first, second]].tolist() == [OTHER_CHANNEL, CHANNEL]


def test_exchanged_boards_take_all_that_is_theirs() -> None:
    others = [fault("dead_pixel"), fault("noisy_pixel", "0-1-0-2-1"), fault("hot_pixel", OTHER),
              fault("stuck_bit", "0-1-0-3-9", size=2), fault("hv_off", "0-1-0-3")]  # fmt: skip
    values = {"miscalibrate": {
        "timing": [{"kind": "gauss", "size": 30}], "feb": [{"kind": "gauss", "size": 0.1}],
        "pedestal": [{"kind": "drift", "size": 2, "boards": ["0-1-0-2"]}],
    }}  # fmt: skip
    before = truth_with(*others, **values)
    swap = fault("swapped_boards", "0-1-0-2", with_address="0-1-0-3")
    after = truth_with(*others, swap, **values)
    for name in (*BY_CHANNEL, *BY_BOARD):
        per = 64 if name in BY_CHANNEL else 1
        a, b = getattr(before, name), getattr(after, name)
        first, second = slice(per, 2 * per), slice(2 * per, 3 * per)
        assert np.array_equal(a[first], b[second]) and np.array_equal(a[second], b[first]), name
        assert (a[first] != a[second]).any(), name
        assert np.array_equal(a[3 * per :], b[3 * per :])
    assert np.array_equal(before.channel_of_strip, after.channel_of_strip)
    assert np.array_equal(before.injected, after.injected)


@pytest.mark.parametrize(
    ("run", "acts"), [(1799, False), (1800, True), (1805, True), (1806, False)]
)
def test_runs_of_a_defect(run: int, acts: bool) -> None:
    truth = truth_with(fault("dead_pixel", from_run=1800, to_run=1805), run=run)
    assert truth.alive[CHANNEL] != acts


def test_defects_by_chance(nominal: TrueDetector) -> None:
    fractions = {"dead_pixels": 0.005, "noisy_pixels": 0.002, "hot_pixels": 0.01}
    truth = truth_with(random_faults=fractions)
    chosen = {
        "dead_pixels": ~truth.alive,
        "noisy_pixels": truth.noisy,
        "hot_pixels": truth.dark_rate == 5000,
    }
    for name, fraction in fractions.items():
        mean = fraction * len(truth.alive)
        assert chosen[name].sum() == pytest.approx(mean, abs=4 * np.sqrt(mean))
    assert np.allclose(truth.noise[truth.noisy], 5 * nominal.noise[truth.noisy])
    again = truth_with(random_faults=fractions, febs="all")
    assert np.array_equal(again.alive, truth.alive)


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        (fault("dead_pixel", "0-1-0-2"), "'0-1-0-2' is no pixel"),
        (fault("dead_pixel", "0-1-0-2-64"), "'0-1-0-2-64' is no pixel"),
        (fault("noisy_pixel", "0-1-0-2-x"), "'0-1-0-2-x' is no pixel"),
        (fault("hot_pixel", "0-5-3-1-4"), "faults: hot_pixel: no board '0-5-3-1'; did you mean"),
        (fault("stuck_bit", size=12), "stuck_bit 12: expected a bit from 0 to 11"),
        (fault("hv_off", "0-7-0-1"), "faults: hv_off: no board '0-7-0-1'"),
        (fault("swapped_fibres", with_address="0-1-0-3"), "is no pixel"),
        (fault("swapped_boards", "0-1-0-2"), "swapped_boards: no board ''"),
        (fault("dead_pixel", "0-1-0-2-3", from_gate=4), "from_gate and to_gate have no meaning"),
        (fault("hv_off", "0-1-0-2", to_gate=4), "give from_run and to_run"),
    ],
)
def test_addresses_that_do_not_exist_are_refused(entry: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        truth_with(entry)


# What the data show


def seen(*faults: dict[str, Any], rows: Any = None, gates: int = 400, **response: Any) -> Any:
    spec = spec_of(
        file_of(gates=gates), faults=list(faults), response={**QUIET, **response}, truth="full"
    )
    return read(spec, rows, 1, gates, truth_of(spec))


def high_gain(readout: Any, gates: int = 400) -> np.ndarray:
    """ADC of the second board, shape (gates, 64); there must be no timed block."""
    assert (readout.febs["n_timed"] == 0).all()
    return np.asarray(readout.adc.reshape(gates, 7, 216)[:, 1, HIGH], float)


def test_a_noisy_pixel_is_wide_in_the_data() -> None:
    width = high_gain(seen(fault("noisy_pixel"))).std(axis=0)
    truth = truth_with(fault("noisy_pixel"))
    assert width[20] == pytest.approx(truth.noise[CHANNEL, 0], rel=0.15)
    assert width[20] > 1.5 * np.delete(width, 20).max()


def test_a_stuck_bit_is_set_in_every_word() -> None:
    adc = high_gain(seen(fault("stuck_bit", size=0))).astype(int)
    assert (adc[:, 20] & 1).all()
    assert (np.delete(adc, 20, axis=1) & 1).mean() == pytest.approx(0.5, abs=0.02)


def test_a_hot_pixel_has_its_rate() -> None:
    hits = seen(fault("hot_pixel", size=5000)).hits
    assert set(hits["channel"]) == {CHANNEL}
    mean = 5000 * 400 * GATE_NS * 1e-9
    assert hits["pe"].sum() == pytest.approx(mean, abs=4 * np.sqrt(mean))


@pytest.mark.parametrize(
    "entry", [fault("dead_pixel"), fault("hv_off", "0-1-0-2")], ids=["pixel", "board"]
)
def test_what_is_dead_sees_no_light(entry: dict[str, Any], nominal: TrueDetector) -> None:
    rows = deposits(np.arange(1, 401), strip_at(nominal, 20), 20.0)
    assert len(seen(rows=rows).hits) == 400
    assert len(seen(entry, rows=rows).hits) == 0


def test_light_of_exchanged_fibres_is_seen_at_the_other_pixel(nominal: TrueDetector) -> None:
    rows = deposits(np.arange(1, 401), strip_at(nominal, 20), 20.0)
    hits = seen(fault("swapped_fibres", with_address=OTHER), rows=rows).hits
    assert set(hits["channel"]) == {OTHER_CHANNEL}
