"""Reports of pre-production: one page and one PDF a run range, and the table of the talk."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.constants import Table
from mx2prod.core.files import write_text
from mx2prod.core.time import iso
from mx2prod.detector import Detector
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.common import drawn, program
from mx2prod.validation.gain_page import GainEvidence
from mx2prod.validation.gain_plots import GAIN_PLOTS
from mx2prod.validation.histogram import middle_of
from mx2prod.validation.page import DrawnPlot, FileLine, PeriodPart, SummaryPage
from mx2prod.validation.pdf import RangePlots, write_pdf
from mx2prod.validation.pedestal_page import PedestalEvidence
from mx2prod.validation.pedestal_plots import PEDESTAL_PLOTS
from mx2prod.validation.plot import Plot
from mx2prod.validation.style import drawing
from mx2prod.validation.summary import COLUMNS, RangeSummary, markdown, summarise
from mx2prod.validation.trends import (
    GAIN_TRENDS,
    PEDESTAL_TRENDS,
    Trend,
    mean_of_boards,
    percentiles,
)
from mx2prod.validation.verdict_file import VerdictFile, verdict_files

Floats = npt.NDArray[np.float64]
KIND_OF_PRODUCT = {"pedestals": "pedestal", "gains": "gain"}
TITLES = {"pedestals": "Pedestals", "gains": "PMT gains"}
SUMMARY_SUFFIXES = (".html", ".md", ".json")
_NOTE = (
    "NFiles is the number of good tables; the verdict columns add up to the files in. Every file "
    "without a good table is named below with its reasons."
)


@dataclass
class Report:
    """What a report wrote.

    Attributes
    ----------
    product : str
    summaries : list of RangeSummary
    outside : tuple of VerdictFile
        Files of runs outside the ranges that were asked for.
    paths : list of Path
    """

    product: str
    summaries: list[RangeSummary]
    outside: tuple[VerdictFile, ...] = ()
    paths: list[Path] = field(default_factory=list)

    @property
    def files(self) -> list[VerdictFile]:
        """Files of all ranges."""
        return [file for summary in self.summaries for file in summary.files]

    def as_dict(self) -> dict[str, Any]:
        """Give rows, verdicts and paths for programs."""
        return {
            "product": self.product,
            "columns": list(COLUMNS),
            "rows": [summary.row() for summary in self.summaries],
            "files": [
                {
                    "file": file.inputs, "run": file.content["run"],
                    "subrun": file.content["subrun"], "verdict": file.verdict,
                    "reasons": file.content["reasons"], "range": summary.runs.name,
                }
                for summary in self.summaries
                for file in summary.files
            ],
            "outside": [name for file in self.outside for name in file.inputs],
            "paths": [str(path) for path in self.paths],
        }  # fmt: skip


def make_report(
    product: str,
    folder: Path,
    out: Path,
    detector: Detector,
    *,
    ranges: Sequence[tuple[int, int]] = (),
    pdf: bool = True,
    label: str = "",
    previous: Table | None = None,
) -> Report:
    """Write the report of all tables in a folder; what is there already is replaced.

    ``mx2_<product>_summary.html``, ``.md`` and ``.json``, and a PDF for each run range; see
    :func:`plan_report`.

    Parameters
    ----------
    product : str
        ``pedestals`` or ``gains``.
    folder : Path
        What ``mx2 calibrate`` wrote; folders below it are read too.
    out : Path
        Made if needed.
    detector : Detector
    ranges : sequence of (int, int), optional
        First and last run of each row; by default the run periods.
    pdf : bool
        Write the PDFs, and the trends into the page.
    label : str
        Said at the top, for example that the data are simulated.
    previous : Table, optional
        Gains: table to compare with.

    Raises
    ------
    InputFileError, TableError
        If there is no verdict, or a file of a table is missing or damaged.
    OutputError
        If a file cannot be written.
    """
    report = plan_report(product, folder, out, ranges=ranges, pdf=pdf)
    parts = []
    for summary in report.summaries:
        shown: list[DrawnPlot] = []
        times: list[int] = []
        if pdf:
            plots = _plots_of(product, summary, detector, previous)
            subject = summary.runs.subject
            title = f"{TITLES[product]}, {subject}"
            write_pdf(out / summary.plots, summary, plots, title=title, label=label)
            with drawing():
                shown = drawn(
                    plots.trends, plots.trend, subject=subject, reference=None,
                    scope=f"{summary.runs.name}-",
                )  # fmt: skip
            times = plots.trend.times_us.tolist()
        parts.append(_part(summary, out, shown, times))
    _write_summary(report, parts, out, label)
    return report


def plan_report(
    product: str, folder: Path, out: Path, *, ranges: Sequence[tuple[int, int]] = (), pdf: bool
) -> Report:
    """Sum up the verdicts of a folder and say what a report would write; nothing is written.

    Parameters
    ----------
    product, folder, out, ranges, pdf
        See :func:`make_report`.

    Raises
    ------
    InputFileError
        If there is no verdict, or one cannot be read.
    """
    files = verdict_files(folder, KIND_OF_PRODUCT[product])
    summaries = summarise(files, folder, product, ranges)
    if not pdf:
        summaries = [replace(summary, plots="-") for summary in summaries]
    inside = {file.path for summary in summaries for file in summary.files}
    outside = tuple(file for file in files if file.path not in inside)
    pdfs = [out / summary.plots for summary in summaries] if pdf else []
    paths = [*pdfs, *(_summary_path(product, out, suffix) for suffix in SUMMARY_SUFFIXES)]
    return Report(product, summaries, outside, paths)


def _summary_path(product: str, out: Path, suffix: str) -> Path:
    return out / f"mx2_{product}_summary{suffix}"


def _write_summary(report: Report, parts: Sequence[PeriodPart], out: Path, label: str) -> None:
    page = SummaryPage(
        title=f"{TITLES[report.product]}: summary",
        columns=COLUMNS,
        rows=[summary.row() for summary in report.summaries],
        note=_NOTE,
        periods=parts,
        label=label,
        footer=f"Made by {program()}.",
    )
    contents = (
        page.html(), markdown(page.rows), json.dumps(report.as_dict(), indent=2) + "\n",
    )  # fmt: skip
    for suffix, content in zip(SUMMARY_SUFFIXES, contents, strict=True):
        write_text(_summary_path(report.product, out, suffix), content, overwrite=True)


def _part(
    summary: RangeSummary, out: Path, plots: list[DrawnPlot], times: Sequence[int]
) -> PeriodPart:
    lines = [_line(file, out) for file in summary.files]
    return PeriodPart(
        anchor=summary.runs.name,
        title=summary.runs.subject.capitalize(),
        facts={
            "files in": str(len(summary.files)),
            "gates used": str(summary.gates_used),
            **({"first gate of the first table": iso(min(times))} if times else {}),
            **({"first gate of the last table": iso(max(times))} if times else {}),
            "tables": str(summary.location),
        },
        others=[line for line in lines if line.verdict != "good"],
        good=[line for line in lines if line.verdict == "good"],
        plots=plots,
    )


def _line(file: VerdictFile, out: Path) -> FileLine:
    page = file.beside(".html")
    link = os.path.relpath(page, out) if page.exists() else ""
    name = ", ".join(file.inputs) or file.stem
    return FileLine(name, file.verdict, file.why() if file.verdict != "good" else "", link)


def _plots_of(
    product: str, summary: RangeSummary, detector: Detector, previous: Table | None
) -> RangePlots[Any]:
    """Say what is drawn of a run range, and read its tables for the trends."""
    pedestals = product == "pedestals"

    def read(file: VerdictFile) -> Any:
        if file.content["table"] is None:
            return None
        if pedestals:
            return PedestalEvidence.read(file, detector)
        return GainEvidence.read(file, detector, previous)

    def view(file: VerdictFile) -> Any:
        evidence = read(file)
        return None if evidence is None else evidence.view

    catalogue: Sequence[Plot[Any]] = PEDESTAL_PLOTS if pedestals else GAIN_PLOTS
    trends = PEDESTAL_TRENDS if pedestals else GAIN_TRENDS
    numbers = ("P1", "P2", "P4", "P5") if pedestals else ("G1", "G1m", "G2", "G7")
    chosen = [plot for plot in catalogue if plot.number in numbers]
    trend = _trend(summary, read, product)
    return RangePlots(trends, trend, chosen, view, (*trends, *catalogue))


@dataclass(frozen=True)
class _TrendRow:
    """What a table gives to the trends; small, so that those of a whole run range fit in memory."""

    time_us: int
    verdict: str
    level: Floats
    width: Floats
    boards: Floats
    temperature: Floats
    hv: Floats


def _trend(summary: RangeSummary, read: Callable[[VerdictFile], Any], product: str) -> Trend:
    rows = [
        _trend_row(file, evidence, product)
        for file in summary.files
        if (evidence := read(file)) is not None
    ]
    rows.sort(key=lambda row: row.time_us)

    def column(name: str) -> Floats:
        values = [getattr(row, name) for row in rows]
        return np.array(values, np.float64) if values else np.zeros((0, 0))

    return Trend(
        np.array([row.time_us for row in rows], np.int64),
        tuple(row.verdict for row in rows),
        column("level"), column("width"), column("boards"), column("temperature"), column("hv"),
    )  # fmt: skip


def _trend_row(file: VerdictFile, evidence: Any, product: str) -> _TrendRow:
    view, boards = evidence.view, evidence.accumulator.boards
    if product == "pedestals":
        level, width = view.mean[:, 0], view.rms[:, 0]
    else:
        level, width = view.gain / 1e5, 100 * view.gain_err / view.gain
    readings = boards["slow_readings"]
    return _TrendRow(
        (evidence.accumulator.time_range_us() or (0, 0))[0],
        file.verdict,
        percentiles(level[view.inner]),
        percentiles(width[view.inner]),
        np.array([middle_of(pixels) for pixels in level.reshape(-1, PIXELS_PER_BOARD)]),
        mean_of_boards(boards["temperature_sum"], readings),
        mean_of_boards(boards["hv_sum"], readings),
    )
