"""Light, photomultiplier and fibres: statistics against the formulas of the detector page."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from mx2prod.detector import strip_ends, strip_length
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.simulation.columns import HitFlag
from mx2prod.simulation.light_kernels import (
    ARRIVAL_DTYPE,
    add_light,
    add_mean_light,
    neighbour_of,
)
from mx2prod.simulation.random_kernels import STATE_WORDS, normal_table, start
from tests.simulation.making import file_of
from tests.simulation.readout_tools import (
    FIRST_CHANNEL,
    GATE_NS,
    deposits,
    light_of,
    quiet_spec,
    read,
    strip_at,
    truth_of,
)

SIDE, CORNER, DYNODE = 0.015, 0.004, 0.005
GATES = 3000
MIDDLE, EDGE, EDGE_CORNER = 27, 3, 0
"""Pixels with 8, 5 and 3 neighbours on the 8 x 8 grid."""


def plain_neighbours(pixel: int) -> tuple[set[int], set[int]]:
    """Side and corner neighbours on the grid."""
    row, column = divmod(pixel, 8)
    sides, corners = set(), set()
    for r in range(8):
        for c in range(8):
            apart = abs(r - row), abs(c - column)
            if sorted(apart) == [0, 1]:
                sides.add(8 * r + c)
            if apart == (1, 1):
                corners.add(8 * r + c)
    return sides, corners


class Pmt:
    """One PMT whose kernels are called one by one."""

    def __init__(self, **response: float) -> None:
        values = {"w2": 0.25, "dynode": 0.0, "afterpulse": 0.0, "delay": 1000.0, "slewing": 0.0,
                  "side": 0.0, "corner": 0.0, "speed": 175.0} | response  # fmt: skip
        self.response = np.array(list(values.values()))
        self.state = np.zeros(STATE_WORDS, np.uint32)
        start(self.state, 5, 1, 1, 1, 3, 0)
        self.table = normal_table()
        self.gains, self.alive = np.full(64, 90.0), np.ones(64, np.bool_)
        self.offsets = np.zeros(2)
        self.arrivals = np.zeros(4000, ARRIVAL_DTYPE)

    def light(self, pixel: int, pe: int, time: float = 1000.0) -> np.ndarray:
        n = add_light(
            self.state, self.table, self.arrivals, 0, pixel, time, pe, 4, 0, self.gains,
            self.alive, self.response, self.offsets,
        )  # fmt: skip
        return self.arrivals[:n].copy()

    def mean_light(self, pixel: int, mean: float) -> np.ndarray:
        n = add_mean_light(
            self.state, self.table, self.arrivals, 0, pixel, 1000.0, mean, 4, self.gains,
            self.alive, self.response, self.offsets,
        )  # fmt: skip
        return self.arrivals[:n].copy()


def expected_light(truth: Any, strip: int, energy: float, l_mm: float) -> float:
    """Mean photoelectrons by the formulas of the page, strip by strip."""
    response, fibres = truth.response, truth.detector.fibres
    number = truth.detector.planes.strips()["strip"][strip]
    length = float(strip_length(number))
    _, high = strip_ends(number)
    d = float(high) - l_mm
    in_strip = math.exp(-d / 3500) + 0.8 * math.exp(-(2 * length - d) / 3500)
    outside = math.exp(-fibres.clear[strip] / 7830 - fibres.bagged_wls[strip] / 3500)
    return energy * response.pe_per_mev * truth.light * in_strip * outside


@pytest.mark.parametrize("place", [-1.0, -0.5, 0.0, 0.5, 1.0])
def test_mean_light_follows_the_attenuation(place: float) -> None:
    spec = quiet_spec()
    truth = truth_of(spec)
    strip = strip_at(truth, MIDDLE)
    low, high = (float(end) for end in strip_ends(truth.detector.planes.strips()["strip"][strip]))
    l_mm = (low + high) / 2 + place * (high - low) / 2
    rows = deposits(np.arange(1, GATES + 1), strip, 3.4, l_mm=l_mm)
    light = light_of(read(spec, rows, 1, GATES), FIRST_CHANNEL + MIDDLE, GATES)
    mean = expected_light(truth, strip, 3.4, l_mm)
    assert light.mean() == pytest.approx(mean, abs=4 * math.sqrt(mean / GATES))
    assert light.var() / mean == pytest.approx(1, abs=4 * math.sqrt(2 / GATES) + 0.01)


def test_light_falls_by_the_age_of_the_detector() -> None:
    new = truth_of(quiet_spec(file_of(gates=1, start="2024-03-01T00:00:00Z")))
    old = truth_of(quiet_spec(file_of(gates=1, start="2025-03-01T06:00:00Z")))
    assert new.light == pytest.approx(1, abs=1e-6)
    assert old.light == pytest.approx(1 - 0.085, abs=1e-4)


def test_photoelectrons_are_poisson() -> None:
    """Counts of 0 to 12 against the probabilities, chi-square."""
    pmt = Pmt()
    counts = np.zeros(40)
    n = 20_000
    for _ in range(n):
        arrivals = pmt.mean_light(MIDDLE, 4.0)
        counts[int(arrivals["pe"].sum())] += 1
    probability = np.array([math.exp(-4) * 4**k / math.factorial(k) for k in range(13)])
    chi2 = ((counts[:13] - n * probability) ** 2 / (n * probability)).sum()
    assert chi2 < 13 + 4 * math.sqrt(2 * 13)


@pytest.mark.parametrize("pe", [1, 3, 20])
def test_charge_is_gamma_with_relative_variance_w2_over_n(pe: int) -> None:
    pmt = Pmt()
    n = 20_000
    charge = np.array([pmt.light(MIDDLE, pe)["charge"][0] for _ in range(n)]) / 90
    variance = 0.25 * pe
    assert charge.mean() == pytest.approx(pe, abs=4 * math.sqrt(variance / n))
    # kurtosis excess of a gamma distribution of shape k: 6/k
    spread = math.sqrt((2 + 6 * 0.25 / pe) / n)
    assert charge.var() / variance == pytest.approx(1, abs=4 * spread)
    third = ((charge - charge.mean()) ** 3).mean() / charge.var() ** 1.5
    assert third == pytest.approx(2 * math.sqrt(0.25 / pe), abs=0.15)


def test_without_spread_all_photoelectrons_are_equal() -> None:
    assert set(Pmt(w2=0.0).light(MIDDLE, 3)["charge"]) == {270.0}


def test_charge_of_a_photoelectron_is_the_gain() -> None:
    truth = truth_of(quiet_spec())
    assert np.allclose(truth.charge_per_pe, truth.gain * 1.602176634e-4)
    assert pytest.approx(90.4, rel=0.01) == 5.6e5 * ELECTRON_CHARGE_FC


@pytest.mark.parametrize("pixel", [MIDDLE, EDGE, EDGE_CORNER])
def test_stray_light_goes_to_the_neighbours(pixel: int) -> None:
    pmt = Pmt(side=SIDE, corner=CORNER)
    mean, n = 50.0, 2000
    light, flags = np.zeros(64), np.zeros(64, np.int64)
    for _ in range(n):
        for row in pmt.mean_light(pixel, mean):
            light[row["pixel"]] += row["pe"]
            flags[row["pixel"]] |= row["flags"]
    sides, corners = plain_neighbours(pixel)
    own = light[pixel] / n
    assert own == pytest.approx(mean, abs=4 * math.sqrt(mean / n))
    for other in range(64):
        share = SIDE if other in sides else CORNER if other in corners else 0
        error = math.sqrt(share * mean / n)
        if other != pixel:
            assert light[other] / n == pytest.approx(share * mean, abs=4.5 * error)
            assert flags[other] == (HitFlag.CROSS_TALK if share else 0)
    assert flags[pixel] == 0


@pytest.mark.parametrize("pixel", [MIDDLE, EDGE_CORNER])
def test_a_stray_photon_hits_each_neighbour_alike(pixel: int) -> None:
    pmt = Pmt()
    n = 20_000
    hit = [neighbour_of(pmt.state, pixel, 0.01, 0.01) for _ in range(n)]
    sides, corners = plain_neighbours(pixel)
    for other in sides | corners:
        assert hit.count(other) / n == pytest.approx(1 / 8, abs=4 * math.sqrt(0.11 / n))
    beyond = 8 - len(sides) - len(corners)
    assert hit.count(-1) / n == pytest.approx(beyond / 8, abs=4 * math.sqrt(0.25 / n))


@pytest.mark.parametrize("pixel", [MIDDLE, EDGE, EDGE_CORNER])
def test_dynodes_share_charge_with_the_sides(pixel: int) -> None:
    arrivals = Pmt(dynode=DYNODE).light(pixel, 20)
    own = arrivals[arrivals["pixel"] == pixel]
    others = arrivals[arrivals["pixel"] != pixel]
    assert len(own) == 1
    sides, _ = plain_neighbours(pixel)
    assert sorted(others["pixel"]) == sorted(sides)
    assert others["charge"] == pytest.approx(DYNODE * own["charge"][0])
    assert (others["pe"] == 0).all()
    assert (others["flags"] == HitFlag.CROSS_TALK).all()
    assert np.array_equal(others["time"], np.full(len(others), own["time"][0]))


def test_a_dead_pixel_has_no_charge_of_any_kind() -> None:
    pmt = Pmt(dynode=DYNODE, side=SIDE, corner=CORNER)
    dead = MIDDLE + 1
    pmt.alive[dead] = False
    assert len(pmt.light(dead, 10)) == 0
    assert dead not in pmt.light(MIDDLE, 10)["pixel"]
    assert all(dead not in pmt.mean_light(MIDDLE, 200.0)["pixel"] for _ in range(100))


def test_after_pulses_are_late_photoelectrons() -> None:
    pmt = Pmt(afterpulse=0.01)
    n, pe = 4000, 30
    late, count = [], 0
    for _ in range(n):
        arrivals = pmt.light(MIDDLE, pe)
        after = arrivals[1:]
        count += len(after)
        late += list(after["time"] - arrivals["time"][0])
        assert (after["pe"] == 1).all()
        assert (after["flags"] == HitFlag.AFTERPULSE).all()
        assert (after["pixel"] == MIDDLE).all()
    mean = n * pe * 0.01
    assert count == pytest.approx(mean, abs=4 * math.sqrt(mean))
    delays = np.array(late)
    assert delays.mean() == pytest.approx(1000, abs=4 * 1000 / math.sqrt(count))
    assert (delays > 2000).mean() == pytest.approx(math.exp(-2), abs=4 * math.sqrt(0.12 / count))


@pytest.mark.parametrize("pe", [1, 4, 10, 100])
def test_time_walk_is_zero_at_ten_photoelectrons(pe: int) -> None:
    pmt = Pmt(slewing=5.0)
    walk = 5.0 * (1 / math.sqrt(pe) - 1 / math.sqrt(10))
    assert pmt.light(MIDDLE, pe)["time"][0] == pytest.approx(1000 + walk)


def test_half_boards_have_their_offsets() -> None:
    pmt = Pmt()
    pmt.offsets[:] = [-12.0, 25.0]
    assert pmt.light(31, 10)["time"][0] == pytest.approx(988)
    assert pmt.light(32, 10)["time"][0] == pytest.approx(1025)


def test_light_takes_its_time_in_the_fibre() -> None:
    """Times of two ends of a strip differ by its length over the speed of light in it."""
    spec = quiet_spec()
    truth = truth_of(spec)
    truth.slewing_ns = 0.0
    strip = strip_at(truth, MIDDLE)
    low, high = (float(end) for end in strip_ends(truth.detector.planes.strips()["strip"][strip]))
    fibres = truth.detector.fibres
    outside = float(fibres.bagged_wls[strip] + fibres.clear[strip])
    rows = deposits([1, 2], strip, 20.0, l_mm=[high, low])
    hits = read(spec, rows, 1, 2, truth).hits
    near, far = hits["time_ns"][hits["channel"] == FIRST_CHANNEL + MIDDLE]
    assert near == pytest.approx(3000 + outside / 175, abs=0.01)
    assert far == pytest.approx(3000 + (outside + high - low) / 175, abs=0.01)


def test_dark_counts_come_at_any_time() -> None:
    rate = 2000.0
    spec = quiet_spec(dark_rate=rate)
    hits = read(spec, None, 1, 200).hits
    n_pixels = 7 * 64
    mean = rate * n_pixels * 200 * GATE_NS * 1e-9
    assert hits["pe"].sum() == pytest.approx(mean, abs=4 * math.sqrt(mean))
    assert (hits["flags"] & HitFlag.DARK > 0).all()
    quarter = np.histogram(hits["time_ns"], 4, (0, GATE_NS))[0]
    assert quarter == pytest.approx(mean / 4, abs=4.5 * math.sqrt(mean / 4))
    boards = np.unique(hits["channel"] // 64, return_counts=True)[1]
    assert len(boards) == 7
    assert boards == pytest.approx(mean / 7, abs=4.5 * math.sqrt(mean / 7))


def test_no_light_no_hit() -> None:
    readout = read(quiet_spec(), None, 1, 20)
    assert len(readout.hits) == len(readout.records) == 0
    assert readout.dead_ns.sum() == 0


# Light injection


def injected(level: int, gates: int = 400, **values: Any) -> tuple[Any, Any]:
    light = {"common": 0.0, **values.pop("light", {})}
    spec = quiet_spec(file_of("linjc", gates=gates, led_level=level, **values))
    spec = spec.model_copy(
        update={"light_injection": spec.light_injection.model_copy(update=light)}
    )
    truth = truth_of(spec)
    return truth, read(spec, None, 1, gates, truth)


@pytest.mark.parametrize("level", [1, 2])
def test_injected_light_has_the_mean_of_its_level(level: int) -> None:
    gates = 400
    truth, readout = injected(level, gates)
    pe = np.bincount(readout.hits["channel"], readout.hits["pe"], len(truth.gain)) / gates
    boards = truth.detector.hardware.feb_index(
        [(0, 1, 0, 1), (0, 1, 0, 2), (0, 1, 0, 3), (0, 2, 0, 1), (0, 2, 0, 2), (0, 5, 1, 1),
         (0, 5, 1, 2)]
    )  # fmt: skip
    channels = (boards[:, None] * 64 + np.arange(64)).ravel()
    mean = truth.injected[level - 1][channels]
    pull = (pe[channels] - mean) / np.sqrt(mean / gates)
    assert abs(pull.mean()) < 4 / math.sqrt(len(pull))
    assert pull.std() == pytest.approx(1, abs=4 / math.sqrt(2 * len(pull)))
    assert np.delete(pe, channels).sum() == 0


def test_level_and_profile_of_the_injected_light() -> None:
    truth = truth_of(quiet_spec())
    one, most = (level.reshape(-1, 64) for level in truth.injected)
    for level, (low, high) in ((one, (1, 3)), (most, (30, 80))):
        mean = np.median(level, axis=1)
        # median of 64 pixels of spread 0.3: 0.047
        assert low * 0.8 < mean.min() < low * 1.3 and high * 0.8 < mean.max() < high * 1.2
        profile = level / level.mean(axis=1)[:, None]
        assert profile.std() == pytest.approx(0.30, abs=0.01)
    assert np.allclose(one / one.mean(axis=1)[:, None], most / most.mean(axis=1)[:, None])


def test_level_zero_has_no_light() -> None:
    _, readout = injected(0, 20)
    assert len(readout.hits) == 0


@pytest.mark.parametrize(("group", "dark"), [(8, ""), (16, "A"), (32, "B"), (64, "AB"), (128, "C")])
def test_boards_of_groups_that_do_not_flash_stay_dark(group: int, dark: str) -> None:
    _, readout = injected(2, 3, led_group=group)
    lit = set(readout.hits["channel"] // 64)
    boards = [0, 1, 2, 40, 41, 158, 159]
    assert lit == {board for board in boards if "ABCD"[board % 4] not in dark}


def test_pulse_to_pulse_spread_is_common_to_all_pixels() -> None:
    gates = 600
    _, readout = injected(2, gates, light={"common": 0.05})
    pe = np.zeros((2, gates))
    half = (readout.hits["channel"] // 64 > 40).astype(int)
    np.add.at(pe, (half, readout.hits["gate"] - 1), readout.hits["pe"])
    relative = pe / pe.mean(axis=1)[:, None]
    covariance = np.cov(relative)[0, 1]
    assert math.sqrt(covariance) == pytest.approx(0.05, abs=4 * 0.05 / math.sqrt(2 * gates))


def test_drift_of_the_light_injection() -> None:
    gates = 400
    _, readout = injected(2, gates, light={"drift": 0.2})
    pe = np.bincount(readout.hits["gate"] - 1, readout.hits["pe"], gates)
    slope = np.polyfit(np.linspace(-0.5, 0.5, gates), pe / pe.mean(), 1)[0]
    assert slope == pytest.approx(0.2, abs=0.01)


def test_injected_light_comes_in_its_pulse() -> None:
    truth, readout = injected(1, 50)
    time = readout.hits["time_ns"]
    walk = truth.slewing_ns * (1 - 1 / math.sqrt(10))
    assert time.min() >= 2000 - truth.slewing_ns / math.sqrt(10)
    assert time.max() <= 2035 + walk
