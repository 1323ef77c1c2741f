"""Straight pieces of a track through the layers of the detector: strips crossed, energy left.

Lengths in mm.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.detector import Form, Medium
from mx2prod.detector.energy_loss_kernels import beta_gamma_of, highland_angle
from mx2prod.simulation.energy_loss_kernels import LIGHT_SPEED, lose, scatter
from mx2prod.simulation.random_kernels import uniform
from mx2prod.simulation.strips_kernels import hexagon_radius, strips_crossed, to_plane

TRACK_DTYPE = np.dtype(
    [
        ("x", "<f8"),
        ("y", "<f8"),
        ("z", "<f8"),
        ("ux", "<f8"),  # direction; uz > 0
        ("uy", "<f8"),
        ("uz", "<f8"),
        ("time", "<f8"),
        ("kinetic", "<f8"),
        ("mass", "<f8"),
        ("alive", "<i8"),
    ]
)
"""A particle on its way."""

KNOCK_ON_CUT = 0.05
"""Knock-on electrons of a strip are drawn above it, MeV; their range is below 0.1 mm."""
KNOCK_ON_CUT_DEAD = 1.0
"""The same in what is not read out."""
SMALLEST_UZ = 0.1
"""A particle that turned further aside leaves the detector."""

_STRIPS = int(Form.STRIPS)
_HEXAGON = int(Form.HEXAGON)
_RING = int(Form.RING)
_SCINTILLATOR = int(Medium.SCINTILLATOR)


class World(NamedTuple):
    """What does not change from gate to gate; arrays of the dtypes of their modules."""

    params: Any
    shape: Any
    layers: Any
    planes: Any
    materials: Any
    normals: Any


class Output(NamedTuple):
    """Rows made so far; ``counts`` runs on when an array is full."""

    particles: Any
    vertices: Any
    deposits: Any
    counts: Any


@njit(nogil=True)
def put_deposit(
    out: Any,
    gate: int,
    particle: int,
    strip: int,
    time: float,
    path: float,
    energy: float,
    quenched: float,
    t: float,
    along: float,
) -> None:
    """Add a row to the deposits."""
    number = out.counts[2]
    out.counts[2] = number + 1
    if number >= out.deposits.size:
        return
    row = out.deposits[number]
    row["gate"], row["particle"], row["strip"] = gate, particle, strip
    row["time_ns"], row["path_mm"] = time, path
    row["energy"], row["energy_birks"] = energy, quenched
    row["t_mm"], row["l_mm"] = t, along


@njit(nogil=True)
def keep_place(track: Any, last: Any) -> None:
    """Note where and when a particle is."""
    last["x"], last["y"], last["z"] = track["x"], track["y"], track["z"]
    last["time"] = track["time"]


@njit(nogil=True)
def _coast(track: Any, z: float) -> None:
    """Fly straight to a z without loss."""
    path = (z - track["z"]) / track["uz"]
    beta_gamma = beta_gamma_of(track["kinetic"], track["mass"])
    track["x"] += path * track["ux"]
    track["y"] += path * track["uy"]
    track["time"] += path / LIGHT_SPEED * math.sqrt(1.0 + 1.0 / beta_gamma**2)
    track["z"] = z


@njit(nogil=True)
def _cross_strip(
    world: Any, out: Any, state: Any, track: Any, plane: int, strip: int, path: float, where: Any
) -> Any:
    """Leave energy in one strip, and a rare knock-on electron beside it."""
    params, shape = world.params[0], world.shape[0]
    begin = track["time"]
    used, near, quenched, knocked = lose(
        state, world.normals, track, path, world.materials[_SCINTILLATOR],
        KNOCK_ON_CUT, params["knock_on_escape"], params["birks"],
    )  # fmt: skip
    gate, particle, t, along = where
    time = 0.5 * (begin + track["time"])
    dense = plane * shape["strips"] + strip - 1
    moved = 0.0
    if uniform(state) < params["knock_on_neighbour"]:
        side = 1 if uniform(state) < 0.5 else -1
        if 1 <= strip + side <= shape["strips"]:
            moved = knocked
    scale = quenched / near if near > 0.0 else 1.0
    if near > moved:
        rest = near - moved
        put_deposit(out, gate, particle, dense, time, used, rest, scale * rest, t, along)
    if moved > 0.0:
        put_deposit(out, gate, particle, dense + side, time, 0.0, moved, scale * moved, t, along)
    return used


@njit(nogil=True)
def _cross_strips(
    world: Any, out: Any, state: Any, track: Any, layer: Any, gate: int, particle: int, found: Any
) -> Any:
    """Cross the strips of a plane; gives the path in them."""
    plane = world.planes[layer["plane"]]
    slope_x, slope_y = track["ux"] / track["uz"], track["uy"] / track["uz"]
    to_middle = plane["z"] - track["z"]
    x, y = track["x"] + slope_x * to_middle, track["y"] + slope_y * to_middle
    t, along = to_plane(plane, x, y)
    end_t, end_along = to_plane(plane, x + slope_x, y + slope_y)
    dt, dl = end_t - t, end_along - along
    n = strips_crossed(
        world.shape[0], t, along, dt, dl, -to_middle, layer["high"] - plane["z"], found
    )
    total = 0.0
    for row in range(n):
        begin, end, strip = found[row, 0], found[row, 1], int(found[row, 2])
        if begin + plane["z"] > track["z"]:
            _coast(track, begin + plane["z"])
        middle = 0.5 * (begin + end)
        where = (gate, particle, t + dt * middle, along + dl * middle)
        path = (end - begin) / track["uz"]
        used = _cross_strip(world, out, state, track, layer["plane"], strip, path, where)
        _advance(track, used)
        total += used
        if not track["alive"]:
            break
    return total


@njit(nogil=True)
def _advance(track: Any, path: float) -> None:
    """Move a particle whose time is already that of the end of the path."""
    track["x"] += path * track["ux"]
    track["y"] += path * track["uy"]
    track["z"] += path * track["uz"]


@njit(nogil=True)
def _is_in(shape: Any, layer: Any, x: float, y: float) -> Any:
    if layer["form"] == _HEXAGON:
        return hexagon_radius(x, y) < shape["hexagon"]
    if layer["form"] == _RING:
        return shape["ring_inner"] < hexagon_radius(x, y) < shape["ring_outer"]
    return True


@njit(nogil=True)
def _cross_slab(world: Any, state: Any, track: Any, layer: Any) -> Any:
    """Cross a layer that is not read out; gives the path in it."""
    path = (layer["high"] - track["z"]) / track["uz"]
    x, y = track["x"] + 0.5 * path * track["ux"], track["y"] + 0.5 * path * track["uy"]
    if not _is_in(world.shape[0], layer, x, y):
        return 0.0
    material = world.materials[layer["medium"]]
    escape = world.params[0]["knock_on_escape"]
    used, _, _, _ = lose(
        state, world.normals, track, path, material, KNOCK_ON_CUT_DEAD, escape, 0.0
    )
    _advance(track, used)
    return used


@njit(nogil=True)
def follow(
    world: Any, out: Any, state: Any, track: Any, gate: int, particle: int, last: Any, found: Any
) -> None:
    """Follow a charged particle downstream until it stops or leaves.

    Parameters
    ----------
    world : World
    out : Output
        Gets the deposits.
    state : ndarray
        Random stream of this particle.
    track : record of TRACK_DTYPE
        Changed.
    gate, particle : int
    last : record of TRACK_DTYPE
        Filled: the particle where it stopped, or behind the last material that it crossed.
    found : ndarray of float64, shape (MAX_CROSSINGS, 3)
        Work space.
    """
    keep_place(track, last)
    for row in range(world.layers.size):
        layer = world.layers[row]
        if layer["high"] <= track["z"]:
            continue
        if layer["low"] > track["z"]:
            _coast(track, layer["low"])
        before = track["kinetic"]
        if layer["form"] == _STRIPS:
            path = _cross_strips(world, out, state, track, layer, gate, particle, found)
        else:
            path = _cross_slab(world, state, track, layer)
        if path > 0.0:
            keep_place(track, last)
            if not track["alive"]:
                return
            lengths = path / world.materials[layer["medium"]]["radiation_mm"]
            kinetic = math.sqrt(before * track["kinetic"])
            angle = highland_angle(kinetic, track["mass"], lengths)
            scatter(state, world.normals, track, path, angle)
            if track["uz"] < SMALLEST_UZ:
                return
        if layer["high"] > track["z"]:
            _coast(track, layer["high"])
