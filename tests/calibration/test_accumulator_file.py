"""Files of all three accumulators: every damage is refused or harmless."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mx2prod.calibration import (
    GainInputs,
    Histograms,
    accumulate,
    accumulate_injection,
    accumulate_light,
    deserialise,
    feb_sums_bytes,
    light_bytes,
    parse_feb_sums,
    parse_light,
    serialise,
)
from mx2prod.core.errors import InputFileError
from mx2prod.detector.hardware import HardwareMap
from tests.calibration.accumulator_bytes import rewritten
from tests.calibration.feb_gates import chunk_of, nominal_curves, readings, varied_pedestals
from tests.calibration.light_pulses import TWO_BOARDS, Pulses, hardware_of
from tests.calibration.pedestal_gates import Pedestals, chunks

Kind = tuple[bytes, Callable[[bytes, str], Any], Callable[[Any], bytes]]
KINDS = ("pedestal", "light", "feb")


@cache
def kind_of(name: str) -> Kind:
    """A small file of a kind, its reader and its writer."""
    if name == "pedestal":
        truth = Pedestals.random(np.arange(2), 5)
        hardware = HardwareMap.load()
        return (
            serialise(accumulate(chunks(hardware, truth, range(1, 9)), hardware)),
            deserialise,
            (serialise),
        )
    hardware = hardware_of(TWO_BOARDS)
    if name == "light":
        pulses = Pulses(hardware, 8, np.full(128, 2.5), np.full(128, 5.6e5))
        inputs = GainInputs.of(hardware, pulses.pedestals())
        return (
            light_bytes(accumulate_light(pulses.chunks(), hardware, inputs)[1]),
            parse_light,
            (light_bytes),
        )
    curves = np.broadcast_to(nominal_curves(), (128, 3, 6))
    rng = np.random.default_rng(6)
    adc = readings(np.full((6, 128), 300.0), curves, varied_pedestals(128, rng), rng)
    chunk = chunk_of(adc, hardware, trigger=4, dac=np.arange(6))
    return feb_sums_bytes(accumulate_injection([chunk], hardware)), parse_feb_sums, feb_sums_bytes


@given(st.sampled_from(KINDS), st.integers(0, 1 << 20), st.integers(1, 255), st.booleans())
@example("pedestal", 524287, 1, False)  # a digit of the header
def test_damage_is_refused_or_harmless(name: str, place: int, change: int, cut: bool) -> None:
    """A changed byte of Parquet bookkeeping may leave the content whole; it must be the same."""
    expected, parse, write = kind_of(name)
    data = bytearray(expected)
    place %= len(data)
    if cut:
        del data[place:]
    else:
        data[place] ^= change
    try:
        found = parse(bytes(data), "x.acc")
    except InputFileError as error:
        assert error.message.startswith("x.acc: no whole ")
        assert error.next_step
        return
    assert not cut and write(found) == expected


@pytest.mark.parametrize("name", KINDS)
def test_a_file_of_one_kind_is_no_file_of_another(name: str) -> None:
    for other in KINDS:
        data, parse, _ = kind_of(name)[0], *kind_of(other)[1:]
        if name == other:
            parse(rewritten(data), "own")
            continue
        with pytest.raises(InputFileError, match=r"format 'mx2prod .*, expected 'mx2prod "):
            parse(data, "other")


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("crc32", [7, None])
def test_a_checksum_is_required(name: str, crc32: int | None) -> None:
    data, parse, _ = kind_of(name)
    message = "no crc32" if crc32 is None else "not what was written"
    with pytest.raises(InputFileError, match=message):
        parse(rewritten(data, {"crc32": crc32}), "x")


def test_bins_of_a_row_that_does_not_exist_are_refused() -> None:
    rows, bins = np.array([0, 2]), np.array([5, 7])
    with pytest.raises(ValueError, match="histograms of 3 rows, expected 2"):
        Histograms.from_bins(rows, bins, np.ones(2, np.uint32), 2)
    found = Histograms.from_bins(rows, bins, np.array([3, 4], np.uint32), 3)
    assert [column.tolist() for column in found.occupied()] == [[0, 2], [5, 7], [3, 4]]
