"""Simulated boards with chosen light, as suppressed and calibrated digits; true tables."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Pedestal, Table
from mx2prod.digits import (
    CalibratedDigitChunk,
    CalibratedDigitStream,
    CalibrationConfig,
    Cuts,
    SupDigitChunk,
    SuppressionConfig,
    raw_digit_chunks,
    suppressed,
)
from mx2prod.simulation.boards import selected_boards
from mx2prod.simulation.chunk import assemble, gate_rows
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.plan import gate_plan
from mx2prod.simulation.readout import ReadoutSimulator
from mx2prod.simulation.registers import board_registers
from mx2prod.simulation.spec import Spec

Tables = dict[str, Table]


def tables_of(truth: TrueDetector) -> Tables:
    """True tables by folder."""
    return {table.schema.folder: table for table in truth.tables().values()}


def simulated(
    spec: Spec, truth: TrueDetector, rows: npt.NDArray[np.void], gates: int
) -> tuple[SupDigitChunk, npt.NDArray[np.void]]:
    """Suppressed digits of the first gates of the first file, and the true hits."""
    file = spec.files[0]
    boards = selected_boards(truth.detector.hardware, spec.detector.febs)
    plan = gate_plan(spec, file, 1, gates, len(boards))
    readout = ReadoutSimulator(spec, file, truth).read(plan, rows)
    numbers = truth.detector.hardware.feb_index(boards)
    readings = {name: np.asarray(of)[numbers] for name, of in truth.registers().items()}
    constant = board_registers(
        boards, file.firmware, independent=file.push == "independent", readings=readings
    )
    chunk = assemble(gate_rows(plan, file, len(boards)), readout, constant)
    (raw,) = raw_digit_chunks(chunk, adc_pairing=spec.adc_pairing, max_rows=10**9)
    config = SuppressionConfig()
    cuts = Cuts.of(tables_of(truth)[Pedestal.folder], config)
    return suppressed(raw, cuts, config), readout.hits


def calibrated_by(
    sup: SupDigitChunk, truth: TrueDetector, tables: Tables | None = None, **config: Any
) -> CalibratedDigitChunk:
    """Calibrate a chunk with the true tables, or others."""
    (made,) = CalibratedDigitStream(
        [sup],
        tables_of(truth) if tables is None else tables,
        CalibrationConfig(**config),
        truth.detector,
    )
    return made


def gate_numbers(chunk: CalibratedDigitChunk) -> npt.NDArray[np.int64]:
    """Number of the gate of each digit, from 1."""
    return np.repeat(np.arange(1, len(chunk) + 1), np.diff(chunk.offset))


def true_hits(
    chunk: CalibratedDigitChunk, hits: npt.NDArray[np.void]
) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]:
    """Rows of digits and of true hits that belong together: gate, channel and block."""

    def key(gate, channel, block):  # type: ignore[no-untyped-def]
        return (gate.astype(np.int64) * 12_000 + channel) * 64 + block

    digits = key(gate_numbers(chunk), chunk.digits["chan"], chunk.digits["block"])
    truth = key(hits["gate"], hits["channel"], hits["block"])
    _, first, second = np.intersect1d(digits, truth, return_indices=True)
    return first, second


def changed(table: Table, keep: npt.NDArray[np.bool_] | None = None, **values: Any) -> Table:
    """Table with some of its rows, and other values in some columns."""
    columns = {name: np.array(table[name]) for name in table.schema.names()}
    for name, value in values.items():
        columns[name][:] = value
    if keep is not None:
        columns = {name: column[keep] for name, column in columns.items()}
    return Table.of(table.schema, columns)
