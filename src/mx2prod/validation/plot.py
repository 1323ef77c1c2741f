"""A plot: its number and title, how to read it, and the function that draws it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from mx2prod.validation.style import stamp

Data = TypeVar("Data")


@dataclass(frozen=True)
class Plot(Generic[Data]):
    """One plot of a report.

    Attributes
    ----------
    number : str
        As in the pre-production page, section 6, for example ``P1``.
    title : str
    how_to_read : str
        What a good one looks like, and what the usual bad ones mean.
    draw : callable
        Draws the data into an empty figure.
    size : tuple of float
        Width and height in inches.
    """

    number: str
    title: str
    how_to_read: str
    draw: Callable[[Figure, Data], None]
    size: tuple[float, float] = (7.2, 4.2)


def figures(
    plots: Iterable[Plot[Data]], data: Data, *, subject: str, stamp_text: str
) -> Iterator[tuple[Plot[Data], Figure]]:
    """Draw plots one after the other; each figure is closed when the next one is asked for.

    Parameters
    ----------
    plots : iterable of Plot
    data
        What the plots show.
    subject : str
        For the titles, for example run and subrun.
    stamp_text : str
        Program, version, reference table; small at the lower edge.
    """
    for plot in plots:
        figure = plt.figure(figsize=plot.size)
        plot.draw(figure, data)
        figure.suptitle(f"{plot.number}  {plot.title}  ({subject})", x=0.01, ha="left", fontsize=11)
        stamp(figure, stamp_text)
        yield plot, figure
        plt.close(figure)


def catalogue(plots: Iterable[Plot[Any]]) -> list[tuple[str, str, str]]:
    """Give number, title and reading of each plot, for the documentation."""
    return [(plot.number, plot.title, plot.how_to_read) for plot in plots]
