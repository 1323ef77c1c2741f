"""How a quantity moves from table to table over a run range (plots P9, P10, G6)."""

from __future__ import annotations

from dataclasses import dataclass

import matplotlib.dates as mdates
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mx2prod.core.units import US_PER_S
from mx2prod.validation.plot import Plot
from mx2prod.validation.style import BLACK, BLUE, GREY, ORANGE, SKY, VERDICT_COLOURS, note_empty

Floats = npt.NDArray[np.float64]
BAND = (5, 50, 95)
"""Percentiles of the channels of the inner detector: lower edge, middle, upper edge."""
SECONDS_PER_DAY = 86_400


@dataclass(frozen=True)
class Trend:
    """Tables of a run range in order of time.

    Attributes
    ----------
    times_us : ndarray of int64, shape (n_tables,)
        First gate used, microseconds since 1970.
    verdicts : tuple of str
    level, width : ndarray of float64, shape (n_tables, 3)
        Percentiles :data:`BAND` over the inner detector: of means and rms (pedestals), or of gains
        and their relative errors.
    boards : ndarray of float64, shape (n_tables, n_febs)
        Median over the pixels of each board, of what ``level`` is made of.
    temperature, hv : ndarray of float64, shape (n_tables, n_febs)
        Means of the FPGA registers, in their counts; NaN for boards without.
    """

    times_us: npt.NDArray[np.int64]
    verdicts: tuple[str, ...]
    level: Floats
    width: Floats
    boards: Floats
    temperature: Floats
    hv: Floats

    @property
    def dates(self) -> Floats:
        """Times in days since 1970, as matplotlib has them."""
        return np.asarray(self.times_us / (US_PER_S * SECONDS_PER_DAY))


def percentiles(values: Floats) -> Floats:
    """Percentiles :data:`BAND` of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    if not finite.size:
        return np.full(len(BAND), np.nan)
    return np.asarray(np.percentile(finite, BAND))


def mean_of_boards(sums: npt.NDArray[np.int64], readings: npt.NDArray[np.int64]) -> Floats:
    """Mean register value of each board; NaN without a reading."""
    mean = np.full(len(sums), np.nan)
    np.divide(sums, readings, out=mean, where=readings > 0)
    return mean


def _median_of_boards(values: Floats) -> Floats:
    """Median of each board over the tables, shape (n_febs,); NaN without a reading."""
    median = np.full(values.shape[1], np.nan)
    known = np.isfinite(values).any(axis=0)
    median[known] = np.nanmedian(values[:, known], axis=0)
    return median


def _date_axis(axes: Axes, trend: Trend) -> None:
    locator = mdates.AutoDateLocator(minticks=3, maxticks=9)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(mdates.ConciseDateFormatter(locator))
    if len(trend.dates) == 1:
        day = float(trend.dates[0])
        axes.set_xlim(day - 0.02, day + 0.02)


def _band(axes: Axes, trend: Trend, values: Floats, colour: str) -> None:
    axes.fill_between(trend.dates, values[:, 0], values[:, 2], color=colour, alpha=0.25, lw=0,
                      label="5 to 95 % of the channels")  # fmt: skip
    axes.plot(trend.dates, values[:, 1], color=colour, marker="o", ms=3, label="median")
    axes.legend(fontsize=8)


def _strip_of_verdicts(axes: Axes, trend: Trend) -> None:
    for verdict, colour in VERDICT_COLOURS.items():
        chosen = trend.dates[np.array(trend.verdicts) == verdict]
        if len(chosen):
            axes.plot(chosen, np.zeros(len(chosen)), "|", color=colour, ms=14, mew=2,
                      label=f"{verdict.replace('_', ' ')} ({len(chosen)})")  # fmt: skip
    axes.set_yticks([])
    axes.set_ylim(-1, 1)
    axes.grid(visible=False)
    axes.legend(fontsize=8, ncols=5, loc="upper left", bbox_to_anchor=(0, -0.6))
    axes.set_ylabel("verdict", rotation=0, ha="right", va="center")


def _draw_levels(figure: Figure, trend: Trend, labels: tuple[str, str]) -> None:
    if not len(trend.times_us):
        note_empty(figure.subplots(), "no table in this run range")
        return
    level, width, strip = figure.subplots(3, 1, sharex=True, height_ratios=(4, 4, 0.6))
    _band(level, trend, trend.level, BLACK)
    level.set_ylabel(labels[0])
    _band(width, trend, trend.width, BLUE)
    width.set_ylabel(labels[1])
    _strip_of_verdicts(strip, trend)
    _date_axis(strip, trend)


def _draw_pedestals(figure: Figure, trend: Trend) -> None:
    _draw_levels(figure, trend, ("mean, high gain (ADC)", "rms, high gain (ADC)"))


def _draw_gains(figure: Figure, trend: Trend) -> None:
    _draw_levels(figure, trend, ("gain (10$^5$ electrons)", "error of the gain (%)"))


def _draw_dependence(figure: Figure, trend: Trend) -> None:
    known = np.isfinite(trend.boards)
    if not (known & np.isfinite(trend.hv)).any():
        note_empty(figure.subplots(), "no table in this run range has gains and register readings")
        return
    panels = figure.subplots(1, 2, sharey=True)
    for axes, values, label, colour in zip(
        panels,
        (trend.hv, trend.temperature),
        ("high voltage (register counts)", "temperature (register counts)"),
        (BLUE, ORANGE),
        strict=True,
    ):
        chosen = known & np.isfinite(values)
        axes.plot(values[chosen], trend.boards[chosen], ".", color=colour, ms=4, alpha=0.5)
        axes.set_xlabel(label)
    panels[0].set_ylabel("median gain of a PMT (10$^5$ electrons)")


def _draw_slow(figure: Figure, trend: Trend) -> None:
    if not np.isfinite(trend.temperature).any():
        note_empty(figure.subplots(), "no reading of the registers in this run range")
        return
    panels = figure.subplots(2, 1, sharex=True)
    for axes, values, label, colour in zip(
        panels,
        (trend.temperature, trend.hv - _median_of_boards(trend.hv)),
        ("temperature\n(register counts)", "high voltage - median\nof the board (counts)"),
        (ORANGE, SKY),
        strict=True,
    ):
        axes.plot(trend.dates, values, color=GREY, lw=0.5, alpha=0.4)
        middle = [percentiles(row)[1] for row in values]
        axes.plot(trend.dates, middle, color=colour, marker="o", ms=3, lw=2, label="median board")
        axes.set_ylabel(label)
        axes.legend(fontsize=8)
    _date_axis(panels[1], trend)


PEDESTAL_TRENDS: tuple[Plot[Trend], ...] = (
    Plot("P9", "pedestals over the run range", "Steps are interventions, a slow wave is "
         "temperature. The marks below give the verdict of each table.", _draw_pedestals,
         (9.0, 5.6)),
    Plot("P10", "temperature and high voltage", "Explains P9: each grey line is a board.",
         _draw_slow, (9.0, 5.0)),
)  # fmt: skip
GAIN_TRENDS: tuple[Plot[Trend], ...] = (
    Plot("G6", "gain against high voltage and temperature", "A power law of the high voltage, a "
         "point a PMT and table. Outliers: a wrong high voltage.", _draw_dependence, (9.0, 3.8)),
    Plot("G6a", "gains over the run range", "Neighbouring tables agree to 2 %. A step is a change "
         "of the high voltage or a swap.", _draw_gains, (9.0, 5.6)),
    Plot("G6b", "temperature and high voltage", "Explains G6a: each grey line is a board.",
         _draw_slow, (9.0, 5.0)),
)  # fmt: skip
