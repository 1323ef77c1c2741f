"""Files of accumulators: a Parquet table with a header, checked to the last bit.

The header is canonical JSON in the metadata ``mx2prod``.  Its member ``crc32`` covers the header
and all numbers, because the checksums of the Parquet pages do not cover the footer.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Generic, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import ValidationError
from zlib_ng import zlib_ng

from mx2prod.calibration.sources import SOURCE_DTYPE, SourceFile
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import atomic_path, require_regular_file

HEADER_KEY = b"mx2prod"
ACCUMULATOR_SUFFIX = ".acc.parquet"
_BROKEN = (
    pa.ArrowException, OSError, ValueError, KeyError, IndexError, TypeError, AttributeError,
    OverflowError, ValidationError,
)  # fmt: skip

Accumulator = TypeVar("Accumulator")


def is_accumulator(path: Path) -> bool:
    """Tell by its name whether a file is an accumulator."""
    return path.name.endswith(ACCUMULATOR_SUFFIX)


@dataclass(frozen=True)
class AccumulatorFile(Generic[Accumulator]):
    """A kind of file of accumulators.

    Attributes
    ----------
    file_format : str
        Member ``format`` of the header.
    what : str
        What the file is, for errors.
    split : callable
        Gives a Parquet table of an accumulator (columns of integers, of bytes, or dictionaries;
        the latter are not in the ``crc32``) and the other members of its header.
    join : callable
        Makes the accumulator of header and table; what it raises means that the file is broken.
    options : mapping
        Further arguments of the Parquet writer.
    """

    file_format: str
    what: str
    split: Callable[[Accumulator], tuple[Any, Mapping[str, Any]]]
    join: Callable[[Mapping[str, Any], Any], Accumulator]
    options: Mapping[str, Any] = field(default_factory=dict)

    def to_bytes(self, accumulator: Accumulator) -> bytes:
        """Bytes of an accumulator, the same for equal content."""
        table, members = self.split(accumulator)
        header = {"format": self.file_format, **members}
        text = canonical_json(header | {"crc32": _checksum(header, table)})
        sink = pa.BufferOutputStream()
        pq.write_table(
            table.replace_schema_metadata({HEADER_KEY: text.encode()}), sink,
            compression="zstd", write_statistics=False, write_page_checksum=True, **self.options,
        )  # fmt: skip
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def parse(self, data: bytes, name: str = "accumulator") -> Accumulator:
        """Read the bytes of :meth:`to_bytes`.

        Parameters
        ----------
        data : bytes
        name : str
            What the error calls them, for example the path.

        Raises
        ------
        InputFileError
            If the bytes are damaged, of another format, or contradict themselves.
        """
        try:
            return self.join(*_read(data, self.file_format))
        except _BROKEN as error:
            reason = str(error).splitlines() or [type(error).__name__]
            raise InputFileError(
                f"{name}: no whole {self.what}: {reason[0]}",
                next_step="make the accumulator again from its raw files",
            ) from error

    def write(self, accumulator: Accumulator, path: Path, *, overwrite: bool = False) -> None:
        """Write an accumulator; a reader sees the whole file or none.

        Raises
        ------
        OutputError
            If the file exists or cannot be written.
        """
        with atomic_path(path, overwrite=overwrite) as temporary:
            temporary.write_bytes(self.to_bytes(accumulator))

    def read(self, path: Path) -> Accumulator:
        """Read an accumulator.

        Raises
        ------
        InputFileError
            If the file cannot be read, is damaged, or is something else.
        """
        require_regular_file(path)
        return self.parse(path.read_bytes(), str(path))


def require(holds: bool, message: str) -> None:
    """Raise ValueError with a message; reading an accumulator turns it into its error."""
    if not holds:
        raise ValueError(message)


def sources_of(header: Mapping[str, Any]) -> npt.NDArray[np.void]:
    """Gates that were read, from the member ``sources``."""
    return np.array([tuple(row) for row in header["sources"]], SOURCE_DTYPE)


def files_of(header: Mapping[str, Any]) -> tuple[SourceFile, ...]:
    """Raw files, from the member ``files``."""
    return tuple(SourceFile(*map(str, file)) for file in header["files"])


def _read(data: bytes, file_format: str) -> tuple[dict[str, Any], Any]:
    table = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True).read()
    metadata = table.schema.metadata or {}
    require(HEADER_KEY in metadata, f"no {HEADER_KEY.decode()} in the metadata")
    header = json.loads(metadata[HEADER_KEY])
    found = header.get("format")
    require(found == file_format, f"format {found!r}, expected {file_format!r}")
    require("crc32" in header, "no crc32 in the header")
    require(_checksum(header, table) == header["crc32"], "the content is not what was written")
    return header, table


def _checksum(header: Mapping[str, Any], table: Any) -> int:
    """CRC-32 of the header, without this member, and of the numbers."""
    rest = {name: entry for name, entry in header.items() if name != "crc32"}
    value = zlib_ng.crc32(canonical_json(rest).encode())
    for column in table.columns:
        if pa.types.is_dictionary(column.type):
            continue
        whole = column[0].as_py() if pa.types.is_large_binary(column.type) else column.to_numpy()
        value = zlib_ng.crc32(whole, value)
    return value
