"""Payloads: a table as bytes, its name by content, and back (conditions page, section 4.2).

Only the content hash is identity.  The Parquet bytes may differ between versions of the library;
their own hash tells a damaged row before it is decoded.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import CHANNEL_COLUMN, Constants, Table, content_sha256, table_of_schema
from mx2prod.constants.arrow import parquet_options, to_arrow
from mx2prod.core.errors import HashMismatch

ENCODING = "parquet/zstd"


@dataclass(frozen=True)
class Payload:
    """A table as it is stored.

    Attributes
    ----------
    content_sha256 : str
        Its name.
    schema_id : str
    n_rows : int
    encoding : str
    file_sha256 : str
        Of ``data``.
    data : bytes
    """

    content_sha256: str
    schema_id: str
    n_rows: int
    encoding: str
    file_sha256: str
    data: bytes

    @property
    def size(self) -> int:
        """Bytes of ``data``."""
        return len(self.data)

    @property
    def schema(self) -> type[Constants]:
        """Schema class."""
        return table_of_schema(self.schema_id)


def encode(table: Table) -> Payload:
    """Payload of a table; its period is not part of it.

    Parameters
    ----------
    table : Table
    """
    import pyarrow.parquet as pq

    schema = table.schema
    buffer = io.BytesIO()
    pq.write_table(to_arrow(Table(schema, table.columns)), buffer, **parquet_options(schema))
    data = buffer.getvalue()
    file_sha256 = hashlib.sha256(data).hexdigest()
    sha256 = content_sha256(table)
    return Payload(sha256, schema.schema, len(table), ENCODING, file_sha256, data)


def decode(payload: Payload, *, source: str = "") -> Table:
    """Table of a payload, after computing both hashes again.

    The rules of the schema held when the payload was made; equal content holds them still.

    Parameters
    ----------
    payload : Payload
    source : str
        Where it was read, for messages.

    Raises
    ------
    HashMismatch
        If bytes or content are not what their hashes say.
    """
    return _decoded(payload, source)[0]


def decode_arrow(payload: Payload, *, source: str = "") -> Any:
    """Arrow table of a payload, checked as by :func:`decode`.

    Returns
    -------
    pyarrow.Table
        As :func:`mx2prod.constants.to_arrow` makes it of the table.
    """
    return _decoded(payload, source)[1]


def _decoded(payload: Payload, source: str) -> tuple[Table, Any]:
    require_file_hash(payload, source=source)
    names = [column.name for column in payload.schema.columns()]
    arrow = _read(payload, names, source)
    table = Table(payload.schema, MappingProxyType(_arrays(arrow)))
    found = content_sha256(table)
    if found != payload.content_sha256:
        raise _mismatch(payload, source, f"its content has {found[:16]}")
    return table, arrow


def read_columns(payload: Payload, names: Sequence[str]) -> dict[str, Any]:
    """Read some columns of a payload, after computing the hash of its bytes again.

    Much faster than :func:`decode`, and enough for a plot; the content hash is not computed.

    Raises
    ------
    HashMismatch
        If the bytes are not what their hash says.
    """
    require_file_hash(payload)
    return _arrays(_read(payload, [CHANNEL_COLUMN, *names], ""))


def require_file_hash(payload: Payload, *, source: str = "") -> None:
    """Raise :class:`HashMismatch` unless the bytes are those that were stored."""
    found = hashlib.sha256(payload.data).hexdigest()
    if found != payload.file_sha256:
        raise _mismatch(payload, source, f"its bytes have sha256 {found[:16]}")


def _read(payload: Payload, names: Sequence[str], source: str) -> Any:
    """Columns as an Arrow table without nulls."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(payload.data))
        arrow = file.read(columns=list(names), use_threads=False)
        if any(arrow.column(name).null_count for name in names):
            raise _mismatch(payload, source, "a value is null")
    except (pa.ArrowException, OSError, KeyError, UnicodeDecodeError) as error:
        raise _mismatch(payload, source, f"it cannot be decoded: {error}") from error
    return arrow


def _arrays(arrow: Any) -> dict[str, npt.NDArray[Any]]:
    columns = {name: np.asarray(arrow.column(name).to_numpy()) for name in arrow.column_names}
    for values in columns.values():
        values.flags.writeable = False
    return columns


def _mismatch(payload: Payload, source: str, what: str) -> HashMismatch:
    place = f"{source}: " if source else ""
    return HashMismatch(
        f"{place}payload {payload.content_sha256[:16]} is damaged: {what}",
        next_step="mx2 conditions verify",
    )
