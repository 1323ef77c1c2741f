"""Beam data beside simulated files: seeded, independent of the choice of gates, no raw byte."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from mx2prod.core.errors import OutputError
from mx2prod.simulation import SimulatedFile, simulate
from mx2prod.simulation.beam_data import HEADER, beam_data, clock_offset_ms
from tests.simulation.making import file_of, spec_of

SPEC = spec_of(file_of("numib", gates=6), file_of("numip", gates=7, subrun=23), file_of("pdstl"))


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[SimulatedFile]:
    return simulate(SPEC, tmp_path_factory.mktemp("beam"))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_files_with_beam_gates_have_beam_data(files: list[SimulatedFile]) -> None:
    beam, mixed, pedestal = files
    assert pedestal.beam is None
    assert beam.beam == beam.path.with_name(f"{beam.path.stem}_beam.csv")
    assert beam.beam in beam.paths
    assert mixed.beam is not None
    assert [len(rows_of(f.beam)) for f in files if f.beam] == [6 * 13, 4 * 13]


def test_protons_are_those_of_the_truth(files: list[SimulatedFile]) -> None:
    for file in files[:2]:
        assert file.beam is not None
        truth = pq.read_table(file.truth / "truth_gates.parquet")
        beam = truth["trigger_type"].to_numpy() == 16
        protons = truth["pot"].to_numpy()[beam]
        read = [float(r["value(s)"]) for r in rows_of(file.beam) if r["name"] == "E:TRTGTD"]
        np.testing.assert_allclose(np.array(read) * 1e12, protons, rtol=0.02)
        clock = [float(r["timestamp"]) for r in rows_of(file.beam) if r["name"] == "E:TRTGTD"]
        apart = truth["time_us"].to_numpy()[beam] / 1000 - np.array(clock)
        assert np.all(np.abs(apart) < 150), "host clock and accelerator differ by tens of ms"


def test_spills_do_not_depend_on_the_choice_of_gates() -> None:
    file = SPEC.files[0]
    everything = list(beam_data(SPEC, file, 1, 6))
    assert everything[0] == HEADER
    parts = [*beam_data(SPEC, file, 1, 2), *list(beam_data(SPEC, file, 3, 6))[1:]]
    assert parts == everything
    other = SPEC.model_copy(update={"seed": SPEC.seed + 1})
    assert list(beam_data(other, file, 1, 6)) != everything
    assert clock_offset_ms(SPEC, 50017) != clock_offset_ms(SPEC, 50018)


def test_beam_data_that_exist_are_refused(tmp_path: Path) -> None:
    spec = spec_of(file_of("numib", gates=2))
    (file,) = simulate(spec, tmp_path)
    assert file.beam is not None
    before = file.beam.read_bytes(), file.path.read_bytes()
    for path in (file.path, file.sidecar):
        path.unlink()
    shutil.rmtree(file.truth)
    with pytest.raises(OutputError, match=f"{file.beam.name}: exists already"):
        simulate(spec, tmp_path)
    simulate(spec, tmp_path, overwrite=True)
    assert (file.beam.read_bytes(), file.path.read_bytes()) == before
