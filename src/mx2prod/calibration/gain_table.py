"""Gain tables, list of problem channels, report of suggested voltages (pre-production page, 3.4).

Voltages are a report for people, never a setting.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import address_columns, board_names, channel_names
from mx2prod.calibration.config import Preproduction
from mx2prod.calibration.gain_config import GainConfig
from mx2prod.calibration.gain_fit import GainFit
from mx2prod.calibration.gain_status import GAIN_BITS, Voltages, usable_gains
from mx2prod.calibration.light_injection_accumulator import LightInjectionAccumulator
from mx2prod.calibration.verdict import CHANNEL_VERDICTS, Status, bit_names, channel_verdicts
from mx2prod.constants import Period, PmtGain, Table
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def gain_table(
    fit: GainFit,
    accumulator: LightInjectionAccumulator,
    status: Status,
    hardware: HardwareMap,
    config: Preproduction,
) -> Table | None:
    """Table of the gains of the expected boards.

    Channels without a gain have no row, or with ``export.missing: nominal`` the median gain of
    the good pixels of their PMT, of all PMTs if it has none; the error is then the spread, the
    light and the number of pulses are 0.

    Parameters
    ----------
    fit : GainFit
    accumulator : LightInjectionAccumulator
    status : ndarray of int32, shape (n_channels,)
    hardware : HardwareMap
    config : Preproduction

    Returns
    -------
    Table or None
        None without any gain.
    """
    expected = np.repeat(config.expected_boards(hardware), PIXELS_PER_BOARD)
    hv = np.nan_to_num(np.repeat(Voltages.of(accumulator.boards).actual, PIXELS_PER_BOARD))
    columns = {
        "gain": fit.gain, "gain_err": fit.gain_err, "pe_mean": fit.pe_mean, "q_mean": fit.q_mean,
        "q_var": fit.q_var, "w2": fit.w2, "n_events": fit.pulses.astype(np.float64), "hv": hv,
    }  # fmt: skip
    measured = np.isfinite([columns[name] for name in columns]).all(axis=0) & expected
    if not measured.any():
        return None
    rows = measured
    if config.export.missing == "nominal":
        good = measured & usable_gains(status)
        rows = expected
        columns = _with_nominal(columns, rows & ~measured, good if good.any() else measured)
    values = {name: column[rows] for name, column in (columns | {"status": status}).items()}
    return Table.of(
        PmtGain,
        address_columns(hardware, np.flatnonzero(rows)) | values,
        period=_period(accumulator),
    )


def problem_channels(
    fit: GainFit, status: Status, hardware: HardwareMap, config: Preproduction
) -> str:
    """Text of the channels that are not good: address, verdict, values, names of the bits.

    Parameters
    ----------
    fit : GainFit
    status : ndarray of int32, shape (n_channels,)
    hardware : HardwareMap
    config : Preproduction

    Returns
    -------
    str
        One line a channel below a header; a value that is not known is ``-``.
    """
    expected = np.repeat(config.expected_boards(hardware), PIXELS_PER_BOARD)
    ranks = channel_verdicts(status, GAIN_BITS)
    lines = ["# crate croc chain board pixel verdict status gain gain_err pe_mean bits"]
    listed = expected & (ranks > 0)
    names = channel_names(hardware, listed)
    for channel, name in zip(np.flatnonzero(listed).tolist(), names, strict=True):
        address = name.replace("-", " ")
        word = int(status[channel])
        values = [fit.gain[channel], fit.gain_err[channel], fit.pe_mean[channel]]
        cells = [address, CHANNEL_VERDICTS[ranks[channel]], word, *map(_cell, values)]
        lines.append(" ".join(map(str, [*cells, ",".join(bit_names(word, GAIN_BITS))])))
    return "\n".join([*lines, ""])


def suggested_voltages(
    fit: GainFit,
    accumulator: LightInjectionAccumulator,
    status: Status,
    hardware: HardwareMap,
    config: GainConfig,
) -> str:
    """Report of the voltages at which the mean gain of each PMT would be the target.

    The gain goes as the voltage to the power of ``dynode_exponent`` times the number of dynodes.

    Parameters
    ----------
    fit : GainFit
    accumulator : LightInjectionAccumulator
    status : ndarray of int32, shape (n_channels,)
    hardware : HardwareMap
    config : GainConfig

    Returns
    -------
    str
        One line a PMT with a gain, below a header.
    """
    power = config.dynode_exponent * len(config.dividers)
    usable = usable_gains(status) & np.isfinite(fit.gain)
    by_board = usable.reshape(-1, PIXELS_PER_BOARD)
    n = by_board.sum(axis=1)
    gains = np.where(by_board, fit.gain.reshape(by_board.shape), 0).sum(axis=1) / np.maximum(n, 1)
    actual = Voltages.of(accumulator.boards).actual
    lines = [
        f"# suggestion for people, not a setting: gain ~ voltage^{power:g}, "
        f"target {config.target_gain:g}",
        "# board pixels mean_gain hv_actual hv_suggested change",
    ]
    for number, name in enumerate(board_names(hardware)):
        if n[number] and np.isfinite(actual[number]):
            wanted = actual[number] * (config.target_gain / gains[number]) ** (1 / power)
            lines.append(
                f"{name} {n[number]} {gains[number]:.0f} {actual[number]:.0f} {wanted:.0f} "
                f"{wanted - actual[number]:+.0f}"
            )
    return "\n".join([*lines, ""])


def _with_nominal(columns: dict[str, Floats], missing: Bools, good: Bools) -> dict[str, Floats]:
    """Fill channels without a gain from the good ones of their PMT, or of all PMTs."""
    filled = {name: values.copy() for name, values in columns.items()}
    for name in ("pe_mean", "q_mean", "q_var", "n_events"):
        filled[name][missing] = 0
    for board in np.unique(np.flatnonzero(missing) // PIXELS_PER_BOARD).tolist():
        pixels = slice(board * PIXELS_PER_BOARD, (board + 1) * PIXELS_PER_BOARD)
        own = good[pixels]
        group = columns["gain"][pixels][own] if own.any() else columns["gain"][good]
        errors = columns["gain_err"][pixels][own] if own.any() else columns["gain_err"][good]
        lost = missing[pixels]
        filled["gain"][pixels][lost] = np.median(group)
        filled["gain_err"][pixels][lost] = max(float(np.std(group)), float(np.median(errors)))
        filled["w2"][pixels][lost] = np.median(columns["w2"][good])
    return filled


def _period(accumulator: LightInjectionAccumulator) -> Period | None:
    times = accumulator.time_range_us()
    return None if times is None else Period(times[0], max(times[1], times[0] + 1))


def _cell(value: float) -> str:
    return f"{value:.6g}" if math.isfinite(value) else "-"
