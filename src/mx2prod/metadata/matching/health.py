"""Is a run database consistent with itself? (metadata page, sections 9.3 and 9.4)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from mx2prod.metadata.matching.intervals import overlaps
from mx2prod.metadata.matching.runs_database import (
    LABELS,
    NO_VALUE,
    PER_RUN,
    SYSTEMS,
    RunsDatabase,
    Summary,
)
from mx2prod.raw.faults import Severity

OVERLAP_S = 1
"""Overlaps up to this are rounding: times are whole seconds."""
GAP_S = 5
"""The numbering drops shorter intervals and gives their time to the next one."""


class HealthKind(StrEnum):
    """What can be wrong with a run database."""

    ORDER = "order"
    OVERLAP = "overlap"
    GAP = "gap"
    FALSE_GAP = "false_gap"
    DOUBLE = "double"
    UNREFERENCED = "unreferenced"
    PREFIX = "prefix"
    DROPPED = "dropped"


@dataclass(frozen=True)
class HealthFinding:
    """A finding about a run database.

    Attributes
    ----------
    kind : HealthKind
    severity : Severity
        Errors block the numbers of files whose time they touch.
    start, end : int
        Time concerned, seconds since 1970; both 0 where the row has no time.
    detail : str
    """

    kind: HealthKind
    severity: Severity
    start: int
    end: int
    detail: str

    def touches(self, start: float, end: float) -> bool:
        """Whether the finding concerns an interval."""
        return self.start < end and self.end > start

    def as_dict(self) -> dict[str, Any]:
        """Members as plain values."""
        return {key: value for key, value in asdict(self).items() if value != 0}


def health(database: RunsDatabase) -> list[HealthFinding]:
    """Check a run database.

    Order and overlaps of its rows are errors: a number would stand for the wrong time.  The others
    are warnings: the numbering is known to make false gaps and foreign prefixes (section 9.3), and
    the matching by time sees through them.

    Returns
    -------
    list of HealthFinding
        By kind, then by time.
    """
    checks = (_order, _overlap, _gap, _false_gap, _double, _unreferenced, _prefix, _dropped)
    return [finding for check in checks for finding in check(database)]


def _order(database: RunsDatabase) -> Iterator[HealthFinding]:
    rows = np.sort(database.rows, order="number")
    same = rows["number"][1:] // PER_RUN == rows["number"][:-1] // PER_RUN
    for index in np.flatnonzero(same & (np.diff(rows["start"]) < 0)):
        before, after = rows[index], rows[index + 1]
        yield _error(
            HealthKind.ORDER,
            min(before["start"], after["start"]),
            max(before["end"], after["end"]),
            f"global subrun {after['number']} starts before {before['number']}",
        )


def _overlap(database: RunsDatabase) -> Iterator[HealthFinding]:
    rows = database.rows
    for one, other, start, end in _pairs(rows["start"], rows["end"]):
        numbers = f"{rows['number'][one]} and {rows['number'][other]}"
        text = f"global subruns {numbers} overlap by {end - start} s"
        yield _error(HealthKind.OVERLAP, start, end, text)


def _gap(database: RunsDatabase) -> Iterator[HealthFinding]:
    rows = database.rows
    for run in np.unique(rows["number"] // PER_RUN):
        own = rows[rows["number"] // PER_RUN == run]
        reached = np.maximum.accumulate(own["end"])[:-1]
        for index in np.flatnonzero(own["start"][1:] - reached > GAP_S):
            start, end = int(reached[index]), int(own["start"][index + 1])
            text = f"no global subrun for {end - start} s before {own['number'][index + 1]}"
            yield _warning(HealthKind.GAP, start, end, text)


def _false_gap(database: RunsDatabase) -> Iterator[HealthFinding]:
    """Rows that carry no subrun of a system while its summary says that one is running."""
    for system in SYSTEMS:
        summary, rows = database.summaries[system].rows, database.rows
        empty = rows[rows[LABELS[system][0]] == NO_VALUE]
        one, other = overlaps(summary["start"], summary["end"], empty["start"], empty["end"])
        shared = np.minimum(summary["end"][one], empty["end"][other]) - np.maximum(
            summary["start"][one], empty["start"][other]
        )
        hidden = np.bincount(one, np.where(shared > GAP_S, shared, 0), minlength=len(summary))
        for index in np.flatnonzero(hidden):
            row, seconds = summary[index], int(hidden[index])
            text = f"{_name(system, row)} runs for {seconds} s in rows that do not carry it"
            yield _warning(HealthKind.FALSE_GAP, row["start"], row["end"], text)


def _double(database: RunsDatabase) -> Iterator[HealthFinding]:
    for system in SYSTEMS:
        rows = database.summaries[system].rows
        for one, other, start, end in _pairs(rows["start"], rows["end"]):
            both = f"{_name(system, rows[one])} and {_name(system, rows[other])}"
            text = f"{both} run at the same time for {end - start} s"
            yield _warning(HealthKind.DOUBLE, start, end, text)


def _unreferenced(database: RunsDatabase) -> Iterator[HealthFinding]:
    for system in SYSTEMS:
        for row in _without_rows(database, database.summaries[system]):
            text = f"{_name(system, row)} is in no global subrun"
            yield _warning(HealthKind.UNREFERENCED, row["start"], row["end"], text)


def _without_rows(database: RunsDatabase, summary: Summary) -> Iterator[Any]:
    run_column, subrun_column = LABELS[summary.system]
    known = set(
        zip(database.rows[run_column].tolist(), database.rows[subrun_column].tolist(), strict=True)
    )
    for row in summary.rows:
        if (int(row["run"]), int(row["subrun"])) not in known:
            yield row


def _prefix(database: RunsDatabase) -> Iterator[HealthFinding]:
    rows = database.rows
    prefix = rows["number"] // PER_RUN
    for system in SYSTEMS:
        runs = rows[LABELS[system][0]]
        foreign = (runs != NO_VALUE) & (runs != prefix)
        for pair in np.unique(np.stack([prefix, runs], axis=1)[foreign], axis=0):
            mine = (prefix == pair[0]) & (runs == pair[1])
            text = f"{mine.sum()} rows with numbers of run {pair[0]} carry {system} run {pair[1]}"
            span = rows["start"][mine].min(), rows["end"][mine].max()
            yield _warning(HealthKind.PREFIX, *span, text)


def _dropped(database: RunsDatabase) -> Iterator[HealthFinding]:
    for row in database.dropped:
        text = f"{row.table} {row.key} is not used: {row.reason}"
        yield _warning(HealthKind.DROPPED, 0, 0, text)


def _pairs(starts: Any, ends: Any) -> Iterator[tuple[int, int, int, int]]:
    """Pairs of intervals of one set that overlap by more than rounding, with the overlap."""
    one, other = overlaps(starts, ends, starts, ends)
    once = one < other
    for first, second in zip(one[once].tolist(), other[once].tolist(), strict=True):
        start = int(max(starts[first], starts[second]))
        end = int(min(ends[first], ends[second]))
        if end - start > OVERLAP_S:
            yield first, second, start, end


def _name(system: str, row: Any) -> str:
    return f"{system} {row['run']}/{row['subrun']}"


def _error(kind: HealthKind, start: Any, end: Any, detail: str) -> HealthFinding:
    return HealthFinding(kind, Severity.ERROR, int(start), int(end), detail)


def _warning(kind: HealthKind, start: Any, end: Any, detail: str) -> HealthFinding:
    return HealthFinding(kind, Severity.WARNING, int(start), int(end), detail)
