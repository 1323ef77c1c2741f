"""Finding and fitting of tracks from clusters, one core."""

from __future__ import annotations

import numpy as np

from benchmarks.timing import Row, best_seconds, row
from mx2prod.reconstruction import RecoConfig, TrackFinder
from tests.reconstruction.making import PLANES, clusters_of, fly, make_gates, starts

GATES, MUONS, NOISE = 240, 5, 50
TRACKS = 500


def measure() -> list[Row]:
    """Measure on straight muons with scattering; rows with name, value, unit."""
    finder = TrackFinder(PLANES, RecoConfig())
    rng = np.random.default_rng(1)
    gates = make_gates(rng, GATES, MUONS, noise=NOISE)
    found = finder.find(gates.clusters, gates.offset)
    finding = best_seconds(lambda: finder.find(gates.clusters, gates.offset))
    flown = fly(rng, 5000.0, starts(rng, TRACKS, 0.05))
    t = flown.coordinates()
    t = t[np.isfinite(t).all(axis=1)]
    n, planes = t.shape
    clusters = clusters_of(rng, t.ravel(), np.tile(np.arange(planes), n))
    offset, momenta = np.arange(n + 1) * planes, np.full(n, 5000.0)
    fitting = best_seconds(lambda: finder.fit(clusters, offset, momenta))
    passes = 2 * len(clusters)
    return [
        row("filter and smoother, with material", 1e9 * fitting / passes, "ns/node"),
        row(f"gates with {MUONS} muons and {NOISE} noise clusters", GATES / finding, "1/s"),
        row("  clusters a gate", len(gates.clusters) / GATES, ""),
        row("  nodes a gate", len(found.nodes) / GATES, ""),
        row("  of a node", 1e9 * finding / len(found.nodes), "ns"),
    ]
