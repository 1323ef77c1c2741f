"""Energy of clusters at the point where a track crosses their strips (section 11)."""

from __future__ import annotations

import math
from typing import Any

from numba import njit

from mx2prod.reconstruction.clusters_kernels import centre_of
from mx2prod.reconstruction.columns import NodeFlag, TrackFlag

PART, SEGMENT = int(NodeFlag.PART), int(TrackFlag.SEGMENT)


@njit(nogil=True)
def light_at(strip: Any, distance: Any) -> Any:
    """Direct and reflected light of a strip at a distance from its readout end, no unit."""
    length = strip["high"] - strip["low"]
    return math.exp(-distance / strip["atten"]) + strip["reflect"] * math.exp(
        (distance - 2.0 * length) / strip["atten"]
    )


@njit(nogil=True)
def track_factor(strip: Any, along: Any) -> Any:
    """Light from the middle of a strip over that from a point of it.

    Parameters
    ----------
    strip : record of STRIP_LIGHT_DTYPE
    along : float
        The point, mm along the strip; the nearest one of the strip is taken.
    """
    point = min(max(along, strip["low"]), strip["high"])
    distance = strip["high"] - point if strip["end"] > 0.0 else point - strip["low"]
    middle = 0.5 * (strip["high"] - strip["low"])
    return light_at(strip, middle) / light_at(strip, distance)


@njit(nogil=True)
def claim_digits(
    formed: Any, tracks: Any, nodes: Any, planes: Any, shape: Any, owner: Any, along: Any, away: Any
) -> None:
    """Give the digits of nodes to the tracks; of several tracks, to the nearest one.

    Of a supercluster only the strips that the track can cross belong to it.

    Parameters
    ----------
    formed : tuple
        Digits, clusters and list of clustered digits of a gate.
    owner : ndarray of int32
        Filled, by digit: track, or -1.
    along : ndarray of float64
        Filled, by digit: where the track is along the strip, mm.
    away : ndarray of float64
        Work space: distance of track and strip.
    """
    digits, clusters, listed = formed
    owner[:] = -1
    for number in range(tracks.size):
        track = tracks[number]
        if track["flags"] & SEGMENT != 0:
            continue
        for k in range(track["first_node"], track["first_node"] + track["n_nodes"]):
            node = nodes[k]
            plane = planes[node["plane"]]
            t = plane["along_x"] * node["x"] + plane["along_y"] * node["y"]
            slope = plane["along_x"] * node["ax"] + plane["along_y"] * node["ay"]
            cluster = clusters[node["cluster"]]
            first = cluster["first_digit"]
            for place in range(first, first + cluster["n_digits"]):
                digit = listed[place]
                distance = abs(centre_of(digits[digit]["strip"], shape) - t)
                if node["flags"] & PART != 0 and distance > shape[1] + 0.5 * shape[3] * abs(slope):
                    continue
                if owner[digit] < 0 or distance < away[digit]:
                    owner[digit], away[digit] = number, distance
                    along[digit] = plane["along_x"] * node["y"] - plane["along_y"] * node["x"]


@njit(nogil=True)
def correct_clusters(
    formed: Any, strips: Any, owner: Any, along: Any, e_track: Any, uses: Any
) -> None:
    """Fill the energies of digits and clusters at the track, and what of it tracks have.

    Parameters
    ----------
    formed : tuple
        As :func:`claim_digits`; energy and position along the strips of clusters are changed.
    strips : ndarray of STRIP_LIGHT_DTYPE
    owner, along : ndarray
        As :func:`claim_digits` filled them.
    e_track : ndarray of float32
        Filled, by digit, MeV.
    uses : ndarray of CLUSTER_USE_DTYPE
        Filled, all but what blobs have.
    """
    digits, clusters, listed = formed
    for row in range(digits.size):
        e_track[row] = digits[row]["energy"]
        if owner[row] >= 0:
            strip = digits[row]["strip"]
            e_track[row] = digits[row]["energy"] * track_factor(strips[strip], along[row])
    for number in range(clusters.size):
        cluster, use = clusters[number], uses[number]
        energy, on_tracks, most, use_track, lpos = 0.0, 0.0, -math.inf, -1, 0.0
        first = cluster["first_digit"]
        for place in range(first, first + cluster["n_digits"]):
            digit = listed[place]
            energy += e_track[digit]
            if owner[digit] >= 0:
                on_tracks += e_track[digit]
                if e_track[digit] > most:
                    most, use_track, lpos = e_track[digit], owner[digit], along[digit]
        cluster["e"], cluster["lpos"] = energy, lpos
        use["track"], use["blob"] = use_track, -1
        use["e_tracks"], use["e_blob"], use["e_unused"] = on_tracks, 0.0, energy - on_tracks


@njit(nogil=True)
def sum_tracks(
    formed: Any, tracks: Any, nodes: Any, planes: Any, owner: Any, e_track: Any, energies: Any
) -> None:
    """Sum visible and calorimetric energy of the tracks.

    A segment that is part of a through track has what that track has in its clusters.
    """
    clusters, listed = formed[1], formed[2]
    for number in range(tracks.size):
        track = tracks[number]
        visible, calorimetric = 0.0, 0.0
        of_segment = track["flags"] & SEGMENT != 0
        for k in range(track["first_node"], track["first_node"] + track["n_nodes"]):
            cluster = clusters[nodes[k]["cluster"]]
            weight = planes[nodes[k]["plane"]]["weight"]
            first = cluster["first_digit"]
            for place in range(first, first + cluster["n_digits"]):
                digit = listed[place]
                if owner[digit] == number or (of_segment and owner[digit] >= 0):
                    visible += e_track[digit]
                    calorimetric += weight * e_track[digit]
        energies[number]["visible"] = visible
        energies[number]["calorimetric"] = calorimetric
