"""The plots of a pedestal table (pre-production page, section 6, P1 to P8 and P11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from mx2prod.detector import Detector
from mx2prod.validation.channels import inner_pixels
from mx2prod.validation.histogram import draw_histogram, log_counts, mean_of, middle_of, parts_of
from mx2prod.validation.maps import board_map, strip_map
from mx2prod.validation.plot import Plot
from mx2prod.validation.style import BLACK, DIVERGING, GAIN_COLOURS, GREY, RED, note_empty

Floats = npt.NDArray[np.float64]
GAINS = ("high", "medium", "low")
USUAL_MEAN = 430.0
"""Middle of the colour scale without any channel, ADC."""
NO_REFERENCE = "no previous table to compare with"


@dataclass(frozen=True)
class PedestalView:
    """What the plots of a pedestal table show; NaN where a channel has no value.

    Attributes
    ----------
    detector : Detector
    mean, rms : ndarray of float64, shape (n_channels, 3)
        High, medium and low gain, ADC.
    rejected : ndarray of float64, shape (n_channels,)
        Fraction of the readings that are outliers, high gain.
    previous_mean : ndarray of float64, shape (n_channels,)
        High gain, of the previous table.
    slice_seconds : ndarray of float64, shape (n_slices,)
        Middle of each time slice, since the first gate.
    slice_shift : ndarray of float64, shape (n_slices, n_febs)
        Mean of a board minus its mean over the file, high gain, ADC.
    block_offset : ndarray of float64, shape (n_blocks, n_febs)
        Mean of a timed hit block minus that of the untimed one, high gain, ADC.
    """

    detector: Detector
    mean: Floats
    rms: Floats
    rejected: Floats
    previous_mean: Floats
    slice_seconds: Floats
    slice_shift: Floats
    block_offset: Floats

    @property
    def inner(self) -> npt.NDArray[np.bool_]:
        """Pixels of the boards of the inner detector, shape (n_channels,)."""
        return inner_pixels(self.detector)

    @property
    def difference(self) -> Floats:
        """High-gain mean minus that of the previous table, shape (n_channels,)."""
        return np.asarray(self.mean[:, 0] - self.previous_mean)


def _by_gain(figure: Figure, values: Floats, inner: npt.NDArray[np.bool_], **how: Any) -> Any:
    """Draw the three gains, inner and outer detector apart; give the two axes."""
    panels = figure.subplots(1, 2, sharex=True)
    for axes, (chosen, name, _) in zip(panels, parts_of(inner), strict=True):
        for gain, label in enumerate(GAINS):
            part = values[chosen, gain]
            text = f"{label} ({int(np.isfinite(part).sum())})"
            draw_histogram(axes, part, color=GAIN_COLOURS[label], label=text, **how)
        axes.set(ylabel="channels", title=name)
        axes.legend(
            fontsize=7, title="gain (channels)", title_fontsize=7, loc="upper right",
            handlelength=1, borderpad=0,
        )  # fmt: skip
    return panels


def _draw_mean(figure: Figure, view: PedestalView) -> None:
    for axes in _by_gain(figure, view.mean, view.inner, bins=500, limits=(0, 1000)):
        axes.set_xlabel("pedestal mean (ADC)")


def _draw_rms(figure: Figure, view: PedestalView) -> None:
    for axes in _by_gain(figure, view.rms, view.inner, bins=100, limits=(0, 20)):
        axes.set_xlabel("pedestal rms (ADC)")
        log_counts(axes)


def _draw_parts(
    axes: Axes, values: Floats, view: PedestalView, *, bins: int, limits: tuple[float, float]
) -> None:
    for chosen, label, colour in parts_of(view.inner):
        draw_histogram(axes, values[chosen], bins, limits, color=colour, label=label)


def _limits_of_mean(view: PedestalView) -> tuple[float, float]:
    """Give the ends of the colour scale of the mean in high gain."""
    middle = middle_of(view.mean[:, 0])
    if np.isnan(middle):
        middle = USUAL_MEAN
    return middle - 60, middle + 60


def _draw_mean_map(figure: Figure, view: PedestalView) -> None:
    board_map(
        figure, figure.subplots(), view.mean[:, 0], view.detector,
        label="mean, high gain (ADC)", limits=_limits_of_mean(view),
    )  # fmt: skip


def _draw_rms_map(figure: Figure, view: PedestalView) -> None:
    board_map(
        figure, figure.subplots(), view.rms[:, 0], view.detector,
        label="rms, high gain (ADC)", limits=(0, 15),
    )  # fmt: skip


def _draw_difference(figure: Figure, view: PedestalView) -> None:
    axes = figure.subplots()
    difference = view.difference
    if not np.isfinite(difference).any():
        note_empty(axes, NO_REFERENCE)
        return
    _draw_parts(axes, difference, view, bins=200, limits=(-10, 10))
    axes.set(xlabel="mean - previous mean, high gain (ADC)", ylabel="channels")
    log_counts(axes)
    axes.axvline(0, color=GREY, lw=0.8)
    axes.legend()


def _draw_difference_map(figure: Figure, view: PedestalView) -> None:
    if not np.isfinite(view.difference).any():
        note_empty(figure.subplots(), NO_REFERENCE)
        return
    board_map(
        figure, figure.subplots(), view.difference, view.detector,
        label="mean - previous mean (ADC)", limits=(-5, 5), colours=DIVERGING,
    )  # fmt: skip


def _draw_rejected(figure: Figure, view: PedestalView) -> None:
    axes = figure.subplots()
    _draw_parts(axes, view.rejected, view, bins=100, limits=(0, 0.2))
    axes.axvline(0.05, color=RED, ls="--", lw=1, label="5 %: contaminated")
    axes.set(xlabel="fraction of readings rejected, high gain", ylabel="channels")
    log_counts(axes)
    axes.legend()


def _draw_rejected_map(figure: Figure, view: PedestalView) -> None:
    board_map(
        figure, figure.subplots(), 100 * view.rejected, view.detector,
        label="readings rejected, high gain (%)", limits=(0, 5),
    )  # fmt: skip


def _draw_mean_of_strips(figure: Figure, view: PedestalView) -> None:
    strip_map(
        figure, view.mean[:, 0], view.detector, label="mean, high gain (ADC)",
        limits=_limits_of_mean(view),
    )  # fmt: skip


def _draw_rms_of_strips(figure: Figure, view: PedestalView) -> None:
    strip_map(figure, view.rms[:, 0], view.detector, label="rms, high gain (ADC)", limits=(0, 15))


def _draw_difference_of_strips(figure: Figure, view: PedestalView) -> None:
    if not np.isfinite(view.difference).any():
        note_empty(figure.subplots(), NO_REFERENCE)
        return
    strip_map(
        figure, view.difference, view.detector, label="mean - previous mean (ADC)",
        limits=(-5, 5), colours=DIVERGING,
    )  # fmt: skip


def _draw_rejected_of_strips(figure: Figure, view: PedestalView) -> None:
    strip_map(
        figure, 100 * view.rejected, view.detector, label="readings rejected (%)", limits=(0, 5)
    )


def _draw_drift(figure: Figure, view: PedestalView) -> None:
    axes = figure.subplots()
    if not np.isfinite(view.slice_shift).any():
        note_empty(axes, "no time slice has a pedestal reading")
        return
    minutes = view.slice_seconds / 60
    axes.plot(minutes, view.slice_shift, color=GREY, lw=0.6, alpha=0.5)
    axes.plot([], [], color=GREY, lw=0.6, label="each board")
    axes.plot(
        minutes, mean_of(view.slice_shift, axis=1), color=BLACK, lw=2, marker="o", ms=3,
        label="mean of all boards",
    )  # fmt: skip
    axes.axhspan(-1, 1, color=GREY, alpha=0.12, lw=0)
    reach = max(1.5, 1.1 * float(np.nanmax(np.abs(view.slice_shift))))
    axes.set(
        xlabel="time since the first gate (min)",
        ylabel="mean - mean of the file,\nhigh gain (ADC)",
        ylim=(-reach, reach),
    )  # fmt: skip
    axes.legend()


def _draw_blocks(figure: Figure, view: PedestalView) -> None:
    axes = figure.subplots()
    if not np.isfinite(view.block_offset).any():
        note_empty(axes, "no timed hit block in the pedestal gates: nothing to compare")
        return
    blocks = np.arange(len(view.block_offset))
    axes.plot(blocks, view.block_offset, ".", color=GREY, ms=3, alpha=0.6)
    axes.plot(
        blocks, [middle_of(row) for row in view.block_offset], color=BLACK, marker="o",
        label="median of the boards",
    )  # fmt: skip
    axes.axhspan(-1, 1, color=GREY, alpha=0.12, lw=0)
    axes.set(xlabel="hit block", ylabel="mean - mean of the\nuntimed block, high gain (ADC)")
    axes.set_xticks(blocks)
    axes.legend()


_WIDE, _MAP, _VIEWS = (9.0, 3.8), (10.0, 4.2), (10.0, 4.6)
PEDESTAL_PLOTS: tuple[Plot[PedestalView], ...] = (
    Plot("P1", "pedestal mean", "One hill near 430 ADC in high gain, a little lower in medium and "
         "low gain. A second hill or a tail: a wrong board, or wrong settings.", _draw_mean, _WIDE),
    Plot("P2", "pedestal rms", "A narrow hill between 2 and 9 ADC in high gain. Entries near 0: "
         "stuck channels; above 15: noisy ones.", _draw_rms, _WIDE),
    Plot("P3", "map of the mean", "No empty column. A column of another colour is one board; a "
         "stripe along the pixels of all boards is a mapping problem of a TriP-t chip.",
         _draw_mean_map, _MAP),
    Plot("P4", "map of the rms", "A single bright pixel is noisy, a dark column a dead board.",
         _draw_rms_map, _MAP),
    Plot("P5", "difference to the previous table", "Centred at 0 and narrower than 0.5 ADC. "
         "Isolated boards: a swap. All of them shifted: temperature or settings.",
         _draw_difference, _WIDE),
    Plot("P5m", "map of the difference", "Even and pale. A column of one colour is a board that "
         "moved or was exchanged.", _draw_difference_map, _MAP),
    Plot("P6", "rejected readings", "Below 1 %. A region with more: beam or light that leaks into "
         "the pedestal gates.", _draw_rejected, _WIDE),
    Plot("P6m", "map of the rejected readings", "Dark everywhere; see P6.", _draw_rejected_map,
         _MAP),
    Plot("P7a", "detector view of the mean", "Isolated lines are boards; see P3.",
         _draw_mean_of_strips, _VIEWS),
    Plot("P7b", "detector view of the rms", "Isolated lines are boards; see P4.",
         _draw_rms_of_strips, _VIEWS),
    Plot("P7c", "detector view of the difference", "Pale everywhere. Lines are boards; see P5.",
         _draw_difference_of_strips, _VIEWS),
    Plot("P7d", "detector view of the rejected readings", "Lines are boards. Round spots that "
         "ignore the boards are light leaks.", _draw_rejected_of_strips, _VIEWS),
    Plot("P8", "drift in the file", "Flat inside the grey band of 1 ADC.", _draw_drift, _WIDE),
    Plot("P11", "dependence on the hit block", "Flat inside the grey band of 1 ADC.", _draw_blocks,
         _WIDE),
)  # fmt: skip
"""Plots of one pedestal table, in the order of the page."""
