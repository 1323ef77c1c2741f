"""Short tracks at the starts of long ones (reconstruction page, section 9)."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.reconstruction.combination_kernels import flags_of
from mx2prod.reconstruction.event_kernels import FREE, first_above, nearest_cluster
from mx2prod.reconstruction.growing_kernels import make_track, take_nodes
from mx2prod.reconstruction.material_kernels import square
from mx2prod.reconstruction.seeds_kernels import usable
from mx2prod.reconstruction.store_kernels import MAX_TRACKS, keep_track

SHORT = 1
MAX_SHORT_PAIRS = 256
"""Pairs of clusters that are tried from one anchor."""


@njit(nogil=True)
def follow_line(
    stack: Any, event: Any, road: Any, first: Any, z: Any, line: Any, params: Any
) -> Any:
    """Put the free clusters nearest to a line into their planes: planes, chi2, X and stereo."""
    road.at_plane[:] = -1
    planes, chi2, in_x, missing = 0, 0.0, 0, 0
    side = stack.planes[first]["side"]
    for plane in range(first, stack.planes.size):
        row = stack.planes[plane]
        if row["side"] != side or missing > params["max_gap"]:
            break
        if row["alive"] == 0:
            continue
        d = row["z"] - z
        t = row["along_x"] * (line[0] + d * line[2]) + row["along_y"] * (line[1] + d * line[3])
        cluster = nearest_cluster(event, plane, t, params["add_sigma"], 0.0, 2)
        if cluster < 0:
            missing += 1
            continue
        missing = 0
        planes += 1
        chi2 += square((event.rows[cluster]["t"] - t) / event.rows[cluster]["err"])
        in_x += 1 if row["view"] == 0 else 0
        road.at_plane[plane] = cluster
    return planes, chi2, in_x


@njit(nogil=True)
def list_pairs(
    stack: Any, event: Any, first: Any, anchor: Any, params: Any, pairs: Any, dropped: Any
) -> Any:
    """List an X and a stereo cluster each behind an anchor, that it may go to; their number."""
    steepest = math.tan(math.radians(params["max_angle_deg"]))
    z, side, n = stack.planes[first]["z"], stack.planes[first]["side"], 0
    last = first + 1
    while last < stack.planes.size and stack.planes[last]["z"] < z + params["anchor_distance"]:
        last += 1
    for one in range(first + 1, last):
        for two in range(first + 1, last):
            row, other = stack.planes[one], stack.planes[two]
            if row["view"] != 0 or other["view"] == 0:
                continue
            if row["side"] != side or other["side"] != side or row["alive"] * other["alive"] == 0:
                continue
            reach, aside = steepest * (row["z"] - z), steepest * (other["z"] - z)
            middle = other["along_x"] * anchor[0] + other["along_y"] * anchor[1]
            for a in range(first_above(event, one, anchor[0] - reach), event.begin[one + 1]):
                if event.rows[a]["t"] > anchor[0] + reach:
                    break
                for b in range(first_above(event, two, middle - aside), event.begin[two + 1]):
                    if event.rows[b]["t"] > middle + aside:
                        break
                    if not usable(event, a) or not usable(event, b):
                        continue
                    if n == pairs.shape[0]:
                        dropped[1] += 1
                        return n
                    pairs[n, 0], pairs[n, 1] = a, b
                    n += 1
    return n


@njit(nogil=True)
def best_short(
    stack: Any, event: Any, road: Any, first: Any, anchor: Any, params: Any, pairs: Any, n: Any,
    best: Any,
) -> Any:  # fmt: skip
    """Line from an anchor through a pair of clusters that most planes follow; gives their number.

    ``best`` becomes the line.  A seed has four clusters: the line must follow two planes of X and
    two stereo planes.
    """
    z = stack.planes[first]["z"]
    line, most, smallest = road.own[0]["state"], 0, 0.0
    for number in range(n):
        a, b = event.rows[pairs[number, 0]], event.rows[pairs[number, 1]]
        if a["taken"] != FREE or b["taken"] != FREE:
            continue
        row, other = stack.planes[a["plane"]], stack.planes[b["plane"]]
        dx, dy = row["z"] - z, other["z"] - z
        line[0], line[1] = anchor[0], anchor[1]
        line[2] = (a["t"] - anchor[0]) / dx
        x = anchor[0] + dy * line[2]
        y = (b["t"] - other["along_x"] * x) / other["along_y"]
        line[3] = (y - anchor[1]) / dy
        planes, chi2, in_x = follow_line(stack, event, road, first + 1, z, line, params)
        if in_x < 2 or planes - in_x < 2:
            continue
        if planes > most or (planes == most and chi2 < smallest):
            most, smallest = planes, chi2
            best[:] = line
    return most


@njit(nogil=True)
def find_short(
    stack: Any, event: Any, fit: Any, road: Any, store: Any, params: Any, begin: Any, end: Any,
    number_of_slice: Any, pairs: Any, dropped: Any,
) -> Any:  # fmt: skip
    """Find short tracks at the starts of the tracks begin to end - 1; gives those without room."""
    lost, line = 0, road.own[0]["right"]
    for number in range(begin, end):
        anchor, first = store.nodes[number, 0]["state"], store.nodes[number, 0]["plane"]
        z, side = stack.planes[first]["z"], stack.planes[first]["side"]
        n = list_pairs(stack, event, first, anchor, params, pairs, dropped)
        while True:
            planes = best_short(stack, event, road, first, anchor, params, pairs, n, line)
            if planes < params["min_planes_short"]:
                break
            if store.count[0] == MAX_TRACKS:
                lost += 1
                break
            follow_line(stack, event, road, first + 1, z, line, params)
            road.guess[:] = 0.0
            nodes = take_nodes(stack, event, fit, road)
            nodes, source = make_track(stack, event, fit, nodes, road, params)
            if nodes < params["min_planes_short"]:
                break
            flags = SHORT if nodes < params["min_planes_long"] else 0
            flags = flags_of(stack, fit, nodes, source, flags)
            keep_track(
                stack, event, fit, nodes, store, params, side + 1, flags, source, number_of_slice
            )
    return lost
