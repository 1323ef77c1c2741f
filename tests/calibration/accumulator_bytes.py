"""Files of accumulators with another content, with or without a checksum that fits."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mx2prod.calibration.accumulator_file import HEADER_KEY
from mx2prod.core.canonical import canonical_json


def rewritten(
    data: bytes,
    header: dict[str, Any] | None = None,
    columns: Callable[[pa.Table], pa.Table] | None = None,
) -> bytes:
    """A file with other members of the header (None leaves one out) or other columns.

    The CRC-32 fits, unless it is among the members that are given.
    """
    table = pq.read_table(pa.BufferReader(data))
    entries = json.loads(table.schema.metadata[HEADER_KEY])
    if columns is not None:
        table = columns(table)
    del entries["crc32"]
    entries = {key: entry for key, entry in (entries | (header or {})).items() if entry is not None}
    if "crc32" not in (header or {}):
        entries["crc32"] = _crc32(entries, table)
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata({HEADER_KEY: json.dumps(entries)}), sink)
    return bytes(sink.getvalue().to_pybytes())


def _crc32(entries: dict[str, Any], table: pa.Table) -> int:
    crc = zlib.crc32(canonical_json(entries).encode())
    for name in table.column_names:
        column = table.column(name)
        if pa.types.is_integer(column.type):
            crc = zlib.crc32(column.to_numpy().tobytes(), crc)
        elif pa.types.is_large_binary(column.type):
            crc = zlib.crc32(column[0].as_py(), crc)
    return crc
