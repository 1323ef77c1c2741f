"""The pedestal accumulator: everything that is kept of the pedestal gates of some raw files.

Source: pre-production page, section 2.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import (
    Histograms,
    add_histograms,
    mean_and_variance,
    require_countable,
)
from mx2prod.calibration.merging import (
    Mergeable,
    add_boards,
    add_counts,
    join_files,
    require_alike,
)
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_slices import SubrunSlices, merge_slices
from mx2prod.calibration.sources import SourceFile, join_sources

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

COUNTERS = (
    "gates",  # selected gates in which the board is expected or seen
    "absent",  # of these: the board is absent or did not answer
    "errors",  # of these: another flag that excludes the board
    "crc_errors",  # of the gates: a frame of the board with a bad CRC
    "status_errors",  # of the gates: error bits in a frame of the board
    "timed",  # not excluded, with a timed hit (N > 0)
    "frames",  # ADC frames taken
    "slow_readings",  # FPGA frames behind temperature and high voltage
    "temperature_sum",  # counts of the FPGA registers
    "hv_sum",
)
EXTREMES = (
    "temperature_min", "temperature_max", "hv_min", "hv_max", "firmware_min", "firmware_max",
)  # fmt: skip
BOARD_DTYPE = np.dtype([(name, "<i8") for name in COUNTERS + EXTREMES])
"""Counters of a board; all integers, so that sums do not depend on their order."""


@dataclass(frozen=True)
class PedestalAccumulator(Mergeable):
    """Histograms, exact sums and counters of pedestal readings.

    Attributes
    ----------
    config : PedestalConfig
    hardware : str
        Sha256 of the table of the hardware map that the channel numbers belong to.
    histograms : Histograms
        Rows ``channel * 3 + gain``; channel is ``feb_index * 64 + pixel``.
    outside : ndarray of uint32, shape (n_rows, 2)
        Readings below and above the window in which their file was read.
    sums : ndarray of int64, shape (n_rows, 2)
        Sum and sum of squares of all readings, in ADC.
    boards : ndarray of BOARD_DTYPE, shape (n_febs,)
    sources : ndarray of SOURCE_DTYPE
        What has been read, in order of run, subrun, gate.
    gates : dict of str to int
        ``type <n>``: gates by trigger type; ``skipped <flag>``: gates of the selected type that
        were not used; ``used``.
    unmapped : dict of str to int
        Boards that the hardware map does not have, by address: selected gates that had them.
    blocks : ndarray of int64, shape (n_rows, N_BLOCKS, 2)
        For each timed hit block: readings near the untimed one of the same board and gate, and
        the sum of their differences to it, in ADC.
    slices : tuple of SubrunSlices
        Time slices of each subrun, in order.
    files : tuple of SourceFile
        Raw files, in order of their names.
    """

    config: PedestalConfig
    hardware: str
    histograms: Histograms
    outside: npt.NDArray[np.uint32]
    sums: npt.NDArray[np.int64]
    boards: npt.NDArray[np.void]
    sources: npt.NDArray[np.void]
    gates: dict[str, int]
    unmapped: dict[str, int]
    blocks: Integers
    slices: tuple[SubrunSlices, ...]
    files: tuple[SourceFile, ...]

    @property
    def merge_key(self) -> dict[str, Any]:
        """Configuration and hardware map; accumulators that differ in it do not merge."""
        return {"config": self.config.model_dump(), "hardware": self.hardware}

    def entries(self) -> npt.NDArray[np.int64]:
        """Count the readings of each row, those outside the window too, shape (n_rows,)."""
        outside: Integers = self.outside.sum(axis=1, dtype=np.int64)
        return self.histograms.entries() + outside

    def plain_moments(self) -> tuple[Floats, Floats]:
        """Give mean and rms (n - 1) of all readings in ADC, outliers too, shape (n_rows,) each.

        From the exact sums, so that they do not depend on the windows; NaN where not defined.
        """
        n = self.entries()
        mean, variance = mean_and_variance(n, self.sums[:, 0], self.sums[:, 1])
        return mean, np.sqrt(np.maximum(variance, 0))


def merge(parts: Sequence[PedestalAccumulator]) -> PedestalAccumulator:
    """Merge accumulators; the answer does not depend on order or grouping.

    To keep only two in memory, merge each file with what is merged already.

    Parameters
    ----------
    parts : sequence of PedestalAccumulator
        At least one.

    Raises
    ------
    ConfigError
        If configurations or hardware maps differ.
    UsageError
        If a range of gates of a subrun is in two of them, there is none, or a row gets more
        readings than can be counted.
    """
    require_alike("pedestal accumulators", parts)
    outside = sum((part.outside for part in parts[1:]), start=parts[0].outside.astype(np.int64))
    require_countable(outside)
    return PedestalAccumulator(
        parts[0].config,
        parts[0].hardware,
        add_histograms([part.histograms for part in parts]),
        outside.astype(np.uint32),
        sum((part.sums for part in parts[1:]), start=parts[0].sums),
        add_boards([part.boards for part in parts]),
        join_sources(np.concatenate([part.sources for part in parts])),
        add_counts(part.gates for part in parts),
        add_counts(part.unmapped for part in parts),
        sum((part.blocks for part in parts[1:]), start=parts[0].blocks),
        merge_slices([part.slices for part in parts]),
        join_files(part.files for part in parts),
    )
