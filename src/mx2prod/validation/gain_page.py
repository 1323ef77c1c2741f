"""The page of one gain table: from the files of ``mx2 calibrate gains`` to HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from mx2prod.calibration.boards import ROWS_PER_BOARD
from mx2prod.calibration.gain_status import GAIN_BITS
from mx2prod.calibration.light_injection_accumulator import ADC_OF_BIN, LightInjectionAccumulator
from mx2prod.calibration.light_injection_file import read_light
from mx2prod.calibration.light_injection_kernels import LIGHT_UNIT
from mx2prod.constants import Table, read_parquet
from mx2prod.core.units import US_PER_S
from mx2prod.detector import Detector, Gain
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.channels import channel_name, status_text, strip_name, worst_channels
from mx2prod.validation.common import MOST_WORST, drawn, facts_of, program, rounded
from mx2prod.validation.gain_plots import GAIN_PLOTS, GainView
from mx2prod.validation.histogram import log_counts
from mx2prod.validation.page import Spectrum, TablePage, WorstRow
from mx2prod.validation.style import BLACK, BLUE, drawing, stamp, svg_text
from mx2prod.validation.verdict_file import VerdictFile

Floats = npt.NDArray[np.float64]
_COLUMNS = ("channel", "strip", "status", "gain / 1e5", "error %", "mean PE", "pulses")


@dataclass(frozen=True)
class GainEvidence:
    """Everything that is shown of one gain table.

    Attributes
    ----------
    file : VerdictFile
    accumulator : LightInjectionAccumulator
    table : Table or None
    status : ndarray of int32, shape (n_channels,)
    pulses : ndarray of float64, shape (n_channels,)
        Pulses behind each gain.
    view : GainView
    """

    file: VerdictFile
    accumulator: LightInjectionAccumulator
    table: Table | None
    status: npt.NDArray[np.int32]
    pulses: Floats
    view: GainView

    @classmethod
    def read(
        cls, file: VerdictFile, detector: Detector, previous: Table | None = None
    ) -> GainEvidence:
        """Read table and accumulator of a verdict.

        Parameters
        ----------
        file : VerdictFile
        detector : Detector
        previous : Table, optional
            Schema PmtGain.

        Raises
        ------
        InputFileError, TableError
            If a file is missing or damaged.
        """
        accumulator = read_light(file.beside(".acc.parquet"))
        table = read_parquet(file.beside(".parquet")) if file.content["table"] else None
        status = np.zeros(detector.hardware.n_channels, np.int32)
        if table is not None:
            status[detector.hardware.channel_index(table.channel)] = table["status"]
        view = _view(accumulator, table, previous, detector)
        return cls(file, accumulator, table, status, _of(table, "n_events", detector), view)


def _of(table: Table | None, name: str, detector: Detector) -> Floats:
    """Column of a table by dense channel; NaN without a row, and for gains that are 0."""
    values = np.full(detector.hardware.n_channels, np.nan)
    if table is not None:
        column = table[name].astype(np.float64)
        values[detector.hardware.channel_index(table.channel)] = column
    return values


def _gain_of(table: Table | None, name: str, detector: Detector) -> Floats:
    values, gain = _of(table, name, detector), _of(table, "gain", detector)
    return np.where(gain > 0, values, np.nan)


def _view(
    accumulator: LightInjectionAccumulator,
    table: Table | None,
    previous: Table | None,
    detector: Detector,
) -> GainView:
    pulses = accumulator.pulses
    first = pulses["time_us"].min() if len(pulses) else 0
    w2 = _gain_of(table, "w2", detector)
    columns = {
        name: _gain_of(table, name, detector)
        for name in ("gain", "gain_err", "pe_mean", "q_mean", "q_var")
    }
    return GainView(
        detector,
        w2=float(np.nanmedian(w2)) if np.isfinite(w2).any() else 0.0,
        previous_gain=_gain_of(previous, "gain", detector),
        pulse_seconds=(pulses["time_us"] - first) / US_PER_S,
        pulse_light=1 + pulses["light"] / LIGHT_UNIT,
        pulse_kept=pulses["kept"].astype(bool),
        common_spread=float(np.sqrt(max(accumulator.light_variance()[0], 0.0))),
        **columns,
    )


def gain_page(evidence: GainEvidence, *, label: str = "") -> TablePage:
    """Draw the page of one table.

    Parameters
    ----------
    evidence : GainEvidence
    label : str
        Said at the top, for example that the data are simulated.
    """
    file, content = evidence.file, evidence.file.content
    reference = str(content.get("reference") or "")
    subject = f"{file.subject}, LED level {evidence.accumulator.level}"
    with drawing():
        plots = drawn(GAIN_PLOTS, evidence.view, subject=subject, reference=reference)
        worst = worst_channels(
            evidence.status, GAIN_BITS, evidence.view.inner,
            without_data=~(evidence.pulses > 0), most=MOST_WORST,
        )  # fmt: skip
        spectra = list(_spectra(evidence, worst))
    return TablePage(
        title=f"PMT gains, {subject}",
        verdict=file.verdict,
        counts=content["channels"],
        reasons=content["reasons"],
        facts=facts_of(content, evidence.accumulator.time_range_us()),
        plots=plots,
        worst=[_row(evidence, channel) for channel in worst.tolist()],
        worst_columns=_COLUMNS,
        worst_note=f"G9: at most {MOST_WORST}, the inner detector first, two of a board that is "
        "bad as a whole; the name leads to the spectrum (G8).",
        spectra=spectra,
        data=_data(evidence.table),
        data_note="gain, its error, mean light and status of every channel",
        label=label,
        footer=f"Made by {program()} from {file.path.name}.",
    )


def _row(evidence: GainEvidence, channel: int) -> WorstRow:
    view = evidence.view
    cells = (
        channel_name(view.detector, channel),
        strip_name(view.detector, channel),
        status_text(int(evidence.status[channel]), GAIN_BITS),
        rounded(view.gain[channel] / 1e5, 2),
        rounded(100 * view.gain_err[channel] / view.gain[channel], 1),
        rounded(view.pe_mean[channel], 2),
        rounded(evidence.pulses[channel], 0),
    )
    return WorstRow(cells, f"spectrum-{cells[0]}")


def _spectra(evidence: GainEvidence, channels: npt.NDArray[np.int64]) -> Iterator[Spectrum]:
    for channel in channels.tolist():
        name = channel_name(evidence.view.detector, channel)
        figure = plt.figure(figsize=(4.2, 2.6))
        axes = figure.subplots()
        _draw_spectrum(axes, evidence.accumulator, channel)
        axes.set(xlabel="high gain (ADC)", ylabel="pulses")
        axes.set_title(name, fontsize=9)
        stamp(figure, "")
        caption = f"{name}: {status_text(int(evidence.status[channel]), GAIN_BITS)}"
        anchor = f"spectrum-{name}"
        yield Spectrum(anchor, caption, svg_text(figure, anchor))
        plt.close(figure)


def _draw_spectrum(axes: Axes, accumulator: LightInjectionAccumulator, channel: int) -> None:
    """Draw untimed and timed readings of a channel in high gain."""
    feb, pixel = divmod(channel, PIXELS_PER_BOARD)
    for kind, (label, colour) in enumerate((("untimed block", BLACK), ("timed block", BLUE))):
        unit = kind * accumulator.n_febs + feb
        row = unit * ROWS_PER_BOARD + pixel * len(Gain) + Gain.HIGH
        bins, counts = accumulator.histograms.row(row)
        if counts.any():
            edges = np.arange(bins[0], bins[-1] + 2) * ADC_OF_BIN
            axes.stairs(counts, edges, color=colour, lw=1, label=label)
    log_counts(axes)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7)


def _data(table: Table | None) -> dict[str, object]:
    if table is None:
        return {}
    return {
        name: table[name].tolist() for name in ("channel", "gain", "gain_err", "pe_mean", "status")
    }
