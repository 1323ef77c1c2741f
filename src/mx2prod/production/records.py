"""Metadata records of the inputs and outputs of a job, checked and written."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod import metadata
from mx2prod.core.files import write_text
from mx2prod.core.ids import gate_ranges
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.records import record_path, record_text, require_free_place
from mx2prod.production.job_constants import StageConstants
from mx2prod.production.memory import peak_memory_bytes
from mx2prod.production.meta import GateSummary
from mx2prod.raw import Kind, RawInfo


@dataclass(frozen=True)
class CheckedRecord:
    """A record, and what derivation and checks found.

    Attributes
    ----------
    content : dict
    problems : list of Problem
    """

    content: dict[str, Any]
    problems: list[metadata.Problem]

    def path_in(self, folder: Path) -> Path:
        """Path of the record file in a folder."""
        return record_path(folder / str(self.content["name"]))

    def problems_as_dicts(self) -> list[dict[str, Any]]:
        """Give the findings as the interface page has them."""
        return [problem.as_dict() for problem in self.problems]


def raw_record_of(info: RawInfo) -> CheckedRecord:
    """Derive and check the record of a raw file.

    Raises
    ------
    NameFormatError, RawFileError
        See :func:`mx2prod.metadata.raw_record`; a second run in the file is accepted, because
        digits can be made of each.
    """
    record = metadata.raw_record(info, strict=False)
    problems = metadata.derivation_problems(info, record) + metadata.check_record(record)
    return CheckedRecord(record, problems)


def is_declarable(info: RawInfo) -> bool:
    """Whether a record can describe the raw file: it holds one run."""
    return all(fault.kind is not Kind.SECOND_RUN for fault in info.faults)


def digits_record_of(
    path: Path,
    parent: CheckedRecord,
    gates: GateSummary,
    *,
    stage: str,
    started: float,
    suffixes: Mapping[str, str],
    constants: StageConstants | None = None,
) -> CheckedRecord:
    """Derive and check the record of a digit file that was just written.

    Parameters
    ----------
    path : Path
        The file.
    parent : CheckedRecord
        Of the raw file.
    gates : GateSummary
        Gates in the file.
    stage : str
        Name of the stage, as the record's application.
    started : float
        Start of the job, UTC seconds.
    suffixes : mapping
        File name suffix by tier word (``names.suffix`` of the workspace).
    constants : StageConstants, optional
        What the stage read.
    """
    schema = metadata.load_schema().with_suffixes(suffixes)
    record = metadata.derived_record(
        parent.content,
        metadata.OutputFacts(
            name=path.name,
            event_count=gates.count,
            first_gate=min(gates.gate_numbers),
            last_gate=max(gates.gate_numbers),
            ranges=tuple(gate_ranges(gate for gate in gates.global_gates if gate >= 0)),
            start_time=gates.times_us[0] / US_PER_S if gates.times_us else None,
            end_time=gates.times_us[1] / US_PER_S if gates.times_us else None,
            **metadata.bytes_of(path),
        ),
        job_until_now(started),
        application=metadata.Application(stage),
        conditions=metadata.Conditions(constants.tag, constants.digest) if constants else None,
        schema=schema,
    )
    known = metadata.RecordsInMemory([parent.content])
    context = metadata.Context(schema=schema, records=known, skipped_gates=0)
    return CheckedRecord(record, metadata.check_record(record, context))


def job_until_now(started: float) -> metadata.Job:
    """Facts of a job of this process.

    Parameters
    ----------
    started : float
        UTC seconds.
    """
    return metadata.Job.local(
        started, time.time(), cpu_seconds=time.process_time(), max_rss_bytes=peak_memory_bytes()
    )


def require_place(record: CheckedRecord, folder: Path) -> None:
    """Check that a record may be written into a folder, or lies there already with this content.

    Raises
    ------
    UsageError
        For the record of a raw file in the raw file's own folder.
    OutputError
        If another record has the name.
    """
    if not _is_there(record, folder):
        require_free_place(record.content, folder)


def write_record(record: CheckedRecord, folder: Path) -> Path:
    """Write a record into a folder; one that lies there with the same content stays.

    Raises
    ------
    UsageError, OutputError
        See :func:`require_place`; and if the file cannot be written.
    """
    require_place(record, folder)
    path = record.path_in(folder)
    if not _is_there(record, folder):
        write_text(path, record_text(record.content))
    return path


def put_beside(
    path: Path, record: dict[str, Any], known: metadata.RecordsInMemory | None = None
) -> CheckedRecord:
    """Check the record of a file and write it beside the file; one that is there is replaced.

    Parameters
    ----------
    path : Path
        The file.
    record : dict
    known : RecordsInMemory, optional
        Of the parents.

    Raises
    ------
    OutputError
        If the record cannot be written.
    """
    problems = metadata.check_record(record, metadata.Context(records=known, data_file=path))
    write_text(record_path(path), record_text(record), overwrite=True)
    return CheckedRecord(record, problems)


def _is_there(record: CheckedRecord, folder: Path) -> bool:
    try:
        return record.path_in(folder).read_text(encoding="utf-8") == record_text(record.content)
    except (OSError, UnicodeDecodeError):
        return False  # what is in the way is judged where it is to be replaced
