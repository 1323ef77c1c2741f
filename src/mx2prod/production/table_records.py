"""Metadata records of constants tables, accumulators, verdicts and plots (tier K)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod import metadata, raw
from mx2prod.calibration.accumulator_file import is_accumulator
from mx2prod.calibration.sources import time_range_us
from mx2prod.core.errors import Mx2Error
from mx2prod.core.files import sha256_of_file
from mx2prod.core.units import US_PER_S
from mx2prod.metadata.records import read_record, record_path
from mx2prod.production.records import CheckedRecord, job_until_now, put_beside, raw_record_of

TABLE_SUFFIXES = (".dat", ".parquet")
"""Files whose content hash is that of the table in them; ``.acc.parquet`` is none of them."""


@dataclass(frozen=True)
class TableFacts:
    """What the records of the files of one table say.

    Attributes
    ----------
    kind : str
        ``pedestals``, ``gains`` or ``feb``.
    verdict : str
    content_sha256 : str or None
        Of the table; None without one.
    gates_used : int
    gate_numbers : tuple of int
        Least and greatest gate number that was read.
    times_us : tuple of int or None
        First and last gate used, microseconds since 1970.
    constants : Mapping of str to str
        Content hashes of the tables that were read, by name.
    """

    kind: str
    verdict: str
    content_sha256: str | None
    gates_used: int
    gate_numbers: tuple[int, int]
    times_us: tuple[int, int] | None
    constants: Mapping[str, str] = field(default_factory=dict)


@dataclass
class RawRecords:
    """Records of raw files and accumulators, each made or read once.

    Attributes
    ----------
    notices : list of str
        Files of which no record can be made, and why.
    """

    notices: list[str] = field(default_factory=list)
    _records: dict[Path, CheckedRecord | None] = field(default_factory=dict)

    def of(self, path: Path) -> CheckedRecord | None:
        """Record of a raw file, or the one beside an accumulator; None if there can be none."""
        if path not in self._records:
            try:
                self._records[path] = (
                    CheckedRecord(read_record(record_path(path)), [])
                    if is_accumulator(path)
                    else raw_record_of(raw.summarise(path))
                )
            except Mx2Error as error:
                self.notices.append(f"no record of {path.name}: {error.message}")
                self._records[path] = None
        return self._records[path]


def write_table_records(
    paths: Sequence[Path], parents: Sequence[CheckedRecord], facts: TableFacts, started: float
) -> list[CheckedRecord]:
    """Write the record of each file of a table beside it, in the order of the files.

    A record that an earlier, unfinished attempt left is replaced.

    Parameters
    ----------
    paths : sequence of Path
        Files that lie there; folders are left out.
    parents : sequence of CheckedRecord
        Of the raw files.  Without any no record is made.
    facts : TableFacts
    started : float
        Start of the job, UTC seconds.

    Returns
    -------
    list of CheckedRecord

    Raises
    ------
    OutputError
        If a record cannot be written.
    """
    if not parents:
        return []
    contents = [parent.content for parent in parents]
    known = metadata.RecordsInMemory(contents)
    records = []
    for path in paths:
        record = metadata.constants_record(
            contents,
            _output_facts(path, facts),
            metadata.Judged(facts.verdict, _content_of(path, facts)),
            job_until_now(started),
            application=metadata.Application(f"calibrate-{facts.kind}"),
            conditions=_conditions(facts.constants),
        )
        records.append(put_beside(path, record, known))
    return records


def _output_facts(path: Path, facts: TableFacts) -> metadata.OutputFacts:
    times = facts.times_us
    return metadata.OutputFacts(
        name=path.name,
        event_count=facts.gates_used,
        first_gate=facts.gate_numbers[0],
        last_gate=facts.gate_numbers[1],
        start_time=times[0] / US_PER_S if times else None,
        end_time=times[1] / US_PER_S if times else None,
        **metadata.bytes_of(path),
    )


def _content_of(path: Path, facts: TableFacts) -> str:
    is_table = path.name.endswith("_table" + path.suffix) and path.suffix in TABLE_SUFFIXES
    if is_table and facts.content_sha256 is not None:
        return facts.content_sha256
    return sha256_of_file(path)


def _conditions(constants: Mapping[str, str]) -> metadata.Conditions | None:
    """Digest of the tables that were read; they came as files, so there is no tag."""
    if not constants:
        return None
    lines = "".join(f"{name} {sha256}\n" for name, sha256 in sorted(constants.items()))
    return metadata.Conditions(digest=hashlib.sha256(lines.encode()).hexdigest())


def facts_of_verdict(kind: str, content: Mapping[str, Any], sources: Any) -> TableFacts:
    """Facts of the records from the content of a verdict file.

    Parameters
    ----------
    kind : str
    content : mapping
        Of the verdict file.
    sources : ndarray of SOURCE_DTYPE or None
        Of the accumulator.
    """
    gates, times = (0, 0), None
    if sources is not None and len(sources):
        gates = int(sources["first_gate"].min()), int(sources["last_gate"].max())
        times = time_range_us(sources)
    return TableFacts(
        kind, str(content["verdict"]), content.get("content_sha256"),
        int(content["gates"].get("used", 0)), gates, times, content.get("constants") or {},
    )  # fmt: skip
