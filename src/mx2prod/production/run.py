"""Write the products of one run of a raw file, with their records beside them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from mx2prod.core.errors import InputFileError
from mx2prod.core.ids import FileName
from mx2prod.core.registry import Stage
from mx2prod.core.time import stamp
from mx2prod.metadata.records import record_path
from mx2prod.output import ProductWriter, product_file, product_of
from mx2prod.production.board_notices import board_notices, boards_seen
from mx2prod.production.job import FileWork, Job, RawRun
from mx2prod.production.meta import GateSummary, meta_of
from mx2prod.production.naming import attempt_token, output_name
from mx2prod.production.records import CheckedRecord, digits_record_of, write_record
from mx2prod.production.report import OutputReport
from mx2prod.production.steps import Step, also_written

ANY_ATTEMPT = "<attempt>"
"""Stands for the attempt token in the names of a dry run: the token is drawn when it runs."""


@dataclass
class _Made:
    """What is written of one run so far.

    Attributes
    ----------
    gates : GateSummary
    boards : set of int
        Boards that have frames.
    counters : dict of str to dict of str to int
        What the stages counted, by tier.
    paths : list of Path
        Products and records that have their final names.
    """

    gates: GateSummary = field(default_factory=GateSummary)
    boards: set[int] = field(default_factory=set)
    counters: dict[str, dict[str, int]] = field(default_factory=dict)
    paths: list[Path] = field(default_factory=list)

    def add(self, chunk: Any) -> None:
        """Note the gates and boards of a chunk."""
        self.gates.add(chunk.header)
        self.boards.update(boards_seen(chunk.boards))

    def remove(self) -> None:
        """Take away what was written: a run is whole or not there."""
        for path in self.paths:
            path.unlink(missing_ok=True)


def write_run(work: FileWork, run: RawRun) -> list[OutputReport]:
    """Write the products of a run and their records, or say what would be written.

    Raises
    ------
    OutputError
        If a product or record cannot be written; none of them is left then.
    RawFileError, InputFileError
        If the raw file cannot be read to its end.
    ConditionsError
        If the constants do not cover what the file holds.
    """
    steps = steps_of(work, run)
    planned = [_planned(work, run, step, name) for step, name in _written(steps)]
    if work.job.dry_run:
        return planned
    made = _Made()
    try:
        _write_products(work, run, steps, made)
        with work.clock.step("metadata"):
            records = [_write_record(work, step, name, made) for step, name in _written(steps)]
    except BaseException:
        made.remove()
        raise
    return [
        _output_report(output, record, made)
        for output, record in zip(planned, records, strict=True)
    ]


def steps_of(work: FileWork, run: RawRun) -> tuple[Step, ...]:
    """Stages of the job for one run, with the names of the products that are to be written."""
    job, attempt = work.job, attempt_token()
    wanted = {*job.keep, job.stage.produces}
    return tuple(
        Step(
            stage,
            config_of(job, stage, run),
            work.constants.get(stage.name),
            _name_of(work, stage, attempt) if stage.produces in wanted else None,
        )
        for stage in job.stages
    )


def config_of(job: Job, stage: Stage, run: RawRun) -> BaseModel:
    """Make the configuration of a stage from its settings, the workspace and the call."""
    if (settings := job.stage_settings.of(stage.name)) is not None:
        return settings
    offered: dict[str, Any] = {
        "adc_pairing": job.settings.raw.adc_pairing,
        "salvage": job.salvage,
        "run_index": run.index,
    }
    known = stage.Config.model_fields
    return stage.Config.model_validate({k: v for k, v in offered.items() if k in known})


def _written(steps: Sequence[Step]) -> list[tuple[Step, FileName]]:
    return [(step, step.name) for step in steps if step.name is not None]


def _name_of(work: FileWork, stage: Stage, attempt: str) -> FileName:
    return output_name(
        work.name.run_subrun,
        work.name.stream,
        tier=stage.produces,
        suffixes=work.job.settings.names.suffix,
        stamp=stamp(work.job.started),
        attempt=attempt,
    )


def _write_products(work: FileWork, run: RawRun, steps: Sequence[Step], made: _Made) -> None:
    """Run the stages chunk by chunk; what is written gets its final name at the end."""
    job = work.job
    source: Any = work.path
    streams: list[Any] = []
    writers: list[tuple[int, ProductWriter]] = []
    with contextlib.ExitStack() as stack:
        for number, step in enumerate(steps):
            source = stack.enter_context(step.open(source))
            streams.append(source)
            if step.name is not None:
                writer = stack.enter_context(_new_product(work, step.stage, step.name, made))
                writers.append((number, writer))
                source = also_written(source, writer)
        for chunk in source:
            made.add(chunk)
            if job.progress is not None:
                done = work.report.gates_written + made.gates.count
                job.progress(work.path, done, work.info.gates)
        _require_all_gates(work, run, made.gates)
        notices = board_notices(job.detector.plex, made.boards, run.header_boards)
        work.note(notices)
        for step, stream in zip(steps, streams, strict=True):
            made.counters[step.stage.produces] = dict(getattr(stream, "counters", {}))
        for number, writer in writers:
            counters = made.counters[steps[number].stage.produces]
            writer.meta = meta_of(work, steps[: number + 1], made.gates, counters)
    for timed in (*streams, *(writer for _, writer in writers)):
        work.clock.add(timed.seconds)


@contextlib.contextmanager
def _new_product(
    work: FileWork, stage: Stage, name: FileName, made: _Made
) -> Iterator[ProductWriter]:
    path = work.job.out / str(name)
    with product_file(path, product_of(stage.produces)) as writer:
        yield writer
    made.paths.append(path)


def _require_all_gates(work: FileWork, run: RawRun, gates: GateSummary) -> None:
    if gates.count != run.gates:
        raise InputFileError(
            f"{work.path}: {run.gates} gates when it was checked, {gates.count} when it was "
            "decoded: the file was changed meanwhile",
            next_step=f"ls -l {work.path}",
        )


def _write_record(work: FileWork, step: Step, name: FileName, made: _Made) -> CheckedRecord:
    """Write the record of a product, and before it that of its parent."""
    job = work.job
    if work.report.record_path is not None:
        write_record(work.parent, job.out)
    record = digits_record_of(
        job.out / str(name),
        work.parent,
        made.gates,
        stage=step.stage.name,
        started=job.started.timestamp(),
        suffixes=job.settings.names.suffix,
        constants=step.constants,
    )
    made.paths.append(write_record(record, job.out))
    return record


def _planned(work: FileWork, run: RawRun, step: Step, name: FileName) -> OutputReport:
    shown = str(name)
    if work.job.dry_run:
        shown = shown.replace(f"-{name.attempt}_", f"-{ANY_ATTEMPT}_")
    path = work.job.out / shown
    return OutputReport(
        path=path, tier=step.stage.produces, input=work.path, run_index=run.index,
        gates=run.gates, record_path=record_path(path),
    )  # fmt: skip


def _output_report(planned: OutputReport, record: CheckedRecord, made: _Made) -> OutputReport:
    """Complete what was planned with what was written."""
    return replace(
        planned,
        gates=made.gates.count,
        bytes=record.content["size"],
        adler32=record.content["checksums"]["adler32"],
        record=record.content,
        problems=record.problems_as_dicts(),
        counters=made.counters[planned.tier],
    )
