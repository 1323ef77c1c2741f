"""Muons on straight lines with scattering in the real layers, and the clusters that they leave.

Written without the kernels: Bethe and Highland as in the particle-physics booklet, layer by layer.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np

from mx2prod.detector import (
    Form,
    GapMaterial,
    Planes,
    material_layers,
    material_table,
    to_view,
)
from mx2prod.reconstruction import CLUSTER_DTYPE

PLANES = Planes.load()
MATERIALS = material_table()
MUON, ELECTRON, LIGHT = 105.658, 0.51099895, 299.792458
RESOLUTION = 3.1
N_UPSTREAM, FIRST_HCAL = 24, 64
Array = np.ndarray[Any, Any]


def bethe(momentum: Array, medium: int) -> Array:
    """Mean energy loss, MeV/mm."""
    row = MATERIALS[medium]
    bg = momentum / MUON
    gamma2 = 1 + bg**2
    beta2 = bg**2 / gamma2
    top = (
        2 * ELECTRON * bg**2 / (1 + 2 * np.sqrt(gamma2) * ELECTRON / MUON + (ELECTRON / MUON) ** 2)
    )
    x = np.log10(bg)
    delta = np.where(x > row["x0"], 2 * np.log(10) * x - row["c"], 0.0)
    bend = row["a"] * np.clip(row["x1"] - x, 0, None) ** row["k"]
    delta = np.where(x > row["x0"], delta + bend, row["delta0"] * 10 ** (2 * (x - row["x0"])))
    logarithm = 0.5 * np.log(2 * ELECTRON * bg**2 * top / row["excitation"] ** 2)
    return np.asarray(
        0.0307075 * row["z_over_a"] * row["density"] / beta2 * (logarithm - beta2 - delta / 2)
    )


def hexagon(x: Array, y: Array) -> Array:
    return np.asarray(np.maximum(np.abs(x), 0.5 * (np.abs(x) + np.sqrt(3) * np.abs(y))))


@dataclass
class Muons:
    """Truth at the centre of each plane; NaN where a muon did not come."""

    state: Array
    momentum: Array

    def coordinates(self) -> Array:
        """True t, shape (n, n_planes)."""
        t, _ = to_view(self.state[:, :, 0], self.state[:, :, 1], PLANES.view)
        return t


def slabs(gap: GapMaterial) -> list[tuple[float, float, float, int, bool]]:
    """Low, high, radiation lengths of the whole layer, medium, ring; cut at planes and 50 mm."""
    rows = []
    for layer in material_layers(PLANES, gap):
        low, high = float(layer["low"]), float(layer["high"])
        whole = (high - low) / MATERIALS["radiation_mm"][layer["medium"]]
        cuts = [z for z in PLANES.z if low < z < high]
        cuts += list(np.arange(low + 50.0, high, 50.0)) if high - low > 60 else []
        edges = sorted([low, *cuts, high])
        rows += [
            (a, b, whole, int(layer["medium"]), layer["form"] == Form.RING)
            for a, b in pairwise(edges)
        ]
    return rows


def fly(
    rng: np.random.Generator,
    momentum: Array | float,
    start: Array,
    *,
    gap: GapMaterial | None = None,
    loss: bool = True,
    layers: list[tuple[float, float, float, int, bool]] | None = None,
) -> Muons:
    """Carry muons through the detector.

    ``start`` is x, y, ax, ay at the first plane, shape (n, 4), where the momentum is ``momentum``.
    """
    state = np.array(start, float)
    n = len(state)
    p = np.broadcast_to(np.asarray(momentum, float), (n,)).copy()
    out, momenta = np.full((n, len(PLANES), 4), np.nan), np.full((n, len(PLANES)), np.nan)
    z, plane = float(PLANES.z[0]), 0
    out[:, 0], momenta[:, 0] = state, p

    def record(to: float) -> None:
        nonlocal plane, z
        while plane + 1 < len(PLANES) and PLANES.z[plane + 1] <= to + 1e-9:
            plane += 1
            d = PLANES.z[plane] - z
            out[:, plane] = state
            out[:, plane, :2] += d * state[:, 2:]
            momenta[:, plane] = p

    for low, high, whole, medium, ring in layers or slabs(gap or GapMaterial()):
        if high <= z + 1e-9:
            continue
        record(low)
        state[:, :2] += (low - z) * state[:, 2:]
        z = low
        depth = high - low
        stretch = np.sqrt(1 + state[:, 2] ** 2 + state[:, 3] ** 2)
        path = depth * stretch
        middle = state[:, :2] + 0.5 * depth * state[:, 2:]
        inside = np.ones(n, bool)
        if ring:
            radius = hexagon(middle[:, 0], middle[:, 1])
            inside = (radius > PLANES.shape.lead_ring_inner_mm) & (
                radius < PLANES.shape.lead_ring_outer_mm
            )
        energy = np.sqrt(p**2 + MUON**2)
        lost = bethe(p, medium) * path * inside if loss else np.zeros(n)
        after = np.sqrt(np.clip((energy - lost) ** 2 - MUON**2, 0, None))
        after[energy - lost < MUON + 2.0] = np.nan
        beta = 0.5 * (p / energy + after / np.sqrt(after**2 + MUON**2))
        share = path / MATERIALS["radiation_mm"][medium]
        factor = 1 + 0.038 * np.log(whole * stretch)
        angle = 13.6 / (beta * np.sqrt(p * after)) * np.sqrt(share) * factor * inside
        # two directions across the track: along the slope, and square to it
        slope = np.hypot(state[:, 2], state[:, 3])
        safe = np.where(slope > 0, slope, 1.0)
        ex, ey = np.where(slope > 0, state[:, 2] / safe, 1.0), state[:, 3] / safe
        turn = rng.normal(size=(2, n)) * angle
        shift = rng.normal(size=(2, n)) * angle * path / np.sqrt(12) + 0.5 * path * turn
        along, across = turn[0] * stretch**2, turn[1] * stretch
        move, aside = shift[0] * stretch, shift[1]
        state[:, 0] += depth * state[:, 2] + move * ex - aside * ey
        state[:, 1] += depth * state[:, 3] + move * ey + aside * ex
        state[:, 2] += along * ex - across * ey
        state[:, 3] += along * ey + across * ex
        p, z = after, high
        record(high)
    record(float(PLANES.z[-1]))
    return Muons(out, momenta)


def starts(rng: np.random.Generator, n: int, spread: float = 0.1, size: float = 500.0) -> Array:
    """Random starts that stay inside: spread of slopes, and half width of positions, mm."""
    return np.column_stack(
        [rng.uniform(-size, size, (n, 2)), np.clip(rng.normal(0, spread, (n, 2)), -0.3, 0.3)]
    )


def clusters_of(
    rng: np.random.Generator, t: Array, plane: Array, *, number: int = 1, time: Array | float = 0.0
) -> Array:
    """Trackable clusters at true coordinates, measured with the resolution."""
    rows = np.zeros(len(t), CLUSTER_DTYPE)
    rows["plane"], rows["type"], rows["slice"] = plane, 1, number
    rows["coord"] = t + rng.normal(0, RESOLUTION, len(t))
    rows["err"], rows["width"] = RESOLUTION, 33.0
    rows["tpos1"], rows["tpos2"] = rows["coord"] - 8.4, rows["coord"] + 8.4
    rows["e"], rows["pe"] = 3.0 + rng.exponential(0.5, len(t)), 17.0
    rows["t"] = time + rng.normal(0, 3.0, len(t))
    rows["n_digits"] = 2
    return rows


@dataclass
class Gates:
    """Clusters of gates with their truth: the muon of each cluster, -1 for noise."""

    clusters: Array
    offset: Array
    owner: Array
    muons: list[Muons] = field(default_factory=list)


def make_gates(
    rng: np.random.Generator,
    n_gates: int,
    muons: int,
    *,
    noise: int = 0,
    momentum: tuple[float, float] = (2000.0, 20000.0),
    missing: float = 0.02,
    same_slice: bool = False,
    planes: Array | None = None,
) -> Gates:
    """Muons and single noise clusters; each muon has a slice of its own, or all have the first."""
    rows, owners, sizes, truth = [], [], [], []
    for _ in range(n_gates):
        p = momentum[0] * (momentum[1] / momentum[0]) ** rng.random(muons)
        flown = fly(rng, p, starts(rng, muons, 0.08, 400.0))
        truth.append(flown)
        t = flown.coordinates()
        own, who = [], []
        for number in range(muons):
            inside = hexagon(flown.state[number, :, 0], flown.state[number, :, 1]) < 1060
            hit = np.isfinite(t[number]) & inside & (rng.random(len(PLANES)) > missing)
            if planes is not None:
                hit &= planes
            places = np.flatnonzero(hit)
            flight = (PLANES.z[places] - PLANES.z[0]) / LIGHT
            time = 1000.0 * number * (not same_slice) + flight
            slice_number = 1 if same_slice else number + 1
            own.append(clusters_of(rng, t[number, places], places, number=slice_number, time=time))
            who.append(np.full(len(places), number))
        places = rng.integers(0, len(PLANES), noise)
        own.append(clusters_of(rng, rng.uniform(-1000, 1000, noise), places))
        own[-1]["slice"] = 1 if same_slice else rng.integers(1, muons + 1, noise)
        who.append(np.full(noise, -1))
        mixed = rng.permutation(sum(len(part) for part in own))
        rows.append(np.concatenate(own)[mixed])
        owners.append(np.concatenate(who)[mixed])
        sizes.append(len(mixed))
    offset = np.concatenate([[0], np.cumsum(sizes)])
    return Gates(np.concatenate(rows), offset, np.concatenate(owners), truth)
