"""Pages of the FEB response: of a table, and of the check with data (plot F1)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure

from mx2prod.calibration.feb_accumulator_file import read_feb_sums
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import (
    KINK1,
    KINK2,
    PARAMETERS,
    SLOPE1,
    SLOPE2,
    SLOPE3,
    channel_values,
)
from mx2prod.calibration.feb_in_situ import GainRatios, gain_ratios
from mx2prod.calibration.sources import time_range_us
from mx2prod.constants import Table, read_parquet
from mx2prod.detector import Detector, Gain
from mx2prod.validation.common import drawn, table_page
from mx2prod.validation.histogram import draw_histogram, log_counts, middle_of
from mx2prod.validation.maps import board_map
from mx2prod.validation.page import TablePage
from mx2prod.validation.pedestal_plots import GAINS
from mx2prod.validation.plot import Plot
from mx2prod.validation.style import BLACK, DIVERGING, GAIN_COLOURS, GREY, drawing, note_empty
from mx2prod.validation.verdict_file import VerdictFile

Floats = npt.NDArray[np.float64]
_NUMBERS = (
    (SLOPE1, "slope 1 (ADC/fC)"), (KINK1, "kink 1 (pC)"), (SLOPE2, "slope 2 (ADC/fC)"),
    (KINK2, "kink 2 (pC)"), (SLOPE3, "slope 3 (ADC/fC)"),
)  # fmt: skip
_RELATIONS = ("medium / high gain", "low / medium gain")


@dataclass(frozen=True)
class FebView:
    """What the plots of a table show.

    Attributes
    ----------
    detector : Detector
    curves : ndarray of float64, shape (n_channels, 3, 6)
        NaN for channels without a row.
    """

    detector: Detector
    curves: Floats


@dataclass(frozen=True)
class RatioView:
    """What the plots of the check with data show.

    Attributes
    ----------
    detector : Detector
    ratios : GainRatios
    """

    detector: Detector
    ratios: GainRatios


def _draw_numbers(figure: Figure, view: FebView) -> None:
    panels = np.ravel(figure.subplots(2, 3))
    for axes, (number, label) in zip(panels, _NUMBERS, strict=False):
        scale = 1e-3 if number in (KINK1, KINK2) else 1.0
        for gain in Gain:
            values = scale * view.curves[:, gain, number]
            middle = middle_of(values)
            if middle > 0:
                text, colour = f"{GAINS[gain]}: median {middle:.3g}", GAIN_COLOURS[GAINS[gain]]
                draw_histogram(axes, values / middle, 80, (0.6, 1.4), color=colour, label=text)
        axes.set(xlabel=f"{label} / median", ylabel="channels")
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
        else:
            note_empty(axes, f"{label}: no channel")
    panels[-1].set_visible(False)


def _draw_slope_map(figure: Figure, view: FebView) -> None:
    values = view.curves[:, Gain.HIGH, SLOPE1]
    board_map(
        figure, figure.subplots(), values / middle_of(values), view.detector,
        label="slope 1, high gain / median", limits=(0.8, 1.2), colours=DIVERGING,
    )  # fmt: skip


def _draw_ratio(figure: Figure, view: RatioView) -> None:
    panels = figure.subplots(1, 2, sharey=True)
    for axes, ratio, judged, name in zip(
        panels, view.ratios.ratio, view.ratios.judged, _RELATIONS, strict=True
    ):
        if not judged.any():
            note_empty(axes, f"{name}: no channel has enough light")
            continue
        text = f"{int(judged.sum())} channels"
        draw_histogram(axes, ratio[judged], 80, (0.8, 1.2), color=BLACK, label=text)
        axes.axvspan(0.97, 1.03, color=GREY, alpha=0.15, lw=0)
        axes.set(xlabel=f"{name}: measured / constants", ylabel="channels")
        log_counts(axes)
        axes.legend(fontsize=8)


def _draw_ratio_map(figure: Figure, view: RatioView) -> None:
    values = np.where(view.ratios.judged[0], view.ratios.ratio[0], np.nan)
    board_map(
        figure, figure.subplots(), values, view.detector,
        label="measured / constants", limits=(0.9, 1.1), colours=DIVERGING,
    )  # fmt: skip


FEB_PLOTS: tuple[Plot[FebView], ...] = (
    Plot("F0", "numbers of the curves", "Narrow hills at 1. A tail: boards whose bench file is not "
         "theirs, or a fit that failed.", _draw_numbers, (11.0, 6.0)),
    Plot("F0m", "map of the first slope", "Pale and even. A column of one colour is one board.",
         _draw_slope_map, (10.0, 4.2)),
)  # fmt: skip
RATIO_PLOTS: tuple[Plot[RatioView], ...] = (
    Plot("F1", "ratio of neighbouring gains", "1 within the grey band of 3 %. A board off as a "
         "whole has the constants of another one.", _draw_ratio, (9.0, 3.8)),
    Plot("F1m", "map of the ratio of medium to high gain", "Pale and even; see F1.",
         _draw_ratio_map, (10.0, 4.2)),
)  # fmt: skip


def feb_page(file: VerdictFile, detector: Detector, *, label: str = "") -> TablePage:
    """Draw the page of a table of the FEB response.

    Parameters
    ----------
    file : VerdictFile
    detector : Detector
    label : str
        Said at the top, for example that the data are simulated.

    Raises
    ------
    InputFileError, TableError
        If a file is missing or damaged.
    """
    curves = np.full((detector.hardware.n_channels, len(Gain), len(PARAMETERS)), np.nan)
    data: dict[str, object] = {}
    if file.content["table"] is not None:
        table = read_parquet(file.beside(".parquet"))
        curves = channel_values(table, detector.hardware, PARAMETERS)
        data = {name: table[name].tolist() for name in ("channel", "hg_slope1", "hg_xkink1")}
    times = None
    if file.content["accumulator"] is not None:
        times = time_range_us(read_feb_sums(file.beside(".acc.parquet")).sources)
    with drawing():
        plots = drawn(FEB_PLOTS, FebView(detector, curves), subject=file.subject, reference=None)
    note = "first slope and first kink of every channel in high gain"
    title = f"FEB response, {file.subject}"
    return table_page(file, title, plots, times=times, data=data, data_note=note, label=label)


def in_situ_page(
    file: VerdictFile,
    detector: Detector,
    tables: tuple[Table, Table],
    config: FebConfig,
    *,
    label: str = "",
) -> TablePage:
    """Draw the page of a check of the FEB response with data.

    Parameters
    ----------
    file : VerdictFile
    detector : Detector
    tables : tuple of Table
        Pedestals and FEB response that were checked.
    config : FebConfig
    label : str
        Said at the top, for example that the data are simulated.

    Raises
    ------
    InputFileError, TableError
        If the accumulator is missing or damaged.
    """
    sums = read_feb_sums(file.beside(".acc.parquet"))
    ratios = gain_ratios(sums, detector.hardware, *tables, config)
    with drawing():
        view = RatioView(detector, ratios)
        plots = drawn(RATIO_PLOTS, view, subject=file.subject, reference=None)
    data = {
        name: [None if np.isnan(value) else round(value, 5) for value in row.tolist()]
        for name, row in zip(("medium_over_high", "low_over_medium"), ratios.ratio, strict=True)
    }
    note = "measured over expected slopes of every channel, by channel number"
    title, times = f"FEB response in situ, {file.subject}", time_range_us(sums.sources)
    return table_page(file, title, plots, times=times, data=data, data_note=note, label=label)
