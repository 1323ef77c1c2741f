"""Verdicts: order, status bits, reasons as data."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS, PedestalBit, has_bit
from mx2prod.calibration.verdict import (
    STRONG_SHIFT,
    Reason,
    TableVerdict,
    Verdict,
    bit_names,
    channel_verdicts,
    count_verdicts,
    counted_status,
    places_text,
)

KNOWN = PEDESTAL_STATUS[PedestalBit.KNOWN]


def plain_verdict(word: int) -> Verdict:
    """Verdict of one status word by the table of the page."""
    bad = {0, 1, 2, 3, 4}
    look = {5, 6, 7, 8, 9, 10, 11, 12}
    bits = {n for n in range(14) if word >> n & 1}
    if bits & bad or word >> 22 & 1:
        return Verdict.BAD
    return Verdict.INVESTIGATE if bits & look else Verdict.GOOD


@given(st.lists(st.integers(0, (1 << 14) - 1), min_size=1), st.booleans())
def test_the_worst_bit_decides(words: list[int], strong: bool) -> None:
    if strong:
        words = [word | (word >> 6 & 1) << 22 for word in words]
    status = np.array(words, np.int32)
    ranks = channel_verdicts(status, PEDESTAL_STATUS)
    expected = [plain_verdict(word) for word in words]
    assert ranks.tolist() == [verdict.rank for verdict in expected]
    counts = count_verdicts(ranks)
    assert counts == {name: expected.count(Verdict(name)) for name in counts}
    assert list(counts) == ["good", "investigate", "bad"]


@given(st.integers(0, (1 << 14) - 1), st.booleans())
def test_bits_0_to_7_of_known_channels_do_not_count(word: int, strong: bool) -> None:
    word |= strong << 22
    (counted,) = counted_status(np.array([word], np.int32), KNOWN, PEDESTAL_STATUS).tolist()
    if word >> 13 & 1:
        assert counted == word & ~0xFF & ~(0xFF << STRONG_SHIFT)
    else:
        assert counted == word


def test_status_bits_are_those_of_the_page() -> None:
    assert [bit.number for bit in PEDESTAL_STATUS] == list(range(14))
    assert [bit.name for bit in PEDESTAL_STATUS] == [
        "absent", "no_data", "stuck", "rail", "noisy", "wide", "contaminated", "shape", "shifted",
        "rms_changed", "drift", "block_dep", "address", "known",
    ]  # fmt: skip
    assert bit_names(0b10000100, PEDESTAL_STATUS) == ["stuck", "shape"]
    assert has_bit(np.array([4, 3], np.int32), PedestalBit.STUCK).tolist() == [True, False]
    assert all(bit.condition for bit in PEDESTAL_STATUS)


def test_verdicts_have_an_order() -> None:
    order = ["good", "investigate", "bad", "too_few", "unreadable"]
    assert [str(verdict) for verdict in sorted(Verdict, key=lambda v: v.rank)] == order
    assert Verdict.worst([]) is Verdict.GOOD
    assert Verdict.worst([Verdict.BAD, Verdict.TOO_FEW, Verdict.GOOD]) is Verdict.TOO_FEW


def test_the_worst_reason_decides_and_stands_first() -> None:
    reasons = [
        Reason("a", "a note", Verdict.GOOD),
        Reason("b", "bad channels", Verdict.INVESTIGATE, 7, tuple(f"0-1-0-{n}" for n in range(7))),
    ]
    table = TableVerdict.of("pedestal", reasons, {"good": 1, "investigate": 7, "bad": 0}, {"li": 2})
    assert table.verdict is Verdict.INVESTIGATE
    assert [reason.code for reason in table.reasons] == ["b", "a"]
    assert str(table.reasons[0]) == (
        "investigate: bad channels: 0-1-0-0, 0-1-0-1, 0-1-0-2, 0-1-0-3, 0-1-0-4 and 2 more"
    )
    content = json.loads(table.as_json())
    assert content == table.as_dict()
    assert list(table.as_dict()) == ["kind", "verdict", "reasons", "channels", "gates"]
    assert len(content["reasons"][0]["places"]) == 7
    assert content["gates"] == {"li": 2}


def test_nothing_to_say_is_good() -> None:
    table = TableVerdict.of("gain", [])
    assert table.verdict is Verdict.GOOD
    assert table.as_dict()["channels"] == {"good": 0, "investigate": 0, "bad": 0}
    assert places_text(["a", "b"]) == "a, b"
    assert str(Reason("a", "fine", Verdict.GOOD)) == "good: fine"
