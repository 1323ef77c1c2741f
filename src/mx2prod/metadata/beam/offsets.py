"""Offsets of the clocks of a run as a distribution: gate minus accelerator, gate minus GPS."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.units import US_PER_S
from mx2prod.metadata.beam.match import GateBeam

QUANTILES = (0.0, 0.01, 0.16, 0.5, 0.84, 0.99, 1.0)
BINS = 50
CLOCKS = ("accelerator", "gps")


@dataclass(frozen=True)
class Offsets:
    """Distribution of an offset in one run.

    Attributes
    ----------
    run : int
    clock : str
        ``accelerator`` or ``gps``; the offset is the time of the gate minus it.
    gates : int
        Gates with an offset; 0 where there is no source: then nothing else is known.
    mean_ms, sigma_ms : float or None
    quantiles_ms : dict of str to float
        By probability.
    edges_ms : ndarray of float64, shape (n + 1,)
    counts : ndarray of int64, shape (n,)
    """

    run: int
    clock: str
    gates: int
    mean_ms: float | None
    sigma_ms: float | None
    quantiles_ms: Mapping[str, float]
    edges_ms: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]

    def as_dict(self) -> dict[str, Any]:
        """Members as plain values, rounded to the microsecond."""
        return {
            "run": self.run,
            "clock": self.clock,
            "gates": self.gates,
            "state": "known" if self.gates else "unknown",
            "mean_ms": _rounded(self.mean_ms),
            "sigma_ms": _rounded(self.sigma_ms),
            "quantiles_ms": {key: _rounded(value) for key, value in self.quantiles_ms.items()},
            "edges_ms": [_rounded(value) for value in self.edges_ms.tolist()],
            "counts": self.counts.tolist(),
        }


def offsets_of(beams: Iterable[tuple[int, GateBeam]]) -> list[Offsets]:
    """Distribution of both offsets, run by run.

    Parameters
    ----------
    beams : iterable of (run, GateBeam)
        Several files of a run are joined.
    """
    by_run: dict[int, list[GateBeam]] = {}
    for run, beam in beams:
        by_run.setdefault(run, []).append(beam)
    return [
        _distribution(run, clock, np.concatenate([_values_ms(beam, clock) for beam in files]))
        for run, files in sorted(by_run.items())
        for clock in CLOCKS
    ]


def _values_ms(beam: GateBeam, clock: str) -> npt.NDArray[np.float64]:
    if clock == "accelerator":
        return beam.offset_us[beam.spill >= 0] / 1000
    return beam.gps_offset_s[np.isfinite(beam.gps_offset_s)] * (US_PER_S / 1000)


def _distribution(run: int, clock: str, values: npt.NDArray[np.float64]) -> Offsets:
    if not len(values):
        empty = np.zeros(0)
        return Offsets(run, clock, 0, None, None, {}, empty, empty.astype(np.int64))
    counts, edges = np.histogram(values, bins=BINS)
    quantiles = np.quantile(values, QUANTILES)
    return Offsets(
        run=run,
        clock=clock,
        gates=len(values),
        mean_ms=float(values.mean()),
        sigma_ms=float(values.std()),
        quantiles_ms={f"{q:g}": float(v) for q, v in zip(QUANTILES, quantiles, strict=True)},
        edges_ms=edges,
        counts=counts,
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)
