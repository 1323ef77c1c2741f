"""One raw file with its JSON, its truth and its beam data, written block by block."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter
from typing import Any, BinaryIO

from zlib_ng import zlib_ng

from mx2prod.core.errors import UsageError
from mx2prod.core.files import adler32_of, atomic_folder, atomic_path, refuse_existing, write_text
from mx2prod.core.ids import FileName, RunSubrun
from mx2prod.core.time import stamp
from mx2prod.core.units import KB
from mx2prod.simulation.beam_data import beam_data, beam_path
from mx2prod.simulation.blocks import Block, FileSimulation
from mx2prod.simulation.meta import truth_meta
from mx2prod.simulation.plan import has_beam, start_us
from mx2prod.simulation.raw_truth import RAW_TRUTH_FILE, RawTruthFile
from mx2prod.simulation.sidecar import SidecarContent, sidecar_text
from mx2prod.simulation.spec import FileSpec
from mx2prod.simulation.truth import (
    TruthTables,
    table_names,
    truth_folder,
    write_constants,
    write_meta,
)


@dataclass(frozen=True)
class SimulatedFile:
    """A raw file that was simulated, with its figures.

    Attributes
    ----------
    path, sidecar, truth : Path
        Raw file, the DAQ's JSON, folder of the truth.
    beam : Path or None
        Beam data, of a file with beam gates.
    gates, bytes : int
    adler32 : str
        Of the raw file; empty in a dry run.
    board_hits : int
        Timed hit blocks of all boards.
    seconds : float
        Wall clock.
    """

    path: Path
    sidecar: Path
    truth: Path
    beam: Path | None
    gates: int
    bytes: int
    adler32: str
    board_hits: int
    seconds: float

    @property
    def paths(self) -> tuple[Path, ...]:
        """Everything that is written."""
        beam = () if self.beam is None else (self.beam,)
        return (self.path, self.sidecar, self.truth, *beam)

    @property
    def gates_per_s(self) -> float:
        """Speed."""
        return self.gates / self.seconds if self.seconds else 0.0

    @property
    def kb_per_gate(self) -> float:
        """Mean size of a gate, kB."""
        return self.bytes / KB / self.gates

    @property
    def hits_per_gate(self) -> float:
        """Mean number of timed hit blocks of a gate."""
        return self.board_hits / self.gates

    def as_dict(self) -> dict[str, Any]:
        """Members and figures as plain values."""
        values = {
            name: str(value) if isinstance(value, Path) else value
            for name, value in asdict(self).items()
        }
        figures = ("gates_per_s", "kb_per_gate", "hits_per_gate")
        return {**values, **{name: round(getattr(self, name), 3) for name in figures}}


def file_name(file: FileSpec) -> FileName:
    """Name that the DAQ gives to a file (raw-format page, section 8)."""
    run_subrun = RunSubrun(file.run, file.subrun)
    return FileName(run_subrun, file.stream, stamp(file.start), None, "RawData.dat")


def planned_file(file: FileSpec, out: Path, gates: int, *, overwrite: bool) -> SimulatedFile:
    """Give the paths of a file that is to be written.

    Raises
    ------
    OutputError
        If one of them exists and may not be replaced.
    """
    path = out / str(file_name(file))
    sidecar = path.with_name(f"{path.name}.json")
    beam = beam_path(path) if has_beam(file.stream) else None
    planned = SimulatedFile(path, sidecar, truth_folder(path), beam, gates, 0, "", 0, 0.0)
    for taken in planned.paths:
        refuse_existing(taken, overwrite=overwrite)
    return planned


@dataclass
class _Recorder:
    """Counts what goes into a raw file, and its checksum."""

    handle: BinaryIO
    size: int = 0
    checksum: int = 1
    gates: int = 0
    board_hits: int = 0
    last: Block | None = None

    def write(self, data: bytes) -> None:
        self.handle.write(data)
        self.size += len(data)
        self.checksum = zlib_ng.adler32(data, self.checksum)

    def add(self, block: Block) -> None:
        self.write(block.data)
        self.gates += block.gates
        self.board_hits += block.board_hits
        self.last = block


def write_file(
    simulation: FileSimulation,
    planned: SimulatedFile,
    blocks: Iterable[Block],
    *,
    overwrite: bool = False,
    progress: Callable[[int], None] | None = None,
) -> SimulatedFile:
    """Write raw file, JSON, truth and beam data; the raw file gets its final name last.

    Parameters
    ----------
    simulation : FileSimulation
    planned : SimulatedFile
        Its paths.
    blocks : iterable of Block
        All gates of the file, in order; one at least.
    overwrite : bool
        Replace existing files.
    progress : callable, optional
        Called with the number of gates of each block that is written.

    Raises
    ------
    OutputError
        If a name is taken or the system refuses to write.
    """
    started = perf_counter()
    with (
        atomic_path(planned.path, overwrite=overwrite) as temporary,
        atomic_folder(planned.truth, overwrite=overwrite) as folder,
    ):
        recorder = _write_blocks(simulation, blocks, temporary, folder, progress)
        content = _sidecar_content(simulation.file, recorder)
        size, adler32 = content.size, content.adler32
        if simulation.faults.left < 1:
            size = int(simulation.faults.left * size)
            os.truncate(temporary, size)
            adler32 = adler32_of(temporary)
        write_constants(folder, simulation.truth.tables())
        write_meta(folder, truth_meta(simulation))
        write_text(planned.sidecar, sidecar_text(content), overwrite=overwrite)
        _write_beam(simulation, planned, recorder, overwrite=overwrite)
    return replace(
        planned,
        gates=recorder.gates,
        bytes=size,
        adler32=adler32,
        board_hits=recorder.board_hits,
        seconds=perf_counter() - started,
    )


def _write_blocks(
    simulation: FileSimulation,
    blocks: Iterable[Block],
    temporary: Path,
    folder: Path,
    progress: Callable[[int], None] | None,
) -> _Recorder:
    spec, header = simulation.spec, simulation.header
    name = str(file_name(simulation.file))
    with ExitStack() as stack:
        recorder = _Recorder(stack.enter_context(temporary.open("wb")))
        tables = stack.enter_context(TruthTables(folder, table_names(spec.truth)))
        everything = RawTruthFile(folder / RAW_TRUTH_FILE, simulation.file, header, name)
        if spec.truth == "raw":
            stack.enter_context(everything)
        recorder.write(header.encode())
        for block in blocks:
            recorder.add(block)
            tables.write(block.truth)
            if block.chunk is not None:
                everything.write(block.chunk)
            if progress is not None:
                progress(block.gates)
        if recorder.last is not None:
            recorder.write(recorder.last.sentinel)
        if spec.truth == "raw":
            everything.finish(recorder.size, sentinel=simulation.faults.sentinel)
    return recorder


def _write_beam(
    simulation: FileSimulation, planned: SimulatedFile, recorder: _Recorder, *, overwrite: bool
) -> None:
    if planned.beam is None or recorder.last is None:
        return
    file = simulation.file
    last = recorder.last.last_global_gate - file.first_global_gate + 1
    lines = beam_data(simulation.spec, file, last - recorder.gates + 1, last)
    write_text(planned.beam, "\n".join(lines) + "\n", overwrite=overwrite)


def _sidecar_content(file: FileSpec, recorder: _Recorder) -> SidecarContent:
    """Collect what the DAQ says of a file; of one that is cut, what it was before."""
    last = recorder.last
    if last is None:
        raise UsageError(f"run {file.run} subrun {file.subrun}: no gate to simulate")
    return SidecarContent(
        name=file_name(file),
        size=recorder.size,
        adler32=f"{recorder.checksum:08x}",
        gates=recorder.gates,
        first_global_gate=last.last_global_gate - recorder.gates + 1,
        last_global_gate=last.last_global_gate,
        start_us=start_us(file),
        end_us=last.last_time_us,
    )
