"""Tables, made once, that the pages and reports of this room show."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mx2prod.calibration.config import load_preproduction
from mx2prod.detector import Detector, load_detector
from mx2prod.production.calibrate import Options, calibrate
from mx2prod.production.products import GainMaker, PedestalMaker
from tests.validation import making


@pytest.fixture(scope="session")
def detector() -> Detector:
    """The detector of Mx2."""
    return load_detector()


@pytest.fixture(scope="session")
def pedestals(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Path:
    """Folder of pedestal tables: good, bad, too_few, unreadable."""
    folder = tmp_path_factory.mktemp("pedestals")
    files = [
        making.pedestal_file(folder / "raw", 1702, 1),
        making.pedestal_file(folder / "raw", 1702, 2, truth=making.bad_truth()),
        making.pedestal_file(folder / "raw", 1702, 3, gates=60),
        folder / "raw" / making.raw_name(1702, 4, "pdstl"),
    ]
    files[3].write_bytes(b"")
    settings = load_preproduction(making.settings_file(folder))
    maker = PedestalMaker(settings, detector)
    calibrate(maker, files, folder / "tables", options=Options(plots=False))
    return folder / "tables"


@pytest.fixture(scope="session")
def gains(tmp_path_factory: pytest.TempPathFactory, detector: Detector) -> Path:
    """Folder of gain tables: a good one with two dark pixels, one of too few pulses."""
    folder = tmp_path_factory.mktemp("gains")
    light = np.full(192, 4.0)
    light[64:66] = 0.12
    pulses = making.light_file(folder / "raw", 1799, 1, light=light)
    making.light_file(folder / "raw", 1799, 2, gates=300)
    files = [making.light_path(folder / "raw", 1799, subrun) for subrun in (1, 2)]
    settings = load_preproduction(making.settings_file(folder))
    maker = GainMaker(settings, detector, making.pedestals_of(pulses))
    calibrate(maker, files, folder / "tables", options=Options(plots=False))
    return folder / "tables"
