"""The light-injection accumulator: what is kept of the pulses of one LED level.

Source: pre-production page, section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.gain_config import LightInjectionConfig
from mx2prod.calibration.histograms import Histograms, add_histograms
from mx2prod.calibration.light_injection_kernels import BINS_SHIFT, LIGHT_UNIT
from mx2prod.calibration.merging import (
    Mergeable,
    add_boards,
    add_counts,
    join_files,
    require_alike,
)
from mx2prod.calibration.sources import SourceFile, join_sources

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

N_KINDS = 2
"""Kinds of ADC block: untimed (boards without a fired discriminator) and timed."""

ADC_OF_BIN = 1 << BINS_SHIFT
"""Width of a histogram bin, ADC."""


class LedLevel(IntEnum):
    """LED level in the DAQ header; others are kept apart by their number."""

    ZERO = 0
    ONE_PE = 1
    MAX_PE = 2


SLICE_DTYPE = np.dtype(
    [
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("number", "<u4"),  # (gate - 1) // slice_gates
        ("gates", "<i8"),  # pulses kept
        ("cut", "<i8"),  # pulses left out for their light
        ("pair_sum", "<i8"),  # light of two boards multiplied, all pairs and kept pulses, 1e-10
        ("pairs", "<i8"),
    ]
)
"""A time slice: a fixed range of gate numbers of a subrun."""

PULSE_DTYPE = np.dtype(
    [
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("gate", "<u4"),
        ("time_us", "<i8"),
        ("light", "<i4"),  # deviation from the mean of its slice, 1e-5
        ("boards", "<i4"),  # boards that the light is the mean of
        ("kept", "u1"),
    ]
)

COUNTERS = (
    "gates",  # pulses in which the board is expected or seen
    "absent",  # of these: the board is absent or did not answer
    "errors",  # of these: another flag that excludes the board
    "untimed",  # not excluded, no discriminator fired
    "timed",  # not excluded, a discriminator fired
    "missed",  # TriPs of these without a record at the light-injection time
    "slow_readings",  # FPGA frames behind temperature and high voltage
    "temperature_sum",  # counts of the FPGA registers
    "hv_sum",
    "hv_target_sum",
    "hv_off",  # readings with the high voltage switched off
)
EXTREMES = ("hv_min", "hv_max")
LIGHT_BOARD_DTYPE = np.dtype([(name, "<i8") for name in COUNTERS + EXTREMES])
"""Counters of a board; all integers, so that sums do not depend on their order."""


@dataclass(frozen=True)
class LightInjectionAccumulator(Mergeable):
    """Histograms, exact sums, light of each pulse and counters of one LED level.

    A unit is a board in one kind of block, ``kind * n_febs + board``; rows are
    ``unit * 192 + pixel * 3 + gain``.

    Attributes
    ----------
    config : LightInjectionConfig
    hardware : str
        Sha256 of the table of the hardware map that the board numbers belong to.
    level : int
        LED level.
    histograms : Histograms
        Of the kept readings, in bins of 4 ADC from 0.
    covariance : ndarray of int64, shape (n_rows,)
        Sum of reading minus mean of its slice, times the light of the other boards; ADC and 1e-5.
    slices : ndarray of SLICE_DTYPE, shape (n_slices,)
        In order of run, subrun, number.
    counts : ndarray of int64, shape (n_slices, n_rows)
        Kept readings.
    sums : ndarray of int64, shape (n_slices, n_rows, 2)
        Their sum and sum of squares, ADC.
    pulses : ndarray of PULSE_DTYPE
        In order of run, subrun, gate.
    boards : ndarray of LIGHT_BOARD_DTYPE, shape (n_febs,)
    sources : ndarray of SOURCE_DTYPE
        What has been read, in order of run, subrun, gate; times of pulses of this level.
    gates : dict of str to int
        ``type <n>``: gates by trigger type; ``level <n>``: pulses by LED level, ``skipped <flag>``:
        pulses of any level that were not used; ``used``: pulses of this level.
    unmapped : dict of str to int
        Boards that the hardware map does not have, by address: pulses that had them.
    files : tuple of SourceFile
        Raw files, in order of their names.
    """

    config: LightInjectionConfig
    hardware: str
    level: int
    histograms: Histograms
    covariance: Integers
    slices: npt.NDArray[np.void]
    counts: Integers
    sums: Integers
    pulses: npt.NDArray[np.void]
    boards: npt.NDArray[np.void]
    sources: npt.NDArray[np.void]
    gates: dict[str, int]
    unmapped: dict[str, int]
    files: tuple[SourceFile, ...] = ()

    @property
    def merge_key(self) -> dict[str, Any]:
        """Configuration, hardware map and level; accumulators that differ in it do not merge."""
        return {
            "config": self.config.model_dump(),
            "hardware": self.hardware,
            "level": self.level,
        }

    @property
    def n_febs(self) -> int:
        """Number of boards."""
        return len(self.boards)

    @property
    def used(self) -> int:
        """Light-injection pulses of this level that were used, before the cut on their light."""
        return self.gates["used"]

    def light_variance(self) -> tuple[float, float]:
        """Variance of the light from pulse to pulse, common to all boards, and its error.

        From the covariance of different boards in the same pulse, so that photostatistics does not
        count (pre-production page, section 3.3); drifts from slice to slice do not count either.

        Returns
        -------
        variance : float
            Relative to the squared light; 0 if there are no two boards to compare.
        error : float
        """
        n = self.slices["gates"].astype(np.float64)
        seen = (self.slices["pairs"] > 0) & (n > 1)
        if not seen.any():
            return 0.0, 0.0
        n = n[seen]
        pairs = self.slices["pairs"][seen] * (1 - 1 / n)
        products = self.slices["pair_sum"][seen] / LIGHT_UNIT**2
        variance = float(products.sum() / pairs.sum())
        scatter = float(np.sum((products - variance * pairs) ** 2))
        by_slices = np.sqrt(scatter) / pairs.sum() if len(n) > 1 else 0.0
        return variance, max(float(by_slices), abs(variance) * float(np.sqrt(2 / n.sum())))


def merge_light(parts: Sequence[LightInjectionAccumulator]) -> LightInjectionAccumulator:
    """Merge accumulators; the answer does not depend on order or grouping.

    Parameters
    ----------
    parts : sequence of LightInjectionAccumulator
        At least one, of one LED level.

    Raises
    ------
    ConfigError
        If configurations, hardware maps or LED levels differ.
    UsageError
        If a range of gates of a subrun is in two of them, there is none, or a row gets more
        readings than can be counted.
    """
    require_alike("light-injection accumulators", parts)
    first = parts[0]
    slices, place = _joined_slices(parts)
    counts = np.zeros((len(slices), *first.counts.shape[1:]), np.int64)
    sums = np.zeros((len(slices), *first.sums.shape[1:]), np.int64)
    np.add.at(counts, place, np.concatenate([part.counts for part in parts]))
    np.add.at(sums, place, np.concatenate([part.sums for part in parts]))
    pulses = np.concatenate([part.pulses for part in parts])
    return LightInjectionAccumulator(
        first.config,
        first.hardware,
        first.level,
        add_histograms([part.histograms for part in parts]),
        sum((part.covariance for part in parts[1:]), start=first.covariance),
        slices,
        counts,
        sums,
        pulses[np.argsort(pulses[["run", "subrun", "gate"]], kind="stable")],
        add_boards([part.boards for part in parts]),
        join_sources(np.concatenate([part.sources for part in parts])),
        add_counts(part.gates for part in parts),
        add_counts(part.unmapped for part in parts),
        join_files(part.files for part in parts),
    )


def _joined_slices(
    parts: Sequence[LightInjectionAccumulator],
) -> tuple[npt.NDArray[np.void], npt.NDArray[np.intp]]:
    """Slices of all parts, each once, and the place of each given slice among them."""
    every = np.concatenate([part.slices for part in parts])
    keys, place = np.unique(every[["run", "subrun", "number"]], return_inverse=True)
    joined = np.zeros(len(keys), SLICE_DTYPE)
    for name in ("run", "subrun", "number"):
        joined[name] = keys[name]
    for name in ("gates", "cut", "pair_sum", "pairs"):
        np.add.at(joined[name], place, every[name])
    return joined, place
