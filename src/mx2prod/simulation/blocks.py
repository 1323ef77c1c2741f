"""One block of gates of one file: particles, light, charge, bytes and truth.

A block is what a worker process makes.  The content of a gate does not depend on the block.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.detector import load_detector
from mx2prod.raw.columns import GateChunk
from mx2prod.raw.encoder import encode
from mx2prod.simulation.boards import run_header, selected_boards
from mx2prod.simulation.chunk import assemble, gate_rows
from mx2prod.simulation.columns import GATE_TRUTH_DTYPE, Kind
from mx2prod.simulation.deposit_source import DepositSource
from mx2prod.simulation.events import EventGenerator, Events
from mx2prod.simulation.faults import FileFaults
from mx2prod.simulation.hardware import TrueDetector
from mx2prod.simulation.plan import gate_plan, middle_of
from mx2prod.simulation.readout import ReadoutSimulator
from mx2prod.simulation.registers import board_registers
from mx2prod.simulation.spec import FileSpec, Spec
from mx2prod.simulation.truth import table_names
from mx2prod.simulation.truth_schema import with_strip_address

_Columns = npt.NDArray[np.void]
BLOCK_GATES = 64


@dataclass(frozen=True)
class Block:
    """Consecutive gates of a file, as bytes and truth.

    Attributes
    ----------
    data : bytes
        The gates as they stand in the file.
    sentinel : bytes
        The end mark, if this is the last block.
    gates : int
    board_hits : int
        Timed hit blocks of all boards.
    last_global_gate, last_time_us : int
    truth : dict of str to structured ndarray
        Rows of the truth tables that the spec asks for.
    chunk : GateChunk or None
        Decoded content, for ``truth: raw``.
    """

    data: bytes
    sentinel: bytes
    gates: int
    board_hits: int
    last_global_gate: int
    last_time_us: int
    truth: dict[str, _Columns]
    chunk: GateChunk | None


class FileSimulation:
    """The detector as it is during one file, and everything that happens in it.

    Parameters
    ----------
    spec : Spec
    file : FileSpec
        One of its files.

    Raises
    ------
    ConfigError
        If the spec names a board or a pixel that is not simulated.
    """

    def __init__(self, spec: Spec, file: FileSpec) -> None:
        self.spec, self.file = spec, file
        tables = spec.detector
        self.detector = load_detector(tables.geometry, tables.plex, tables.fibres)
        self.boards = selected_boards(self.detector.hardware, tables.febs)
        self.header = run_header(self.boards)
        self.faults = FileFaults.of(spec.faults, file, self.boards)
        self.truth = TrueDetector.of(spec, file.run, middle_of(spec, file))
        self._registers = board_registers(
            self.boards,
            file.firmware,
            independent=file.push == "independent",
            readings=self._of_boards(self.truth.registers()),
        )
        displacement = self.truth.plane_shift_mm, self.truth.plane_rotation_rad
        self.deposits = (
            DepositSource(file.deposits, self.detector.planes, *displacement)
            if file.deposits
            else None
        )
        self._events = self.deposits or EventGenerator(spec, file, *displacement)
        self._readout = ReadoutSimulator(spec, file, self.truth)

    def _of_boards(self, readings: Mapping[str, npt.ArrayLike]) -> dict[str, npt.ArrayLike]:
        """Pick the readings of the boards of this file."""
        rows = self.detector.hardware.feb_index(self.boards)
        return {name: np.asarray(values)[rows] for name, values in readings.items()}

    def block(self, first: int, last: int) -> Block:
        """Simulate gates ``first`` to ``last``, both included."""
        plan = gate_plan(self.spec, self.file, first, last, len(self.boards))
        events = self._events.generate(plan)
        readout = self._readout.read(plan, events.deposits)
        gates = gate_rows(plan, self.file, len(self.boards))
        chunk = self.faults.apply(assemble(gates, readout, self._registers))
        pieces = list(encode(self.header, [chunk]))
        hits = np.bincount(chunk.febs["gate"], chunk.febs["n_timed"], len(plan)).astype(np.int64)
        truth = {"truth_gates": _gate_truth(plan, self.file, events, hits, readout.dead_ns)}
        truth |= self._tables(events, readout.hits)
        return Block(
            data=b"".join(pieces[1:-1]),
            sentinel=pieces[-1] if self.faults.sentinel else b"",
            gates=len(plan),
            board_hits=int(hits.sum()),
            last_global_gate=int(plan["global_gate"][-1]),
            last_time_us=int(plan["time_us"][-1]),
            truth=truth,
            chunk=chunk if self.spec.truth == "raw" else None,
        )

    def _tables(self, events: Events, hits: _Columns) -> dict[str, _Columns]:
        names = table_names(self.spec.truth)
        tables = {"truth_particles": events.particles}
        if "truth_deposits" in names:
            deposits = with_strip_address(events.deposits, self.detector.planes)
            tables |= {"truth_vertices": events.vertices, "truth_deposits": deposits}
            tables["truth_hits"] = hits
        return tables


def _gate_truth(
    plan: _Columns,
    file: FileSpec,
    events: Events,
    board_hits: npt.NDArray[np.int64],
    dead_ns: npt.NDArray[np.float64],
) -> _Columns:
    rows = np.zeros(len(plan), GATE_TRUTH_DTYPE)
    for name in ("gate", "global_gate", "trigger_type", "time_us", "pot"):
        rows[name] = plan[name]
    rows["run"], rows["subrun"] = file.run, file.subrun
    first, n_gates = int(plan["gate"][0]), len(plan)
    primary = events.particles[events.particles["parent"] < 0]
    rock = primary["gate"][primary["kind"] == Kind.ROCK].astype(np.int64)
    vertices = events.vertices["gate"].astype(np.int64)
    rows["n_rock"] = np.bincount(rock - first, minlength=n_gates)
    rows["n_neutrino"] = np.bincount(vertices - first, minlength=n_gates)
    rows["n_board_hits"] = board_hits
    rows["dead_ns"] = dead_ns
    return rows
