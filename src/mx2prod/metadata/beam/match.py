"""Match the gates of a file to spills by time; protons on target of gates, files and datasets."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.time import iso
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.beam.config import BeamConfig
from mx2prod.metadata.beam.table import SpillTable
from mx2prod.metadata.matching.gates import GateTimes

NUMI = 16
"""Trigger type of beam gates."""


class Outcome(IntEnum):
    """What became of a beam gate."""

    MATCHED = 0
    NO_READING = 1
    """Its spill has no reading of a toroid: the protons are unknown."""
    NO_SPILL = 2
    """No spill within the window."""
    TAKEN = 3
    """The only spill within the window belongs to a gate that is nearer."""
    NO_SOURCE = 4
    """Before the first or after the last spill of the table."""


@dataclass(frozen=True)
class GateBeam:
    """Beam gates of a file with their spills.

    Attributes
    ----------
    gates : GateTimes
        Beam gates only.
    spill : ndarray of int64, shape (n,)
        Row of the table; -1 without one.
    offset_us : ndarray of int64, shape (n,)
        Time of the gate minus accelerator time; 0 without a spill.
    gps_offset_s : ndarray of float64, shape (n,)
        Time of the gate minus GPS time; NaN is unknown.
    protons : ndarray of float64, shape (n,)
        NaN is unknown.
    outcome : ndarray of int64, shape (n,)
        :class:`Outcome`.
    """

    gates: GateTimes
    spill: npt.NDArray[np.int64]
    offset_us: npt.NDArray[np.int64]
    gps_offset_s: npt.NDArray[np.float64]
    protons: npt.NDArray[np.float64]
    outcome: npt.NDArray[np.int64]

    def rows(self) -> list[dict[str, Any]]:
        """One row a gate; None is unknown."""
        return [
            {
                "gate": gate,
                "global_gate": number,
                "time": iso(time),
                "protons": protons if np.isfinite(protons) else None,
                "offset_ms": offset / 1000 if spill >= 0 else None,
                "outcome": Outcome(outcome).name.lower(),
            }
            for gate, number, time, protons, offset, spill, outcome in zip(
                self.gates.gates.tolist(),
                self.gates.global_gates.tolist(),
                self.gates.times_us.tolist(),
                self.protons.tolist(),
                self.offset_us.tolist(),
                self.spill.tolist(),
                self.outcome.tolist(),
                strict=True,
            )
        ]


def match_gates(gates: GateTimes, table: SpillTable, config: BeamConfig) -> GateBeam:
    """Give each beam gate the nearest spill; a spill belongs to one gate, the nearest.

    Parameters
    ----------
    gates : GateTimes
        All gates of a file; those of other trigger types are left out.
    table : SpillTable
    config : BeamConfig
        Window and expected offset.
    """
    beam = gates.trigger_types == NUMI
    own = GateTimes(*(column[beam] for column in vars(gates).values()))
    wanted = own.times_us - round(config.offset_s * US_PER_S)
    window = round(config.window_s * US_PER_S)
    nearest, apart = _nearest(wanted, table.time_us)
    inside = apart <= window
    first = _first_claims(nearest, apart, inside)
    spill = np.where(first, nearest, -1)
    protons = _of_spill(table.values["protons"], spill)
    outcome = np.full(len(wanted), int(Outcome.NO_SPILL))
    outcome[_outside(wanted, table.time_us, window)] = Outcome.NO_SOURCE
    outcome[inside & ~first] = Outcome.TAKEN
    outcome[first] = np.where(np.isfinite(protons[first]), Outcome.MATCHED, Outcome.NO_READING)
    times = _of_spill(table.time_us, spill, 0)
    return GateBeam(
        gates=own,
        spill=spill,
        offset_us=np.where(first, own.times_us - times, 0),
        gps_offset_s=own.times_us / US_PER_S - _of_spill(table.values["gps_time"], spill),
        protons=protons,
        outcome=outcome,
    )


def _nearest(
    wanted: npt.NDArray[np.int64], times: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Index of the nearest time, and how far it is; the earlier one of two that are as near."""
    if not len(times):
        return np.zeros(len(wanted), np.int64), np.full(len(wanted), np.iinfo(np.int64).max)
    after = np.clip(np.searchsorted(times, wanted), 0, len(times) - 1)
    before = np.maximum(after - 1, 0)
    index = np.where(np.abs(times[after] - wanted) < np.abs(times[before] - wanted), after, before)
    return index, np.abs(times[index] - wanted)


def _first_claims(
    nearest: npt.NDArray[np.int64],
    apart: npt.NDArray[np.int64],
    inside: npt.NDArray[np.bool_],
) -> npt.NDArray[np.bool_]:
    """Mask of the gates that keep their spill: inside the window, and the nearest to it."""
    candidates = np.flatnonzero(inside)
    order = candidates[np.lexsort((candidates, apart[candidates], nearest[candidates]))]
    _, position = np.unique(nearest[order], return_index=True)
    mask = np.zeros(len(nearest), bool)
    mask[order[position]] = True
    return mask


def _outside(
    wanted: npt.NDArray[np.int64], times: npt.NDArray[np.int64], window: int
) -> npt.NDArray[np.bool_]:
    if not len(times):
        return np.ones(len(wanted), bool)
    return np.asarray((wanted < times[0] - window) | (wanted > times[-1] + window))


def _of_spill(values: Any, spill: npt.NDArray[np.int64], missing: float = np.nan) -> Any:
    if not len(values):
        return np.full(len(spill), missing)
    return np.where(spill >= 0, values[spill], missing)


@dataclass(frozen=True)
class BeamSum:
    """Protons on target of a file, or of a dataset.

    Attributes
    ----------
    name : str
    beam_gates, known_gates : int
        All beam gates; those whose protons are known.
    protons : float or None
        Sum of the known ones; None where none is known.
    outcomes : dict of str to int
        Number of gates by :class:`Outcome`.
    """

    name: str
    beam_gates: int
    known_gates: int
    protons: float | None
    outcomes: dict[str, int]

    @property
    def state(self) -> str:
        """``known`` of all gates, ``partly``, ``unknown`` of all, or ``no beam gates``."""
        if not self.beam_gates:
            return "no beam gates"
        if self.known_gates == self.beam_gates:
            return "known"
        return "partly" if self.known_gates else "unknown"

    def as_dict(self) -> dict[str, Any]:
        """Members and the state."""
        return {**vars(self), "state": self.state}


def sum_of(name: str, beam: GateBeam) -> BeamSum:
    """Sum the protons of a file."""
    known = np.isfinite(beam.protons)
    counts = {item.name.lower(): int((beam.outcome == item).sum()) for item in Outcome}
    total = float(beam.protons[known].sum()) if known.any() else None
    return BeamSum(name, len(known), int(known.sum()), total, counts)


def total_of(name: str, sums: Iterable[BeamSum]) -> BeamSum:
    """Sum the protons of the files of a dataset."""
    listed = list(sums)
    known = [item.protons for item in listed if item.protons is not None]
    return BeamSum(
        name,
        sum(item.beam_gates for item in listed),
        sum(item.known_gates for item in listed),
        sum(known) if known else None,
        {
            item.name.lower(): sum(each.outcomes[item.name.lower()] for each in listed)
            for item in Outcome
        },
    )


def misses(beam: GateBeam) -> list[dict[str, Any]]:
    """Gates whose protons are not known, with the reason."""
    return [row for row in beam.rows() if row["outcome"] != "matched"]
