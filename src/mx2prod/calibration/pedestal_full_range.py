"""Second pass over a file for channels whose window was bad (pre-production page, 2.2)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import WORD_OF_PLACE
from mx2prod.calibration.gates import adc_words
from mx2prod.calibration.histograms import Histograms, replace_rows
from mx2prod.calibration.pedestal_accumulator import PedestalAccumulator
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_filling import PedestalFilling
from mx2prod.calibration.pedestal_monitor_kernels import fill_full_range
from mx2prod.constants.tables import ADC_MAX
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import GateChunk

Integers = npt.NDArray[np.int64]
ADC_BINS = ADC_MAX + 1
ROWS_AT_A_TIME = 8192
"""Rows of a pass: 134 MB of bins."""


def rows_outside(accumulator: PedestalAccumulator) -> Integers:
    """Rows with too many readings outside their window, ascending."""
    outside = accumulator.outside.sum(axis=1, dtype=np.int64)
    limit = accumulator.config.outside_fraction * accumulator.entries()
    return np.flatnonzero(outside > limit)


def read_rows_again(
    read: Callable[[], Iterable[GateChunk]],
    hardware: HardwareMap,
    accumulator: PedestalAccumulator,
) -> PedestalAccumulator:
    """Read the gates again for rows with more outside their window than is allowed.

    Parameters
    ----------
    read : callable
        Gives the chunks that the accumulator was made of, from the first on.
    hardware : HardwareMap
    accumulator : PedestalAccumulator

    Returns
    -------
    PedestalAccumulator
        The same if no row needs it.
    """
    rows = rows_outside(accumulator)
    for start in range(0, len(rows), ROWS_AT_A_TIME):
        part = rows[start : start + ROWS_AT_A_TIME]
        filling = _FullRangeFilling(hardware, accumulator.config, part)
        for chunk in read():
            filling.add(chunk)
        outside = accumulator.outside.copy()
        outside[part] = 0
        histograms = replace_rows(accumulator.histograms, part, filling.histograms())
        accumulator = replace(accumulator, histograms=histograms, outside=outside)
    return accumulator


class _FullRangeFilling(PedestalFilling):
    """Takes the same readings as the first pass, of some rows only and at any ADC value."""

    def __init__(self, hardware: HardwareMap, config: PedestalConfig, rows: Integers) -> None:
        super().__init__(hardware, config)
        self._place_of_row = np.full(hardware.n_febs * len(WORD_OF_PLACE), -1, np.int64)
        self._place_of_row[rows] = np.arange(len(rows))
        self._full = np.zeros((len(rows), ADC_BINS), np.uint32)

    def histograms(self) -> Histograms:
        """Histograms of the rows."""
        return Histograms.from_dense(np.zeros(len(self._full), np.int32), self._full)

    def _store(
        self, chunk: GateChunk, frames: Integers, boards: Integers, board_of_feb: Integers
    ) -> None:
        fill_full_range(
            adc_words(chunk), frames, boards, WORD_OF_PLACE, self._place_of_row, self._full
        )
