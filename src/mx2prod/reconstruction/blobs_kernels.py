"""Blobs: groups of clusters that belong to no track (reconstruction page, section 11)."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np
from numba import njit

from mx2prod.reconstruction.clusters_kernels import keep_brightest
from mx2prod.reconstruction.columns import ClusterType
from mx2prod.reconstruction.vertices_kernels import join, root_of

CROSS_TALK = int(ClusterType.CROSS_TALK)
VIEWS = 3
ROWS_OF_RANK = 4
"""Most rows of the plane table from one plane of a view to the next of the same side."""
LEAST_WEIGHT = 1e-3
"""MeV: clusters without energy still have a place."""


class Groups(NamedTuple):
    """Clusters that can be in blobs, by slice and plane, and the groups that they are in."""

    rows: Any
    """Places in the clusters of the gate."""
    begin: Any
    """First one of each plane in the current slice, shape (n_planes + 1,)."""
    parent: Any
    """Another one of the group, itself in the first one."""


@njit(nogil=True)
def list_free(clusters: Any, uses: Any, rows: Any) -> Any:
    """List the clusters in slices that no track has a part of; gives how many."""
    n = 0
    for row in range(clusters.size):
        cluster = clusters[row]
        if cluster["slice"] > 0 and cluster["type"] != CROSS_TALK and uses[row]["track"] < 0:
            rows[n] = row
            n += 1
    return n


@njit(nogil=True)
def begin_planes(clusters: Any, groups: Any, first: Any, last: Any) -> None:
    """Note where the clusters of each plane begin in a slice."""
    plane = 0
    for place in range(first, last):
        while plane <= clusters[groups.rows[place]]["plane"]:
            groups.begin[plane] = place
            plane += 1
    while plane < groups.begin.size:
        groups.begin[plane] = last
        plane += 1


@njit(nogil=True)
def gap_between(low: Any, high: Any, other_low: Any, other_high: Any) -> Any:
    """Distance of two intervals; 0 if they overlap."""
    return max(other_low - high, low - other_high, 0.0)


@njit(nogil=True)
def link_view(
    clusters: Any, groups: Any, planes: Any, place: Any, most_planes: Any, most_gap: Any
) -> None:
    """Link a cluster to those of its view in its plane and the next ones."""
    cluster = clusters[groups.rows[place]]
    own = planes[cluster["plane"]]
    end = min(cluster["plane"] + ROWS_OF_RANK * most_planes, planes.size - 1)
    for plane in range(cluster["plane"], end + 1):
        row = planes[plane]
        if (
            row["side"] != own["side"]
            or row["view"] != own["view"]
            or row["rank"] - own["rank"] > most_planes
        ):
            continue
        for other in range(max(groups.begin[plane], place + 1), groups.begin[plane + 1]):
            near = clusters[groups.rows[other]]
            gap = gap_between(cluster["tpos1"], cluster["tpos2"], near["tpos1"], near["tpos2"])
            if gap <= most_gap:
                join(groups.parent, place, other)


@njit(nogil=True)
def link_views(
    clusters: Any, groups: Any, planes: Any, place: Any, most_planes: Any, most_gap: Any
) -> None:
    """Link a cluster of an X plane to pairs of U and V with u + v = x near it."""
    x = clusters[groups.rows[place]]
    if planes[x["plane"]]["view"] != 0:
        return
    side = planes[x["plane"]]["side"]
    low, high = max(x["plane"] - most_planes, 0), min(x["plane"] + most_planes, planes.size - 1)
    for plane_u in range(low, high + 1):
        if planes[plane_u]["view"] != 1 or planes[plane_u]["side"] != side:
            continue
        for plane_v in range(low, high + 1):
            if planes[plane_v]["view"] != 2 or planes[plane_v]["side"] != side:
                continue
            for of_u in range(groups.begin[plane_u], groups.begin[plane_u + 1]):
                u = clusters[groups.rows[of_u]]
                for of_v in range(groups.begin[plane_v], groups.begin[plane_v + 1]):
                    v = clusters[groups.rows[of_v]]
                    gap = gap_between(
                        x["tpos1"], x["tpos2"], u["tpos1"] + v["tpos1"], u["tpos2"] + v["tpos2"]
                    )
                    if gap <= most_gap:
                        join(groups.parent, place, of_u)
                        join(groups.parent, place, of_v)


@njit(nogil=True)
def link_clusters(clusters: Any, groups: Any, n: Any, planes: Any, pitch: Any, params: Any) -> None:
    """Group the free clusters of all slices."""
    most_planes = int(params["max_planes"])
    most_gap = params["max_strips"] * pitch + params["margin"]
    for place in range(n):
        groups.parent[place] = place
    first = 0
    while first < n:
        last = first + 1
        while last < n and (
            clusters[groups.rows[last]]["slice"] == clusters[groups.rows[first]]["slice"]
        ):
            last += 1
        begin_planes(clusters, groups, first, last)
        for place in range(first, last):
            link_view(clusters, groups, planes, place, most_planes, most_gap)
            link_views(clusters, groups, planes, place, most_planes, most_gap)
        first = last


@njit(nogil=True)
def point_of(weights: Any, moments: Any, planes_of_view: Any, point: Any) -> Any:
    """Fill x and y from the mean coordinates of views.

    Parameters
    ----------
    weights, moments : ndarray of float64, shape (3,)
        Sums over the clusters of each view, of the weights and of weight times coordinate.
    planes_of_view : ndarray of float64, shape (3, 2)
        ``along_x`` and ``along_y`` of each view.
    point : ndarray of float64, shape (3,)
        x and y are filled.

    Returns
    -------
    int
        Bits of the views.
    """
    views, single, xx, xy, yy, rx, ry = 0, -1, 0.0, 0.0, 0.0, 0.0, 0.0
    for view in range(VIEWS):
        if weights[view] > 0.0:
            views |= 1 << view
            single = view
            a, b = planes_of_view[view, 0], planes_of_view[view, 1]
            xx += weights[view] * a * a
            xy += weights[view] * a * b
            yy += weights[view] * b * b
            rx += moments[view] * a
            ry += moments[view] * b
    if views == 1 << single:
        t = moments[single] / weights[single]
        point[0], point[1] = planes_of_view[single, 0] * t, planes_of_view[single, 1] * t
    else:
        determinant = xx * yy - xy * xy
        point[0], point[1] = (yy * rx - xy * ry) / determinant, (xx * ry - xy * rx) / determinant
    return views


@njit(nogil=True)
def find_start(
    clusters: Any, members: Any, n: Any, planes: Any, view_axes: Any, vertices: Any, n_vertices: Any
) -> Any:
    """Find the cluster nearest to a vertex of the slice; the most upstream one without a vertex."""
    best, least = 0, math.inf
    for number in range(n_vertices):
        vertex = vertices[number]
        if vertex["slice"] != clusters[members[0]]["slice"]:
            continue
        for k in range(n):
            cluster = clusters[members[k]]
            axis = view_axes[planes[cluster["plane"]]["view"]]
            t = axis[0] * vertex["position"][0] + axis[1] * vertex["position"][1]
            away = math.hypot(
                cluster["coord"] - t, planes[cluster["plane"]]["z"] - vertex["position"][2]
            )
            if away < least:
                best, least = k, away
    return best


@njit(nogil=True)
def fill_start(
    clusters: Any, members: Any, n: Any, start: Any, planes: Any, view_axes: Any, point: Any
) -> None:
    """Fill the point of the start cluster, with the nearest clusters of the other views."""
    weights, moments = np.zeros(VIEWS), np.zeros(VIEWS)
    z = planes[clusters[members[start]]["plane"]]["z"]
    own = planes[clusters[members[start]]["plane"]]["view"]
    nearest = np.full(VIEWS, math.inf)
    for k in range(n):
        cluster = clusters[members[k]]
        view = planes[cluster["plane"]]["view"]
        away = abs(planes[cluster["plane"]]["z"] - z)
        if (view != own and away < nearest[view]) or k == start:
            nearest[view] = away
            weights[view], moments[view] = 1.0, cluster["coord"]
    point_of(weights, moments, view_axes, point)
    point[2] = z


@njit(nogil=True)
def fill_blob(
    clusters: Any, members: Any, n: Any, planes: Any, view_axes: Any, vertices: Any,
    n_vertices: Any, blob: Any,
) -> None:  # fmt: skip
    """Fill a blob, all but where its clusters stand."""
    weights, moments = np.zeros(VIEWS), np.zeros(VIEWS)
    energy, calorimetric, light, depth, total, timed, late = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
    for k in range(n):
        cluster = clusters[members[k]]
        plane = planes[cluster["plane"]]
        energy += cluster["e"]
        calorimetric += cluster["e"] * plane["weight"]
        light += cluster["pe"]
        weight = max(cluster["e"], LEAST_WEIGHT)
        weights[plane["view"]] += weight
        moments[plane["view"]] += weight * cluster["coord"]
        total += weight
        depth += weight * plane["z"]
        if not math.isnan(cluster["t"]):
            of_time = max(cluster["pe"], LEAST_WEIGHT)
            timed += of_time
            late += of_time * cluster["t"]
    blob["e"], blob["calorimetric"], blob["pe"] = energy, calorimetric, light
    blob["time"] = late / timed if timed > 0.0 else math.nan
    views = point_of(weights, moments, view_axes, blob["centroid"])
    blob["centroid"][2] = depth / total
    blob["views"], blob["flags"] = views, 1 if views in (1, 2, 4) else 0
    blob["slice"] = clusters[members[0]]["slice"]
    start = find_start(clusters, members, n, planes, view_axes, vertices, n_vertices)
    blob["start_cluster"] = members[start]
    fill_start(clusters, members, n, start, planes, view_axes, blob["start"])


@njit(nogil=True)
def number_groups(clusters: Any, groups: Any, n: Any, number: Any, energy: Any, size: Any) -> Any:
    """Give the groups numbers in order of their first clusters.

    ``number`` by free cluster, and ``energy`` and ``size`` by group are filled.

    Returns
    -------
    int
        How many groups there are.
    """
    count = 0
    for place in range(n):
        root = root_of(groups.parent, place)
        if root == place:
            number[place] = count
            energy[count], size[count] = 0.0, 0
            count += 1
        else:
            number[place] = number[root]
        energy[number[place]] += clusters[groups.rows[place]]["e"]
        size[number[place]] += 1
    return count


@njit(nogil=True)
def keep_blobs(energy: Any, size: Any, count: Any, params: Any, work: Any, keep: Any) -> Any:
    """Mark the groups that are blobs; gives how many had no room."""
    blobs = 0
    keys, order, spare, chosen = work
    for group in range(count):
        keep[group] = (
            size[group] >= params["min_clusters"] or energy[group] >= params["min_blob_energy"]
        )
        if keep[group]:
            keys[blobs] = energy[group]
            blobs += 1
    most = int(params["max_blobs"])
    keep_brightest(keys, blobs, most, order, spare, chosen)
    at = 0
    for group in range(count):
        if keep[group]:
            keep[group] = chosen[at]
            at += 1
    return max(blobs - most, 0)
