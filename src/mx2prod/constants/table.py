"""A constants table: a schema, its columns, and the checks that make them trustworthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants.keys import CHANNEL_COLUMN, DetectorMaps, default_maps
from mx2prod.constants.period import Period
from mx2prod.constants.schema import Column, Constants
from mx2prod.constants.source import Source
from mx2prod.core.errors import TableError
from mx2prod.core.suggest import nearest

Columns = Mapping[str, npt.NDArray[Any]]


@dataclass(frozen=True, eq=False)
class Table:
    """A checked constants table, rows in ascending order of their keys.

    Made by :meth:`of`.  Two tables with the same content have the same content bytes
    (:func:`~mx2prod.constants.content.content_sha256`).

    Attributes
    ----------
    schema : type of Constants
    columns : mapping of str to ndarray, each of shape (n_rows,)
        Read-only, in the order of the schema; the first is ``channel``, the keys (int64).
    period : Period or None
        When the data were taken, as the header of a text file says; not part of the content.
    """

    schema: type[Constants]
    columns: Columns
    period: Period | None = None

    @classmethod
    def of(
        cls,
        schema: type[Constants],
        columns: Mapping[str, npt.ArrayLike],
        *,
        period: Period | None = None,
        maps: DetectorMaps | None = None,
        source: Source | None = None,
    ) -> Table:
        """Check columns and make a table of them.

        Parameters
        ----------
        schema : type of Constants
        columns : mapping of str to array_like, each of shape (n_rows,)
            All columns of the schema, in any order; the key ``channel`` may be left out.
        period : Period, optional
        maps : DetectorMaps, optional
            What says which keys exist; by default the hardware map and geometry of mx2prod.
        source : Source, optional
            For messages.

        Raises
        ------
        TableError
            For missing or unknown columns, a wrong shape or type, no rows, a value that is not
            finite or beyond its limits, an unknown channel, or one that stands twice; it names
            source, line or row, column and channel.
        """
        source = source or Source(f"table {schema.schema}")
        _require_names(schema, columns, source)
        typed = _typed(schema, columns, source)
        for column in schema.columns():
            if column.name in typed:
                _require_good(column, typed, schema, source)
        ids = _keys(schema, typed, source)
        _require_existing(schema, ids, maps or default_maps(), source)
        order = _order_without_repeats(schema, ids, source)
        final = {CHANNEL_COLUMN: ids} | {name: typed[name] for name in schema.text_names()}
        for name, column in zip(final, schema.columns(), strict=True):
            values = final[name].astype(column.dtype)[order]
            if column.type == "float64":
                values += 0.0  # -0.0 becomes 0.0 (conditions page, section 4.2)
            values.flags.writeable = False
            final[name] = values
        return cls(schema, MappingProxyType(final), period)

    def __len__(self) -> int:
        return len(self.columns[CHANNEL_COLUMN])

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self.columns[name]

    @property
    def channel(self) -> npt.NDArray[np.int64]:
        """Keys in ascending order, shape (n_rows,)."""
        return self.columns[CHANNEL_COLUMN]

    def missing(self, maps: DetectorMaps | None = None) -> npt.NDArray[np.int64]:
        """Keys that the detector has and the table has not, in ascending order.

        Parameters
        ----------
        maps : DetectorMaps, optional
            As in :meth:`of`.
        """
        return np.setdiff1d(self.schema.key.existing(maps or default_maps()), self.channel)


def joined(tables: Sequence[Table], *, maps: DetectorMaps | None = None) -> Table:
    """Rows of several tables of one schema as one table, for example of single boards.

    Parameters
    ----------
    tables : sequence of Table
        At least one; no two have a row for the same channel.
    maps : DetectorMaps, optional
        As in :meth:`Table.of`.

    Raises
    ------
    TableError
        If there is no table, the schemas differ, or a channel stands in two tables.
    """
    schemas = {table.schema.schema for table in tables}
    if len(schemas) != 1:
        raise TableError(f"tables to be joined: expected one schema, found {sorted(schemas)}")
    schema = tables[0].schema
    columns = {name: np.concatenate([table[name] for table in tables]) for name in schema.names()}
    periods = {table.period for table in tables}
    period = periods.pop() if len(periods) == 1 else None
    return Table.of(schema, columns, period=period, maps=maps, source=Source("joined tables"))


def channel_text(schema: type[Constants], address: Sequence[int]) -> str:
    """Address of a row as people say it, for example ``channel 0-1-0-2-5``."""
    return f"{schema.key} {'-'.join(map(str, address))}" if address else str(schema.key)


def _require_names(
    schema: type[Constants], columns: Mapping[str, npt.ArrayLike], source: Source
) -> None:
    expected = schema.names()
    unknown = [name for name in columns if name not in expected]
    if unknown:
        raise TableError(
            f"{source.name}: {schema.schema} has no column {unknown[0]!r}"
            + nearest(unknown[0], expected)
        )
    missing = [name for name in schema.text_names() if name not in columns]
    if missing:
        raise TableError(
            f"{source.name}: columns missing: {', '.join(missing)}; "
            f"{schema.schema} has {', '.join(schema.text_names())}"
        )


def _typed(
    schema: type[Constants], columns: Mapping[str, npt.ArrayLike], source: Source
) -> dict[str, npt.NDArray[Any]]:
    typed = {}
    n_rows = None
    for column in schema.columns():
        if column.name not in columns:
            continue
        values = _as_kind(column, columns[column.name], source)
        n_rows = len(values) if n_rows is None else n_rows
        if len(values) != n_rows or not n_rows:
            raise TableError(
                f"{source.name}, column {column.name}: {len(values)} rows, "
                f"expected {n_rows or 'at least one'}"
            )
        typed[column.name] = values
    return typed


def _as_kind(column: Column, given: npt.ArrayLike, source: Source) -> npt.NDArray[Any]:
    values = np.asarray(given, dtype=object if column.type == "utf8" else None)
    kinds = {"float64": "fiu", "utf8": "O"}.get(column.type, "iu")
    if values.ndim != 1 or (values.size and values.dtype.kind not in kinds):
        raise TableError(
            f"{source.name}, column {column.name}: {values.ndim}-dimensional {values.dtype}, "
            f"expected one dimension of {column.type}"
        )
    if column.type == "utf8":
        for row, value in enumerate(values):
            if not isinstance(value, str) or not _is_utf8(value):
                source.refuse(row, f"column {column.name} is {value!r}, expected text")
    return values.astype(np.float64) if column.type == "float64" else values


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _address(schema: type[Constants], columns: Columns, row: int) -> tuple[int, ...]:
    return tuple(int(columns[name][row]) for name in schema.key.address)


def _require_good(
    column: Column, columns: Columns, schema: type[Constants], source: Source
) -> None:
    bad = column.bad_rows(columns[column.name])
    if not bad.any():
        return
    row = int(np.argmax(bad))
    expected = f"expected a finite {column.type}"
    if column.limits:
        expected += f", {column.limits}"
    source.refuse(
        row,
        f"column {column.name}, {channel_text(schema, _address(schema, columns, row))}: "
        f"{columns[column.name][row]} found, {expected} {column.unit}".rstrip(),
    )


def _keys(schema: type[Constants], columns: Columns, source: Source) -> npt.NDArray[np.int64]:
    n_rows = len(next(iter(columns.values())))
    ids = schema.key.ids(columns, n_rows)
    if CHANNEL_COLUMN in columns:
        wrong = columns[CHANNEL_COLUMN] != ids
        if wrong.any():
            row = int(np.argmax(wrong))
            source.refuse(
                row,
                f"column {CHANNEL_COLUMN} is {columns[CHANNEL_COLUMN][row]}, expected {ids[row]} "
                f"of {channel_text(schema, _address(schema, columns, row))}",
            )
    return ids


def _require_existing(
    schema: type[Constants], ids: npt.NDArray[np.int64], maps: DetectorMaps, source: Source
) -> None:
    unknown = ~np.isin(ids, schema.key.existing(maps))
    if unknown.any():
        row = int(np.argmax(unknown))
        source.refuse(
            row,
            f"{_named(schema, int(ids[row]))} is unknown to {schema.key.where_from(maps)}",
        )


def _named(schema: type[Constants], key: int) -> str:
    return channel_text(schema, schema.key.address_of(key)) + f" (id {key})"


def _order_without_repeats(
    schema: type[Constants], ids: npt.NDArray[np.int64], source: Source
) -> npt.NDArray[np.intp]:
    order = np.argsort(ids, kind="stable")
    repeated = np.flatnonzero(ids[order][1:] == ids[order][:-1])
    if repeated.size:
        first, second = int(order[repeated[0]]), int(order[repeated[0] + 1])
        source.refuse(
            second,
            f"{_named(schema, int(ids[second]))} stands in {source.place(first)} too; "
            "expected once",
        )
    return order
