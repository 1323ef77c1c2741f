"""Tracks that stop in the downstream detector, and their momentum from range (section 11)."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.reconstruction.layers import LOWEST
from mx2prod.reconstruction.material_kernels import cross, momentum_of

_SQRT3 = math.sqrt(3.0)


@njit(nogil=True)
def radius_of(x: Any, y: Any) -> Any:
    """Apothem of the hexagon, of the planes' orientation, through a point."""
    return max(abs(x), 0.5 * (abs(x) + _SQRT3 * abs(y)))


@njit(nogil=True)
def ends_inside(stack: Any, fit: Any, n: Any, params: Any) -> Any:
    """Whether the last node is inside the downstream detector, far from its back and sides."""
    plane = fit.nodes[n - 1]["plane"]
    margin = int(params["stop_planes"])
    if stack.planes[plane]["side"] != 1 or plane + margin >= stack.planes.size:
        return False
    state = fit.nodes[n - 1]["state"]
    d = stack.planes[plane + margin]["z"] - stack.planes[plane]["z"]
    x, y = state[0] + d * state[2], state[1] + d * state[3]
    edge = stack.shape[0] - params["stop_side"]
    return max(radius_of(state[0], state[1]), radius_of(x, y)) <= edge


@njit(nogil=True)
def ends_alone(stack: Any, event: Any, fit: Any, n: Any, params: Any) -> Any:
    """Whether no cluster stands at the line in the planes behind the last node."""
    plane = fit.nodes[n - 1]["plane"]
    state = fit.nodes[n - 1]["state"]
    wide = params["closure"]
    for number in range(plane + 1, plane + int(params["stop_planes"]) + 1):
        row = stack.planes[number]
        d = row["z"] - stack.planes[plane]["z"]
        x, y = state[0] + d * state[2], state[1] + d * state[3]
        t = row["along_x"] * x + row["along_y"] * y
        for cluster in range(event.begin[number], event.begin[number + 1]):
            if event.rows[cluster]["low"] - wide < t < event.rows[cluster]["high"] + wide:
                return False
    return True


@njit(nogil=True)
def momentum_from_range(stack: Any, fit: Any, n: Any, planes: Any, road: Any, params: Any) -> Any:
    """Momentum at the last node of a track that crosses some more planes, MeV/c.

    It stops half way from the last of them to the next.
    """
    plane = fit.nodes[n - 1]["plane"]
    end = plane + planes
    z = stack.planes[plane]["z"]
    middle = 0.5 * (stack.planes[end]["z"] + stack.planes[end + 1]["z"])
    state = road.own[0]["state"]
    state[:] = fit.nodes[n - 1]["state"]
    state[0] += (middle - z) * state[2]
    state[1] += (middle - z) * state[3]
    kinetic = cross(
        stack, end + 1, middle, z, state, LOWEST, params["fit_mass"], road.own[0]["moments"]
    )
    return momentum_of(kinetic, params["fit_mass"])
