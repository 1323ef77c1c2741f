"""Strips and outline of a plane (detector page, section 2.4)."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.errors import AddressError
from mx2prod.detector import (
    PLANE_SHAPE,
    inside_outline,
    nearest_strip,
    outline,
    strip_centre,
    strip_ends,
    strip_length,
    strip_section,
)

ALL = np.arange(1, 128)


def test_strip_centres() -> None:
    assert strip_centre(64) == 0
    assert strip_centre([1, 127]) == pytest.approx([-1054.53, 1054.53], abs=0.005)
    official = 16.738776 * ALL - 1071.2776
    assert np.abs(strip_centre(ALL) - official).max() < 0.04


@pytest.mark.parametrize("strip", [0, 128, [1, -1], 1.0])
def test_strips_that_do_not_exist(strip: object) -> None:
    with pytest.raises(AddressError, match=r"not an integer in 1\.\.127"):
        strip_centre(strip)  # type: ignore[arg-type]


@given(st.integers(1, 127), st.floats(-0.49, 0.49))
def test_nearest_strip(strip: int, shift: float) -> None:
    t = float(strip_centre(strip)) + shift * PLANE_SHAPE.strip_pitch_mm
    assert nearest_strip(t) == strip


def test_nearest_strip_outside() -> None:
    edge = 63.5 * PLANE_SHAPE.strip_pitch_mm
    assert nearest_strip([-edge - 0.1, edge + 0.1, math.nan, math.inf, -1e30]).tolist() == [0] * 5


def test_lengths() -> None:
    assert strip_length(64) == pytest.approx(2381.5, abs=0.05)
    assert strip_length([1, 127]) == pytest.approx([1240.1] * 2, abs=0.15)
    low, high = strip_ends(ALL)
    assert ALL[high < -low - 1e-9].tolist() == list(range(57, 72))


def test_ends_lie_on_the_outline() -> None:
    low, high = strip_ends(ALL)
    t = strip_centre(ALL)
    assert inside_outline(t, low + 0.01).all()
    assert inside_outline(t, high - 0.01).all()
    assert not inside_outline(t, low - 0.01).any()
    assert not inside_outline(t, high + 0.01).any()


def test_corners_of_the_outline() -> None:
    corners = outline()
    assert corners.shape == (7, 2)
    assert inside_outline(*(corners * 0.9999).T).all()
    assert not inside_outline(*(corners * 1.0001).T).any()
    assert np.allclose(corners[::-1][[0, 1]] * [-1, 1], corners[[2, 3]])
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    assert sides[2] == pytest.approx(sides[5], abs=1e-9)


def test_area_of_the_outline() -> None:
    t, l = outline().T  # noqa: E741
    area = abs(np.sum(t * np.roll(l, -1) - l * np.roll(t, -1))) / 2
    grid = np.arange(-1300, 1300, 4.0)
    inside = inside_outline(grid[:, None], grid[None, :])
    assert inside.sum() * 16 == pytest.approx(area, rel=2e-3)


def test_bases_alternate() -> None:
    odd, even = strip_section(63), strip_section(64)
    assert odd[:, 1].tolist() == [-8.5, -8.5, 8.5]
    assert even[:, 1].tolist() == [8.5, 8.5, -8.5]
    assert np.ptp(odd[:, 0]) == 33.0
    other = PLANE_SHAPE.replaced({"odd_base": "downstream"})
    assert (strip_section(63, other)[:, 1] == even[:, 1]).all()


def test_neighbours_cover_the_plane() -> None:
    """At any t the heights of the two strips there add up to the height of one, within the gap."""
    half, height = PLANE_SHAPE.strip_base_mm / 2, PLANE_SHAPE.strip_height_mm
    t = np.linspace(0, PLANE_SHAPE.strip_pitch_mm, 101)
    path = sum(
        np.clip(1 - np.abs(t - strip_centre(strip)) / half, 0, 1) * height for strip in (64, 65)
    )
    assert path.max() <= height
    assert path.min() > 0.97 * height


def test_outer_detector_has_as_many_bars_as_its_boards_have_pixels() -> None:
    assert PLANE_SHAPE.od_bars_per_frame == 48
    assert 44 * PLANE_SHAPE.od_bars_per_frame == 33 * 64
