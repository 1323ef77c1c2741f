"""Status words of pedestal channels (pre-production page, section 2.6).

High gain decides unless a condition says any gain.  ``no_data`` counts all readings, rejected ones
too: in a file of ``too_few_gates`` gates a single outlier would otherwise spoil a channel.  A
channel of a board without data carries ``absent`` and ``no_data`` only: nothing else is known of
it.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import median_of_boards
from mx2prod.calibration.pedestal_compare import Comparison
from mx2prod.calibration.pedestal_config import PedestalVerdictConfig
from mx2prod.calibration.pedestal_fit import PedestalFit
from mx2prod.calibration.verdict import STRONG_SHIFT, Status, StatusBit, Verdict
from mx2prod.detector.electronics import Electronics
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]
ADC_BITS = Electronics().adc_bits
BIT_PERIOD_IN_RMS = 1.5
"""Largest half period of a bit, in rms, that is looked at for a bit that never changes."""
_BAD, _LOOK = Verdict.BAD, Verdict.INVESTIGATE


class PedestalBit(IntEnum):
    """Numbers of the status bits."""

    ABSENT = 0
    NO_DATA = 1
    STUCK = 2
    RAIL = 3
    NOISY = 4
    WIDE = 5
    CONTAMINATED = 6
    SHAPE = 7
    SHIFTED = 8
    RMS_CHANGED = 9
    DRIFT = 10
    BLOCK_DEP = 11
    ADDRESS = 12
    KNOWN = 13


def _bit(
    bit: PedestalBit, verdict: Verdict, condition: str, strong_condition: str = ""
) -> StatusBit:
    counts = bit > PedestalBit.SHAPE
    return StatusBit(int(bit), bit.name.lower(), verdict, condition, counts, strong_condition)


PEDESTAL_STATUS: tuple[StatusBit, ...] = (
    _bit(PedestalBit.ABSENT, _BAD, "board not in the data"),
    _bit(PedestalBit.NO_DATA, _BAD, "fewer readings than min_entries"),
    _bit(
        PedestalBit.STUCK,
        _BAD,
        "rms too small, too few distinct values, or a bit that never changes",
    ),
    _bit(PedestalBit.RAIL, _BAD, "mean near an end of the range, any gain"),
    _bit(PedestalBit.NOISY, _BAD, "rms far too large, any gain"),
    _bit(PedestalBit.WIDE, _LOOK, "rms large, or many times the median of the board"),
    _bit(PedestalBit.CONTAMINATED, _LOOK, "many readings rejected", "very many readings rejected"),
    _bit(PedestalBit.SHAPE, _LOOK, "core fit disagrees, or rms too large for the core"),
    _bit(PedestalBit.SHIFTED, _LOOK, "mean differs from the previous table, any gain"),
    _bit(PedestalBit.RMS_CHANGED, _LOOK, "rms differs from the previous table"),
    _bit(PedestalBit.DRIFT, _LOOK, "the board moves within the file"),
    _bit(PedestalBit.BLOCK_DEP, _LOOK, "mean depends on the hit block"),
    _bit(PedestalBit.ADDRESS, _LOOK, "board that no table maps"),
    _bit(PedestalBit.KNOWN, Verdict.GOOD, "listed in the bad-channel table"),
)
"""All bits, in order of their numbers; 0 to 7 of a known-bad channel do not count."""


def has_bit(status: Status, bit: PedestalBit) -> Bools:
    """Tell which status words have a bit."""
    found: Bools = (status & (1 << bit)) != 0
    return found


@dataclass(frozen=True)
class BoardRoles:
    """What is known of the boards beside their readings.

    Attributes
    ----------
    present : ndarray of bool, shape (n_febs,)
        Have answered at least once.
    mapped : ndarray of bool, shape (n_febs,)
        A table of the detector has the board.
    """

    present: Bools
    mapped: Bools


def pedestal_status(
    fit: PedestalFit,
    comparison: Comparison,
    roles: BoardRoles,
    known: Bools,
    config: PedestalVerdictConfig,
) -> Status:
    """Status words of all channels.

    Parameters
    ----------
    fit : PedestalFit
    comparison : Comparison
        With the previous table.
    roles : BoardRoles
    known : ndarray of bool, shape (n_channels,)
        Channels of the bad-channel table.
    config : PedestalVerdictConfig

    Returns
    -------
    ndarray of int32, shape (n_channels,)
    """
    absent = np.repeat(~roles.present, PIXELS_PER_BOARD)
    no_data = (fit.readings[:, Gain.HIGH] < config.min_entries) | absent
    word = np.zeros(fit.n_channels, np.int32)
    for bit, found in (
        *_bits_of_widths(fit, config),
        *_bits_of_shape(fit, config),
        (PedestalBit.SHIFTED, _any_gain(comparison.shifted(config))),
        (PedestalBit.RMS_CHANGED, comparison.rms_changed(config)),
        *_bits_of_monitors(fit, config),
    ):
        word[found & ~no_data] |= 1 << bit
    heavy = fit.moments.rejected[:, Gain.HIGH] > config.contaminated_bad
    word[heavy & ~no_data] |= 1 << (PedestalBit.CONTAMINATED + STRONG_SHIFT)
    for bit, found in (
        (PedestalBit.ABSENT, absent),
        (PedestalBit.NO_DATA, no_data),
        (PedestalBit.ADDRESS, np.repeat(~roles.mapped, PIXELS_PER_BOARD)),
        (PedestalBit.KNOWN, known),
    ):
        word[found] |= 1 << bit
    return word


def _bits_of_widths(
    fit: PedestalFit, config: PedestalVerdictConfig
) -> list[tuple[PedestalBit, Bools]]:
    mean, rms = fit.moments.mean, fit.moments.rms
    stuck = (rms < config.stuck_rms) | (fit.distinct <= config.stuck_values)
    stuck |= (fit.same_bits & bits_that_change(rms)) != 0
    rail = (mean < config.rail_low) | (mean > config.rail_high)
    limits = np.full(rms.shape[1], config.noisy_rms_other)
    limits[Gain.HIGH] = config.noisy_rms
    high = rms[:, Gain.HIGH]
    of_board = median_of_boards(high, fit.readings[:, Gain.HIGH] > 0, np.inf)
    wide = (high > config.wide_rms) | (high > config.wide_of_median * of_board)
    return [
        (PedestalBit.STUCK, _any_gain(stuck)),
        (PedestalBit.RAIL, _any_gain(rail)),
        (PedestalBit.NOISY, _any_gain(rms > limits)),
        (PedestalBit.WIDE, wide),
    ]


def _any_gain(found: Bools) -> Bools:
    any_gain: Bools = np.logical_or.reduce(found, axis=1)
    return any_gain


def _bits_of_shape(
    fit: PedestalFit, config: PedestalVerdictConfig
) -> list[tuple[PedestalBit, Bools]]:
    high = Gain.HIGH
    moments = fit.moments
    off = np.abs(fit.core_mean[:, high] - moments.mean[:, high])
    disagrees = (off > config.shape_adc) & (off > config.shape_sigma * fit.core_err[:, high])
    tails = moments.rms[:, high] > config.shape_ratio * fit.robust_rms[:, high]
    return [
        (PedestalBit.CONTAMINATED, moments.rejected[:, high] > config.contaminated),
        (PedestalBit.SHAPE, disagrees | tails),
    ]


def _bits_of_monitors(
    fit: PedestalFit, config: PedestalVerdictConfig
) -> list[tuple[PedestalBit, Bools]]:
    spread, error = fit.drift.spread()
    drifts = (spread > config.drift_adc) & (spread > config.monitor_sigma * error)
    size = np.abs(fit.block_offset[:, Gain.HIGH])
    sure = size > config.monitor_sigma * fit.block_err[:, Gain.HIGH]
    return [
        (PedestalBit.DRIFT, np.repeat(drifts, PIXELS_PER_BOARD)),
        (PedestalBit.BLOCK_DEP, _any_gain((size > config.block_adc) & sure)),
    ]


def bits_that_change(rms: Floats) -> npt.NDArray[np.int64]:
    """Give masks of the ADC bits that a pedestal of this width cannot leave alone.

    Half a period of bit b is 2^b ADC; where that is no more than 1.5 rms, at least a third of the
    readings of a Gaussian are outside any such half, so that the bit takes both values.
    """
    known = np.isfinite(rms) & (rms > 0)
    highest = np.floor(np.log2(BIT_PERIOD_IN_RMS * np.where(known, rms, 1.0)))
    bits = np.clip(np.where(known, highest, -1.0), -1, ADC_BITS - 1).astype(np.int64)
    return np.asarray(2 ** (bits + 1) - 1)
