"""Comparison with the previous approved pedestal table (pre-production page, 2.8 and 2.9)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import board_names, require_schema
from mx2prod.calibration.feb_curve import channel_values
from mx2prod.calibration.pedestal_config import PedestalVerdictConfig
from mx2prod.calibration.pedestal_fit import N_GAINS, PedestalFit
from mx2prod.constants.keys import Key
from mx2prod.constants.table import Table
from mx2prod.constants.tables import Pedestal, PedestalCompanion
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

Bools = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PreviousPedestals:
    """The pedestal table that is valid just before.

    Attributes
    ----------
    table : Table
        Schema ``pedestal/1``.
    companion : Table or None
        Schema ``pedestal-companion/1``; without it errors are rms over the root of the entries.
    name : str
        What reasons and plots call it.
    same_period : bool
        False if it is the last table of the period before: more drift is allowed.
    """

    table: Table
    companion: Table | None = None
    name: str = "previous table"
    same_period: bool = True

    def __post_init__(self) -> None:
        for table, schema in ((self.table, Pedestal), (self.companion, PedestalCompanion)):
            require_schema(table, schema, next_step="mx2 calibrate pedestals")


@dataclass(frozen=True)
class Comparison:
    """Differences to the previous table; NaN where there is nothing to compare.

    Attributes
    ----------
    name : str
        Of the previous table; empty without one.
    difference, error : ndarray of float64, shape (n_channels, 3)
        New minus previous mean, and its error, ADC.
    rms_ratio : ndarray of float64, shape (n_channels, 3)
        New over previous rms.
    previous_mean : ndarray of float64, shape (n_channels,)
        High gain, ADC.
    allowance : float
        Factor on the limits in ADC.
    reset : tuple of str
        Boards that were exchanged on purpose and are not compared.
    unmatched : tuple of str
        Channels of the previous table that the hardware map does not have.
    """

    name: str
    difference: Floats
    error: Floats
    rms_ratio: Floats
    previous_mean: Floats
    allowance: float = 1.0
    reset: tuple[str, ...] = ()
    unmatched: tuple[str, ...] = ()

    def shifted(self, config: PedestalVerdictConfig) -> Bools:
        """Tell which means differ, shape (n_channels, 3) (section 2.6, bit 8)."""
        limits = np.full(N_GAINS, config.shifted_adc_other)
        limits[Gain.HIGH] = config.shifted_adc
        allowed = np.fmax(config.shifted_sigma * self.error, self.allowance * limits)
        shifted: Bools = np.abs(self.difference) > allowed
        return shifted

    def rms_changed(self, config: PedestalVerdictConfig) -> Bools:
        """Tell which high-gain widths differ, shape (n_channels,) (section 2.6, bit 9)."""
        ratio = self.rms_ratio[:, Gain.HIGH]
        return (ratio < config.rms_ratio_low) | (ratio > config.rms_ratio_high)


def compare(
    fit: PedestalFit,
    hardware: HardwareMap,
    previous: PreviousPedestals | None,
    swaps: Collection[str],
    config: PedestalVerdictConfig,
) -> Comparison:
    """Compare with the previous table, on the channels that both have.

    Parameters
    ----------
    fit : PedestalFit
    hardware : HardwareMap
    previous : PreviousPedestals or None
    swaps : collection of str
        Boards (``crate-croc-chain-board``) whose FEB or PMT was exchanged since then.
    config : PedestalVerdictConfig

    Raises
    ------
    UsageError
        If a board of ``swaps`` is not in the hardware map.
    """
    reset = _reset_channels(swaps, hardware)
    none = np.full((fit.n_channels, N_GAINS), np.nan)
    if previous is None:
        return Comparison("", none, none, none, none[:, Gain.HIGH], reset=tuple(sorted(swaps)))
    values = channel_values(previous.table, hardware, ("mean", "rms", "entries"))
    before, width, entries = np.moveaxis(values, 2, 0)
    error = _previous_errors(previous, width, entries, hardware)
    for compared in (before, width, error):
        compared[reset] = np.nan
    ratio = np.full_like(width, np.nan)
    np.divide(fit.moments.rms, width, out=ratio, where=width > 0)
    channel = previous.table.channel
    unknown = channel[hardware.channel_index(channel) < 0]
    return Comparison(
        previous.name,
        fit.moments.mean - before,
        np.hypot(fit.moments.mean_err, error),
        ratio,
        before[:, Gain.HIGH],
        1.0 if previous.same_period else config.period_factor,
        tuple(sorted(swaps)),
        tuple("-".join(map(str, Key.CHANNEL.address_of(int(key)))) for key in unknown),
    )


def exchanged_boards(
    fit: PedestalFit, comparison: Comparison, usable: Bools, config: PedestalVerdictConfig
) -> list[tuple[int, int]]:
    """Find boards whose pattern of 64 means is that of another board in the previous table.

    Parameters
    ----------
    fit : PedestalFit
    comparison : Comparison
    usable : ndarray of bool, shape (n_channels,)
        Channels whose mean is a pedestal: not stuck, not at a rail.
    config : PedestalVerdictConfig

    Returns
    -------
    list of (int, int)
        Dense numbers (board, board whose pattern it has).
    """
    usable = usable & np.isfinite(comparison.previous_mean)
    new = _patterns(fit.moments.mean[:, Gain.HIGH], usable)
    old = _patterns(comparison.previous_mean, usable)
    correlation = new @ old.T
    own = np.diag(correlation).copy()
    np.fill_diagonal(correlation, -1)
    best = np.argmax(correlation, axis=1)
    value = correlation[np.arange(len(best)), best]
    found = (value > config.match_correlation) & (value > own + config.match_margin)
    return [(int(board), int(best[board])) for board in np.flatnonzero(found)]


def exchange_texts(pairs: list[tuple[int, int]], names: list[str]) -> list[str]:
    """Say pairs once: ``A <-> B``; a board that only looks like another: ``A has that of B``."""
    known = set(pairs)
    texts = []
    for board, other in pairs:
        if (other, board) not in known:
            texts.append(f"{names[board]} has that of {names[other]}")
        elif board < other:
            texts.append(f"{names[board]} <-> {names[other]}")
    return texts


def _patterns(mean: Floats, usable: Bools) -> Floats:
    """Give means minus the board's mean as unit vectors; zero with few usable channels."""
    means = np.where(usable, mean, 0.0).reshape(-1, PIXELS_PER_BOARD)
    weight = usable.reshape(means.shape)
    n = weight.sum(axis=1, keepdims=True)
    centre = means.sum(axis=1, keepdims=True) / np.maximum(n, 1)
    vectors = np.where(weight, means - centre, 0.0)
    length = np.sqrt((vectors**2).sum(axis=1, keepdims=True))
    fine = (n > PIXELS_PER_BOARD // 2) & (length > 0)
    patterns: Floats = np.divide(vectors, length, out=np.zeros_like(vectors), where=fine)
    return patterns


def _previous_errors(
    previous: PreviousPedestals, width: Floats, entries: Floats, hardware: HardwareMap
) -> Floats:
    error = np.full_like(width, np.nan)
    np.divide(width, np.sqrt(entries), out=error, where=entries > 0)
    if previous.companion is None:
        return error
    given = channel_values(previous.companion, hardware, ("mean_err",))[..., 0]
    return np.where(np.isfinite(given), given, error)


def _reset_channels(swaps: Collection[str], hardware: HardwareMap) -> npt.NDArray[np.int64]:
    numbers = {name: number for number, name in enumerate(board_names(hardware))}
    for board in swaps:
        if board not in numbers:
            raise UsageError(
                f"swap list: no board {board} in {hardware.table.name}{nearest(board, numbers)}",
                next_step="mx2 detector boards",
            )
    boards = np.array(sorted(numbers[board] for board in swaps), np.int64)
    return (boards[:, None] * PIXELS_PER_BOARD + np.arange(PIXELS_PER_BOARD)).ravel()
