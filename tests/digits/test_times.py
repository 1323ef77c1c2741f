"""Hit times: the worked example of the raw-format page, wrap-around, refusal."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.digits import hit_ticks, hit_times

U4, U1, U2 = np.uint32, np.uint8, np.uint16


def ticks(stamp, gate, delay, quarter):
    return float(hit_ticks(U4([stamp]), U4([gate]), U1([delay]), U1([quarter]))[0])


def test_worked_example():
    assert ticks(0x10000057, 0x10000000, 5, 3) == 92.75
    assert ticks(0x10000057, 0x10000000, 13, 0) == 101.0


def test_counter_wraps():
    assert ticks(5, 2**32 - 10, 0, 1) == 15.25
    assert ticks(2**32 - 10, 5, 0, 1) == -14.75


@given(
    gate=st.integers(0, 2**32 - 1),
    after=st.integers(-1000, 10**6),
    delay=st.integers(0, 15),
    quarter=st.integers(0, 3),
)
def test_time_does_not_depend_on_where_the_counter_stands(gate, after, delay, quarter):
    assert ticks((gate + after) % 2**32, gate, delay, quarter) == ticks(
        (1000 + after) % 2**32, 1000, delay, quarter
    )


def times(stamps, *, gate=1000, length=1702, known=True, **settings):
    n = len(stamps)
    return hit_times(
        U4(stamps), np.full(n, gate, U4), np.full(n, 2, U1), np.full(n, 1, U1),
        np.full(n, length, U2), has_gate_timestamp=np.full(n, known), **settings,
    )  # fmt: skip


def test_nanoseconds_with_scale_and_offset():
    result = times([1100, 1200], tick_ns=10.0, t_offset_ns=-3.0)
    assert result.t_ns.tolist() == [1019.5, 2019.5]
    assert result.t_tick.tolist() == [102.25, 202.25]
    assert not result.refused
    assert result.reason == ""


def test_worked_example_in_ns():
    result = times([1100])
    assert result.t_ns[0] == pytest.approx(102.25 * 9.4154)


def test_most_hits_outside_the_gate_refuse_all_times():
    inside, outside = [1100] * 4, [1000 + 22_235] * 5
    result = times(inside + outside)
    assert result.refused
    assert np.isnan(result.t_ns).all()
    assert result.outside_fraction == pytest.approx(5 / 9)
    assert "55.6%" in result.reason
    assert not times(inside + outside[:4]).refused


def test_offset_moves_the_window():
    stamps = [1000 + 22_235 + 100] * 5
    assert times(stamps).refused
    assert not times(stamps, t_offset_ns=-22_235 * 9.4154).refused


def test_window_edges():
    # fine part is 2.25 ticks: stamp 1000 + d gives d + 2.25
    assert not times([1000 + 1702 + 29]).refused
    assert times([1000 + 1702 + 30]).refused
    assert not times([1000 - 18]).refused
    assert times([1000 - 19]).refused


def test_missing_gate_time_stamp_gives_no_time():
    result = times([1100, 1200], known=False)
    assert np.isnan(result.t_ns).all()
    assert not result.refused
    assert result.outside_fraction == 0.0
