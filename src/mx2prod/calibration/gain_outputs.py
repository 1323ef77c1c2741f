"""Files of a gain product (pre-production page, sections 2.5 and 3.4).

``<stem>_gain_table.dat``           the table in the text format
``<stem>_gain_table.parquet``       the same
``<stem>_problemchannels.dat``      channels that are not good
``<stem>_suggestedhv.txt``          suggested voltages, a report for people
``<stem>_gain_table.acc.parquet``   the accumulator
``<stem>_monitor.acc.parquet``      gates of LED level 0
``<stem>_gain_table.verdict.json``  verdict and reasons; written last
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mx2prod.calibration.accumulator_file import ACCUMULATOR_SUFFIX
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.light_injection_accumulator import LedLevel
from mx2prod.calibration.light_injection_file import write_light
from mx2prod.calibration.outputs import (
    output_members,
    output_stem,
    refuse_taken,
    write_verdict,
)
from mx2prod.constants import write_parquet, write_table
from mx2prod.core.files import write_text

SUFFIXES = {
    "table": "_gain_table.dat", "parquet": "_gain_table.parquet",
    "problems": "_problemchannels.dat", "voltages": "_suggestedhv.txt",
    "accumulator": f"_gain_table{ACCUMULATOR_SUFFIX}", "monitor": f"_monitor{ACCUMULATOR_SUFFIX}",
    "verdict": "_gain_table.verdict.json",
}  # fmt: skip


def gain_stem(product: GainProduct) -> str:
    """Name of the outputs of a product; LED levels other than one PE add their number."""
    ending = "" if product.level == LedLevel.ONE_PE else f"_level{product.level}"
    return output_stem(product.files, product.identity, ending)


def write_gain_product(
    product: GainProduct,
    folder: Path,
    stem: str | None = None,
    *,
    overwrite: bool = False,
    extra: Mapping[str, Any] | None = None,
) -> dict[str, Path]:
    """Write the files of a product, each whole or not at all.

    Parameters
    ----------
    product : GainProduct
    folder : Path
        Made if needed.
    stem : str, optional
        By default :func:`gain_stem`.
    overwrite : bool
    extra : mapping, optional
        More members of the verdict file.

    Returns
    -------
    dict of str to Path
        ``table``, ``parquet``, ``problems``, ``voltages``, ``accumulator``, ``monitor``,
        ``verdict``: those that were written.

    Raises
    ------
    OutputError
        If one of them exists or cannot be written; nothing is written if one exists.
    """
    stem = stem or gain_stem(product)
    paths = {name: folder / f"{stem}{SUFFIXES[name]}" for name in _names(product)}
    refuse_taken(paths, overwrite=overwrite)
    if product.table is not None:
        write_table(product.table, paths["table"], overwrite=overwrite)
        write_parquet(product.table, paths["parquet"], overwrite=overwrite)
        write_text(paths["problems"], product.problems, overwrite=overwrite)
        write_text(paths["voltages"], product.voltages, overwrite=overwrite)
    if product.accumulator is not None:
        write_light(product.accumulator, paths["accumulator"], overwrite=overwrite)
    for monitor in product.monitors:
        write_light(monitor, paths["monitor"], overwrite=overwrite)
    write_verdict(paths["verdict"], gain_record(product, paths), extra, overwrite=overwrite)
    return paths


def gain_record(product: GainProduct, paths: Mapping[str, Path]) -> dict[str, Any]:
    """Content of the verdict file: the product, names of its files, content hashes."""
    accumulator = product.accumulator
    return {
        **product.as_dict(),
        **output_members(
            paths,
            product.table,
            accumulator.config_hash if accumulator else None,
            accumulator.files if accumulator else (),
        ),
        "constants": dict(product.constants),
    }


def _names(product: GainProduct) -> list[str]:
    names = []
    if product.table is not None:
        names += ["table", "parquet", "problems", "voltages"]
    if product.accumulator is not None:
        names.append("accumulator")
    return [*names, *(["monitor"] if product.monitors else []), "verdict"]
