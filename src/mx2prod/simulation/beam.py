"""The NuMI beam as the kernels read it, and the protons of each spill."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from mx2prod.detector import Medium
from mx2prod.simulation.beam_kernels import fill_spills
from mx2prod.simulation.events_kernels import PARAMETER_DTYPE
from mx2prod.simulation.layers import Layers
from mx2prod.simulation.random_kernels import normal_table
from mx2prod.simulation.spec import FileSpec, Spec

SHOWER_LEAST = 0.01
"""Energy of a shower in a plane below which it is left out, MeV."""


def spill_protons(spec: Spec, file: FileSpec, gates: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Draw the protons on target of the spills of a file.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
        Gives run and subrun.
    gates : array_like of int, shape (n,)
        Numbers of the gates in the subrun; a gate's protons depend on no other gate.

    Returns
    -------
    ndarray of float64, shape (n,)
        0 in the share ``beam.empty_fraction`` of the gates.
    """
    numbers = np.ascontiguousarray(gates, dtype=np.uint32)
    protons = np.empty(numbers.size)
    beam = spec.beam
    fill_spills(
        np.uint64(spec.seed),
        np.uint32(file.run),
        np.uint32(file.subrun),
        numbers,
        beam.pot_per_spill,
        beam.pot_spread,
        beam.empty_fraction,
        normal_table(),
        protons,
    )
    return protons


def parameter_row(spec: Spec, layers: Layers) -> npt.NDArray[np.void]:
    """Put the values that the kernels need into one row.

    Parameters
    ----------
    spec : Spec
    layers : Layers
        Without argon in the gap all interactions are in planes.

    Returns
    -------
    ndarray of PARAMETER_DTYPE, shape (1,)
    """
    beam, particles = spec.beam, spec.particles
    has_argon = bool(np.any(layers.layers["medium"] == Medium.ARGON))
    values = {
        **beam.model_dump(),
        **particles.model_dump(),
        "rock_muons": beam.rock_muons_per_gate,
        "interactions": beam.interactions_per_gate,
        "argon_fraction": beam.argon_fraction if has_argon else 0.0,
        "birks": spec.response.birks,
        "minimum_loss": spec.response.muon_dedx_min / 10.0,
        "muon_share_low": particles.muon_share[0],
        "muon_share_high": particles.muon_share[1],
        "shower_least": SHOWER_LEAST,
        "downstream": layers.downstream,
    }
    row = np.zeros(1, PARAMETER_DTYPE)
    for name in PARAMETER_DTYPE.names or ():
        row[name] = values[name]
    return row
