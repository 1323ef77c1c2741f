"""Make run databases with the real layout: for tests, for the demo, for the truth of a simulation.

Types of columns follow the value in the first row, as in the released files, so that a column that
starts with NULL is text.  Run windows are those of the first release (metadata page, section 9.2).
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise
from pathlib import Path
from typing import Any

from mx2prod.core.errors import UsageError
from mx2prod.core.files import atomic_path
from mx2prod.metadata.matching.files import interval_of_record
from mx2prod.metadata.matching.numbering import GlobalSubrun, MadeSubrun, number_run
from mx2prod.metadata.matching.runs_database import LABELS, SYSTEMS

SUMMER, WINTER = (timezone(timedelta(hours=hours)) for hours in (-5, -6))
"""Chicago, in whose time the texts are: run 1 was in summer, 1970-01-01 (not set) in winter."""


def _unix(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp())


_WINDOWS = {
    50005: ("2024-07-02T16:31:47-05:00", "2024-07-04T12:47:06-05:00"),
    50011: ("2024-07-07T11:19:35-05:00", "2024-07-08T09:45:57-05:00"),
    50017: ("2024-07-08T13:43:45-05:00", "2024-07-10T09:21:59-05:00"),
    50018: ("2024-07-10T09:36:33-05:00", "2024-07-12T04:03:32-05:00"),
}
RUN_WINDOWS = {run: (_unix(start), _unix(end)) for run, (start, end) in _WINDOWS.items()}
"""Start and end of runs, seconds since 1970."""

LIGHT_RUN = {50001: 87, 50005: 92, 50006: 93, 50007: 94, 50009: 96, 50010: 97, 50017: 104,
             50018: 105}  # fmt: skip
"""Run number of the light readout's own DAQ, for its file names (section 9.1)."""

_EXTRA: dict[str, dict[str, Any]] = {
    "CRS": {"msg_rate": 1.5},
    "LRS": {"application_version": "1", "run_mode": "beam"},
    "Mx2": {"runmode": 0, "logfilename": None},
}
"""Columns that only one system has, with a value."""


def write_runs_database(path: Path, runs: Iterable[Sequence[MadeSubrun]]) -> Path:
    """Write a database with the layout of the released ones.

    Parameters
    ----------
    path : Path
        Must not exist.
    runs : iterable of sequences of MadeSubrun
        One sequence a run of the shift: its subruns of all systems.

    Returns
    -------
    Path
        The same path.

    Raises
    ------
    UsageError
        Without a subrun.
    OutputError
        If the file exists or cannot be written.
    """
    listed = [list(run) for run in runs]
    if not any(listed):
        raise UsageError(f"{path}: no subrun to write")
    tables = {"All_global_subruns": [_global_row(row) for run in listed for row in number_run(run)]}
    for system in SYSTEMS:
        own = [subrun for run in listed for subrun in run if subrun.system == system]
        tables[f"{system}_summary"] = [_summary_row(subrun) for subrun in own]
    with atomic_path(path) as temporary, closing(sqlite3.connect(temporary)) as connection:
        for table, rows in tables.items():
            _write_table(connection, table, rows)
        connection.commit()
    return path


def made_run(
    rng: random.Random,
    run: int,
    window: tuple[int, int],
    *,
    mx2: int = 20,
    charge: int = 290,
    light: int = 700,
    mx2_run: int | None = None,
) -> list[MadeSubrun]:
    """Subruns of a made-up run: contiguous, with 1-s overlaps or with 2-s gaps, by chance.

    Parameters
    ----------
    rng : random.Random
    run : int
        Of the shift.
    window : tuple of int
        Start and end, seconds since 1970.
    mx2, charge, light : int
        Number of subruns of each system.
    mx2_run : int, optional
        Run of Mx2, where it is not that of the shift.
    """
    counts = {"CRS": charge, "LRS": light, "Mx2": mx2}
    return [
        _made_subrun(system, (mx2_run or run) if system == "Mx2" else run, number, *span)
        for system, count in counts.items()
        for number, span in enumerate(_pieces(rng, window, count), 1)
    ]


def subruns_of_records(records: Iterable[Mapping[str, Any]]) -> list[MadeSubrun]:
    """Mx2 subruns of raw records, with their true times rounded outwards to whole seconds.

    Parameters
    ----------
    records : iterable of mappings
        Records of raw files, for example of simulated ones.
    """
    made = []
    for record in records:
        file = interval_of_record(record)
        made.append(
            MadeSubrun(
                system="Mx2",
                run=file.run,
                subrun=file.subrun,
                start=int(file.start),
                end=-int(-file.end // 1),
                filename=str(record["name"]),
                first_gate=file.ranges[0].first if file.ranges else 0,
                last_gate=file.ranges[-1].last if file.ranges else 0,
            )
        )
    return made


def runs_of_records(
    records: Iterable[Mapping[str, Any]], *, charge_s: int = 600, light_s: int = 420
) -> list[list[MadeSubrun]]:
    """Put charge and light subruns all along the Mx2 subruns of raw records, run by run.

    Charge begins a third of its length before the first Mx2 subrun, light half of its own, so that
    their files straddle.

    Parameters
    ----------
    records : iterable of mappings
        Of raw files.
    charge_s, light_s : int
        Length of a charge and of a light subrun, seconds.
    """
    by_run: dict[int, list[MadeSubrun]] = {}
    for subrun in subruns_of_records(records):
        by_run.setdefault(subrun.run, []).append(subrun)
    runs = []
    for run, mx2 in sorted(by_run.items()):
        first, last = min(item.start for item in mx2), max(item.end for item in mx2)
        charge = range(first - charge_s // 3, last + charge_s, charge_s)
        light = range(first - light_s // 2, last + light_s, light_s)
        runs.append([*mx2, *other_subruns("CRS", run, charge), *other_subruns("LRS", run, light)])
    return runs


def other_subruns(system: str, run: int, edges: Sequence[int]) -> list[MadeSubrun]:
    """Contiguous subruns of the charge or light readout between given times.

    Parameters
    ----------
    system : str
        CRS or LRS.
    run : int
        Of the shift.
    edges : sequence of int
        Start of the first subrun, borders, end of the last; seconds since 1970.
    """
    return [
        _made_subrun(system, run, number, start, end)
        for number, (start, end) in enumerate(pairwise(edges), 1)
    ]


def _pieces(rng: random.Random, window: tuple[int, int], count: int) -> list[tuple[int, int]]:
    """Pieces of a window with borders near to equal ones, and a small gap or overlap at each."""
    start, end = window
    length = (end - start) / max(count, 1)
    borders = [
        start + round(length * (index + rng.uniform(-0.3, 0.3))) for index in range(1, count)
    ]
    begins = [start, *(border + rng.choice((-1, 0, 0, 2)) for border in borders)]
    return list(zip(begins, [*borders, end], strict=True))[:count]


def _made_subrun(system: str, run: int, number: int, start: int, end: int) -> MadeSubrun:
    when = datetime.fromtimestamp(max(start, 0), SUMMER)
    first = (start - 1_700_000_000) * 5 // 6
    name = {
        "CRS": f"binary-{run:07d}-{when:%Y_%m_%d_%H_%M_%S}_CDT.h5",
        "LRS": f"mpd_run_data_rctl_{LIGHT_RUN.get(run, run)}_p{number}.data",
        "Mx2": f"TS1_{run:08d}_{number:04d}_numib_v09_"
        f"{when.astimezone(UTC):%y%m%d%H%M}_RawData.dat",
    }[system]
    gates = (first, first + max((end - start) * 5 // 6, 1) - 1) if system == "Mx2" else (0, 0)
    return MadeSubrun(system, run, number, start, end, name, *gates)


def _times(start: int, end: int) -> dict[str, Any]:
    texts = [
        datetime.fromtimestamp(max(time, 0), SUMMER if time > 0 else WINTER).isoformat()
        for time in (start, end)
    ]
    return {
        "start_time_unix": start,
        "end_time_unix": end,
        "start_time": texts[0],
        "end_time": texts[1],
        "duration": end - start,
    }


def _global_row(row: GlobalSubrun) -> dict[str, Any]:
    labels: dict[str, Any] = {}
    for system, (run, subrun) in LABELS.items():
        running = row.running.get(system)
        labels[run] = running.run if running else None
        labels[subrun] = running.subrun if running else None
    return {
        "global_subrun": row.number,
        "global_run": row.global_run,
        **_times(row.start, row.end),
        **labels,
    }


def _summary_row(subrun: MadeSubrun) -> dict[str, Any]:
    gates = {"firstgate": subrun.first_gate, "lastgate": subrun.last_gate}
    return {
        "run": subrun.run,
        "subrun": subrun.subrun,
        "global_run": subrun.run,
        **_times(subrun.start, subrun.end),
        "filename": subrun.filename,
        **_EXTRA[subrun.system],
        **(gates if subrun.system == "Mx2" else {}),
    }


def _write_table(connection: sqlite3.Connection, name: str, rows: list[dict[str, Any]]) -> None:
    keys = ("global_subrun",) if name == "All_global_subruns" else ("run", "subrun")
    first = rows[0] if rows else _empty_row(name)
    columns = [f"{column} {_sql_type(column, first[column], keys)}" for column in first]
    connection.execute(
        f"create table {name} ({', '.join(columns)}, primary key ({', '.join(keys)}))"
    )
    marks = ", ".join("?" * len(first))
    insert = f"insert into {name} values ({marks})"  # noqa: S608  # names are those above
    connection.executemany(insert, [tuple(row.values()) for row in rows])


def _empty_row(table: str) -> dict[str, Any]:
    """Columns of a table without rows."""
    if table == "All_global_subruns":
        return _global_row(GlobalSubrun(0, 0, 0, 0))
    return _summary_row(MadeSubrun(table.removesuffix("_summary"), 0, 0, 0, 0))


def _sql_type(column: str, value: Any, keys: tuple[str, ...]) -> str:
    if column in keys or isinstance(value, int):
        return "INTEGER"
    return "REAL" if isinstance(value, float) else "TEXT"
