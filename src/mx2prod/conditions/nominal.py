"""Nominal tables: one row a key with the defaults of the detector page (page, section 1.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import (
    Alignment,
    AttenuationId,
    AttenuationOd,
    Constants,
    DetectorMaps,
    FebResponse,
    PmtGain,
    StripToStrip,
    Table,
    Temperature,
    Timing,
    table_of_folder,
)
from mx2prod.constants.keys import PIXELS_PER_HALF, Key
from mx2prod.constants.source import Source
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.detector import Response, unpack_channel_ids, unpack_od_bar_ids, unpack_strip_ids

_Columns = dict[str, npt.NDArray[Any]]


def nominal_table(folder: str, maps: DetectorMaps, response: Response | None = None) -> Table:
    """Nominal table of a folder; errors are 0, and no reading stands behind it.

    Parameters
    ----------
    folder : str
    maps : DetectorMaps
        What says which keys exist.
    response : Response, optional
        Constants of the detector; those of mx2prod by default.

    Raises
    ------
    UsageError
        If the folder has no nominal values, such as pedestals; names those that have.
    """
    schema = table_of_folder(folder)
    if schema not in _VALUES:
        known = sorted(table.folder for table in _VALUES)
        raise UsageError(
            f"{folder}: has no nominal values (those that have: {', '.join(known)})"
            + nearest(folder, known)
        )
    keys = schema.key.existing(maps)
    columns = _addresses(schema.key, keys)
    values = _VALUES[schema](response or Response())
    for column in schema.values:
        kind = np.float64 if column.type == "float64" else np.int64
        columns[column.name] = np.full(len(keys), values.get(column.name, 0), dtype=kind)
    return Table.of(schema, columns, maps=maps, source=Source(f"nominal {schema.schema}"))


def _addresses(key: Key, keys: npt.NDArray[np.int64]) -> _Columns:
    """Address columns of keys."""
    if key is Key.ONE_ROW:
        return {}
    if key is Key.OD_BAR:
        bars = unpack_od_bar_ids(keys)
        return {name: bars[name].astype(np.int64) for name in key.address}
    if key in {Key.STRIP, Key.PLANE}:
        strips = unpack_strip_ids(keys)
        return {name: strips[name].astype(np.int64) for name in key.address}
    channels = unpack_channel_ids(keys)
    columns = {name: channels[name].astype(np.int64) for name in key.address[:-1]}
    pixel = channels["pixel"].astype(np.int64)
    return columns | {key.address[-1]: pixel if key is Key.CHANNEL else pixel // PIXELS_PER_HALF}


def _feb(response: Response) -> dict[str, float]:
    values = {}
    for prefix, curve in zip(("hg", "mg", "lg"), response.curves, strict=True):
        for name in ("adc0", "slope1", "slope2", "slope3"):
            values[f"{prefix}_{name}"] = getattr(curve, name)
        values[f"{prefix}_xkink1"], values[f"{prefix}_xkink2"] = curve.kink1, curve.kink2
    return values


def _attenuation(response: Response) -> dict[str, float]:
    return {
        "atten": response.attenuation,
        "amp": response.amplitude,
        "reflect": response.reflectivity,
    }


_VALUES: dict[type[Constants], Callable[[Response], dict[str, float]]] = {
    Alignment: lambda _: {},
    AttenuationId: _attenuation,
    AttenuationOd: _attenuation,
    FebResponse: _feb,
    PmtGain: lambda response: {"gain": response.gain_mean},
    StripToStrip: lambda _: {"s2s": 1.0},
    Temperature: lambda _: {},
    Timing: lambda _: {},
}
