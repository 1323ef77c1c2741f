"""Files of the response of the front-end boards (names as in the pre-production page, 2.5).

``<stem>_feb_table/``               the text file of each board, in the official format
``<stem>_feb_table.parquet``        the whole table
``<stem>_feb_table.acc.parquet``    the accumulator
``<stem>_feb_table.verdict.json``   verdict and reasons; written last

The check in situ writes ``<stem>_feb_in_situ.acc.parquet`` and ``.verdict.json``.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mx2prod.calibration.accumulator_file import ACCUMULATOR_SUFFIX
from mx2prod.calibration.feb_accumulator import FebSums
from mx2prod.calibration.feb_accumulator_file import write_feb_sums
from mx2prod.calibration.feb_calibration import InSituProduct
from mx2prod.calibration.feb_product import FebProduct
from mx2prod.calibration.outputs import (
    output_members,
    output_stem,
    refuse_taken,
    write_verdict,
)
from mx2prod.constants import Table, write_feb_file, write_parquet
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
    paths = {} if product.table is None else {"table": base, "parquet": _beside(base, ".parquet")}
    paths |= _paths_of(base, product.sums)
    refuse_taken(paths, overwrite=overwrite)
    if product.table is not None:
        for board in _boards_of(product.table):
            write_feb_file(product.table, board, base / f"feb_{board}.txt", overwrite=overwrite)
        write_parquet(product.table, paths["parquet"], overwrite=overwrite)
    _write_record(product, product.table, paths, extra, overwrite=overwrite)
    return paths


def write_in_situ(
    product: InSituProduct, folder: Path, stem: str, *, overwrite: bool = False
) -> dict[str, Path]:
    """Write accumulator and verdict of a check in situ; see :func:`write_feb_product`."""
    paths = _paths_of(folder / f"{stem}_feb_in_situ", product.sums)
    refuse_taken(paths, overwrite=overwrite)
    _write_record(product, None, paths, None, overwrite=overwrite)
    return paths


def _write_record(
    product: FebProduct | InSituProduct,
    table: Table | None,
    paths: Mapping[str, Path],
    extra: Mapping[str, Any] | None,
    *,
    overwrite: bool,
) -> None:
    sums = product.sums
    if sums is not None:
        write_feb_sums(sums, paths["accumulator"], overwrite=overwrite)
    record = {
        **product.as_dict(),
        **output_members(
            paths, table, sums.config_hash if sums else None, sums.files if sums else ()
        ),
        "constants": sums.tables if sums else {},
    }
    write_verdict(paths["verdict"], record, extra, overwrite=overwrite)


def _paths_of(base: Path, sums: FebSums | None) -> dict[str, Path]:
    verdict = {"verdict": _beside(base, ".verdict.json")}
    if sums is None:
        return verdict
    return {"accumulator": _beside(base, ACCUMULATOR_SUFFIX), **verdict}


def _beside(base: Path, suffix: str) -> Path:
    return base.with_name(base.name + suffix)


def _boards_of(table: Table) -> list[BoardAddress]:
    columns = [table[name].tolist() for name in ("crate", "croc", "chain", "board")]
    return [BoardAddress(*parts) for parts in sorted(set(zip(*columns, strict=True)))]
