"""Calibration of suppressed digits beside the suppression that made them, on the same gates."""

from __future__ import annotations

from datetime import UTC, datetime

from benchmarks.timing import Row, best_seconds, row
from mx2prod.constants import Pedestal
from mx2prod.detector import load_detector
from mx2prod.digits import (
    CalibratedDigitStream,
    CalibrationConfig,
    CalibrationConstants,
    Cuts,
    RawDigitChunk,
    SupDigitChunk,
    SuppressionConfig,
    raw_digit_chunks,
    suppressed,
)
from mx2prod.raw.columns import GateChunk
from mx2prod.simulation import Spec
from mx2prod.simulation.blocks import FileSimulation

GATES = 60
GAINS = 3
START = datetime(2024, 7, 10, 8, 56, tzinfo=UTC)


def measure() -> list[Row]:
    """Simulate beam gates of the whole detector, and calibrate their digits over and over."""
    chunk, simulation = beam_gates()
    (raw,) = raw_digit_chunks(chunk, max_rows=10**9)
    tables = {table.schema.folder: table for table in simulation.truth.tables().values()}
    cut_config, config = SuppressionConfig(), CalibrationConfig()
    cuts = Cuts.of(tables[Pedestal.folder], cut_config)
    sup = suppressed(raw, cuts, cut_config)
    detector = load_detector()

    def calibrate() -> None:
        list(CalibratedDigitStream([sup], tables, config, detector))

    constants = best_seconds(lambda: CalibrationConstants.of(tables, config, detector))
    seconds = best_seconds(calibrate) - constants
    cutting = best_seconds(lambda: suppressed(raw, cuts, cut_config))
    return _rows(raw, sup, seconds, cutting, constants)


def beam_gates() -> tuple[GateChunk, FileSimulation]:
    """Simulate decoded gates at the nominal intensity."""
    file = {"stream": "numib", "run": 50_017, "subrun": 17, "gates": GATES, "start": START}
    spec = Spec.model_validate({"seed": 3, "files": [file], "truth": "raw"})
    simulation = FileSimulation(spec, spec.files[0])
    chunk = simulation.block(1, GATES).chunk
    assert chunk is not None
    return chunk, simulation


def _rows(
    raw: RawDigitChunk, sup: SupDigitChunk, seconds: float, cutting: float, constants: float
) -> list[Row]:
    n_sup, n_raw, gates = len(sup.digits["chan"]), len(raw.digits["chan"]), len(sup)
    ours = gates / seconds
    return [
        row("calibration of suppressed digits", ours, "gates/s", ours=ours),
        row("suppression of the same gates", gates / cutting, "gates/s", ours=ours),
        row("readings calibrated", GAINS * n_sup / seconds / 1e6, "M/s"),
        row("readings suppressed", n_raw / cutting / 1e6, "M/s"),
        row("calibration of a gate", 1e3 * seconds / gates, "ms"),
        row("suppressed digits of a gate", n_sup / gates, ""),
        row("constants of a subrun, once", 1e3 * constants, "ms"),
    ]
