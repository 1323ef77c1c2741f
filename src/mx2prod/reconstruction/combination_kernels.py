"""Candidates of the views to long tracks in space: three views, then two.

Source: reconstruction page, section 9.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from mx2prod.reconstruction.candidates_kernels import find_candidates
from mx2prod.reconstruction.event_kernels import FREE, first_above
from mx2prod.reconstruction.growing_kernels import make_track, take_nodes
from mx2prod.reconstruction.material_kernels import square
from mx2prod.reconstruction.seeds_kernels import N_VIEWS
from mx2prod.reconstruction.store_kernels import MAX_TRACKS, keep_track

MAX_COMBINATIONS = 4096
DONE = -1e9
CLOSURE_VARIANCE = 2.0
"""Variance of u + v - x over that of a cluster: between two clusters a line has about half."""
TWO_VIEWS, PUNCH = 4, 16
_SMALLEST = 4
"""Free clusters with which the making of a track begins."""
_FROM_RANGE = 1


COMBINATION_DTYPE = np.dtype(
    [
        ("part", "<i8", (3,)),  # candidate of each view, or -1
        ("rank", "<f8"),  # planes with a cluster, less the mean chi2 of u + v - x; DONE
    ]
)


@njit(nogil=True)
def first_plane(views: Any, side: Any, view: Any, number: Any) -> Any:
    """First plane of a candidate."""
    return views.layer[side, view, views.chains[view, number]["first"]]


@njit(nogil=True)
def last_plane(views: Any, side: Any, view: Any, number: Any) -> Any:
    """Last plane of a candidate."""
    return views.layer[side, view, views.chains[view, number]["last"]]


@njit(nogil=True)
def closure_of(event: Any, views: Any, side: Any, x: Any, u: Any, v: Any, limit: Any) -> Any:
    """Mean chi2 of u + v - x at the X planes that all three cross.

    -1 if the mean square is above ``limit``, mm2, or there are fewer than two such planes.
    """
    low = max(first_plane(views, side, 1, u), first_plane(views, side, 2, v))
    high = min(last_plane(views, side, 1, u), last_plane(views, side, 2, v))
    first, last = views.chains[0, x]["first"], views.chains[0, x]["last"]
    most = limit * (last - first + 1)
    count, total = 0, 0.0
    for layer in range(first, last + 1):
        plane = views.layer[side, 0, layer]
        if low <= plane <= high:
            miss = views.path[1, u, plane] + views.path[2, v, plane] - views.path[0, x, plane]
            total += miss * miss
            count += 1
            if total > most:
                return -1.0
    if count < 2 or total >= limit * count:
        return -1.0
    error = event.rows[views.candidate[0, x, first]]["err"]
    return total / (count * CLOSURE_VARIANCE * error * error)


@njit(nogil=True)
def put_combination(
    combinations: Any, views: Any, n: Any, x: Any, u: Any, v: Any, rank: Any
) -> Any:
    """Add a way to combine; gives the new number."""
    if n == MAX_COMBINATIONS:
        views.dropped[1] += 1
        return n
    row = combinations[n]
    row["part"][0], row["part"][1], row["part"][2] = x, u, v
    row["rank"] = rank
    return n + 1


@njit(nogil=True)
def combine_three(event: Any, views: Any, side: Any, combinations: Any, params: Any) -> Any:
    """List candidates of X, U and V that close; gives their number."""
    n = 0
    limit = square(params["closure"])
    for x in range(views.n_candidates[0]):
        for u in range(views.n_candidates[1]):
            for v in range(views.n_candidates[2]):
                chi2 = closure_of(event, views, side, x, u, v, limit)
                if chi2 >= 0.0:
                    length = (
                        views.chains[0, x]["count"]
                        + views.chains[1, u]["count"]
                        + views.chains[2, v]["count"]
                    )
                    n = put_combination(combinations, views, n, x, u, v, length - chi2)
    return n


@njit(nogil=True)
def third_coordinate(views: Any, part: Any, third: Any, plane: Any) -> Any:
    """Coordinate in the third view from those of the two others: x = u + v."""
    if third == 0:
        return views.path[1, part[1], plane] + views.path[2, part[2], plane]
    other = 3 - third
    return views.path[0, part[0], plane] - views.path[other, part[other], plane]


@njit(nogil=True)
def third_view(
    event: Any, views: Any, side: Any, part: Any, third: Any, low: Any, high: Any, closure: Any
) -> Any:
    """Planes of the third view crossed, those with a cluster at the line, and sum of chi2."""
    crossed, found, total = 0, 0, 0.0
    for layer in range(views.n_layers[side, third]):
        plane = views.layer[side, third, layer]
        if not low <= plane <= high:
            continue
        crossed += 1
        t = third_coordinate(views, part, third, plane)
        best, error = closure, 1.0
        place = first_above(event, plane, t - closure)
        while place < event.begin[plane + 1] and event.rows[place]["t"] < t + closure:
            if abs(event.rows[place]["t"] - t) < best:
                best, error = abs(event.rows[place]["t"] - t), event.rows[place]["err"]
            place += 1
        if best < closure:
            found += 1
            total += best * best / (CLOSURE_VARIANCE * error * error)
    return crossed, found, total


@njit(nogil=True)
def free_clusters(event: Any, views: Any, view: Any, number: Any, low: Any, high: Any) -> Any:
    """Free clusters of a candidate, and those of them in the planes low to high."""
    free, inside = 0, 0
    for layer in range(views.chains[view, number]["first"], views.chains[view, number]["last"] + 1):
        cluster = views.candidate[view, number, layer]
        if cluster >= 0 and event.rows[cluster]["taken"] == FREE:
            free += 1
            if low <= event.rows[cluster]["plane"] <= high:
                inside += 1
    return free, inside


@njit(nogil=True)
def combine_two(
    event: Any, views: Any, side: Any, combinations: Any, params: Any, part: Any
) -> Any:
    """List candidates of two views that share planes in z; gives their number."""
    n = 0
    for third in range(2, -1, -1):
        one, two = (third + 1) % N_VIEWS, (third + 2) % N_VIEWS
        for a in range(views.n_candidates[one]):
            for b in range(views.n_candidates[two]):
                low = max(first_plane(views, side, one, a), first_plane(views, side, two, b))
                high = min(last_plane(views, side, one, a), last_plane(views, side, two, b))
                if high < low:
                    continue
                free_a, inside_a = free_clusters(event, views, one, a, low, high)
                free_b, inside_b = free_clusters(event, views, two, b, low, high)
                if min(free_a, free_b) < 2 or inside_a + inside_b < params["min_overlap"]:
                    continue
                part[one], part[two], part[third] = a, b, -1
                crossed, found, total = third_view(
                    event, views, side, part, third, low, high, params["closure"]
                )
                if found >= params["third_view"] * crossed:
                    chi2 = total / found if found > 0 else 0.0
                    length = free_a + free_b + found
                    n = put_combination(
                        combinations, views, n, part[0], part[1], part[2], length - chi2
                    )
    return n


@njit(nogil=True)
def best_combination(combinations: Any, n: Any) -> Any:
    """Find the combination of the highest rank that is left; -1 if there is none."""
    best, highest = -1, DONE
    for number in range(n):
        if combinations[number]["rank"] > highest:
            best, highest = number, combinations[number]["rank"]
    return best


@njit(nogil=True)
def count_left(combinations: Any, n: Any) -> Any:
    """Count the combinations that were not yet tried."""
    left = 0
    for number in range(n):
        if combinations[number]["rank"] > DONE:
            left += 1
    return left


@njit(nogil=True)
def spread_out(event: Any, views: Any, part: Any, road: Any) -> Any:
    """Put the free clusters of a combination into their planes: free ones, and all."""
    road.at_plane[:] = -1
    free, total = 0, 0
    for view in range(N_VIEWS):
        number = part[view]
        if number < 0:
            continue
        for layer in range(
            views.chains[view, number]["first"], views.chains[view, number]["last"] + 1
        ):
            cluster = views.candidate[view, number, layer]
            if cluster < 0:
                continue
            total += 1
            if event.rows[cluster]["taken"] == FREE:
                road.at_plane[event.rows[cluster]["plane"]] = cluster
                free += 1
    return free, total


@njit(nogil=True)
def flags_of(stack: Any, fit: Any, n: Any, source: Any, flags: Any) -> Any:
    """Add that a downstream track does not stop."""
    downstream = stack.planes[fit.nodes[n - 1]["plane"]]["side"] == 1
    return flags | PUNCH if downstream and source != _FROM_RANGE else flags


@njit(nogil=True)
def take_tracks(
    stack: Any, event: Any, views: Any, combinations: Any, n: Any, fit: Any, road: Any,
    store: Any, params: Any, side: Any, number_of_slice: Any, flags: Any,
) -> Any:  # fmt: skip
    """Make tracks of the combinations, best first; gives how many found no room."""
    while True:
        best = best_combination(combinations, n)
        if best < 0:
            return 0
        if store.count[0] == MAX_TRACKS:
            return count_left(combinations, n)
        combinations[best]["rank"] = DONE
        free, total = spread_out(event, views, combinations[best]["part"], road)
        if free < _SMALLEST or total - free > params["max_shared"] * total:
            continue
        road.guess[:] = 0.0
        nodes = take_nodes(stack, event, fit, road)
        nodes, source = make_track(stack, event, fit, nodes, road, params)
        if nodes < params["min_planes_long"]:
            continue
        own = flags_of(stack, fit, nodes, source, flags)
        keep_track(stack, event, fit, nodes, store, params, side + 1, own, source, number_of_slice)


@njit(nogil=True)
def find_long(
    stack: Any, event: Any, views: Any, combinations: Any, fit: Any, road: Any, store: Any,
    params: Any, side: Any, number_of_slice: Any, work: Any,
) -> Any:  # fmt: skip
    """Find the long tracks on one side of a slice; gives how many found no room."""
    find_candidates(stack, event, views, side, params, work)
    n = combine_three(event, views, side, combinations, params)
    lost = take_tracks(
        stack, event, views, combinations, n, fit, road, store, params, side, number_of_slice, 0
    )
    n = combine_two(event, views, side, combinations, params, work)
    return lost + take_tracks(
        stack, event, views, combinations, n, fit, road, store, params, side, number_of_slice,
        TWO_VIEWS,
    )  # fmt: skip
