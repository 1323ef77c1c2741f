"""From a pedestal file in the page cache to its table, by the command's own steps."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from benchmarks.timing import Row, row
from mx2prod.calibration.config import Preproduction
from mx2prod.detector import load_detector
from mx2prod.production.calibrate import Options, calibrate
from mx2prod.production.products import PedestalMaker


def measure(path: Path) -> list[Row]:
    """Measure on a raw file with pedestal gates; rows with name, value, unit, figure.

    Parameters
    ----------
    path : Path
        Raw file of the Mx2 geometry.
    """
    detector = load_detector()
    best, steps = float("inf"), {}
    for _ in range(2):
        with tempfile.TemporaryDirectory() as folder:
            start = time.perf_counter()
            maker = PedestalMaker(Preproduction(), detector)
            report = calibrate(maker, [path], Path(folder), options=Options(plots=False))
            seconds = time.perf_counter() - start
            if seconds < best:
                best, steps = seconds, report.seconds
    return [
        row("file to table, verdict and records", best, "s", "pedestal_table_s"),
        *(row(f"  of it {name}", value, "s") for name, value in steps.items()),
    ]
