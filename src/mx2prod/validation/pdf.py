"""One PDF a run range: summary, trends, tables, and how to read the plots."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.backends.backend_pdf import PdfPages
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from mx2prod.core.files import atomic_path
from mx2prod.validation.common import program, stamp_text
from mx2prod.validation.plot import Plot, figures
from mx2prod.validation.style import RED, VERDICT_COLOURS, drawing, stamp
from mx2prod.validation.summary import TALK_COLUMNS, RangeSummary
from mx2prod.validation.verdict_file import VerdictFile

Data = TypeVar("Data")
MOST_GOOD_PAGES = 40
"""Pages of good tables in a PDF; of more, some are left out evenly, and the cover says so."""
_PAGE = (11.0, 7.6)
_LINES_A_PAGE = 44


@dataclass(frozen=True)
class RangePlots(Generic[Data]):
    """What is drawn of a run range.

    Attributes
    ----------
    trends : sequence of Plot
    trend : object
        What the trends show.
    table_plots : sequence of Plot
        Four plots of a table, for its page.
    read : callable
        Reads what they show from a verdict file; None without anything to draw.
    catalogue : sequence of Plot
        All plots of the product, for the page on how to read them.
    """

    trends: Sequence[Plot[Any]]
    trend: Any
    table_plots: Sequence[Plot[Data]]
    read: Callable[[VerdictFile], Data | None]
    catalogue: Sequence[Plot[Any]]


def write_pdf(
    path: Path, summary: RangeSummary, plots: RangePlots[Any], *, title: str, label: str = ""
) -> None:
    """Write the PDF of a run range; a reader sees the whole file or none.

    Parameters
    ----------
    path : Path
        Replaced if it is there.
    summary : RangeSummary
    plots : RangePlots
    title : str
    label : str
        Said on the cover, for example that the data are simulated.

    Raises
    ------
    InputFileError, TableError
        If a file of a table is missing or damaged.
    OutputError
        If the PDF cannot be written.
    """
    metadata = {"Title": title, "Creator": program(), "CreationDate": None, "ModDate": None}
    shown = _shown(summary.files)
    with (
        drawing(),
        atomic_path(path, overwrite=True) as temporary,
        PdfPages(temporary, metadata=metadata) as pdf,
    ):
        for figure in _pages(summary, plots, shown, title, label):
            pdf.savefig(figure, dpi=110)
            plt.close(figure)


def _shown(files: Sequence[VerdictFile]) -> list[VerdictFile]:
    """Tables that get a page: all that are not good, and good ones evenly up to the limit."""
    good = [file for file in files if file.verdict == "good"]
    if len(good) > MOST_GOOD_PAGES:
        places = np.unique(np.linspace(0, len(good) - 1, MOST_GOOD_PAGES).round().astype(int))
        good = [good[place] for place in places.tolist()]
    chosen = {file.path for file in good}
    return [file for file in files if file.verdict != "good" or file.path in chosen]


def _pages(
    summary: RangeSummary,
    plots: RangePlots[Any],
    shown: Sequence[VerdictFile],
    title: str,
    label: str,
) -> Iterator[Figure]:
    yield _cover(summary, len(shown), title, label)
    yield from _text_pages("Files without a good table, and why", _lines_of_others(summary.files))
    for _, figure in figures(
        plots.trends, plots.trend, subject=summary.runs.subject, stamp_text=program()
    ):
        figure.set_size_inches(*_PAGE)
        yield figure
    for file in shown:
        data = plots.read(file)
        if data is not None:
            yield _table_page(file, data, plots.table_plots)
    yield from _text_pages("How to read these plots", _lines_of_catalogue(plots.catalogue))


def _cover(summary: RangeSummary, shown: int, title: str, label: str) -> Figure:
    figure = plt.figure(figsize=_PAGE, layout="none")
    figure.text(0.05, 0.92, title, fontsize=18, weight="bold")
    if label:
        figure.text(0.05, 0.875, textwrap.fill(label, 120), fontsize=10, color=RED, va="top")
    lines = [f"{name}: {cell}" for name, cell in zip(TALK_COLUMNS, summary.row(), strict=False)]
    lines += [
        f"Gates used: {summary.gates_used}",
        f"Pages of tables below: {shown} of {len(summary.files)}"
        + ("" if shown == len(summary.files) else ", all that are not good among them"),
    ]
    figure.text(0.05, 0.80, "\n".join(textwrap.fill(line, 110) for line in lines), fontsize=11,
                va="top", linespacing=1.6)  # fmt: skip
    axes = figure.add_axes((0.14, 0.08, 0.75, 0.26))
    words = list(summary.counts)
    counts = list(summary.counts.values())
    bars = axes.barh(words, counts, color=[VERDICT_COLOURS[word] for word in words])
    axes.bar_label(bars, padding=4)
    axes.set_yticks(range(len(words)), [word.replace("_", " ") for word in words])
    axes.invert_yaxis()
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set(xlabel="files", xlim=(0, max(1.0, 1.1 * max(counts))))
    axes.grid(visible=False, axis="y")
    stamp(figure, program())
    return figure


def _table_page(file: VerdictFile, data: Any, plots: Sequence[Plot[Any]]) -> Figure:
    figure = plt.figure(figsize=_PAGE)
    figure.suptitle(
        f"{file.subject}: {file.verdict.replace('_', ' ')}", x=0.01, ha="left", fontsize=13,
        color=VERDICT_COLOURS[file.verdict], weight="bold",
    )  # fmt: skip
    top, bottom = np.asarray(figure.subfigures(2, 1, height_ratios=(8, 1)), object)
    parts = np.ravel(np.asarray(top.subfigures(2, 2), object))
    for part, plot in zip(parts, plots, strict=False):
        plot.draw(part, data)
        part.suptitle(f"{plot.number}  {plot.title}", x=0.02, ha="left", fontsize=9)
    why = "" if file.verdict == "good" else f"Why: {file.why()}"
    bottom.text(0.01, 0.5, textwrap.fill(why, 150, max_lines=3, placeholder=" ..."), fontsize=9,
                va="center")  # fmt: skip
    stamp(figure, stamp_text(file.reference))
    return figure


def _text_pages(heading: str, lines: Sequence[str]) -> Iterator[Figure]:
    for start in range(0, len(lines), _LINES_A_PAGE):
        figure = plt.figure(figsize=_PAGE, layout="none")
        figure.text(0.05, 0.93, heading, fontsize=14, weight="bold")
        text = "\n".join(lines[start : start + _LINES_A_PAGE])
        figure.text(0.05, 0.90, text, fontsize=8.5, va="top", linespacing=1.35)
        stamp(figure, program())
        yield figure


def _lines_of_others(files: Sequence[VerdictFile]) -> list[str]:
    others = [file for file in files if file.verdict != "good"]
    if not others:
        return ["None: every file of this range gave a good table."]
    lines = []
    for file in others:
        name = file.inputs[0] if file.inputs else file.stem
        lines.append(f"{name}: {file.verdict.replace('_', ' ')}")
        lines += textwrap.wrap(file.why(), 140, initial_indent="    ", subsequent_indent="    ")
    return lines


def _lines_of_catalogue(plots: Sequence[Plot[Any]]) -> list[str]:
    lines = []
    for plot in plots:
        lines.append(f"{plot.number}  {plot.title}")
        lines += textwrap.wrap(
            plot.how_to_read, 140, initial_indent="    ", subsequent_indent="    "
        )
    return lines
