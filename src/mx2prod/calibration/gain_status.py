"""Status bits of the channels of a gain table (pre-production page, section 3.5)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.gain_config import GainConfig, GainVerdictConfig
from mx2prod.calibration.gain_fit import GainFit
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
from mx2prod.calibration.verdict import Status, StatusBit, Verdict, channel_verdicts
from mx2prod.constants import Table
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def _bad(number: int, name: str, condition: str, *, excused: bool = True) -> StatusBit:
    return StatusBit(number, name, Verdict.BAD, condition, counts_against_table=not excused)


ABSENT = _bad(0, "absent", "the board is not in the data")
NO_DATA = _bad(1, "no_data", "fewer pulses than min_pulses")
DARK = _bad(2, "dark", "mean light below dark_pe, or no light at all")
RANGE = _bad(3, "range", "gain outside gain_min to gain_max, or none")
IMPRECISE = StatusBit(
    4, "imprecise", Verdict.INVESTIGATE, "relative error above error_investigate",
    counts_against_table=False, strong_condition="relative error above error_bad",
)  # fmt: skip
SATURATED = StatusBit(
    5, "saturated", Verdict.INVESTIGATE,
    "more pulses than saturated_fraction beyond the second kink of the gain in use",
)  # fmt: skip
CHANGED = StatusBit(
    6, "changed", Verdict.INVESTIGATE,
    "gain differs from the previous table by changed_sigma and changed_fraction, voltage equal",
)  # fmt: skip
PMT_SPREAD = StatusBit(
    7, "pmt_spread", Verdict.INVESTIGATE,
    "largest over smallest good gain of the PMT above pmt_spread; all its pixels",
)  # fmt: skip
HV = _bad(8, "hv", "high voltage off, or not within hv_difference of its target", excused=False)
LIGHT = StatusBit(
    9, "light", Verdict.INVESTIGATE,
    "light over that of the previous table is outside light_ratio_min to light_ratio_max of the "
    "median ratio",
)  # fmt: skip
NO_PEDESTAL = _bad(10, "no_pedestal", "no row in the pedestal table", excused=False)
NO_FEB = _bad(11, "no_feb", "no row in the table of the FEB response", excused=False)
KNOWN = StatusBit(13, "known", Verdict.GOOD, "listed in the bad-channel table")

GAIN_BITS = (
    ABSENT, NO_DATA, DARK, RANGE, IMPRECISE, SATURATED, CHANGED, PMT_SPREAD, HV, LIGHT,
    NO_PEDESTAL, NO_FEB, KNOWN,
)  # fmt: skip
"""Status bits of a channel."""


def usable_gains(status: Status) -> Bools:
    """Tell which channels are good or to investigate, shape of ``status``."""
    return np.asarray(channel_verdicts(status, GAIN_BITS) < Verdict.BAD.rank)


@dataclass(frozen=True)
class Voltages:
    """High voltage of each board in counts of the FPGA; arrays of shape (n_febs,).

    Attributes
    ----------
    actual, target : ndarray of float64
        Means over the pulses; NaN without a reading.
    off : ndarray of bool
        Switched off in at least half of the readings.
    """

    actual: Floats
    target: Floats
    off: Bools

    @classmethod
    def of(cls, boards: npt.NDArray[np.void]) -> Voltages:
        """Read the counters of an accumulator.

        Parameters
        ----------
        boards : ndarray of LIGHT_BOARD_DTYPE, shape (n_febs,)
        """
        n = boards["slow_readings"].astype(np.float64)
        actual, target = np.full((2, len(boards)), np.nan)
        np.divide(boards["hv_sum"], n, out=actual, where=n > 0)
        np.divide(boards["hv_target_sum"], n, out=target, where=n > 0)
        return cls(actual, target, (2 * boards["hv_off"] >= n) & (n > 0))


@dataclass(frozen=True)
class PreviousGains:
    """The previous table by channel number, NaN without a row; arrays of shape (n_channels,)."""

    gain: Floats
    gain_err: Floats
    pe_mean: Floats
    hv: Floats

    @classmethod
    def of(cls, table: Table | None, hardware: HardwareMap) -> PreviousGains:
        """Read a table of the schema PmtGain; None is a table without rows.

        Parameters
        ----------
        table : Table or None
        hardware : HardwareMap
        """
        columns = np.full((4, hardware.n_channels), np.nan)
        if table is not None:
            channel = hardware.channel_index(table.channel)
            known = channel >= 0
            for place, name in enumerate(("gain", "gain_err", "pe_mean", "hv")):
                columns[place, channel[known]] = table[name][known]
        return cls(*columns)


def gain_status(
    fit: GainFit,
    accumulator: LightInjectionAccumulator,
    inputs: GainInputs,
    config: GainConfig,
    limits: GainVerdictConfig,
    *,
    previous: PreviousGains,
    known_bad: Bools,
) -> Status:
    """Status words of all channels.

    Parameters
    ----------
    fit : GainFit
    accumulator : LightInjectionAccumulator
    inputs : GainInputs
    config : GainConfig
    limits : GainVerdictConfig
    previous : PreviousGains
    known_bad : ndarray of bool, shape (n_channels,)
        Listed in the bad-channel table.

    Returns
    -------
    ndarray of int32, shape (n_channels,)
    """
    boards = accumulator.boards
    channel = np.arange(len(fit.gain))
    voltages = Voltages.of(boards)
    absent = _each_pixel(boards["untimed"] + boards["timed"] == 0)
    no_data = ~absent & (fit.pulses < config.min_pulses)
    no_pedestal = ~np.isfinite(inputs.mean[channel, fit.adc_gain])
    hv = np.repeat(voltages.actual, PIXELS_PER_BOARD)
    measured = ~absent & ~no_data & ~no_pedestal
    far = np.abs(voltages.actual - voltages.target) > limits.hv_difference
    status = np.zeros(len(channel), np.int32)
    with np.errstate(invalid="ignore", divide="ignore"):
        relative = fit.gain_err / fit.gain
        dark = measured & _is_dark(fit, config, limits)
        conditions = (
            (ABSENT.mask, absent),
            (NO_DATA.mask, no_data),
            (DARK.mask, dark),
            (RANGE.mask, measured & ~dark & ~_between(fit.gain, limits.gain_min, limits.gain_max)),
            (IMPRECISE.mask, relative > limits.error_investigate),
            (IMPRECISE.strong_mask, relative > limits.error_bad),
            (SATURATED.mask, fit.saturated > limits.saturated_fraction),
            (CHANGED.mask, _changed(fit, hv, previous, limits)),
            (HV.mask, ~absent & _each_pixel(voltages.off | far)),
            (LIGHT.mask, _other_light(fit, previous, limits)),
            (NO_PEDESTAL.mask, no_pedestal),
            (NO_FEB.mask, ~inputs.has_feb),
            (KNOWN.mask, known_bad),
        )
    for mask, condition in conditions:
        status[condition] |= mask
    status[_wide_pmts(fit, status, limits)] |= PMT_SPREAD.mask
    return status


def _each_pixel(of_board: npt.NDArray[np.bool_]) -> Bools:
    return np.repeat(of_board, PIXELS_PER_BOARD)


def _between(values: Floats, low: float, high: float) -> Bools:
    return np.asarray((values >= low) & (values <= high))


def _is_dark(fit: GainFit, config: GainConfig, limits: GainVerdictConfig) -> Bools:
    """Little light; without a gain, a charge below that of little light at the usual gain."""
    charge = limits.dark_pe * config.target_gain * ELECTRON_CHARGE_FC
    return np.where(np.isnan(fit.gain), ~(fit.q_mean >= charge), fit.pe_mean < limits.dark_pe)


def _changed(fit: GainFit, hv: Floats, previous: PreviousGains, limits: GainVerdictConfig) -> Bools:
    change = np.abs(fit.gain / previous.gain - 1)
    sigma = np.hypot(fit.gain_err, previous.gain_err * fit.gain / previous.gain) / previous.gain
    allowed = np.maximum(limits.changed_sigma * sigma, limits.changed_fraction)
    return np.asarray((change > allowed) & (np.abs(hv - previous.hv) <= limits.changed_hv))


def _other_light(fit: GainFit, previous: PreviousGains, limits: GainVerdictConfig) -> Bools:
    ratio = fit.pe_mean / previous.pe_mean
    usable = np.isfinite(ratio) & (ratio > 0)
    if not usable.any():
        return np.zeros(len(ratio), np.bool_)
    relative = ratio / np.median(ratio[usable])
    return usable & ~_between(relative, limits.light_ratio_min, limits.light_ratio_max)


def _wide_pmts(fit: GainFit, status: Status, limits: GainVerdictConfig) -> Bools:
    """Tell which channels belong to a PMT whose gains that are not bad differ too much."""
    usable = usable_gains(status) & np.isfinite(fit.gain)
    shape = -1, PIXELS_PER_BOARD
    largest = np.where(usable, fit.gain, -np.inf).reshape(shape).max(axis=1)
    smallest = np.where(usable, fit.gain, np.inf).reshape(shape).min(axis=1)
    wide = largest > limits.pmt_spread * smallest
    return _each_pixel(wide)
