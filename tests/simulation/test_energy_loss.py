"""Energy loss and scattering against Bethe, Landau and Highland, written down a second time."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numba import njit

from mx2prod.detector import PLANE_SHAPE, Medium, Response, material_table
from mx2prod.detector.energy_loss_kernels import highland_angle, largest_transfer, mean_loss
from mx2prod.simulation.energy_loss_kernels import lose, lose_in_step, scatter
from mx2prod.simulation.random_kernels import normal_table, start
from mx2prod.simulation.tracks_kernels import TRACK_DTYPE

MATERIALS = material_table()
NORMALS = normal_table()
MUON, PROTON, ELECTRON = 105.6583755, 938.27209, 0.51099895
EVERYTHING = 1e9
"""Nothing that a knock-on electron carries escapes."""


def stream(number: int) -> np.ndarray:
    state = np.zeros(11, np.uint32)
    start(state, 3, 1, 1, number, 2, 1)
    return state


def delta_of(bg: float, row: Any) -> float:
    """Density effect of Sternheimer."""
    x = math.log10(bg)
    if x < row["x0"]:
        return float(row["delta0"] * 10 ** (2 * (x - row["x0"])))
    tail = row["a"] * (row["x1"] - x) ** row["k"] if x < row["x1"] else 0.0
    return float(2 * math.log(10) * x - row["c"] + tail)


def plain_bethe(momentum: float, mass: float, row: Any) -> float:
    """Mean loss in MeV/mm, from momentum and energy rather than beta gamma."""
    energy = math.hypot(momentum, mass)
    beta, gamma = momentum / energy, energy / mass
    top = 2 * ELECTRON * (beta * gamma) ** 2
    top /= 1 + 2 * gamma * ELECTRON / mass + (ELECTRON / mass) ** 2
    log = math.log(2 * ELECTRON * (beta * gamma) ** 2 * top / row["excitation"] ** 2) / 2
    mass_loss = 0.307075 * row["z_over_a"] / beta**2
    mass_loss *= log - beta**2 - delta_of(beta * gamma, row) / 2
    return float(mass_loss * row["density"] / 10)


@pytest.mark.parametrize("medium", list(Medium))
@pytest.mark.parametrize("mass", [MUON, PROTON])
def test_mean_loss_is_that_of_bethe(medium: Medium, mass: float) -> None:
    for bg in (0.12, 0.5, 3.3, 40.0, 900.0):
        assert mean_loss(bg, mass, MATERIALS[medium]) == pytest.approx(
            plain_bethe(bg * mass, mass, MATERIALS[medium]), rel=1e-12
        )


@pytest.mark.parametrize(
    ("medium", "minimum"),
    [
        (Medium.SCINTILLATOR, 1.936),
        (Medium.LEAD, 1.122),
        (Medium.STEEL, 1.451),
        (Medium.ARGON, 1.508),
    ],
)
def test_smallest_loss_is_that_of_the_tables(medium: Medium, minimum: float) -> None:
    """Particle Data Group: minimum ionisation in MeV cm2/g."""
    row = MATERIALS[medium]
    losses = [mean_loss(bg, MUON, row) / row["density"] * 10 for bg in np.geomspace(2, 6, 60)]
    assert min(losses) == pytest.approx(minimum, rel=4e-3)


def test_smallest_loss_is_that_of_the_page() -> None:
    row = MATERIALS[Medium.SCINTILLATOR]
    smallest = min(mean_loss(bg, MUON, row) for bg in np.geomspace(2, 6, 60))
    assert 10 * smallest == pytest.approx(Response().muon_dedx_min, rel=5e-3)


def test_gap_has_the_radiation_lengths_and_loss_of_the_page() -> None:
    """Detector page, section 2.4: about 300 MeV, 9.3 + 1.1 radiation lengths."""
    argon, steel = MATERIALS[Medium.ARGON], MATERIALS[Medium.STEEL]
    assert 1300 / argon["radiation_mm"] == pytest.approx(9.3, abs=0.05)
    assert 20 / steel["radiation_mm"] == pytest.approx(1.1, abs=0.05)
    loss = 1300 * mean_loss(4.0, MUON, argon) + 20 * mean_loss(4.0, MUON, steel)
    assert loss == pytest.approx(300, rel=0.05)


@njit
def _losses(
    state: Any, table: Any, bg: float, mass: float, path: float, row: Any, cut: float,
    escape: float, out: Any,
) -> None:  # fmt: skip
    for k in range(out.shape[0]):
        out[k] = lose_in_step(state, table, bg, mass, path, row, cut, escape)


def losses(bg: float, mass: float, path: float, *, cut: float, escape: float, n: int) -> np.ndarray:
    out = np.empty((n, 3))
    row = MATERIALS[Medium.SCINTILLATOR]
    _losses(stream(1), NORMALS, bg, mass, path, row, cut, escape, out)
    return out


@pytest.mark.parametrize("path", [0.5, 8.5, 17.0])
@pytest.mark.parametrize("bg", [1.0, 4.0, 40.0])
def test_mean_of_drawn_losses(path: float, bg: float) -> None:
    """Rare large transfers dominate the error; their variance is that of the spectrum."""
    n = 300_000
    drawn = losses(bg, MUON, path, cut=0.05, escape=EVERYTHING, n=n)[:, 0]
    row = MATERIALS[Medium.SCINTILLATOR]
    top, beta2 = largest_transfer(bg, MUON), bg**2 / (1 + bg**2)
    xi = 0.05 * 0.307075 * row["z_over_a"] * row["density"] / beta2 * path
    error = math.sqrt(xi * top * (1 - beta2 / 2) / n)
    assert abs(drawn.mean() - path * mean_loss(bg, MUON, row)) < 4.5 * error
    assert drawn.min() >= 0


def test_variance_of_drawn_losses_is_that_of_vavilov() -> None:
    """xi * T_max * (1 - beta^2/2); for a slow proton the tail is short enough to measure it."""
    n, bg, path = 300_000, 0.5, 17.0
    row = MATERIALS[Medium.SCINTILLATOR]
    beta2, top = bg**2 / (1 + bg**2), largest_transfer(bg, PROTON)
    xi = 0.05 * 0.307075 * row["z_over_a"] * row["density"] / beta2 * path
    drawn = losses(bg, PROTON, path, cut=0.05, escape=EVERYTHING, n=n)[:, 0]
    assert drawn.var() == pytest.approx(xi * top * (1 - beta2 / 2), rel=0.01)


def most_probable(values: np.ndarray) -> float:
    """Most probable value: top of a parabola through the logarithm of the histogram's peak."""
    counts, edges = np.histogram(values, bins=np.arange(1.5, 6, 0.05))
    centres = (edges[1:] + edges[:-1]) / 2
    near = counts > 0.7 * counts.max()
    curve = np.polyfit(centres[near], np.log(counts[near]), 2, w=np.sqrt(counts[near]))
    return float(-curve[1] / (2 * curve[0]))


def full_width(values: np.ndarray) -> float:
    """Full width at half maximum of a histogram, between its bins by a straight line."""
    counts, edges = np.histogram(values, bins=np.arange(1.5, 6, 0.05))
    centres, half = (edges[1:] + edges[:-1]) / 2, counts.max() / 2
    above = np.flatnonzero(counts > half)
    low, high = above[0], above[-1]
    left = np.interp(half, counts[low - 1 : low + 1], centres[low - 1 : low + 1])
    right = np.interp(-half, -counts[high : high + 2], centres[high : high + 2])
    return float(right - left)


@pytest.mark.parametrize("bg", [4.0, 40.0])
def test_most_probable_loss_is_that_of_landau(bg: float) -> None:
    """xi [ln(2 m b2g2/I) + ln(xi/I) + 0.2 - beta^2 - delta], and Landau's width of 4.02 xi."""
    row = MATERIALS[Medium.SCINTILLATOR]
    beta2, path = bg**2 / (1 + bg**2), 17.0
    xi = 0.05 * 0.307075 * row["z_over_a"] * row["density"] / beta2 * path
    expected = math.log(2 * ELECTRON * bg**2 / row["excitation"]) + math.log(xi / row["excitation"])
    expected = xi * (expected + 0.2 - beta2 - delta_of(bg, row))
    drawn = losses(bg, MUON, path, cut=0.05, escape=EVERYTHING, n=200_000)[:, 0]
    assert most_probable(drawn) == pytest.approx(expected, rel=0.01)
    assert full_width(drawn) == pytest.approx(4.02 * xi, rel=0.05)


def test_losses_do_not_depend_on_the_cut() -> None:
    fine = losses(40.0, MUON, 17.0, cut=0.02, escape=EVERYTHING, n=100_000)[:, 0]
    coarse = losses(40.0, MUON, 17.0, cut=0.1, escape=EVERYTHING, n=100_000)[:, 0]
    quantiles = [0.1, 0.25, 0.5, 0.75, 0.9]
    np.testing.assert_allclose(
        np.quantile(fine, quantiles), np.quantile(coarse, quantiles), rtol=0.012
    )


def test_what_stays_near_the_track() -> None:
    drawn = losses(40.0, MUON, 17.0, cut=0.05, escape=2.0, n=100_000)
    lost, near, knocked = drawn.T
    assert np.all(near <= lost + 1e-12)
    assert np.all(knocked <= near + 1e-12)
    assert np.mean(near < lost) == pytest.approx(0.146 / 2.0, rel=0.1)  # xi / escape
    assert near.mean() == pytest.approx(Response().muon_energy_mean, rel=0.03)


def new_track(kinetic: float, mass: float, uz: float = 1.0) -> Any:
    track = np.zeros(1, TRACK_DTYPE)
    track["kinetic"], track["mass"], track["alive"] = kinetic, mass, 1
    track["ux"], track["uz"] = math.sqrt(1 - uz * uz), uz
    return track


def plain_range(kinetic: float, mass: float) -> float:
    """Numerical integral of 1/Bethe, mm."""
    energies = np.linspace(0.005 * mass, kinetic, 20_001)
    momenta = np.sqrt(energies * (energies + 2 * mass))
    row = MATERIALS[Medium.SCINTILLATOR]
    inverse = np.array([1 / plain_bethe(p, mass, row) for p in momenta])
    return float(np.sum((inverse[1:] + inverse[:-1]) / 2 * np.diff(energies)))


@pytest.mark.parametrize(("kinetic", "grams"), [(100.0, 7.72), (200.0, 25.96)])
def test_protons_go_as_far_as_in_water(kinetic: float, grams: float) -> None:
    """ICRU: g/cm2 in water, which is alike to 5 %."""
    density = MATERIALS[Medium.SCINTILLATOR]["density"]
    assert plain_range(kinetic, PROTON) * density / 10 == pytest.approx(grams, rel=0.05)


@pytest.mark.parametrize(
    ("kinetic", "mass"), [(100.0, MUON), (300.0, MUON), (100.0, PROTON), (200.0, PROTON)]
)
def test_particles_range_out(kinetic: float, mass: float) -> None:
    row = MATERIALS[Medium.SCINTILLATOR]
    expected = plain_range(kinetic, mass)
    ranges = []
    state = stream(2)
    for _ in range(400):
        track = new_track(kinetic, mass)[0]
        used, near, _, _ = lose(state, NORMALS, track, 5_000.0, row, 0.05, EVERYTHING, 0.0905)
        ranges.append(used)
        assert track["alive"] == 0
        assert track["kinetic"] == 0
        assert near == pytest.approx(kinetic, rel=1e-9)
    error = np.std(ranges) / math.sqrt(len(ranges))
    assert np.mean(ranges) == pytest.approx(expected, abs=0.01 * expected + 4.5 * error)


def test_slow_particles_are_quenched_more() -> None:
    row, birks = MATERIALS[Medium.SCINTILLATOR], 0.0905
    shares = []
    for kinetic in (5_000.0, 200.0, 60.0):
        track = new_track(kinetic, PROTON)[0]
        _, near, quenched, _ = lose(stream(3), NORMALS, track, 5.0, row, 0.05, 2.0, birks)
        shares.append(quenched / near)
        bg = math.sqrt(kinetic * (kinetic + 2 * PROTON)) / PROTON
        assert shares[-1] == pytest.approx(1 / (1 + birks * mean_loss(bg, PROTON, row)), rel=0.02)
    assert shares[0] > shares[1] > shares[2]


def test_time_of_flight() -> None:
    track = new_track(100.0, PROTON)[0]
    lose(stream(4), NORMALS, track, 1.0, MATERIALS[Medium.SCINTILLATOR], 0.05, 2.0, 0.0)
    energy = 100.0 + PROTON
    beta = math.sqrt(energy**2 - PROTON**2) / energy
    assert track["time"] == pytest.approx(1.0 / (299.792458 * beta), rel=0.01)


def test_highland_angle() -> None:
    kinetic, thickness = 1_000.0, 1.5
    energy = kinetic + MUON
    momentum = math.sqrt(energy**2 - MUON**2)
    expected = 13.6 / (momentum * momentum / energy)
    expected *= math.sqrt(thickness) * (1 + 0.038 * math.log(thickness))
    assert highland_angle(kinetic, MUON, thickness) == pytest.approx(expected)
    assert highland_angle(kinetic, MUON, 0.0) == 0
    assert highland_angle(1.0, MUON, 10.0) == 0.5


@njit
def _scattered(state: Any, table: Any, tracks: Any, path: float, angle: float) -> None:
    for k in range(tracks.size):
        scatter(state, table, tracks[k], path, angle)


def test_scattering_turns_and_moves_as_a_thick_layer_does() -> None:
    n, path, angle = 100_000, 1_300.0, 0.01
    tracks = np.repeat(new_track(1_000.0, MUON), n)
    _scattered(stream(5), NORMALS, tracks, path, angle)
    assert np.all(tracks["z"] == 0)
    for turn, move in ((tracks["ux"], tracks["x"]), (tracks["uy"], tracks["y"])):
        assert turn.std() == pytest.approx(angle, rel=0.01)
        assert move.std() == pytest.approx(path * angle / math.sqrt(3), rel=0.01)
        assert np.corrcoef(turn, move)[0, 1] == pytest.approx(math.sqrt(3) / 2, abs=0.005)
    assert abs(np.corrcoef(tracks["ux"], tracks["uy"])[0, 1]) < 0.015
    norms = np.sqrt(tracks["ux"] ** 2 + tracks["uy"] ** 2 + tracks["uz"] ** 2)
    np.testing.assert_allclose(norms, 1, rtol=1e-14)


def test_scattering_of_an_oblique_track_keeps_to_its_own_axes() -> None:
    n, path, angle = 100_000, 100.0, 0.01
    before = new_track(1_000.0, MUON, uz=0.8)
    tracks = np.repeat(before, n)
    _scattered(stream(6), NORMALS, tracks, path, angle)
    along = tracks["ux"] * before["ux"] + tracks["uz"] * before["uz"]
    assert np.arccos(np.minimum(along, 1)).mean() == pytest.approx(
        angle * math.sqrt(math.pi / 2), rel=0.01
    )
    assert tracks["x"].std() == pytest.approx(path * angle / math.sqrt(3) / 0.8, rel=0.01)
    assert tracks["y"].std() == pytest.approx(path * angle / math.sqrt(3), rel=0.01)


def test_hydrogen_of_the_strips_is_that_of_polystyrene() -> None:
    """Why the scintillator has the numbers of polystyrene."""
    hydrogen = 1.008 / (1.008 + 12.011)
    assert PLANE_SHAPE.hydrogen_mass_fraction == pytest.approx(hydrogen, abs=2e-5)
