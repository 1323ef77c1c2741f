"""Files of a pedestal product (pre-production page, section 2.5).

``<stem>_pedestal_table.dat``           the table in the official text format
``<stem>_pedestal_table.parquet``       the same with the columns of the companion table
``<stem>_pedestal_table.nominal.parquet``   bad channels, if rows hold medians
``<stem>_pedestal_table.acc.parquet``   the accumulator
``<stem>_pedestal_table.verdict.json``  verdict and reasons; written last
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mx2prod.calibration import outputs
from mx2prod.calibration.outputs import Writer, output_members, output_stem, write_outputs
from mx2prod.calibration.pedestal_file import write_accumulator
from mx2prod.calibration.pedestal_product import PedestalProduct
from mx2prod.constants.arrow import from_arrow, to_arrow, write_parquet
from mx2prod.constants.content import content_sha256
from mx2prod.constants.keys import CHANNEL_COLUMN, DetectorMaps
from mx2prod.constants.table import Table
from mx2prod.constants.tables import Pedestal, PedestalCompanion
from mx2prod.constants.text import write_table
from mx2prod.core.errors import TableError
from mx2prod.core.files import atomic_path, require_regular_file

SUFFIXES = outputs.SUFFIXES | {"table": ".dat", "nominal": ".nominal.parquet"}
_COMPANION_PREFIX = b"companion."


def write_products(
    product: PedestalProduct,
    folder: Path,
    stem: str | None = None,
    *,
    overwrite: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write the files of a product, each whole or not at all.

    Parameters
    ----------
    product : PedestalProduct
    folder : Path
        Made if needed.
    stem : str, optional
        By default :func:`~mx2prod.calibration.outputs.output_stem`.
    overwrite : bool
    extra : mapping of str to JSON value, optional
        Further members of the verdict file; those that it has anyway are not replaced.

    Returns
    -------
    dict of str to Path
        ``table``, ``parquet``, ``nominal``, ``accumulator``, ``verdict``: those that were written.

    Raises
    ------
    OutputError
        If one of them exists or cannot be written; nothing is written if one exists.
    """
    stem = f"{stem or output_stem(product.files, product.identity)}_pedestal_table"
    writers = _writers(product)
    paths = {name: folder / f"{stem}{SUFFIXES[name]}" for name in (*writers, "verdict")}
    write_outputs(paths, writers, verdict_record(product, paths), extra, overwrite=overwrite)
    return paths


def verdict_record(product: PedestalProduct, paths: Mapping[str, Path]) -> dict[str, Any]:
    """Content of the verdict file: the product, names of its files, content hashes."""
    tables = product.tables
    return {
        **product.as_dict(),
        **output_members(paths, tables.pedestals if tables else None, product.accumulator),
        "companion_sha256": content_sha256(tables.companion) if tables else None,
    }


def write_with_companion(
    pedestals: Table, companion: Table, path: Path, *, overwrite: bool = False
) -> None:
    """Write pedestals and companion columns as one Parquet file, atomically.

    Raises
    ------
    OutputError
        If the file exists already or cannot be written.
    """
    import pyarrow.parquet as pq

    arrow, other = to_arrow(pedestals), to_arrow(companion)
    metadata = dict(arrow.schema.metadata)
    metadata |= {_COMPANION_PREFIX + key: text for key, text in other.schema.metadata.items()}
    for column in PedestalCompanion.values:
        arrow = arrow.append_column(other.schema.field(column.name), other.column(column.name))
    with atomic_path(path, overwrite=overwrite) as temporary:
        pq.write_table(
            arrow.replace_schema_metadata(metadata), temporary, compression="zstd",
            write_statistics=False, write_page_checksum=True,
        )  # fmt: skip


def read_with_companion(path: Path, *, maps: DetectorMaps | None = None) -> tuple[Table, Table]:
    """Read a file of :func:`write_with_companion`: pedestals and companion.

    Parameters
    ----------
    path : Path
    maps : DetectorMaps, optional
        As in :meth:`~mx2prod.constants.Table.of`.

    Raises
    ------
    InputFileError
        If the file cannot be read.
    TableError
        If it is no such file, or damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    require_regular_file(path)
    try:
        arrow = pq.ParquetFile(path, page_checksum_verification=True).read()
        metadata = arrow.schema.metadata or {}
        address = [CHANNEL_COLUMN, *Pedestal.key.address]
        parts = [
            arrow.select([*address, *(column.name for column in schema.values)])
            for schema in (Pedestal, PedestalCompanion)
        ]
    except (pa.ArrowException, OSError, UnicodeDecodeError, KeyError) as error:
        raise TableError(
            f"{path}: no pedestals with companion columns: {str(error).splitlines()[0]}"
        ) from error
    own = {k: text for k, text in metadata.items() if not k.startswith(_COMPANION_PREFIX)}
    others = {
        key.removeprefix(_COMPANION_PREFIX): text
        for key, text in metadata.items()
        if key.startswith(_COMPANION_PREFIX)
    }
    pedestals = from_arrow(parts[0].replace_schema_metadata(own), maps=maps, source=str(path))
    companion = from_arrow(parts[1].replace_schema_metadata(others), maps=maps, source=str(path))
    return pedestals, companion


def _writers(product: PedestalProduct) -> dict[str, Writer]:
    writers: dict[str, Writer] = {}
    if product.tables is not None:
        pedestals, companion = product.tables.pedestals, product.tables.companion
        writers["table"] = partial(write_table, pedestals)
        writers["parquet"] = partial(write_with_companion, pedestals, companion)
        if product.tables.nominal is not None:
            writers["nominal"] = partial(write_parquet, product.tables.nominal)
    if product.accumulator is not None:
        writers["accumulator"] = partial(write_accumulator, product.accumulator)
    return writers
