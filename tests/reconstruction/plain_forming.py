"""Slices, cross-talk grades and clusters in plain Python: the twin of the kernels."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from mx2prod.digits import CalDigitFlag
from mx2prod.reconstruction import RecoConfig
from tests.reconstruction.digit_making import STRIPS

FIRED, DISCARDED = int(CalDigitFlag.FIRED), int(CalDigitFlag.DISCARDED)
PITCH, MIDDLE = 16.7386, 64
Digit = dict[str, Any]


def rows_of(digits: Any) -> list[Digit]:
    """Digits of known channels by push and pixel."""
    names = ("chan", "strip", "plane", "push", "flags", "pe", "energy", "t")
    rows = [
        {name: d[name].item() for name in names} | {"row": row, "slice": 0, "xtalk": False,
                                                    "untimed": False, "pile_up": False}
        for row, d in enumerate(digits) if d["push"] >= 0
    ]  # fmt: skip
    for row in rows:
        row["timed"] = bool(row["flags"] & FIRED) and not math.isnan(row["t"])
        row["used"] = row["strip"] >= 0 and not row["flags"] & DISCARDED
    return sorted(rows, key=lambda d: (d["push"], d["chan"]))


def slice_digits(rows: list[Digit], config: RecoConfig) -> list[list[Digit]]:
    """Fill slices; gives the digits that opened each."""
    cuts = config.slices
    timed = sorted((d for d in rows if d["timed"] and d["used"]), key=lambda d: d["t"])
    slices: list[list[Digit]] = []
    window: list[Digit] = []
    is_open = False
    for digit in timed:
        window = [d for d in window if digit["t"] - d["t"] <= cuts.window]
        if is_open and sum(max(d["pe"], 0) for d in window) < cuts.close_pe:
            is_open, window = False, []
        window.append(digit)
        if is_open:
            slices[-1].append(digit)
        elif sum(max(d["pe"], 0) for d in window) >= cuts.open_pe:
            slices.append(list(window))
            is_open = True
    for number, members in enumerate(slices, 1):
        for digit in members:
            digit["slice"] = number
    for digit in rows:
        if digit["timed"] and not digit["used"]:
            away = [
                (max(of[0]["t"] - digit["t"], digit["t"] - of[-1]["t"], 0.0), number)
                for number, of in enumerate(slices, 1)
            ]
            if away and min(away)[0] <= cuts.window:
                digit["slice"] = min(away)[1]
    _share_pushes(rows)
    return slices


def _share_pushes(rows: list[Digit]) -> None:
    pushes: dict[int, list[Digit]] = {}
    for digit in rows:
        pushes.setdefault(digit["push"], []).append(digit)
    for members in pushes.values():
        light: dict[int, float] = {}
        for digit in members:
            if digit["timed"] and digit["slice"] > 0:
                light[digit["slice"]] = light.get(digit["slice"], 0.0) + max(digit["pe"], 0.0)
        for digit in members:
            digit["pile_up"] = len(light) > 1
            if light and not digit["flags"] & FIRED:
                digit["slice"] = max(light, key=lambda number: (light[number], -number))
                digit["untimed"] = True


def grade(rows: list[Digit], config: RecoConfig) -> None:
    """Fill score and cross-talk flag."""
    cuts = config.cross_talk
    light: dict[tuple[int, int], np.ndarray[Any, Any]] = {}
    for d in rows:
        if d["slice"] > 0:
            of = light.setdefault((d["slice"], d["chan"] // 64), np.zeros(64))
            of[d["chan"] % 64] += max(d["pe"], 0.0)
    for d in rows:
        d["score"] = -1.0
        if d["slice"] == 0 or d["strip"] < 0:
            continue
        of, pixel = light[d["slice"], d["chan"] // 64], d["chan"] % 64
        expected = 0.0
        for other in range(64):
            away = max(abs(other // 8 - pixel // 8), abs(other % 8 - pixel % 8))
            if other == pixel or of[other] <= cuts.xt_source_min:
                continue
            share = {1: cuts.xt_side, 2: cuts.xt_distant}.get(away, 0.0)
            if abs(other - pixel) == 1 and other // 16 == pixel // 16:
                share += cuts.xt_electronic
            expected += of[other] * share
        if expected > 0:
            d["score"] = max(d["pe"], 0.0) / expected
    usable = [d for d in rows if d["used"] and d["slice"] > 0]
    for d in usable:
        outshone = any(
            e["slice"] == d["slice"] and e["plane"] == d["plane"]
            and abs(e["strip"] - d["strip"]) <= 1 and e["pe"] > d["pe"]
            for e in usable
        )  # fmt: skip
        score = float(np.float32(d["score"]))
        d["xtalk"] = d["pe"] < cuts.xt_max_pe and 0 <= score < cuts.xt_score and not outshone


def group(rows: list[Digit], config: RecoConfig) -> list[list[Digit]]:
    """Clusters in order of slice and strip."""
    usable = [d for d in rows if d["used"] and d["slice"] > 0]
    usable.sort(key=lambda d: (d["slice"], d["strip"], d["t"] if d["timed"] else math.inf))
    clusters: list[list[Digit]] = []
    first = 0
    for before, digit in zip([None, *usable], usable, strict=False):
        if before is None or (
            (before["slice"], before["plane"]) != (digit["slice"], digit["plane"])
            or digit["strip"] - before["strip"] > 1
        ):
            first = len(clusters)
        found, least = None, math.inf
        for cluster in clusters[first:]:
            times = [d["t"] for d in cluster if d["timed"]]
            if digit["strip"] - cluster[-1]["strip"] > 1:
                continue
            if digit["timed"] and times:
                value = abs(digit["t"] - times[-1])
                if value > config.clusters.clus_dt:
                    continue
            elif digit["timed"]:
                value = config.clusters.clus_dt
            else:
                value = -math.fsum(d["energy"] for d in cluster)
            if value < least:
                found, least = cluster, value
        if found is None:
            clusters.append([digit])
        else:
            found.append(digit)
    return clusters


def describe(cluster: list[Digit], config: RecoConfig) -> dict[str, Any]:
    """Columns of a cluster."""
    cuts = config.clusters
    plain = [d for d in cluster if not d["xtalk"]]
    of = plain or cluster
    strips = sorted({d["strip"] for d in of})
    energy = {s: sum(d["energy"] for d in of if d["strip"] == s) for s in strips}
    bright = [s for s in strips if energy[s] > cuts.strip_energy]
    total = sum(energy.values())
    together = bool(bright) and bright[-1] - bright[0] + 1 == len(bright)
    if not plain:
        kind = 4
    elif total < cuts.min_energy:
        kind = 0
    elif total <= cuts.max_trackable and len(strips) <= 4 and together:
        kind = 1
    else:
        kind = 2 if 1 <= len(bright) <= 3 else 3
    edges = [PITCH * (s % STRIPS + 1 - MIDDLE) for s in (strips[0], strips[-1])]
    weights = [max(d["energy"], 0.0) for d in of]
    centres = [PITCH * (d["strip"] % STRIPS + 1 - MIDDLE) for d in of]
    width = PITCH * (strips[-1] - strips[0] + 1)
    error = cuts.error_single if len(strips) == 1 else cuts.error_shared
    timed = [d for d in cluster if d["timed"]]
    light = [max(d["pe"], 0.0) for d in timed]
    return {
        "type": kind, "slice": cluster[0]["slice"], "plane": cluster[0]["plane"],
        "tpos1": edges[0], "tpos2": edges[1], "width": width,
        "err": width / math.sqrt(12) if len(strips) >= 4 else error,
        "coord": np.average(centres, weights=weights) if sum(weights) > 0 else np.mean(edges),
        "e": sum(d["energy"] for d in cluster), "pe": sum(d["pe"] for d in cluster),
        "t": np.average([d["t"] for d in timed], weights=light if sum(light) > 0 else None)
        if timed else math.nan, "n_digits": len(cluster),
    }  # fmt: skip
