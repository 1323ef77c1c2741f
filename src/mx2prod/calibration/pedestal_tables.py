"""Pedestal tables and their companions (pre-production page, section 2.5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import address_columns, median_of_boards
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_compare import Comparison
from mx2prod.calibration.pedestal_fit import PedestalFit
from mx2prod.calibration.verdict import Status
from mx2prod.constants.keys import DetectorMaps
from mx2prod.constants.period import Period
from mx2prod.constants.source import Source
from mx2prod.constants.table import Table
from mx2prod.constants.tables import GAINS, BadChannel, Pedestal, PedestalCompanion
from mx2prod.core.errors import TableError
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

NO_PREVIOUS = -1.0
"""Previous mean of a channel that has none."""

BAD_PEDESTAL = 1 << 2
"""Flag of the bad-channel table."""

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[np.generic]]


@dataclass(frozen=True)
class PedestalTables:
    """Tables of one pedestal product.

    Attributes
    ----------
    pedestals : Table
    companion : Table
        Same rows.
    nominal : Table or None
        Bad-channel table of the rows that hold medians instead of measurements.
    """

    pedestals: Table
    companion: Table
    nominal: Table | None = None


def pedestal_tables(
    fit: PedestalFit,
    status: Status,
    comparison: Comparison,
    expected: Bools,
    maps: DetectorMaps,
    *,
    period: Period | None,
    missing: Literal["omit", "nominal"] = "omit",
) -> PedestalTables | None:
    """Make the tables of a fit; equal input gives equal content hashes.

    Parameters
    ----------
    fit : PedestalFit
    status : ndarray of int32, shape (n_channels,)
    comparison : Comparison
    expected : ndarray of bool, shape (n_febs,)
        Boards that get rows.
    maps : DetectorMaps
        With the hardware map of the fit.
    period : Period or None
    missing : {"omit", "nominal"}
        Rows of channels without an rms in every gain: left out, or filled with the median of the
        board (of all boards for a board without data) and listed in ``nominal``.

    Returns
    -------
    PedestalTables or None
        None without a row.
    """
    wanted = np.repeat(expected, PIXELS_PER_BOARD)
    measured = wanted & np.isfinite(fit.moments.rms).all(axis=1)
    if not measured.any():
        return None
    columns = _pedestal_columns(fit)
    companion = _companion_columns(fit, status, comparison)
    rows, filled = np.flatnonzero(measured), wanted & ~measured
    nominal = None
    if missing == "nominal" and filled.any():
        _fill(columns, companion, filled, measured)
        rows = np.flatnonzero(wanted)
        nominal = _nominal_table(np.flatnonzero(filled), maps)
    address = address_columns(maps.hardware, rows)
    source = Source("pedestal fit")
    return PedestalTables(
        Table.of(Pedestal, address | _of_rows(columns, rows), period=period, maps=maps,
                 source=source),
        Table.of(PedestalCompanion, address | _of_rows(companion, rows), period=period, maps=maps,
                 source=source),
        nominal,
    )  # fmt: skip


def period_of(accumulator: PedestalAccumulator) -> Period | None:
    """Time from the first to the last gate used; None without a gate or with impossible times."""
    times = accumulator.time_range_us()
    if times is None:
        return None
    entries = accumulator.entries()
    fewest = int(np.min(entries, initial=10**9 - 1, where=entries > 0))
    try:
        return Period(times[0], max(times[1], times[0] + 1), fewest)
    except TableError:
        return None


def _pedestal_columns(fit: PedestalFit) -> Columns:
    columns: Columns = {}
    for gain, (prefix, _) in enumerate(GAINS):
        columns[f"{prefix}_mean"] = fit.moments.mean[:, gain].copy()
        columns[f"{prefix}_rms"] = fit.moments.rms[:, gain].copy()
        columns[f"{prefix}_entries"] = fit.moments.entries[:, gain].astype(np.float64)
    return columns


def _companion_columns(fit: PedestalFit, status: Status, comparison: Comparison) -> Columns:
    columns: Columns = {}
    for gain, (prefix, _) in enumerate(GAINS):
        columns[f"{prefix}_mean_err"] = fit.moments.mean_err[:, gain].copy()
        columns[f"{prefix}_rms_err"] = fit.moments.rms_err[:, gain].copy()
    spread, _ = fit.drift.spread()
    previous = comparison.previous_mean
    return columns | {
        "rejected_fraction": fit.moments.rejected[:, Gain.HIGH].copy(),
        "block_offset": _largest(fit.block_offset[:, Gain.HIGH]),
        "drift": np.repeat(spread, PIXELS_PER_BOARD),
        "coherent_rms": np.repeat(np.nan_to_num(fit.coherent_rms), PIXELS_PER_BOARD),
        "status": status,
        "previous_mean": np.where(np.isfinite(previous), previous, NO_PREVIOUS),
    }


def _largest(offsets: Floats) -> Floats:
    """Offset of largest size of each row; 0 without any."""
    known = np.nan_to_num(offsets)
    best = np.argmax(np.abs(known), axis=1)
    largest: Floats = known[np.arange(len(known)), best]
    return largest


def _fill(columns: Columns, companion: Columns, filled: Bools, measured: Bools) -> None:
    """Put medians into rows without measurement; their error is the width of the pedestal."""
    for prefix, _ in GAINS:
        for name in (f"{prefix}_mean", f"{prefix}_rms"):
            values = np.asarray(columns[name], np.float64)
            middle = float(np.nanmedian(values[measured]))
            columns[name][filled] = median_of_boards(values, measured, middle)[filled]
        columns[f"{prefix}_entries"][filled] = 0.0
        for name in (f"{prefix}_mean_err", f"{prefix}_rms_err"):
            companion[name][filled] = columns[f"{prefix}_rms"][filled]
    companion["rejected_fraction"][filled] = 0.0


def _nominal_table(channels: npt.NDArray[np.int64], maps: DetectorMaps) -> Table:
    columns = address_columns(maps.hardware, channels) | {
        "flags": np.full(len(channels), BAD_PEDESTAL, np.int32),
        "reason": np.full(len(channels), "no pedestal data: median of the board", object),
    }
    return Table.of(BadChannel, columns, maps=maps, source=Source("pedestal fit"))


def _of_rows(columns: Columns, rows: npt.NDArray[np.int64]) -> Columns:
    return {name: values[rows] for name, values in columns.items()}
