"""Energy loss and multiple scattering of a track in the material between planes.

Source: reconstruction page, section 9: Highland's angle for every layer that is crossed, path with
the slope; mean energy loss lowers the momentum layer by layer.
"""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import njit, types

from mx2prod.detector.energy_loss_kernels import (
    HIGHLAND_LOG,
    HIGHLAND_MEV,
    SMALLEST_FACTOR,
    mean_loss,
)
from mx2prod.detector.materials import MATERIAL_DTYPE, Medium
from mx2prod.reconstruction.layers import HIGHEST, LOWEST, N_ENERGIES

_LOG_LOW = math.log(LOWEST)
_PER_LOG = (N_ENERGIES - 1) / (math.log(HIGHEST) - math.log(LOWEST))
_SHARE = 0.05
"""Share of the kinetic energy up to which the loss in a piece is path times loss per mm."""
_SQRT3 = math.sqrt(3.0)
LEAD, ARGON = int(Medium.LEAD), int(Medium.ARGON)

_F8 = types.float64
_SIGNATURE = types.void(
    _F8[::1], _F8, types.Array(numba.from_dtype(MATERIAL_DTYPE), 1, "C"), _F8[:, ::1]
)


@njit(_SIGNATURE, nogil=True, cache=True)
def fill_loss(energies: Any, mass: Any, materials: Any, loss: Any) -> None:
    """Mean energy loss by medium and kinetic energy.

    Parameters
    ----------
    energies : ndarray of float64, MeV
    mass : float, MeV
    materials : ndarray of MATERIAL_DTYPE
    loss : ndarray of float64, shape (n_materials, n_energies), MeV/mm
        Filled.
    """
    for medium in range(materials.size):
        for row in range(energies.size):
            kinetic = energies[row]
            beta_gamma = math.sqrt(kinetic * (kinetic + 2.0 * mass)) / mass
            loss[medium, row] = mean_loss(beta_gamma, mass, materials[medium])


@njit(nogil=True)
def square(value: Any) -> Any:
    """Square by one product: ``** 2`` of plain Python may round otherwise."""
    return value * value


@njit(nogil=True)
def place_of(kinetic: Any) -> Any:
    """Row of the tables at or below an energy, and the part of the step to the next."""
    place = (math.log(min(max(kinetic, LOWEST), HIGHEST)) - _LOG_LOW) * _PER_LOG
    row = min(int(place), N_ENERGIES - 2)
    return row, place - row


@njit(nogil=True)
def energy_of_reach(reach: Any, length: Any) -> Any:
    """Kinetic energy whose range is ``length``; the lowest of the table below it."""
    low, high = 0, N_ENERGIES - 1
    if length <= reach[0]:
        return LOWEST
    while high - low > 1:
        middle = (low + high) // 2
        if reach[middle] <= length:
            low = middle
        else:
            high = middle
    part = (length - reach[low]) / (reach[low + 1] - reach[low])
    first = math.exp(_LOG_LOW + low / _PER_LOG)
    return first + part * (math.exp(_LOG_LOW + (low + 1) / _PER_LOG) - first)


@njit(nogil=True)
def after_path(stack: Any, medium: Any, kinetic: Any, path: Any) -> Any:
    """Kinetic energy behind a path in a medium; before it if the path is negative."""
    row, part = place_of(kinetic)
    loss = stack.loss[medium, row] * (1.0 - part) + stack.loss[medium, row + 1] * part
    change = loss * path
    if abs(change) < _SHARE * kinetic:
        return max(kinetic - change, LOWEST)
    reach = stack.reach[medium]
    low = math.exp(_LOG_LOW + row / _PER_LOG)
    step = math.exp(_LOG_LOW + (row + 1) / _PER_LOG) - low
    length = reach[row] + (min(max(kinetic, LOWEST), HIGHEST) - low) / step * (
        reach[row + 1] - reach[row]
    )
    return energy_of_reach(reach, length - path)


@njit(nogil=True)
def in_ring(stack: Any, x: Any, y: Any) -> Any:
    """Whether a point has the lead ring of tracker planes in front of it."""
    first = abs(x)
    second = 0.5 * (first + _SQRT3 * abs(y))
    return stack.shape[1] < max(first, second) < stack.shape[2]


@njit(nogil=True)
def cross(
    stack: Any,
    plane: Any,
    z_from: Any,
    z_to: Any,
    state: Any,
    kinetic: Any,
    mass: Any,
    moments: Any,
) -> Any:
    """Cross the material between two z, up- or downstream.

    Parameters
    ----------
    stack : Stack
    plane : int
        A plane at ``z_from``, or where to begin looking: not behind the first piece.
    z_from, z_to : float, mm
    state : ndarray of float64, shape (4,)
        x, y, dx/dz, dy/dz at ``z_from``: the path is straight.
    kinetic, mass : float, MeV
        Energy at ``z_from``.
    moments : ndarray of float64, shape (3,)
        Filled: sum over the pieces of the square of the scattering angle in a projection, and the
        same weighted with the distance to ``z_to`` and with its square; times the square of the
        path per z, as the covariance of slopes has it.

    Returns
    -------
    float
        Kinetic energy at ``z_to``, MeV.
    """
    forward = z_to > z_from
    stretch2 = 1.0 + square(state[2]) + square(state[3])
    stretch = math.sqrt(stretch2)
    log_stretch = HIGHLAND_LOG * math.log(stretch)
    low_end, high_end = min(z_from, z_to), max(z_from, z_to)
    number = stack.planes[plane]["piece"] - (0 if forward else 1)
    step = 1 if forward else -1
    sum0, sum1, sum2 = 0.0, 0.0, 0.0
    while 0 <= number < stack.pieces.size:
        piece = stack.pieces[number]
        low, high = max(piece["low"], low_end), min(piece["high"], high_end)
        if (forward and piece["low"] >= high_end) or (not forward and piece["high"] <= low_end):
            break
        number += step
        if high <= low:
            continue
        if piece["ring"]:
            far = 0.5 * (low + high) - z_from
            if not in_ring(stack, state[0] + far * state[2], state[1] + far * state[3]):
                continue
        depth = high - low
        path = depth * stretch
        before = kinetic
        kinetic = after_path(stack, piece["medium"], kinetic, path if forward else -path)
        energy = math.sqrt(before * kinetic)
        momentum_beta = energy * (energy + 2.0 * mass) / (energy + mass)
        factor = max(piece["factor"] + log_stretch, SMALLEST_FACTOR)
        angle = HIGHLAND_MEV / momentum_beta * factor
        angle2 = angle * angle * path * piece["per_mm"] * stretch2
        rest = (z_to - high) if forward else (low - z_to)
        sum0 += angle2
        sum1 += angle2 * (rest + 0.5 * depth)
        sum2 += angle2 * (rest * rest + rest * depth + depth * depth / 3.0)
    moments[0], moments[1], moments[2] = sum0, sum1, sum2
    return kinetic


@njit(nogil=True)
def add_moments(total: Any, moments: Any, length: Any) -> None:
    """Carry moments over a further distance, and add those of what is crossed there."""
    total[2] += length * (2.0 * total[1] + length * total[0]) + moments[2]
    total[1] += length * total[0] + moments[1]
    total[0] += moments[0]


@njit(nogil=True)
def interval_loss(stack: Any, row: Any, kinetic: Any, ringed: Any) -> Any:
    """Mean energy loss in an interval at normal incidence, MeV."""
    place, part = place_of(kinetic)
    loss = 0.0
    for medium in range(stack.loss.shape[0]):
        path = row["path"][medium]
        if medium == LEAD and ringed:
            path += row["ring_path"]
        if path > 0.0:
            low, high = stack.loss[medium, place], stack.loss[medium, place + 1]
            loss += path * (low + part * (high - low))
    return loss


@njit(nogil=True)
def cross_interval(
    stack: Any, plane: Any, forward: Any, state: Any, d: Any, kinetic: Any, mass: Any, moments: Any
) -> Any:
    """Cross what stands between a plane and the next one downstream, from either side.

    ``state`` is at the distance ``d`` upstream of ``plane``.  Thick intervals, and those that take
    much of the energy, are crossed piece by piece.
    """
    row = stack.intervals[plane]
    far = d + row["ring_z"]
    ringed = row["ring_path"] > 0.0 and in_ring(
        stack, state[0] + far * state[2], state[1] + far * state[3]
    )
    stretch2 = 1.0 + square(state[2]) + square(state[3])
    stretch = math.sqrt(stretch2)
    loss = interval_loss(stack, row, kinetic, ringed) * stretch
    if loss > _SHARE * kinetic or row["path"][ARGON] > 0.0:
        moments[0], moments[1], moments[2] = 0.0, 0.0, 0.0
        start = np.empty(4)
        length = d if forward else d + row["length"]
        start[0], start[1] = state[0] + length * state[2], state[1] + length * state[3]
        start[2], start[3] = state[2], state[3]
        z, z_next = stack.planes[plane]["z"], stack.planes[plane + 1]["z"]
        if forward:
            return cross(stack, plane, z, z_next, start, kinetic, mass, moments)
        return cross(stack, plane + 1, z_next, z, start, kinetic, mass, moments)
    change = loss if forward else -loss
    energy = kinetic - 0.5 * change
    inverse = HIGHLAND_MEV * (energy + mass) / (energy * (energy + 2.0 * mass))
    scale = inverse * inverse * stretch * stretch2
    log_stretch = 0.5 * HIGHLAND_LOG * math.log(stretch2)
    for i in range(3):
        value = 0.0
        weight = 1.0
        for j in range(3):
            term = row["moments"][i, j]
            if ringed:
                term += row["ring_moments"][i, j]
            value += weight * term
            weight *= log_stretch
        moments[i] = scale * value
    if not forward:
        length = row["length"]
        moments[2] += length * (length * moments[0] - 2.0 * moments[1])
        moments[1] = length * moments[0] - moments[1]
    return max(kinetic - change, LOWEST)


@njit(nogil=True)
def cross_planes(
    stack: Any, here: Any, there: Any, state: Any, kinetic: Any, mass: Any, moments: Any, spare: Any
) -> Any:
    """Cross from the centre of one plane to that of another, as :func:`cross`.

    Parameters
    ----------
    stack : Stack
    here, there : int
        Planes.
    state : ndarray of float64, shape (4,)
        At ``here``.
    kinetic, mass : float, MeV
    moments : ndarray of float64, shape (3,)
        Filled.
    spare : ndarray of float64, shape (3,)
        Work space.

    Returns
    -------
    float
        Kinetic energy at ``there``, MeV.
    """
    forward = there > here
    moments[0], moments[1], moments[2] = 0.0, 0.0, 0.0
    z = stack.planes[here]["z"]
    plane = here if forward else here - 1
    for _ in range(abs(there - here)):
        d = stack.planes[plane]["z"] - z
        kinetic = cross_interval(stack, plane, forward, state, d, kinetic, mass, spare)
        add_moments(moments, spare, stack.intervals[plane]["length"])
        plane += 1 if forward else -1
    return kinetic


@njit(nogil=True)
def momentum_of(kinetic: Any, mass: Any) -> Any:
    """Momentum of a kinetic energy, MeV/c."""
    return math.sqrt(kinetic * (kinetic + 2.0 * mass))


@njit(nogil=True)
def kinetic_of(momentum: Any, mass: Any) -> Any:
    """Kinetic energy of a momentum, MeV."""
    return math.sqrt(momentum * momentum + mass * mass) - mass
