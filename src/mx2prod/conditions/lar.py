"""SQLite files for readers like LArSoft's (conditions page, section 11).

The reader takes whole seconds and 32-bit integers, knows no ends, and takes for each channel the
newest row of all earlier intervals.  What it would read otherwise than it holds is refused.
"""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from mx2prod.conditions.axis import Interval
from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.manifest import FolderManifest
from mx2prod.conditions.payloads import decode
from mx2prod.conditions.view import View
from mx2prod.conditions.wire import time_text
from mx2prod.conditions.wire_times import TimedInterval, gapless, runtime_of
from mx2prod.constants import Constants, Table, table_of_schema
from mx2prod.core.errors import OutputError, TableError
from mx2prod.core.files import refuse_existing
from mx2prod.core.units import US_PER_S

MANY_INTERVALS = 20
"""Above this, a reader needs seconds for each look-up."""

_LARGEST = 2**31 - 1
_SQL_TYPES = {"int32": "INTEGER", "int64": "INTEGER", "float64": "REAL", "utf8": "TEXT"}
_RESERVED = {"tag", "iov_id", "begin_time", "active"}


@dataclass(frozen=True)
class LarFile:
    """A written file.

    Attributes
    ----------
    folder : str
    tags : tuple of str
        Names under which a reader finds the rows.
    intervals, rows : int
    warnings : tuple of str
    """

    folder: str
    tags: tuple[str, ...]
    intervals: int
    rows: int
    warnings: tuple[str, ...]


def write_lar(view: View, out: Path, *, cut: Sequence[Interval] = ()) -> list[LarFile]:
    """Write each folder of a global tag as ``FOLDER.db`` into a new folder, all or none.

    Parameters
    ----------
    view : View
    out : Path
    cut : sequence of Interval
        Only intervals that hold in one of them; all if empty.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    StateError
        If the global tag has no run-to-time map.
    NoConditionsError
        If subruns are without constants: the reader would take older ones.
    TableError
        If an interval begins in the second of a gate before it, or tables have other channels
        than the one before.
    """
    runtime = runtime_of(view)
    refuse_existing(out)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            found = [
                _write_folder(view, folder, runtime, temporary, cut) for folder in view.manifest
            ]
            temporary.chmod(0o755)
            temporary.rename(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)
    except (OSError, sqlite3.Error) as error:
        raise OutputError(f"{out}: cannot be written: {error}", next_step="df -h") from error
    return found


def _write_folder(
    view: View, folder: FolderManifest, runtime: RunTimeMap, out: Path, cut: Sequence[Interval]
) -> LarFile:
    schema = table_of_schema(folder.schema)
    _require_names(schema)
    rows_held = [
        row for row in folder.rows() if not cut or any(row.interval.overlaps(part) for part in cut)
    ]
    intervals = gapless(folder.folder, rows_held, runtime, ends=bool(cut))
    seconds = _whole_seconds(folder.folder, intervals, runtime)
    tags = tuple(dict.fromkeys((view.gtag, folder.tag)))
    with contextlib.closing(sqlite3.connect(out / f"{folder.folder}.db")) as file, file:
        _make_tables(file, folder.folder, schema)
        rows = _fill(file, view, folder.folder, list(zip(intervals, seconds, strict=True)))
        for tag in tags:
            _insert(file, f"{folder.folder}_tags", [(tag, seconds[0], str(view))])
            members = [(tag, number) for number in range(1, len(intervals) + 1)]
            _insert(file, f"{folder.folder}_tag_iovs", members)
    warnings = _warnings(folder.folder, intervals, cut)
    return LarFile(folder.folder, tags, len(intervals), rows, warnings)


def _whole_seconds(
    folder: str, intervals: Sequence[TimedInterval], runtime: RunTimeMap
) -> list[int]:
    """Begins in whole seconds; no gate of the subrun before may lie in the same second.

    So no two intervals begin in one second either.
    """
    ends = {after.begin_us: before.end_us for before, after in pairwise(runtime.subruns)}
    seconds = [interval.begin_us // US_PER_S for interval in intervals]
    for interval, second in zip(intervals, seconds, strict=True):
        if not 0 <= second <= _LARGEST:
            raise TableError(f"{folder}: begin {second} s is beyond the reader's 32 bits")
        last_gate = ends.get(interval.begin_us)
        if last_gate is not None and last_gate >= second * US_PER_S:
            raise TableError(
                f"{folder}: the interval of {time_text(interval.begin_us)} s begins in the second "
                f"of a gate before it ({time_text(last_gate)} s); the reader knows whole seconds"
            )
    return seconds


def _make_tables(file: sqlite3.Connection, folder: str, schema: type[Constants]) -> None:
    columns = ", ".join(f'"{c.name}" {_SQL_TYPES[c.type]} NOT NULL' for c in schema.columns())
    for statement in (
        f"{folder}_iovs (iov_id INTEGER PRIMARY KEY, begin_time INTEGER NOT NULL, "
        "active INTEGER NOT NULL)",
        f"{folder}_tags (tag TEXT PRIMARY KEY, created INTEGER NOT NULL, comments TEXT NOT NULL)",
        f"{folder}_tag_iovs (tag TEXT NOT NULL, iov_id INTEGER NOT NULL, "
        "PRIMARY KEY (tag, iov_id))",
        f"{folder}_data (__iov_id INTEGER NOT NULL, {columns}, PRIMARY KEY (__iov_id, channel))",
    ):
        file.execute(f"CREATE TABLE {statement}")


def _fill(
    file: sqlite3.Connection,
    view: View,
    folder: str,
    intervals: Sequence[tuple[TimedInterval, int]],
) -> int:
    count, channels = 0, None
    for number, (interval, second) in enumerate(intervals, 1):
        table = decode(view.stored(interval.content_sha256), source=view.source)
        if channels is not None and not np.array_equal(channels, table.channel):
            odd = np.setxor1d(channels, table.channel)
            raise TableError(
                f"{folder}: the interval of {time_text(interval.begin_us)} s has other channels "
                f"than the one before ({len(odd)}, the first is {odd[0]}); the reader would take "
                "them from older intervals"
            )
        channels = table.channel
        _insert(file, f"{folder}_iovs", [(number, second, 1)])
        _insert(file, f"{folder}_data", _rows(number, table))
        count += len(table)
    return count


def _rows(number: int, table: Table) -> list[tuple[object, ...]]:
    columns = [table[name].tolist() for name in table.schema.names()]
    return list(zip([number] * len(table), *columns, strict=True))


def _insert(file: sqlite3.Connection, table: str, rows: Sequence[tuple[object, ...]]) -> None:
    marks = ", ".join("?" * len(rows[0]))
    file.executemany(f"INSERT INTO {table} VALUES ({marks})", rows)  # noqa: S608 # names of ours


def _require_names(schema: type[Constants]) -> None:
    for name in schema.text_names():
        if name.startswith(("_", "MAX")) or name in _RESERVED:
            raise TableError(f"{schema.schema}: column {name} has a name that the reader drops")


def _warnings(
    folder: str, intervals: Sequence[TimedInterval], cut: Sequence[Interval]
) -> tuple[str, ...]:
    found = []
    if len(intervals) > MANY_INTERVALS:
        found.append(
            f"{folder}: {len(intervals)} intervals; above {MANY_INTERVALS} the reader needs "
            "seconds for each look-up: export run ranges with --runs"
        )
    if cut and intervals[-1].end_us is not None:
        found.append(
            f"{folder}: after {time_text(intervals[-1].end_us)} s the reader goes on with the last "
            "table: use the file for the runs it was cut for"
        )
    return tuple(found)
