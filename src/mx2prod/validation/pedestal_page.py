"""The page of one pedestal table: from the files of ``mx2 calibrate`` to HTML."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from mx2prod.calibration import PedestalAccumulator, read_accumulator
from mx2prod.calibration.pedestal_fit import PedestalFit, fit_pedestals
from mx2prod.calibration.pedestal_outputs import read_with_companion
from mx2prod.calibration.pedestal_status import PEDESTAL_STATUS
from mx2prod.core.units import US_PER_S
from mx2prod.detector import Detector, Gain
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.validation.channels import worst_channels
from mx2prod.validation.common import MOST_WORST, WorstChannels, drawn, rounded, table_page
from mx2prod.validation.histogram import log_counts, mean_of
from mx2prod.validation.page import TablePage
from mx2prod.validation.pedestal_plots import PEDESTAL_PLOTS, PedestalView
from mx2prod.validation.style import BLACK, ORANGE, SKY, drawing
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
    mean = mean_of(offset, axis=1)
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
    file = evidence.file
    with drawing():
        plots = drawn(PEDESTAL_PLOTS, evidence.view, subject=file.subject, reference=file.reference)
        worst = _worst(evidence)
        spectra = worst.spectra(partial(_draw_spectrum, evidence), "readings")
    return table_page(
        file,
        f"Pedestals, {file.subject}",
        plots,
        times=evidence.accumulator.time_range_us(),
        worst=worst.rows(partial(_values, evidence)),
        worst_columns=_COLUMNS,
        worst_note=f"P12: at most {MOST_WORST}, the inner detector first, two of a board that is "
        "bad as a whole; the name leads to the spectrum. All values of high gain, in ADC.",
        spectra=spectra,
        data=_data(evidence),
        data_note="mean and rms of high, medium and low gain and the status word of every channel",
        label=label,
        counted="the inner detector",
    )


def _worst(evidence: PedestalEvidence) -> WorstChannels:
    view, status = evidence.view, evidence.status
    empty = evidence.fit.readings[:, Gain.HIGH] == 0
    channels = worst_channels(
        status, PEDESTAL_STATUS, view.inner, without_data=empty, most=MOST_WORST
    )
    return WorstChannels(view.detector, status, PEDESTAL_STATUS, channels)


def _values(evidence: PedestalEvidence, channel: int) -> tuple[float | str, ...]:
    moments = evidence.fit.moments
    return (
        rounded(moments.mean[channel, Gain.HIGH], 2),
        rounded(moments.rms[channel, Gain.HIGH], 2),
        rounded(100 * moments.rejected[channel, Gain.HIGH], 2),
        rounded(evidence.view.previous_mean[channel], 2),
    )


def _draw_spectrum(evidence: PedestalEvidence, axes: Axes, channel: int) -> None:
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
