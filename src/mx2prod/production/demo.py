"""The demonstration of pre-production: a small simulated Run 1 to constants."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.calibration.config import load_preproduction
from mx2prod.core.workspace import Settings
from mx2prod.core.yaml_file import load_yaml
from mx2prod.detector import load_detector
from mx2prod.production.calibrate import Options, Progress, calibrate
from mx2prod.production.calibration_report import CalibrationReport
from mx2prod.production.clock import StepClock
from mx2prod.production.constants_files import PedestalsOfSubruns
from mx2prod.production.products import GainMaker, PedestalMaker
from mx2prod.production.report_records import write_report_records
from mx2prod.simulation import SimulatedFile, Spec, simulate
from mx2prod.validation.report import Report, make_report

SIMULATION, SETTINGS = "simulation.yaml", "preproduction.yaml"
RUN1_LABEL = "DEMO: a simulated Run 1 of one module set (19 of 185 boards), short files"
PEDESTAL_STREAMS, LIGHT_STREAMS = ("pdstl", "numip"), ("linjc", "numil")
WORKERS = 2


@dataclass
class Run1Report:
    """Pre-production of the small Run 1.

    Attributes
    ----------
    simulated : list of SimulatedFile
    pedestals, gains : CalibrationReport
    reports : list of Report
    seconds : dict of str to float
    """

    simulated: list[SimulatedFile]
    pedestals: CalibrationReport
    gains: CalibrationReport
    reports: list[Report]
    seconds: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "label": RUN1_LABEL,
            "simulated": [file.as_dict() for file in self.simulated],
            "pedestals": [table.as_dict() for table in self.pedestals.tables],
            "gains": [table.as_dict() for table in self.gains.tables],
            "reports": [report.as_dict() for report in self.reports],
            "seconds": self.seconds,
        }


def pre_produce_run1(
    samples: Path, folder: Path, settings: Settings, *, progress: Progress | None = None
) -> Run1Report:
    """Simulate a small Run 1 and make its pedestals, gains and reports.

    Parameters
    ----------
    samples : Path
        Folder with the specification of the simulation and the thresholds.
    folder : Path
        Gets ``raw``, ``constants`` and ``plots``; what is there already and complete is kept.
    settings : Settings
    progress : callable, optional
        Called with a file, what is done of it, and all of it.

    Raises
    ------
    OutputError
        If something cannot be written.
    """
    clock = StepClock()
    tables = settings.detector
    detector = load_detector(tables.geometry, tables.plex, tables.fibres)
    thresholds = load_preproduction(samples / SETTINGS)
    with clock.step("simulate"):
        spec = load_yaml(samples / SIMULATION, Spec)
        simulated = simulate(
            spec, folder / "raw", workers=WORKERS, overwrite=True, progress=progress
        )
    options = Options(label=RUN1_LABEL)
    constants, plots = folder / "constants", folder / "plots"
    with clock.step("pedestals"):
        pedestals = calibrate(
            PedestalMaker(thresholds, detector),
            _of_streams(simulated, PEDESTAL_STREAMS),
            constants / "pedestals",
            options=options,
            progress=progress,
        )
    with clock.step("gains"):
        maker = GainMaker(thresholds, detector, PedestalsOfSubruns.find(constants / "pedestals"))
        gains = calibrate(
            maker, _of_streams(simulated, LIGHT_STREAMS), constants / "gains", options=options,
            progress=progress,
        )  # fmt: skip
    with clock.step("reports"):
        started = time.time()
        reports = [
            make_report(product, constants / product, plots, detector, label=RUN1_LABEL)
            for product in ("pedestals", "gains")
        ]
        for report in reports:
            write_report_records(report, started)
    return Run1Report(simulated, pedestals, gains, reports, clock.seconds)


def _of_streams(files: Sequence[SimulatedFile], streams: Sequence[str]) -> list[Path]:
    return [file.path for file in files if any(f"_{name}_" in file.path.name for name in streams)]
