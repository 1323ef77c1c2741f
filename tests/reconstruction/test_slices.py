"""Time slices (reconstruction page, section 6) and cross-talk grades (section 7)."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.digits import CAL_DIGIT_DTYPE, CalDigitFlag
from mx2prod.reconstruction import RecoConfig, Slices
from tests.reconstruction.digit_making import (
    DETECTOR,
    FINDER,
    beam_gates,
    digits_of_channels,
    digits_of_strips,
    form,
    random_gates,
)
from tests.reconstruction.plain_forming import grade, rows_of, slice_digits

UNTIMED, PILE_UP = int(CalDigitFlag.UNTIMED_ASSIGNED), int(CalDigitFlag.PILE_UP)
XTALK = int(CalDigitFlag.XTALK)
NAN = float("nan")


def strips_of_half(n, half=64):
    """Channels with a strip of one half board."""
    own = np.arange(half * 32, half * 32 + 32)
    return own[DETECTOR.plex.strip_of_channel[own] >= 0][:n]


def test_bursts_are_slices_and_dim_light_is_left_over():
    times = [100, 110, 120, 1000, 1001, 3000, 3500]
    made = form(digits_of_strips(0, np.arange(1, 14, 2), [6, 6, 2, 4, 7, 9, 30], times))
    assert made.digits["slice"].tolist() == [1, 1, 1, 2, 2, 0, 3]
    assert made.slices["t0"].tolist() == [100, 1000, 3500]
    assert made.slices["t1"].tolist() == [120, 1001, 3500]
    assert made.slices["pe"].tolist() == [14, 11, 30]
    assert made.slices["t_mean"][0] == pytest.approx((600 + 660 + 240) / 14)


def test_a_burst_after_the_window_has_its_own_slice():
    """Also if its first digit alone has the light that keeps a slice open."""
    made = form(digits_of_strips(0, np.arange(1, 9, 2), [50, 20, 20, 20], [100, 500, 505, 700]))
    assert made.digits["slice"].tolist() == [1, 2, 2, 3]


def test_light_that_comes_late_in_the_window_belongs_to_the_slice():
    made = form(digits_of_strips(0, np.arange(1, 9, 2), [50, 1, 1, 1], [100, 179, 181, 270]))
    assert made.digits["slice"].tolist() == [1, 1, 0, 0]


def test_slices_closer_than_the_gap_become_one():
    rows = digits_of_strips(0, np.arange(1, 5, 2), [50, 50], [100, 200])
    assert len(form(rows).slices) == 2
    merged = form(rows, slices=Slices(merge_gap=101.0))
    assert merged.digits["slice"].tolist() == [1, 1]
    assert merged.slices["pe"].tolist() == [100]


def test_untimed_digits_take_the_slice_of_their_push():
    chan = strips_of_half(4)
    rows = digits_of_channels(
        np.concatenate([chan, chan[:1]]), [20, 40, 3, 5, 7], [100, 500, NAN, NAN, NAN],
        [0, 0, 0, 1, 1],
    )  # fmt: skip
    made = form(rows)
    assert made.digits["slice"].tolist() == [1, 2, 2, 0, 0]
    assert (made.digits["flags"] & UNTIMED != 0).tolist() == [False, False, True, False, False]
    assert (made.digits["flags"] & PILE_UP != 0).tolist() == [True, True, True, False, False]


def test_outer_detector_attaches_and_opens_nothing():
    chan = int(np.flatnonzero(DETECTOR.plex.channels["role"] == 3)[0])
    alone = form(digits_of_channels([chan], 500.0, 300.0))
    assert len(alone.slices) == 0
    assert alone.digits["slice"].tolist() == [0]
    rows = np.concatenate([
        digits_of_strips(0, 5, 50.0, 300.0),
        digits_of_channels([chan, chan + 1, chan + 2], 500.0, [370.0, 230.0, 390.0]),
    ])  # fmt: skip
    made = form(rows)
    assert made.digits["slice"].tolist() == [1, 1, 1, 0]
    assert made.cluster_of.tolist() == [0, -1, -1, -1]


def test_crosstalk_is_graded_by_pixels_and_spared_next_to_light_of_its_plane():
    """A pixel beside 100 PE: 4 expected from the light, 1 from the electronics."""
    board = 64 * 2
    pixels = np.array([27, 28, 29, 62])
    chan = board + pixels
    assert (DETECTOR.plex.strip_of_channel[chan] >= 0).all()
    made = form(digits_of_channels(chan, [100, 3, 3, 3], 100.0))
    assert made.score[:3] == pytest.approx([-1, 3 / 5, 3 / 1])
    assert made.score[3] == -1
    assert (made.digits["flags"] & XTALK != 0).tolist() == [False, True, False, False]
    strip = int(made.digits["strip"][1])
    bright = digits_of_channels([DETECTOR.plex.channel_of_strip[strip + 1]], 50.0, 100.0)
    spared = form(np.concatenate([made.digits[[0, 1]], bright]))
    assert spared.digits["flags"][1] & XTALK == 0


def test_weak_pixels_make_no_crosstalk():
    made = form(digits_of_channels(128 + np.array([27, 28]), [10, 0.4], 100.0))
    assert made.score.tolist() == [-1, -1]


def test_slices_and_grades_are_those_of_plain_python():
    """Check 12: slices and flags equal, scores bit-equal, on random small gates."""
    rng = np.random.default_rng(5)
    digits, offset = random_gates(rng, 150, 60)
    made = FINDER.find(digits, offset)
    slices = 0
    for gate in range(150):
        own = made.digits[offset[gate] : offset[gate + 1]]
        score = made.score[offset[gate] : offset[gate + 1]]
        rows = rows_of(digits[offset[gate] : offset[gate + 1]])
        config = RecoConfig()
        found = slice_digits(rows, config)
        grade(rows, config)
        slices += len(found)
        place = [row["row"] for row in rows]
        assert own["slice"][place].tolist() == [row["slice"] for row in rows]
        for name, flag in (("untimed", UNTIMED), ("pile_up", PILE_UP), ("xtalk", XTALK)):
            assert (own["flags"][place] & flag != 0).tolist() == [row[name] for row in rows]
        assert score[place].tolist() == [float(np.float32(row["score"])) for row in rows]
        of_gate = made.slices[made.slice_offset[gate] : made.slice_offset[gate + 1]]
        assert of_gate["t0"].tolist() == [of[0]["t"] for of in found]
        assert of_gate["t1"].tolist() == [of[-1]["t"] for of in found]
    assert slices > 200
    assert np.count_nonzero(made.digits["flags"] & PILE_UP) > 100
    assert np.count_nonzero(made.digits["flags"] & XTALK) > 20


def test_simulated_events_are_whole_and_alone_in_their_slices():
    """Check 8: purity and efficiency above 99 % for events of 30 PE that are alone in 250 ns."""
    gates = beam_gates()
    made = FINDER.find(gates.digits, gates.offset)
    digit, hit = gates.matched()
    event, light = gates.event_of(hit), gates.digits["pe"][digit].astype(float)
    number, time = made.digits["slice"][digit], gates.truth["truth_hits"]["time_ns"][hit]
    used = (gates.digits["strip"][digit] >= 0) & (light > 0) & (event >= 0)
    gate = gates.gate()[digit]
    names = [name for name in np.unique(event[used]) if light[used & (event == name)].sum() > 30]
    middle = {name: np.median(time[used & (event == name)]) for name in names}
    efficiency, purity = [], []
    for name in names:
        others = [middle[o] for o in names if o != name and o // 10_000 == name // 10_000]
        if any(abs(other - middle[name]) < 250 for other in others):
            continue
        own = used & (event == name)
        share = np.bincount(number[own], light[own])
        leading = 1 + int(np.argmax(share[1:]))
        same = used & (gate == name // 10_000) & (number == leading)
        efficiency.append(share[leading] / share.sum())
        purity.append(light[same & own].sum() / light[same].sum())
    assert len(efficiency) > 40
    assert np.mean(efficiency) > 0.99
    assert np.mean(purity) > 0.99
    assert min(efficiency) > 0.9


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda d: d["pe"].__setitem__(3, np.nan), "nan PE"),
        (lambda d: d["strip"].__setitem__(3, 10_000), "strip 10000"),
    ],
)
def test_digits_that_make_no_sense_are_named(change, word):
    rows = digits_of_strips(0, np.arange(1, 6), 5.0)
    change(rows)
    with pytest.raises(UsageError, match=f"gate 1 of the chunk, digit 1.*{word}"):
        FINDER.find(rows, [0, 2, 5])


def test_offsets_have_to_fit():
    rows = digits_of_strips(0, np.arange(1, 6), 5.0)
    with pytest.raises(UsageError, match="offsets"):
        FINDER.find(rows, [0, 4])
    with pytest.raises(UsageError, match="CAL_DIGIT_DTYPE"):
        FINDER.find(np.zeros(3, np.dtype([("pe", "<f4")])), [0, 3])
    assert len(FINDER.find(np.zeros(0, CAL_DIGIT_DTYPE), [0, 0, 0]).slice_offset) == 3
