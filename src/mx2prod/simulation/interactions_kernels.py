"""Neutrino-like interactions: a vertex and simple particles, for occupancy and truth matching.

Not a model of neutrino physics (detector page, section 7.2); numbers stand in ``spec.particles``.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.detector import Medium
from mx2prod.simulation.beam_kernels import MUON_MASS, point_in_hexagon, set_direction
from mx2prod.simulation.random_kernels import exponential, normal, uniform

PION_MASS = 139.57039
PROTON_MASS = 938.27209
MUON, PION, PROTON, PHOTON = 13, 211, 2212, 22
MOST_DAUGHTERS = 64
LARGEST_ANGLE = 1.2
"""rad to the beam."""

_ARGON = int(Medium.ARGON)


@njit(nogil=True)
def draw_vertex(world: Any, state: Any) -> Any:
    """Draw where an interaction is.

    Returns
    -------
    x, y, z : float, mm
    region : int
        1 upstream planes, 2 liquid argon, 3 downstream planes.
    """
    params = world.params[0]
    in_argon = uniform(state) < params["argon_fraction"]
    place = uniform(state)
    chosen = -1
    for row in range(world.layers.size):
        layer = world.layers[row]
        if in_argon and layer["medium"] == _ARGON:
            chosen = row
        if not in_argon and place >= 0.0 and layer["weight"] > 0.0:
            chosen = row
            place -= layer["weight"]
    layer = world.layers[chosen]
    z = layer["low"] + (layer["high"] - layer["low"]) * uniform(state)
    apothem = world.shape[0]["hexagon"]
    x, y = point_in_hexagon(state, 1.2 * apothem, apothem)
    region = 2
    if not in_argon:
        region = 1 if layer["plane"] < params["downstream"] else 3
    return x, y, z, region


@njit(nogil=True)
def _aim(world: Any, state: Any, track: Any, width: float) -> None:
    """Give a direction about the beam with this width in each projection."""
    dip = world.params[0]["beam_dip"]
    angle_x = width * float(normal(state, world.normals))
    angle_y = width * float(normal(state, world.normals)) - dip
    angle_x = min(max(angle_x, -LARGEST_ANGLE), LARGEST_ANGLE)
    angle_y = min(max(angle_y, -LARGEST_ANGLE), LARGEST_ANGLE)
    set_direction(track, math.tan(angle_x), math.tan(angle_y))


@njit(nogil=True)
def _add(world: Any, state: Any, track: Any, mass: float, kinetic: float, width: float) -> None:
    track["mass"], track["kinetic"] = mass, kinetic
    track["alive"] = 1
    _aim(world, state, track, width)


@njit(nogil=True)
def draw_daughters(world: Any, state: Any, daughters: Any, pdg: Any) -> Any:
    """Draw the particles of an interaction; position and time are left alone.

    Parameters
    ----------
    world : World
    state : ndarray
    daughters : ndarray of TRACK_DTYPE, shape (MOST_DAUGHTERS,)
        Filled.
    pdg : ndarray of int64, shape (MOST_DAUGHTERS,)
        Filled.

    Returns
    -------
    n : int
    neutrino : float
        Energy of the neutrino, MeV.
    """
    params = world.params[0]
    neutrino = params["muon_energy_floor"] + params["muon_energy_mean"] * exponential(state)
    rest = neutrino
    n = 0
    if uniform(state) < params["muon_probability"]:
        low, high = params["muon_share_low"], params["muon_share_high"]
        energy = max((low + (high - low) * uniform(state)) * neutrino - MUON_MASS, 0.0)
        _add(world, state, daughters[n], MUON_MASS, energy, params["muon_spread"])
        pdg[n] = MUON
        rest -= energy + MUON_MASS
        n += 1
    for _ in range(int(uniform(state) * (params["hadrons"] + 1))):
        energy = min(params["hadron_energy"] * exponential(state), rest)
        proton = uniform(state) < 0.5
        mass = PROTON_MASS if proton else PION_MASS
        need = energy if proton else energy + PION_MASS
        if energy <= 0.0 or need > rest:
            continue
        _add(world, state, daughters[n], mass, energy, params["hadron_spread"])
        positive = uniform(state) < 0.5
        pdg[n] = PROTON if proton else (PION if positive else -PION)
        rest -= need
        n += 1
    for _ in range(int(uniform(state) * (params["showers"] + 1))):
        energy = uniform(state) * rest
        if energy <= 0.0:
            continue
        _add(world, state, daughters[n], 0.0, energy, params["shower_spread"])
        pdg[n] = PHOTON
        rest -= energy
        n += 1
    return n, neutrino
