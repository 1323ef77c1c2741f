"""Showers: profile, sampling, conservation of energy."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mx2prod.detector import Form, GapMaterial, Planes
from mx2prod.simulation.beam import parameter_row
from mx2prod.simulation.columns import DEPOSIT_DTYPE, PARTICLE_DTYPE, VERTEX_DTYPE
from mx2prod.simulation.layers import Layers
from mx2prod.simulation.random_kernels import normal_table, start
from mx2prod.simulation.showers_kernels import depth_at, gamma_share, shower
from mx2prod.simulation.strips_kernels import MAX_CROSSINGS
from mx2prod.simulation.tracks_kernels import TRACK_DTYPE, Output, World
from tests.simulation.beam_spec import beam_spec

PLANES = Planes.load()
NO = np.zeros(len(PLANES))
STACK = Layers.of(PLANES, GapMaterial(), NO, NO)


def world(**particles: float) -> World:
    params = parameter_row(beam_spec(particles=particles), STACK)
    return World(params, STACK.shape, STACK.layers, STACK.planes, STACK.materials, normal_table())


def shower_from(
    z: float, energy: float, *, number: int = 1, uz: float = 1.0, **particles: float
) -> tuple[np.ndarray, np.ndarray]:
    """Deposits of one shower on the axis, and where it ends."""
    state = np.zeros(11, np.uint32)
    start(state, 5, 1, 1, number, 2, 0)
    tracks, last = np.zeros(2, TRACK_DTYPE), np.zeros(1, TRACK_DTYPE)
    track = tracks[0]
    track["z"], track["uz"], track["ux"] = z, uz, math.sqrt(1 - uz * uz)
    track["time"], track["kinetic"], track["alive"] = 100.0, energy, 1
    counts = np.zeros(3, np.int64)
    deposits = np.zeros(5_000, DEPOSIT_DTYPE)
    out = Output(np.zeros(1, PARTICLE_DTYPE), np.zeros(1, VERTEX_DTYPE), deposits, counts)
    found = np.zeros((MAX_CROSSINGS, 3))
    shower(world(**particles), out, state, track, 4, 9, last[0], found)
    assert np.all(found == 0)
    return deposits[: counts[2]], last


def plain_gamma_share(shape: float, x: float) -> float:
    """Trapezoids in u, with t = x u^4 so that the integrand is smooth at 0."""
    u = np.linspace(0, 1, 20_001)[1:]
    t = x * u**4
    values = np.exp((shape - 1) * np.log(t) - t - math.lgamma(shape)) * 4 * x * u**3
    return float(np.sum((values[1:] + values[:-1]) / 2) * (u[1] - u[0]))


@given(st.floats(1.0, 8.0), st.floats(0.001, 40.0))
@settings(max_examples=60, deadline=None)
def test_gamma_share_is_the_integral(shape: float, x: float) -> None:
    assert gamma_share(shape, x) == pytest.approx(plain_gamma_share(shape, x), abs=2e-6)


def test_gamma_share_of_exponential() -> None:
    assert gamma_share(1.0, 2.0) == pytest.approx(1 - math.exp(-2), rel=1e-12)
    assert gamma_share(1.0, 30.0) == pytest.approx(1, rel=1e-12)
    assert gamma_share(3.0, 0.0) == 0


def test_depth_counts_every_full_layer() -> None:
    here = world()
    lengths = STACK.materials["radiation_mm"]
    for z in (PLANES.z[0], PLANES.z[30] + 3.0, 7_000.0, PLANES.z[50] + 10.0, PLANES.z[75]):
        layers = STACK.layers[STACK.layers["form"] != Form.RING]
        inside = np.clip(z - layers["low"], 0, layers["high"] - layers["low"])
        assert depth_at(here, z) == pytest.approx(np.sum(inside / lengths[layers["medium"]]))


def test_energy_of_contained_showers_is_conserved() -> None:
    """Seen energy over the share of the strips is the energy, less what leaves behind.

    From the middle of the ECAL; noise of 3 % of each plane.
    """
    energy, z = 500.0, float(PLANES.z[44]) - 8.5
    seen = np.zeros((60, 76))
    for number, row in enumerate(seen):
        deposits, _ = shower_from(z, energy, number=number)
        np.add.at(row, deposits["strip"] // 127, deposits["energy"])
    total = seen / STACK.planes["share"]
    depth = depth_at(world(), PLANES.z[75] + 8.5) - depth_at(world(), z)
    rise = 1 + 0.5 * (math.log(energy / 30.0) + 0.5)
    contained = plain_gamma_share(rise, 0.5 * depth)
    assert contained > 0.97
    assert total.sum(axis=1).mean() == pytest.approx(energy * contained, rel=0.01)
    assert 0.001 < total.sum(axis=1).std() / energy < 0.02


def test_depth_profile() -> None:
    """Centre of gravity of a gamma profile: a/b radiation lengths."""
    energy, z = 300.0, float(PLANES.z[44]) - 8.5
    here, depths, weights = world(), [], []
    start_depth = depth_at(here, z)
    for number in range(40):
        deposits, _ = shower_from(z, energy, number=number, shower_noise=0.0)
        plane = deposits["strip"] // 127
        rows = STACK.planes[plane]
        middle = [(depth_at(here, a) + depth_at(here, b)) / 2 for a, b in rows[["low", "high"]]]
        depths.extend(np.array(middle) - start_depth)
        weights.extend(deposits["energy"] / rows["share"])
    rise = 1 + 0.5 * (math.log(energy / 30.0) + 0.5)
    assert np.average(depths, weights=weights) == pytest.approx(rise / 0.5, rel=0.03)


def test_width_is_exponential() -> None:
    """Mean square of t for an exponential radius of mean 40 mm: 40^2."""
    squares, weights = [], []
    for number in range(60):
        deposits, _ = shower_from(float(PLANES.z[44]) - 8.5, 400.0, number=number)
        squares.extend(deposits["t_mm"].astype(float) ** 2)
        weights.extend(deposits["energy"])
    assert math.sqrt(np.average(squares, weights=weights)) == pytest.approx(40.0, rel=0.04)


def test_rows_of_a_shower() -> None:
    deposits, last = shower_from(float(PLANES.z[44]), 200.0)
    assert np.all(deposits["gate"] == 4)
    assert np.all(deposits["particle"] == 9)
    assert np.all(np.diff(deposits["time_ns"]) >= 0)
    plane = deposits["strip"] // 127
    assert plane.min() == 44
    flight = np.maximum(PLANES.z[plane] - PLANES.z[44], 0) / 299.792458
    np.testing.assert_allclose(deposits["time_ns"], 100 + flight, rtol=1e-5)
    np.testing.assert_allclose(
        deposits["energy_birks"] / deposits["energy"], 1 / (1 + 0.0905 * 0.202), rtol=1e-6
    )
    centres = 16.7386 * (deposits["strip"] % 127 - 63)
    assert np.all(np.abs(deposits["t_mm"] - centres) <= 16.7386 / 2 + 1e-3)
    assert last["z"][0] == PLANES.z[plane.max()]


def test_oblique_showers_move_sideways() -> None:
    deposits, _ = shower_from(float(PLANES.z[44]) - 8.5, 2_000.0, uz=0.8)
    x_planes = PLANES.view[deposits["strip"] // 127] == 1
    rows = deposits[x_planes]
    distance = PLANES.z[rows["strip"] // 127] - (PLANES.z[44] - 8.5)
    slope = np.polyfit(distance, rows["t_mm"], 1, w=np.sqrt(rows["energy"]))[0]
    assert slope == pytest.approx(0.75, abs=0.05)


@pytest.mark.parametrize("energy", [2.0, 10.0])
def test_showers_below_the_critical_energy_fall_off(energy: float) -> None:
    deposits, _ = shower_from(float(PLANES.z[0]) - 8.5, energy)
    per_plane = np.bincount(deposits["strip"] // 127, deposits["energy"])
    assert per_plane.sum() <= energy * 1.1
    assert per_plane[0] > 0
