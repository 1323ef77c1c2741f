"""Fluctuations of energy loss, and multiple scattering, of a charged particle in one material.

Mean loss and angles: ``detector/energy_loss_kernels.py``.  Knock-on electrons above a cut are drawn
one by one from their spectrum 1/T^2 (1 - beta^2 T/T_max), which ends at T_max; the rest of the loss
is Gaussian.  The sum has the mean of Bethe and the shape of Vavilov.
"""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.detector.energy_loss_kernels import (
    STOPPED,
    beta_gamma_of,
    largest_transfer,
    mean_loss,
    width_per_mm,
)
from mx2prod.simulation.random_kernels import normal, poisson, uniform

LIGHT_SPEED = 299.792458
"""mm/ns."""
STEP_SHARE = 0.2
"""A step takes at most about this share of the kinetic energy."""


@njit(nogil=True)
def _knock_ons(state: Any, xi: float, beta2: float, cut: float, top: float, escape: float) -> Any:
    """Draw knock-on electrons above the cut: energy of all, and what of it stays near."""
    total = 0.0
    near = 0.0
    for _ in range(poisson(state, xi * (1.0 / cut - 1.0 / top))):
        energy = cut / (1.0 - uniform(state) * (1.0 - cut / top))
        if uniform(state) < 1.0 - beta2 * energy / top:
            total += energy
            near += min(energy, escape)
    return total, near


@njit(nogil=True)
def lose_in_step(
    state: Any,
    table: Any,
    beta_gamma: float,
    mass: float,
    path: float,
    material: Any,
    cut: float,
    escape: float,
) -> Any:
    """Draw the energy loss in a path so short that the particle does not slow down.

    Parameters
    ----------
    state, table : ndarray
        Random stream and table of normal numbers.
    beta_gamma, mass : float
        Of the particle; mass in MeV.
    path : float, mm
    material : record of MATERIAL_DTYPE
    cut : float, MeV
        Knock-on electrons above it are drawn one by one.
    escape : float, MeV
        A knock-on electron leaves no more than this near the track.

    Returns
    -------
    lost, near, knocked : float, MeV
        Energy that the particle loses; the part left near its track; the part of ``near`` that
        knock-on electrons carry.
    """
    beta2 = beta_gamma**2 / (1.0 + beta_gamma**2)
    xi = width_per_mm(beta_gamma, material) * path
    top = largest_transfer(beta_gamma, mass)
    soft = mean_loss(beta_gamma, mass, material) * path
    total = 0.0
    near = 0.0
    if top > cut:
        soft -= xi * (math.log(top / cut) - beta2 * (1.0 - cut / top))
        total, near = _knock_ons(state, xi, beta2, cut, top, escape)
    low = min(cut, top)
    sigma = math.sqrt(xi * low * (1.0 - 0.5 * beta2 * low / top))
    soft = max(soft + sigma * float(normal(state, table)), 0.0)
    return soft + total, soft + near, near


@njit(nogil=True)
def lose(
    state: Any,
    table: Any,
    track: Any,
    path: float,
    material: Any,
    cut: float,
    escape: float,
    birks: float,
) -> Any:
    """Take energy from a particle along a path; it may stop.

    Parameters
    ----------
    state, table : ndarray
    track : record of TRACK_DTYPE
        ``kinetic``, ``time`` and ``alive`` are changed.
    path : float, mm
    material : record of MATERIAL_DTYPE
    cut, escape : float, MeV
        See :func:`lose_in_step`.
    birks : float, mm/MeV

    Returns
    -------
    used : float, mm
        Less than ``path`` if the particle stops.
    near, quenched, knocked : float, MeV
        Energy left near the track, the same after quenching, and the part of knock-on electrons.
    """
    used, near, quenched, knocked = 0.0, 0.0, 0.0, 0.0
    mass = track["mass"]
    while used < path and track["alive"]:
        kinetic = track["kinetic"]
        beta_gamma = beta_gamma_of(kinetic, mass)
        slope = mean_loss(beta_gamma, mass, material)
        step = min(path - used, STEP_SHARE * kinetic / slope)
        beta_gamma = beta_gamma_of(kinetic - 0.5 * slope * step, mass)
        lost, left, electrons = lose_in_step(
            state, table, beta_gamma, mass, step, material, cut, escape
        )
        rest = kinetic - lost
        if rest <= 0.0 or beta_gamma_of(rest, mass) < STOPPED:
            left = max(kinetic - (lost - left), 0.0) if lost < kinetic else min(left, kinetic)
            electrons = min(electrons, left)
            rest = 0.0
            track["alive"] = 0
        density = mean_loss(beta_gamma, mass, material)
        track["kinetic"] = rest
        track["time"] += step / LIGHT_SPEED * math.sqrt(1.0 + 1.0 / beta_gamma**2)
        used += step
        near += left
        knocked += electrons
        quenched += left / (1.0 + birks * density)
    return used, near, quenched, knocked


@njit(nogil=True)
def scatter(state: Any, table: Any, track: Any, path: float, angle: float) -> None:
    """Turn a particle after a path, and move it sideways as the turn along the path does.

    Parameters
    ----------
    state, table : ndarray
    track : record of TRACK_DTYPE
        Position (at the same z) and direction are changed.
    path : float, mm
    angle : float, rad
        One sigma in a projection.
    """
    if angle <= 0.0:
        return
    ux, uy, uz = track["ux"], track["uy"], track["uz"]
    across = math.hypot(ux, uz)
    first_x, first_z = uz / across, -ux / across
    second_x, second_y, second_z = uy * first_z, uz * first_x - ux * first_z, -uy * first_x
    turn1, turn2 = angle * float(normal(state, table)), angle * float(normal(state, table))
    free = path * angle / math.sqrt(12.0)
    move1 = 0.5 * path * turn1 + free * float(normal(state, table))
    move2 = 0.5 * path * turn2 + free * float(normal(state, table))
    move_z = (move1 * first_z + move2 * second_z) / uz
    track["x"] += move1 * first_x + move2 * second_x - move_z * ux
    track["y"] += move2 * second_y - move_z * uy
    new_x = ux + turn1 * first_x + turn2 * second_x
    new_y = uy + turn2 * second_y
    new_z = uz + turn1 * first_z + turn2 * second_z
    norm = math.sqrt(new_x**2 + new_y**2 + new_z**2)
    track["ux"], track["uy"], track["uz"] = new_x / norm, new_y / norm, new_z / norm
