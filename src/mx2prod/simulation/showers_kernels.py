"""Electromagnetic showers: a gamma profile in depth, an exponential one across.

Profile: Particle Data Group, passage of particles through matter (Longo and Sestili).  A shower
goes straight on; its strips get the share of energy that minimum-ionising electrons would leave.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.detector import Form
from mx2prod.simulation.energy_loss_kernels import LIGHT_SPEED
from mx2prod.simulation.random_kernels import exponential, normal, uniform
from mx2prod.simulation.strips_kernels import strip_ends, to_plane
from mx2prod.simulation.tracks_kernels import keep_place, put_deposit

FALL = 0.5
"""b of the profile b (b t)^(a-1) exp(-b t) / Gamma(a)."""
CRITICAL_ENERGY = 30.0
"""MeV; between that of scintillator and those of steel and lead."""
QUANTUM = 0.5
"""The energy in a plane is spread in pieces of this size, MeV."""
MOST_QUANTA = 1000

_RING = int(Form.RING)
_TERMS = 500
_PRECISION = 1e-12
_TINY = 1e-300


@njit(nogil=True)
def gamma_share(shape: float, x: float) -> Any:
    """Integral of the gamma distribution from 0 to x (regularised incomplete gamma function)."""
    if x <= 0.0:
        return 0.0
    front = math.exp(shape * math.log(x) - x - math.lgamma(shape))
    if x < shape + 1.0:
        term = 1.0 / shape
        total = term
        for n in range(1, _TERMS):
            term *= x / (shape + n)
            total += term
            if term < _PRECISION * total:
                break
        return front * total
    return 1.0 - front * _upper_fraction(shape, x)


@njit(nogil=True)
def _upper_fraction(shape: float, x: float) -> Any:
    """Continued fraction of the upper integral, by Lentz's method."""
    b = x + 1.0 - shape
    c = 1.0 / _TINY
    d = 1.0 / b
    value = d
    for n in range(1, _TERMS):
        a = -n * (n - shape)
        b += 2.0
        d = 1.0 / (a * d + b)
        c = b + a / c
        value *= c * d
        if abs(c * d - 1.0) < _PRECISION:
            break
    return value


@njit(nogil=True)
def depth_at(world: Any, z: float) -> Any:
    """Radiation lengths on the axis from the first layer to a z."""
    depth = 0.0
    for row in range(world.layers.size):
        layer = world.layers[row]
        if layer["low"] > z:
            break
        inside = min(z, layer["high"]) - layer["low"]
        on_axis = layer["form"] != _RING
        length = world.materials[layer["medium"]]["radiation_mm"]
        depth = layer["depth"] + (inside / length if on_axis else 0.0)
    return depth


@njit(nogil=True)
def _spread(
    world: Any, state: Any, plane: Any, x: float, y: float, energy: float, found: Any
) -> Any:
    """Share energy out between strips: found[strip] = energy, energy * t, energy * l."""
    params, shape = world.params[0], world.shape[0]
    pieces = min(max(1, int(energy / QUANTUM + 0.5)), MOST_QUANTA)
    piece = energy / pieces
    first, last = shape["strips"] + 1, 0
    for _ in range(pieces):
        radius = params["shower_radius"] * exponential(state)
        angle = 2.0 * math.pi * uniform(state)
        t, along = to_plane(plane, x + radius * math.cos(angle), y + radius * math.sin(angle))
        strip = math.floor(t / shape["pitch"] + 0.5) + shape["middle"]
        if strip < 1 or strip > shape["strips"]:
            continue
        low, high = strip_ends(shape, strip)
        if along < low or along > high:
            continue
        found[strip - 1, 0] += piece
        found[strip - 1, 1] += piece * t
        found[strip - 1, 2] += piece * along
        first, last = min(first, strip), max(last, strip)
    return first, last


@njit(nogil=True)
def shower(
    world: Any, out: Any, state: Any, track: Any, gate: int, particle: int, last: Any, found: Any
) -> None:
    """Let a photon or electron shower, downstream of where it is.

    Parameters
    ----------
    world, out, state, gate, particle
        As of ``tracks_kernels.follow``.
    track : record of TRACK_DTYPE
        ``kinetic`` is the energy of the shower.
    last : record of TRACK_DTYPE
        Filled: where the axis leaves the last plane with a deposit.
    found : ndarray of float64, shape (127, 3)
        Work space; zero before and after.
    """
    params, shape = world.params[0], world.shape[0]
    start = depth_at(world, track["z"])
    rise = max(1.0 + FALL * (math.log(track["kinetic"] / CRITICAL_ENERGY) + 0.5), 1.0)
    quench = 1.0 / (1.0 + params["birks"] * params["minimum_loss"])
    keep_place(track, last)
    for row in range(world.planes.size):
        plane = world.planes[row]
        if plane["high"] <= track["z"]:
            continue
        begin = max(depth_at(world, plane["low"]) - start, 0.0) / track["uz"]
        end = (depth_at(world, plane["high"]) - start) / track["uz"]
        profile = gamma_share(rise, FALL * end) - gamma_share(rise, FALL * begin)
        noise = 1.0 + params["shower_noise"] * float(normal(state, world.normals))
        energy = track["kinetic"] * profile * plane["share"] * max(noise, 0.0)
        path = max(plane["z"] - track["z"], 0.0) / track["uz"]
        x, y = track["x"] + path * track["ux"], track["y"] + path * track["uy"]
        if energy < params["shower_least"] or max(abs(x), abs(y)) > 2.0 * shape["hexagon"]:
            continue
        time = track["time"] + path / LIGHT_SPEED
        low, high = _spread(world, state, plane, x, y, energy, found)
        for strip in range(low, high + 1):
            left = found[strip - 1, 0]
            if left > 0.0:
                put_deposit(
                    out, gate, particle, row * shape["strips"] + strip - 1, time, 0.0,
                    left, left * quench, found[strip - 1, 1] / left, found[strip - 1, 2] / left,
                )  # fmt: skip
                last["x"], last["y"], last["z"], last["time"] = x, y, plane["z"], time
            found[strip - 1, 0], found[strip - 1, 1], found[strip - 1, 2] = 0.0, 0.0, 0.0
