"""Check of the response in situ: slopes between neighbouring gains against the constants.

Source: pre-production page, section 4.  Only ratios of gains are seen: an error that all gains of
a channel share cannot be found this way.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind, Relation
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import SLOPE1, channel_values, curves_of_table
from mx2prod.constants import Table
from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
LowGain = Literal["per_push", "gate_end", "unknown"]

_HOLDS_CHARGE = 0.5
"""Median of measured over expected slope above which timed blocks do hold low-gain charge."""


@dataclass(frozen=True)
class GainRatios:
    """Slopes between neighbouring gains; first axis: medium over high, low over medium.

    Attributes
    ----------
    ratio, error : ndarray of float64, shape (2, n_channels)
        Measured slope over that of the constants, and its relative error; NaN where not measured.
    expected_error : ndarray of float64, shape (2, n_channels)
        Relative error of the slope of the constants.
    expected : ndarray of float64, shape (2, n_channels)
        Slope of the constants.
    readings : ndarray of int64, shape (2, n_channels)
        Of lit pixels.
    judged : ndarray of bool, shape (2, n_channels)
        Enough readings and a small enough error.
    low_gain : {"per_push", "gate_end", "unknown"}
        Whether timed blocks hold low-gain charge, as the data show it.
    """

    ratio: Floats
    error: Floats
    expected: Floats
    expected_error: Floats
    readings: npt.NDArray[np.int64]
    judged: Bools
    low_gain: LowGain

    def beyond(self, tolerance: float) -> Bools:
        """Tell which channels have a judged ratio that is not 1, shape (n_channels,)."""
        off = self.judged & (np.abs(self.ratio - 1) > tolerance)
        return np.asarray(off.any(axis=0))


@dataclass(frozen=True)
class BoardMatch:
    """A board whose ratios disagree with its constants.

    Attributes
    ----------
    board : int
        Dense board number.
    beyond : float
        Fraction of its judged channels that are beyond the tolerance.
    ratio : float
        Median of measured over expected slope, of the pair of gains that is farther off.
    same_as : int
        Dense number of the board whose constants fit; -1 if none does.
    """

    board: int
    beyond: float
    ratio: float
    same_as: int


def gain_ratios(
    sums: FebSums,
    hardware: HardwareMap,
    pedestals: Table,
    feb: Table,
    config: FebConfig | None = None,
) -> GainRatios:
    """Fit the slopes between gains and compare them with the constants.

    The slope is covariance over variance, the variance without the noise of the larger gain, so
    that a wide pedestal does not flatten it.

    Parameters
    ----------
    sums : FebSums
        Of the kind ``in-situ``.
    hardware : HardwareMap
    pedestals : Table
        Schema Pedestal; gives the noise.
    feb : Table
        Schema FebResponse; the constants to be checked.
    config : FebConfig, optional

    Raises
    ------
    UsageError
        For sums of another kind.
    ConfigError
        For sums of another hardware map.
    TableError
        If the table of the response lacks a channel.
    """
    config = config or FebConfig()
    _require_fitting(sums, hardware)
    noise = channel_values(pedestals, hardware, ("rms",))[:, :2, 0].T
    curves = curves_of_table(feb, hardware)[..., SLOPE1].T
    errors = channel_values(feb, hardware, ("slope1_err",))[..., 0].T
    expected = curves[1:] / curves[:-1]
    relative = errors / curves
    high, low, timed = (sums.sums[relation] for relation in Relation)
    low_gain = _low_gain(timed, noise[1], expected[1], config)
    if low_gain == "per_push":
        low = low + timed
    slopes = [_slope(part, noise[place]) for place, part in enumerate((high, low))]
    slope, error = (np.stack([pair[k] for pair in slopes]) for k in range(2))
    readings = np.stack([high[:, 6], low[:, 6]])
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio, error = slope / expected, error / np.abs(slope)
    judged = (readings >= config.in_situ_readings) & (error <= config.in_situ_error_max)
    return GainRatios(
        ratio, error, expected, np.hypot(relative[1:], relative[:-1]), readings, judged, low_gain
    )


def boards_off(ratios: GainRatios, config: FebConfig | None = None) -> list[BoardMatch]:
    """Find boards that are off as a whole, and the board whose constants they seem to have.

    Parameters
    ----------
    ratios : GainRatios
    config : FebConfig, optional

    Returns
    -------
    list of BoardMatch
        In order of the boards.
    """
    config = config or FebConfig()
    shape = (2, -1, PIXELS_PER_BOARD)
    judged = ratios.judged.reshape(shape)
    beyond = ratios.beyond(config.in_situ_tolerance).reshape(shape[1:])
    n_judged = judged.any(axis=0).sum(axis=1)
    off = (n_judged >= PIXELS_PER_BOARD // 2) & (
        beyond.sum(axis=1) > config.board_fraction * n_judged
    )
    chi2 = _chi2_of_boards(ratios, np.flatnonzero(off), config)
    found = []
    for row, board in enumerate(np.flatnonzero(off).tolist()):
        medians = np.array([
            np.median(of_pair[board][of_board[board]]) if of_board[board].any() else 1.0
            for of_pair, of_board in zip(ratios.ratio.reshape(shape), judged, strict=True)
        ])  # fmt: skip
        best = int(np.argmin(chi2[row]))
        matches = best != board and chi2[row, best] < config.match_chi2
        farthest = medians[np.argmax(np.abs(medians - 1))]
        fraction = float(beyond[board].sum() / n_judged[board])
        found.append(BoardMatch(board, fraction, float(farthest), best if matches else -1))
    return found


def _chi2_of_boards(ratios: GainRatios, boards: npt.NDArray[np.intp], config: FebConfig) -> Floats:
    """chi2/ndf of the slopes of some boards with the constants of every board."""
    shape = (2, -1, PIXELS_PER_BOARD)
    expected = ratios.expected.reshape(shape)
    judged = ratios.judged.reshape(shape)[:, boards]
    measured = (ratios.ratio * ratios.expected).reshape(shape)[:, boards]
    variance = (ratios.error.reshape(shape)[:, boards]) ** 2 + (config.in_situ_tolerance / 6) ** 2
    chi2 = np.empty((len(boards), expected.shape[1]))
    for other in range(expected.shape[1]):
        own = expected[:, other][:, None]
        relative = ratios.expected_error.reshape(shape)[:, other][:, None]
        terms = (measured / own - 1) ** 2 / (variance + relative**2)
        chi2[:, other] = np.where(judged, terms, 0).sum(axis=(0, 2)) / judged.sum(axis=(0, 2))
    return chi2


def _require_fitting(sums: FebSums, hardware: HardwareMap) -> None:
    if sums.kind is not FebSumsKind.IN_SITU:
        raise UsageError(f"sums of kind {sums.kind}: expected {FebSumsKind.IN_SITU}")
    if sums.hardware != hardware.table.sha256:
        raise ConfigError(
            f"sums of hardware map {sums.hardware[:12]}, expected {hardware.table.sha256[:12]} "
            f"of {hardware.table.name}",
            next_step="accumulate the files with this hardware map",
        )


def _slope(sums: npt.NDArray[np.int64], noise: Floats) -> tuple[Floats, Floats]:
    """Slope of y over x and its error, shape (n_channels,) each; NaN where not defined."""
    n = np.where(sums[:, 0] > 2, sums[:, 0], np.nan)
    mean_x, mean_y = sums[:, 1] / n, sums[:, 2] / n
    var_x = sums[:, 3] / n - mean_x**2
    cov = sums[:, 4] / n - mean_x * mean_y
    var_y = sums[:, 5] / n - mean_y**2
    signal = var_x - np.nan_to_num(noise) ** 2
    signal = np.where(signal > 0, signal, np.nan)
    slope = cov / signal
    scatter = np.maximum(var_y - 2 * slope * cov + slope**2 * var_x, 0)
    return slope, np.sqrt(scatter * var_x / (n - 2)) / signal


def _low_gain(
    timed: npt.NDArray[np.int64], noise: Floats, expected: Floats, config: FebConfig
) -> LowGain:
    enough = timed[:, 6] >= config.in_situ_readings
    if not enough.any():
        return "unknown"
    slope, _ = _slope(timed[enough], noise[enough])
    ratio = np.nanmedian(slope / expected[enough])
    return "per_push" if ratio > _HOLDS_CHARGE else "gate_end"
