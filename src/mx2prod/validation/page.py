"""Self-contained HTML pages: everything that a page shows stands in the page."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined


@dataclass(frozen=True)
class DrawnPlot:
    """A plot as it stands in a page.

    Attributes
    ----------
    number, title, how_to_read : str
    svg : str
    """

    number: str
    title: str
    how_to_read: str
    svg: str


@dataclass(frozen=True)
class Spectrum:
    """Spectrum of one channel, with the anchor that its row in the list links to."""

    anchor: str
    caption: str
    svg: str


@dataclass(frozen=True)
class WorstRow:
    """One row of the list of the worst channels; ``anchor`` is empty without a spectrum."""

    cells: Sequence[str | float | int]
    anchor: str = ""


@dataclass(frozen=True)
class TablePage:
    """What the page of one constants table shows.

    Attributes
    ----------
    title : str
    verdict : str
    counts : mapping of str to int
        Channels by verdict.
    reasons : sequence of mappings
        Members code, text, verdict, count, places.
    facts : mapping of str to str
        Origin and versions, in the order in which they are shown.
    plots : sequence of DrawnPlot
    worst, worst_columns, worst_note
        List of the worst channels, its head, and a sentence above it.
    spectra : sequence of Spectrum
    data : mapping
        The numbers, for programs.
    data_note : str
        What ``data`` holds.
    label : str
        Said at the top, for example that the data are simulated.
    footer : str
    counted : str
        Which channels ``counts`` counts.
    """

    title: str
    verdict: str
    counts: Mapping[str, int]
    reasons: Sequence[Mapping[str, Any]]
    facts: Mapping[str, str]
    plots: Sequence[DrawnPlot]
    worst: Sequence[WorstRow] = ()
    worst_columns: Sequence[str] = ()
    worst_note: str = ""
    spectra: Sequence[Spectrum] = ()
    data: Mapping[str, Any] = field(default_factory=dict)
    data_note: str = ""
    label: str = ""
    footer: str = ""
    counted: str = "all expected boards"

    @property
    def data_json(self) -> str:
        """JSON that can stand in a script element."""
        return json.dumps(self.data, allow_nan=False, separators=(",", ":")).replace("<", "\\u003c")

    def html(self) -> str:
        """Render the page."""
        return _render("table.html.j2", page=self)


@dataclass(frozen=True)
class FileLine:
    """A file of a period: its name, verdict, why, and the page of its table."""

    name: str
    verdict: str
    why: str
    link: str = ""


@dataclass(frozen=True)
class PeriodPart:
    """A run range on a summary page."""

    anchor: str
    title: str
    facts: Mapping[str, str]
    others: Sequence[FileLine]
    good: Sequence[FileLine]
    plots: Sequence[DrawnPlot] = ()


@dataclass(frozen=True)
class SummaryPage:
    """Summary of all run ranges of one product."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str | int]]
    note: str
    periods: Sequence[PeriodPart]
    label: str = ""
    footer: str = ""

    def html(self) -> str:
        """Render the page."""
        return _render("summary.html.j2", page=self)


@cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("mx2prod.validation"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _render(template: str, **content: Any) -> str:
    folder = files("mx2prod.validation") / "templates"
    css = (folder / "style.css").read_text(encoding="utf-8")
    return _environment().get_template(template).render(css=css, **content) + "\n"
