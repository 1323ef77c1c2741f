"""Reading a detector table: comma-separated text with comments, checked cell by cell.

A table is refused as a whole when anything in it is not as its schema says; the message names the
file, the line, what was expected and what was found (detector page, section 8).
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import TableError
from mx2prod.core.suggest import nearest

NEXT_STEP = "mx2 detector tables"
_WIDEST_TEXT = 24


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
    kind : type
        ``int``, ``float`` or ``str``.
    meaning : str
        What it says, with its unit.
    low, high : int or float or None
        Inclusive bounds of a number.
    choices : tuple
        Allowed values, where they are few.
    """

    name: str
    kind: type
    meaning: str
    low: float | None = None
    high: float | None = None
    choices: tuple[int | str, ...] = ()

    @property
    def dtype(self) -> str:
        """NumPy type of the column: ``<i4``, ``<f8`` or text."""
        return {int: "<i4", float: "<f8"}.get(self.kind, f"<U{_WIDEST_TEXT}")

    def read(self, cell: str) -> int | float | str:
        """Value of one cell.

        Raises
        ------
        ValueError
            If the cell is not a value of this column; the text says what was expected.
        """
        value = self._convert(cell)
        if self.choices and value not in self.choices:
            raise ValueError(f"one of {', '.join(map(str, self.choices))}")
        too_low = self.low is not None and not isinstance(value, str) and value < self.low
        too_high = self.high is not None and not isinstance(value, str) and value > self.high
        if too_low or too_high:
            raise ValueError(f"a value in {self.low}..{self.high}")
        return value

    def _convert(self, cell: str) -> int | float | str:
        if self.kind is int:
            if not cell.removeprefix("-").isdecimal() or str(int(cell)) != cell:
                raise ValueError("a plain integer")
            return int(cell)
        if self.kind is float:
            return _finite(cell)
        if not cell or len(cell) > _WIDEST_TEXT:
            raise ValueError(f"a word of 1 to {_WIDEST_TEXT} characters")
        return cell


def _finite(cell: str) -> float:
    try:
        value = float(cell.replace("_", "?"))
    except ValueError:
        raise ValueError("a number") from None
    if not np.isfinite(value):
        raise ValueError("a finite number")
    return value


@dataclass(frozen=True)
class Schema:
    """What a kind of table must hold.

    Attributes
    ----------
    kind : str
        For example ``planes``.
    columns : tuple of Column
    key : tuple of str
        Columns that together name a row; no two rows may share them.
    rows : int
        Number of rows.
    check : callable or None
        Further rules, called with the table; reports through :meth:`Table.refuse`.
    """

    kind: str
    columns: tuple[Column, ...]
    key: tuple[str, ...]
    rows: int
    check: Callable[[Table], None] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns, in order."""
        return tuple(column.name for column in self.columns)

    @property
    def dtype(self) -> np.dtype[np.void]:
        """Structured type of a row."""
        return np.dtype([(column.name, column.dtype) for column in self.columns])


@dataclass(frozen=True)
class Table:
    """A checked table.

    Attributes
    ----------
    name : str
        Version name (``planes_v4``), or the file name of a table given by path.
    source : str
        Path of the file, or the rule that made the content; for messages.
    sha256 : str
        Of the bytes, 64 hexadecimal digits; outputs record it.
    schema : Schema
    rows : ndarray of schema.dtype, shape (schema.rows,)
        Read-only.
    lines : ndarray of int32, shape (schema.rows,)
        Line of each row in the file, from 1.
    comments : tuple of str
        Comment lines without their ``#``.
    """

    name: str
    source: str
    sha256: str
    schema: Schema
    rows: npt.NDArray[np.void]
    lines: npt.NDArray[np.int32]
    comments: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.rows)

    def version(self) -> dict[str, str]:
        """Name and hash, as outputs record them."""
        return {"name": self.name, "sha256": self.sha256}

    def refuse(self, row: int, problem: str) -> NoReturn:
        """Raise :class:`TableError` about a row (counted from 0).

        Raises
        ------
        TableError
            Always.
        """
        cells = ",".join(str(value) for value in self.rows[row])
        raise TableError(
            f"{self.source}, line {self.lines[row]} ({cells}): {problem}", next_step=NEXT_STEP
        )

    def refuse_repeated(self, columns: Sequence[str], where: npt.NDArray[np.bool_]) -> None:
        """Raise :class:`TableError` at the first row that repeats the columns of an earlier one.

        Parameters
        ----------
        columns : sequence of str
        where : ndarray of bool, shape (rows,)
            Rows that take part.

        Raises
        ------
        TableError
            Naming both lines.
        """
        chosen = np.flatnonzero(where)
        _, first, back = np.unique(
            self.rows[list(columns)][chosen], return_index=True, return_inverse=True
        )
        earlier = first[back]
        repeated = np.flatnonzero(earlier != np.arange(len(chosen)))
        if repeated.size:
            row, other = chosen[repeated[0]], chosen[earlier[repeated[0]]]
            self.refuse(
                int(row),
                f"the same {', '.join(columns)} as line {self.lines[other]}; expected once",
            )


def parse_table(
    content: bytes, schema: Schema, *, name: str, source: str, sha256: str | None = None
) -> Table:
    """Read and check the bytes of a table.

    Parameters
    ----------
    content : bytes
    schema : Schema
    name, source : str
        See :class:`Table`.
    sha256 : str, optional
        Refuse other content than the one with this hash.

    Raises
    ------
    TableError
        For text that is not UTF-8, unknown or missing columns, a wrong number of cells or rows, a
        value that is not allowed (NaN included), a repeated key, a broken rule of the schema, or
        another hash.
    """
    try:
        lines = content.decode("utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise TableError(f"{source}, byte {error.start}: not UTF-8 text") from error
    comments = tuple(line.removeprefix("#").strip() for line in lines if line.startswith("#"))
    body = [
        (number, line)
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    columns = _read_columns(body, schema, source)
    table = Table(
        name=name,
        source=source,
        sha256=hashlib.sha256(content).hexdigest(),
        schema=schema,
        rows=_structured(columns, schema),
        lines=np.array([number for number, _ in body[1:]], dtype=np.int32),
        comments=comments,
    )
    _check(table, sha256)
    return table


def _read_columns(body: list[tuple[int, str]], schema: Schema, source: str) -> dict[str, list[Any]]:
    if not body:
        raise TableError(
            f"{source}: no header line; expected the columns {', '.join(schema.names)}",
            next_step=NEXT_STEP,
        )
    header = body[0][1].split(",")
    _check_header(header, schema, f"{source}, line {body[0][0]}")
    split = [line.split(",") for _, line in body[1:]]
    for (number, line), cells in zip(body[1:], split, strict=True):
        if len(cells) != len(header):
            raise TableError(
                f"{source}, line {number} ({line}): {len(cells)} cells, expected {len(header)}",
                next_step=NEXT_STEP,
            )
    by_name = {column.name: column for column in schema.columns}
    return {
        name: _read_column(by_name[name], [cells[place] for cells in split], body[1:], source)
        for place, name in enumerate(header)
    }


def _check_header(header: list[str], schema: Schema, where: str) -> None:
    for name in header:
        if name not in schema.names:
            raise TableError(
                f"{where}: unknown column {name!r} in a table of {schema.kind}"
                + nearest(name, schema.names),
                next_step=NEXT_STEP,
            )
        if header.count(name) > 1:
            raise TableError(f"{where}: column {name!r} stands twice", next_step=NEXT_STEP)
    missing = [name for name in schema.names if name not in header]
    if missing:
        raise TableError(
            f"{where}: missing column {', '.join(missing)} in a table of {schema.kind}",
            next_step=NEXT_STEP,
        )


def _read_column(
    column: Column, cells: list[str], body: list[tuple[int, str]], source: str
) -> list[Any]:
    known: dict[str, Any] = {}
    for (number, line), cell in zip(body, cells, strict=True):
        if cell in known:
            continue
        try:
            known[cell] = column.read(cell)
        except ValueError as error:
            raise TableError(
                f"{source}, line {number} ({line}): column {column.name!r}: "
                f"expected {error}, found {cell!r}",
                next_step=NEXT_STEP,
            ) from error
    return [known[cell] for cell in cells]


def _structured(columns: dict[str, list[Any]], schema: Schema) -> npt.NDArray[np.void]:
    rows = np.zeros(len(next(iter(columns.values()))), dtype=schema.dtype)
    for name, values in columns.items():
        rows[name] = values
    rows.flags.writeable = False
    return rows


def _check(table: Table, sha256: str | None) -> None:
    schema = table.schema
    table.refuse_repeated(schema.key, np.ones(len(table), dtype=np.bool_))
    if len(table) != schema.rows:
        last = f" (last row at line {table.lines[-1]})" if len(table) else ""
        raise TableError(
            f"{table.source}: {len(table)} rows{last}, expected {schema.rows} in a table of "
            f"{schema.kind}",
            next_step=NEXT_STEP,
        )
    if schema.check is not None:
        schema.check(table)
    if sha256 is not None and table.sha256 != sha256:
        raise TableError(
            f"{table.source}: content of {table.name} has sha256 {table.sha256}, expected {sha256}",
            next_step="reinstall mx2prod, or give the changed table a name of its own",
        )
