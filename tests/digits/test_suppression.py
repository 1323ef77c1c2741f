"""Pedestal suppression: the kernel against a plain twin, each reason by hand, the accounting."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from mx2prod.constants import BadChannel, BadChannelBit, Pedestal, Table
from mx2prod.core.errors import ConditionsError
from mx2prod.detector import pack_channel_ids, unpack_channel_ids
from mx2prod.digits import (
    SUP_REASON_MEANING,
    Cuts,
    DigitFlag,
    RawDigitChunk,
    SuppressionConfig,
    SupReason,
    raw_digit_chunks,
    sup_digits,
    suppressed,
)
from mx2prod.digits.suppression import DROPPED, KEPT
from mx2prod.raw.columns import N_PIXELS

BOARDS = ((0, 1, 0, 2), (0, 1, 0, 3), (0, 2, 1, 2))
CONFIG = SuppressionConfig()


def addresses(boards):
    rows = [(*board, pixel) for board in boards for pixel in range(N_PIXELS)]
    names = ("crate", "croc", "chain", "board", "pixel")
    return {name: np.array(values) for name, values in zip(names, zip(*rows, strict=True),
                                                           strict=True)}  # fmt: skip


def pedestals(boards=BOARDS, *, mean=400.0, rms=2.0, without=()):
    """Pedestals of boards; channels ``without`` (row numbers) are left out."""
    columns = addresses(boards)
    n = len(columns["pixel"])
    for gain in ("hg", "mg", "lg"):
        columns |= {f"{gain}_mean": np.broadcast_to(mean, n).astype(float),
                    f"{gain}_rms": np.broadcast_to(rms, n).astype(float),
                    f"{gain}_entries": np.full(n, 750.0)}  # fmt: skip
    keep = np.setdiff1d(np.arange(n), without)
    return Table.of(Pedestal, {name: values[keep] for name, values in columns.items()})


def bad_channels(*rows):
    """Rows of (crate, croc, chain, board, pixel, flags)."""
    names = ("crate", "croc", "chain", "board", "pixel", "flags")
    columns = dict(zip(names, np.array(rows).T, strict=True))
    return Table.of(BadChannel, columns | {"reason": np.full(len(rows), "test", object)})


def gate(digits, trigger_type=16, *, per_gate=None):
    """Raw digits of gates from rows of (chan, block, adc_hi, flags)."""
    chan, block, adc, flags = (np.array(v) for v in zip(*digits, strict=True))
    n = len(chan)
    counts = np.array(per_gate or [n], np.int32)
    columns = {
        "chan": chan.astype(np.int32), "block": block.astype(np.uint8),
        "adc_hi": adc.astype(np.uint16), "adc_med": np.arange(n, dtype=np.uint16),
        "adc_lo": np.arange(n, dtype=np.uint16)[::-1].copy(),
        "timestamp": np.arange(n, dtype=np.uint32) + 7, "delay": np.full(n, 3, np.uint8),
        "quarter": np.full(n, 2, np.uint8), "flags": flags.astype(np.uint16),
    }  # fmt: skip
    boards = np.unique(columns["chan"] & ~0xFFF)
    return RawDigitChunk(
        header={"trigger_type": np.broadcast_to(trigger_type, len(counts)).astype(np.uint8)},
        boards={"chan": boards, "n_adc": np.ones(len(boards), np.uint8)},
        boards_per_gate=np.array([len(boards)] + [0] * (len(counts) - 1), np.int32),
        digits=columns, digits_per_gate=counts,
    )  # fmt: skip


def chan(pixel, board=BOARDS[0]):
    return int(pack_channel_ids(*board, pixel))


def twin(raw, table, config, bad=None):
    """Reasons of every digit in plain Python, one digit after the other."""
    pedestal = {int(c): (m, r) for c, m, r in zip(table.channel, table["hg_mean"],
                                                 table["hg_rms"], strict=True)}  # fmt: skip
    flags_of = {} if bad is None else dict(zip(bad.channel.tolist(), bad["flags"], strict=True))
    dropping = sum(int(BadChannelBit[word.upper()]) for word in config.drop)
    reasons, begin = [], 0
    for number, count in enumerate(raw.digits_per_gate):
        calibration = raw.header["trigger_type"][number] in (1, 2) and config.keep_all_calib
        rows = range(begin, begin + count)
        words = {}
        for row in rows:
            channel = int(raw.digits["chan"][row])
            known = channel in pedestal
            dropped = bool(flags_of.get(channel, 0) & dropping)
            word = 0
            if calibration or (known and not dropped):
                word |= 1 if raw.digits["flags"][row] & DigitFlag.FIRED else 0
                if known:
                    mean, rms = pedestal[channel]
                    least = max(config.nsigma_hi * max(rms, config.rms_floor), config.min_qhi)
                    word |= 2 if raw.digits["adc_hi"][row] - mean > least else 0
                word |= 4 if raw.digits["adc_hi"][row] >= config.adc_sat else 0
                word |= 8 if calibration else 0
            words[row] = word
        timed = [row for row in rows if not raw.digits["flags"][row] & DigitFlag.UNTIMED]
        signal = {int(raw.digits["chan"][row]) for row in timed if words[row] & 7}
        for row in rows:
            channel = int(raw.digits["chan"][row])
            if not words[row] and channel in signal and raw.digits["flags"][row] & 2:
                words[row] = 16
            if words[row]:
                words[row] |= 0 if channel in pedestal else 32
                words[row] |= 64 if flags_of.get(channel, 0) & 4 else 0
                words[row] |= 128 if flags_of.get(channel, 0) & dropping else 0
            reasons.append(words[row])
        begin += count
    return np.array(reasons, np.uint8)


def check_against_twin(raw, table, config, bad=None):
    kept = suppressed(raw, Cuts.of(table, config, bad), config)
    reasons = twin(raw, table, config, bad)
    rows = np.flatnonzero(reasons)
    np.testing.assert_array_equal(kept.digits["sup_reason"], reasons[rows])
    for name, values in raw.digits.items():
        np.testing.assert_array_equal(kept.digits[name], values[rows], err_msg=name)
        assert kept.digits[name].dtype == values.dtype
    edges = np.cumsum([0, *raw.digits_per_gate])
    counted = [np.count_nonzero(reasons[a:b]) for a, b in pairwise(edges)]
    assert kept.digits_per_gate.tolist() == counted
    assert sum(kept.counts[name] for name in (*KEPT, *DROPPED)).tolist() == (
        raw.digits_per_gate.tolist()
    )
    assert sum(kept.counts[name] for name in KEPT).tolist() == counted
    return kept


def random_gates(make_chunk, seed):
    """Random boards on the chains of the test's pedestals, with random trigger types."""
    chunk = make_chunk(seed, n_gates=6)
    chunk.febs["chain"] = 0
    chunk.febs["croc"] = 1
    raw = next(raw_digit_chunks(chunk))
    rng = np.random.default_rng(seed)
    raw.header["trigger_type"][:] = rng.choice([1, 2, 16, 16, 16], len(raw))
    raw.digits["adc_hi"][:] = rng.choice(
        [395, 400, 406, 407, 3999, 4000, 4095], len(raw.digits["chan"])
    )
    return raw


@pytest.mark.parametrize("seed", range(10))
def test_kernel_equals_plain_twin(make_chunk, seed):
    raw = random_gates(make_chunk, seed)
    boards = tuple((0, 1, 0, board) for board in range(2, 6))  # boards 1 and 6 have no pedestal
    rng = np.random.default_rng(seed)
    table = pedestals(boards, mean=400 + rng.integers(-2, 3, 256), rms=rng.uniform(0.2, 4, 256),
                      without=rng.integers(0, 256, 20))  # fmt: skip
    bad = bad_channels(*((0, 1, 0, int(b), int(p), int(f)) for b, p, f in
                         zip([2, 3, 4, 6, 6], rng.permutation(64)[:5], [1, 4, 64, 65, 2],
                             strict=True)))  # fmt: skip
    for config in (
        CONFIG,
        SuppressionConfig(nsigma_hi=0, rms_floor=0, min_qhi=6, keep_all_calib=False, adc_sat=4095),
        SuppressionConfig(drop=("hot", "bad_pedestal"), nsigma_hi=1.5),
    ):
        check_against_twin(raw, table, config, bad)
        check_against_twin(raw, table, config)


@settings(max_examples=50)
@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 4095), st.sampled_from([0, 1, 2, 17, 20, 3])),
        min_size=1, max_size=12,
    ),
    st.floats(0, 4095), st.floats(0, 20), st.sampled_from([1, 2, 8, 16]),
)  # fmt: skip
def test_any_digits_of_a_gate(rows, mean, rms, trigger_type):
    raw = gate([(chan(p), n, adc, flags) for n, (p, adc, flags) in enumerate(rows)], trigger_type)
    check_against_twin(raw, pedestals(BOARDS[:1], mean=mean, rms=rms, without=[3]), CONFIG)


def reasons_of(digits, *, config=CONFIG, table=None, bad=None, trigger_type=16):
    raw = gate(digits, trigger_type)
    kept = suppressed(raw, Cuts.of(table or pedestals(), config, bad), config)
    rows = kept.digits["timestamp"].astype(int) - 7
    return {int(row): SupReason(int(word)) for row, word in
            zip(rows, kept.digits["sup_reason"], strict=True)}  # fmt: skip


def test_cut_is_strict_and_uses_the_floor_of_the_width():
    digits = [(chan(0), 0, 406, 2), (chan(1), 0, 407, 2), (chan(2), 0, 407, 2)]
    assert reasons_of(digits) == {1: SupReason.ABOVE_CUT, 2: SupReason.ABOVE_CUT}
    narrow = pedestals(rms=0.1)  # the width counts as 1 ADC: the cut is 403
    digits = [(chan(0), 0, 403, 2), (chan(1), 0, 404, 2)]
    assert reasons_of(digits, table=narrow) == {1: SupReason.ABOVE_CUT}


def test_discriminator_and_saturation_need_no_charge_above_the_cut():
    table = pedestals(mean=4090.0)
    digits = [(chan(0), 0, 100, 1), (chan(1), 0, 4000, 2), (chan(2), 0, 3999, 2)]
    assert reasons_of(digits, table=table) == {0: SupReason.DISCRIMINATOR, 1: SupReason.SATURATED}


def test_low_gain_of_a_timed_signal_is_kept():
    """Of pixel 5 a timed block fired; of pixel 6 only the untimed one is above the cut."""
    digits = [(chan(5), 0, 900, 1 | 16), (chan(6), 0, 400, 16), (chan(5), 1, 400, 16),
              (chan(5), 2, 401, 2), (chan(6), 2, 900, 2)]  # fmt: skip
    assert reasons_of(digits) == {
        0: SupReason.DISCRIMINATOR | SupReason.ABOVE_CUT,
        3: SupReason.LOW_GAIN,
        4: SupReason.ABOVE_CUT,
    }


def test_low_gain_is_not_taken_from_another_board_or_gate():
    other = chan(5, BOARDS[1])
    raw = gate([(chan(5), 0, 900, 17), (other, 0, 400, 2), (chan(5), 0, 400, 2)], per_gate=[2, 1])
    kept = suppressed(raw, Cuts.of(pedestals(), CONFIG), CONFIG)
    assert kept.digits_per_gate.tolist() == [1, 0]
    assert kept.counts["dropped_below_cut"].tolist() == [1, 1]


@pytest.mark.parametrize("trigger_type", [1, 2])
def test_calibration_gates_are_kept_whole(trigger_type):
    digits = [(chan(0), 0, 400, 2), (chan(1), 0, 500, 2), (chan(1, (0, 3, 0, 2)), 0, 400, 2),
              (chan(9), 0, 400, 2)]  # fmt: skip
    bad = bad_channels((*BOARDS[0], 9, int(BadChannelBit.DEAD | BadChannelBit.BAD_PEDESTAL)))
    whole = SupReason.CALIBRATION_GATE
    assert reasons_of(digits, trigger_type=trigger_type, bad=bad) == {
        0: whole,
        1: whole | SupReason.ABOVE_CUT,
        2: whole | SupReason.NO_PEDESTAL,
        3: whole | SupReason.BAD_CHANNEL | SupReason.BAD_PEDESTAL,
    }
    config = SuppressionConfig(keep_all_calib=False)
    assert list(reasons_of(digits, config=config, trigger_type=trigger_type)) == [1]


def test_bad_channels_are_dropped_by_the_words_of_the_configuration():
    digits = [(chan(p), 0, 500, 1) for p in range(4)]
    bad = bad_channels(*((*BOARDS[0], p, int(bit)) for p, bit in enumerate(
        [BadChannelBit.DEAD, BadChannelBit.HOT, BadChannelBit.SET_BY_HAND,
         BadChannelBit.BAD_PEDESTAL])))  # fmt: skip
    signal = SupReason.DISCRIMINATOR | SupReason.ABOVE_CUT
    assert reasons_of(digits, bad=bad) == {1: signal, 3: signal | SupReason.BAD_PEDESTAL}
    assert list(reasons_of(digits, bad=bad, config=SuppressionConfig(drop=("hot",)))) == [0, 2, 3]
    masked = bad_channels((0, 3, 0, 2, 0, int(BadChannelBit.DEAD)))  # on a board without pedestals
    assert reasons_of([(chan(0, (0, 3, 0, 2)), 0, 500, 1)], bad=masked) == {}


def stream(raw, table, config=CONFIG, bad=None):
    constants = {Pedestal.folder: table} | ({} if bad is None else {BadChannel.folder: bad})
    return sup_digits.run({"raw-digits": [raw]}, config, constants)


def test_channels_without_a_pedestal_are_an_error_that_names_them():
    raw = gate([(chan(0), 0, 400, 2), (chan(7), 0, 400, 2)])
    table = pedestals(without=[0, 7])
    with pytest.raises(ConditionsError, match="2 channels of the file have no pedestal: "
                       "0-1-0-2-0, 0-1-0-2-7 ") as error:  # fmt: skip
        list(stream(raw, table))
    assert "allow_missing_pedestal" in error.value.next_step
    with pytest.raises(ConditionsError, match=r"64 channels .* 0-1-0-3-0, .*, \.\.\. "):
        list(stream(gate([(chan(1, BOARDS[1]), 0, 400, 2)]), pedestals(BOARDS[:1])))


def test_missing_pedestals_that_are_allowed_are_dropped_and_counted():
    raw = gate([(chan(0), 0, 900, 1), (chan(1), 0, 900, 1)])
    made = stream(raw, pedestals(without=[0]), SuppressionConfig(allow_missing_pedestal=True))
    (kept,) = made
    assert kept.digits["chan"].tolist() == [chan(1)]
    assert dict(made.counters) == dict.fromkeys((*KEPT, *DROPPED), 0) | {
        "n_raw": 2, "kept_discriminator": 1, "dropped_no_pedestal": 1,
    }  # fmt: skip
    assert made.seconds["suppress"] > 0


def test_masked_channels_need_no_pedestal():
    raw = gate([(chan(0), 0, 900, 1)])
    bad = bad_channels((*BOARDS[0], 0, int(BadChannelBit.SET_BY_HAND)))
    made = stream(raw, pedestals(without=[0]), bad=bad)
    assert [len(kept.digits["chan"]) for kept in made] == [0]
    assert made.counters["dropped_bad_channel"] == 1


def test_boards_and_header_are_those_of_the_raw_digits(make_chunk):
    raw = random_gates(make_chunk, 3)
    kept = suppressed(raw, Cuts.of(pedestals(), CONFIG), CONFIG)
    assert kept.header is raw.header
    assert kept.boards is raw.boards
    assert len(kept) == len(raw)


def test_gates_without_digits():
    raw = gate([(chan(0), 0, 900, 1)], per_gate=[0, 1, 0])
    kept = suppressed(raw, Cuts.of(pedestals(), CONFIG), CONFIG)
    assert kept.digits_per_gate.tolist() == [0, 1, 0]
    nothing = replace(
        raw, digits={n: v[:0] for n, v in raw.digits.items()},
        digits_per_gate=np.zeros(3, np.int32),
    )  # fmt: skip
    assert suppressed(nothing, Cuts.of(pedestals(), CONFIG), CONFIG).digits_per_gate.sum() == 0


def test_noise_passes_as_often_as_a_gaussian_tail_says():
    """Gaussian noise of 2.3 ADC, rounded, around a pedestal between two ADC values."""
    from math import erfc, sqrt

    rng = np.random.default_rng(1)
    mean, rms, n_gates = 400.3, 2.3, 800
    rows = len(BOARDS) * N_PIXELS
    channels = np.tile(pedestals().channel, n_gates)
    adc = np.rint(rng.normal(mean, rms, len(channels))).astype(int)
    raw = gate(list(zip(channels, np.zeros_like(adc), adc, np.full_like(adc, 2), strict=True)),
               per_gate=[rows] * n_gates)  # fmt: skip
    width = sqrt(rms**2 + 1 / 12)  # as pedestal tables store it, rounding included
    table = pedestals(mean=mean, rms=width)
    kept = suppressed(raw, Cuts.of(table, CONFIG), CONFIG)
    first = int(np.floor(mean + 3 * width)) + 1  # the first whole ADC above the cut
    expected = len(channels) * erfc((first - 0.5 - mean) / rms / sqrt(2)) / 2
    assert abs(int(kept.digits_per_gate.sum()) - expected) < 4 * sqrt(expected)
    assert expected > 100


def test_configuration_is_strict():
    for wrong in ({"nsigma": 3}, {"nsigma_hi": -1}, {"drop": ["deaf"]}, {"adc_sat": 5000}):
        with pytest.raises(ValidationError):
            SuppressionConfig.model_validate(wrong)


def test_bits_of_the_kernel_are_those_of_the_enumerations():
    from mx2prod.digits import suppression_kernels as kernel

    assert {name: int(getattr(kernel, name)) for name in SupReason.__members__} == {
        name: int(bit) for name, bit in SupReason.__members__.items()
    }
    assert (kernel.FIRED, kernel.UNTIMED) == (DigitFlag.FIRED, DigitFlag.UNTIMED)
    assert len(KEPT) == kernel.N_KEPT
    assert len(KEPT) + len(DROPPED) == kernel.N_COUNTS
    assert set(SUP_REASON_MEANING) == set(SupReason)
    board = unpack_channel_ids(int(pack_channel_ids(1, 15, 3, 15, 63)) & int(kernel.BOARD_MASK))
    assert [int(board[name]) for name in ("crate", "croc", "chain", "board", "pixel")] == [
        1, 15, 3, 15, 0,
    ]  # fmt: skip
