"""Decoded gates to a pedestal accumulator, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_accumulator import (
    NEVER,
    SOURCE_DTYPE,
    PedestalAccumulator,
    empty_boards,
)
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_kernels import NO_WINDOW, fill_histograms, flush_histograms
from mx2prod.core.errors import UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.schemas import PIXELS_PER_BOARD
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, N_TRIP_CHANNELS, N_TRIPS, TRIP_OF_PIXEL, Gain
from mx2prod.raw.columns import FEB_EXCLUDED, FebFlag, GateChunk, GateFlag
from mx2prod.raw.registers import REGISTERS

GATES_NOT_USED = GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.DUPLICATE | GateFlag.ASIDE
"""Gates that are skipped as a whole; an incomplete gate loses only the boards concerned."""

WAITING_FRAMES = 256
"""Frames of a board that are histogrammed at a time, while its histograms are in the cache."""

ROWS_PER_BOARD = PIXELS_PER_BOARD * len(Gain)
_WORD = (TRIP_OF_PIXEL.astype(np.int64) * N_TRIP_CHANNELS + CHANNEL_OF_PIXEL).T.ravel()
_NO_BOARD = FebFlag.ABSENT | FebFlag.NO_ANSWER
_SLOW_REGISTERS = {"temperature": "temperature", "hv": "hv_actual"}
_FIRST_BYTE = {field.name: field.first for field in REGISTERS}
Integers = npt.NDArray[np.int64]


def accumulate(
    chunks: Iterable[GateChunk], hardware: HardwareMap, config: PedestalConfig | None = None
) -> PedestalAccumulator:
    """Accumulate the pedestal gates of one run of a raw file.

    Gates are selected by the trigger type in their header (pre-production page, decision 2).
    Boards with a flag of ``FEB_EXCLUDED`` and gates with one of :data:`GATES_NOT_USED` are left
    out and counted; boards that the hardware map does not have are counted by address.

    Parameters
    ----------
    chunks : iterable of GateChunk
        ``mx2prod.raw.open(path).chunks()``.
    hardware : HardwareMap
        Gives the channel numbers.
    config : PedestalConfig, optional

    Raises
    ------
    UsageError
        If the gates belong to more than one subrun.
    """
    filling = PedestalFilling(hardware, config or PedestalConfig())
    for chunk in chunks:
        filling.add(chunk)
    return filling.finish()


class PedestalFilling:
    """An accumulator that is being filled; use :func:`accumulate` where the chunks are at hand.

    Parameters
    ----------
    hardware : HardwareMap
    config : PedestalConfig
    """

    def __init__(self, hardware: HardwareMap, config: PedestalConfig) -> None:
        self._hardware = hardware
        self._config = config
        n_rows = hardware.n_febs * ROWS_PER_BOARD
        depth = max(WAITING_FRAMES, config.window_readings)
        self._pending = np.empty((hardware.n_febs, depth, N_TRIPS * N_TRIP_CHANNELS), np.uint16)
        self._n_pending = np.zeros(hardware.n_febs, np.int64)
        self._base = np.full(n_rows, NO_WINDOW, np.int32)
        self._dense = np.zeros((n_rows, config.window_bins), np.uint32)
        self._sums = np.zeros((n_rows, 2), np.int64)
        self._outside = np.zeros((n_rows, 2), np.uint32)
        self._boards = empty_boards(hardware.n_febs)
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
        self._note_source(chunk.gates, used)
        of_used = used[chunk.febs["gate"]]
        index = self._hardware.feb_index(chunk.febs)
        self._count_unmapped(chunk.febs[of_used & (index < 0)])
        rows = np.flatnonzero(of_used & (index >= 0))
        index = index[rows]
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
        )

    def _select_gates(self, gates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        types, counts = np.unique(gates["trigger_type"], return_counts=True)
        for kind, count in zip(types.tolist(), counts.tolist(), strict=True):
            self._gates[f"type {kind}"] += count
        wanted = gates["trigger_type"] == self._config.trigger_type
        for flag in GATES_NOT_USED:
            count = int(np.count_nonzero(wanted & ((gates["flags"] & flag.value) != 0)))
            if count:
                self._gates[f"skipped {str(flag.name).lower()}"] += count
        used = wanted & ((gates["flags"] & GATES_NOT_USED.value) == 0)
        self._gates["used"] += int(np.count_nonzero(used))
        return np.asarray(used, np.bool_)

    def _note_source(self, gates: npt.NDArray[np.void], used: npt.NDArray[np.bool_]) -> None:
        own = gates[(gates["flags"] & GateFlag.ASIDE.value) == 0]
        if not len(own):
            return
        times = gates["time_us"][used].astype(np.int64)
        row = np.array(
            (
                own["run"][0], own["subrun"][0], own["gate"].min(), own["gate"].max(),
                np.min(times, initial=NEVER), np.max(times, initial=0),
            ),
            SOURCE_DTYPE,
        )  # fmt: skip
        if not len(self._source):
            self._source = row.reshape(1)
        before = self._source[0]
        other = own[(own["run"] != before["run"]) | (own["subrun"] != before["subrun"])]
        if len(other):
            raise UsageError(
                f"gate {other['gate'][0]} of run {other['run'][0]} subrun {other['subrun'][0]} "
                f"among gates of run {before['run']} subrun {before['subrun']}: one accumulator a "
                "subrun",
                next_step="accumulate each file by itself and merge",
            )
        for name, choose in (
            ("first_gate", min), ("last_gate", max), ("first_us", min), ("last_us", max),
        ):  # fmt: skip
            before[name] = choose(before[name], row[name])

    def _count_unmapped(self, febs: npt.NDArray[np.void]) -> None:
        columns = [febs[name].tolist() for name in ("crate", "croc", "chain", "board")]
        for crate, croc, chain, board in zip(*columns, strict=True):
            self._unmapped[f"{crate}-{croc}-{chain}-{board}"] += 1

    def _count_boards(
        self, chunk: GateChunk, rows: Integers, index: Integers
    ) -> npt.NDArray[np.bool_]:
        """Count gates and losses of each board; True where the board is not excluded."""
        flags = chunk.febs["flags"][rows]
        absent = (flags & _NO_BOARD.value) != 0
        good = (flags & FEB_EXCLUDED.value) == 0
        for name, chosen in (
            ("gates", np.ones(len(rows), np.bool_)),
            ("absent", absent),
            ("errors", ~good & ~absent),
            ("timed", good & (chunk.febs["n_timed"][rows] > 0)),
            ("slow_readings", good),
        ):
            self._boards[name] += np.bincount(index[chosen], minlength=len(self._boards))
        self._note_slow_readings(chunk.registers[rows[good]], index[good])
        return np.asarray(good, np.bool_)

    def _note_slow_readings(self, registers: npt.NDArray[np.uint8], index: Integers) -> None:
        """Add temperature and high voltage, in counts of their FPGA registers."""
        for name, register in _SLOW_REGISTERS.items():
            first = _FIRST_BYTE[register]
            values = registers[:, first].astype(np.int64) | (
                registers[:, first + 1].astype(np.int64) << 8
            )
            np.add.at(self._boards[f"{name}_sum"], index, values)
            np.minimum.at(self._boards[f"{name}_min"], index, values)
            np.maximum.at(self._boards[f"{name}_max"], index, values)

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
        boards = dense_number[owner[frames]]
        self._boards["frames"] += np.bincount(boards, minlength=len(self._boards))
        adc = chunk.adc.reshape(len(chunk.adc), -1)
        fill_histograms(adc, frames, boards, *self._arrays())

    def _arrays(self) -> tuple[Any, ...]:
        """Give what both kernels work on, in the order of their arguments."""
        return (
            self._pending, self._n_pending, _WORD, self._config.window_readings, self._base,
            self._dense, self._sums, self._outside,
        )  # fmt: skip
