"""Deposits of another program take the place of beam particles."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mx2prod.core.errors import InputFileError
from mx2prod.detector import load_detector
from mx2prod.simulation.deposit_source import DepositSource
from mx2prod.simulation.plan import gate_plan
from mx2prod.simulation.spec import DepositFile
from tests.simulation.making import file_of, spec_of

PLANES = load_detector().planes
STILL = np.zeros(len(PLANES))


def write_muon(path: Path, gates: list[int]) -> None:
    """A muon along the axis in each gate: 3 MeV in every plane."""
    n, m = len(PLANES), len(gates)
    columns = {"gate": np.repeat(gates, n)}
    for side, sign in (("Start", -1), ("Stop", 1)):
        columns |= {
            f"{side}X": np.zeros(n * m),
            f"{side}Y": np.zeros(n * m),
            f"{side}Z": np.tile(PLANES.z + sign, m),
            f"{side}T": np.tile(1000 + PLANES.z / 300, m),
        }
    columns |= {"energy": np.full(n * m, 3.0), "energyAfterBirks": np.full(n * m, 2.8)}
    volume = pa.array(["volDetectorPlanelvScint1"] * (n * m))
    pq.write_table(pa.table({**columns, "volume": volume}), path)


def source(path: Path) -> DepositSource:
    return DepositSource(DepositFile(path=str(path)), PLANES, STILL, STILL)


def test_gates_get_their_deposits(tmp_path: Path) -> None:
    path = tmp_path / "muons.parquet"
    write_muon(path, [5, 2, 9])
    spec = spec_of(file_of(gates=10))
    found = source(path)
    for first, last, expected in ((1, 10, [2, 5, 9]), (1, 4, [2]), (5, 9, [5, 9]), (6, 8, [])):
        events = found.generate(gate_plan(spec, spec.files[0], first, last, 7))
        gates, counts = np.unique(events.deposits["gate"], return_counts=True)
        assert gates.tolist() == expected
        assert set(counts.tolist()) <= {len(PLANES)}
        assert events.deposits["energy"].sum() == pytest.approx(3.0 * len(PLANES) * len(expected))
        assert len(events.particles) == len(events.vertices) == 0


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match=r"none\.parquet"):
        source(tmp_path / "none.parquet")
