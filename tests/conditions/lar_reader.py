"""What LArSoft's reader asks of its SQLite file, in its order (conditions page, section 11).

The queries are built as the reader builds them, from folder, tag and whole second; the results
are cut to 32 bits where it does so.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any


class ReaderError(Exception):
    """The reader throws here."""


@dataclass(frozen=True)
class Dataset:
    """What the reader keeps: header lines and rows."""

    begin: str
    end: str
    names: list[str]
    types: list[str]
    rows: list[list[Any]]

    def value(self, channel: int, name: str) -> Any:
        """Value of a channel."""
        column = self.names.index(name)
        return next(row[column] for row in self.rows if row[0] == channel)


def read(folder: str, path: Path, tag: str, nanoseconds: int) -> Dataset:
    """Read the table of a time as the reader does that looks for each channel's newest row."""
    second = int32(int(nanoseconds / 1e9))
    iovs, members, data = (f"{folder}_{name}" for name in ("iovs", "tag_iovs", "data"))
    of_tag = f"{members}.tag='{tag}' AND {iovs}.iov_id={members}.iov_id AND {iovs}.active=1"
    joined = f"{of_tag} AND {data}.__iov_id={members}.iov_id AND {iovs}.begin_time <= {second}"
    with closing(sqlite3.connect(path)) as file:
        begin = file.execute(
            f"SELECT {iovs}.iov_id,{iovs}.begin_time FROM {members},{iovs} WHERE {of_tag} "
            f"AND {iovs}.begin_time <= {second} ORDER BY {iovs}.begin_time desc"
        ).fetchone()
        if begin is None:
            raise ReaderError("no interval")
        end = file.execute(
            f"SELECT {iovs}.begin_time FROM {members},{iovs} WHERE {of_tag} "
            f"AND {iovs}.begin_time > {second} ORDER BY {iovs}.begin_time"
        ).fetchone()
        (count,) = file.execute(
            f"SELECT COUNT(DISTINCT channel) FROM {data},{iovs},{members} WHERE {joined}"
        ).fetchone()
        found = file.execute(
            f"SELECT {data}.*,MAX(begin_time) FROM {data},{iovs},{members} WHERE {joined} "
            "GROUP BY channel ORDER BY channel"
        )
        columns = [item[0] for item in found.description]
        rows = found.fetchall()
    kept = [i for i, name in enumerate(columns) if not name.startswith(("_", "MAX"))]
    if len(rows) != count or not rows:
        raise ReaderError(f"{len(rows)} rows, counted {count}")
    return Dataset(
        f"{int32(begin[1])}.0",
        "-" if end is None else f"{int32(end[0])}.0",
        [columns[i] for i in kept],
        [type_of(rows[0][i]) for i in kept],
        [[int32(row[i]) if isinstance(row[i], int) else row[i] for i in kept] for row in rows],
    )


def read_one_interval(folder: str, path: Path, tag: str, second: int) -> list[tuple[Any, ...]]:
    """Rows as older readers select them: those of the newest interval alone."""
    iovs, members = f"{folder}_iovs", f"{folder}_tag_iovs"
    with closing(sqlite3.connect(path)) as file:
        number, _ = file.execute(
            f"SELECT {iovs}.iov_id,{iovs}.begin_time FROM {members},{iovs} "
            f"WHERE {members}.tag='{tag}' AND {members}.iov_id={iovs}.iov_id "
            f"AND {iovs}.begin_time <= {second} AND {iovs}.active=1 "
            f"ORDER BY {iovs}.begin_time desc"
        ).fetchone()
        return file.execute(
            f"SELECT * FROM {folder}_data WHERE __iov_id = {number} ORDER BY channel;"
        ).fetchall()


def int32(value: int) -> int:
    """The low 32 bits, as ``sqlite3_column_int`` gives them."""
    return (value + 2**31) % 2**32 - 2**31


def type_of(value: Any) -> str:
    """Type that the reader derives from a stored value."""
    return {int: "integer", float: "real", str: "text", type(None): "NULL"}[type(value)]
