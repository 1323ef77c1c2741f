"""Write the product of one run of a raw file, with its record beside it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel

from mx2prod.core.errors import InputFileError
from mx2prod.core.ids import FileName
from mx2prod.core.time import stamp
from mx2prod.detector import BoardStatus, board_report, unpack_channel_ids
from mx2prod.metadata.records import record_path
from mx2prod.output import product_file
from mx2prod.production.job import FileWork, Job, RawRun
from mx2prod.production.meta import GateSummary, meta_of
from mx2prod.production.naming import attempt_token, output_name
from mx2prod.production.records import CheckedRecord, digits_record_of, write_record
from mx2prod.production.report import OutputReport
from mx2prod.raw.columns import FebFlag

ANY_ATTEMPT = "<attempt>"
"""Stands for the attempt token in the names of a dry run: the token is drawn when it runs."""

_NAMED = 5
"""Boards that a notice names."""


def write_run(work: FileWork, run: RawRun) -> OutputReport:
    """Write one product and its record, or say what would be written.

    Raises
    ------
    OutputError
        If product or record cannot be written; neither is left then.
    RawFileError, InputFileError
        If the raw file cannot be read to its end.
    """
    name = _name_of(work)
    if work.job.dry_run:
        text = str(name).replace(f"-{name.attempt}_", f"-{ANY_ATTEMPT}_")
        return _output_report(work, run, text, run.gates)
    gates = _write_product(work, run, name)
    try:
        with work.clock.step("metadata"):
            record = _write_record(work, name, gates)
    except BaseException:
        (work.job.out / str(name)).unlink(missing_ok=True)
        raise
    return _output_report(work, run, str(name), gates.count, record)


def config_of(job: Job, run: RawRun) -> BaseModel:
    """Make the configuration of the stage from the workspace and the call, as far as it has it."""
    offered: dict[str, Any] = {
        "adc_pairing": job.settings.raw.adc_pairing,
        "salvage": job.salvage,
        "run_index": run.index,
    }
    known = job.stage.Config.model_fields
    return job.stage.Config.model_validate({k: v for k, v in offered.items() if k in known})


def _name_of(work: FileWork) -> FileName:
    job = work.job
    return output_name(
        work.name.run_subrun,
        work.name.stream,
        tier=job.stage.produces,
        suffixes=job.settings.names.suffix,
        stamp=stamp(job.started),
        attempt=attempt_token(),
    )


def _write_product(work: FileWork, run: RawRun, name: FileName) -> GateSummary:
    job, config, gates = work.job, config_of(work.job, run), GateSummary()
    seen: set[int] = set()
    stream = job.stage.run({"raw": work.path}, config, None)
    with stream, product_file(job.out / str(name), job.product) as writer:
        for chunk in stream:
            writer.extend(job.product.rows(chunk))
            gates.add(chunk.header)
            seen.update(_boards_seen(chunk.boards))
            if job.progress is not None:
                job.progress(work.path, work.report.gates_written + gates.count, work.info.gates)
        _require_all_gates(work, run, gates)
        notices = board_notices(job, _addresses(seen), run)
        work.report.notices += [text for text in notices if text not in work.report.notices]
        writer.meta = meta_of(work, config, gates)
    work.clock.add(stream.seconds)
    work.clock.add(writer.seconds)
    return gates


def board_notices(job: Job, seen: npt.NDArray[np.void], run: RawRun) -> list[str]:
    """Say, in a few lines, where the boards of a file are not those of the detector tables.

    Parameters
    ----------
    job : Job
    seen : structured ndarray
        Addresses of the boards that have frames.
    run : RawRun
    """
    report = board_report(job.detector.plex, seen, run.header_boards)
    lines = []
    if report.chain_differences:
        count, first = len(report.chain_differences), report.chain_differences[0]
        lines.append(f"{count} chains are not those of the hardware map, first {first}")
    for status, meaning in (
        (BoardStatus.UNMAPPED, "in no detector table; kept, never mapped to a strip"),
        (BoardStatus.ABSENT, "missing from the run header or from the data"),
    ):
        found = [str(board.address) for board in report.with_status(status)]
        if found:
            named = ", ".join(found[:_NAMED]) + (", ..." if len(found) > _NAMED else "")
            lines.append(f"{len(found)} {status} boards ({meaning}): {named}")
    return lines


def _require_all_gates(work: FileWork, run: RawRun, gates: GateSummary) -> None:
    if gates.count != run.gates:
        raise InputFileError(
            f"{work.path}: {run.gates} gates when it was checked, {gates.count} when it was "
            "decoded: the file was changed meanwhile",
            next_step=f"ls -l {work.path}",
        )


def _boards_seen(boards: dict[str, npt.NDArray[Any]]) -> list[int]:
    there = (boards["flags"] & int(FebFlag.ABSENT)) == 0
    return [int(channel) for channel in np.unique(boards["chan"][there])]


def _addresses(channels: set[int]) -> npt.NDArray[np.void]:
    return unpack_channel_ids(np.array(sorted(channels), dtype=np.int64))


def _write_record(work: FileWork, name: FileName, gates: GateSummary) -> CheckedRecord:
    """Write the record of the product, and before it that of its parent."""
    job = work.job
    if work.report.record_path is not None:
        write_record(work.parent, job.out)
    record = digits_record_of(
        job.out / str(name),
        work.parent,
        gates,
        stage=job.stage.name,
        started=job.started.timestamp(),
        suffixes=job.settings.names.suffix,
    )
    write_record(record, job.out)
    return record


def _output_report(
    work: FileWork, run: RawRun, name: str, gates: int, record: CheckedRecord | None = None
) -> OutputReport:
    path = work.job.out / name
    return OutputReport(
        path=path,
        tier=work.job.stage.produces,
        input=work.path,
        run_index=run.index,
        gates=gates,
        bytes=record.content["size"] if record else 0,
        adler32=record.content["checksums"]["adler32"] if record else "",
        record_path=record_path(path),
        record=record.content if record else {},
        problems=record.problems_as_dicts() if record else [],
    )
