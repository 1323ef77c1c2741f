"""Merging: exact, in any order and grouping; the file: exact, and refused when damaged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.calibration import (
    Histograms,
    PedestalAccumulator,
    PedestalConfig,
    accumulate,
    deserialise,
    merge,
    read_accumulator,
    serialise,
    write_accumulator,
)
from mx2prod.calibration.histograms import add_histograms
from mx2prod.calibration.pedestal_accumulator import BOARD_DTYPE, COUNTERS
from mx2prod.calibration.pedestal_monitors import N_BLOCKS
from mx2prod.calibration.pedestal_slices import SubrunSlices, join_slices
from mx2prod.calibration.sources import SOURCE_DTYPE, SourceFile
from mx2prod.core.errors import ConfigError, InputFileError, OutputError, UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import GateChunk
from tests.calibration.accumulator_bytes import rewritten

N_ROWS = 2 * 192
CONFIG = PedestalConfig(window_bins=24)


@cache
def random_accumulator(seed: int) -> PedestalAccumulator:
    """Two boards, windows that differ by up to 400 ADC; ranges of gates that may touch."""
    rng = np.random.default_rng(seed)
    frames = rng.choice([0, 1, 7], 2)
    dense = np.zeros((N_ROWS, 24), np.uint32)
    outside = np.zeros((N_ROWS, 2), np.uint32)
    for row in range(N_ROWS):
        n = frames[row // 192]
        outside[row, rng.integers(2)] = n // 7
        values = rng.integers(0, 24, n - n // 7)
        dense[row] = np.bincount(values, minlength=24)
    boards = np.zeros(2, BOARD_DTYPE)
    for name in BOARD_DTYPE.names or ():
        boards[name] = rng.integers(0, 1000, 2)
    boards["frames"] = frames
    gate = seed // 3 * 10 + 1
    time = 1_700_000_000_000_000 + seed
    source = np.array([(7, seed % 3, gate, gate + 9, time, time + 9)], SOURCE_DTYPE)
    return PedestalAccumulator(
        CONFIG,
        "0" * 64,
        Histograms.from_dense(rng.integers(0, 400, N_ROWS).astype(np.int32), dense),
        outside,
        rng.integers(0, 10**12, (N_ROWS, 2)),
        boards,
        source,
        {"type 1": int(rng.integers(9)), f"type {seed % 2 + 16}": 3, "used": 1},
        {f"0-9-{seed % 4}-1": 2},
        rng.integers(0, 50, (N_ROWS, N_BLOCKS, 2)),
        (random_slices(rng, seed % 3, gate, time),),
        (SourceFile(f"file{seed}", f"{seed:08x}"),),
    )


def random_slices(rng: np.random.Generator, subrun: int, gate: int, time: int) -> SubrunSlices:
    """Slices of a gate each, of some of ten gates from ``gate``."""
    numbers = gate + np.sort(rng.choice(10, rng.integers(1, 11), replace=False))
    times = (time + np.arange(len(numbers)))[:, None] + np.array([0, 1])
    sums = rng.integers(0, 10**9, (len(numbers), 2, 3))
    return SubrunSlices(7, subrun, 1, numbers, times, sums)


@given(st.permutations(range(6)), st.lists(st.integers(1, 5), max_size=4))
def test_any_order_and_grouping_gives_the_same_bytes(order: list[int], cuts: list[int]) -> None:
    expected = serialise(merge([random_accumulator(seed) for seed in range(6)]))
    edges = [0, *sorted(set(cuts)), 6]
    groups = [order[a:b] for a, b in pairwise(edges)]
    merged = merge([merge([random_accumulator(seed) for seed in group]) for group in groups])
    assert serialise(merged) == expected
    assert serialise(deserialise(expected)) == expected


@given(st.lists(st.integers(0, 50), min_size=1, max_size=4, unique=True))
def test_a_merge_is_the_sum_of_its_parts(seeds: list[int]) -> None:
    parts = [random_accumulator(seed) for seed in seeds]
    total = merge(parts)
    for row in (0, 100, 191, 192, 383):
        found, expected = np.zeros((2, 500), np.int64)
        for part in parts:
            adc, counts = part.histograms.row(row)
            found[adc] += counts
        adc, counts = total.histograms.row(row)
        expected[adc] = counts
        assert np.array_equal(found, expected)
    assert np.array_equal(total.entries(), sum(part.entries() for part in parts))
    assert np.array_equal(total.sums, sum(part.sums for part in parts))
    for name in COUNTERS:
        assert np.array_equal(total.boards[name], sum(part.boards[name] for part in parts))


def test_two_halves_are_the_whole(full_pedestals: list[GateChunk], hardware: HardwareMap) -> None:
    assert len(full_pedestals) == 2
    halves = [accumulate([chunk], hardware) for chunk in full_pedestals]
    whole = accumulate(full_pedestals, hardware)
    assert serialise(merge(halves[::-1])) == serialise(whole)
    first, last = whole.time_range_us() or (0, 0)
    assert first == full_pedestals[0].gates["time_us"][0]
    assert last == full_pedestals[1].gates["time_us"][-1]


def test_the_same_gates_are_refused_twice(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    whole = accumulate(full_pedestals, hardware)
    part = accumulate(full_pedestals[1:], hardware)
    with pytest.raises(UsageError, match=r"run 1702 subrun 4: gates 14-16 and gates 1-16 overlap"):
        merge([part, whole])


def test_other_configurations_are_refused(
    full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    ours = accumulate(full_pedestals[:1], hardware)
    theirs = accumulate(full_pedestals[1:], hardware, PedestalConfig(block_policy="all"))
    with pytest.raises(ConfigError, match="block_policy untimed_n0 and all"):
        merge([ours, theirs])
    with pytest.raises(ConfigError, match="hardware map"):
        merge([ours, replace(ours, hardware="f" * 64)])


def test_nothing_to_merge_is_refused() -> None:
    with pytest.raises(UsageError, match="no pedestal accumulators to merge"):
        merge([])


def test_more_readings_than_can_be_counted_are_refused() -> None:
    full = Histograms.from_dense(np.zeros(1, np.int32), np.array([[2**32 - 1]], np.uint32))
    with pytest.raises(UsageError, match="at most 4294967295"):
        add_histograms([full, full])


def test_a_file_holds_everything(
    tmp_path: Path, full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    whole = accumulate(full_pedestals, hardware)
    path = tmp_path / "p09.acc.parquet"
    write_accumulator(whole, path)
    again = read_accumulator(path)
    for name in ("outside", "sums", "boards", "sources", "blocks"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    for name in ("first", "offsets", "counts"):
        ours, theirs = getattr(again.histograms, name), getattr(whole.histograms, name)
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    for ours, theirs in zip(again.slices, whole.slices, strict=True):
        assert (ours.identity, ours.width) == (theirs.identity, theirs.width)
        assert np.array_equal(ours.sums, theirs.sums)
        assert np.array_equal(ours.times_us, theirs.times_us)
    assert whole.blocks.any() and again.files == whole.files
    assert (again.gates, again.unmapped) == (whole.gates, whole.unmapped)
    assert again.config == PedestalConfig()
    assert again.config_hash == whole.config_hash
    with pytest.raises(OutputError, match="exists"):
        write_accumulator(whole, path)


def with_values(place: int, name: str, value: int) -> Callable[[pa.Table], pa.Table]:
    """A table in which one number is another."""

    def change(table: pa.Table) -> pa.Table:
        values = table.column(name).to_numpy().copy()
        values[place] = value
        return table.set_column(table.column_names.index(name), name, pa.array(values))

    return change


@pytest.mark.parametrize(
    ("header", "columns", "message"),
    [
        ({"format": "other"}, None, "format 'other'"),
        ({"config": {"bins": 3}}, None, "validation error"),
        ({"gates": None}, None, "no gates in the header"),
        ({"crc32": 1}, None, "not what was written"),
        ({"crc32": None}, None, "no crc32 in the header"),
        ({"boards": 1}, None, "out of bounds"),
        ({"boards": 10**9}, None, "1000000000 boards"),
        ({}, lambda t: t.slice(1), "other entries than ADC frames"),
        ({}, with_values(1, "column", 0), "out of order"),
        ({}, with_values(0, "value", 10**6), "other entries than ADC frames"),
        ({}, with_values(-1, "row", -1), "negative row"),
        ({}, lambda t: t.sort_by([("value", "ascending")]), "not in order"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(
    header: dict[str, Any], columns: Any, message: str
) -> None:
    with pytest.raises(InputFileError, match=message):
        deserialise(rewritten(serialise(random_accumulator(3)), header, columns))


def test_a_file_without_a_column_is_refused() -> None:
    data = rewritten(serialise(random_accumulator(3)), columns=lambda t: t.drop_columns("value"))
    with pytest.raises(InputFileError, match="value"):
        deserialise(data)


def test_another_file_is_refused(tmp_path: Path) -> None:
    table = tmp_path / "table.parquet"
    pq.write_table(pa.table({"x": [1, 2]}), table)
    text = tmp_path / "text.parquet"
    text.write_text("pedestals")
    for path in (table, text):
        with pytest.raises(InputFileError, match=f"{path}: no whole pedestal accumulator"):
            read_accumulator(path)
    with pytest.raises(InputFileError, match="No such file"):
        read_accumulator(tmp_path / "missing.parquet")


@given(st.permutations(range(12)), st.lists(st.integers(1, 11), max_size=5))
def test_slices_join_in_any_order_to_the_same(order: list[int], cuts: list[int]) -> None:
    """Twelve parts with gaps, at most nine slices: the width doubles several times."""
    rng = np.random.default_rng(5)
    parts = [random_slices(rng, 1, 37 * k, 1000 * k) for k in range(12)]
    edges = [0, *sorted(set(cuts)), 12]
    groups = [join_slices([parts[k] for k in order[a:b]], most=9) for a, b in pairwise(edges)]
    joined, expected = join_slices(groups, most=9), join_slices(parts, most=9)
    assert joined.width == expected.width == 64
    for name in ("numbers", "times_us", "sums"):
        assert np.array_equal(getattr(joined, name), getattr(expected, name))
    assert np.array_equal(joined.sums.sum(axis=0), sum(part.sums.sum(axis=0) for part in parts))
    assert joined.times_us[:, 0].min() == 0
