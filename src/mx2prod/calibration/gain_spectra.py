"""Spectra of light-injection pulses: block and gain of each channel, bins as charge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import ROWS_PER_BOARD
from mx2prod.calibration.feb_curve import charge_of_adc
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.histograms import bins_of_rows
from mx2prod.calibration.light_injection_accumulator import (
    ADC_OF_BIN,
    N_KINDS,
    LightInjectionAccumulator,
)
from mx2prod.calibration.light_injection_block_kernels import TIMED
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import Gain

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

_HALF_BIN = (ADC_OF_BIN - 1) / 2


@dataclass(frozen=True)
class Spectra:
    """The readings of each channel in the block and gain that were chosen for it.

    Attributes
    ----------
    rows : ndarray of int64, shape (n_channels,)
        Row of the accumulator.
    gain : ndarray of int64, shape (n_channels,)
        :class:`~mx2prod.detector.trip.Gain`.
    kind : ndarray of int64, shape (n_channels,)
        0 untimed blocks, 1 timed ones.
    offsets : ndarray of int64, shape (n_channels + 1,)
    counts : ndarray of uint32, shape (n_bins,)
    adc : ndarray of float64, shape (n_bins,)
        Middle of each bin of 4 ADC, above pedestal.
    charge, width : ndarray of float64, shape (n_bins,)
        Charge at the middle, and of 1 ADC there, fC.
    """

    rows: Integers
    gain: Integers
    kind: Integers
    offsets: Integers
    counts: npt.NDArray[np.uint32]
    adc: Floats
    charge: Floats
    width: Floats


def choose_spectra(accumulator: LightInjectionAccumulator, inputs: GainInputs) -> Spectra:
    """Choose block and gain of every channel for all its pulses.

    The kind of block that more pulses of the board have; the most sensitive gain whose mean is
    below ``gain_limit`` of its first kink (pre-production page, section 3.2).

    Parameters
    ----------
    accumulator : LightInjectionAccumulator
    inputs : GainInputs
    """
    shape = N_KINDS, accumulator.n_febs, PIXELS_PER_BOARD, len(Gain)
    counts = accumulator.counts.sum(axis=0).reshape(shape)
    sums = accumulator.sums[..., 0].sum(axis=0).reshape(shape)
    by_board = counts.sum(axis=(2, 3))
    kind = np.repeat(by_board[TIMED] > by_board[1 - TIMED], PIXELS_PER_BOARD).astype(np.int64)
    channel = np.arange(accumulator.n_febs * PIXELS_PER_BOARD)
    board, pixel = np.divmod(channel, PIXELS_PER_BOARD)
    n = counts[kind, board, pixel]
    mean = sums[kind, board, pixel] / np.maximum(n, 1)
    limit = inputs.mean + accumulator.config.gain_limit * inputs.adc_at_kink1
    usable = (n > 0) & (mean < limit)
    usable[:, Gain.LOW] = True
    gain = np.argmax(usable, axis=1)
    rows = (kind * accumulator.n_febs + board) * ROWS_PER_BOARD + pixel * len(Gain) + gain
    return _with_bins(accumulator, inputs, rows, gain, kind)


def _with_bins(
    accumulator: LightInjectionAccumulator,
    inputs: GainInputs,
    rows: Integers,
    gain: Integers,
    kind: Integers,
) -> Spectra:
    histograms = accumulator.histograms
    offsets, place = bins_of_rows(histograms.offsets, rows)
    channel = np.repeat(np.arange(len(rows)), np.diff(offsets))
    number = np.arange(len(place)) - offsets[channel]
    counts = histograms.counts[place]
    adc = (histograms.first[rows][channel] + number) * ADC_OF_BIN + _HALF_BIN
    above = adc - inputs.mean[channel, gain[channel]]
    curves = inputs.curves[channel, gain[channel]]
    charge = charge_of_adc(above, curves)
    half = ADC_OF_BIN / 2
    width = (charge_of_adc(above + half, curves) - charge_of_adc(above - half, curves)) / ADC_OF_BIN
    return Spectra(rows, gain, kind, offsets, counts, above, charge, width)
