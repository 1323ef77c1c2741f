"""Matching to the 2x2: overlaps of many intervals, and a whole run 1, beside interval libraries."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import numpy as np
import portion

from benchmarks.timing import Row, best_seconds, row
from mx2prod.metadata.matching import Matcher, overlaps, read_runs_database
from mx2prod.metadata.matching.generate import RUN_WINDOWS, made_run, write_runs_database

MANY, OTHERS = 100_000, 1_000_000
FEW, SOME = 515, 20_000
PEER_FILES = 20
"""portion joins intervals one by one: of the run, so many Mx2 files, scaled up."""


def measure() -> list[Row]:
    """Rows: name, value, unit, figure, and the ratio to the same by portion."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_sweeps(), *_run_1(Path(folder))]


def _sweeps() -> list[Row]:
    rng = np.random.default_rng(1)
    many, few = _contiguous(rng, MANY, OTHERS), _contiguous(rng, FEW, SOME)
    ours = best_seconds(lambda: overlaps(*few))
    peer = best_seconds(lambda: _by_portion(*few), turns=1) * FEW / PEER_FILES
    large = best_seconds(lambda: overlaps(*many))
    return [
        row(f"overlaps of {MANY:,} with {OTHERS:,} intervals", large, "s"),
        row(f"overlaps of {FEW} with {SOME:,} intervals", 1000 * ours, "ms"),
        row("  the same by portion, pair by pair", 1000 * peer, "ms", ours=1000 * ours),
    ]


def _contiguous(rng: np.random.Generator, *counts: int) -> list[np.ndarray]:
    """Cut one span of time into pieces, for each count: starts and ends of them."""
    columns = []
    for count in counts:
        borders = np.unique(rng.integers(0, 100 * OTHERS, count + 1))
        columns += [borders[:-1], borders[1:]]
    return columns


def _by_portion(
    starts: np.ndarray, ends: np.ndarray, other_starts: np.ndarray, other_ends: np.ndarray
) -> int:
    others = [
        portion.closedopen(*span)
        for span in zip(other_starts.tolist(), other_ends.tolist(), strict=True)
    ]
    spans = list(zip(starts.tolist(), ends.tolist(), strict=True))[:PEER_FILES]
    return sum(portion.closedopen(*span).overlaps(other) for span in spans for other in others)


def _run_1(folder: Path) -> list[Row]:
    rng = random.Random(1)
    runs = [made_run(rng, run, window) for run, window in RUN_WINDOWS.items()]
    path = write_runs_database(folder / "runs.sqlite", runs)
    reading = best_seconds(lambda: Matcher(read_runs_database(path)))
    matcher = Matcher(read_runs_database(path))
    subruns = matcher.database.summaries["Mx2"].rows[["run", "subrun"]].tolist()
    matching = best_seconds(
        lambda: [matcher.match(matcher.of_subrun("Mx2", *subrun)) for subrun in subruns]
    )
    return [
        row(f"read and check a database of {len(runs)} runs of 48 h", reading, "s"),
        row(f"match {len(subruns)} Mx2 files, a file", 1000 * matching / len(subruns), "ms"),
    ]
