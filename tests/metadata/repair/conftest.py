"""A folder of declared records as they really are: run numbers wrapped in 32 bits, and more."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mx2prod.metadata import write_record
from mx2prod.metadata.repair import FolderStore

NAMESPACE = "neardet-2x2-minerva"
RUNS = (1698, 1795, 1796, 1805, 50001, 50005, 50017, 50018)
Case = Any


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "records"
    path.mkdir()
    return path


@pytest.fixture
def store(folder: Path, cases: list[Case]) -> FolderStore:
    """Raw and reco records of all periods, with the run numbers that the DAQ wrote."""
    for case in cases:
        for record in (case.parent, case.record):
            numbers = record["metadata"]["core.runs_subruns"]
            record["metadata"]["core.runs_subruns"] = [number % 2**32 for number in numbers]
            write_record(record, folder)
    return FolderStore(folder)


@pytest.fixture
def cases(new_case: Callable[..., Case]) -> list[Case]:
    rng = random.Random(50017)
    return [renamed(new_case("F", rng, "numib"), run) for run in RUNS]


def renamed(case: Case, run: int) -> Case:
    """Give a case another run."""
    old = case.metadata["core.runs"][0]
    subrun = case.metadata["core.runs_subruns"][0] % 100_000
    for record in (case.parent, case.record):
        record["name"] = record["name"].replace(f"TS1_{old:08d}", f"TS1_{run:08d}")
        record["metadata"]["core.runs"] = [run]
        record["metadata"]["core.runs_subruns"] = [run * 100_000 + subrun]
    case.record["parents"] = [{"did": f"{NAMESPACE}:{case.parent['name']}"}]
    return case
