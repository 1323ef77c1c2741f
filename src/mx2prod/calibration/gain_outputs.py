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
from functools import partial
from pathlib import Path
from typing import Any

from mx2prod.calibration import outputs
from mx2prod.calibration.accumulator_file import ACCUMULATOR_SUFFIX
from mx2prod.calibration.gain_product import GainProduct
from mx2prod.calibration.light_injection_accumulator import LedLevel
from mx2prod.calibration.light_injection_file import write_light
from mx2prod.calibration.outputs import Writer, output_members, output_stem, write_outputs
from mx2prod.constants import write_parquet, write_table
from mx2prod.core.files import write_text

SUFFIXES = {
    name: f"_gain_table{suffix}" for name, suffix in (outputs.SUFFIXES | {"table": ".dat"}).items()
} | {
    "problems": "_problemchannels.dat", "voltages": "_suggestedhv.txt",
    "monitor": f"_monitor{ACCUMULATOR_SUFFIX}",
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
    writers = _writers(product)
    paths = {name: folder / f"{stem}{SUFFIXES[name]}" for name in (*writers, "verdict")}
    write_outputs(paths, writers, gain_record(product, paths), extra, overwrite=overwrite)
    return paths


def gain_record(product: GainProduct, paths: Mapping[str, Path]) -> dict[str, Any]:
    """Content of the verdict file: the product, names of its files, content hashes."""
    return {
        **product.as_dict(),
        **output_members(paths, product.table, product.accumulator),
        "constants": dict(product.constants),
    }


def _writers(product: GainProduct) -> dict[str, Writer]:
    writers: dict[str, Writer] = {}
    if product.table is not None:
        writers["table"] = partial(write_table, product.table)
        writers["parquet"] = partial(write_parquet, product.table)
        writers["problems"] = partial(write_text, text=product.problems)
        writers["voltages"] = partial(write_text, text=product.voltages)
    if product.accumulator is not None:
        writers["accumulator"] = partial(write_light, product.accumulator)
    for monitor in product.monitors:  # one at most
        writers["monitor"] = partial(write_light, monitor)
    return writers
