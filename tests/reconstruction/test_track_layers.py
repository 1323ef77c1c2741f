"""Material between planes against the numbers of the page, and against its own pieces."""

from __future__ import annotations

import numpy as np
import pytest

from mx2prod.core.errors import UsageError
from mx2prod.detector import GapMaterial, Medium
from mx2prod.reconstruction import RecoConfig, TrackLayers
from mx2prod.reconstruction.material_kernels import (
    cross,
    cross_planes,
    energy_of_reach,
    kinetic_of,
    momentum_of,
)
from tests.reconstruction.making import MATERIALS, MUON, PLANES, bethe

LAYERS = TrackLayers.of(PLANES, GapMaterial(), mass=MUON, z_match=-700.0)
STACK = LAYERS.stack
AXIS = np.zeros(4)
MINIMUM = 350.0
"""Momentum of a muon at minimum ionisation, MeV/c."""


def lost(first: int, last: int, momentum: float) -> float:
    kinetic = kinetic_of(momentum, MUON)
    moments = np.zeros(3)
    z = STACK.planes["z"]
    return kinetic - cross(STACK, first, z[first], z[last], AXIS, kinetic, MUON, moments)


def radiation(first: int, last: int) -> float:
    z = STACK.planes["z"]
    own = STACK.pieces[
        (STACK.pieces["low"] >= z[first])
        & (STACK.pieces["high"] <= z[last])
        & (STACK.pieces["ring"] == 0)
    ]
    return float(np.sum((own["high"] - own["low"]) * own["per_mm"]))


def test_radiation_lengths_are_those_of_the_page() -> None:
    """Reconstruction page, section 2: US 1.2, gap 10.4, DS 27 (with steel 10.4)."""
    assert radiation(0, 23) == pytest.approx(1.2, rel=0.3)
    assert radiation(23, 24) == pytest.approx(10.4, rel=0.02)
    assert radiation(24, 75) == pytest.approx(27.0, rel=0.05)


@pytest.mark.parametrize(
    ("first", "last", "energy"), [(0, 23, 81.0), (24, 43, 71.0), (44, 63, 121.0), (64, 75, 390.0)]
)
def test_energy_loss_is_that_of_the_page_at_minimum(first: int, last: int, energy: float) -> None:
    """Sums of section 2 over the planes of a part; half a plane at each end is not crossed."""
    inside = sum(lost(k, k + 1, MINIMUM) for k in range(first, last))
    half = 3.4 if first < 44 else (3.4 + 2.5 if first < 64 else 3.4 + 29)
    assert inside + half == pytest.approx(energy, rel=0.06)


def test_gap_takes_about_300_mev() -> None:
    assert lost(23, 24, 1500.0) == pytest.approx(297.0, rel=0.12)


def test_loss_and_range_are_bethe() -> None:
    energies = np.geomspace(0.5, 1e6, STACK.loss.shape[1])
    momenta = np.sqrt(energies * (energies + 2 * MUON))
    use = momenta > 30.0
    for medium in Medium:
        np.testing.assert_allclose(STACK.loss[medium][use], bethe(momenta[use], medium), rtol=1e-9)
        fine = np.geomspace(energies[100], energies[300], 200_001)
        inverse = 1 / bethe(np.sqrt(fine * (fine + 2 * MUON)), medium)
        path = np.sum(0.5 * (inverse[1:] + inverse[:-1]) * np.diff(fine))
        table = STACK.reach[medium][300] - STACK.reach[medium][100]
        assert table == pytest.approx(path, rel=1e-3)
        assert energy_of_reach(STACK.reach[medium], STACK.reach[medium][200]) == pytest.approx(
            energies[200]
        )


@pytest.mark.parametrize("momentum", [700.0, 3000.0, 20000.0])
@pytest.mark.parametrize("ends", [(0, 23), (24, 63), (24, 75), (75, 24), (23, 0), (20, 30)])
@pytest.mark.parametrize("slope", [0.0, 0.3])
def test_intervals_added_up_are_the_pieces(
    momentum: float, ends: tuple[int, int], slope: float
) -> None:
    """Thin intervals cross with one energy, so that momenta differ a little inside them."""
    state = np.array([-200.0, 100.0, slope, -0.5 * slope])
    one, two, spare = np.zeros(3), np.zeros(3), np.zeros(3)
    z = STACK.planes["z"]
    kinetic = kinetic_of(momentum, MUON)
    by_piece = cross(STACK, ends[0], z[ends[0]], z[ends[1]], state, kinetic, MUON, one)
    added = cross_planes(STACK, *ends, state, kinetic, MUON, two, spare)
    assert added == pytest.approx(by_piece, rel=2e-3, abs=1.0)
    np.testing.assert_allclose(two, one, rtol=0.02 if by_piece > 100 else 0.2)


def test_ring_is_crossed_only_where_it_is() -> None:
    moments = np.zeros(3)
    z = STACK.planes["z"]
    sums = []
    for x in (0.0, 990.0, 1068.0):
        state = np.array([x, 0.0, 0.0, 0.0])
        cross(STACK, 0, z[0], z[1], state, 3000.0, MUON, moments)
        sums.append(moments[0])
    assert sums[0] == sums[2]
    assert sums[1] > 3 * sums[0]


def test_up_and_down_are_inverse() -> None:
    moments = np.zeros(3)
    z = STACK.planes["z"]
    kinetic = kinetic_of(3000.0, MUON)
    there = cross(STACK, 0, z[0], z[75], AXIS, kinetic, MUON, moments)
    back = cross(STACK, 75, z[75], z[0], AXIS, there, MUON, moments)
    assert momentum_of(back, MUON) == pytest.approx(3000.0, rel=2e-3)


def test_a_dead_plane_that_does_not_exist_is_refused() -> None:
    with pytest.raises(UsageError, match="0 to 75"):
        TrackLayers.of(PLANES, GapMaterial(), mass=MUON, z_match=-700.0, dead=[76])


def test_configuration_refuses_unknown_words() -> None:
    with pytest.raises(ValueError, match="seed_chi"):
        RecoConfig.model_validate({"seeds": {"seed_chi": 3}})
    assert MATERIALS["density"][Medium.LEAD] == pytest.approx(11.35)
