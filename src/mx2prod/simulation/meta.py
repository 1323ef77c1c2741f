"""The description of a simulation: everything that its bytes follow from."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mx2prod.detector.hardware import board_names

if TYPE_CHECKING:
    from mx2prod.simulation.blocks import FileSimulation

_LIBRARIES = ("mx2prod", "numpy", "numba", "pyarrow")


def truth_meta(simulation: FileSimulation) -> dict[str, Any]:
    """Content of ``truth_meta.json`` of one file.

    Parameters
    ----------
    simulation : FileSimulation

    Returns
    -------
    dict
        Spec with all defaults and its hash, seed, file, versions and hashes of the detector tables,
        versions of the software, conditions of the run.
    """
    spec, file = simulation.spec, simulation.file
    return {
        "seed": spec.seed,
        "spec": spec.model_dump(mode="json"),
        "spec_sha256": spec.sha256,
        "file": file.model_dump(mode="json"),
        "detector": simulation.detector.versions(),
        "software": {name: version(name) for name in _LIBRARIES},
        "boards": board_names(simulation.boards),
        "conditions": simulation.truth.conditions(),
        "deposits_adler32": simulation.deposits.adler32 if simulation.deposits else None,
    }
