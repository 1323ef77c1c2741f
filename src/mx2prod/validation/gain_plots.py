"""The plots of a gain table (pre-production page, section 6, G1 to G5 and G7)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mx2prod.calibration.boards import board_names
from mx2prod.detector import Detector
from mx2prod.detector.response import ELECTRON_CHARGE_FC
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.channels import inner_pixels
from mx2prod.validation.histogram import draw_histogram, parts_of
from mx2prod.validation.maps import board_map
from mx2prod.validation.pedestal_plots import NO_REFERENCE
from mx2prod.validation.plot import Plot
from mx2prod.validation.style import BLACK, BLUE, DIVERGING, GREY, RED, note_empty

Floats = npt.NDArray[np.float64]
PANELS = 12
"""PMTs of G4, those with the largest spread of gains first."""


@dataclass(frozen=True)
class GainView:
    """What the plots of a gain table show; NaN where a channel has no value.

    Attributes
    ----------
    detector : Detector
    gain, gain_err : ndarray of float64, shape (n_channels,)
        Electrons per photoelectron.
    pe_mean : ndarray of float64, shape (n_channels,)
        Mean light of a pulse, photoelectrons.
    q_mean, q_var : ndarray of float64, shape (n_channels,)
        Mean charge above pedestal (fC), and its variance without that of the pedestal (fC2).
    w2 : float
        Relative variance of the response to one photoelectron.
    previous_gain : ndarray of float64, shape (n_channels,)
    pulse_seconds : ndarray of float64, shape (n_pulses,)
        Since the first pulse.
    pulse_light : ndarray of float64, shape (n_pulses,)
        Light of a pulse over the mean of its time slice.
    pulse_kept : ndarray of bool, shape (n_pulses,)
        False for pulses that are left out for their light.
    common_spread : float
        Pulse-to-pulse spread of the light, common to all pixels.
    """

    detector: Detector
    gain: Floats
    gain_err: Floats
    pe_mean: Floats
    q_mean: Floats
    q_var: Floats
    w2: float
    previous_gain: Floats
    pulse_seconds: Floats
    pulse_light: Floats
    pulse_kept: npt.NDArray[np.bool_]
    common_spread: float

    @property
    def inner(self) -> npt.NDArray[np.bool_]:
        """Pixels of the boards of the inner detector, shape (n_channels,)."""
        return inner_pixels(self.detector)

    @property
    def pmt_spread(self) -> Floats:
        """Largest over smallest gain of each PMT, shape (n_febs,); NaN without two gains."""
        by_board = self.gain.reshape(-1, PIXELS_PER_BOARD)
        known = np.isfinite(by_board)
        high = np.max(np.where(known, by_board, -np.inf), axis=1)
        low = np.min(np.where(known, by_board, np.inf), axis=1)
        return np.where(known.sum(axis=1) > 1, high / np.where(known.any(axis=1), low, 1), np.nan)


def _draw_parts(
    axes: Axes, values: Floats, view: GainView, *, bins: int, limits: tuple[float, float]
) -> None:
    for chosen, label, colour in parts_of(view.inner):
        known = int(np.isfinite(values[chosen]).sum())
        text = f"{label} ({known})"
        draw_histogram(axes, values[chosen], bins, limits, color=colour, label=text)
    axes.set_ylabel("channels")
    axes.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1), ncols=2)


def _draw_gain(figure: Figure, view: GainView) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    _draw_parts(left, view.gain / 1e5, view, bins=150, limits=(0, 15))
    left.set_xlabel("gain (10$^5$ electrons)")
    draw_histogram(right, view.pmt_spread, 60, (1, 4), color=BLUE)
    right.axvline(3.5, color=RED, ls="--", lw=1, label="3.5: investigate")
    right.set(xlabel="max / min gain in a PMT", ylabel="PMTs")
    right.yaxis.set_major_locator(MaxNLocator(integer=True))
    right.legend(fontsize=8, loc="lower left", bbox_to_anchor=(0, 1))


def _draw_gain_map(figure: Figure, view: GainView) -> None:
    board_map(
        figure, figure.subplots(), view.gain / 1e5, view.detector,
        label="gain (10$^5$ electrons)", limits=(2, 10),
    )  # fmt: skip


def _draw_error(figure: Figure, view: GainView) -> None:
    axes = figure.subplots()
    _draw_parts(axes, 100 * view.gain_err / view.gain, view, bins=100, limits=(0, 10))
    axes.axvline(5, color=RED, ls="--", lw=1)
    axes.set_xlabel("error of the gain (%)")


def _draw_light(figure: Figure, view: GainView) -> None:
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    light = np.log10(np.where(view.pe_mean > 0, view.pe_mean, np.nan))
    _draw_parts(left, light, view, bins=100, limits=(-1.5, 2.5))
    ticks = (-1, 0, 1, 2)
    left.set_xticks(ticks, [f"{10.0**tick:g}" for tick in ticks])
    left.set_xlabel("mean light of a pulse (PE)")
    largest = float(np.nanpercentile(view.pe_mean, 99)) if np.isfinite(view.pe_mean).any() else 1.0
    board_map(
        figure, right, view.pe_mean, view.detector, label="mean light (PE)", limits=(0, largest)
    )


def _draw_photostatistics(figure: Figure, view: GainView) -> None:
    spread = view.pmt_spread
    known = np.flatnonzero(np.isfinite(spread))
    if not known.size:
        note_empty(figure.subplots(), "no PMT has two gains")
        return
    chosen = known[np.argsort(-spread[known], kind="stable")][:PANELS]
    names = board_names(view.detector.hardware)
    panels = np.ravel(figure.subplots(3, 4))
    for axes, feb in zip(panels, chosen, strict=False):
        pixels = slice(feb * PIXELS_PER_BOARD, (feb + 1) * PIXELS_PER_BOARD)
        charge, variance = view.q_mean[pixels] / 1e3, view.q_var[pixels] / 1e6
        axes.plot(charge, variance, ".", color=BLUE, ms=4)
        slope = float(np.nanmedian(view.gain[pixels])) * ELECTRON_CHARGE_FC * (1 + view.w2) / 1e3
        reach = float(np.nanmax(charge)) if np.isfinite(charge).any() else 1.0
        axes.plot([0, reach], [0, slope * reach], color=GREY, lw=1)
        axes.set_title(f"{names[feb]}, max/min {spread[feb]:.1f}", fontsize=8)
        axes.tick_params(labelsize=7)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
    for axes in panels[len(chosen) :]:
        axes.set_visible(False)
    figure.supxlabel("mean charge above pedestal (pC)", fontsize=9)
    figure.supylabel("variance above that of the pedestal (pC$^2$)", fontsize=9)


def _draw_ratio(figure: Figure, view: GainView) -> None:
    ratio = view.gain / view.previous_gain
    if not np.isfinite(ratio).any():
        note_empty(figure.subplots(), NO_REFERENCE)
        return
    left, right = figure.subplots(1, 2, width_ratios=(2, 3))
    _draw_parts(left, ratio, view, bins=80, limits=(0.8, 1.2))
    left.axvline(1, color=GREY, lw=0.8)
    left.set_xlabel("gain / previous gain")
    board_map(
        figure, right, ratio, view.detector, label="gain / previous gain", limits=(0.8, 1.2),
        colours=DIVERGING,
    )  # fmt: skip


def _draw_pulse_light(figure: Figure, view: GainView) -> None:
    axes = figure.subplots()
    if not len(view.pulse_light):
        note_empty(axes, "no light-injection pulse was used")
        return
    minutes, kept = view.pulse_seconds / 60, view.pulse_kept
    axes.plot(
        minutes[kept], view.pulse_light[kept], ".", color=BLACK, ms=2, alpha=0.4, rasterized=True,
        label=f"used ({int(kept.sum())})",
    )  # fmt: skip
    axes.plot(
        minutes[~kept], view.pulse_light[~kept], "x", color=RED, ms=5,
        label=f"left out ({int((~kept).sum())})",
    )  # fmt: skip
    axes.axhline(1, color=GREY, lw=0.8)
    axes.set(
        xlabel="time since the first pulse (min)", ylabel="light / mean of the slice",
        title=f"pulse-to-pulse spread common to all pixels: {100 * view.common_spread:.1f} %",
    )  # fmt: skip
    axes.legend(fontsize=8)


_WIDE, _MAP = (9.0, 3.8), (10.0, 4.2)
GAIN_PLOTS: tuple[Plot[GainView], ...] = (
    Plot("G1", "gain", "A hill at 5e5 to 6e5 electrons. The spread inside a PMT stays below 3.",
         _draw_gain, _WIDE),
    Plot("G1m", "map of the gain", "No empty column. A column of one colour is a PMT with another "
         "high voltage.", _draw_gain_map, _MAP),
    Plot("G2", "error of the gain", "Below 5 %; more means too few gates.", _draw_error, _WIDE),
    Plot("G3", "mean light of a pulse", "Even light. A dark PMT: its LED or fibre.", _draw_light,
         (11.0, 4.0)),
    Plot("G4", "variance against charge", "The 64 points of a PMT lie near the line, whose slope "
         "is gain times (1 + w2). A fan: unequal pixels. The PMTs with the largest spread.",
         _draw_photostatistics, (10.0, 7.0)),
    Plot("G5", "ratio to the previous table", "1 within a few per cent. One PMT off: its high "
         "voltage changed, or it was exchanged.", _draw_ratio, (11.0, 4.0)),
    Plot("G7", "light of the pulses in time", "Stable. Flicker: the LED box.", _draw_pulse_light,
         _WIDE),
)  # fmt: skip
"""Plots of one gain table, in the order of the page."""
