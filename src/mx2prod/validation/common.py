"""What the pages of all kinds of tables share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any, TypeVar

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from mx2prod.calibration.verdict import StatusBit
from mx2prod.core.time import iso
from mx2prod.detector import Detector
from mx2prod.validation.channels import channel_name, status_text, strip_name
from mx2prod.validation.page import DrawnPlot, Spectrum, TablePage, WorstRow
from mx2prod.validation.plot import Plot, figures
from mx2prod.validation.style import stamp, svg_text
from mx2prod.validation.verdict_file import VerdictFile

Data = TypeVar("Data")
MOST_WORST = 24
"""Channels in the list of the worst, each with its spectrum."""
_GATES = {"li": "light injection", "injection": "charge injection"}
"""Words of the kinds of gates that are not words already."""


def program() -> str:
    """Name and version of this program."""
    return f"mx2prod {version('mx2prod')}"


def stamp_text(reference: str | None) -> str:
    """Give what stands at the lower edge of every plot: program, and reference table.

    None where there is nothing to compare; empty where the previous table is missing.
    """
    if reference is None:
        return program()
    return f"{program()}; {f'reference: {reference}' if reference else 'no reference'}"


def drawn(
    plots: Iterable[Plot[Data]],
    data: Data,
    *,
    subject: str,
    reference: str | None,
    scope: str = "",
) -> list[DrawnPlot]:
    """Draw plots for a page; see :func:`stamp_text` for the reference.

    ``scope`` makes ids its own where a page shows the same plot several times.
    """
    return [
        DrawnPlot(
            plot.number, plot.title, plot.how_to_read, svg_text(figure, f"{scope}{plot.number}")
        )
        for plot, figure in figures(plots, data, subject=subject, stamp_text=stamp_text(reference))
    ]


def rounded(value: float, digits: int) -> float | str:
    """Give a number for a list, ``-`` where there is none; without digits an int."""
    if not np.isfinite(value):
        return "-"
    return round(float(value), digits) if digits else round(float(value))


def facts_of(content: Mapping[str, Any], times: tuple[int, int] | None) -> dict[str, str]:
    """Give origin and versions of a table, from its verdict file.

    Parameters
    ----------
    content : mapping
        Of the verdict file.
    times : tuple of int or None
        First and last gate used, microseconds since 1970.
    """
    gates = ", ".join(
        f"{number} {_GATES.get(kind, kind)}" for kind, number in content["gates"].items()
    )
    files = ", ".join(f"{name} (adler32 {adler32})" for name, adler32 in content.get("inputs", []))
    constants = ", ".join(f"{name} {sha}" for name, sha in (content.get("constants") or {}).items())
    return {
        "raw files": files or "none could be read",
        "gates": gates,
        "first gate used": iso(times[0]) if times else "none",
        "last gate used": iso(times[1]) if times else "none",
        "compared with": content.get("reference") or "no previous table",
        "table": str(content["table"] or "none"),
        "content sha256": str(content["content_sha256"] or "none"),
        **({"constants read (sha256)": constants} if constants else {}),
        "settings sha256": str(content.get("settings_sha256", "not recorded")),
        "settings that are not the defaults": ", ".join(content.get("deviations") or []) or "none",
    }


def table_page(
    file: VerdictFile,
    title: str,
    plots: Sequence[DrawnPlot],
    *,
    times: tuple[int, int] | None,
    **members: Any,
) -> TablePage:
    """Give the page of a table: what its verdict file says, and what is drawn of it.

    Parameters
    ----------
    file : VerdictFile
    title : str
    plots : sequence of DrawnPlot
    times : tuple of int or None
        First and last gate used, microseconds since 1970.
    **members
        Label, lists and data, as :class:`~mx2prod.validation.page.TablePage` has them.
    """
    return TablePage(
        title=title,
        verdict=file.verdict,
        counts=file.content["channels"],
        reasons=file.content["reasons"],
        facts=facts_of(file.content, times),
        plots=plots,
        footer=f"Made by {program()} from {file.path.name}.",
        **members,
    )


@dataclass(frozen=True)
class WorstChannels:
    """Channels that a person should look at first, as a list and as spectra.

    Attributes
    ----------
    detector : Detector
    status : ndarray of int32, shape (n_channels,)
    bits : sequence of StatusBit
    channels : ndarray of int64
        See :func:`~mx2prod.validation.channels.worst_channels`.
    """

    detector: Detector
    status: npt.NDArray[np.int32]
    bits: Sequence[StatusBit]
    channels: npt.NDArray[np.int64]

    def rows(self, values: Callable[[int], Sequence[float | str]]) -> list[WorstRow]:
        """List them: address, strip, status, and the values of each; see :meth:`spectra`."""
        rows = []
        for channel in self.channels.tolist():
            name, strip = self._name(channel), strip_name(self.detector, channel)
            cells = (name, strip, self._status(channel), *values(channel))
            rows.append(WorstRow(cells, _anchor(name)))
        return rows

    def spectra(self, draw: Callable[[Axes, int], None], counted: str) -> list[Spectrum]:
        """Draw the spectrum of each in high gain.

        Parameters
        ----------
        draw : callable
            Draws the spectrum of a channel.
        counted : str
            Label of the counts.
        """
        spectra = []
        for channel in self.channels.tolist():
            name = self._name(channel)
            figure = plt.figure(figsize=(4.2, 2.6))
            axes = figure.subplots()
            draw(axes, channel)
            axes.set(xlabel="high gain (ADC)", ylabel=counted)
            axes.set_title(name, fontsize=9)
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize=7)
            stamp(figure, "")
            caption, anchor = f"{name}: {self._status(channel)}", _anchor(name)
            spectra.append(Spectrum(anchor, caption, svg_text(figure, anchor)))
            plt.close(figure)
        return spectra

    def _name(self, channel: int) -> str:
        return channel_name(self.detector, channel)

    def _status(self, channel: int) -> str:
        return status_text(int(self.status[channel]), self.bits)


def _anchor(name: str) -> str:
    return f"spectrum-{name}"
