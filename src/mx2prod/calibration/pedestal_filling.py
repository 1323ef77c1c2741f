"""Decoded gates to a pedestal accumulator, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import ROWS_PER_BOARD, WORD_OF_PLACE
from mx2prod.calibration.gates import (
    BEAM_TRIGGERS,
    NO_BOARD,
    adc_words,
    add_readings,
    mapped_boards,
    register_values,
    select_gates,
)
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.merging import empty_boards
from mx2prod.calibration.pedestal_accumulator import BOARD_DTYPE, PedestalAccumulator
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_kernels import NO_WINDOW, fill_histograms, flush_histograms
from mx2prod.calibration.pedestal_monitors import Monitors
from mx2prod.calibration.sources import SOURCE_DTYPE, SourceFile, with_gates
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import N_TRIP_CHANNELS, N_TRIPS
from mx2prod.raw.columns import FEB_EXCLUDED, FebFlag, GateChunk

WAITING_FRAMES = 256
"""Frames of a board that are histogrammed at a time, while its histograms are in the cache."""

_SLOW_REGISTERS = {"temperature": "temperature", "hv": "hv_actual"}
"""FPGA registers by the name of their counters."""

Integers = npt.NDArray[np.int64]


def accumulate(
    chunks: Iterable[GateChunk],
    hardware: HardwareMap,
    config: PedestalConfig | None = None,
    files: Sequence[SourceFile] = (),
) -> PedestalAccumulator:
    """Accumulate the pedestal gates of one run of a raw file.

    Gates are selected by the trigger type in their header (pre-production page, decision 2).
    Boards with a flag of ``FEB_EXCLUDED`` and gates with one of
    :data:`~mx2prod.calibration.gates.GATES_NOT_USED` are left out and counted; boards that the
    hardware map does not have are counted by address.

    Parameters
    ----------
    chunks : iterable of GateChunk
        ``mx2prod.raw.open(path).chunks()``.
    hardware : HardwareMap
        Gives the channel numbers.
    config : PedestalConfig, optional
    files : sequence of SourceFile
        Where the gates come from, for the record.

    Raises
    ------
    UsageError
        If the gates belong to more than one subrun.
    """
    filling = PedestalFilling(hardware, config or PedestalConfig(), files)
    for chunk in chunks:
        filling.add(chunk)
    return filling.finish()


class PedestalFilling:
    """An accumulator that is being filled; use :func:`accumulate` where the chunks are at hand.

    Parameters
    ----------
    hardware : HardwareMap
    config : PedestalConfig
    files : sequence of SourceFile
    """

    def __init__(
        self, hardware: HardwareMap, config: PedestalConfig, files: Sequence[SourceFile] = ()
    ) -> None:
        self._hardware = hardware
        self._config = config
        self._files = tuple(sorted(files))
        self._monitors = Monitors(hardware.n_febs, config)
        self._last_beam_us = -np.inf
        n_rows = hardware.n_febs * ROWS_PER_BOARD
        depth = max(WAITING_FRAMES, config.window_readings)
        self._pending = np.empty((hardware.n_febs, depth, N_TRIPS * N_TRIP_CHANNELS), np.uint16)
        self._n_pending = np.zeros(hardware.n_febs, np.int64)
        self._base = np.full(n_rows, NO_WINDOW, np.int32)
        self._dense = np.zeros((n_rows, config.window_bins), np.uint32)
        self._sums = np.zeros((n_rows, 2), np.int64)
        self._outside = np.zeros((n_rows, 2), np.uint32)
        self._boards = empty_boards(hardware.n_febs, BOARD_DTYPE)
        self._source = np.zeros(0, SOURCE_DTYPE)
        self._gates: Counter[str] = Counter()
        self._unmapped: Counter[str] = Counter()

    def add(self, chunk: GateChunk) -> None:
        """Add some decoded gates.

        Raises
        ------
        UsageError
            If a gate belongs to another subrun than the gates before.
        """
        used = self._select_gates(chunk.gates)
        self._source = with_gates(self._source, chunk.gates, used)
        rows, index = mapped_boards(chunk.febs, used, self._hardware, self._unmapped)
        good = self._count_boards(chunk, rows, index)
        self._take_frames(chunk, rows[good], index[good])

    def finish(self) -> PedestalAccumulator:
        """Give the accumulator; nothing may be added afterwards."""
        flush_histograms(*self._arrays())
        return PedestalAccumulator(
            self._config,
            self._hardware.table.sha256,
            Histograms.from_dense(self._base, self._dense),
            self._outside,
            self._sums,
            self._boards,
            self._source,
            dict(sorted(self._gates.items())),
            dict(sorted(self._unmapped.items())),
            self._monitors.blocks,
            self._monitors.slices(),
            self._files,
        )

    def _select_gates(self, gates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        wanted = gates["trigger_type"] == self._config.trigger_type
        used = select_gates(gates, wanted, self._gates)
        if self._config.after_beam_ms > 0:
            late = used & self._after_beam(gates)
            self._gates["skipped after beam"] += int(np.count_nonzero(late))
            used &= ~late
        self._gates["used"] += int(np.count_nonzero(used))
        return used

    def _after_beam(self, gates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        """Tell which gates follow a beam gate too soon; the first gates of a file never do."""
        times = gates["time_us"].astype(np.float64)
        beam = np.where(np.isin(gates["trigger_type"], BEAM_TRIGGERS), times, -np.inf)
        last = np.maximum.accumulate(np.concatenate([[self._last_beam_us], beam]))
        self._last_beam_us = last[-1]
        too_soon: npt.NDArray[np.bool_] = times - last[:-1] < self._config.after_beam_ms * 1000
        return too_soon

    def _count_boards(
        self, chunk: GateChunk, rows: Integers, index: Integers
    ) -> npt.NDArray[np.bool_]:
        """Count gates and losses of each board; True where the board is not excluded."""
        flags = chunk.febs["flags"][rows]
        absent = (flags & NO_BOARD.value) != 0
        good = (flags & FEB_EXCLUDED.value) == 0
        for name, chosen in (
            ("gates", np.ones(len(rows), np.bool_)),
            ("absent", absent),
            ("errors", ~good & ~absent),
            ("crc_errors", (flags & FebFlag.CRC_ERROR.value) != 0),
            ("status_errors", (flags & FebFlag.STATUS.value) != 0),
            ("timed", good & (chunk.febs["n_timed"][rows] > 0)),
            ("slow_readings", good),
        ):
            self._boards[name] += np.bincount(index[chosen], minlength=len(self._boards))
        registers = chunk.registers[rows[good]]
        readings = {
            name: register_values(registers, register) for name, register in _SLOW_REGISTERS.items()
        }
        readings["firmware"] = chunk.febs["firmware"][rows[good]].astype(np.int64)
        add_readings(self._boards, index[good], readings)
        return np.asarray(good, np.bool_)

    def _take_frames(self, chunk: GateChunk, rows: Integers, index: Integers) -> None:
        dense_number = np.full(len(chunk.febs), -1, np.int64)
        dense_number[rows] = index
        owner = chunk.adc_frames["feb"]
        timed = chunk.febs["n_timed"][owner]
        taken = dense_number[owner] >= 0
        if self._config.block_policy == "untimed_n0":
            taken &= timed == 0
        if self._config.block_policy != "all":
            taken &= chunk.adc_frames["hit"] == timed
        frames = np.flatnonzero(taken)
        self._store(chunk, frames, dense_number[owner[frames]], dense_number)

    def _store(
        self, chunk: GateChunk, frames: Integers, boards: Integers, board_of_feb: Integers
    ) -> None:
        """Take the readings of chosen ADC frames, and what the monitors want of the chunk."""
        self._boards["frames"] += np.bincount(boards, minlength=len(self._boards))
        fill_histograms(adc_words(chunk), frames, boards, *self._arrays())
        self._monitors.add_frames(chunk, frames, boards)
        self._monitors.add_blocks(chunk, board_of_feb)

    def _arrays(self) -> tuple[Any, ...]:
        """Give what both kernels work on, in the order of their arguments."""
        return (
            self._pending, self._n_pending, WORD_OF_PLACE, self._config.window_readings, self._base,
            self._dense, self._sums, self._outside,
        )  # fmt: skip
