"""Sums of charge injection and of pairs of gains: filling, merging, files."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.feb_accumulator import FebSums, Relation, merge_feb_sums
from mx2prod.calibration.feb_accumulator_file import (
    feb_sums_bytes,
    parse_feb_sums,
    read_feb_sums,
    write_feb_sums,
)
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import adc_at_kinks
from mx2prod.calibration.feb_filling import accumulate_in_situ, accumulate_injection
from mx2prod.core.errors import ConfigError, InputFileError, OutputError, UsageError
from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from tests.calibration.accumulator_bytes import rewritten
from tests.calibration.feb_gates import (
    chunk_of,
    feb_table,
    light,
    map_of,
    pedestal_table,
    readings,
    varied_curves,
    varied_pedestals,
)

HARDWARE = map_of([(0, 1, 0, 2), (0, 2, 0, 1)])
RNG = np.random.default_rng(11)
CURVES = varied_curves(HARDWARE.n_channels, RNG)
PEDESTALS = varied_pedestals(HARDWARE.n_channels, RNG)
FEB = feb_table(CURVES, HARDWARE)
PEDESTAL_TABLE = pedestal_table(PEDESTALS, HARDWARE)


def injection_gates(first: int, dac: list[int], subrun: int = 0) -> GateChunk:
    counts = np.array(dac)
    charge = np.repeat(counts[:, None] * 12.0, HARDWARE.n_channels, axis=1)
    adc = readings(charge, CURVES, PEDESTALS, np.random.default_rng(first))
    return chunk_of(adc, HARDWARE, trigger=4, first_gate=first, subrun=subrun, dac=counts)


def light_gates(first: int, n: int) -> GateChunk:
    rng = np.random.default_rng(first)
    charge = light(n, HARDWARE.n_channels, rng, 10.0)
    return chunk_of(readings(charge, CURVES, PEDESTALS, rng), HARDWARE, trigger=2, first_gate=first)


def adc_by_gain(chunk: GateChunk) -> np.ndarray:
    """Readings of untimed frames, shape (n_gates, n_channels, 3)."""
    from mx2prod.detector.trip import pixels_by_gain

    words = pixels_by_gain(chunk.adc).transpose(0, 2, 1)
    return words.reshape(len(chunk), -1, 3).astype(np.int64)


def of_light(chunks: list[GateChunk], config: FebConfig | None = None) -> FebSums:
    return accumulate_in_situ(chunks, HARDWARE, PEDESTAL_TABLE, FEB, config)


def test_injection_sums_agree_with_plain_sums() -> None:
    chunks = [injection_gates(1, [400, 30, 30, 5]), injection_gates(5, [30, 400, 4095])]
    sums = accumulate_injection(chunks, HARDWARE)
    assert sums.keys.tolist() == [5, 30, 400, 4095]
    assert sums.gates == {"type 4": 7, "used": 7}
    assert sums.sources.tolist()[0][:4] == (1698, 0, 1, 7)
    adc = np.concatenate([adc_by_gain(chunk) for chunk in chunks])
    dac = np.array([400, 30, 30, 5, 30, 400, 4095])
    for row, key in enumerate(sums.keys):
        chosen = adc[dac == key]
        expected = np.stack([
            np.full(chosen.shape[1:], len(chosen)), chosen.sum(0), (chosen**2).sum(0),
            ((chosen == 0) | (chosen == 4095)).sum(0),
        ], axis=-1)  # fmt: skip
        assert np.array_equal(sums.sums[row].reshape(-1, 3, 4), expected)


def test_readings_at_a_rail_are_counted() -> None:
    chunk = injection_gates(1, [10, 10])
    adc = chunk.adc.copy()
    adc[0] = 4095
    adc[4] = 0
    sums = accumulate_injection([replace(chunk, adc=adc)], HARDWARE).sums[0].reshape(3, 64, 3, 4)
    assert sums[:, :, :, 3].sum(axis=(1, 2)).tolist() == [192, 192, 0]


def test_injected_charge_can_be_given_by_gate() -> None:
    chunk = injection_gates(2, [7, 7])
    sums = accumulate_injection([chunk], HARDWARE, dac=[0, 100, 200])
    assert sums.keys.tolist() == [100, 200]
    with pytest.raises(UsageError, match="gate 3: no injected charge given, 2 entries"):
        accumulate_injection([chunk], HARDWARE, dac=[0, 100])


def test_which_frames_of_injection_gates_are_taken() -> None:
    chunk = injection_gates(1, [10])
    febs = chunk.febs.copy()
    febs["n_timed"][0] = 1
    timed = replace(chunk, febs=febs)
    by_board = accumulate_injection([timed], HARDWARE).sums[0, ::64, 0]
    assert by_board.tolist() == [0, 1, 1]
    first = FebConfig(injection_block="first")
    assert accumulate_injection([timed], HARDWARE, first).sums[0, ::64, 0].tolist() == [1, 1, 1]


def plain_relations(chunk: GateChunk, timed: bool = False) -> np.ndarray:
    """The twin of the kernel: pairs of readings, one after the other."""
    sums = np.zeros((3, HARDWARE.n_channels, 7), np.int64)
    kinks = adc_at_kinks(CURVES)[0]
    for gate in adc_by_gain(chunk):
        for channel, values in enumerate(gate):
            above = values - PEDESTALS[channel]
            for pair, relation in ((0, 0), (1, 2 if timed else 1)):
                if above[pair] <= kinks[channel, pair]:
                    x, y = int(values[pair]), int(values[pair + 1])
                    sums[relation, channel] += [1, x, y, x * x, x * y, y * y, above[0] >= 30]
    return sums


def test_pairs_of_gains_agree_with_the_plain_twin() -> None:
    chunks = [light_gates(1, 30), light_gates(31, 30)]
    sums = of_light(chunks)
    assert np.array_equal(sums.sums, sum(plain_relations(chunk) for chunk in chunks))
    assert sums.sums[0, :, 0].sum() < sums.sums[1, :, 0].sum(), "some light is beyond the kink"
    assert set(sums.tables) == {"pedestal/1", "feb/1"}


def test_low_gain_of_timed_and_last_frames() -> None:
    """Timed frames are a relation of their own; the last of a board with hits is left out."""
    chunk = light_gates(1, 3)
    for hit, timed in ((0, True), (1, False)):
        febs, frames = chunk.febs.copy(), chunk.adc_frames.copy()
        febs["n_timed"], frames["hit"] = 1, hit
        sums = of_light([replace(chunk, febs=febs, adc_frames=frames)]).sums
        expected = plain_relations(chunk, timed=True)
        if not timed:
            expected[Relation.MEDIUM_LOW_TIMED] = 0
        assert np.array_equal(sums, expected)


def test_faulty_gates_and_boards_are_left_out_and_counted() -> None:
    chunk = injection_gates(1, [10, 10, 10, 10])
    gates, febs = chunk.gates.copy(), chunk.febs.copy()
    gates["flags"][0] = GateFlag.DAMAGED
    gates["flags"][1] = GateFlag.DUPLICATE
    gates["trigger_type"][2] = 1
    febs["flags"][9] = FebFlag.CRC_ERROR
    febs["croc"][10] = 6
    sums = accumulate_injection([replace(chunk, gates=gates, febs=febs)], HARDWARE)
    assert sums.gates == {
        "skipped damaged": 1, "skipped duplicate": 1, "type 1": 1, "type 4": 3, "used": 1,
    }  # fmt: skip
    assert sums.sums[0, ::64, 0].tolist() == [0, 0, 1]
    assert sums.unmapped == {"0-6-0-2": 1}


def test_channels_without_pedestal_are_not_taken() -> None:
    from mx2prod.calibration.feb_curve import ReadoutMaps
    from mx2prod.constants import Pedestal, Table

    columns = {name: PEDESTAL_TABLE[name][1:] for name in Pedestal.names()}
    fewer = Table.of(Pedestal, columns, maps=ReadoutMaps(HARDWARE))
    sums = accumulate_in_situ([light_gates(1, 20)], HARDWARE, fewer, FEB).sums
    assert not sums[:, 0].any() and sums[0, 1:, 0].all()


@pytest.mark.parametrize("make", [
    lambda chunks: accumulate_injection(chunks, HARDWARE), of_light,
], ids=["injection", "in-situ"])  # fmt: skip
def test_any_order_and_grouping_gives_the_same_bytes(
    make: Callable[[list[GateChunk]], FebSums],
) -> None:
    injection = make is not of_light
    chunks = [
        injection_gates(1, [9, 30]) if injection else light_gates(1, 2),
        injection_gates(3, [500]) if injection else light_gates(3, 1),
        injection_gates(5, [30, 9]) if injection else light_gates(5, 2),
    ]
    whole = feb_sums_bytes(make(chunks))
    for order in itertools.permutations(range(3)):
        parts = [make([chunks[number]]) for number in order]
        assert feb_sums_bytes(merge_feb_sums(parts)) == whole
        pair = merge_feb_sums([merge_feb_sums(parts[:2]), parts[2]])
        assert feb_sums_bytes(pair) == whole
    assert [row[2:4] for row in make(chunks).sources.tolist()] == [(1, 3), (5, 6)]


def test_what_does_not_belong_together_is_refused() -> None:
    one = accumulate_injection([injection_gates(1, [9])], HARDWARE)
    with pytest.raises(UsageError, match="gates 1-1 and gates 1-1 overlap"):
        merge_feb_sums([one, one])
    with pytest.raises(ConfigError, match="injection_block untimed_n0 and first"):
        other = FebConfig(injection_block="first")
        merge_feb_sums([one, accumulate_injection([injection_gates(2, [9])], HARDWARE, other)])
    with pytest.raises(ConfigError, match="kind injection and in-situ"):
        merge_feb_sums([one, of_light([light_gates(5, 1)])])
    with pytest.raises(ConfigError, match="hardware map"):
        merge_feb_sums([one, replace(one, hardware="0" * 64)])
    with pytest.raises(UsageError, match="no sums"):
        merge_feb_sums([])


def test_file_round_trip(tmp_path: Path) -> None:
    path = tmp_path / "linjc_feb_table.acc.parquet"
    for sums in (
        of_light([light_gates(1, 3)]),
        accumulate_injection([injection_gates(1, [9, 12])], HARDWARE),
        accumulate_injection([], HARDWARE),
    ):
        write_feb_sums(sums, path, overwrite=True)
        again = read_feb_sums(path)
        assert np.array_equal(again.sums, sums.sums) and np.array_equal(again.keys, sums.keys)
        assert again.config_hash == sums.config_hash and again.tables == sums.tables
        assert feb_sums_bytes(again) == path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_feb_sums(sums, path)


def test_damaged_files_are_refused() -> None:
    data = feb_sums_bytes(accumulate_injection([injection_gates(1, [9, 12])], HARDWARE))
    damaged = [b"", data[:-20], data[: len(data) // 2], b"PAR1" + bytes(50) + b"PAR1"]
    for piece in damaged:
        with pytest.raises(InputFileError, match="no whole accumulator"):
            parse_feb_sums(piece)


@pytest.mark.parametrize(("header", "text"), [
    ({"format": "mx2prod FEB sums 9"}, "expected 'mx2prod FEB"),
    ({"keys": [9, 13]}, "a key that is not in the header"),
    ({"keys": [12, 9]}, "not in ascending order"),
    ({"n_channels": 9}, "a channel out of range"),
    ({"kind": "in-situ"}, "expected"),
    ({"crc32": 7}, "not what was written"),
])  # fmt: skip
def test_contradictions_in_a_file_are_refused(header: dict[str, object], text: str) -> None:
    data = feb_sums_bytes(accumulate_injection([injection_gates(1, [9, 12])], HARDWARE))
    with pytest.raises(InputFileError, match=text):
        parse_feb_sums(rewritten(data, header))
