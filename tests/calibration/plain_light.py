"""Plain twin of the light-injection accumulator: one loop a reading, no cut on the light."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from mx2prod.calibration.gates import GATES_NOT_USED
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL
from mx2prod.digits.times import hit_ticks
from mx2prod.raw.columns import FEB_EXCLUDED, NOT_FIRED, GateChunk


@dataclass
class PlainLight:
    """Readings by slice and row, and what was counted, of one LED level."""

    readings: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(list))
    kinds: Counter[tuple[int, str]] = field(default_factory=Counter)


def ticks_of(chunk: GateChunk, record: int) -> list[int]:
    """Whole ticks of the fired channels of a record."""
    row = chunk.records[record]
    stamp = chunk.febs["gate_timestamp"][row["feb"]]
    times = hit_ticks(
        np.full(16, row["timestamp"]), np.full(16, stamp), row["delay"], row["quarter"]
    )
    return [int(np.floor(t)) for t, d in zip(times, row["delay"], strict=True) if d != NOT_FIRED]


def plain_light(
    chunks: Iterable[GateChunk],
    hardware: HardwareMap,
    level: int,
    *,
    pairing: str = "end",
    window: int = 3,
    slice_gates: int = 512,
) -> PlainLight:
    """Choose blocks by the words of the page (section 3.2; raw-format page, 5.1)."""
    plain = PlainLight()
    for chunk in chunks:
        for number, gate in enumerate(chunk.gates):
            wanted = gate["trigger_type"] == 2 and gate["led_level"] == level
            if not wanted or gate["flags"] & GATES_NOT_USED.value:
                continue
            febs = [
                row
                for row in np.flatnonzero(chunk.febs["gate"] == number)
                if not chunk.febs["flags"][row] & FEB_EXCLUDED.value
                and hardware.feb_index(chunk.febs[row : row + 1])[0] >= 0
            ]
            where = (int(gate["gate"]) - 1) // slice_gates
            time = _mode(
                [t for row in febs for r in _records(chunk, row) for t in ticks_of(chunk, r)]
            )
            for row in febs:
                _take_board(plain, chunk, row, hardware, where, time, pairing, window)
    return plain


def _mode(values: list[int]) -> int | None:
    return min(Counter(values).items(), key=lambda item: (-item[1], item[0]))[0] if values else None


def _records(chunk: GateChunk, row: int) -> range:
    first = int(chunk.febs["first_record"][row])
    return range(first, first + int(chunk.febs["n_records"][row]))


def _take_board(plain, chunk, row, hardware, where, time, pairing, window) -> None:
    feb = chunk.febs[row]
    board = int(hardware.feb_index(chunk.febs[row : row + 1])[0])
    n = int(feb["n_timed"])
    frames = {
        int(chunk.adc_frames["hit"][k]): k for k in np.flatnonzero(chunk.adc_frames["feb"] == row)
    }
    kind = int(n > 0)
    plain.kinds[board, ("untimed", "timed")[kind]] += 1
    hits = dict.fromkeys(range(6), n)
    if kind:
        for trip in range(4):
            fired = {
                int(chunk.records["record"][r]): sum(
                    abs(t - time) <= window for t in ticks_of(chunk, r)
                )
                for r in _records(chunk, row)
                if chunk.records["trip"][r] == trip
            }
            best = max(fired, key=lambda k: (fired[k], -k)) if fired else None
            if best is None or not fired[best]:
                hits[trip] = -1
                plain.kinds[board, "missed"] += 1
            else:
                hits[trip] = best + (n - int(feb["n_hits"][trip]) if pairing == "end" else 0)
    for pixel in range(64):
        for gain in range(3):
            trip = int(TRIP_OF_PIXEL[gain, pixel])
            if hits[trip] >= 0:
                value = chunk.adc[frames[hits[trip]], trip, CHANNEL_OF_PIXEL[gain, pixel]]
                unit = kind * hardware.n_febs + board
                plain.readings[where, unit * 192 + pixel * 3 + gain].append(int(value))


def check_against_plain(accumulator: LightInjectionAccumulator, plain: PlainLight) -> int:
    """Compare sums, histograms and counters; gives the number of compared rows."""
    places = {int(row["number"]): place for place, row in enumerate(accumulator.slices)}
    counts = np.zeros_like(accumulator.counts)
    sums = np.zeros_like(accumulator.sums)
    bins: dict[int, Counter[int]] = defaultdict(Counter)
    for (where, row), values in plain.readings.items():
        counts[places[where], row] = len(values)
        sums[places[where], row] = sum(values), sum(v * v for v in values)
        bins[row].update(value // 4 for value in values)
    assert np.array_equal(counts, accumulator.counts)
    assert np.array_equal(sums, accumulator.sums)
    for row in range(len(accumulator.histograms)):
        numbers, found = accumulator.histograms.row(row)
        assert {int(k): int(c) for k, c in zip(numbers, found, strict=True) if c} == bins.get(
            row, Counter()
        )
    for board in range(accumulator.n_febs):
        for name in ("untimed", "timed", "missed"):
            assert accumulator.boards[name][board] == plain.kinds[board, name]
    return len(bins)
