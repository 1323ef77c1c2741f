"""Table of the FEB response with its verdict, from curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import chosen_boards
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.feb_accumulator import FebSums
from mx2prod.calibration.feb_curve import SLOPE1, SLOPE2, SLOPE3
from mx2prod.calibration.feb_fit import table_of_curves
from mx2prod.calibration.feb_verdict import (
    KINKS,
    NO_FIT,
    NOMINAL,
    SLOPES_CLOSE,
    check_curves,
    fill_with_median,
    judge_curves,
)
from mx2prod.calibration.gates import gates_by_kind
from mx2prod.calibration.outputs import product_members
from mx2prod.calibration.verdict import Reason, TableVerdict, Verdict
from mx2prod.constants import Table
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class FebProduct:
    """Table of the response with its verdict.

    Attributes
    ----------
    files : tuple of Path
        Raw files, or the folder of bench files.
    verdict : TableVerdict
    status : ndarray of int32, shape (n_channels,)
        Bits of :data:`~mx2prod.calibration.feb_verdict.FEB_BITS`.
    table : Table or None
        Schema FebResponse, all pixels of the expected boards; None without any measured channel.
    sums : FebSums or None
        Accumulator; None for imported files.
    deviations : tuple of str
        Settings that are not the defaults.
    """

    files: tuple[Path, ...]
    verdict: TableVerdict
    status: npt.NDArray[np.int32]
    table: Table | None = None
    sums: FebSums | None = None
    deviations: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 calibrate --json``; no run, because the files are merged."""
        return product_members(self.files, None, self.verdict, self.deviations)


def product_of_curves(
    arrays: tuple[Floats, Floats, Floats],
    absent: Bools,
    hardware: HardwareMap,
    config: Preproduction,
    *,
    files: Sequence[Path],
    notes: Sequence[Reason],
    sums: FebSums | None = None,
) -> FebProduct:
    """Check rows, fill those without a usable curve, judge the table.

    Parameters
    ----------
    arrays : tuple of ndarray
        Curves and errors, shape (n_channels, 3, 6), and chi2/ndf, shape (n_channels, 3).
    absent : ndarray of bool, shape (n_febs,)
        Expected boards without data.
    hardware : HardwareMap
    config : Preproduction
    files : sequence of Path
    notes : sequence of Reason
        What is known besides.
    sums : FebSums, optional
    """
    boards = config.expected_boards(hardware)
    expected, no_data = (np.repeat(rows, PIXELS_PER_BOARD) for rows in (boards, absent))
    status = check_curves(*arrays, config.feb)
    status[no_data] = 0
    curves, errors, chi2ndf = (_without(array, ~expected) for array in arrays)
    fill = expected & (no_data | _unusable(curves, status))
    status[fill] |= NOMINAL.mask
    status[~expected] = 0
    if absent.any():
        names = chosen_boards(hardware, absent)
        text = "boards without data get the median of all boards"
        notes = [*notes, Reason("absent_boards", text, Verdict.INVESTIGATE, len(names), names)]
    gates = None if sums is None else gates_by_kind(sums.gates)
    verdict = judge_curves(status, hardware, boards, config.feb, notes=notes, gates=gates)
    table = None
    if (expected & ~fill).any():
        filled = fill_with_median(curves, errors, chi2ndf, fill)
        table = table_of_curves(*filled, hardware, expected)
    return FebProduct(tuple(files), verdict, status, table, sums, tuple(config.deviations()))


def _without(array: Floats, rows: Bools) -> Floats:
    copy = array.copy()
    copy[rows] = np.nan
    return copy


def _unusable(curves: Floats, status: npt.NDArray[np.int32]) -> Bools:
    """Tell which curves have no inverse; moves third slopes that are 0 within errors to 0."""
    third = curves[..., SLOPE3]
    third[(status & SLOPES_CLOSE.mask) != 0] = np.maximum(
        third[(status & SLOPES_CLOSE.mask) != 0], 0
    )
    rising = (curves[..., [SLOPE1, SLOPE2]] > 0).all(axis=(1, 2)) & (third >= 0).all(axis=1)
    return np.asarray(~rising | ((status & (NO_FIT.mask | KINKS.mask)) != 0))
