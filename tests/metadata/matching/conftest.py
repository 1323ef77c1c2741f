"""Run databases for the tests, and the run of the talk's example."""

from __future__ import annotations

import random
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from mx2prod.metadata.matching import Matcher, read_runs_database
from mx2prod.metadata.matching.generate import RUN_WINDOWS, other_subruns, write_runs_database
from mx2prod.metadata.matching.numbering import MadeSubrun

TALK_START, TALK_END = 1720601760, 1720610400


def matcher_of(path: Path, *runs: list[MadeSubrun]) -> Matcher:
    return Matcher(read_runs_database(write_runs_database(path, runs)))


def talk_run() -> list[MadeSubrun]:
    """Run 50017 with 541 intervals before its subrun 17, and 37 in it."""
    start, end = RUN_WINDOWS[50017]
    borders = np.linspace(start, TALK_START, 17).astype(int).tolist()
    mx2 = [
        MadeSubrun("Mx2", 50017, number, first, last, f"subrun{number}")
        for number, (first, last) in enumerate(pairwise(borders), 1)
    ]
    name = "TS1_00050017_0017_numib_v09_2407100856_RawData.dat"
    mx2.append(MadeSubrun("Mx2", 50017, 17, TALK_START, TALK_END, name, 26511430, 26518629))
    charge = [*range(start, TALK_END, 600), TALK_END + 300]
    taken = np.array([*borders, TALK_END, *charge])
    free = [t for t in range(start + 20, TALK_END - 20, 20) if np.abs(taken - t).min() >= 6]
    before = [t for t in free if t < TALK_START]
    inside = [t for t in free if t > TALK_START]
    n_before = 541 - 16 - sum(start < t < TALK_START for t in charge)
    n_inside = 37 - 1 - sum(TALK_START < t < TALK_END for t in charge)
    light = [before[i] for i in np.linspace(0, len(before) - 1, n_before).astype(int)]
    light += [inside[i] for i in np.linspace(0, len(inside) - 1, n_inside).astype(int)]
    return [
        *mx2,
        *other_subruns("CRS", 50017, charge),
        *other_subruns("LRS", 50017, [start, *light, min(end, TALK_END + 200)]),
    ]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(50017)


@pytest.fixture
def talk(tmp_path: Path) -> Matcher:
    return matcher_of(tmp_path / "talk.sqlite", talk_run())
