"""Slices and clusters, and what follows tracking, on simulated beam gates; a full gate."""

from __future__ import annotations

import numpy as np

from benchmarks.calibrated_digits import GATES, beam_gates
from benchmarks.timing import Row, best_seconds, row
from mx2prod.constants import Pedestal
from mx2prod.detector import load_detector
from mx2prod.digits import (
    CalibratedDigitChunk,
    CalibratedDigitStream,
    CalibrationConfig,
    Cuts,
    StripAttenuation,
    SuppressionConfig,
    raw_digit_chunks,
    suppressed,
)
from mx2prod.reconstruction import ClusterFinder, ObjectFinder, RecoConfig, TrackFinder

BLOCKS = 22
"""Hit blocks of every board in the full gate."""


def measure() -> list[Row]:
    """Form clusters of the whole detector at the nominal intensity over and over."""
    made, detector, config = _digits(), load_detector(), RecoConfig()
    finder = ClusterFinder(detector.planes, config)
    formed = finder.find(made.digits, made.offset)
    tracks = TrackFinder(detector.planes, config).find(formed.clusters, formed.cluster_offset)
    objects = ObjectFinder(detector, config, StripAttenuation.of(detector, None))
    full = _full_gate(made)
    forming = best_seconds(lambda: finder.find(made.digits, made.offset), turns=10)
    finishing = best_seconds(lambda: objects.find(formed, tracks), turns=10)
    pathological = best_seconds(lambda: finder.find(full, [0, len(full)]), turns=1)
    return [
        row("slices, cross-talk and clusters of a gate", 1e3 * forming / GATES, "ms"),
        row("energies, vertices and blobs of a gate", 1e3 * finishing / GATES, "ms"),
        row("calibrated digits of a gate", len(made.digits) / GATES, ""),
        row("clusters of a gate", len(formed.clusters) / GATES, ""),
        row(f"a gate of {len(full)} digits", pathological, "s"),
    ]


def _digits() -> CalibratedDigitChunk:
    chunk, simulation = beam_gates()
    (raw,) = raw_digit_chunks(chunk, max_rows=10**9)
    tables = {table.schema.folder: table for table in simulation.truth.tables().values()}
    config = SuppressionConfig()
    sup = suppressed(raw, Cuts.of(tables[Pedestal.folder], config), config)
    (made,) = CalibratedDigitStream([sup], tables, CalibrationConfig(), load_detector())
    return made


def _full_gate(made: CalibratedDigitChunk) -> np.ndarray[tuple[int], np.dtype[np.void]]:
    """Every strip in every hit block, 700 ns apart, 10 PE on average."""
    detector, rng = load_detector(), np.random.default_rng(9)
    strips = np.tile(np.arange(detector.planes.n_strips, dtype=np.int32), BLOCKS)
    rows = np.zeros(len(strips), made.digits.dtype)
    block = np.repeat(np.arange(BLOCKS), detector.planes.n_strips)
    chan = detector.plex.channel_of_strip[strips]
    rows["strip"], rows["chan"], rows["block"] = strips, chan, block
    rows["plane"] = strips // detector.planes.shape.strips_per_plane
    rows["push"] = chan // 32 * 32 + block
    rows["t"], rows["flags"] = 700.0 * block + rng.normal(50.0, 10.0, len(rows)), 1
    rows["pe"] = rng.exponential(10.0, len(rows))
    rows["energy"] = 0.15 * rows["pe"]
    return rows
