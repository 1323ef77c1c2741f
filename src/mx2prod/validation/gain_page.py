"""The page of one gain table: from the files of ``mx2 calibrate gains`` to HTML."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

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
from mx2prod.validation.channels import worst_channels
from mx2prod.validation.common import MOST_WORST, WorstChannels, drawn, rounded, table_page
from mx2prod.validation.gain_plots import GAIN_PLOTS, GainView
from mx2prod.validation.histogram import log_counts
from mx2prod.validation.page import TablePage
from mx2prod.validation.style import BLACK, BLUE, drawing
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
    """Column of a table by dense channel; NaN without a row."""
    values = np.full(detector.hardware.n_channels, np.nan)
    if table is not None:
        column = table[name].astype(np.float64)
        values[detector.hardware.channel_index(table.channel)] = column
    return values


def _gain_of(table: Table | None, name: str, detector: Detector) -> Floats:
    """Column of a table by dense channel; NaN also where the gain is 0."""
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
    file, view, accumulator = evidence.file, evidence.view, evidence.accumulator
    subject = f"{file.subject}, LED level {accumulator.level}"
    with drawing():
        plots = drawn(GAIN_PLOTS, view, subject=subject, reference=file.reference)
        channels = worst_channels(
            evidence.status, GAIN_BITS, view.inner,
            without_data=~(evidence.pulses > 0), most=MOST_WORST,
        )  # fmt: skip
        worst = WorstChannels(view.detector, evidence.status, GAIN_BITS, channels)
        spectra = worst.spectra(partial(_draw_spectrum, accumulator), "pulses")
    return table_page(
        file,
        f"PMT gains, {subject}",
        plots,
        times=accumulator.time_range_us(),
        worst=worst.rows(partial(_values, evidence)),
        worst_columns=_COLUMNS,
        worst_note=f"G9: at most {MOST_WORST}, the inner detector first, two of a board that is "
        "bad as a whole; the name leads to the spectrum (G8).",
        spectra=spectra,
        data=_data(evidence.table),
        data_note="gain, its error, mean light and status of every channel",
        label=label,
    )


def _values(evidence: GainEvidence, channel: int) -> tuple[float | str, ...]:
    view = evidence.view
    return (
        rounded(view.gain[channel] / 1e5, 2),
        rounded(100 * view.gain_err[channel] / view.gain[channel], 1),
        rounded(view.pe_mean[channel], 2),
        rounded(evidence.pulses[channel], 0),
    )


def _draw_spectrum(accumulator: LightInjectionAccumulator, axes: Axes, channel: int) -> None:
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


def _data(table: Table | None) -> dict[str, object]:
    if table is None:
        return {}
    return {
        name: table[name].tolist() for name in ("channel", "gain", "gain_err", "pe_mean", "status")
    }
