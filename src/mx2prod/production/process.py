"""The main job: raw files to a product, with records and a report."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from mx2prod.core.errors import UsageError
from mx2prod.core.registry import Stage
from mx2prod.core.time import now
from mx2prod.core.workspace import Settings
from mx2prod.production.clock import StepClock
from mx2prod.production.job_constants import JobConstants, require_constants
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.production.report import ProcessReport

if TYPE_CHECKING:
    from mx2prod.detector import Detector
    from mx2prod.production.steps import StageSettings

log = logging.getLogger(__name__)


def process(
    files: Sequence[Path],
    *,
    out: Path,
    to: str = "raw-digits",
    keep: Sequence[str] = (),
    constants: JobConstants | None = None,
    stage_settings: StageSettings | None = None,
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
    keep : sequence of str
        Tiers on the way to it that are written too.
    constants : JobConstants, optional
        What the stages read (:func:`open_constants`); needed from ``sup-digits`` on.
    stage_settings : StageSettings, optional
        Settings of the stages; the defaults if None.
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
        If no stage makes the tier, a tier to be kept is not made on the way, constants are
        missing, or a file is given twice.
    ConfigError, TableError
        If settings or detector tables are not usable.
    """
    clock = StepClock()
    if constants is not None:
        clock.add({"constants": constants.seconds})
    used = settings or Settings()
    _refuse_repetition(files)
    with clock.step("start"):
        from mx2prod.production.job import Job, process_file
        from mx2prod.production.steps import StageSettings, require_kept, stages_from_raw

        stages = stages_from_raw(to)
        require_kept(keep, stages)
        require_constants(stages, constants)
        _load_programs(stages)
        job = Job(
            stages, out, used, _detector(used), now(), constants,
            stage_settings or StageSettings(), tuple(keep), salvage, dry_run, progress,
        )  # fmt: skip
    read = constants.as_dict() if constants is not None else None
    report = ProcessReport(job.stage.produces, salvage, dry_run, constants=read)
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


def _load_programs(stages: Sequence[Stage]) -> None:
    """Load what every file needs: compiled kernels, the ROOT library."""
    kernels = {
        "raw-digits": "mx2prod.digits.raw_digits_kernels",
        "sup-digits": "mx2prod.digits.suppression_kernels",
    }
    needed = [kernels[stage.name] for stage in stages if stage.name in kernels]
    for module in ("awkward", "uproot", *needed):
        import_module(module)


def _detector(settings: Settings) -> Detector:
    from mx2prod.detector import load_detector

    tables = settings.detector
    return load_detector(tables.geometry, tables.plex, tables.fibres)


def _refuse_repetition(files: Sequence[Path]) -> None:
    seen: set[Path] = set()
    for path in files:
        real = path.resolve()
        if real in seen:
            raise UsageError(f"{path}: given twice", next_step="name each file once")
        seen.add(real)
