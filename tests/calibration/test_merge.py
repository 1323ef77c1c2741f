"""Merging: exact, in any order and grouping; the file: exact, and refused when damaged."""

from __future__ import annotations

import io
import json
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path

import numpy as np
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
from mx2prod.calibration.pedestal_accumulator import BOARD_DTYPE, COUNTERS, SOURCE_DTYPE
from mx2prod.core.errors import ConfigError, InputFileError, OutputError, UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import GateChunk

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
    )


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
    with pytest.raises(UsageError, match="no accumulator"):
        merge([])


def test_more_readings_than_can_be_counted_are_refused() -> None:
    full = Histograms.from_dense(np.zeros(1, np.int32), np.array([[2**32 - 1]], np.uint32))
    with pytest.raises(UsageError, match="at most 4294967295"):
        add_histograms([full, full])


def test_a_file_holds_everything(
    tmp_path: Path, full_pedestals: list[GateChunk], hardware: HardwareMap
) -> None:
    whole = accumulate(full_pedestals, hardware)
    path = tmp_path / "p09.acc.npz"
    write_accumulator(whole, path)
    again = read_accumulator(path)
    for name in ("outside", "sums", "boards", "sources"):
        assert np.array_equal(getattr(again, name), getattr(whole, name))
    for name in ("first", "offsets", "counts"):
        ours, theirs = getattr(again.histograms, name), getattr(whole.histograms, name)
        assert ours.dtype == theirs.dtype and np.array_equal(ours, theirs)
    assert (again.gates, again.unmapped) == (whole.gates, whole.unmapped)
    assert again.config == PedestalConfig()
    assert again.config_hash == whole.config_hash
    with pytest.raises(OutputError, match="exists"):
        write_accumulator(whole, path)


@given(st.integers(0, 100_000), st.integers(1, 255), st.booleans())
def test_damage_is_refused_or_harmless(place: int, change: int, cut: bool) -> None:
    """A changed byte of zip bookkeeping may leave the content whole; then it must be the same."""
    data = bytearray(serialise(random_accumulator(3)))
    place %= len(data)
    expected = bytes(data)
    if cut:
        del data[place:]
    else:
        data[place] ^= change
    try:
        found = deserialise(bytes(data), "x.npz")
    except InputFileError as error:
        assert error.message.startswith("x.npz: no whole pedestal accumulator")
        return
    assert not cut and serialise(found) == expected


def changed(name: str, value: object) -> bytes:
    """An archive in which a member is something else, or is left out."""
    with np.load(io.BytesIO(serialise(random_accumulator(3)))) as archive:
        members = {key: archive[key] for key in archive.files}
    if name == "header":
        header = json.loads(members["header"].tobytes()) | value  # type: ignore[operator]
        header = {key: entry for key, entry in header.items() if entry is not None}
        members["header"] = np.frombuffer(json.dumps(header).encode(), np.uint8)
    elif value is None:
        del members[name]
    else:
        members[name] = value(members[name])  # type: ignore[operator]
    stream = io.BytesIO()
    np.savez(stream, **members)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("sums", None, "no member sums"),
        ("sums", lambda x: x.astype("f8"), "sums is float64"),
        ("sums", lambda x: x[1:], r"sums has shape \(383, 2\)"),
        ("adc", lambda x: x[::-1].copy(), "out of order"),
        ("counts", lambda x: x + np.uint32(1), "other entries than ADC frames"),
        ("header", {"format": "other"}, "format 'other'"),
        ("header", {"config": {"bins": 3}}, "Extra inputs"),
        ("header", {"gates": None}, "no gates in the header"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(name: str, value: object, message: str) -> None:
    with pytest.raises(InputFileError, match=message):
        deserialise(changed(name, value))


def test_another_file_is_refused(tmp_path: Path) -> None:
    array = tmp_path / "array.npy"
    np.save(array, np.zeros(3))
    text = tmp_path / "text.npz"
    text.write_text("pedestals")
    for path in (array, text):
        with pytest.raises(InputFileError, match=f"{path}: no whole pedestal accumulator"):
            read_accumulator(path)
    with pytest.raises(InputFileError, match="No such file"):
        read_accumulator(tmp_path / "missing.npz")
