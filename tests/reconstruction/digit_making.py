"""Calibrated digits by hand, at random, and of simulated beam gates with their truth."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

import numpy as np

from mx2prod.constants import Pedestal
from mx2prod.detector import load_detector
from mx2prod.digits import (
    CAL_DIGIT_DTYPE,
    CalDigitFlag,
    CalibratedDigitStream,
    CalibrationConfig,
    Cuts,
    SuppressionConfig,
    raw_digit_chunks,
    suppressed,
)
from mx2prod.reconstruction import ClusterFinder, RecoConfig
from mx2prod.simulation import Spec
from mx2prod.simulation.blocks import FileSimulation

DETECTOR = load_detector()
STRIPS = DETECTOR.planes.shape.strips_per_plane
FIRED = int(CalDigitFlag.FIRED)
FINDER = ClusterFinder(DETECTOR.planes, RecoConfig())
Array = np.ndarray[Any, Any]


def digits_of_channels(chan: Any, pe: Any, t: Any, block: Any = 0, energy: Any = None) -> Array:
    """Digits of dense channels; those with NaN as time did not fire."""
    chan = np.atleast_1d(np.asarray(chan))
    rows = np.zeros(len(chan), CAL_DIGIT_DTYPE)
    rows["chan"], rows["pe"], rows["t"], rows["block"] = chan, pe, t, block
    rows["t_raw"] = t
    rows["energy"] = rows["pe"] * 0.15 if energy is None else energy
    rows["flags"] = np.where(np.isnan(rows["t"]), 0, FIRED)
    rows["push"] = rows["chan"] // 32 * 32 + rows["block"]
    rows["strip"] = DETECTOR.plex.strip_of_channel[chan]
    rows["plane"] = np.where(rows["strip"] < 0, -1, rows["strip"] // STRIPS)
    rows["role"] = DETECTOR.plex.channels["role"][chan]
    rows["energy"][rows["strip"] < 0] = 0.0
    return rows


def digits_of_strips(
    plane: Any, strip: Any, pe: Any, t: Any = 1000.0, block: Any = 0, energy: Any = None
) -> Array:
    """Digits of strips, by row of the plane table and number from 1."""
    dense = np.asarray(plane) * STRIPS + np.asarray(strip) - 1
    return digits_of_channels(DETECTOR.plex.channel_of_strip[dense], pe, t, block, energy)


def form(digits: Array, **sections: Any) -> Any:
    """Slices and clusters of one gate."""
    finder = ClusterFinder(DETECTOR.planes, RecoConfig(**sections)) if sections else FINDER
    return finder.find(digits, [0, len(digits)])


def random_gates(rng: np.random.Generator, n_gates: int, most: int) -> tuple[Array, Array]:
    """Gates of some planes with bursts, pile-up in pushes, dim and untimed digits."""
    rows, sizes = [], []
    for _ in range(n_gates):
        n = int(rng.integers(0, most))
        strips = rng.integers(0, 4, n) * STRIPS + rng.integers(0, 40, n)
        block = rng.integers(0, 3, n)
        chan = np.where(
            rng.random(n) < 0.9,
            DETECTOR.plex.channel_of_strip[strips],
            rng.integers(0, DETECTOR.hardware.n_channels, n),
        )
        _, first = np.unique(chan * 64 + block, return_index=True)
        chan, block = chan[first], block[first]
        times = rng.choice([100.0, 150.0, 400.0, 1000.0], len(chan)) + rng.normal(0, 25, len(chan))
        times[rng.random(len(chan)) < 0.3] = np.nan
        made = digits_of_channels(chan, rng.exponential(5.0, len(chan)) - 0.2, times, block)
        made["flags"][rng.random(len(chan)) < 0.03] |= int(CalDigitFlag.DISCARDED)
        rows.append(made[rng.permutation(len(made))])
        sizes.append(len(made))
    return np.concatenate(rows), np.concatenate([[0], np.cumsum(sizes)])


@dataclass
class BeamGates:
    """Digits of simulated beam gates, and the truth tables."""

    digits: Array
    offset: Array
    truth: dict[str, Array]

    def gate(self) -> Array:
        """Gate of each digit, from 1."""
        return np.repeat(np.arange(1, len(self.offset)), np.diff(self.offset))

    def matched(self) -> tuple[Array, Array]:
        """Rows of digits and of true hits that belong together."""
        hits = self.truth["truth_hits"]

        def key(gate: Array, channel: Array, block: Array) -> Array:
            return (gate.astype(np.int64) * 12_000 + channel) * 64 + block

        digits = key(self.gate(), self.digits["chan"], self.digits["block"])
        truth = key(hits["gate"], hits["channel"], hits["block"])
        _, first, second = np.intersect1d(digits, truth, return_indices=True)
        return first, second

    def event_of(self, hit: Array) -> Array:
        """Event of true hits: first particle of the rock muon, or vertex; -1 for noise."""
        particles = self.truth["truth_particles"]
        row = {(int(p["gate"]), int(p["particle"])): p for p in particles}
        hits = self.truth["truth_hits"][hit]

        def event(gate: int, particle: int) -> int:
            if particle < 0:
                return -1
            while row[gate, particle]["parent"] >= 0:
                particle = int(row[gate, particle]["parent"])
            vertex = int(row[gate, particle]["vertex"])
            return gate * 10_000 + (5_000 + vertex if vertex >= 0 else particle)

        pairs = zip(hits["gate"].tolist(), hits["particle"].tolist(), strict=True)
        return np.array([event(gate, particle) for gate, particle in pairs])


@cache
def beam_gates(n_gates: int = 24) -> BeamGates:
    """Simulate the whole detector at the nominal intensity, and calibrate with true tables."""
    start = datetime(2024, 7, 10, 8, 56, tzinfo=UTC)
    file = {"stream": "numib", "run": 50_017, "subrun": 17, "gates": n_gates, "start": start}
    spec = Spec.model_validate({"seed": 3, "files": [file], "truth": "raw"})
    simulation = FileSimulation(spec, spec.files[0])
    block = simulation.block(1, n_gates)
    assert block.chunk is not None
    (raw,) = raw_digit_chunks(block.chunk, max_rows=10**9)
    tables = {table.schema.folder: table for table in simulation.truth.tables().values()}
    config = SuppressionConfig()
    sup = suppressed(raw, Cuts.of(tables[Pedestal.folder], config), config)
    (made,) = CalibratedDigitStream([sup], tables, CalibrationConfig(), DETECTOR)
    return BeamGates(made.digits, made.offset, block.truth)
