"""The page of one pedestal table: from the files of ``mx2 calibrate`` to HTML."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import numpy.typing as npt

from mx2prod.calibration import PedestalAccumulator, read_accumulator
from mx2prod.calibration.pedestal_fit import PedestalFit, fit_pedestals
from mx2prod.calibration.pedestal_outputs import read_with_companion
from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS
from mx2prod.core.units import US_PER_S
from mx2prod.detector import Detector, Gain
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.channels import channel_name, status_text, strip_name, worst_channels
from mx2prod.validation.common import MOST_WORST, drawn, facts_of, program, rounded
from mx2prod.validation.histogram import log_counts
from mx2prod.validation.page import Spectrum, TablePage, WorstRow
from mx2prod.validation.pedestal_plots import PEDESTAL_PLOTS, PedestalView
from mx2prod.validation.style import BLACK, ORANGE, SKY, drawing, stamp, svg_text
from mx2prod.validation.verdict_file import VerdictFile

Floats = npt.NDArray[np.float64]
_SHORT_SLICE = 0.25
"""Slices with less than this part of the usual number of frames are not drawn in P8."""
_LEAST_WIDTH = 20.0
"""Least width of a spectrum, ADC."""
_COLUMNS = ("channel", "strip", "status", "mean", "rms", "rejected %", "previous mean")


@dataclass(frozen=True)
class PedestalEvidence:
    """Everything that is shown of one pedestal table.

    Attributes
    ----------
    file : VerdictFile
    accumulator : PedestalAccumulator
    fit : PedestalFit
    status : ndarray of int32, shape (n_channels,)
        0 for channels without a row.
    view : PedestalView
    """

    file: VerdictFile
    accumulator: PedestalAccumulator
    fit: PedestalFit
    status: npt.NDArray[np.int32]
    view: PedestalView

    @classmethod
    def read(cls, file: VerdictFile, detector: Detector) -> PedestalEvidence:
        """Read table and accumulator of a verdict.

        Parameters
        ----------
        file : VerdictFile
        detector : Detector

        Raises
        ------
        InputFileError, TableError
            If a file is missing or damaged.
        """
        accumulator = read_accumulator(file.beside(".acc.parquet"))
        fit = fit_pedestals(accumulator)
        n_channels = detector.hardware.n_channels
        previous, status = np.full(n_channels, np.nan), np.zeros(n_channels, np.int32)
        shown = np.zeros(n_channels, np.bool_)
        if file.content["table"] is not None:
            pedestals, companion = read_with_companion(file.beside(".parquet"))
            rows = detector.hardware.channel_index(pedestals.channel)
            shown[rows] = True
            status[rows] = companion["status"]
            known = companion["previous_mean"] >= 0
            previous[rows[known]] = companion["previous_mean"][known]
        return cls(file, accumulator, fit, status, _view(fit, shown, previous, detector))


def _view(
    fit: PedestalFit, shown: npt.NDArray[np.bool_], previous: Floats, detector: Detector
) -> PedestalView:
    moments = fit.moments
    middle = fit.drift.times_us.mean(axis=1)
    begin = fit.drift.times_us[0, 0] if len(middle) else 0
    weight = fit.drift.frames.astype(np.float64)
    total = np.sum(np.where(weight > 0, weight * fit.drift.mean, 0), axis=0)
    mean = np.divide(total, weight.sum(axis=0), out=np.full(fit.n_febs, np.nan),
                     where=weight.sum(axis=0) > 0)  # fmt: skip
    return PedestalView(
        detector,
        np.where(shown[:, None], moments.mean, np.nan),
        np.where(shown[:, None], moments.rms, np.nan),
        np.where(shown, moments.rejected[:, Gain.HIGH], np.nan),
        np.where(shown, previous, np.nan),
        (middle - begin) / US_PER_S,
        np.where(_full_slices(weight), fit.drift.mean - mean, np.nan),
        _offset_of_boards(fit),
    )


def _full_slices(frames: Floats) -> npt.NDArray[np.bool_]:
    """Tell slices of a board that are not much shorter than its others, shape of ``frames``."""
    usual = np.median(frames, axis=0) if len(frames) else np.zeros(frames.shape[1])
    return np.asarray(frames >= np.maximum(_SHORT_SLICE * usual, 1))


def _offset_of_boards(fit: PedestalFit) -> Floats:
    """Mean offset of each timed hit block over the pixels of a board, shape (n_blocks, n_febs)."""
    offset = fit.block_offset[:, Gain.HIGH].reshape(fit.n_febs, PIXELS_PER_BOARD, -1)
    known = np.isfinite(offset)
    number = known.sum(axis=1)
    total = np.where(known, offset, 0).sum(axis=1)
    mean: Floats = np.divide(total, number, out=np.full(total.shape, np.nan), where=number > 0)
    used = np.flatnonzero(np.isfinite(mean).any(axis=0))
    return mean.T[: int(used.max()) + 1] if used.size else np.full((1, fit.n_febs), np.nan)


def pedestal_page(evidence: PedestalEvidence, *, label: str = "") -> TablePage:
    """Draw the page of one table.

    Parameters
    ----------
    evidence : PedestalEvidence
    label : str
        Said at the top, for example that the data are simulated.
    """
    file, content = evidence.file, evidence.file.content
    reference = str(content.get("reference") or "")
    with drawing():
        plots = drawn(PEDESTAL_PLOTS, evidence.view, subject=file.subject, reference=reference)
        worst = _worst(evidence)
        spectra = list(_spectra(evidence, worst))
    return TablePage(
        title=f"Pedestals, {file.subject}",
        verdict=file.verdict,
        counts=content["channels"],
        reasons=content["reasons"],
        facts=facts_of(content, evidence.accumulator.time_range_us()),
        plots=plots,
        worst=[_row(evidence, channel) for channel in worst.tolist()],
        worst_columns=_COLUMNS,
        worst_note=f"P12: at most {MOST_WORST}, the inner detector first, two of a board that is "
        "bad as a whole; the name leads to the spectrum. All values of high gain, in ADC.",
        spectra=spectra,
        data=_data(evidence),
        data_note="mean and rms of high, medium and low gain and the status word of every channel",
        label=label,
        footer=f"Made by {program()} from {file.path.name}.",
        counted="the inner detector",
    )


def _worst(evidence: PedestalEvidence) -> npt.NDArray[np.int64]:
    empty = evidence.fit.readings[:, Gain.HIGH] == 0
    return worst_channels(
        evidence.status, PEDESTAL_STATUS, evidence.view.inner, without_data=empty, most=MOST_WORST
    )


def _row(evidence: PedestalEvidence, channel: int) -> WorstRow:
    view, moments = evidence.view, evidence.fit.moments
    cells = (
        channel_name(view.detector, channel),
        strip_name(view.detector, channel),
        status_text(int(evidence.status[channel]), PEDESTAL_STATUS),
        rounded(moments.mean[channel, Gain.HIGH], 2),
        rounded(moments.rms[channel, Gain.HIGH], 2),
        rounded(100 * moments.rejected[channel, Gain.HIGH], 2),
        rounded(view.previous_mean[channel], 2),
    )
    return WorstRow(cells, f"spectrum-{cells[0]}")


def _spectra(evidence: PedestalEvidence, channels: npt.NDArray[np.int64]) -> Iterator[Spectrum]:
    for channel in channels.tolist():
        name = channel_name(evidence.view.detector, channel)
        figure = plt.figure(figsize=(4.2, 2.6))
        axes = figure.subplots()
        adc, counts = evidence.accumulator.histograms.row(channel * len(Gain) + Gain.HIGH)
        if len(adc):
            axes.stairs(counts, np.arange(adc[0], adc[-1] + 2) - 0.5, color=BLACK, lw=1)
            log_counts(axes)
        mean = evidence.fit.moments.mean[channel, Gain.HIGH]
        previous = evidence.view.previous_mean[channel]
        if np.isfinite(mean):
            axes.axvline(mean, color=ORANGE, lw=1, label=f"mean {mean:.1f}")
        if np.isfinite(previous):
            axes.axvline(previous, color=SKY, lw=1, ls="--", label=f"previous {previous:.1f}")
        left, right = axes.get_xlim()
        if right - left < _LEAST_WIDTH:
            axes.set_xlim((left + right - _LEAST_WIDTH) / 2, (left + right + _LEAST_WIDTH) / 2)
        axes.set(xlabel="high gain (ADC)", ylabel="readings")
        axes.set_title(name, fontsize=9)
        if axes.get_legend_handles_labels()[0]:
            axes.legend(fontsize=7)
        stamp(figure, "")
        caption = f"{name}: {status_text(int(evidence.status[channel]), PEDESTAL_STATUS)}"
        anchor = f"spectrum-{name}"
        yield Spectrum(anchor, caption, svg_text(figure, anchor))
        plt.close(figure)


def _data(evidence: PedestalEvidence) -> dict[str, object]:
    hardware = evidence.view.detector.hardware
    chosen = np.flatnonzero(np.isfinite(evidence.view.mean).any(axis=1))
    moments = evidence.fit.moments
    return {
        "channel_id": hardware.channel_ids()[chosen].tolist(),
        "status": evidence.status[chosen].tolist(),
        **{
            f"{gain.name.lower()}_{name}": [
                None if np.isnan(value) else round(value, 3)
                for value in getattr(moments, name)[chosen, gain].tolist()
            ]
            for gain in Gain
            for name in ("mean", "rms")
        },
    }
