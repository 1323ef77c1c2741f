"""Match a file of one system with the files of the others, by time and by number (page, 9.4)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.core.ids import GateRange
from mx2prod.metadata.matching.health import HealthFinding, health
from mx2prod.metadata.matching.intervals import covered_twice, uncovered
from mx2prod.metadata.matching.results import (
    FileInterval,
    FindingKind,
    Gap,
    Match,
    MatchFinding,
    MatchRow,
    RowKind,
    Source,
)
from mx2prod.metadata.matching.runs_database import (
    LABELS,
    NO_VALUE,
    SYSTEMS,
    RunsDatabase,
    Summary,
)
from mx2prod.raw.faults import Severity

EDGE_S = 2
"""Files with less in common are ``edge``: the times of the database are whole seconds."""
NUMBER_EDGE_S = 6
"""Global subruns with less in common, that do not carry the file, are ``edge``: the numbering gives
the time of intervals below 5 s to the next one, and subruns may overlap by 1 s (rounding)."""
WARN_S, ERROR_S = 5, 60
"""Disagreement of the times of a file with the database that is a warning, and an error."""

Dids = Callable[[str, int, int, str], tuple[str, ...]]
"""Names the known files of a system, run and subrun, and the file name in the database."""


class Matcher:
    """Matches files with one run database.

    Parameters
    ----------
    database : RunsDatabase
    dids : callable, optional
        Known files of a subrun, for the rows.
    """

    def __init__(self, database: RunsDatabase, dids: Dids | None = None) -> None:
        self.database = database
        self.health: list[HealthFinding] = health(database)
        self._dids = dids or (lambda _system, _run, _subrun, _name: ())

    def of_subrun(self, system: str, run: int, subrun: int, did: str = "") -> FileInterval:
        """Interval of a subrun as the database has it.

        Raises
        ------
        UsageError
            If the database has no such subrun; names the runs that it has.
        """
        summary = self.database.summaries[system]
        index = summary.find(run, subrun)
        if index is None:
            runs = ", ".join(str(number) for number in np.unique(summary.rows["run"])) or "none"
            raise UsageError(
                f"{self.database.name}: no {system} subrun {run}/{subrun} with usable times, and "
                f"no record with times is given (runs of {system}: {runs})",
                next_step="mx2 match RECORD.json",
            )
        return interval_of(summary, index, did)

    def match(self, file: FileInterval) -> Match:
        """Match one file with all other systems.

        Returns
        -------
        Match
            Of an Mx2 file with its global subruns.
        """
        others = [system for system in SYSTEMS if self._is_other(file.system, system)]
        rows = [row for system in others for row in self._rows(file, system)]
        numbers, edges, findings = self._numbers(file)
        return Match(
            file=file,
            database=self.database.name,
            sha256=self.database.sha256,
            numbers=numbers,
            edges=edges,
            rows=tuple(rows),
            gaps=tuple(_parts(file, rows, others, double=False)),
            doubles=tuple(_parts(file, rows, others, double=True)),
            findings=tuple(findings),
        )

    def global_subruns(self, run: int, subrun: int) -> Collection[int]:
        """Global subruns of an Mx2 subrun by the database alone (X18, ``GlobalSubrunLookup``)."""
        index = self.database.summaries["Mx2"].find(run, subrun)
        if index is None:
            return self.database.global_subruns(run, subrun)
        return self.match(interval_of(self.database.summaries["Mx2"], index)).numbers

    @staticmethod
    def _is_other(system: str, other: str) -> bool:
        return other != "Mx2" if system == "Mx2" else other == "Mx2"

    def _rows(self, file: FileInterval, system: str) -> Iterator[MatchRow]:
        """Subruns of a system that overlap a file (set C), in the order of their start."""
        summary = self.database.summaries[system]
        shared = _shared(file, summary.rows)
        by_number = self._labels(file, system)
        for index in np.flatnonzero(shared > 0):
            row, overlap = summary.rows[index], float(shared[index])
            run, subrun = int(row["run"]), int(row["subrun"])
            duration = int(row["end"] - row["start"])
            yield MatchRow(
                system=system,
                run=run,
                subrun=subrun,
                file=summary.filenames[index],
                start=int(row["start"]),
                end=int(row["end"]),
                overlap_s=overlap,
                fraction=overlap / file.duration,
                fraction_of_other=overlap / duration,
                kind=_kind(overlap, duration),
                method="number+time" if (run, subrun) in by_number else "time",
                dids=self._dids(system, run, subrun, summary.filenames[index]),
            )

    def _labels(self, file: FileInterval, system: str) -> set[tuple[int, int]]:
        """Subruns of a system in the global subruns that carry a file."""
        rows = self.database.rows
        own = rows[self.database.labelled(file.system, file.run, file.subrun)]
        run, subrun = LABELS[system]
        return set(zip(own[run].tolist(), own[subrun].tolist(), strict=True))

    def _numbers(
        self, file: FileInterval
    ) -> tuple[tuple[int, ...], tuple[int, ...], list[MatchFinding]]:
        """Find the accepted global subruns (sets A and B), the edges, and what does not fit."""
        rows = self.database.rows
        carries = self.database.labelled(file.system, file.run, file.subrun)
        shared = _shared(file, rows)
        empty = rows[LABELS[file.system][0]] == NO_VALUE
        summary = self.database.summaries[file.system]
        known = summary.find(file.run, file.subrun)
        hidden = (
            empty & (shared >= NUMBER_EDGE_S) if known is not None else np.zeros(len(rows), bool)
        )
        foreign = ~empty & ~carries & (shared >= NUMBER_EDGE_S)
        edge = ~carries & (shared > 0) & (shared < NUMBER_EDGE_S)
        findings = [*self._about_times(file, known), *self._about_health(file)]
        findings += _about_labels(file, rows, hidden, foreign, carries & (shared <= 0))
        if known is None and not carries.any():
            text = f"no {file.system} subrun {file.run}/{file.subrun}: matched by time only"
            findings.append(MatchFinding(FindingKind.NOT_IN_DATABASE, Severity.WARNING, text))
        accepted = sorted(rows["number"][carries | hidden].tolist())
        return tuple(accepted), tuple(sorted(rows["number"][edge].tolist())), findings

    def _about_times(self, file: FileInterval, index: int | None) -> Iterator[MatchFinding]:
        """Compare times and gates of a file with the summary of its system."""
        if index is None or file.source is Source.DATABASE:
            return
        row = self.database.summaries[file.system].rows[index]
        for name, ours, theirs in (
            ("start", file.start, int(row["start"])),
            ("end", file.end, int(row["end"])),
        ):
            apart = abs(ours - theirs)
            if apart > WARN_S:
                severity = Severity.ERROR if apart > ERROR_S else Severity.WARNING
                text = f"{name} {ours:.0f} of the {file.source} is {apart:.0f} s from {theirs}"
                yield MatchFinding(FindingKind.TIMES_DIFFER, severity, text)
        first, last = int(row["first_gate"]), int(row["last_gate"])
        if file.ranges and NO_VALUE not in (first, last):
            outer = GateRange(file.ranges[0].first, file.ranges[-1].last)
            if (outer.first, outer.last) != (first, last):
                text = f"gates {outer.first}..{outer.last}, in the database {first}..{last}"
                yield MatchFinding(FindingKind.GATES_DIFFER, Severity.ERROR, text)

    def _about_health(self, file: FileInterval) -> Iterator[MatchFinding]:
        for finding in self.health:
            if finding.severity is Severity.ERROR and finding.touches(file.start, file.end):
                yield MatchFinding(FindingKind.HEALTH, Severity.ERROR, finding.detail)


def interval_of(summary: Summary, index: int, did: str = "") -> FileInterval:
    """Interval of a subrun of a summary; without a did, its file name stands for it."""
    row = summary.rows[index]
    first, last = int(row["first_gate"]), int(row["last_gate"])
    ordered = 0 <= first <= last
    return FileInterval(
        did=did or summary.filenames[index],
        system=summary.system,
        run=int(row["run"]),
        subrun=int(row["subrun"]),
        start=int(row["start"]),
        end=int(row["end"]),
        source=Source.DATABASE,
        ranges=(GateRange(first, last),) if ordered else (),
    )


def _shared(file: FileInterval, rows: npt.NDArray[np.void]) -> npt.NDArray[np.float64]:
    """Seconds that each row has in common with a file; not above 0 for rows without overlap."""
    ends = np.minimum(rows["end"].astype(np.float64), file.end)
    return ends - np.maximum(rows["start"].astype(np.float64), file.start)


def _kind(overlap: float, duration: float) -> RowKind:
    if overlap < EDGE_S:
        return RowKind.EDGE
    return RowKind.FULL if duration - overlap < EDGE_S else RowKind.STRADDLE


def _about_labels(
    file: FileInterval, rows: Any, hidden: Any, foreign: Any, outside: Any
) -> Iterator[MatchFinding]:
    run, subrun = LABELS[file.system]
    for row in rows[hidden]:
        text = f"global subrun {row['number']} carries no {file.system} subrun: accepted by time"
        yield MatchFinding(FindingKind.FALSE_GAP, Severity.NOTE, text)
    for row in rows[foreign]:
        text = (
            f"global subrun {row['number']} is inside the file and carries "
            f"{file.system} {row[run]}/{row[subrun]}"
        )
        yield MatchFinding(FindingKind.FOREIGN_LABEL, Severity.ERROR, text)
    for row in rows[outside]:
        apart = max(row["start"] - file.end, file.start - row["end"])
        severity = Severity.ERROR if apart > ERROR_S else Severity.WARNING
        text = f"global subrun {row['number']} carries the file, {apart:.0f} s outside of it"
        yield MatchFinding(FindingKind.LABEL_OUTSIDE, severity, text)


def _parts(
    file: FileInterval, rows: list[MatchRow], others: list[str], *, double: bool
) -> Iterator[Gap]:
    """Parts of the file's time with no file of a system, or with two; rounding left out."""
    for system in others:
        covers = [
            (max(row.start, file.start), min(row.end, file.end))
            for row in rows
            if row.system == system
        ]
        parts = covered_twice(covers) if double else uncovered((file.start, file.end), covers)
        for start, end in parts:
            if end - start >= EDGE_S:
                yield Gap(f"{'double' if double else 'no'}_{system.lower()}", start, end)
