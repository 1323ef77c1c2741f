"""Strips crossed by straight lines: against the shapes of the detector room, and brute force."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mx2prod.core.errors import UsageError
from mx2prod.detector import (
    PLANE_SHAPE,
    Form,
    GapMaterial,
    Medium,
    Planes,
    inside_outline,
    strip_ends,
    strip_section,
    to_view,
)
from mx2prod.simulation import strips_kernels
from mx2prod.simulation.layers import Layers
from mx2prod.simulation.strips_kernels import (
    MAX_CROSSINGS,
    chord,
    hexagon_radius,
    strips_crossed,
    to_plane,
)

PLANES = Planes.load()
NO = np.zeros(len(PLANES))
STACK = Layers.of(PLANES, GapMaterial(), NO, NO)
SHAPE = STACK.shape[0]
HALF = PLANE_SHAPE.strip_height_mm / 2


def crossed(t: float, along: float, dt: float, dl: float) -> list[tuple[float, float, int]]:
    found = np.zeros((MAX_CROSSINGS, 3))
    n = strips_crossed(SHAPE, t, along, dt, dl, -HALF, HALF, found)
    return [(float(begin), float(end), int(strip)) for begin, end, strip in found[:n]]


def in_triangle(strip: int, t: np.ndarray, z: np.ndarray) -> np.ndarray:
    """Same side of all three edges, from the corners of the section."""
    corners = strip_section(strip)
    sides = []
    for first, second in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        edge = second - first
        sides.append(edge[0] * (z - first[1]) - edge[1] * (t - first[0]))
    return np.all(np.array(sides) >= 0, axis=0) | np.all(np.array(sides) <= 0, axis=0)


slopes = st.integers(-3_000, 3_000).map(lambda number: number / 1_000)
lines = st.tuples(st.floats(-1100, 1100), st.floats(-1300, 1300), slopes, slopes)


@given(lines)
@settings(max_examples=150, deadline=None)
def test_chords_are_those_of_numerical_integration(line: tuple[float, ...]) -> None:
    t, along, dt, dl = line
    step = 0.01
    z = np.arange(-HALF + step / 2, HALF, step)
    for begin, end, strip in crossed(*line):
        low, high = strip_ends(strip)
        on_strip = (along + dl * z >= low) & (along + dl * z <= high)
        inside = in_triangle(strip, t + dt * z, z) & on_strip
        assert end - begin == pytest.approx(np.count_nonzero(inside) * step, abs=2.1 * step)


@given(lines)
@settings(max_examples=150, deadline=None)
def test_no_strip_is_missed(line: tuple[float, ...]) -> None:
    t, along, dt, dl = line
    z = np.linspace(-HALF, HALF, 201)
    strips = {strip for _, _, strip in crossed(*line)}
    for strip in set(range(1, 128)) - strips:
        low, high = strip_ends(strip)
        on_strip = (along + dl * z >= low) & (along + dl * z <= high)
        # a line that only grazes a corner is no crossing
        assert np.count_nonzero(in_triangle(strip, t + dt * z, z) & on_strip) <= 1


@given(lines)
@settings(max_examples=100, deadline=None)
def test_crossings_are_in_order_and_do_not_overlap(line: tuple[float, ...]) -> None:
    found = crossed(*line)
    for (_, end, _), (begin, _, _) in pairwise(found):
        assert begin >= end - 1e-9


def test_paths_of_a_plane_add_up() -> None:
    """17/cos less the distance between strips: area of a triangle over the pitch."""
    rng = np.random.default_rng(4)
    sums, counts = [], []
    for t in rng.uniform(-800, 800, 4_000):
        found = crossed(t, 0.0, 0.1, 0.0)
        sums.append(sum(end - begin for begin, end, _ in found))
        counts.append(len(found))
    area = PLANE_SHAPE.strip_base_mm * PLANE_SHAPE.strip_height_mm / 2
    assert np.mean(sums) == pytest.approx(area / PLANE_SHAPE.strip_pitch_mm, rel=2e-3)
    assert 16.99 < max(sums) <= 17.0 + 1e-9
    assert 1.9 < np.mean(counts) < 2.1


def test_a_line_that_begins_inside_a_plane_has_only_the_rest() -> None:
    found = np.zeros((MAX_CROSSINGS, 3))
    n = strips_crossed(SHAPE, 0.0, 0.0, 0.0, 0.0, 2.0, HALF, found)
    assert found[:n, :2].min() == 2.0
    assert found[:n, :2].max() == HALF


def test_strip_ends_are_those_of_the_detector_room() -> None:
    ours = np.array([strips_kernels.strip_ends(SHAPE, strip) for strip in range(1, 128)])
    np.testing.assert_allclose(ours.T, strip_ends(np.arange(1, 128)), rtol=1e-14)


def test_turned_bases() -> None:
    """With the other orientation a line on the axis of an odd strip sees the mirrored triangle."""
    shape = STACK.shape.copy()
    begin, end = chord(shape[0], 65, 10.0, 0.0, 0.3, 0.0, -HALF, HALF)
    shape["odd_upstream"] = 0
    mirrored = chord(shape[0], 65, 10.0, 0.0, -0.3, 0.0, -HALF, HALF)
    assert mirrored == pytest.approx((-end, -begin))


@given(st.floats(-1500, 1500), st.floats(-1500, 1500))
@settings(max_examples=100, deadline=None)
def test_hexagon_is_the_outline_without_its_cut(x: float, y: float) -> None:
    inside = hexagon_radius(x, y) <= PLANE_SHAPE.outline_side_mm / 2
    for view in (1, 2, 3):
        t, along = to_view(x, y, view)
        if abs(t) <= PLANE_SHAPE.outline_side_mm / 2 and along <= PLANE_SHAPE.outline_cut_mm:
            assert bool(inside_outline(t, along)) == inside


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_true_plane_is_shifted_then_turned(plane: int) -> None:
    """A strip's centre line is t = t_s + shift + sin(rotation) l, to first order."""
    shift, rotation = 3.0, 4e-3
    stack = Layers.of(PLANES, GapMaterial(), NO + shift, NO + rotation)
    direction = np.array(to_view(np.eye(2)[0], np.eye(2)[1], PLANES.view[plane]))
    for along in (-800.0, 0.0, 800.0):
        t = 500.0 + shift + math.sin(rotation) * along
        x, y = np.linalg.solve(direction, [t, along])
        local = to_plane(stack.planes[plane], x, y)
        assert local[0] == pytest.approx(500.0, abs=0.01)
        assert math.hypot(*local) == pytest.approx(math.hypot(t - shift, along))


def test_layers_follow_each_other_without_overlap() -> None:
    layers = STACK.layers
    assert len(layers) == 76 + 76 + 3
    assert np.all(layers["low"][1:] >= layers["high"][:-1])
    counts = {(form, medium): 0 for form in Form for medium in Medium}
    for form, medium in layers[["form", "medium"]].tolist():
        counts[Form(form), Medium(medium)] += 1
    assert counts[Form.STRIPS, Medium.SCINTILLATOR] == 76
    assert counts[Form.RING, Medium.LEAD] == 43
    assert counts[Form.HEXAGON, Medium.LEAD] == 21
    assert counts[Form.HEXAGON, Medium.STEEL] == 12
    assert counts[Form.EVERYWHERE, Medium.ARGON] == 1
    assert counts[Form.EVERYWHERE, Medium.STEEL] == 2


def test_gap_is_between_modules_12_and_13() -> None:
    assert PLANES.module[STACK.downstream - 1 : STACK.downstream + 1].tolist() == [12, 13]
    gap = STACK.layers[STACK.layers["plane"] < 0]
    assert (gap["high"] - gap["low"]).tolist() == pytest.approx([10.0, 1300.0, 10.0])
    assert gap["low"][0] - PLANES.z[23] == pytest.approx(PLANES.z[24] - gap["high"][-1])


def test_depth_of_the_detector() -> None:
    """Radiation lengths on the axis: scintillator, 21 lead sheets, 12 steel plates, the gap."""
    last = STACK.layers[-1]
    total = last["depth"] + 17 / STACK.materials["radiation_mm"][Medium.SCINTILLATOR]
    scintillator = 76 * 1.7 * 1.043 / 43.79
    absorbers = 21 * 0.198 * 11.35 / 6.37 + (12 * 2.54 + 2) * 7.834 / 13.84
    assert total == pytest.approx(scintillator + absorbers + 130 * 1.396 / 19.55, rel=1e-6)


def test_interactions_go_with_mass() -> None:
    layers = STACK.layers
    assert layers["weight"].sum() == pytest.approx(1)
    assert np.all(layers["weight"][(layers["plane"] < 0) | (layers["form"] == Form.RING)] == 0)
    steel = layers["weight"][(layers["medium"] == Medium.STEEL) & (layers["plane"] >= 0)]
    masses = [12 * 2.54 * 7.834, 21 * 0.198 * 11.35, 76 * 1.7 * 1.043]
    assert steel.sum() == pytest.approx(masses[0] / sum(masses))


def test_share_of_showers_seen() -> None:
    """1 without absorber, about 0.57 with lead, 0.11 with steel (minimum-ionising losses)."""
    share = STACK.planes["share"]
    np.testing.assert_allclose(share[:43], 1)
    np.testing.assert_allclose(share[43:64], 3.43 / (3.43 + 2.52), rtol=0.01)
    np.testing.assert_allclose(share[64:], 3.43 / (3.43 + 28.9), rtol=0.01)


@pytest.mark.parametrize(
    ("gap", "shift", "message"),
    [
        ({"argon_mm": 3600.0}, NO, "3620 mm of gap material do not fit.* modules 12 and 13"),
        ({}, NO[:75], r"plane shift has shape \(75,\), expected \(76,\)"),
    ],
)
def test_what_does_not_fit_is_refused(gap: Any, shift: np.ndarray, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Layers.of(PLANES, GapMaterial(**gap), shift, NO)


def test_gap_without_material() -> None:
    stack = Layers.of(PLANES, GapMaterial(argon_mm=0, steel_mm=0), NO, NO)
    assert len(stack.layers) == 152
