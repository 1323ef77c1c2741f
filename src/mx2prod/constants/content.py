"""The identity of a table's content: canonical bytes and their sha256 (conditions page, 4.2)."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator

from mx2prod.constants.table import Table

FORMAT = "mx2-payload/1"


def content_bytes(table: Table) -> bytes:
    """Canonical bytes of a table: the same content gives the same bytes everywhere.

    The format's name, ``name:type`` of each column from ``channel`` on, the number of rows, each
    on a line; then each column's values, little-endian, in ascending order of the keys.  A text is
    its length in bytes (uint32) and its UTF-8 bytes.  The period is not part of the content.

    Parameters
    ----------
    table : Table

    Returns
    -------
    bytes
    """
    return b"".join(_parts(table))


def content_sha256(table: Table) -> str:
    """Sha256 of :func:`content_bytes`, 64 hexadecimal digits: the name of a payload."""
    digest = hashlib.sha256()
    for part in _parts(table):
        digest.update(part)
    return digest.hexdigest()


def _parts(table: Table) -> Iterator[bytes]:
    columns = table.schema.columns()
    head = [FORMAT, *(f"{column.name}:{column.type}" for column in columns), f"rows:{len(table)}"]
    yield "".join(f"{line}\n" for line in head).encode()
    for column in columns:
        values = table[column.name]
        if column.type == "utf8":
            for text in values:
                encoded = text.encode()
                yield struct.pack("<I", len(encoded)) + encoded
        else:
            yield values.tobytes()
