"""Constants as the text of the mnvcon protocol (conditions page, sections 9.2 and 9.3).

Every line ends with a line feed, numbers are as Python's ``repr`` prints them, text is not quoted.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Constants, Table
from mx2prod.core.errors import NameFormatError, TableError
from mx2prod.core.units import US_PER_S

LONGEST_TEXT = 126
"""Characters of a text; the clients' buffers have 128 bytes."""

OPEN = "-"
_TIME = re.compile(r"(-?)(\d{1,12})(?:\.(\d*))?", re.ASCII)
_FORBIDDEN = re.compile(r"[,\"'\r\n]")
_PLAIN_LOW, _PLAIN_HIGH = 1e-4, 1e10
"""Between these, Arrow and Python print the same digits without an exponent."""


@dataclass(frozen=True)
class Dialect:
    """SQL types that a family of clients understands.

    Attributes
    ----------
    name : str
        Last part of the base address.
    types : dict of str to str
        SQL type by the type of a column.
    """

    name: str
    types: dict[str, str]


_SHARED = {"int32": "integer", "int64": "bigint", "utf8": "text"}
APP = Dialect("app", {**_SHARED, "float64": "double precision"})
"""For nucondb, which ignores ``real``."""
LAR = Dialect("lar", {**_SHARED, "float64": "real"})
"""For LArSoft, which throws on ``double precision``."""
DIALECTS = {dialect.name: dialect for dialect in (APP, LAR)}


def parse_time(text: str) -> int:
    """Microseconds of a time in seconds, integer or decimal; further digits are cut.

    Raises
    ------
    NameFormatError
        If it is no such number.
    """
    match = _TIME.fullmatch(text)
    if match is None:
        raise NameFormatError(f"time {text!r}: expected seconds, for example 1710003600.000000")
    sign, whole, decimals = match.groups()
    microseconds = int(whole) * US_PER_S + int((decimals or "")[:6].ljust(6, "0"))
    return -microseconds if sign else microseconds


def time_text(time_us: int | None) -> str:
    """Seconds with at most six decimals; ``-`` for an open end."""
    if time_us is None:
        return OPEN
    text = seconds_text(time_us).rstrip("0")
    return f"{text}0" if text.endswith(".") else text


def seconds_text(time_us: int) -> str:
    """Seconds with six decimals, as clients ask for a time."""
    whole, decimals = divmod(abs(time_us), US_PER_S)
    return f"{'-' if time_us < 0 else ''}{whole}.{decimals:06d}"


def sql_types(schema: type[Constants], dialect: Dialect) -> dict[str, str]:
    """Give the SQL types of all columns, ``channel`` first."""
    return {column.name: dialect.types[column.type] for column in schema.columns()}


def head(begin_us: int, end_us: int | None, schema: type[Constants], dialect: Dialect) -> bytes:
    """Lines 1 to 4 of a ``/data`` reply."""
    types = sql_types(schema, dialect)
    lines = (time_text(begin_us), time_text(end_us), ",".join(types), ",".join(types.values()))
    return "".join(f"{line}\n" for line in lines).encode()


def rows(table: Table, names: Sequence[str] | None = None, *, time: str = "") -> bytes:
    """Rows of a table, in ascending order of the channels.

    Parameters
    ----------
    table : Table
    names : sequence of str, optional
        Columns after the channel; all by default.
    time : str
        Goes after the channel if it is not empty.

    Raises
    ------
    TableError
        If a text cannot be sent: it is too long, or has a comma, a quote or a line end.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    chosen = table.schema.text_names() if names is None else names
    texts = [_texts(table.channel), *([pa.scalar(time)] if time else [])]
    texts += [_column_texts(table, name) for name in chosen]
    texts[-1] = pc.binary_join_element_wise(texts[-1], "\n", "")
    return _content(pc.binary_join_element_wise(*texts, ","))


def _content(texts: Any) -> bytes:
    _, offsets, data = texts.buffers()
    end = np.frombuffer(offsets, dtype="<i4", count=len(texts) + 1)[-1]
    content: bytes = data.to_pybytes()[:end]
    return content


def _column_texts(table: Table, name: str) -> Any:
    values = table[name]
    if values.dtype == np.float64:
        return float_texts(values)
    if values.dtype == object:
        _require_sendable(table, name)
    return _texts(values)


def _texts(values: npt.NDArray[Any]) -> Any:
    import pyarrow as pa
    import pyarrow.compute as pc

    return pc.cast(pa.array(values), pa.string())


def float_texts(values: npt.NDArray[np.float64]) -> Any:
    """Shortest texts that read back as the same numbers, as Python's ``repr`` writes them.

    Arrow prints the same digits four times as fast, but otherwise where an exponent or ``.0``
    stands.

    Parameters
    ----------
    values : ndarray, shape (n,)
        Finite.

    Returns
    -------
    pyarrow.StringArray
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    size = np.abs(values)
    texts = _texts(values)
    whole = (values == np.trunc(values)) & (size < _PLAIN_HIGH)
    with_point = pc.binary_join_element_wise(texts, ".0", "")
    texts = pc.if_else(pa.array(whole), with_point, texts)
    rare = (size >= _PLAIN_HIGH) | ((size < _PLAIN_LOW) & (values != 0))
    if rare.any():
        exact = pa.array([repr(value) for value in values[rare].tolist()], pa.string())
        texts = pc.replace_with_mask(texts, pa.array(rare), exact)
    return texts


def require_sendable(table: Table) -> None:
    """Raise :class:`TableError` if a text of the table cannot be sent to the clients."""
    for column in table.schema.columns():
        if column.type == "utf8":
            _require_sendable(table, column.name)


def _require_sendable(table: Table, name: str) -> None:
    for channel, text in zip(table.channel.tolist(), table[name], strict=True):
        found = _FORBIDDEN.search(text)
        if found is not None or len(text.encode()) > LONGEST_TEXT:
            problem = f"has {found[0]!r}" if found else f"is longer than {LONGEST_TEXT} bytes"
            raise TableError(
                f"{table.schema.schema}, channel {channel}, column {name}: the text {problem}, "
                "which readers of the mnvcon protocol cannot take"
            )
