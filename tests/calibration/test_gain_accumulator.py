"""Light-injection accumulators: against the plain twin, merged in any order, as files."""

from __future__ import annotations

from dataclasses import replace
from itertools import permutations
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mx2prod.calibration.feb_curve import nominal_curves
from mx2prod.calibration.gain_config import LightInjectionConfig
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.light_injection_accumulator import (
    LightInjectionAccumulator,
    merge_light,
)
from mx2prod.calibration.light_injection_file import (
    light_bytes,
    parse_light,
    read_light,
    write_light,
)
from mx2prod.calibration.light_injection_filling import accumulate_light
from mx2prod.calibration.light_injection_slice import pair_sums, within_light
from mx2prod.core.errors import ConfigError, InputFileError, UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from tests.calibration.accumulator_bytes import rewritten
from tests.calibration.conftest import decoded
from tests.calibration.light_pulses import LI_TICK, TWO_BOARDS, Pulses, hardware_of
from tests.calibration.plain_light import check_against_plain, plain_light

N = 128
NO_CUT = LightInjectionConfig(light_cut=100)


@pytest.fixture(scope="module")
def boards() -> HardwareMap:
    return hardware_of(TWO_BOARDS)


def pulses_of(boards: HardwareMap, gates: int, **options: object) -> Pulses:
    return Pulses(boards, gates, np.full(N, 3.0), np.full(N, 5.6e5), **options)


def accumulated(
    pulses: Pulses, config: LightInjectionConfig | None = None
) -> LightInjectionAccumulator:
    inputs = GainInputs.of(pulses.hardware, pulses.pedestals())
    return accumulate_light(pulses.chunks(), pulses.hardware, inputs, config)[pulses.level]


def inputs_for(hardware: HardwareMap) -> GainInputs:
    """Pedestals of any hardware map; their values only matter for the light."""
    shape = hardware.n_channels, 3
    curves = np.broadcast_to(nominal_curves(), (*shape, 6)).copy()
    known = np.ones(hardware.n_channels, np.bool_)
    return GainInputs(
        np.full(shape, 430.0), np.full(shape, 5.0), np.full(shape, 1e4), curves, known, "", "", None
    )


@pytest.mark.parametrize("pairing", ["end", "front"])
@pytest.mark.parametrize("sample", ["p11_numil_full", "p02_li_small"])
def test_samples_are_as_the_plain_twin_has_them(
    samples: dict[str, Path],
    hardware: HardwareMap,
    five_boards: HardwareMap,
    sample: str,
    pairing: str,
) -> None:
    chunks = decoded(samples[sample])
    hardware = five_boards if sample == "p02_li_small" else hardware
    config = LightInjectionConfig(light_cut=100, pairing=pairing)
    found = accumulate_light(chunks, hardware, inputs_for(hardware), config)
    assert found
    for level, accumulator in found.items():
        plain = plain_light(chunks, hardware, level, pairing=pairing)
        assert check_against_plain(accumulator, plain) > 0
        assert accumulator.boards["timed"].sum() > 0


def with_early_hits(chunk: GateChunk, boards: HardwareMap) -> GateChunk:
    """The same gates, in which TriP 0 of board 0 has a hit before the pulse, another frame too."""
    records, frames, adc, febs = [], [], [], chunk.febs.copy()
    first_record = first_adc = 0
    for row, feb in enumerate(febs):
        own = chunk.records[feb["first_record"] : feb["first_record"] + feb["n_records"]]
        given = slice(feb["first_adc"], feb["first_adc"] + feb["n_adc"])
        own_frames, own_adc = chunk.adc_frames[given], chunk.adc[given]
        if row % boards.n_febs == 0:
            early = own[:1].copy()
            early["timestamp"] -= 100
            late = own.copy()
            late["record"][0] = 1
            own = np.concatenate([early, late])
            febs["n_hits"][row] = 2, 1, 1, 1
            febs["n_timed"][row] = 2
            own_frames = np.concatenate([own_frames[:1], own_frames])
            own_frames["hit"] = 0, 1, 2
            own_adc = np.concatenate([np.full_like(own_adc[:1], 7), own_adc])
        febs["first_record"][row], febs["n_records"][row] = first_record, len(own)
        febs["first_adc"][row], febs["n_adc"][row] = first_adc, len(own_frames)
        first_record += len(own)
        first_adc += len(own_frames)
        records.append(own)
        frames.append(own_frames)
        adc.append(own_adc)
    return replace(
        chunk, febs=febs, records=np.concatenate(records), adc_frames=np.concatenate(frames),
        adc=np.concatenate(adc),
    )  # fmt: skip


def test_hits_before_the_pulse_do_not_change_the_readings(boards: HardwareMap) -> None:
    """With the pairing `end` the frames of the pulse are found for all TriPs."""
    pulses = pulses_of(boards, 40, timed=True)
    inputs = GainInputs.of(boards, pulses.pedestals())
    plain = list(pulses.chunks())
    early = [with_early_hits(chunk, boards) for chunk in plain]
    one = accumulate_light(plain, boards, inputs)[1]
    other = accumulate_light(early, boards, inputs)[1]
    assert light_bytes(one) == light_bytes(other)
    assert not other.slices["cut"].any()
    assert check_against_plain(other, plain_light(early, boards, 1)) == 2 * 192
    front = accumulate_light(early, boards, inputs, LightInjectionConfig(pairing="front"))[1]
    assert not np.array_equal(front.sums, one.sums)


def test_a_chip_without_a_hit_at_the_pulse_is_missed_not_mixed(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 60, timed=True)
    inputs = GainInputs.of(boards, pulses.pedestals())
    (chunk,) = pulses.chunks()
    records = chunk.records.copy()
    records["timestamp"][: 4 * 2 * 20 : 8] += 50  # TriP 0 of board 0 in the first 20 gates
    found = accumulate_light([replace(chunk, records=records)], boards, inputs, NO_CUT)[1]
    assert found.boards["missed"].tolist() == [20, 0]
    rows = 2 * 192 + np.arange(192)  # board 0, timed
    high = found.counts[0, rows].reshape(64, 3)[:, 0]
    assert high.tolist() == [40] * 16 + [60] * 48
    low = found.counts[0, rows].reshape(64, 3)[:, 2]
    assert (low == 60).all()


def test_timed_boards_can_be_left_out(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 20, timed=True)
    found = accumulated(pulses, LightInjectionConfig(block="untimed"))
    assert found.counts.sum() == 0
    assert found.boards["timed"].tolist() == [20, 20]


def test_bad_gates_and_boards_are_left_out_and_counted(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 50)
    inputs = GainInputs.of(boards, pulses.pedestals())
    (chunk,) = pulses.chunks()
    chunk.gates["flags"][0] = GateFlag.DAMAGED.value
    chunk.gates["flags"][1] = GateFlag.INCOMPLETE.value
    chunk.gates["trigger_type"][2:4] = 16
    chunk.febs["flags"][10] = FebFlag.CRC_ERROR.value  # gate 5, board 0
    chunk.febs["flags"][13] = FebFlag.ABSENT.value  # gate 6, board 1
    found = accumulate_light([chunk], boards, inputs, NO_CUT)[1]
    assert found.gates == {
        "level 1": 48, "skipped damaged": 1, "type 16": 2, "type 2": 48, "used": 47,
    }  # fmt: skip
    assert found.boards["gates"].tolist() == [47, 47]
    assert found.boards["errors"].tolist() == [1, 0]
    assert found.boards["absent"].tolist() == [0, 1]
    assert found.counts.sum() == 192 * (2 * 47 - 2)
    assert found.pulses["boards"].tolist().count(1) == 2
    assert check_against_plain(found, plain_light([chunk], boards, 1)) == 2 * 192


def test_voltages_and_temperatures_are_those_of_the_registers(boards: HardwareMap) -> None:
    found = accumulated(pulses_of(boards, 30, hv=46_123))
    for board in found.boards:
        assert board["hv_sum"] == board["hv_target_sum"] == 30 * 46_123
        assert (board["hv_min"], board["hv_max"], board["hv_off"]) == (46_123, 46_123, 0)
        assert board["temperature_sum"] == 30 * 0x0210


def test_levels_are_kept_apart_and_level_zero_too(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 90)
    inputs = GainInputs.of(boards, pulses.pedestals())
    (chunk,) = pulses.chunks()
    chunk.gates["led_level"] = np.arange(90) % 3
    found = accumulate_light([chunk], boards, inputs, NO_CUT)
    assert list(found) == [0, 1, 2]
    for level, accumulator in found.items():
        assert accumulator.used == 30
        assert accumulator.gates["level 2"] == 30
        assert check_against_plain(accumulator, plain_light([chunk], boards, level)) == 2 * 192
    with pytest.raises(ConfigError, match="level 1 and 2"):
        merge_light([found[1], found[2]])


def test_nothing_of_light_gives_an_empty_accumulator(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 10)
    inputs = GainInputs.of(boards, pulses.pedestals())
    (chunk,) = pulses.chunks()
    chunk.gates["trigger_type"] = 16
    (found,) = accumulate_light([chunk], boards, inputs).values()
    assert (found.level, found.used, found.gates["type 16"]) == (1, 0, 10)
    assert found.time_range_us() is None
    assert found.light_variance() == (0.0, 0.0)
    assert light_bytes(parse_light(light_bytes(found))) == light_bytes(found)


def parts_of(boards: HardwareMap) -> list[LightInjectionAccumulator]:
    return [
        accumulated(pulses_of(boards, 600, seed=1)),
        accumulated(pulses_of(boards, 300, seed=2, first_gate=601)),
        accumulated(pulses_of(boards, 100, seed=3, subrun=2)),
    ]


def test_merging_in_any_order_and_grouping_gives_the_same_bytes(boards: HardwareMap) -> None:
    parts = parts_of(boards)
    expected = light_bytes(merge_light(parts))
    for order in permutations(parts):
        assert light_bytes(merge_light(list(order))) == expected
        first = merge_light([merge_light([order[0]]), order[1]])
        assert light_bytes(merge_light([order[2], first])) == expected


@pytest.mark.parametrize("timed", [False, True])
def test_parts_of_a_subrun_that_end_with_a_slice_are_the_whole(
    boards: HardwareMap, timed: bool
) -> None:
    pulses = pulses_of(boards, 1000, timed=timed, common=0.03)
    config = LightInjectionConfig(slice_gates=250)
    inputs = GainInputs.of(boards, pulses.pedestals())
    chunks = list(pulses.chunks())
    whole = accumulate_light(chunks, boards, inputs, config)[1]
    halves = [
        accumulate_light(half, boards, inputs, config)[1] for half in (chunks[:2], chunks[2:])
    ]
    assert light_bytes(merge_light(halves)) == light_bytes(whole)
    assert len(whole.slices) == 4


def test_chunks_of_any_size_give_the_same(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 700)
    inputs = GainInputs.of(boards, pulses.pedestals())
    chunks = list(pulses.chunks())
    single = [one_gate(chunk, gate) for chunk in chunks for gate in range(len(chunk))]
    expected = light_bytes(accumulate_light(chunks, boards, inputs)[1])
    assert light_bytes(accumulate_light(single, boards, inputs)[1]) == expected


def one_gate(chunk: GateChunk, gate: int) -> GateChunk:
    rows = slice(chunk.gates["first_feb"][gate], chunk.gates["first_feb"][gate] + 2)
    febs, frames = chunk.febs[rows].copy(), chunk.adc_frames[rows].copy()
    febs["gate"], frames["feb"], febs["first_adc"] = 0, [0, 1], [0, 1]
    gates = chunk.gates[gate : gate + 1].copy()
    gates["first_feb"] = 0
    return GateChunk(gates, febs, chunk.records, frames, chunk.adc[rows], chunk.registers[rows])


def test_gates_out_of_order_are_in_their_slice(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 600)
    inputs = GainInputs.of(boards, pulses.pedestals())
    chunks = list(pulses.chunks())
    found = accumulate_light([chunks[2], chunks[0], chunks[1]], boards, inputs, NO_CUT)[1]
    whole = accumulate_light(chunks, boards, inputs, NO_CUT)[1]
    assert np.array_equal(found.sums, whole.sums)
    assert found.pulses["gate"].tolist() == whole.pulses["gate"].tolist()


def test_the_same_gates_twice_are_refused(boards: HardwareMap) -> None:
    parts = parts_of(boards)
    with pytest.raises(UsageError, match="gates 601-900 and gates 1-900 overlap"):
        merge_light([*parts, parts[1]])
    with pytest.raises(UsageError, match="no light-injection accumulators to merge"):
        merge_light([])
    other = accumulated(pulses_of(boards, 20, subrun=9), LightInjectionConfig(time_window=4))
    with pytest.raises(ConfigError, match="time_window 3 and 4"):
        merge_light([parts[0], other])


def test_gates_of_two_subruns_are_refused(boards: HardwareMap) -> None:
    one, two = pulses_of(boards, 5), pulses_of(boards, 5, subrun=2)
    inputs = GainInputs.of(boards, one.pedestals())
    with pytest.raises(UsageError, match=r"run 1800 subrun 2 among gates of run 1800 subrun 1"):
        accumulate_light([*one.chunks(), *two.chunks()], boards, inputs)


def test_files_hold_the_accumulator(boards: HardwareMap, tmp_path: Path) -> None:
    accumulator = merge_light(parts_of(boards))
    path = tmp_path / "a.acc.parquet"
    write_light(accumulator, path)
    assert light_bytes(read_light(path)) == path.read_bytes() == light_bytes(accumulator)


def test_damaged_files_are_refused(boards: HardwareMap) -> None:
    data = light_bytes(accumulated(pulses_of(boards, 30)))
    for bad in (b"", data[:-7], data[: len(data) // 2], b"PAR1" + data[9:], b"nothing"):
        with pytest.raises(InputFileError, match="no whole light-injection accumulator"):
            parse_light(bad, "some file")
    two = rewritten(data, columns=lambda table: pa.concat_tables([table, table]))
    for bad, message in ((rewritten(data, {"format": "other"}), "format 'other'"),
                         (two, "2 rows, expected 1")):  # fmt: skip
        with pytest.raises(InputFileError, match=message):
            parse_light(bad)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        ("counts", "other entries"),
        ("sums", "a sum that their bins cannot have"),
        ("pulses", "pulses, 30 used"),
    ],
)
def test_contradictions_inside_a_file_are_refused(
    boards: HardwareMap, member: str, message: str
) -> None:
    accumulator = accumulated(pulses_of(boards, 30))
    wrong = getattr(accumulator, member).copy()
    if member == "pulses":
        wrong = wrong[1:]
    else:
        wrong.reshape(-1)[0] += 200
    with pytest.raises(InputFileError, match=message):
        parse_light(light_bytes(replace(accumulator, **{member: wrong})))


def test_pairs_of_boards_are_multiplied_in_the_same_pulse() -> None:
    random = np.random.default_rng(1)
    light = random.integers(-1000, 1000, (4, 50))
    seen = random.random((4, 50)) < 0.8
    total = pairs = 0
    for pulse in range(50):
        for a in range(4):
            for b in range(4):
                if a != b and seen[a, pulse] and seen[b, pulse]:
                    total += int(light[a, pulse] * light[b, pulse])
                    pairs += 1
    assert pair_sums(light, seen) == (total, pairs)


def test_light_cut_keeps_the_core() -> None:
    random = np.random.default_rng(2)
    light = random.standard_normal(1000)
    light[:5] = 9.0, -8.0, 50.0, 7.0, np.nan
    seen = np.ones(1000, np.bool_)
    seen[4] = False
    kept = within_light(light, seen, 4.0)
    assert not kept[:5].any()
    assert kept[5:].all()
    assert within_light(np.zeros(3), np.zeros(3, np.bool_), 4.0).all()
    assert within_light(np.ones(3), np.ones(3, np.bool_), 4.0).all()


def test_the_time_of_the_pulse_is_the_most_frequent_one(boards: HardwareMap) -> None:
    """The generator's hits are at one tick; the mode must not depend on the time stamp's zero."""
    pulses = pulses_of(boards, 12, timed=True)
    (chunk,) = pulses.chunks()
    shift = np.uint32(2**32 - 1100)
    febs, records = chunk.febs.copy(), chunk.records.copy()
    febs["gate_timestamp"] += shift
    records["timestamp"] += shift  # wraps through zero between gate opening and hit
    assert (febs["gate_timestamp"] > records["timestamp"][0]).all()
    assert LI_TICK > 100
    inputs = GainInputs.of(boards, pulses.pedestals())
    wrapped = accumulate_light([replace(chunk, febs=febs, records=records)], boards, inputs)[1]
    assert light_bytes(wrapped) == light_bytes(accumulate_light([chunk], boards, inputs)[1])


def test_boards_outside_the_hardware_map_are_counted_by_address(boards: HardwareMap) -> None:
    pulses = pulses_of(boards, 20)
    small = hardware_of([(0, 1, 0, 1)])
    inputs = GainInputs.of(small, pulses.pedestals())
    found = accumulate_light(pulses.chunks(), small, inputs, NO_CUT)[1]
    assert found.unmapped == {"0-1-0-2": 20}
    assert found.counts.sum() == 20 * 192
