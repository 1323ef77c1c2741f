"""Maps of the detector: every board and pixel, and every plane and strip."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.image import AxesImage

from mx2prod.detector import Detector, View
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.style import BLACK, GREY, NO_DATA, SEQUENTIAL

Floats = npt.NDArray[np.float64]
_VIEWS = (View.X, View.U, View.V)


def board_map(
    figure: Figure,
    axes: Axes,
    values: Floats,
    detector: Detector,
    *,
    label: str,
    limits: tuple[float, float],
    colours: str = SEQUENTIAL,
) -> None:
    """Draw a value of every pixel: boards from left to right, pixels upwards.

    Parameters
    ----------
    figure : Figure
    axes : Axes
    values : ndarray of float64, shape (n_channels,)
        NaN where there is none; drawn grey.
    detector : Detector
    label : str
        Of the colour scale, with unit.
    limits : tuple of float
        Ends of the colour scale; values beyond are drawn as the ends.
    colours : str
        Name of a colour map.
    """
    by_board = values.reshape(-1, PIXELS_PER_BOARD).T
    extent = (-0.5, by_board.shape[1] - 0.5, -0.5, PIXELS_PER_BOARD - 0.5)
    image = _draw(axes, by_board, extent, limits, colours)
    axes.set(xlabel="board (FEB index in order of CROC-E, chain, board)", ylabel="pixel")
    axes.set_yticks(range(0, PIXELS_PER_BOARD + 1, 16))
    _mark_chains(axes, detector, colour="white" if colours == SEQUENTIAL else BLACK)
    _scale(figure, axes, image, values, label=label)


def strip_map(
    figure: Figure,
    values: Floats,
    detector: Detector,
    *,
    label: str,
    limits: tuple[float, float],
    colours: str = SEQUENTIAL,
) -> None:
    """Draw a value of every strip, a panel a view: strips from left to right, planes upwards.

    Parameters
    ----------
    figure : Figure
        Empty; gets its axes here.
    values : ndarray of float64, shape (n_channels,)
        Those of pixels without a strip are not drawn.
    detector, label, limits, colours
        As in :func:`board_map`.
    """
    planes = detector.planes
    of_strip = np.full(planes.n_strips, np.nan)
    strip = detector.plex.strip_of_channel
    of_strip[strip[strip >= 0]] = values[strip >= 0]
    by_plane = of_strip.reshape(len(planes), -1)
    panels = figure.subplots(1, len(_VIEWS), sharex=True)
    image: Any = None
    for axes, view in zip(panels, _VIEWS, strict=True):
        rows = np.flatnonzero(planes.view == view)
        extent = (0.5, by_plane.shape[1] + 0.5, -0.5, len(rows) - 0.5)
        image = _draw(axes, by_plane[rows], extent, limits, colours)
        axes.set(title=f"{view.letter} planes", xlabel="strip")
        _mark_modules(axes, planes.module[rows])
    panels[0].set_ylabel("module")
    _scale(figure, list(panels), image, values, label=label)


def _draw(
    axes: Axes,
    values: Floats,
    extent: tuple[float, float, float, float],
    limits: tuple[float, float],
    colours: str,
) -> AxesImage:
    axes.grid(visible=False)
    return axes.imshow(
        values,
        origin="lower",
        aspect="auto",
        cmap=mpl.colormaps[colours].with_extremes(bad=NO_DATA),
        norm=Normalize(*limits),
        extent=extent,
    )


def _scale(figure: Figure, axes: Any, image: Any, values: Floats, *, label: str) -> None:
    """Draw the colour scale; an arrow at an end says that values lie beyond it."""
    low, high = image.get_clim()
    finite = values[np.isfinite(values)]
    below, above = bool((finite < low).any()), bool((finite > high).any())
    arrows = {(False, False): "neither", (True, False): "min", (False, True): "max"}
    if len(finite) < len(values):
        label += "; grey: none"
    figure.colorbar(
        image, ax=axes, label=label, extend=arrows.get((below, above), "both"), pad=0.01
    )


def _mark_chains(axes: Axes, detector: Detector, *, colour: str) -> None:
    """Mark chains by ticks and CROC-E modules by lines, with their numbers above the map."""
    boards = detector.hardware.boards
    chain = boards["croc"].astype(int) * 8 + boards["chain"]
    edges = np.flatnonzero(np.diff(chain)) + 0.5
    between = np.diff(boards["croc"].astype(int))[edges.astype(int)] != 0
    axes.vlines(edges[between], -0.5, PIXELS_PER_BOARD - 0.5, color=colour, lw=0.8)
    axes.set_xticks(edges, minor=True)
    axes.tick_params(axis="x", which="minor", top=True, length=4)
    for number, croc in enumerate(np.unique(boards["croc"]).tolist()):
        middle = np.flatnonzero(boards["croc"] == croc).mean()
        text = f"{croc}" if number else f"CROC-E {croc}"
        label = axes.text(middle, PIXELS_PER_BOARD + 0.5, text, color=GREY)
        label.set(ha="center", va="bottom", fontsize=7.5)


def _mark_modules(axes: Axes, modules: npt.NDArray[np.int64]) -> None:
    rows = range(0, len(modules), max(1, len(modules) // 8))
    axes.set_yticks(list(rows), [str(modules[row]) for row in rows], fontsize=8)
