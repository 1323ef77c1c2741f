"""Aggregate the same readings with ctapipe; started with the Python of its own environment.

Arguments: the readings (NumPy file of shape gates x rows), the file for the results.  Prints the
seconds of ``PlainAggregator`` and ``SigmaClippingAggregator`` with their default settings, best of
two turns; the results are the counts, means and standard deviations of each row.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable

import numpy as np
from astropy.table import Table
from astropy.time import Time
from ctapipe.monitoring.aggregator import PlainAggregator, SigmaClippingAggregator

TURNS = 2
STATISTICS = ("n_events", "mean", "std")


def events_of(readings: np.ndarray) -> Table:
    """Event table as ctapipe wants it: a time and an image a gate."""
    seconds = np.arange(len(readings), dtype=float)
    return Table({"time": Time(1.7e9 + seconds, format="unix_tai"), "image": readings})


def timed(aggregate: Callable[[Table], Table], events: Table) -> tuple[float, Table]:
    """Shortest time of the turns in seconds, and the result."""
    best = float("inf")
    for _ in range(TURNS):
        start = time.perf_counter()
        result = aggregate(events)
        best = min(best, time.perf_counter() - start)
    return best, result


def main() -> None:
    """Aggregate all gates as one chunk with both aggregators."""
    events = events_of(np.load(sys.argv[1]))
    seconds: dict[str, float] = {}
    arrays: dict[str, np.ndarray] = {}
    for kind in (PlainAggregator, SigmaClippingAggregator):
        seconds[kind.__name__], result = timed(kind(), events)
        for name in STATISTICS:
            arrays[f"{kind.__name__}_{name}"] = np.asarray(result[name][0])
    np.savez(sys.argv[2], allow_pickle=False, **arrays)
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
