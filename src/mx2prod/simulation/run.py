"""Simulate the files of a spec, in one process or in several, with the same bytes."""

from __future__ import annotations

import multiprocessing
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from mx2prod.core.errors import UsageError
from mx2prod.simulation.blocks import BLOCK_GATES, Block, FileSimulation
from mx2prod.simulation.files import SimulatedFile, planned_file, write_file
from mx2prod.simulation.spec import FileSpec, Spec

Progress = Callable[[Path, int, int], None]
_BLOCKS_AHEAD = 2
"""Blocks that each worker may be ahead of the writer, so that memory is bounded."""


@dataclass(frozen=True)
class _Task:
    """A block of gates that a worker simulates."""

    file: int
    first: int
    last: int


class _Maker:
    """Makes blocks; keeps the detector of the file that it works on."""

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._file = -1
        self._simulation: FileSimulation | None = None

    def simulation(self, file: int) -> FileSimulation:
        if self._simulation is None or self._file != file:
            self._simulation = FileSimulation(self._spec, self._spec.files[file])
            self._file = file
        return self._simulation

    def block(self, task: _Task) -> Block:
        return self.simulation(task.file).block(task.first, task.last)


def simulate(
    spec: Spec,
    out: Path,
    *,
    workers: int = 1,
    gates: int | None = None,
    febs: Sequence[str] | None = None,
    start_gate: int = 1,
    overwrite: bool = False,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> list[SimulatedFile]:
    """Write the raw files of a spec, each with the DAQ's JSON and the truth beside it.

    Everything is checked before anything is written.  A file gets its name when it is complete;
    one that exists is refused unless ``overwrite``.  The bytes do not depend on ``workers``, and
    the bytes of a gate not on ``start_gate`` and ``gates``.

    Parameters
    ----------
    spec : Spec
    out : Path
        Folder; made if needed.
    workers : int
        Processes.
    gates : int, optional
        At most so many gates of each file.
    febs : sequence of str, optional
        Only these chains and boards, instead of ``spec.detector.febs``.
    start_gate : int
        First gate of each file that is written.
    overwrite, dry_run : bool
    progress : callable, optional
        Called with path, gates done and gates of the file.

    Returns
    -------
    list of SimulatedFile
        In the order of the spec; of a dry run: the files that would be written.

    Raises
    ------
    UsageError
        If there is no gate to simulate, or a number is below 1.
    ConfigError
        If the spec names something that the detector does not have.
    OutputError
        If a file exists already or cannot be written.
    """
    if febs is not None:
        spec = _with_boards(spec, febs)
    ranges = [_gate_range(file, start_gate, gates) for file in spec.files]
    if workers < 1:
        raise UsageError(f"{workers} workers, expected 1 or more")
    planned = [
        planned_file(file, out, last - start_gate + 1, overwrite=overwrite)
        for file, (_, last) in zip(spec.files, ranges, strict=True)
    ]
    maker = _Maker(spec)
    for number in range(len(spec.files)):
        maker.simulation(number)
    if dry_run:
        return planned
    tasks = [
        _Task(number, start, min(start + BLOCK_GATES - 1, last))
        for number, (first, last) in enumerate(ranges)
        for start in range(first, last + 1, BLOCK_GATES)
    ]
    blocks = _blocks(maker, spec, tasks, workers)
    written = []
    for number, plan in enumerate(planned):
        count = sum(task.file == number for task in tasks)
        own = (next(blocks) for _ in range(count))
        report = _Reporter(plan, progress)
        written.append(
            write_file(maker.simulation(number), plan, own, overwrite=overwrite, progress=report)
        )
    return written


@dataclass
class _Reporter:
    """Adds up the gates of one file for the progress line."""

    planned: SimulatedFile
    progress: Progress | None
    done: int = 0

    def __call__(self, gates: int) -> None:
        self.done += gates
        if self.progress is not None:
            self.progress(self.planned.path, self.done, self.planned.gates)


def _with_boards(spec: Spec, febs: Sequence[str]) -> Spec:
    detector = spec.detector.model_copy(update={"febs": list(febs)})
    return spec.model_copy(update={"detector": detector})


def _gate_range(file: FileSpec, start: int, gates: int | None) -> tuple[int, int]:
    if start < 1 or (gates is not None and gates < 1):
        raise UsageError(f"first gate {start} and {gates} gates, expected 1 or more")
    if start > file.gates:
        raise UsageError(
            f"run {file.run} subrun {file.subrun} has {file.gates} gates, first gate {start}"
        )
    return start, file.gates if gates is None else min(file.gates, start + gates - 1)


def _blocks(maker: _Maker, spec: Spec, tasks: Sequence[_Task], workers: int) -> Iterator[Block]:
    """Yield the blocks of all tasks in order."""
    if workers == 1:
        yield from map(maker.block, tasks)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, _start_worker, (spec,)) as pool:
        waiting: deque[Future[Block]] = deque()
        try:
            for task in tasks:
                waiting.append(pool.submit(_work, task))
                if len(waiting) > workers * _BLOCKS_AHEAD:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


_worker: list[_Maker] = []
"""The maker of this worker process."""


def _start_worker(spec: Spec) -> None:
    _worker[:] = [_Maker(spec)]


def _work(task: _Task) -> Block:
    return _worker[0].block(task)
