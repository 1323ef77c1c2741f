"""When and where particles come from the beam: protons of a spill, buckets, rock muons."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import float32, float64, njit, types, uint32, uint64

from mx2prod.simulation.columns import Layer
from mx2prod.simulation.random_kernels import STATE_WORDS, exponential, normal, start, uniform
from mx2prod.simulation.strips_kernels import hexagon_radius

MUON_MASS = 105.6583755
MOST_BATCHES = 8

SPILL_STREAM = 0
GATE_STREAM = 1
"""Streams of ``Layer.BEAM``, in the place of the board."""

_BEAM = int(Layer.BEAM)
_SPREAD_OF_AXES = 1.0 / math.sqrt(3.0)


@njit(
    types.void(
        uint64, uint32, uint32, uint32[::1], float64, float64, float64, float32[::1], float64[::1]
    ),
    nogil=True,
    cache=True,
)
def fill_spills(
    seed: int,
    run: int,
    subrun: int,
    gates: Any,
    mean: float,
    spread: float,
    empty: float,
    normals: Any,
    protons: Any,
) -> None:
    """Draw the protons on target of spills.

    Parameters
    ----------
    seed, run, subrun : int
    gates : ndarray of uint32, shape (n,)
    mean : float
        Protons of a spill.
    spread : float
        Relative, one sigma; never below zero protons.
    empty : float
        Share of the spills without protons.
    normals : ndarray of float32
    protons : ndarray of float64, shape (n,)
        Filled.
    """
    state = np.empty(STATE_WORDS, np.uint32)
    for number in range(gates.size):
        start(state, seed, run, subrun, gates[number], _BEAM, SPILL_STREAM)
        factor = max(1.0 + spread * float(normal(state, normals)), 0.0)
        protons[number] = 0.0 if uniform(state) < empty else mean * factor


@njit(nogil=True)
def draw_batches(state: Any, normals: Any, params: Any, cumulative: Any) -> None:
    """Draw the intensities of the batches of a spill, as a cumulative share."""
    total = 0.0
    for batch in range(params["batches"]):
        total += max(1.0 + params["batch_spread"] * float(normal(state, normals)), 0.0)
        cumulative[batch] = total
    for batch in range(params["batches"]):
        cumulative[batch] = cumulative[batch] / total if total > 0.0 else 1.0


@njit(nogil=True)
def draw_bucket(state: Any, normals: Any, params: Any, cumulative: Any) -> Any:
    """Draw batch, bucket and time of a beam particle at the first layer.

    Returns
    -------
    batch, bucket : int
        From 0.
    time : float
        ns since the gate opened.
    """
    place = uniform(state)
    batch = 0
    while batch < params["batches"] - 1 and place > cumulative[batch]:
        batch += 1
    bucket = int(uniform(state) * params["filled_buckets"])
    centre = (batch * params["buckets_per_batch"] + bucket + 0.5) * params["bucket_ns"]
    bunch = params["bunch_sigma_ns"] * float(normal(state, normals))
    return batch, bucket, max(params["spill_start_ns"] + centre + bunch, 0.0)


@njit(nogil=True)
def set_direction(track: Any, slope_x: float, slope_y: float) -> None:
    """Give a track a direction with these slopes against z."""
    norm = math.sqrt(1.0 + slope_x**2 + slope_y**2)
    track["ux"], track["uy"], track["uz"] = slope_x / norm, slope_y / norm, 1.0 / norm


@njit(nogil=True)
def _normal_of_side(side: int) -> Any:
    """Outward normal of one of the six sides of the planes' hexagon."""
    return math.cos(side * math.pi / 3.0), math.sin(side * math.pi / 3.0)


@njit(nogil=True)
def _enter_side(world: Any, state: Any, track: Any) -> Any:
    """Put a track on a side of the downstream planes; false if it runs along the axis."""
    inward = 0.0
    for side in range(6):
        nx, ny = _normal_of_side(side)
        inward += max(-nx * track["ux"] - ny * track["uy"], 0.0)
    if inward <= 0.0:
        return False
    place = uniform(state) * inward
    side = -1
    while side < 5 and (side < 0 or place > 0.0):
        side += 1
        nx, ny = _normal_of_side(side)
        place -= max(-nx * track["ux"] - ny * track["uy"], 0.0)
    nx, ny = _normal_of_side(side)
    apothem = world.shape[0]["hexagon"]
    along = (2.0 * uniform(state) - 1.0) * apothem * _SPREAD_OF_AXES
    low = world.planes[world.params[0]["downstream"]]["low"]
    high = world.planes[world.planes.size - 1]["high"]
    track["x"], track["y"] = apothem * nx - along * ny, apothem * ny + along * nx
    track["z"] = low + (high - low) * uniform(state)
    return True


@njit(nogil=True)
def point_in_hexagon(state: Any, half: float, apothem: float) -> Any:
    """Draw x and y inside the planes' hexagon; candidates fill a square of side ``2 half``."""
    while True:
        x = half * (2.0 * uniform(state) - 1.0)
        y = half * (2.0 * uniform(state) - 1.0)
        if hexagon_radius(x, y) < apothem:
            return x, y


@njit(nogil=True)
def _enter_face(world: Any, state: Any, track: Any) -> None:
    """Put a track on the first layer, inside the outline of the planes."""
    half = 0.5 * world.params[0]["face_mm"]
    track["x"], track["y"] = point_in_hexagon(state, half, world.shape[0]["hexagon"])
    track["z"] = world.layers[0]["low"]


@njit(nogil=True)
def draw_rock_muon(world: Any, state: Any, track: Any) -> None:
    """Make a muon that enters the detector from the rock; time is left alone.

    Parameters
    ----------
    world : World
    state : ndarray
    track : record of TRACK_DTYPE
        Filled.
    """
    params = world.params[0]
    slope_x = params["muon_angle"] * float(normal(state, world.normals))
    slope_y = params["muon_angle"] * float(normal(state, world.normals))
    set_direction(track, math.tan(slope_x), math.tan(slope_y - params["beam_dip"]))
    energy = params["muon_energy_floor"] + params["muon_energy_mean"] * exponential(state)
    track["mass"] = MUON_MASS
    track["kinetic"] = max(energy - MUON_MASS, 0.0)
    track["alive"] = 1
    at_side = uniform(state) < params["side_fraction"]
    if not (at_side and _enter_side(world, state, track)):
        _enter_face(world, state, track)
