"""A table with its validity in time, as another system gave it (conditions page, section 9.2)."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.conditions.wire import OPEN, parse_time, time_text
from mx2prod.constants import CHANNEL_COLUMN, Constants, DetectorMaps, Table
from mx2prod.constants.source import Source
from mx2prod.core.errors import InputFileError, NameFormatError

HEADER_LINES = 4
_INTEGERS = ("bigint", "integer", "smallint")
_FLOATS = ("double precision", "real")


@dataclass(frozen=True, eq=False)
class Reply:
    """A table with its validity.

    Attributes
    ----------
    begin_us : int
        Microseconds since 1970.
    end_us : int or None
        None if open.
    columns : mapping of str to ndarray, each of shape (n_rows,)
        ``channel`` first.
    source : str
        Where it was read, for messages.
    """

    begin_us: int
    end_us: int | None
    columns: Mapping[str, npt.NDArray[Any]]
    source: str

    def __contains__(self, time_us: int) -> bool:
        return self.begin_us <= time_us and (self.end_us is None or time_us < self.end_us)

    def __str__(self) -> str:
        return f"{time_text(self.begin_us)} to {time_text(self.end_us)} s"

    def table(self, schema: type[Constants], *, maps: DetectorMaps | None = None) -> Table:
        """Check the columns and make a table of a schema.

        Raises
        ------
        TableError
            If the columns are not those of the schema, and whatever else :meth:`Table.of` refuses.
        """
        return Table.of(schema, self.columns, maps=maps, source=Source(self.source))


def parse_reply(body: bytes, source: str) -> Reply:
    """Parse the body of a ``/data`` reply.

    Parameters
    ----------
    body : bytes
    source : str
        For messages.

    Raises
    ------
    InputFileError
        If the last line does not end, there are carriage returns, the header is not the one of the
        protocol, a type is unknown, or a row has other values; nothing is guessed.
    """
    lines = body.split(b"\n", HEADER_LINES)
    if not body.endswith(b"\n") or len(lines) <= HEADER_LINES or not lines[-1]:
        raise InputFileError(f"{source}: the reply is cut off after {len(body)} bytes")
    if b"\r" in body:
        raise InputFileError(f"{source}: the reply has carriage returns")
    begin, end, names, types = (line.decode(errors="replace") for line in lines[:HEADER_LINES])
    try:
        begin_us, end_us = parse_time(begin), None if end == OPEN else parse_time(end)
    except NameFormatError as error:
        raise InputFileError(f"{source}: no begin and end: {error.message}") from error
    kinds = dict(zip(names.split(","), types.split(","), strict=False))
    if names.count(",") != types.count(",") or len(kinds) != names.count(",") + 1:
        raise InputFileError(f"{source}: {names!r} and {types!r} do not fit together")
    if next(iter(kinds)) != CHANNEL_COLUMN:
        raise InputFileError(f"{source}: the first column is not channel: {names!r}")
    return Reply(begin_us, end_us, read_csv(lines[-1], kinds, source), source)


def read_csv(rows: bytes, kinds: Mapping[str, str], source: str) -> dict[str, npt.NDArray[Any]]:
    """Columns of rows that are separated by commas and not quoted.

    Parameters
    ----------
    rows : bytes
    kinds : mapping of str to str
        SQL type by the name of a column.
    source : str
        For messages.

    Raises
    ------
    InputFileError
        If a type is unknown, or a value is missing or not of its type.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {name: _arrow_type(kind, source) for name, kind in kinds.items()}
    try:
        arrow = csv.read_csv(
            io.BytesIO(rows),
            read_options=csv.ReadOptions(column_names=list(kinds), use_threads=False),
            parse_options=csv.ParseOptions(quote_char=False, ignore_empty_lines=False),
            convert_options=csv.ConvertOptions(column_types=types, null_values=["None"]),
        )
    except pa.ArrowException as error:
        text = str(error).splitlines()[0]
        raise InputFileError(f"{source}: a row is not as its types say: {text}") from error
    for name in kinds:
        if arrow.column(name).null_count:
            raise InputFileError(f"{source}: column {name} has no value in some rows")
    return {name: np.asarray(arrow.column(name).to_numpy()) for name in kinds}


def _arrow_type(kind: str, source: str) -> Any:
    import pyarrow as pa

    if kind in _INTEGERS:
        return pa.int64()
    if kind in _FLOATS:
        return pa.float64()
    if kind == "text":
        return pa.utf8()
    raise InputFileError(f"{source}: columns of type {kind!r} cannot be read")
