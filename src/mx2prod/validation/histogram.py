"""Histograms of channels, as all pages draw them."""

from __future__ import annotations

from typing import Any

import hist
import mplhep
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from mx2prod.validation.style import BLACK, ORANGE

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]


def draw_histogram(
    axes: Axes, values: Floats, bins: int, limits: tuple[float, float], **style: object
) -> None:
    """Draw a histogram; what lies beyond the limits is counted into the end bins.

    Parameters
    ----------
    axes : Axes
    values : ndarray of float64
        NaN is left out.
    bins : int
    limits : tuple of float
    **style
        Colour, label and the like.
    """
    low, high = limits
    inside = np.nextafter(high, low)
    histogram: Any = hist.Hist(hist.axis.Regular(bins, low, high, flow=False))
    histogram.fill(np.clip(values[np.isfinite(values)], low, inside))
    mplhep.histplot(histogram, ax=axes, yerr=False, w2method="sqrt", edges=False, **style)
    axes.set_xlim(low, high)


def log_counts(axes: Axes) -> None:
    """Show counts from half a channel on, on a logarithmic scale; empty axes stay linear."""
    if any(patch.get_data().values.max(initial=0) > 0 for patch in axes.patches):  # type: ignore[attr-defined]
        axes.set_yscale("log")
        axes.set_ylim(bottom=0.5)


def middle_of(values: Floats) -> float:
    """Median of the finite values; NaN without any."""
    finite = values[np.isfinite(values)]
    return float(np.median(finite)) if finite.size else np.nan


def mean_of(values: Floats, *, axis: int) -> Floats:
    """Mean of the finite values along an axis; NaN without any."""
    known = np.isfinite(values)
    number, total = known.sum(axis=axis), np.where(known, values, 0).sum(axis=axis)
    mean: Floats = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    return mean


def parts_of(inner: Bools) -> tuple[tuple[Bools, str, str], ...]:
    """Channels of the inner and of the outer detector, each with its name and its colour."""
    return ((inner, "inner detector", BLACK), (~inner, "outer detector", ORANGE))
