"""Raw digits: the kernel against a plain twin, the channel maps, the pairing rules."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.digits import DIGIT_FLAG_MEANING, DigitFlag, raw_digit_chunks
from mx2prod.raw.columns import FEB_EXCLUDED, FebFlag, GateFlag

PIXEL = np.arange(64)


def low_gain_channel(pixel):
    """The published table of the low-gain channels, written out."""
    outer = "26 34 25 33 24 32 23 31 22 30 21 29 20 28 19 27"
    inner = "11 3 12 4 13 5 14 6 15 7 16 8 17 9 18 10"
    table = inner if pixel // 16 in (1, 2) else outer
    return int(table.split()[pixel % 16])


def twin(chunk, pairing):
    """One list of rows, board by board and frame by frame, without any kernel."""
    out = {name: [] for name in ("chan", "block", "adc_hi", "adc_med", "adc_lo", "timestamp",
                                 "delay", "quarter", "flags")}  # fmt: skip
    low = np.array([low_gain_channel(p) for p in PIXEL])
    for feb in chunk.febs:
        base = (int(feb["crate"]) << 25 | int(feb["croc"]) << 20
                | int(feb["chain"]) << 17 | int(feb["board"]) << 12)  # fmt: skip
        n, deepest = feb["n_hits"].astype(int), int(feb["n_timed"])
        known = not feb["flags"] & FebFlag.NO_DISCRIMINATOR
        common = 0
        common |= 8 if feb["flags"] & FebFlag.NO_FPGA else 0
        common |= 32 if feb["flags"] & FEB_EXCLUDED else 0
        common |= 256 if chunk.gates["flags"][feb["gate"]] & 24 else 0
        records = chunk.records[feb["first_record"] :][: feb["n_records"]]
        for row in range(feb["first_adc"], feb["first_adc"] + feb["n_adc"]):
            frame, adc = chunk.adc_frames[row], chunk.adc[row]
            hit = int(frame["hit"])
            untimed = known and hit == deepest
            stamp, delay = np.zeros(64, np.uint32), np.full(64, 16, np.uint8)
            quarter, flags = np.zeros(64, np.uint8), np.full(64, common, np.uint16)
            flags |= 2 if untimed else 16
            flags |= (64 if frame["flags"] & 1 else 0) | (128 if frame["flags"] & 2 else 0)
            for trip in [] if untimed else range(4):
                k = hit if pairing == "front" else hit - (deepest - n[trip])
                pixels = slice(16 * trip, 16 * trip + 16)
                match = records[(records["trip"] == trip) & (records["record"] == k)]
                if known and 0 <= k < n[trip]:
                    stamp[pixels] = match["timestamp"][0]
                    delay[pixels] = match["delay"][0]
                    quarter[pixels] = match["quarter"][0]
                    flags[pixels] |= np.where(match["delay"][0] < 16, 1, 0).astype(np.uint16)
                else:
                    flags[pixels] |= 4
            out["chan"].append(base | PIXEL << 5)
            out["block"].append(np.full(64, hit))
            out["adc_hi"].append(adc[PIXEL // 16, 3 + PIXEL % 16])
            out["adc_med"].append(adc[PIXEL // 16, 19 + PIXEL % 16])
            out["adc_lo"].append(adc[4 + PIXEL // 32, low])
            for name, values in zip(("timestamp", "delay", "quarter", "flags"),
                                    (stamp, delay, quarter, flags), strict=True):  # fmt: skip
                out[name].append(values)
    return {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in out.items()}


def joined(pieces):
    pieces = list(pieces)
    return {name: np.concatenate([p.digits[name] for p in pieces]) for name in pieces[0].digits}


@pytest.mark.parametrize("pairing", ["end", "front"])
@pytest.mark.parametrize("seed", range(12))
def test_kernel_equals_plain_twin(make_chunk, seed, pairing):
    chunk = make_chunk(seed)
    digits = joined(raw_digit_chunks(chunk, adc_pairing=pairing))
    expected = twin(chunk, pairing)
    for name, values in digits.items():
        np.testing.assert_array_equal(values, expected[name], err_msg=name)


def test_pieces_together_are_the_whole(make_chunk):
    chunk = make_chunk(5, n_gates=9)
    whole = next(raw_digit_chunks(chunk))
    pieces = list(raw_digit_chunks(chunk, max_rows=700))
    assert len(pieces) > 1
    assert sum(len(piece) for piece in pieces) == 9
    for name, values in joined(pieces).items():
        np.testing.assert_array_equal(values, whole.digits[name])
    for name, values in whole.boards.items():
        np.testing.assert_array_equal(np.concatenate([p.boards[name] for p in pieces]), values)
    for name, values in whole.header.items():
        np.testing.assert_array_equal(np.concatenate([p.header[name] for p in pieces]), values)
    np.testing.assert_array_equal(
        np.concatenate([p.digits_per_gate for p in pieces]), whole.digits_per_gate
    )


def test_nothing_is_suppressed(make_chunk):
    chunk = make_chunk(3)
    piece = next(raw_digit_chunks(chunk))
    assert len(piece.digits["chan"]) == 64 * len(chunk.adc_frames)
    assert piece.digits_per_gate.sum() == len(piece.digits["chan"])
    assert piece.boards_per_gate.sum() == len(chunk.febs)
    assert (piece.header["n_febs"] == piece.boards_per_gate).all()


def test_pairing_end_and_front_of_a_short_trip(make_chunk):
    """A TriP with fewer hits than the board has frames: 'end' skips the first frames."""
    chunk = make_chunk(0)
    rows = [
        i
        for i, feb in enumerate(chunk.febs)
        if feb["n_hits"].min() < feb["n_timed"]
        and feb["n_adc"] == feb["n_timed"] + 1
        and not feb["flags"] & FebFlag.NO_DISCRIMINATOR
    ]
    feb = chunk.febs[rows[0]]
    trip = int(feb["n_hits"].argmin())
    n, deepest = int(feb["n_hits"][trip]), int(feb["n_timed"])
    start = 64 * int(feb["first_adc"]) + 16 * trip
    for pairing, without in (("end", range(deepest - n)), ("front", range(n, deepest))):
        flags = joined(raw_digit_chunks(chunk, adc_pairing=pairing))["flags"]
        lacking = {
            block for block in range(deepest) if flags[start + 64 * block] & DigitFlag.NO_RECORD
        }
        assert lacking == set(without)
        assert flags[start + 64 * deepest] & DigitFlag.UNTIMED


def test_gates_not_to_be_used_and_boards_to_be_excluded_are_flagged(make_chunk):
    chunk = make_chunk(1)
    chunk.gates["flags"][:] = [GateFlag.DUPLICATE, 0, GateFlag.ASIDE, GateFlag.INCOMPLETE]
    digits = next(raw_digit_chunks(chunk))
    gate = np.repeat(np.arange(4), digits.digits_per_gate)
    unused = (digits.digits["flags"] & DigitFlag.GATE_NOT_USED) != 0
    np.testing.assert_array_equal(unused, np.isin(gate, [0, 2]))


def test_values_that_do_not_fit_64_bits_are_marked(make_chunk):
    chunk = make_chunk(2)
    chunk.gates["global_gate"][1] = 2**64 - 5
    header = next(raw_digit_chunks(chunk)).header
    assert header["gl_gate"].tolist() == [26_511_430, -1, 26_511_432, 26_511_433]
    assert header["gl_gate"].dtype == np.int64


def test_chunk_without_boards(make_chunk):
    chunk = make_chunk(0, n_gates=2, n_boards=0)
    piece = next(raw_digit_chunks(chunk))
    assert len(piece) == 2
    assert piece.digits_per_gate.tolist() == [0, 0]
    assert len(piece.digits["chan"]) == 0


def test_every_flag_has_a_meaning():
    assert set(DIGIT_FLAG_MEANING) == set(DigitFlag)


def test_kernel_constants_are_the_flags():
    from mx2prod.digits import raw_digits_kernels as kernels

    for name in (
        "FIRED",
        "UNTIMED",
        "NO_RECORD",
        "LOW_GAIN_TIMED_UNVERIFIED",
        "CRC_ERROR",
        "STATUS",
    ):
        assert int(getattr(kernels, name)) == DigitFlag[name]
