"""One gate with beam: draw its particles, follow them, write their rows."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import float32, float64, int64, njit, types, uint64

from mx2prod.detector import MATERIAL_DTYPE
from mx2prod.simulation.beam_kernels import (
    GATE_STREAM,
    MOST_BATCHES,
    draw_batches,
    draw_bucket,
    draw_rock_muon,
)
from mx2prod.simulation.columns import (
    DEPOSIT_DTYPE,
    PARTICLE_DTYPE,
    VERTEX_DTYPE,
    Kind,
    Layer,
)
from mx2prod.simulation.energy_loss_kernels import LIGHT_SPEED
from mx2prod.simulation.interactions_kernels import (
    MOST_DAUGHTERS,
    MUON,
    PHOTON,
    draw_daughters,
    draw_vertex,
)
from mx2prod.simulation.layers import LAYER_DTYPE, PLANE_DTYPE, SHAPE_DTYPE
from mx2prod.simulation.random_kernels import STATE_WORDS, poisson, start
from mx2prod.simulation.showers_kernels import shower
from mx2prod.simulation.strips_kernels import MAX_CROSSINGS
from mx2prod.simulation.tracks_kernels import TRACK_DTYPE, Output, World, follow

PARAMETER_DTYPE = np.dtype(
    [
        *(
            (name, "<f8")
            for name in (
                "rock_muons", "interactions", "argon_fraction", "side_fraction",
                "muon_energy_mean", "muon_energy_floor", "muon_angle", "beam_dip", "face_mm",
                "spill_start_ns", "bucket_ns", "bunch_sigma_ns", "batch_spread",
                "knock_on_neighbour", "knock_on_escape", "birks", "minimum_loss",
                "muon_probability", "muon_share_low", "muon_share_high", "muon_spread",
                "hadron_energy", "hadron_spread", "shower_spread", "shower_radius",
                "shower_noise", "shower_least",
            )
        ),
        *(
            (name, "<i8")
            for name in (
                "batches", "buckets_per_batch", "filled_buckets", "hadrons", "showers",
                "downstream",
            )
        ),
    ]
)  # fmt: skip
"""Values of ``spec.beam`` and ``spec.particles`` under their names; rates at nominal intensity."""

MOST_PARTICLES = 4096
"""Of a gate: a random stream has 12 bits for the particle."""

_BEAM = int(Layer.BEAM)
_PARTICLES = int(Layer.PARTICLES)
_ROCK = int(Kind.ROCK)
_NEUTRINO = int(Kind.NEUTRINO)


def _rows(dtype: np.dtype[np.void]) -> Any:
    return types.Array(numba.from_dtype(dtype), 1, "C")


@njit(nogil=True)
def _put_vertex(out: Any, gate: int, vertex: int, place: Any, time: float, energy: float) -> None:
    number = out.counts[1]
    out.counts[1] = number + 1
    if number >= out.vertices.size:
        return
    row = out.vertices[number]
    row["gate"], row["vertex"] = gate, vertex
    row["x"], row["y"], row["z"], row["region"] = place
    row["time_ns"], row["neutrino_energy"] = time, energy


@njit(nogil=True)
def _put_particle(out: Any, gate: int, particle: int, track: Any, origin: Any) -> Any:
    """Write a particle where it starts; gives its row, -1 if there is no room."""
    number = out.counts[0]
    out.counts[0] = number + 1
    if number >= out.particles.size:
        return -1
    row = out.particles[number]
    kinetic, mass = track["kinetic"], track["mass"]
    momentum = math.sqrt(kinetic * (kinetic + 2.0 * mass))
    row["gate"], row["particle"], row["parent"] = gate, particle, -1
    row["vertex"], row["pdg"], row["kind"], row["batch"], row["bucket"] = origin
    row["px"], row["py"] = momentum * track["ux"], momentum * track["uy"]
    row["pz"], row["energy"] = momentum * track["uz"], kinetic + mass
    row["start_x"], row["start_y"] = track["x"], track["y"]
    row["start_z"], row["start_ns"] = track["z"], track["time"]
    return number


@njit(nogil=True)
def _run_particle(
    world: Any, out: Any, state: Any, key: Any, particle: int, track: Any, origin: Any, work: Any
) -> None:
    """Write a particle and follow it, with random numbers of its own."""
    last, found = work
    gate = types.int64(key[3])
    start(state, key[0], key[1], key[2], key[3], _PARTICLES, particle)
    row = _put_particle(out, gate, particle, track, origin)
    if origin[1] == PHOTON:
        shower(world, out, state, track, gate, particle, last[0], found)
    else:
        follow(world, out, state, track, gate, particle, last[0], found)
    if row >= 0:
        out.particles[row]["stop_x"], out.particles[row]["stop_y"] = last[0]["x"], last[0]["y"]
        out.particles[row]["stop_z"], out.particles[row]["stop_ns"] = last[0]["z"], last[0]["time"]


@njit(
    types.void(
        uint64[::1], float64, _rows(PARAMETER_DTYPE), _rows(SHAPE_DTYPE), _rows(LAYER_DTYPE),
        _rows(PLANE_DTYPE), _rows(MATERIAL_DTYPE), float32[::1], _rows(PARTICLE_DTYPE),
        _rows(VERTEX_DTYPE), _rows(DEPOSIT_DTYPE), int64[::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def make_gate(
    key: Any,
    intensity: float,
    params: Any,
    shape: Any,
    layers: Any,
    planes: Any,
    materials: Any,
    normals: Any,
    particles: Any,
    vertices: Any,
    deposits: Any,
    counts: Any,
) -> None:
    """Make the particles of one gate, and the energy that they leave in strips.

    Parameters
    ----------
    key : ndarray of uint64, shape (4,)
        Seed, run, subrun, gate.
    intensity : float
        Protons of the spill over nominal protons.
    params, shape, layers, planes, materials, normals : ndarray
        See their dtypes; ``normals`` is the table of normal numbers.
    particles, vertices, deposits : ndarray
        Filled from row ``counts`` on.
    counts : ndarray of int64, shape (3,)
        Rows of particles, vertices, deposits; goes on beyond the size of a full array, so that the
        caller can try again with larger ones.
    """
    world = World(params, shape, layers, planes, materials, normals)
    out = Output(particles, vertices, deposits, counts)
    beam, own = np.empty(STATE_WORDS, np.uint32), np.empty(STATE_WORDS, np.uint32)
    start(beam, key[0], key[1], key[2], key[3], _BEAM, GATE_STREAM)
    work = (np.zeros(1, TRACK_DTYPE), np.zeros((MAX_CROSSINGS, 3)))
    daughters = np.zeros(MOST_DAUGHTERS, TRACK_DTYPE)
    pdg = np.zeros(MOST_DAUGHTERS, np.int64)
    cumulative = np.empty(MOST_BATCHES)
    draw_batches(beam, normals, params[0], cumulative)
    n_rock = poisson(beam, params[0]["rock_muons"] * intensity)
    n_vertices = poisson(beam, params[0]["interactions"] * intensity)
    gate = int64(key[3])
    face = layers[0]["low"]
    particle = 0
    for _ in range(min(n_rock, MOST_PARTICLES)):
        draw_rock_muon(world, beam, daughters[0])
        batch, bucket, time = draw_bucket(beam, normals, params[0], cumulative)
        daughters[0]["time"] = time + (daughters[0]["z"] - face) / LIGHT_SPEED
        origin = (-1, MUON, _ROCK, batch, bucket)
        _run_particle(world, out, own, key, particle, daughters[0], origin, work)
        particle += 1
    for vertex in range(n_vertices):
        place = draw_vertex(world, beam)
        batch, bucket, time = draw_bucket(beam, normals, params[0], cumulative)
        time += (place[2] - face) / LIGHT_SPEED
        n, energy = draw_daughters(world, beam, daughters, pdg)
        _put_vertex(out, gate, vertex, place, time, energy)
        for number in range(n):
            daughter = daughters[number]
            daughter["x"], daughter["y"], daughter["z"] = place[0], place[1], place[2]
            daughter["time"] = time
            if particle < MOST_PARTICLES:
                origin = (vertex, pdg[number], _NEUTRINO, batch, bucket)
                _run_particle(world, out, own, key, particle, daughter, origin, work)
            particle += 1
    if particle > MOST_PARTICLES or n_rock > MOST_PARTICLES:
        counts[0] = -1
