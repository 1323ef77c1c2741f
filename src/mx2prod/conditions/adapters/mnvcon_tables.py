"""Tables of a folder in the database of a mnvcon server (conditions page, section 12.1)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
import sqlalchemy as sql
from sqlalchemy import Connection

from mx2prod.conditions import wire
from mx2prod.constants import CHANNEL_COLUMN, Constants, Table
from mx2prod.constants.source import Source
from mx2prod.core.errors import StoreError, TableError
from mx2prod.core.units import US_PER_S

IOV_ID = "__iov_id"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TYPES: dict[str, type[sql.types.TypeEngine[Any]]] = {
    "int32": sql.Integer, "int64": sql.BigInteger, "float64": sql.Double, "utf8": sql.Text,
}  # fmt: skip


class TimeKind(StrEnum):
    """Type of the column ``begin_time``."""

    ZONED = "timestamp with time zone"
    SECONDS = "double precision"
    WHOLE_SECONDS = "bigint"

    @property
    def column_type(self) -> sql.types.TypeEngine[Any]:
        """Type of the column."""
        if self is TimeKind.ZONED:
            return sql.DateTime(timezone=True)
        return sql.Double() if self is TimeKind.SECONDS else sql.BigInteger()

    def of_time(self, time_us: int) -> Any:
        """Give the value of the column for a time.

        Raises
        ------
        TableError
            If the column cannot hold it.
        """
        if self is TimeKind.ZONED:
            return _EPOCH + timedelta(microseconds=time_us)
        if self is TimeKind.SECONDS:
            return time_us / US_PER_S
        if time_us % US_PER_S:
            raise TableError(
                f"begin {wire.time_text(time_us)} s: begin_time is {self}, which holds whole "
                "seconds only"
            )
        return time_us // US_PER_S

    def time_us(self, value: Any) -> int:
        """Time of a value of the column, microseconds."""
        if self is TimeKind.ZONED:
            microseconds: int = (value - _EPOCH) // timedelta(microseconds=1)
        else:
            microseconds = round(value * US_PER_S)
        return microseconds


@dataclass(frozen=True)
class FolderTables:
    """The four tables of a folder.

    Attributes
    ----------
    folder : str
    schema : type of Constants
    time : TimeKind
    iovs, tags, tag_iovs, data : sqlalchemy.Table
    """

    folder: str
    schema: type[Constants]
    time: TimeKind
    iovs: sql.Table
    tags: sql.Table
    tag_iovs: sql.Table
    data: sql.Table

    @classmethod
    def of(cls, folder: str, schema: type[Constants], time: TimeKind) -> FolderTables:
        """Tables of a folder; removing an interval removes its rows and takes it out of tags."""
        metadata = sql.MetaData()

        def key_of(table: str, column: str) -> sql.ForeignKey:
            return sql.ForeignKey(f"{folder}_{table}.{column}", ondelete="CASCADE")

        iovs = sql.Table(
            f"{folder}_iovs", metadata,
            sql.Column("iov_id", sql.BigInteger, primary_key=True, autoincrement=True),
            sql.Column("begin_time", time.column_type, nullable=False),
            sql.Column("active", sql.Boolean, nullable=False, server_default=sql.true()),
        )  # fmt: skip
        tags = sql.Table(
            f"{folder}_tags", metadata,
            sql.Column("tag", sql.Text, primary_key=True),
            sql.Column("created", sql.DateTime(timezone=True)),
            sql.Column("comments", sql.Text),
        )  # fmt: skip
        tag_iovs = sql.Table(
            f"{folder}_tag_iovs", metadata,
            sql.Column("tag", sql.Text, key_of("tags", "tag"), primary_key=True),
            sql.Column("iov_id", sql.BigInteger, key_of("iovs", "iov_id"), primary_key=True),
        )  # fmt: skip
        data = sql.Table(
            f"{folder}_data", metadata,
            sql.Column(IOV_ID, sql.BigInteger, key_of("iovs", "iov_id"), primary_key=True),
            sql.Column(CHANNEL_COLUMN, sql.BigInteger, primary_key=True, autoincrement=False),
            *(
                sql.Column(column.name, _TYPES[column.type])
                for column in schema.columns()
                if column.name != CHANNEL_COLUMN
            ),
        )  # fmt: skip
        return cls(folder, schema, time, iovs, tags, tag_iovs, data)

    @classmethod
    def found(cls, connection: Connection, folder: str, schema: type[Constants]) -> FolderTables:
        """Tables of a folder that is there.

        Raises
        ------
        StoreError
            If it is missing, its columns are not those of the schema, or its times have no zone:
            their meaning changes with the zone of whoever reads them.
        """
        inspector = sql.inspect(connection)
        if not inspector.has_table(f"{folder}_iovs"):
            raise StoreError(
                f"no folder {folder} in this mnvcon database",
                next_step="ask its operators to make it, or use create_folder",
            )
        made = cls.of(folder, schema, _time_kind(inspector, folder))
        there = {
            column["name"]: str(column["type"]).lower()
            for column in inspector.get_columns(f"{folder}_data")
        }
        expected = {
            column.name: str(column.type.compile(connection.dialect)).lower()
            for column in made.data.columns
        }
        if list(there.items()) != list(expected.items()):
            raise StoreError(f"{folder}: columns are {there}, expected {expected}")
        return made

    def create(self, connection: Connection) -> None:
        """Make the tables."""
        self.iovs.metadata.create_all(connection, checkfirst=False)

    def copy_rows(self, connection: Connection, number: int, table: Table) -> None:
        """Add the rows of an interval by COPY.

        Raises
        ------
        StoreError
            If the database refuses them.
        """
        import psycopg

        prefix = b"%d," % number
        rows = wire.rows(table)
        lines = prefix + rows[:-1].replace(b"\n", b"\n" + prefix) + b"\n"
        quote = connection.dialect.identifier_preparer.quote
        columns = ", ".join(quote(column.name) for column in self.data.columns)
        statement = (
            f"COPY {quote(self.data.name)} ({columns}) FROM STDIN WITH (FORMAT csv, NULL '\\N')"
        )
        try:
            with connection.connection.cursor() as cursor, cursor.copy(statement) as copy:  # type: ignore[attr-defined]
                copy.write(lines)
        except psycopg.Error as error:
            raise StoreError(f"{self.data.name}: {error}") from error

    def read_rows(self, connection: Connection, number: int) -> Table:
        """Table of an interval.

        Raises
        ------
        TableError
            If it breaks the schema.
        """
        names = self.schema.names()
        query = (
            sql.select(*(self.data.c[name] for name in names))
            .where(self.data.c[IOV_ID] == number)
            .order_by(self.data.c[CHANNEL_COLUMN])
        )
        rows = connection.execute(query).all()
        source = Source(f"{self.data.name}, iov {number}")
        values = zip(*rows, strict=True) if rows else ((),) * len(names)
        columns = {name: np.array(column) for name, column in zip(names, values, strict=True)}
        return Table.of(self.schema, columns, source=source)


def _time_kind(inspector: sql.Inspector, folder: str) -> TimeKind:
    columns = {column["name"]: column["type"] for column in inspector.get_columns(f"{folder}_iovs")}
    kind = columns["begin_time"]
    if isinstance(kind, sql.DateTime) and kind.timezone:
        return TimeKind.ZONED
    if isinstance(kind, sql.Double):
        return TimeKind.SECONDS
    if isinstance(kind, sql.BigInteger):
        return TimeKind.WHOLE_SECONDS
    raise StoreError(
        f"{folder}: begin_time is {kind}: such times mean something else in each time zone",
        next_step="ask the operators for a folder with 'timestamp with time zone'",
    )
