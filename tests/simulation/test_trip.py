"""The TriP-t chips against a plain twin that works with lists of whole pushes."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass, field

import numpy as np
import pytest

from mx2prod.raw.layout import MAX_HITS
from mx2prod.simulation.columns import HitFlag
from mx2prod.simulation.light_kernels import ARRIVAL_DTYPE
from mx2prod.simulation.trip_kernels import (
    BLOCK_DTYPE,
    LOST,
    OPEN,
    ROWS,
    clear,
    run_chip,
)
from tests.simulation.readout_tools import GATE_NS, TICK

Arrival = tuple[float, int, float]
"""Time, pixel, charge."""


@dataclass
class Push:
    """One push of the plain twin."""

    begin: int
    charge: dict[int, float]
    times: dict[int, float] = field(default_factory=dict)


@dataclass
class Plain:
    """What the plain twin finds."""

    pushes: list[Push]
    untimed: dict[int, float]
    lost: dict[int, float]
    low: dict[int, float]
    blind: float


def summed(arrivals: list[Arrival]) -> dict[int, float]:
    total: dict[int, float] = defaultdict(float)
    for _, pixel, charge in arrivals:
        total[pixel] += charge
    return dict(total)


def crossings(arrivals: list[Arrival], threshold: np.ndarray) -> dict[int, float]:
    """Time at which each pixel reaches its threshold."""
    total: dict[int, float] = defaultdict(float)
    times: dict[int, float] = {}
    for time, pixel, charge in arrivals:
        total[pixel] += charge
        if total[pixel] >= threshold[pixel]:
            times.setdefault(pixel, time)
    return times


def plain_chip(arrivals: list[Arrival], threshold: np.ndarray) -> Plain:
    arrivals = sorted(arrivals)
    waiting = [a for a in arrivals if 0 <= a[0] < GATE_NS]
    lost = [a for a in arrivals if not 0 <= a[0] < GATE_NS]
    low = summed(waiting)
    pushes: list[Push] = []
    blind = 0.0
    while times := crossings(waiting, threshold):
        start = min(times.values())
        begin = max(0, math.floor(start / TICK - 1 / 8))
        end = min((begin + 16) * TICK, GATE_NS)
        inside = [a for a in waiting if a[0] < end]
        pushes.append(Push(begin, summed(inside), crossings(inside, threshold)))
        free = GATE_NS if len(pushes) == 22 else min(end + 20 * TICK, GATE_NS)
        blind += free - end
        lost += [a for a in waiting if end <= a[0] < free]
        waiting = [a for a in waiting if a[0] >= free]
    return Plain(pushes, summed(waiting), summed(lost), low, blind)


def kernel_chip(
    arrivals: list[Arrival], threshold: np.ndarray, pixels: tuple[int, int]
) -> tuple[int, float, np.ndarray, np.ndarray, np.ndarray]:
    rows = np.zeros(len(arrivals), ARRIVAL_DTYPE)
    for row, (time, pixel, charge) in zip(rows, arrivals, strict=True):
        row["time"], row["pixel"], row["charge"], row["particle"] = time, pixel, charge, -1
    order = np.argsort(rows["time"], kind="stable")
    blocks = np.zeros((ROWS, 64), BLOCK_DTYPE)
    for block in blocks.reshape(-1):
        clear(block)
    begins, low = np.zeros(ROWS, np.int64), np.zeros(64)
    clock = np.array([TICK, GATE_NS])
    timed, blind = run_chip(
        rows, order, (0, len(rows)), pixels, blocks, begins, threshold, clock, low
    )
    return timed, blind, blocks, begins, low


def charges(row: np.ndarray) -> dict[int, float]:
    return {pixel: float(row[pixel]["charge"]) for pixel in np.flatnonzero(row["charge"])}


def fine_ticks(delay: int, quarter: int) -> float:
    """Raw-format page, section 4.1."""
    return delay + (1.0 if quarter == 0 else quarter / 4)


@pytest.mark.parametrize("rate", [3, 30, 300])
@pytest.mark.parametrize("pixels", [(0, 32), (32, 64), (16, 32)])
def test_the_kernel_does_what_the_twin_does(rate: int, pixels: tuple[int, int]) -> None:
    random = np.random.default_rng(rate + pixels[0])
    threshold = random.uniform(40, 90, 64)
    most = 0
    for _ in range(40):
        n = random.poisson(rate)
        arrivals = [
            (float(t), int(p), float(q))
            for t, p, q in zip(
                random.uniform(-200, GATE_NS + 400, n),
                random.integers(*pixels, n),
                random.gamma(2, 30, n),
                strict=True,
            )
        ]
        timed, blind, blocks, begins, low = kernel_chip(arrivals, threshold, pixels)
        plain = plain_chip(arrivals, threshold)
        assert timed == len(plain.pushes)
        assert blind == pytest.approx(plain.blind)
        most = max(most, timed)
        for number, push in enumerate(plain.pushes):
            row = blocks[number]
            assert begins[number] == push.begin
            assert charges(row) == pytest.approx(push.charge)
            assert set(np.flatnonzero(row["fired"])) == set(push.times)
            assert set(row["delay"][row["fired"] == 0]) == {16}
            for pixel, time in push.times.items():
                block = row[pixel]
                assert block["time"] == time
                ticks = push.begin + fine_ticks(int(block["delay"]), int(block["quarter"]))
                limit = 1 / 8 if time > TICK / 4 else 1 / 4
                assert abs(ticks - time / TICK) <= limit + 1e-9
        assert charges(blocks[OPEN]) == pytest.approx(plain.untimed)
        assert charges(blocks[LOST]) == pytest.approx(plain.lost)
        flagged = blocks[LOST]["flags"] & HitFlag.LOST_IN_DEAD_TIME > 0
        assert np.array_equal(flagged, blocks[LOST]["charge"] > 0)
        assert {p: q for p, q in enumerate(low) if q} == pytest.approx(plain.low)
        total = sum(float(blocks[row]["charge"].sum()) for row in range(ROWS))
        assert total == pytest.approx(sum(charge for _, _, charge in arrivals))
    assert (most == MAX_HITS) == (rate == 300)


def one_push(arrivals: list[Arrival]) -> np.ndarray:
    timed, _, blocks, _, _ = kernel_chip(arrivals, np.full(64, 68.0), (0, 32))
    assert timed == 1
    return blocks


def test_small_charges_add_up_to_the_threshold() -> None:
    """The first half of the charge came long before; the discriminator fires with the second."""
    block = one_push([(1000.0, 5, 40.0), (1100.0, 6, 30.0), (4000.0, 5, 40.0)])[0]
    assert charges(block) == {5: 80.0, 6: 30.0}
    assert block[5]["time"] == 4000.0 and block[6]["time"] == pytest.approx(1100.0)
    assert (block[5]["fired"], block[6]["fired"]) == (1, 0)


def test_the_block_has_what_comes_until_the_end_of_integration() -> None:
    begin = math.floor(4000 / TICK - 1 / 8)
    end, free = (begin + 16) * TICK, (begin + 36) * TICK
    blocks = one_push(
        [(4000.0, 0, 90.0), (end - 0.1, 1, 90.0), (end, 2, 90.0), (free - 0.1, 3, 90.0),
         (free, 4, 30.0)]
    )  # fmt: skip
    assert charges(blocks[0]) == {0: 90.0, 1: 90.0}
    assert charges(blocks[LOST]) == {2: 90.0, 3: 90.0}
    assert charges(blocks[OPEN]) == {4: 30.0}
    assert (blocks[0][1]["delay"], blocks[0][1]["quarter"]) == (15, 0)


def test_the_gate_ends_the_integration() -> None:
    blocks = one_push([(GATE_NS - 20, 0, 90.0), (GATE_NS + 5, 1, 90.0)])
    assert charges(blocks[0]) == {0: 90.0}
    assert charges(blocks[LOST]) == {1: 90.0}


def test_the_first_quarter_of_the_gate() -> None:
    block = one_push([(0.0, 0, 90.0)])[0]
    assert (block[0]["delay"], block[0]["quarter"]) == (0, 1)


def test_the_particle_of_the_largest_light_is_kept() -> None:
    rows = np.zeros(3, ARRIVAL_DTYPE)
    rows["time"], rows["charge"], rows["pe"] = [100, 101, 102], [90, 300, 200], [1, 3, 2]
    rows["particle"], rows["flags"] = [7, 8, 9], [1, 0, 4]
    blocks = np.zeros((ROWS, 64), BLOCK_DTYPE)
    for block in blocks.reshape(-1):
        clear(block)
    run_chip(
        rows, np.arange(3), (0, 3), (0, 32), blocks, np.zeros(ROWS, np.int64), np.full(64, 68.0),
        np.array([TICK, GATE_NS]), np.zeros(64),
    )  # fmt: skip
    assert blocks[0][0]["particle"] == 8
    assert blocks[0][0]["flags"] == 5
    assert blocks[0][0]["pe"] == 6
