"""The folder of the truth beside a raw file (detector page, section 7.4).

Tables are Parquet files with zstd; rows are written block by block, so that memory does not grow
with the file.  The folder gets its final name when everything is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table, write_parquet
from mx2prod.core.canonical import sha256_of
from mx2prod.simulation.truth_schema import LIGHT_TABLES, TRUTH_TABLES, truth_columns

CONSTANTS_FOLDER = "truth_constants"
META_FILE = "truth_meta.json"


def truth_folder(raw: Path) -> Path:
    """Folder of the truth of a raw file: its stem and ``_truth``."""
    return raw.with_name(f"{raw.stem}_truth")


def table_names(truth: str) -> tuple[str, ...]:
    """Tables that a level of truth has."""
    return LIGHT_TABLES if truth == "light" else tuple(TRUTH_TABLES)


class TruthTables:
    """Parquet files of one folder that grow block by block; a context.

    Parameters
    ----------
    folder : Path
        Exists.
    names : sequence of str
        Tables to write, of :data:`~.truth_schema.TRUTH_TABLES`.
    """

    def __init__(self, folder: Path, names: tuple[str, ...]) -> None:
        import pyarrow.parquet as pq

        self._stack = ExitStack()
        self._schemas = {name: _arrow_schema(name) for name in names}
        self._writers = {
            name: self._stack.enter_context(
                pq.ParquetWriter(folder / f"{name}.parquet", schema, compression="zstd")
            )
            for name, schema in self._schemas.items()
        }

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    def write(self, rows: Mapping[str, npt.NDArray[np.void]]) -> None:
        """Write the rows of a block, one row group a table.

        Parameters
        ----------
        rows : mapping of str to structured ndarray
            By table; every table of the folder.
        """
        import pyarrow as pa

        for name, writer in self._writers.items():
            schema = self._schemas[name]
            columns = [
                pa.array(np.ascontiguousarray(rows[name][field.name]), field.type)
                for field in schema
            ]
            if len(rows[name]):
                writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def write_constants(folder: Path, tables: Mapping[str, Table]) -> None:
    """Write the true constants, a Parquet file a table, into the folder of a truth."""
    for name, table in tables.items():
        write_parquet(table, folder / CONSTANTS_FOLDER / f"{name}.parquet")


def write_meta(folder: Path, meta: Mapping[str, Any]) -> None:
    """Write the description of a simulation, with a digest of itself."""
    document = {**meta, "sha256": sha256_of(dict(meta))}
    text = json.dumps(document, indent=2, sort_keys=True, allow_nan=False)
    (folder / META_FILE).write_text(text + "\n", encoding="utf-8")


def _arrow_schema(name: str) -> Any:
    import pyarrow as pa

    return pa.schema(
        [
            pa.field(
                column.name,
                pa.from_numpy_dtype(column.dtype),
                nullable=False,
                metadata={"unit": column.unit, "meaning": column.meaning},
            )
            for column in truth_columns(name)
        ]
    )
