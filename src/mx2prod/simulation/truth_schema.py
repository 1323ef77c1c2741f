"""Columns of the truth tables, with unit and meaning (detector page, section 7.4)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.detector import Planes
from mx2prod.simulation.columns import (
    DEPOSIT_DTYPE,
    GATE_TRUTH_DTYPE,
    HIT_DTYPE,
    PARTICLE_DTYPE,
    VERTEX_DTYPE,
)

_STRIP_ADDRESS = [("module", "u1"), ("plane", "u1"), ("strip_number", "u1")]

TRUTH_TABLES: dict[str, np.dtype[np.void]] = {
    "truth_gates": GATE_TRUTH_DTYPE,
    "truth_particles": PARTICLE_DTYPE,
    "truth_vertices": VERTEX_DTYPE,
    "truth_deposits": np.dtype([*DEPOSIT_DTYPE.descr, *_STRIP_ADDRESS]),
    "truth_hits": HIT_DTYPE,
}
LIGHT_TABLES = ("truth_gates", "truth_particles")
"""Tables that ``truth: light`` writes."""

_EXACT = {
    "run": ("", "run number"),
    "subrun": ("", "subrun number"),
    "gate": ("", "number of the gate in the subrun, from 1"),
    "global_gate": ("", "number of the gate that runs on across files"),
    "trigger_type": ("", "1 pedestal, 2 light injection, 16 NuMI"),
    "time_us": ("us", "host clock after readout, since 1970"),
    "pot": ("", "protons on target of the spill"),
    "n_rock": ("", "rock muons"),
    "n_neutrino": ("", "neutrino-like interactions"),
    "n_board_hits": ("", "timed hit blocks of all boards"),
    "dead_ns": ("ns", "dead time, summed over pairs of TriP-t chips"),
    "particle": ("", "number of the particle in the gate, from 0; -1: none"),
    "parent": ("", "particle number of the parent; -1: none"),
    "vertex": ("", "number of the vertex in the gate, from 0; -1: from outside"),
    "pdg": ("", "particle type, PDG numbering"),
    "kind": ("", "1 rock muon, 2 neutrino-like, 3 light injection"),
    "energy": ("MeV", "total energy of a particle; energy left in a strip"),
    "energy_birks": ("MeV", "energy after quenching"),
    "neutrino_energy": ("MeV", "energy of the neutrino"),
    "batch": ("", "batch of the spill, 0..5; -1: not of the beam"),
    "bucket": ("", "bucket of the batch; -1: not of the beam"),
    "region": ("", "1 upstream planes, 2 liquid argon, 3 downstream planes"),
    "strip": ("", "dense number of the strip in the geometry"),
    "module": ("", "module of the strip"),
    "plane": ("", "plane of the module"),
    "strip_number": ("", "strip in the plane, from 1"),
    "path_mm": ("mm", "path in the strip"),
    "t_mm": ("mm", "across the strips, in the true plane"),
    "l_mm": ("mm", "along the strip"),
    "channel": ("", "dense channel: board number in the hardware map * 64 + pixel"),
    "block": ("", "ADC frame of the board, 0..N; -1: lost"),
    "fired": ("", "the discriminator fired in this block"),
    "pe": ("PE", "photoelectrons of the pixel and of cross-talk"),
    "charge": ("fC", "charge"),
    "flags": ("", "bits: 1 cross-talk, 2 after-pulse, 4 dark, 8 saturated, 16 lost in dead time"),
}
_BY_ENDING = {
    "_ns": ("ns", "time since the gate opened"),
    "_x": ("mm", "x in the detector frame"),
    "_y": ("mm", "y in the detector frame"),
    "_z": ("mm", "z in the detector frame"),
}
_MOMENTUM = ("px", "py", "pz")


@dataclass(frozen=True)
class TruthColumn:
    """A column of a truth table.

    Attributes
    ----------
    name : str
    dtype : numpy.dtype
    unit, meaning : str
    """

    name: str
    dtype: np.dtype[Any]
    unit: str
    meaning: str


def truth_columns(table: str) -> tuple[TruthColumn, ...]:
    """Columns of a table, in order.

    Raises
    ------
    KeyError
        If there is no such table.
    """
    dtype = TRUTH_TABLES[table]
    return tuple(TruthColumn(name, dtype[name], *_describe(name)) for name in dtype.names or ())


def _describe(name: str) -> tuple[str, str]:
    if name in _EXACT:
        return _EXACT[name]
    if name in _MOMENTUM:
        return "MeV", f"momentum at the start, {name[-1]}"
    if name in ("x", "y", "z"):
        return "mm", f"{name} in the detector frame"
    ending = next(end for end in _BY_ENDING if name.endswith(end))
    return _BY_ENDING[ending]


def with_strip_address(deposits: npt.NDArray[np.void], planes: Planes) -> npt.NDArray[np.void]:
    """Deposits with module, plane and strip number beside the dense strip number.

    Parameters
    ----------
    deposits : ndarray of DEPOSIT_DTYPE, shape (n,)
    planes : Planes

    Returns
    -------
    ndarray, shape (n,)
        Of the columns of ``truth_deposits``.
    """
    rows = np.zeros(len(deposits), TRUTH_TABLES["truth_deposits"])
    for name in DEPOSIT_DTYPE.names or ():
        rows[name] = deposits[name]
    address = planes.strips()[deposits["strip"]]
    rows["module"], rows["plane"] = address["module"], address["plane"]
    rows["strip_number"] = address["strip"]
    return rows
