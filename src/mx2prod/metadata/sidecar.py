"""The DAQ's JSON compared with the record that the bytes give (metadata page, 5.3).

Nothing is taken from the JSON but ``retention.class``, and every difference is said: as a note
where the trap is known and corrected, as a warning or error otherwise.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mx2prod.metadata.checks.identity import NO_BYTES
from mx2prod.metadata.overflow import is_overflow
from mx2prod.metadata.problems import Problem
from mx2prod.metadata.view import as_integers, as_number
from mx2prod.raw.faults import Severity

DAQ = "DAQ"
TIME_TOLERANCE_S = 120.0
RAW_CLASSES = ("commissioning", "rawdata")
_COMPARED = (
    "core.data_stream",
    "core.data_tier",
    "core.event_count",
    "core.file_format",
    "core.first_event_number",
    "core.last_event_number",
    "core.lum_block_ranges",
    "core.group",
)
_TIMES = ("core.start_time", "core.end_time")


def retention_class(sidecar: Mapping[str, Any] | None) -> str:
    """``retention.class`` of a raw file: what the DAQ wrote if it is a legal word, else rawdata."""
    written = _metadata(sidecar or {}).get("retention.class")
    return written if written in RAW_CLASSES else "rawdata"


def sidecar_problems(sidecar: Mapping[str, Any], record: Mapping[str, Any]) -> list[Problem]:
    """Differences between the DAQ's JSON and our record of the same raw file.

    Parameters
    ----------
    sidecar : mapping
        The JSON as it stands beside the file, of any age and any content.
    record : mapping
        Our record (see :func:`mx2prod.metadata.derive.raw_record`).

    Returns
    -------
    list of Problem
        ``got`` is the DAQ's value, ``want`` ours, ``authority`` is ``DAQ``.
    """
    theirs, ours = _metadata(sidecar), record["metadata"]
    return [
        *_bytes(sidecar, record),
        *_runs(theirs, ours),
        *_times(theirs, ours),
        *_others(sidecar, theirs, record),
    ]


def _bytes(sidecar: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Problem]:
    size, wanted = sidecar.get("size"), record["size"]
    checksums = sidecar.get("checksums")
    adler32 = checksums.get("adler32") if isinstance(checksums, dict) else None
    right = record["checksums"]["adler32"]
    early = size == 0 or adler32 == NO_BYTES
    if size != wanted:
        yield _problem("size", size, wanted, Severity.NOTE if early else Severity.ERROR)
    if adler32 != right:
        padded = isinstance(adler32, str) and adler32.rjust(8, "0") == right
        known = early or padded
        severity = Severity.NOTE if known else Severity.ERROR
        yield _problem("checksums.adler32", adler32, right, severity)


def _runs(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Problem]:
    key = "core.runs_subruns"
    numbers = theirs.get(key)
    if numbers != ours[key]:
        wrapped = any(is_overflow(number) for number in as_integers(numbers) or [])
        severity = Severity.NOTE if wrapped else Severity.WARNING
        yield _problem(key, numbers, ours[key], severity)
    run = ours["core.runs"][0]
    subrun = ours[key][0] - run * 100_000
    listed = theirs.get("core.runs")
    if listed != ours["core.runs"]:
        old = listed in ([run, subrun], [[run, subrun]])
        severity = Severity.NOTE if old else Severity.WARNING
        yield _problem("core.runs", listed, ours["core.runs"], severity)


def _times(theirs: Mapping[str, Any], ours: Mapping[str, Any]) -> Iterator[Problem]:
    for key in _TIMES:
        time = as_number(theirs.get(key))
        if time is None or abs(time - ours[key]) > TIME_TOLERANCE_S:
            yield _problem(key, theirs.get(key), ours[key], Severity.WARNING)


def _others(
    sidecar: Mapping[str, Any], theirs: Mapping[str, Any], record: Mapping[str, Any]
) -> Iterator[Problem]:
    ours = record["metadata"]
    for member in ("name", "namespace"):
        if sidecar.get(member) != record[member]:
            yield _problem(member, sidecar.get(member), record[member], Severity.WARNING)
    for key in _COMPARED:
        if theirs.get(key) != ours[key]:
            yield _problem(key, theirs.get(key), ours[key], Severity.WARNING)
    for key, known in (("core.run_type", "teststand"), ("core.file_content_status", "good")):
        if theirs.get(key) != ours[key]:
            severity = Severity.NOTE if theirs.get(key) == known else Severity.WARNING
            yield _problem(key, theirs.get(key), ours[key], severity)


def _problem(field: str, got: Any, want: Any, severity: Severity) -> Problem:
    return Problem(field, "sidecar", severity, got, want, DAQ)


def _metadata(sidecar: Mapping[str, Any]) -> Mapping[str, Any]:
    metadata = sidecar.get("metadata")
    return metadata if isinstance(metadata, dict) else {}
