"""The simulation of the whole detector, one core, and what pre-production makes of its files."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Row, row
from mx2prod import raw
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_fit import fit_gains
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.light_injection_filling import accumulate_light
from mx2prod.constants import read_parquet
from mx2prod.detector.hardware import HardwareMap
from mx2prod.simulation import Spec, simulate
from mx2prod.simulation.truth import CONSTANTS_FOLDER

BEAM_FILE_GB = 1.206
"""141.1 GB in 117 files (talk)."""
BEAM_GATES, PEDESTAL_GATES, LIGHT_PULSES = 7_200, 1_500, 600
_START = "2024-07-10T08:56:00Z"

_CODE = """
import json, sys, time
from pathlib import Path
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.simulation import Spec, simulate
spec = Spec.model_validate(json.loads(sys.argv[1]))
simulate(spec, Path(sys.argv[2]) / "warm", gates=4)
start = time.perf_counter()
done = simulate(spec, Path(sys.argv[2]))[0]
seconds = time.perf_counter() - start
print(json.dumps({"seconds": seconds, "bytes": done.bytes, "peak": peak_memory_bytes()}))
"""


def measure() -> list[Row]:
    """Measure; rows with name, value, unit, figure."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        beam = _simulated(_spec("numib", BEAM_GATES), Path(folder))
        size = beam["bytes"] / 1e9
        rows += [
            row("beam gates a second", BEAM_GATES / beam["seconds"], "1/s", "sim_beam_gates_s"),
            row(f"beam file of {BEAM_GATES} gates", beam["seconds"], "s", "sim_beam_file_s"),
            row("its size", size, "GB"),
            row(
                "its deviation from 1.206 GB", 100 * abs(size / BEAM_FILE_GB - 1), "%",
                "sim_beam_size_percent",
            ),
            row("peak memory", beam["peak"] / 1e6, "MB", "sim_memory_mb"),
        ]  # fmt: skip
        pedestal = _simulated(_spec("pdstl", PEDESTAL_GATES), Path(folder))
        rate = PEDESTAL_GATES / pedestal["seconds"]
        rows.append(row("pedestal gates a second", rate, "1/s", "sim_pedestal_gates_s"))
        rows += _gains(Path(folder))
    return rows


def _spec(stream: str, gates: int) -> dict[str, Any]:
    file = {"stream": stream, "run": 50017, "subrun": 17, "gates": gates, "start": _START}
    return {"seed": 1, "files": [file], "truth": "light"}


def _simulated(spec: dict[str, Any], folder: Path) -> dict[str, float]:
    """Simulate in a process of its own, so that its memory is its own."""
    result = subprocess.run(
        [sys.executable, "-c", _CODE, json.dumps(spec), str(folder)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    answer: dict[str, float] = json.loads(result.stdout)
    return answer


def _gains(folder: Path) -> list[Row]:
    """Accumulate light-injection pulses of the whole detector and fit all gains."""
    spec = Spec.model_validate(_spec("linjc", LIGHT_PULSES))
    done = simulate(spec, folder, workers=2)[0]
    hardware, config = HardwareMap.load(), Preproduction()
    pedestals = read_parquet(done.truth / CONSTANTS_FOLDER / "pedestal.parquet")
    inputs = GainInputs.of(hardware, pedestals, None)
    with raw.open(done.path) as file:
        accumulator = accumulate_light(file.chunks(), hardware, inputs, config.gain.li)[1]
    fit_gains(accumulator, inputs, config.gain)
    start = time.perf_counter()
    fit = fit_gains(accumulator, inputs, config.gain)
    seconds = time.perf_counter() - start
    return [
        row("gains fit, 11,840 channels", seconds, "s", "gains_fit_s"),
        row("channels with a gain", float(np.isfinite(fit.gain).sum()), ""),
    ]
