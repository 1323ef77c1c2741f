"""What single rock muons leave in the detector, for the checks of the light."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from mx2prod.simulation.blocks import Block, FileSimulation
from tests.simulation.making import file_of, spec_of

FRESH = "2024-03-01T00:00:00Z"
"""Time at which the light yields hold: nothing has aged."""
N_STRIPS = 127
SHORTEST_MM = 2.0
BLOCK = 60


@dataclass(frozen=True)
class MuonLight:
    """Light of muons in photoelectrons, from the charge of all hit blocks.

    Attributes
    ----------
    crossings : ndarray
        Of every strip with a path of 2 mm or more, zeros included.
    planes : ndarray
        Of all strips of every plane that a muon crosses.
    strips : ndarray
        Strips with a path in these planes.
    """

    crossings: np.ndarray
    planes: np.ndarray
    strips: np.ndarray

    @property
    def no_light(self) -> float:
        """Share of the crossings without light."""
        return float((self.crossings < 0.01).mean())


def muon_light(gates: int) -> MuonLight:
    """Simulate the whole detector; gates with exactly one muon count."""
    spec = spec_of(
        file_of(gates=gates, start=FRESH),
        febs="all",
        truth="full",
        beam={"rock_muons_per_gate": 1.0, "interactions_per_gate": 0},
    )
    simulation = FileSimulation(spec, spec.files[0])
    found: list[tuple[np.ndarray, ...]] = []
    for first in range(1, gates + 1, BLOCK):
        last = min(first + BLOCK - 1, gates)
        found += list(_of_gates(simulation, simulation.block(first, last)))
    crossings, planes, strips = (np.concatenate(column) for column in zip(*found, strict=True))
    return MuonLight(crossings, planes, strips)


def _of_gates(simulation: FileSimulation, block: Block) -> Iterator[tuple[np.ndarray, ...]]:
    truth = simulation.truth
    gates, hits = block.truth["truth_gates"], block.truth["truth_hits"]
    deposits = block.truth["truth_deposits"]
    for gate in gates["gate"][gates["n_rock"] == 1]:
        own = hits[(hits["gate"] == gate) & (hits["block"] >= 0)]
        light = np.zeros(len(truth.gain))
        np.add.at(light, own["channel"], own["charge"] / truth.charge_per_pe[own["channel"]])
        of_strip = light[truth.channel_of_strip]
        muon = deposits[(deposits["gate"] == gate) & (deposits["particle"] == 0)]
        path = np.bincount(muon["strip"], muon["path_mm"], len(of_strip))
        crossed = (path > 0).reshape(-1, N_STRIPS).sum(axis=1)
        yield (
            of_strip[path >= SHORTEST_MM],
            of_strip.reshape(-1, N_STRIPS).sum(axis=1)[crossed > 0],
            crossed[crossed > 0],
        )
