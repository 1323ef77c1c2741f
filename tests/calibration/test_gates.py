"""What gates tell, and the ranges of gates that an accumulator comes from."""

from __future__ import annotations

from collections import Counter

import numpy as np
import numpy.typing as npt
import pytest

from mx2prod.calibration.gates import (
    count_boards,
    gate_types,
    gates_by_kind,
    register_values,
    select_gates,
    types_text,
)
from mx2prod.calibration.sources import (
    NEVER,
    SOURCE_DTYPE,
    join_sources,
    only_subrun,
    subruns_of,
    time_range_us,
    with_gates,
)
from mx2prod.core.errors import UsageError
from mx2prod.core.ids import RunSubrun
from mx2prod.raw.columns import FEB_DTYPE, GATE_DTYPE, GateFlag
from mx2prod.raw.registers import REGISTERS, decode_registers


def gates_of(numbers: list[int], *, run: int = 7, subrun: int = 1) -> npt.NDArray[np.void]:
    gates = np.zeros(len(numbers), GATE_DTYPE)
    gates["run"], gates["subrun"], gates["gate"] = run, subrun, numbers
    gates["time_us"] = np.array(numbers) * 1000
    gates["trigger_type"] = 1
    return gates


def test_gates_are_counted_by_type_and_by_what_is_wrong_with_them() -> None:
    gates = gates_of([1, 2, 3, 4, 5])
    gates["trigger_type"][4] = 16
    gates["flags"][1] = GateFlag.DAMAGED.value
    gates["flags"][2] = GateFlag.INCOMPLETE.value  # loses only the boards concerned
    gates["flags"][4] = GateFlag.WRAPPED.value  # not wanted anyway
    counts: Counter[str] = Counter()
    used = select_gates(gates, gates["trigger_type"] == 1, counts)
    assert used.tolist() == [True, False, True, True, False]
    assert counts == {"type 1": 4, "type 16": 1, "skipped damaged": 1}


def test_gates_have_words() -> None:
    counts = {"type 1": 1200, "type 2": 3, "type 4": 5, "type 16": 7, "type 64": 1, "type 9": 2}
    assert gates_by_kind(counts | {"used": 1100, "skipped damaged": 9}) == {
        "pedestal": 1200, "li": 3, "injection": 5, "beam": 8, "other": 2, "used": 1100,
    }  # fmt: skip
    assert sum(gates_by_kind({}).values()) == 0
    assert types_text(gate_types({"type 9": 2, "type 1": 1200, "type 2": 0})) == (
        "1,200 pedestal gates, 2 type 9 gates"
    )
    assert types_text({}) == "no gates"


def test_boards_are_counted_by_address() -> None:
    febs = np.zeros(3, FEB_DTYPE)
    febs["chain"] = 3
    febs["board"] = [1, 2, 1]
    counts: Counter[str] = Counter({"0-0-3-1": 5})
    count_boards(febs, counts)
    assert counts == {"0-0-3-1": 7, "0-0-3-2": 1}


def test_registers_are_those_of_the_decoder() -> None:
    registers = np.random.default_rng(3).integers(0, 256, (20, 59)).astype(np.uint8)
    every = decode_registers(registers)
    for field in REGISTERS:
        assert np.array_equal(register_values(registers, field.name), every[field.name])


def test_the_source_of_a_subrun_grows() -> None:
    nothing = np.zeros(0, SOURCE_DTYPE)
    gates = gates_of([5, 6, 7])
    gates["flags"][0] = GateFlag.ASIDE.value
    source = with_gates(nothing, gates, np.array([False, False, True]))
    assert source.tolist() == [(7, 1, 6, 7, 7000, 7000)]
    source = with_gates(source, gates_of([3, 9]), np.zeros(2, np.bool_))
    assert source.tolist() == [(7, 1, 3, 9, 7000, 7000)]
    source = with_gates(source, gates_of([10]), np.ones(1, np.bool_))
    assert source.tolist() == [(7, 1, 3, 10, 7000, 10_000)]
    gates["flags"] = GateFlag.DUPLICATE.value
    assert with_gates(source, gates, np.zeros(3, np.bool_)) is source
    assert with_gates(nothing, gates_of([1]), np.zeros(1, np.bool_)).tolist() == [
        (7, 1, 1, 1, NEVER, 0)
    ]
    with pytest.raises(UsageError, match="gate 4 of run 7 subrun 2 among gates of run 7 subrun 1"):
        with_gates(source, gates_of([4], subrun=2), np.ones(1, np.bool_))


def test_ranges_of_gates_join() -> None:
    rows = [(7, 1, 4, 6, 40, 60), (7, 2, 1, 3, NEVER, 0), (7, 1, 1, 3, 10, 30), (7, 1, 9, 9, 9, 9)]
    joined = join_sources(np.array(rows, SOURCE_DTYPE))
    assert joined.tolist() == [
        (7, 1, 1, 6, 10, 60), (7, 1, 9, 9, 9, 9), (7, 2, 1, 3, NEVER, 0),
    ]  # fmt: skip
    assert subruns_of(joined) == [RunSubrun(7, 1), RunSubrun(7, 2)]
    assert only_subrun(joined) is None and only_subrun(joined[:2]) == RunSubrun(7, 1)
    assert time_range_us(joined) == (9, 60) and time_range_us(joined[2:]) is None
    assert only_subrun(joined[:0]) is None and time_range_us(joined[:0]) is None
    with pytest.raises(UsageError, match="gates 5-8 and gates 1-6 overlap"):
        join_sources(np.append(joined, np.array([(7, 1, 5, 8, 1, 2)], SOURCE_DTYPE)))
