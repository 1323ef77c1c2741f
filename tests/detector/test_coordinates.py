"""Views and frames (detector page, sections 2.2 and 2.3)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.errors import UsageError
from mx2prod.detector import (
    DST_OFFSET,
    FRAME_OF_GEOMETRY,
    View,
    detector_to_dst,
    dst_to_detector,
    from_two_views,
    from_view,
    to_view,
)

V4 = FRAME_OF_GEOMETRY["planes_v4"]
metres = st.floats(-2000, 2000)
views = st.sampled_from([View.X, View.U, View.V])


def test_definitions() -> None:
    x, y, s = 100.0, -50.0, math.sqrt(3)
    assert to_view(x, y, View.X) == (x, y)
    assert to_view(x, y, View.U) == pytest.approx(((x - s * y) / 2, (s * x + y) / 2))
    assert to_view(x, y, View.V) == pytest.approx(((x + s * y) / 2, (-s * x + y) / 2))


@given(metres, metres, views)
def test_views_invert_and_keep_lengths(x: float, y: float, view: View) -> None:
    t, along = to_view(x, y, view)
    assert from_view(t, along, view) == pytest.approx((x, y), abs=1e-9)
    assert math.hypot(float(t), float(along)) == pytest.approx(math.hypot(x, y), abs=1e-9)


@given(metres, metres)
def test_the_three_views_close(x: float, y: float) -> None:
    u, v = to_view(x, y, View.U)[0], to_view(x, y, View.V)[0]
    assert u + v == pytest.approx(x, abs=1e-9)
    assert (v - u) / math.sqrt(3) == pytest.approx(y, abs=1e-9)


@given(metres, metres, views, views)
def test_two_views_give_the_point(x: float, y: float, first: View, second: View) -> None:
    p, q = to_view(x, y, first)[0], to_view(x, y, second)[0]
    if first == second:
        with pytest.raises(UsageError, match="two different views"):
            from_two_views(p, first, q, second)
    else:
        assert from_two_views(p, first, q, second) == pytest.approx((x, y), abs=1e-9)


def test_views_broadcast() -> None:
    t, along = to_view(np.ones((4, 1)), 0.0, np.array([1, 2, 3]))
    assert t.shape == along.shape == (4, 3)
    assert t[0] == pytest.approx([1, 0.5, 0.5])


@pytest.mark.parametrize("view", [0, 4, -1, 1.0, [1, 0]])
def test_no_such_view(view: object) -> None:
    with pytest.raises(UsageError, match="is none of 1"):
        to_view(0.0, 0.0, view)  # type: ignore[arg-type]


def test_names_of_views() -> None:
    assert [View.of(name) for name in "XUV-"] == [1, 2, 3, 0]
    assert [view.letter for view in View] == ["-", "X", "U", "V"]
    with pytest.raises(UsageError, match="no view 'UNKNOWN'"):
        View.of("UNKNOWN")


def test_frames_invert() -> None:
    points = np.random.default_rng(1).normal(0, 1000, (5, 4, 3))
    assert V4.to_detector(V4.from_detector(points)) == pytest.approx(points)
    assert dst_to_detector(detector_to_dst(points, V4), V4) == pytest.approx(points)


def test_dst_position_is_the_detector_position_but_for_the_rounded_offset() -> None:
    shift = detector_to_dst([0.0, 0.0, 0.0], V4)
    assert shift == pytest.approx([0.0, -0.002, 0.37], abs=1e-9)
    assert DST_OFFSET == (0.0, 218.338, 6913.0)


def test_the_offset_of_the_file_is_used() -> None:
    assert detector_to_dst([0.0, 0.0, 6912.63], V4, (0, 218, 6913)) == pytest.approx(
        [0.0, -0.34, 6913.0]
    )


@pytest.mark.parametrize("points", [1.0, [1.0, 2.0], np.zeros((3, 2))])
def test_points_have_three_coordinates(points: object) -> None:
    with pytest.raises(UsageError, match=r"expected \(\.\.\., 3\)"):
        V4.from_detector(points)  # type: ignore[arg-type]
