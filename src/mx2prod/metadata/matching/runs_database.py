"""The 2x2 run database, read as it is: SQLite, numbers that may be text (metadata page, 9.2).

A column gets the type of the value in its first row; where that is NULL, the column is text and
integers come back as strings.  Every number is cast here, once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file, sha256_of_file
from mx2prod.core.suggest import nearest

SYSTEMS = ("CRS", "LRS", "Mx2")
"""Charge readout, light readout, Mx2; as the tables and columns of the database spell them."""

EARLIEST = 1_672_531_200
"""2023-01-01T00:00:00Z; rows before it have times that were never set."""

NO_VALUE = -1
"""Stands for NULL in integer columns."""

PER_RUN = 10_000_000
"""A global subrun number is ``run * PER_RUN + index``; see :mod:`.numbering` for its traps."""

SUMMARY_DTYPE = np.dtype(
    [(name, "<i8") for name in ("run", "subrun", "start", "end", "first_gate", "last_gate")]
)
"""A subrun of a system; start and end in seconds since 1970, gates of Mx2 only."""
_SUMMARY_COLUMNS = len(SUMMARY_DTYPE.names or ())

LABELS = {system: (f"{system.lower()}_run", f"{system.lower()}_subrun") for system in SYSTEMS}
"""Columns with the run and subrun of a system that a global subrun carries."""

GLOBAL_DTYPE = np.dtype(
    [(name, "<i8") for name in ("number", "start", "end", *(x for y in LABELS.values() for x in y))]
)
"""A global subrun."""

_GLOBAL_TABLE = "All_global_subruns"
_TIMES = ("start_time_unix", "end_time_unix")
Rows = npt.NDArray[np.void]


@dataclass(frozen=True)
class Summary:
    """Subruns of one system, sorted by start.

    Attributes
    ----------
    system : str
    rows : ndarray of SUMMARY_DTYPE, shape (n,)
    filenames : tuple of str
        Names without folder; empty where the database has none.
    """

    system: str
    rows: Rows
    filenames: tuple[str, ...]

    def find(self, run: int, subrun: int) -> int | None:
        """Index of a subrun; None if it is not there."""
        found = np.flatnonzero((self.rows["run"] == run) & (self.rows["subrun"] == subrun))
        return int(found[0]) if len(found) else None


@dataclass(frozen=True)
class DroppedRow:
    """A row that cannot be used, and why."""

    table: str
    key: str
    reason: str


@dataclass(frozen=True)
class RunsDatabase:
    """One release of the run database.

    Attributes
    ----------
    name, sha256 : str
        File name, and hash of its bytes: the numbers change between releases.
    rows : ndarray of GLOBAL_DTYPE, shape (n,)
        Global subruns, sorted by start.
    summaries : mapping of str to Summary
        By system.
    dropped : tuple of DroppedRow
    """

    name: str
    sha256: str
    rows: Rows
    summaries: Mapping[str, Summary]
    dropped: tuple[DroppedRow, ...]

    def global_subruns(self, run: int, subrun: int) -> list[int]:
        """Numbers of the rows that carry this Mx2 run and subrun; empty if it has none (X18)."""
        return sorted(self.rows["number"][self.labelled("Mx2", run, subrun)].tolist())

    def labelled(self, system: str, run: int, subrun: int) -> npt.NDArray[np.bool_]:
        """Mask of the rows that carry this run and subrun of a system, shape (n,)."""
        run_column, subrun_column = LABELS[system]
        mask: npt.NDArray[np.bool_] = (self.rows[run_column] == run) & (
            self.rows[subrun_column] == subrun
        )
        return mask


def read_runs_database(path: Path) -> RunsDatabase:
    """Read a run database without changing anything, its folder included.

    Parameters
    ----------
    path : Path

    Returns
    -------
    RunsDatabase

    Raises
    ------
    InputFileError
        If the file cannot be read, is no SQLite database, lacks a table or column, or is
        being written (its content would not be that of the hash).
    """
    require_regular_file(path)
    for log in (path.with_name(f"{path.name}{suffix}") for suffix in ("-wal", "-journal")):
        if log.exists() and log.stat().st_size:
            raise InputFileError(
                f"{path}: {log.name} beside it: the database is being written, so that its hash "
                "does not stand for its content",
                next_step=f"sqlite3 {path} 'pragma wal_checkpoint(truncate)'",
            )
    digest = sha256_of_file(path)
    reader = _Reader(path)
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as connection:
            connection.row_factory = sqlite3.Row
            rows = reader.global_rows(connection)
            summaries = {system: reader.summary(connection, system) for system in SYSTEMS}
    except sqlite3.Error as error:
        raise InputFileError(
            f"{path}: cannot be read as a SQLite database: {error}", next_step=f"file {path}"
        ) from error
    return RunsDatabase(path.name, digest, rows, summaries, tuple(reader.dropped))


class _Reader:
    """Reads tables; collects the rows that cannot be used."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.dropped: list[DroppedRow] = []

    def global_rows(self, connection: sqlite3.Connection) -> Rows:
        labels = [name for pair in LABELS.values() for name in pair]
        table = self._table(connection, _GLOBAL_TABLE, ("global_subrun", *_TIMES, *labels))
        usable = [
            values
            for key, cells in table
            if (values := self._numbers(_GLOBAL_TABLE, key, cells)) is not None
        ]
        rows = np.array(usable, GLOBAL_DTYPE)
        return rows[np.lexsort((rows["number"], rows["start"]))]

    def summary(self, connection: sqlite3.Connection, system: str) -> Summary:
        name = f"{system}_summary"
        gates = ("firstgate", "lastgate") if system == "Mx2" else ()
        columns = ("run", "subrun", *_TIMES, *gates)
        usable, names = [], []
        for key, cells in self._table(connection, name, (*columns, "filename")):
            values = self._numbers(name, key, cells[:-1])
            if values is not None:
                missing = (NO_VALUE,) * (_SUMMARY_COLUMNS - len(values))
                usable.append((*values, *missing))
                names.append(Path(str(cells[-1])).name if cells[-1] is not None else "")
        rows = np.array(usable, SUMMARY_DTYPE)
        order = np.lexsort((rows["subrun"], rows["start"]))
        return Summary(system, rows[order], tuple(names[index] for index in order))

    def _table(
        self, connection: sqlite3.Connection, table: str, columns: tuple[str, ...]
    ) -> Iterator[tuple[str, tuple[Any, ...]]]:
        """Key (for messages) and cells of each row."""
        known = [row[0] for row in connection.execute("select name from sqlite_master")]
        if table not in known:
            raise self._lacks("table", table, known)
        # The name is one of ours; a table name cannot be a parameter.
        rows = connection.execute(f"select * from {table}").fetchall()  # noqa: S608
        there = [row[1] for row in connection.execute(f"pragma table_info({table})")]
        for column in columns:
            if column not in there:
                raise self._lacks(f"column of {table}", column, there)
        for row in rows:
            key = "/".join(str(row[name]) for name in columns[: 1 if "global" in table else 2])
            yield key, tuple(row[name] for name in columns)

    def _numbers(self, table: str, key: str, cells: Iterable[Any]) -> tuple[int, ...] | None:
        try:
            values = tuple(_integer(cell) for cell in cells)
        except ValueError as error:
            self.dropped.append(DroppedRow(table, key, str(error)))
            return None
        start, end = values[1:3] if table == _GLOBAL_TABLE else values[2:4]
        reason = ""
        if start < EARLIEST or end < EARLIEST:
            reason = f"start {start} and end {end}: not set, or before 2023"
        elif end <= start:
            reason = f"end {end} is not after start {start}"
        if reason:
            self.dropped.append(DroppedRow(table, key, reason))
        return None if reason else values

    def _lacks(self, kind: str, name: str, known: list[str]) -> InputFileError:
        return InputFileError(
            f"{self._path}: no {kind} {name}: not a 2x2 run database" + nearest(name, known),
            next_step=f"sqlite3 {self._path} .schema",
        )


def _integer(cell: Any) -> int:
    """Whole number of a cell, which may be text; :data:`NO_VALUE` for NULL.

    Raises
    ------
    ValueError
        If it is no whole number.
    """
    if cell is None or (isinstance(cell, str) and not cell.strip()):
        return NO_VALUE
    try:
        return int(cell) if not isinstance(cell, float) else _whole(cell)
    except ValueError:
        return _whole(float(cell))


def _whole(value: float) -> int:
    if not value.is_integer():
        raise ValueError(f"{value!r} is no whole number")
    return int(value)
