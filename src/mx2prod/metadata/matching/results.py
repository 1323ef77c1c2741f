"""What a match says: intervals, rows, gaps, findings; as the record beside a file holds them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from mx2prod.core.ids import GateRange
from mx2prod.raw.faults import Severity

RECORD_SCHEMA = "mx2.match/1"
"""Name of the form of a match record."""


class Source(StrEnum):
    """Where the interval of a file comes from (metadata page, section 9.4.3)."""

    CONTENT = "content"
    DAQ = "daq"
    DATABASE = "database"


class RowKind(StrEnum):
    """How an other file lies to the file that is matched."""

    FULL = "full"
    """All of it inside, up to the rounding of the times."""
    STRADDLE = "straddle"
    """Part of it is outside."""
    EDGE = "edge"
    """Only touches it: less than the rounding of the times in common."""


class FindingKind(StrEnum):
    """What a match finds besides its rows."""

    NOT_IN_DATABASE = "not_in_database"
    TIMES_DIFFER = "times_differ"
    GATES_DIFFER = "gates_differ"
    FOREIGN_LABEL = "foreign_label"
    LABEL_OUTSIDE = "label_outside"
    FALSE_GAP = "false_gap"
    HEALTH = "health"


@dataclass(frozen=True)
class FileInterval:
    """A file of one system, and the time that it covers.

    Attributes
    ----------
    did : str
        ``namespace:name``.
    system : str
        CRS, LRS or Mx2.
    run, subrun : int
        As the run database counts them.
    start, end : float
        Seconds since 1970; the end is not included.
    source : Source
    ranges : tuple of GateRange
        Global gates of an Mx2 file; empty where they are not known.
    """

    did: str
    system: str
    run: int
    subrun: int
    start: float
    end: float
    source: Source
    ranges: tuple[GateRange, ...] = ()

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start


@dataclass(frozen=True)
class MatchRow:
    """An other file that was taken at the same time.

    Attributes
    ----------
    system : str
        Of the other file.
    run, subrun : int
    file : str
        Its name; empty where the database has none.
    start, end : int
        Its time, seconds since 1970.
    overlap_s : float
    fraction, fraction_of_other : float
        Overlap over the duration of the file, and of the other file.
    kind : RowKind
    method : str
        ``number+time``: a global subrun carries both; ``time``: only the times say so.
    dids : tuple of str
        Files of that subrun that are known by name.
    """

    system: str
    run: int
    subrun: int
    file: str
    start: int
    end: int
    overlap_s: float
    fraction: float
    fraction_of_other: float
    kind: RowKind
    method: str
    dids: tuple[str, ...] = ()


@dataclass(frozen=True)
class Gap:
    """A part of the file's time without (``no_...``) or with two (``double_...``) other files."""

    kind: str
    start: float
    end: float


@dataclass(frozen=True)
class MatchFinding:
    """A finding of a match; errors block the declaration of global subruns."""

    kind: FindingKind
    severity: Severity
    detail: str


@dataclass(frozen=True)
class Match:
    """Result for one file.

    Attributes
    ----------
    file : FileInterval
    database, sha256 : str
        Name and hash of the run database.
    numbers : tuple of int
        Accepted global subruns, sorted.
    edges : tuple of int
        Global subruns that only touch the file, which are left out.
    rows : tuple of MatchRow
    gaps, doubles : tuple of Gap
    findings : tuple of MatchFinding
    """

    file: FileInterval
    database: str
    sha256: str
    numbers: tuple[int, ...] = ()
    edges: tuple[int, ...] = ()
    rows: tuple[MatchRow, ...] = ()
    gaps: tuple[Gap, ...] = ()
    doubles: tuple[Gap, ...] = ()
    findings: tuple[MatchFinding, ...] = field(default=())

    @property
    def declarable(self) -> bool:
        """Whether the numbers may be written into a record."""
        return all(finding.severity is not Severity.ERROR for finding in self.findings)

    @property
    def straddles(self) -> list[MatchRow]:
        """Other files that reach beyond the file."""
        return [row for row in self.rows if row.kind is RowKind.STRADDLE]

    def matched(self, system: str) -> list[MatchRow]:
        """Rows of a system that are more than an edge."""
        return [row for row in self.rows if row.system == system and row.kind is not RowKind.EDGE]

    def as_dict(self) -> dict[str, Any]:
        """Document of the match record; times in seconds since 1970."""
        file = self.file
        return {
            "schema": RECORD_SCHEMA,
            "did": file.did,
            "system": file.system,
            "run": file.run,
            "subrun": file.subrun,
            "start": file.start,
            "end": file.end,
            "source": str(file.source),
            "database": {"name": self.database, "sha256": self.sha256},
            "declarable": self.declarable,
            "global_subruns": list(self.numbers),
            "edges": list(self.edges),
            "matches": _members(self.rows),
            "straddles": [f"{row.system} {row.run}/{row.subrun}" for row in self.straddles],
            "gaps": _members(self.gaps),
            "doubles": _members(self.doubles),
            "findings": _members(self.findings),
        }


def _members(items: Iterable[Any]) -> list[dict[str, Any]]:
    return [{key: _plain(value) for key, value in vars(item).items()} for item in items]


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, 6)
    if isinstance(value, StrEnum):
        return str(value)
    return list(value) if isinstance(value, tuple) else value
