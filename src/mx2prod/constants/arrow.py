"""Constants tables as Arrow tables and Parquet files (conditions page, section 4.2).

The metadata hold the name of the schema, the period, and a digest of all of it and the content, so
that a table that was changed on its way is noticed.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants.content import content_sha256
from mx2prod.constants.keys import DetectorMaps
from mx2prod.constants.period import Period
from mx2prod.constants.registry import table_of_schema
from mx2prod.constants.schema import Constants
from mx2prod.constants.source import Source
from mx2prod.constants.table import Table
from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import TableError
from mx2prod.core.files import atomic_path, require_regular_file

SCHEMA_KEY = b"mx2.schema"
PERIOD_KEY = b"mx2.period"
DIGEST_KEY = b"mx2.digest"


def to_arrow(table: Table) -> Any:
    """Arrow table with the schema's name, units and meanings in its metadata.

    Parameters
    ----------
    table : Table

    Returns
    -------
    pyarrow.Table
        No column may be null.
    """
    import pyarrow as pa

    fields = _arrow_fields(table.schema)
    arrays = [pa.array(table[field.name], type=field.type) for field in fields]
    metadata = {
        SCHEMA_KEY: table.schema.schema.encode(),
        DIGEST_KEY: _digest(table).encode(),
    }
    if table.period is not None:
        metadata[PERIOD_KEY] = canonical_json(vars(table.period)).encode()
    return pa.Table.from_arrays(arrays, schema=pa.schema(fields, metadata=metadata))


def from_arrow(
    arrow: Any, *, maps: DetectorMaps | None = None, source: str = "Arrow table"
) -> Table:
    """Check an Arrow table and make a table of it.

    Parameters
    ----------
    arrow : pyarrow.Table
        Made by :func:`to_arrow`, perhaps with its rows in another order.
    maps : DetectorMaps, optional
        As in :meth:`Table.of`.
    source : str
        For messages.

    Raises
    ------
    TableError
        If it does not say its schema, a column has another type or a null, content or period are
        not those that were written, and whatever :meth:`Table.of` refuses.
    """
    metadata = arrow.schema.metadata or {}
    if SCHEMA_KEY not in metadata:
        raise TableError(
            f"{source}: no constants table: the metadata has no {SCHEMA_KEY.decode()!r}"
        )
    schema = table_of_schema(metadata[SCHEMA_KEY].decode(errors="replace"))
    _require_types(schema, arrow, source)
    columns = {name: _values(arrow.column(name)) for name in arrow.column_names}
    period = _period(metadata.get(PERIOD_KEY), source)
    table = Table.of(schema, columns, period=period, maps=maps, source=Source(source))
    expected = metadata.get(DIGEST_KEY, b"none").decode(errors="replace")
    if _digest(table) != expected:
        raise TableError(
            f"{source}: the table is not the one that was written: digest {_digest(table)} found, "
            f"expected {expected}"
        )
    return table


def write_parquet(table: Table, path: Path, *, overwrite: bool = False) -> None:
    """Write a Parquet file atomically: zstd, dictionaries on addresses, split bytes on floats.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    import pyarrow.parquet as pq

    with atomic_path(path, overwrite=overwrite) as temporary:
        pq.write_table(
            to_arrow(table), temporary, write_page_checksum=True, **parquet_options(table.schema)
        )


def parquet_options(schema: type[Constants]) -> dict[str, Any]:
    """How a table is written: zstd, dictionaries on addresses, split bytes on floats."""
    return {
        "compression": "zstd",
        "use_dictionary": list(schema.key.address),
        "use_byte_stream_split": [c.name for c in schema.columns() if c.type == "float64"],
        "write_statistics": False,
    }


def read_parquet(path: Path, *, maps: DetectorMaps | None = None) -> Table:
    """Read a Parquet file that :func:`write_parquet` wrote.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    TableError
        If it is no Parquet file, is damaged, and whatever :func:`from_arrow` refuses.
    """
    return from_arrow(read_arrow(path), maps=maps, source=str(path))


def read_arrow(path: Path) -> Any:
    """Arrow table of a Parquet file, whose page checksums are computed again.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    TableError
        If it is no Parquet file, or is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_regular_file(path)
    try:
        arrow = pq.ParquetFile(path, page_checksum_verification=True).read()
        _ = arrow.column_names  # decodes them; a damaged name is no UTF-8
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        raise TableError(
            f"{path}: cannot be read as a Parquet file: {str(error).splitlines()[0]}"
        ) from error
    return arrow


def _digest(table: Table) -> str:
    period = None if table.period is None else vars(table.period)
    return sha256_of([table.schema.schema, content_sha256(table), period])


def _arrow_fields(schema: type[Constants]) -> list[Any]:
    import pyarrow as pa

    types = {
        "int32": pa.int32(), "int64": pa.int64(), "float64": pa.float64(), "utf8": pa.utf8(),
    }  # fmt: skip
    return [
        pa.field(
            column.name,
            types[column.type],
            nullable=False,
            metadata={"unit": column.unit, "meaning": column.meaning},
        )
        for column in schema.columns()
    ]


def _require_types(schema: type[Constants], arrow: Any, source: str) -> None:
    expected = {field.name: field.type for field in _arrow_fields(schema)}
    for name in arrow.column_names:
        if arrow.column_names.count(name) > 1:
            raise TableError(f"{source}: column {name} stands twice")
        column = arrow.column(name)
        if name in expected and column.type != expected[name]:
            raise TableError(
                f"{source}, column {name}: type {column.type}, expected {expected[name]}"
            )
        if column.null_count:
            row = column.is_null().to_pylist().index(True)
            raise TableError(f"{source}, row {row}: column {name} is null")


def _values(column: Any) -> npt.NDArray[Any]:
    return np.asarray(column.to_numpy())


def _period(text: bytes | None, source: str) -> Period | None:
    if text is None:
        return None
    try:
        period = Period(**json.loads(text))
    except (TypeError, ValueError) as error:
        raise TableError(
            f"{source}: metadata {PERIOD_KEY.decode()!r} is no period: {text[:200]!r}"
        ) from error
    return period
