"""Known errors given as constants tables: their values become true (detector page, section 7.2).

A table may have some of the rows; the others keep their values.  Signs are those of the tables:
strip-to-strip factors are one over the response (0: none, the strip keeps its own), alignment is
minus the displacement; the width of a pedestal has rounding and common noise in it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from mx2prod.constants import (
    Alignment,
    AttenuationId,
    Constants,
    FebResponse,
    Pedestal,
    PmtGain,
    StripToStrip,
    Table,
    Timing,
    read_parquet,
)
from mx2prod.constants.tables import GAINS
from mx2prod.core.errors import ConfigError, TableError

if TYPE_CHECKING:
    from mx2prod.simulation.hardware import TrueDetector

ROUNDING_VARIANCE = 1 / 12
"""Of a reading in whole ADC."""
CURVE = ("adc0", "slope1", "xkink1", "slope2", "xkink2", "slope3")
"""Parameters of a curve, in the order of :attr:`.TrueDetector.curve`."""


def take_table(truth: TrueDetector, name: str, path: Path) -> None:
    """Take true values from a constants table.

    Parameters
    ----------
    truth : TrueDetector
        Changed.
    name : str
        Known error of the spec, ``strip`` for example.
    path : Path
        Parquet file.

    Raises
    ------
    ConfigError
        If there is no table of this error.
    InputFileError, TableError
        If the table cannot be read, has another schema, or a row of something that does not exist.
    """
    if name not in _TABLES:
        raise ConfigError(f"miscalibrate.{name}: no table of it exists, give kind and size")
    schema, take = _TABLES[name]
    table = read_parquet(path)
    if table.schema is not schema:
        raise TableError(f"{path}: a table of {table.schema.schema}, expected {schema.schema}")
    take(truth, table)


def _rows(truth: TrueDetector, table: Table) -> npt.NDArray[np.int64]:
    return truth.detector.hardware.channel_index(table.channel)


def _strip_rows(truth: TrueDetector, table: Table) -> npt.NDArray[np.int64]:
    return truth.detector.planes.strip_index(table["module"], table["plane"], table["strip"])


def _plane_rows(truth: TrueDetector, table: Table) -> npt.NDArray[np.int64]:
    return truth.detector.planes.index(table["module"], table["plane"])


def _take_pedestals(truth: TrueDetector, table: Table) -> None:
    rows = _rows(truth, table)
    rest = truth.response.common_shift**2 + ROUNDING_VARIANCE
    for gain, (prefix, _) in enumerate(GAINS):
        truth.pedestal[rows, gain] = table[f"{prefix}_mean"]
        truth.noise[rows, gain] = np.sqrt(np.maximum(table[f"{prefix}_rms"] ** 2 - rest, 0))


def _take_gains(truth: TrueDetector, table: Table) -> None:
    truth.gain[_rows(truth, table)] = table["gain"]


def _take_curves(truth: TrueDetector, table: Table) -> None:
    rows = _rows(truth, table)
    for gain, (prefix, _) in enumerate(GAINS):
        for number, column in enumerate(CURVE):
            truth.curve[rows, gain, number] = table[f"{prefix}_{column}"]


def _take_strips(truth: TrueDetector, table: Table) -> None:
    rows, factor = _strip_rows(truth, table), table["s2s"]
    has = factor > 0
    truth.strip_response[rows[has]] = 1 / factor[has]


def _take_attenuation(truth: TrueDetector, table: Table) -> None:
    rows = _strip_rows(truth, table)
    for number, column in enumerate(("atten", "reflect", "amp")):
        truth.attenuation[rows, number] = table[column]


def _take_shifts(truth: TrueDetector, table: Table) -> None:
    truth.plane_shift_mm[_plane_rows(truth, table)] = -table["shift_mm"]


def _take_rotations(truth: TrueDetector, table: Table) -> None:
    truth.plane_rotation_rad[_plane_rows(truth, table)] = -table["rot_rad"]


def _take_offsets(truth: TrueDetector, table: Table) -> None:
    boards = truth.detector.hardware.feb_index(
        list(zip(*(table[name].tolist() for name in ("crate", "croc", "chain", "board")),
                 strict=True))
    )  # fmt: skip
    truth.offset_ns[boards, table["half"]] = table["offset_ns"]


_TABLES: dict[str, tuple[type[Constants], Callable[[TrueDetector, Table], None]]] = {
    "pedestal": (Pedestal, _take_pedestals),
    "gain": (PmtGain, _take_gains),
    "feb": (FebResponse, _take_curves),
    "strip": (StripToStrip, _take_strips),
    "attenuation": (AttenuationId, _take_attenuation),
    "planes": (Alignment, _take_shifts),
    "rotations": (Alignment, _take_rotations),
    "timing": (Timing, _take_offsets),
}
