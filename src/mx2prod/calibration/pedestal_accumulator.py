"""The pedestal accumulator: everything that is kept of the pedestal gates of some raw files.

Source: pre-production page, section 2.2.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import Histograms, add_histograms, require_countable
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import ConfigError, UsageError

Integers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

NEVER = int(np.iinfo(np.int64).max)
"""First time of a source without a selected gate; its last time is 0."""

SOURCE_DTYPE = np.dtype(
    [
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("first_gate", "<u4"),  # of all gates that were read, of any type
        ("last_gate", "<u4"),
        ("first_us", "<i8"),  # of the selected gates, microseconds since 1970
        ("last_us", "<i8"),
    ]
)
"""Gates that an accumulator has read; neighbouring ranges of a subrun are one row."""

COUNTERS = (
    "gates",  # selected gates in which the board is expected or seen
    "absent",  # of these: the board is absent or did not answer
    "errors",  # of these: another flag that excludes the board
    "timed",  # not excluded, with a timed hit (N > 0)
    "frames",  # ADC frames taken
    "slow_readings",  # FPGA frames behind temperature and high voltage
    "temperature_sum",  # counts of the FPGA registers
    "hv_sum",
)
EXTREMES = ("temperature_min", "temperature_max", "hv_min", "hv_max")
BOARD_DTYPE = np.dtype([(name, "<i8") for name in COUNTERS + EXTREMES])
"""Counters of a board; all integers, so that sums do not depend on their order."""


@dataclass(frozen=True)
class PedestalAccumulator:
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

    @cached_property
    def config_hash(self) -> str:
        """Sha256 of configuration and hardware map; accumulators that differ in it do not merge."""
        return sha256_of({"config": self.config.model_dump(), "hardware": self.hardware})

    def entries(self) -> npt.NDArray[np.int64]:
        """Count the readings of each row, those outside the window too, shape (n_rows,)."""
        outside: Integers = self.outside.sum(axis=1, dtype=np.int64)
        return self.histograms.entries() + outside

    def plain_moments(self) -> tuple[Floats, Floats]:
        """Give mean and rms (n - 1) of all readings in ADC, outliers too, shape (n_rows,) each.

        From the exact sums, so that they do not depend on the windows; NaN where not defined.
        """
        n = self.entries().astype(np.float64)
        mean, variance = np.full((2, len(n)), np.nan)
        np.divide(self.sums[:, 0], n, out=mean, where=n > 0)
        np.divide(self.sums[:, 1] - self.sums[:, 0] * mean, n - 1, out=variance, where=n > 1)
        return mean, np.sqrt(np.maximum(variance, 0))

    def time_range_us(self) -> tuple[int, int] | None:
        """Time of the first and last selected gate, microseconds since 1970; None without one."""
        first = int(np.min(self.sources["first_us"], initial=NEVER))
        return None if first == NEVER else (first, int(np.max(self.sources["last_us"])))


def empty_boards(n_febs: int) -> npt.NDArray[np.void]:
    """Counters of boards that have seen nothing."""
    boards = np.zeros(n_febs, BOARD_DTYPE)
    for name in EXTREMES:
        boards[name] = NEVER if name.endswith("min") else -1
    return boards


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
    if not parts:
        raise UsageError("no accumulator to merge", next_step="name at least one file")
    _require_same_config(parts)
    outside = sum((part.outside for part in parts[1:]), start=parts[0].outside.astype(np.int64))
    require_countable(outside)
    return PedestalAccumulator(
        parts[0].config,
        parts[0].hardware,
        add_histograms([part.histograms for part in parts]),
        outside.astype(np.uint32),
        sum((part.sums for part in parts[1:]), start=parts[0].sums),
        _add_boards(parts),
        join_sources(np.concatenate([part.sources for part in parts])),
        _add_counts([part.gates for part in parts]),
        _add_counts([part.unmapped for part in parts]),
    )


def join_sources(sources: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    """Sort ranges of gates and join neighbours.

    Raises
    ------
    UsageError
        If two ranges of a subrun overlap.
    """
    joined: list[list[int]] = []
    for row in sorted(list(row) for row in sources.tolist()):
        before = joined[-1] if joined and joined[-1][:2] == row[:2] else None
        if before is not None and row[2] <= before[3]:
            raise UsageError(
                f"run {row[0]} subrun {row[1]}: gates {row[2]}-{row[3]} and gates "
                f"{before[2]}-{before[3]} overlap, every gate may be used once",
                next_step="leave one of the accumulators of this subrun out",
            )
        if before is not None and row[2] == before[3] + 1:
            before[3:] = row[3], min(before[4], row[4]), max(before[5], row[5])
        else:
            joined.append(row)
    return np.array([tuple(row) for row in joined], SOURCE_DTYPE)


def _require_same_config(parts: Sequence[PedestalAccumulator]) -> None:
    first = parts[0]
    for part in parts[1:]:
        if part.config_hash != first.config_hash:
            ours, theirs = first.config.model_dump(), part.config.model_dump()
            differences = [
                f"{key} {value} and {theirs[key]}"
                for key, value in ours.items()
                if value != theirs[key]
            ]
            if part.hardware != first.hardware:
                differences.append(f"hardware map {first.hardware[:12]} and {part.hardware[:12]}")
            raise ConfigError(
                f"accumulators of different configuration: {', '.join(differences)}",
                next_step="accumulate all files with the same configuration",
            )


def _add_boards(parts: Sequence[PedestalAccumulator]) -> npt.NDArray[np.void]:
    total = empty_boards(len(parts[0].boards))
    for part in parts:
        for name in COUNTERS:
            total[name] += part.boards[name]
        for name in EXTREMES:
            choose = np.minimum if name.endswith("min") else np.maximum
            total[name] = choose(total[name], part.boards[name])
    return total


def _add_counts(parts: Sequence[dict[str, int]]) -> dict[str, int]:
    total: Counter[str] = Counter()
    for part in parts:
        total.update(part)
    return dict(sorted(total.items()))
