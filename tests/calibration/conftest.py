"""Hardware maps and decoded samples of the calibration tests."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from mx2prod import raw
from mx2prod.core.canonical import sha256_of
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.versions import HARDWARE_VERSION, load_table
from mx2prod.raw.columns import GateChunk

FIVE_BOARDS = [(0, 10, 1, 2), (0, 10, 2, 2), (0, 13, 3, 1)]
"""Chains of the small samples: crate, croc, chain, boards."""


def decoded(folder: Path) -> list[GateChunk]:
    """All gates of the raw file of a sample folder."""
    with raw.open(next(folder.glob("*.dat"))) as file:
        return list(file.chunks())


@pytest.fixture(scope="session")
def hardware() -> HardwareMap:
    """The Mx2 hardware map."""
    return HardwareMap.load()


@pytest.fixture(scope="session")
def five_boards() -> HardwareMap:
    """The boards of the small samples."""
    table = load_table(HARDWARE_VERSION, "hardware")
    rows = np.array(FIVE_BOARDS, table.rows.dtype)
    return HardwareMap(replace(table, name="five_boards", sha256=sha256_of(FIVE_BOARDS), rows=rows))


@pytest.fixture(scope="session")
def full_pedestals(samples: dict[str, Path]) -> list[GateChunk]:
    """The sample with all 185 boards."""
    return decoded(samples["p09_ped_full"])
