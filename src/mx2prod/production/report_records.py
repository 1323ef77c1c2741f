"""Metadata records of reports: PDFs, pages and summary tables of constants (tier K)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod import metadata
from mx2prod.calibration.verdict import Verdict
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import sha256_of_file
from mx2prod.metadata.context import parent_dids
from mx2prod.metadata.records import read_record, record_path
from mx2prod.production.records import CheckedRecord, job_until_now, put_beside
from mx2prod.validation.report import Report


@dataclass
class ReportRecords:
    """Records of a report.

    Attributes
    ----------
    records : list of CheckedRecord
    notices : list of str
        Tables without a record, which the records of the report leave out.
    """

    records: list[CheckedRecord] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)

    @property
    def problems(self) -> list[dict[str, Any]]:
        """Findings of the checks, as the interface page has them."""
        return [problem for record in self.records for problem in record.problems_as_dicts()]


def write_report_records(report: Report, started: float) -> ReportRecords:
    """Write the record of each file of a report beside it.

    Runs, gates and times are those of the records of the tables; the parents are the raw files
    that these name, and the verdict is the worst of the tables.  A record that is there is
    replaced, as the report is.  Without any record of a table none is made.

    Parameters
    ----------
    report : Report
    started : float
        Start of the job, UTC seconds.

    Raises
    ------
    InputFileError
        If the record of a table cannot be read or is none.
    OutputError
        If a record cannot be written.
    """
    made = ReportRecords()
    tables = []
    for file in report.files:
        path = record_path(file.path)
        if path.exists():
            tables.append(_table_record(path))
        else:
            made.notices.append(f"{file.path.name}: no record of this table")
    if not tables:
        return made
    for path in report.paths:
        made.records.append(put_beside(path, _record(path, report, tables, started)))
    return made


def _table_record(path: Path) -> Mapping[str, Any]:
    record = read_record(path)
    if not isinstance(record, dict) or not parent_dids(record):
        raise InputFileError(
            f"{path}: no record of a constants table: it names no raw file",
            next_step="make the table again with mx2 calibrate --overwrite",
        )
    return record


def _record(
    path: Path, report: Report, tables: Sequence[Mapping[str, Any]], started: float
) -> dict[str, Any]:
    """Record of a file of the report; the parents are those of the tables."""
    of_tables = [table["metadata"] for table in tables]
    output = metadata.OutputFacts(
        name=path.name,
        event_count=sum(summary.gates_used for summary in report.summaries),
        first_gate=min(values["core.first_event_number"] for values in of_tables),
        last_gate=max(values["core.last_event_number"] for values in of_tables),
        **metadata.bytes_of(path),
    )
    worst = Verdict.worst(Verdict(file.verdict) for file in report.files)
    record = metadata.constants_record(
        tables,
        output,
        metadata.Judged(str(worst), sha256_of_file(path)),
        job_until_now(started),
        application=metadata.Application(f"report-{report.product}"),
    )
    dids = sorted({did for table in tables for did in parent_dids(table)})
    return {**record, "parents": [{"did": did} for did in dids]}
