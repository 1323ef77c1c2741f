"""Gates of the simulation in the columns of a decoded raw file, ready for the encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mx2prod.raw.columns import FEB_ABSENT, FEB_DTYPE, GATE_DTYPE, FebFlag, GateChunk
from mx2prod.raw.layout import DETECTOR_MX2
from mx2prod.simulation.plan import has_light_injection
from mx2prod.simulation.registers import event_counts, gate_registers
from mx2prod.simulation.spec import FileSpec

if TYPE_CHECKING:
    from mx2prod.simulation.readout import BoardReadout

_Columns = npt.NDArray[np.void]
CONFIGURATION = 60
"""Configuration number in the DAQ headers: run control's default (raw-format page, section 7)."""

_NO_LED = (0, 8)
"""LED level and group that runs without light injection store."""


def gate_rows(plan: _Columns, file: FileSpec, n_boards: int) -> _Columns:
    """Gates with the content of their DAQ headers.

    Parameters
    ----------
    plan : ndarray of GATE_PLAN_DTYPE, shape (n_gates,)
    file : FileSpec
    n_boards : int

    Returns
    -------
    ndarray of GATE_DTYPE, shape (n_gates,)
        LED level and group are those of the run, in its beam gates too, as the DAQ does it.
    """
    gates = np.zeros(len(plan), GATE_DTYPE)
    gates["detector"], gates["config"] = DETECTOR_MX2, CONFIGURATION
    gates["run"], gates["subrun"] = file.run, file.subrun
    led = (file.led_level, file.led_group) if has_light_injection(file.stream) else _NO_LED
    gates["led_level"], gates["led_group"] = led
    for name in ("gate", "global_gate", "trigger_type", "time_us", "readout_us", "sgate"):
        gates[name] = plan[name]
    gates["first_feb"] = np.arange(len(plan)) * n_boards
    gates["n_febs"] = n_boards
    return gates


def assemble(
    gates: _Columns, readout: BoardReadout, constant_registers: npt.NDArray[np.uint8]
) -> GateChunk:
    """Join gates and what their boards read; event counts, clocks and registers are filled.

    Parameters
    ----------
    gates : ndarray of GATE_DTYPE, shape (n_gates,)
    readout : BoardReadout
        Its boards are changed in place.
    constant_registers : ndarray of uint8, shape (n_boards, 59)
    """
    febs = readout.febs
    boards = np.arange(len(febs)) % len(constant_registers)
    febs["event_count"] = event_counts(gates["gate"][febs["gate"]], boards)
    febs["frame_time"] = febs["gate_timestamp"]
    registers = gate_registers(constant_registers, febs)
    return GateChunk(gates, febs, readout.records, readout.adc_frames, readout.adc, registers)


def without_boards(
    chunk: GateChunk, absent: npt.NDArray[np.bool_], no_answer: npt.NDArray[np.bool_]
) -> GateChunk:
    """Take the content of some boards out, as decoding their file will find it.

    Parameters
    ----------
    chunk : GateChunk
    absent, no_answer : ndarray of bool, shape (n_febs,)
        Boards without any frame, and boards with header-only frames.
    """
    silent = absent | no_answer
    if not silent.any():
        return chunk
    febs, registers = chunk.febs.copy(), chunk.registers.copy()
    kept_records, kept_adc = ~silent[chunk.records["feb"]], ~silent[chunk.adc_frames["feb"]]
    _empty(febs, silent)
    febs["firmware"][absent] = 0
    febs["flags"][absent] = FEB_ABSENT.value
    febs["flags"][no_answer & ~absent] = FebFlag.NO_ANSWER.value
    registers[silent] = 0
    febs["first_record"] = np.cumsum(febs["n_records"]) - febs["n_records"]
    febs["first_adc"] = np.cumsum(febs["n_adc"], dtype=np.int64) - febs["n_adc"]
    return replace(
        chunk,
        febs=febs,
        registers=registers,
        records=chunk.records[kept_records],
        adc_frames=chunk.adc_frames[kept_adc],
        adc=chunk.adc[kept_adc],
    )


def _empty(febs: _Columns, rows: npt.NDArray[np.bool_]) -> None:
    kept = ("gate", "crate", "croc", "chain", "board", "firmware")
    for name in FEB_DTYPE.names or ():
        if name not in kept:
            febs[name][rows] = 0
