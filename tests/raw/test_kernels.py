"""Kernels against plain twins on the same input."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod import raw
from mx2prod.raw.crc8_kernels import POLYNOMIAL, crc8, crc8_bytewise, frame_crc_is_good
from mx2prod.raw.findings import is_cut_frame
from mx2prod.raw.framing_kernels import feb_frame_length, resynchronise, software_frame
from tests.raw import plain_decoder

WELL_FORMED = [
    "p01_pedestal_small",
    "p02_li_small",
    "p03_numib_small",
    "p04_numip_small",
    "p05_independent_push",
    "p06_fw95",
    "p07_fw91",
    "p08_many_hits",
]
WORKED_FRAME = bytes.fromhex("0019501161371488001981330301010000001000000000 08A2".replace(" ", ""))


def test_order_of_x_is_127() -> None:
    """The kernel rotates by one bit for 128: x^127 = 1, no smaller power is."""
    value, powers = 1, []
    for _ in range(127):
        value = (value << 1 ^ (POLYNOMIAL | 0x100)) if value & 0x80 else value << 1
        powers.append(value)
    assert powers[-1] == 1
    assert 1 not in powers[:-1]


@given(st.binary(max_size=700), st.integers(0, 40), st.integers(0, 255))
def test_crc_equals_bit_by_bit(data: bytes, start: int, crc: int) -> None:
    buffer = np.frombuffer(b"\xa5" * start + data, np.uint8)
    expected = plain_decoder.crc8(data, crc)
    assert crc8(buffer, start, start + len(data), crc) == expected
    assert crc8_bytewise(buffer, start, start + len(data), crc) == expected


def test_worked_frame_of_the_page() -> None:
    frame = np.frombuffer(b"\0" * 16 + WORKED_FRAME, np.uint8)
    assert frame_crc_is_good(frame, 16, 25)
    assert feb_frame_length(frame, 16, frame.size) == 25


@given(st.integers(0, 25 * 8 - 1))
def test_every_single_bit_flip_is_detected(bit: int) -> None:
    flipped = bytearray(b"\0" * 16 + WORKED_FRAME)
    flipped[16 + bit // 8] ^= 1 << bit % 8
    frame = np.frombuffer(bytes(flipped), np.uint8)
    length = feb_frame_length(frame, 16, frame.size)
    assert length == 0 or not frame_crc_is_good(frame, 16, length)


def test_resynchronise_finds_the_next_good_frame() -> None:
    buffer = np.frombuffer(b"\1" * 33 + WORKED_FRAME + b"\2" * 30, np.uint8)
    assert resynchronise(buffer, 0, buffer.size) == 33
    assert resynchronise(buffer, 34, buffer.size) == buffer.size
    assert software_frame(buffer, 33, buffer.size) == 3


@pytest.mark.parametrize("size", [4, 9, 12, 20])
def test_cut_frames_are_recognised(size: int) -> None:
    buffer = np.frombuffer(WORKED_FRAME[:size], np.uint8)
    assert is_cut_frame(buffer, 0)
    assert is_cut_frame(buffer, 0, ended=True) == (size >= 10)


def flatten(gate: plain_decoder.PlainGate) -> dict[str, Any]:
    boards = [gate.boards[key] for key in gate.boards]
    return {
        "addresses": list(gate.boards),
        "hits": [board.hits for board in boards],
        "records": [record for board in boards for record in board.records],
        "adc": np.concatenate([board.adc[hit] for board in boards for hit in sorted(board.adc)]),
        "registers": [board.registers for board in boards],
    }


@pytest.mark.parametrize("name", WELL_FORMED)
def test_decoder_equals_its_plain_twin(name: str, raw_path: Any) -> None:
    twin = plain_decoder.decode(raw_path(name).read_bytes())
    with raw.open(raw_path(name), chunk_bytes=1) as file:
        chunks = list(file.chunks())
    assert len(chunks) == len(twin)
    for chunk, gate in zip(chunks, twin, strict=True):
        plain, febs = flatten(gate), chunk.febs
        columns = (febs[key].tolist() for key in ("crate", "croc", "chain", "board"))
        assert list(zip(*columns, strict=True)) == plain["addresses"]
        assert [tuple(hits) for hits in febs["n_hits"].tolist()] == plain["hits"]
        assert [
            (int(r["trip"]), int(r["timestamp"]), r["delay"].tolist(), r["quarter"].tolist())
            for r in chunk.records
        ] == plain["records"]
        np.testing.assert_array_equal(chunk.adc.reshape(-1), plain["adc"])
        for row, registers in zip(chunk.registers, plain["registers"], strict=True):
            assert row.tobytes()[: len(registers)] == registers
        words = gate.words
        assert chunk.gates["run"][0] == words[1]
        assert chunk.gates["global_gate"][0] == int(words[4]) | int(words[5]) << 32
        assert chunk.gates["time_us"][0] == int(words[8]) | int(words[9]) << 32


def test_rows_point_to_each_other(raw_path: Any) -> None:
    with raw.open(raw_path("p10_numib_full")) as file:
        chunk = next(file.chunks())
    febs, gates = chunk.febs, chunk.gates
    assert gates["n_febs"].tolist() == [185] * 14
    for gate, first in enumerate(gates["first_feb"].tolist()):
        assert set(febs["gate"][first : first + 185].tolist()) == {gate}
    for row in range(len(febs)):
        records = slice(
            febs["first_record"][row], febs["first_record"][row] + febs["n_records"][row]
        )
        assert set(chunk.records["feb"][records].tolist()) <= {row}
        frames = slice(febs["first_adc"][row], febs["first_adc"][row] + febs["n_adc"][row])
        assert chunk.adc_frames["feb"][frames].tolist() == [row] * int(febs["n_adc"][row])
        assert chunk.adc_frames["hit"][frames].tolist() == list(range(febs["n_adc"][row]))
    assert chunk.adc.shape == (len(chunk.adc_frames), 6, 36)


def test_random_access_equals_sequential(raw_path: Any) -> None:
    with raw.open(raw_path("p10_numib_full")) as file:
        whole = next(file.chunks())
        single = file.gate(9)
        first = int(whole.gates["first_feb"][8])
        np.testing.assert_array_equal(
            single.febs["gate_timestamp"], whole.febs["gate_timestamp"][first : first + 185]
        )
        start = int(whole.febs["first_adc"][first])
        np.testing.assert_array_equal(single.adc, whole.adc[start : start + len(single.adc)])
        with pytest.raises(raw.reader.UsageError, match="gates 1 to 14"):
            file.gate(15)
        with pytest.raises(raw.reader.UsageError, match="no run 1"):
            list(file.chunks(run_index=1))
