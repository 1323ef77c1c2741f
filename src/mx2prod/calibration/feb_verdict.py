"""Checks of the response of the front-end boards, row by row, and the verdict of the table.

Source: pre-production page, section 4.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import inner_channels, reasons_of_bits
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import KINK1, KINK2, SLOPE1, SLOPE2, SLOPE3
from mx2prod.calibration.peirce_kernels import MAD_TO_SIGMA
from mx2prod.calibration.verdict import (
    Reason,
    Status,
    StatusBit,
    TableVerdict,
    Verdict,
    channel_verdicts,
    count_verdicts,
)
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

NOMINAL = StatusBit(0, "nominal", Verdict.INVESTIGATE, "no curve of its own: median of all boards")
NO_FIT = StatusBit(1, "no_fit", Verdict.BAD, "no curve of a gain, or one that is not finite")
SLOPES = StatusBit(2, "slopes", Verdict.BAD, "not slope1 > slope2 > slope3 >= 0, beyond the errors")
SLOPES_CLOSE = StatusBit(
    3, "slopes_close", Verdict.INVESTIGATE, "the same, but within slope_sigma errors"
)
KINKS = StatusBit(4, "kinks", Verdict.BAD, "not 0 < xkink1 < xkink2")
ERRORS = StatusBit(5, "errors", Verdict.BAD, "an error is not above 0")
CHI2 = StatusBit(6, "chi2", Verdict.INVESTIGATE, "chi2/ndf at or above chi2ndf_max")
RATIO = StatusBit(
    7, "ratio", Verdict.INVESTIGATE, "slope1 over that of the next gain is outside its limits"
)
FEB_BITS = (NOMINAL, NO_FIT, SLOPES, SLOPES_CLOSE, KINKS, ERRORS, CHI2, RATIO)
"""Status bits of a channel; a bit is set if any gain has the condition."""


def check_curves(
    curves: Floats, errors: Floats, chi2ndf: Floats, config: FebConfig | None = None
) -> Status:
    """Status words of channels.

    Parameters
    ----------
    curves, errors : ndarray of float64, shape (n_channels, 3, 6)
    chi2ndf : ndarray of float64, shape (n_channels, 3)
    config : FebConfig, optional

    Returns
    -------
    ndarray of int32, shape (n_channels,)
        Bits of :data:`FEB_BITS` without ``nominal``.
    """
    config = config or FebConfig()
    finite = np.isfinite(curves) & np.isfinite(errors) & np.isfinite(chi2ndf)[..., None]
    missing = ~finite.all(axis=(1, 2))
    with np.errstate(divide="ignore", invalid="ignore"):
        beyond, close = _slopes(curves, errors, config.slope_sigma)
        ratio = curves[:, :-1, SLOPE1] / curves[:, 1:, SLOPE1]
    outside = ~((ratio >= config.slope_ratio_min) & (ratio <= config.slope_ratio_max))
    kink1, kink2 = curves[..., KINK1], curves[..., KINK2]
    conditions = (
        (SLOPES, beyond),
        (SLOPES_CLOSE, close & ~beyond),
        (KINKS, (~((kink1 > 0) & (kink1 < kink2))).any(axis=1)),
        (ERRORS, (~(errors > 0)).any(axis=(1, 2))),
        (CHI2, (~(chi2ndf < config.chi2ndf_max)).any(axis=1)),
        (RATIO, outside.any(axis=1)),
    )
    status = np.zeros(len(curves), np.int32)
    for bit, condition in conditions:
        status[condition & ~missing] |= bit.mask
    status[missing] = NO_FIT.mask
    return status


def _slopes(curves: Floats, errors: Floats, sigma: float) -> tuple[Bools, Bools]:
    """Tell which channels break the order of the slopes, beyond and within their errors."""
    slopes = curves[..., [SLOPE1, SLOPE2, SLOPE3]]
    squares = errors[..., [SLOPE1, SLOPE2, SLOPE3]] ** 2
    excess = np.concatenate([np.diff(slopes, axis=-1), -slopes[..., 2:]], axis=-1)
    allowed = sigma * np.sqrt(
        np.concatenate([squares[..., 1:] + squares[..., :-1], squares[..., 2:]], axis=-1)
    )
    wrong = excess >= 0
    wrong[..., 2] = excess[..., 2] > 0  # a third slope of 0 is legal
    beyond = wrong & (excess > allowed)
    return np.asarray(beyond.any(axis=(1, 2))), np.asarray(wrong.any(axis=(1, 2)))


def fill_with_median(
    curves: Floats, errors: Floats, chi2ndf: Floats, rows: Bools
) -> tuple[Floats, Floats, Floats]:
    """Give rows the median of the same pixel of all other boards.

    Their errors are the spread between the boards (1.4826 times the median absolute deviation),
    at least the median error.

    Parameters
    ----------
    curves, errors, chi2ndf : see :func:`check_curves`
    rows : ndarray of bool, shape (n_channels,)
        Rows to fill; not all of them.

    Returns
    -------
    curves, errors, chi2ndf : ndarray of float64
        Copies.
    """
    filled = [array.copy() for array in (curves, errors, chi2ndf)]
    if rows.any():
        others = [np.where(_wide(rows, array), np.nan, array) for array in filled]
        middle = [_median_of_boards(array) for array in others]
        deviations = np.abs(others[0] - _each_board(middle[0], others[0]))
        spread = MAD_TO_SIGMA * _median_of_boards(deviations)
        middle[1] = np.maximum(middle[1], spread)
        pixel = np.flatnonzero(rows) % PIXELS_PER_BOARD
        for array, values in zip(filled, middle, strict=True):
            array[rows] = values[pixel]
    return filled[0], filled[1], filled[2]


def _median_of_boards(values: Floats) -> Floats:
    """Median over the boards, shape (64, ...); of all channels for a pixel without any."""
    by_pixel = values.reshape(-1, PIXELS_PER_BOARD, *values.shape[1:])
    nowhere = np.isnan(by_pixel).all(axis=0)
    return np.asarray(
        np.nanmedian(np.where(nowhere, np.nanmedian(values, axis=0), by_pixel), axis=0)
    )


def _each_board(of_pixel: Floats, like: Floats) -> Floats:
    boards = len(like) // PIXELS_PER_BOARD
    return np.tile(of_pixel, (boards, *[1] * (like.ndim - 1)))


def _wide(rows: Bools, like: Floats) -> Bools:
    return np.broadcast_to(rows.reshape(-1, *[1] * (like.ndim - 1)), like.shape)


def judge_curves(
    status: Status,
    hardware: HardwareMap,
    expected: Bools,
    config: FebConfig,
    *,
    notes: Sequence[Reason] = (),
    gates: dict[str, int] | None = None,
) -> TableVerdict:
    """Verdict of a table from the status words of its channels.

    Parameters
    ----------
    status : ndarray of int32, shape (n_channels,)
    hardware : HardwareMap
    expected : ndarray of bool, shape (n_febs,)
        Boards that have rows.
    config : FebConfig
    notes : sequence of Reason
        What is known besides.
    gates : dict of str to int, optional
        Gates by kind.
    """
    ranks = channel_verdicts(status, FEB_BITS)
    rows = np.repeat(expected, PIXELS_PER_BOARD)
    deciding = rows & inner_channels(hardware)
    counts = count_verdicts(ranks[deciding])
    n = max(int(np.count_nonzero(deciding)), 1)
    good, bad = counts["good"] / n, counts["bad"] / n
    reasons = [*notes, *reasons_of_bits(status, rows, hardware, FEB_BITS, [NOMINAL])]
    usable = 1 - bad
    if usable < config.usable_fraction:
        text = f"{usable:.1%} of the inner-detector channels are usable"
        reasons.append(Reason("usable", text, Verdict.BAD, counts["bad"]))
    elif good < config.good_fraction or bad > config.bad_fraction:
        text = f"{good:.1%} of the inner-detector channels are good, {bad:.1%} bad"
        reasons.append(Reason("good", text, Verdict.INVESTIGATE, n - counts["good"]))
    return TableVerdict.of("feb", reasons, count_verdicts(ranks[rows]), gates)
