"""The page on how to read the plots, made from the plots themselves."""

from __future__ import annotations

from collections.abc import Iterable

from mx2prod.validation.feb_page import FEB_PLOTS, RATIO_PLOTS
from mx2prod.validation.gain_plots import GAIN_PLOTS
from mx2prod.validation.pedestal_plots import PEDESTAL_PLOTS
from mx2prod.validation.plot import catalogue
from mx2prod.validation.trends import GAIN_TRENDS, PEDESTAL_TRENDS

Row = tuple[str, str, str]
PEDESTAL_LISTS: tuple[Row, ...] = (
    ("P12", "list of the worst channels", "What the shifter acts on: status, address, strip, "
     "values, previous mean. The name of a channel leads to its spectrum."),
)  # fmt: skip
GAIN_LISTS: tuple[Row, ...] = (
    ("G8", "spectra of the worst channels", "Peaks are visible at the one-PE level. One peak: no "
     "light; a shoulder at the end: saturation."),
    ("G9", "list of the worst channels", "What the shifter acts on. All problem channels stand in "
     "the file `_problemchannels.dat`."),
)  # fmt: skip


def plots_page() -> str:
    """Give the page as Markdown: every plot and list with number, title and how to read it."""
    sections = (
        ("Pedestal table", [*catalogue(PEDESTAL_PLOTS), *PEDESTAL_LISTS]),
        ("Pedestals of a run range", catalogue(PEDESTAL_TRENDS)),
        ("Gain table", [*catalogue(GAIN_PLOTS), *GAIN_LISTS]),
        ("Gains of a run range", catalogue(GAIN_TRENDS)),
        ("FEB response", [*catalogue(FEB_PLOTS), *catalogue(RATIO_PLOTS)]),
    )
    head = (
        "# How to read the plots\n\nThe plots of [pre-production](../how-to/pre-production.md): on "
        "the page of each table, and in the PDF and the page of each run range. Values beyond the "
        "ends of an axis are counted in its last bins; maps are grey where there is no value.\n"
    )
    return "\n".join([head, *(_section(title, rows) for title, rows in sections)])


def _section(title: str, rows: Iterable[Row]) -> str:
    body = [f"| {number} | {name} | {reading} |" for number, name, reading in rows]
    return "\n".join([f"## {title}\n", "| | plot | how to read |", "|---|---|---|", *body, ""])
