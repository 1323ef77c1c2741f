"""Files of the response of the front-end boards (names as in the pre-production page, 2.5).

``<stem>_feb_table/``               the text file of each board, in the official format
``<stem>_feb_table.parquet``        the whole table
``<stem>_feb_table.acc.parquet``    the accumulator
``<stem>_feb_table.verdict.json``   verdict and reasons; written last

The check in situ writes ``<stem>_feb_in_situ.acc.parquet`` and ``.verdict.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from mx2prod.calibration.feb_accumulator_file import write_feb_sums
from mx2prod.calibration.feb_calibration import InSituProduct
from mx2prod.calibration.feb_product import FebProduct
from mx2prod.calibration.outputs import (
    SUFFIXES,
    Writer,
    output_members,
    output_stem,
    write_outputs,
)
from mx2prod.constants import FebResponse, Table, write_feb_file, write_parquet
from mx2prod.detector import BoardAddress


def write_feb_product(
    product: FebProduct,
    folder: Path,
    stem: str | None = None,
    *,
    overwrite: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write the files of a product, each whole or not at all.

    Parameters
    ----------
    product : FebProduct
    folder : Path
        Made if needed.
    stem : str, optional
        Begin of the file names; by default
        :func:`~mx2prod.calibration.outputs.output_stem`.
    overwrite : bool
    extra : mapping, optional
        More members of the verdict file.

    Returns
    -------
    dict of str to Path
        ``table`` (the folder of text files), ``parquet``, ``accumulator``, ``verdict``: those that
        were written.

    Raises
    ------
    OutputError
        If one of them exists or cannot be written; nothing is written if one exists.
    """
    base = folder / f"{stem or output_stem(product.files, None)}_feb_table"
    return _write(product, product.table, base, extra, overwrite=overwrite)


def write_in_situ(
    product: InSituProduct, folder: Path, stem: str, *, overwrite: bool = False
) -> dict[str, Path]:
    """Write accumulator and verdict of a check in situ; see :func:`write_feb_product`."""
    return _write(product, None, folder / f"{stem}_feb_in_situ", None, overwrite=overwrite)


def _write(
    product: FebProduct | InSituProduct,
    table: Table | None,
    base: Path,
    extra: Mapping[str, Any] | None,
    *,
    overwrite: bool,
) -> dict[str, Path]:
    sums = product.sums
    writers: dict[str, Writer] = {}
    if table is not None:
        writers["table"] = partial(_write_boards, table)
        writers["parquet"] = partial(write_parquet, table)
    if sums is not None:
        writers["accumulator"] = partial(write_feb_sums, sums)
    paths = {
        name: base.with_name(base.name + SUFFIXES.get(name, "")) for name in (*writers, "verdict")
    }
    record = {
        **product.as_dict(),
        **output_members(paths, table, sums),
        "constants": sums.tables if sums else {},
    }
    write_outputs(paths, writers, record, extra, overwrite=overwrite)
    return paths


def _write_boards(table: Table, folder: Path, *, overwrite: bool) -> None:
    for board in _boards_of(table):
        write_feb_file(table, board, folder / f"feb_{board}.txt", overwrite=overwrite)


def _boards_of(table: Table) -> list[BoardAddress]:
    columns = [table[name].tolist() for name in FebResponse.key.address[:-1]]
    return [BoardAddress(*parts) for parts in sorted(set(zip(*columns, strict=True)))]
