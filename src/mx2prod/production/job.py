"""One job on one raw file: check it, make its products and their records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod import raw
from mx2prod.core.errors import InputFileError, Mx2Error, NameFormatError, RawFileError
from mx2prod.core.ids import FileName
from mx2prod.core.registry import Stage
from mx2prod.core.workspace import Settings
from mx2prod.detector import Detector, expand_chains
from mx2prod.production.clock import StepClock
from mx2prod.production.job_constants import JobConstants, StageConstants, folders_of
from mx2prod.production.records import (
    CheckedRecord,
    is_declarable,
    raw_record_of,
    require_place,
)
from mx2prod.production.report import FileReport
from mx2prod.production.steps import StageSettings
from mx2prod.raw import Fault, Kind, RawFile, RawInfo, Severity

Progress = Callable[[Path, int, int], None]
"""Called with the input, its gates written so far, and its gates in all."""


@dataclass(frozen=True)
class Job:
    """What is asked for, the same for all files of a call.

    Attributes
    ----------
    stages : tuple of Stage
        From the raw file to the tier that is asked for.
    out : Path
        Folder of the outputs.
    settings : Settings
    detector : Detector
    started : datetime
        Start of the processing, UTC; goes into the names.
    constants : JobConstants or None
        What the stages read; None if none of them reads any.
    stage_settings : StageSettings
    keep : tuple of str
        Tiers that are written too.
    salvage, dry_run : bool
    progress : callable or None
    """

    stages: tuple[Stage, ...]
    out: Path
    settings: Settings
    detector: Detector
    started: datetime
    constants: JobConstants | None = None
    stage_settings: StageSettings = field(default_factory=StageSettings)
    keep: tuple[str, ...] = ()
    salvage: bool = False
    dry_run: bool = False
    progress: Progress | None = None

    @property
    def stage(self) -> Stage:
        """The last stage, which makes the tier that is asked for."""
        return self.stages[-1]


@dataclass(frozen=True)
class RawRun:
    """One run of a raw file; a name that was used twice holds two.

    Attributes
    ----------
    index : int
    gates : int
        Gates with a DAQ header.
    header_boards : ndarray of BOARD_DTYPE or None
        Boards that the run header lists; None without one.
    """

    index: int
    gates: int
    header_boards: npt.NDArray[np.void] | None


@dataclass
class FileWork:
    """State of the work on one file, filled step by step.

    Attributes
    ----------
    job : Job
    path : Path
    name : FileName
        Parsed name of the raw file.
    info : RawInfo
    parent : CheckedRecord
        Record of the raw file.
    constants : dict of str to StageConstants
        By the name of the stage.
    report : FileReport
    clock : StepClock
    """

    job: Job
    path: Path
    name: FileName
    info: RawInfo
    parent: CheckedRecord
    constants: dict[str, StageConstants]
    report: FileReport
    clock: StepClock

    def note(self, notices: Iterable[str]) -> None:
        """Add notices to the report, each once."""
        self.report.notices += [text for text in notices if text not in self.report.notices]


def process_file(path: Path, job: Job) -> FileReport:
    """Process one raw file; whatever goes wrong stands in the report.

    Parameters
    ----------
    path : Path
    job : Job

    Returns
    -------
    FileReport
        With ``error`` set if the file was refused or an output failed.
    """
    report, clock = FileReport(path), StepClock()
    try:
        _process(path, job, report, clock)
    except Mx2Error as error:
        report.error = error
    report.seconds = clock.seconds
    return report


def _process(path: Path, job: Job, report: FileReport, clock: StepClock) -> None:
    from mx2prod.production.run import write_run

    with clock.step("check"), raw.open(path) as file:
        name = raw_name_of(path)
        info = raw.summary_of(file)
        _note_content(report, info, file)
        if not job.salvage:
            refuse_first_error(path, info.faults)
        runs = list(runs_of(file))
    if not runs:
        raise _no_gates(path, info.faults)
    constants: dict[str, StageConstants] = {}
    if job.constants is not None:
        with clock.step("constants"):
            constants = {
                stage.name: job.constants.of_stage(stage, name.run_subrun)
                for stage in job.stages
                if folders_of(stage)[0]
            }
    with clock.step("metadata"):
        parent = raw_record_of(info)
        _note_record(parent, info, job, report)
    work = FileWork(job, path, name, info, parent, constants, report, clock)
    for read in constants.values():
        work.note(read.notices)
    for run in runs:
        outputs = write_run(work, run)
        report.outputs += outputs
        report.gates_written += outputs[-1].gates
    report.gates_lost += info.gates - report.gates_written


def _note_content(report: FileReport, info: RawInfo, file: RawFile) -> None:
    report.bytes, report.bytes_lost = info.bytes, info.bytes_lost
    report.gates_read, report.gates_intact = info.gates, info.intact_gates
    report.gates_lost = file.totals.headerless_groups
    report.faults = list(info.faults)


def _note_record(parent: CheckedRecord, info: RawInfo, job: Job, report: FileReport) -> None:
    """See, before anything is written, that the record of the raw file has its place."""
    if not is_declarable(info):
        report.notices.append("no record of the raw file is written: it holds more than one run")
        return
    report.problems = parent.problems_as_dicts()
    require_place(parent, job.out)
    report.record_path = parent.path_in(job.out)


def refuse_first_error(path: Path, faults: list[Fault]) -> None:
    """Stop at the first finding of class error, as production does without ``--salvage``.

    Raises
    ------
    RawFileError
        With file, byte, gate and frame address.
    """
    for fault in faults:
        if fault.severity is Severity.ERROR:
            raise RawFileError(
                f"{path}: {fault}",
                kind=str(fault.kind),
                offset=fault.offset,
                next_step=f"mx2 raw verify {path}, then mx2 process --salvage",
            )


def runs_of(file: RawFile) -> Iterator[RawRun]:
    """Give the runs of a file that have gates."""
    scan = file.scan()
    for run in scan.runs:
        gates = int((scan.run_of_gate == run.index).sum())
        chains = [(c.crate, c.croc, c.channel, c.febs) for c in run.header.chains]
        boards = None if run.header.assumed else expand_chains(chains)
        if gates:
            yield RawRun(run.index, gates, boards)


def raw_name_of(path: Path) -> FileName:
    """Parse the name of a raw file.

    Raises
    ------
    NameFormatError
        If it is not an Mx2 file name.
    InputFileError
        If it is that of another kind of file.
    """
    try:
        name = FileName.parse(path.name)
    except NameFormatError as error:
        raise NameFormatError(
            f"{path}: {error.message}", next_step="give the file the name that the DAQ gave it"
        ) from error
    if not name.is_raw:
        raise InputFileError(f"{path}: the name ends in {name.suffix}, expected RawData.dat")
    return name


def _no_gates(path: Path, faults: list[Fault]) -> RawFileError:
    fault = next((f for f in faults if f.severity is Severity.ERROR), None)
    return RawFileError(
        f"{path}: no gate to be had{f': {fault}' if fault else ''}",
        kind=str(fault.kind if fault else Kind.NO_GATES),
        offset=fault.offset if fault else None,
        next_step=f"mx2 raw info {path}",
    )
