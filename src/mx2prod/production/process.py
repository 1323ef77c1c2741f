"""The main job: raw files to a product, with records and a report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mx2prod.core.errors import UsageError
from mx2prod.core.registry import Stage, load_stage, stage_names
from mx2prod.core.time import now
from mx2prod.core.workspace import Settings
from mx2prod.production.clock import StepClock
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.production.report import ProcessReport

if TYPE_CHECKING:
    from mx2prod.production.job import Job

RAW = "raw"
log = logging.getLogger(__name__)


def process(
    files: Sequence[Path],
    *,
    out: Path,
    to: str = "raw-digits",
    salvage: bool = False,
    dry_run: bool = False,
    settings: Settings | None = None,
    progress: Callable[[Path, int, int], None] | None = None,
) -> ProcessReport:
    """Process raw files, one after the other.

    Of each file, every rule of the raw format is checked first.  Without ``salvage``, a file with
    a finding of class error is refused and nothing is written for it; the other files are still
    processed.  Outputs get a new name in each attempt and are never overwritten; a metadata record
    ``<name>.json`` lies beside each, and one of the raw file itself.

    Parameters
    ----------
    files : sequence of Path
    out : Path
        Folder of the outputs; made if needed.
    to : str
        Tier to make.
    salvage : bool
        Keep everything that can be had from damaged files; what is lost is listed.
    dry_run : bool
        Check the inputs and say what would be written, write nothing.
    settings : Settings, optional
        The workspace's settings; the defaults if None.
    progress : callable, optional
        Called with the input, its gates written so far, and its gates in all.

    Returns
    -------
    ProcessReport
        Its ``exit_code`` is that of the command.

    Raises
    ------
    UsageError
        If no stage makes the tier, or a file is given twice.
    ConfigError, TableError
        If settings or detector tables are not usable.
    """
    clock = StepClock()
    used = settings or Settings()
    _refuse_repetition(files)
    with clock.step("start"):
        stage = stage_from_raw(to)
        job = _job(stage, out, used, salvage=salvage, dry_run=dry_run, progress=progress)
        from mx2prod.production.job import process_file
    report = ProcessReport(stage.produces, salvage, dry_run)
    for path in files:
        log.info("%s: started", path)
        done = process_file(path, job)
        log.info(
            "%s: %s, %d gates read, %d written, %d lost, %.1f s",
            path, done.status, done.gates_read, done.gates_written, done.gates_lost,
            sum(done.seconds.values()),
        )  # fmt: skip
        report.files.append(done)
        clock.add(done.seconds)
    report.seconds = clock.seconds
    report.peak_memory_bytes = peak_memory_bytes()
    return report


def stage_from_raw(tier: str) -> Stage:
    """Load the stage that makes a tier from a raw file.

    Raises
    ------
    UsageError
        If no stage of the name is installed, or it starts from another tier.
    """
    stage = load_stage(tier)
    if stage.consumes != RAW:
        raise UsageError(
            f"stage {tier!r} starts from {stage.consumes!r}, and this command from raw files",
            next_step=f"mx2 process --to one of: {', '.join(stage_names())}",
        )
    return stage


def _job(
    stage: Stage,
    out: Path,
    settings: Settings,
    *,
    salvage: bool,
    dry_run: bool,
    progress: Callable[[Path, int, int], None] | None,
) -> Job:
    """Load what every file needs: detector tables, compiled kernels, the ROOT library."""
    for module in ("awkward", "uproot", "mx2prod.digits.raw_digits_kernels"):
        import_module(module)
    from mx2prod.detector import load_detector
    from mx2prod.production.job import Job

    tables = settings.detector
    detector = load_detector(tables.geometry, tables.plex, tables.fibres)
    return Job(stage, out, settings, detector, now(), salvage, dry_run, progress)


def _refuse_repetition(files: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in files:
        real = path.resolve()
        if real in seen:
            raise UsageError(f"{path}: given twice", next_step="name each file once")
        seen.add(real)
