"""Answers of the official servers, by the facts of the conditions page, sections 9 and 12.

:class:`Mnvcon` reads the tables of a PostgreSQL database with SQL of its own; :class:`Condb` keeps
its rows in memory and orders them by its rule: recorded last first, then newest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import psycopg

from mx2prod.constants import Table
from tests.conditions.http_servers import Answer

Row = tuple[int, float, float, str, tuple[Any, ...]]


@dataclass(frozen=True)
class Mnvcon:
    """A mnvcon server over a database.

    Attributes
    ----------
    conninfo : str
    """

    conninfo: str

    def __call__(self, verb: str, query: dict[str, str]) -> Answer:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            connection.execute("SET timezone TO 'UTC'")
            if verb == "folders":
                return 200, "\n".join(self._folders(connection)).encode()
            folder = query["f"]
            if folder not in self._folders(connection):
                return 404, f"Folder {folder} not found\n".encode()
            return self._data(connection, folder, query["t"], query.get("tag", ""))

    def _folders(self, connection: Any) -> list[str]:
        rows = connection.execute(
            "SELECT table_name FROM information_schema.tables "
            "WHERE table_schema = current_schema() AND table_name LIKE '%\\_iovs' "
            "AND table_name NOT LIKE '%\\_tag\\_iovs' ORDER BY 1"
        )
        return [name.removesuffix("_iovs") for (name,) in rows]

    def _data(self, connection: Any, folder: str, time: str, tag: str) -> Answer:
        (kind,) = connection.execute(
            "SELECT data_type FROM information_schema.columns WHERE table_schema = "
            "current_schema() AND table_name = %s AND column_name = 'begin_time'",
            [f"{folder}_iovs"],
        ).fetchone()
        if kind == "bigint" and "." in time:
            return 500, b"invalid literal for int()"
        zoned = kind == "timestamp with time zone"
        begin = "begin_time" if not zoned else "extract(epoch from begin_time)::numeric(20, 6)"
        members = f"SELECT iov_id FROM {folder}_tag_iovs WHERE tag = %(tag)s" if tag else ""
        chosen = f"iov_id IN ({members})" if tag else "active"
        values = {"t": time, "tag": tag}
        found = connection.execute(
            f"SELECT iov_id, {begin} FROM {folder}_iovs WHERE {chosen} "
            f"AND {begin} <= %(t)s::numeric ORDER BY begin_time DESC, iov_id DESC LIMIT 1",
            values,
        ).fetchone()
        if found is None:
            return 404, b"Data not found"
        number, since = found
        following = connection.execute(
            f"SELECT {begin} FROM {folder}_iovs WHERE {chosen} AND {begin} > %(since)s "
            "ORDER BY begin_time LIMIT 1",
            values | {"since": since},
        ).fetchone()
        end = "-" if following is None else repr(float(following[0]))
        return 200, self._body(connection, folder, number, repr(float(since)), end)

    def _body(self, connection: Any, folder: str, number: int, begin: str, end: str) -> bytes:
        columns = connection.execute(
            "SELECT column_name, data_type FROM information_schema.columns WHERE table_schema = "
            "current_schema() AND table_name = %s AND column_name NOT LIKE '\\_\\_%%' "
            "ORDER BY ordinal_position",
            [f"{folder}_data"],
        ).fetchall()
        names = [name for name, _ in columns]
        rows = connection.execute(
            f"SELECT {', '.join(names)} FROM {folder}_data WHERE __iov_id = %s ORDER BY channel",
            [number],
        )
        lines = [begin, end, ",".join(names), ",".join(kind for _, kind in columns)]
        lines += [",".join(str(value) for value in row) for row in rows]
        return "".join(f"{line}\n" for line in lines).encode()


@dataclass
class Condb:
    """A ConDB server with one folder.

    Attributes
    ----------
    folder : str
    names : list of str
        Columns after channel, tv, tr and data_type.
    rows : list
    tags : dict of str to float
        A tag is a cut on the time of recording.
    """

    folder: str
    names: list[str]
    rows: list[Row] = field(default_factory=list)
    tags: dict[str, float] = field(default_factory=dict)
    requests: list[dict[str, str]] = field(default_factory=list)

    def put(self, tv: float, tr: float, rows: Iterable[tuple[int, tuple[Any, ...]]]) -> None:
        """Record rows (channel, values)."""
        self.rows += [(channel, tv, tr, "", values) for channel, values in rows]

    def __call__(self, verb: str, query: dict[str, str]) -> Answer:
        self.requests.append(query)
        if verb != "get" or query["folder"] != self.folder:
            return 404, b"Folder not found\n"
        cut = self.tags[query["tag"]] if "tag" in query else float(query.get("tr", "inf"))
        seen = [row for row in self.rows if row[2] < cut]
        if "t" in query:
            found = self._point(seen, float(query["t"]))
        else:
            found = self._interval(seen, float(query["t0"]), float(query["t1"]))
        head = ",".join(["channel", "tv", "tr", "data_type", *self.names])
        lines = [head, *(",".join(map(str, [*row[:4], *row[4]])) for row in found)]
        return 200, "".join(f"{line}\n" for line in lines).encode()

    def _point(self, rows: list[Row], time: float) -> list[Row]:
        found: dict[int, Row] = {}
        for row in sorted(rows, key=lambda row: (row[0], -row[2], -row[1])):
            if row[1] <= time:
                found.setdefault(row[0], row)
        return list(found.values())

    def _interval(self, rows: list[Row], first: float, last: float) -> list[Row]:
        latest: dict[tuple[int, float], Row] = {}
        for row in sorted(rows, key=lambda row: row[2]):
            if first < row[1] <= last:
                latest[row[:2]] = row
        merged = sorted([*self._point(rows, first), *latest.values()], key=lambda row: row[:2])
        found, least = [], {}
        for row in merged:  # a row is shadowed by one of an earlier time that was recorded later
            if row[2] >= least.get(row[0], row[2]):
                least[row[0]] = row[2]
                found.append(row)
        return found


def rows_of(table: Table) -> list[tuple[int, tuple[Any, ...]]]:
    """Rows of a table: channel, values."""
    columns = [table[name].tolist() for name in table.schema.names()]
    return [(row[0], row[1:]) for row in zip(*columns, strict=True)]
