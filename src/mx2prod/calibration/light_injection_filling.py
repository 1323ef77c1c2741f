"""Decoded gates to light-injection accumulators, one for each LED level, chunk by chunk."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.gain_config import LightInjectionConfig
from mx2prod.calibration.gain_inputs import GainInputs
from mx2prod.calibration.gates import (
    NO_BOARD,
    adc_words,
    add_readings,
    count_values,
    mapped_boards,
    register_values,
    select_gates,
)
from mx2prod.calibration.light_injection_accumulator import (
    LIGHT_BOARD_DTYPE,
    PULSE_DTYPE,
    LedLevel,
    LightInjectionAccumulator,
    merge_light,
)
from mx2prod.calibration.light_injection_block_kernels import (
    NO_TICK,
    NOT_TAKEN,
    TIMED,
    UNTIMED,
    choose_frames,
    most_frequent_ticks,
)
from mx2prod.calibration.light_injection_slice import Frames, LevelFilling
from mx2prod.calibration.merging import empty_boards
from mx2prod.calibration.sources import (
    NEVER,
    SOURCE_DTYPE,
    SourceFile,
    join_sources,
    with_gates,
)
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import N_TRIPS
from mx2prod.raw.columns import FEB_EXCLUDED, N_TIMED_TRIPS, GateChunk

Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

_SLOW_REGISTERS = {"temperature": "temperature", "hv": "hv_actual", "hv_target": "hv_target"}
"""FPGA registers by the name of their counters."""


def accumulate_light(
    chunks: Iterable[GateChunk],
    hardware: HardwareMap,
    inputs: GainInputs,
    config: LightInjectionConfig | None = None,
    files: Sequence[SourceFile] = (),
) -> dict[int, LightInjectionAccumulator]:
    """Accumulate the light-injection gates of one run of a raw file.

    Gates are selected by the trigger type in their header (pre-production page, decision 2).
    Boards with a flag of ``FEB_EXCLUDED`` and gates with one of
    :data:`~mx2prod.calibration.gates.GATES_NOT_USED` are left out and counted.

    Parameters
    ----------
    chunks : iterable of GateChunk
        ``mx2prod.raw.open(path).chunks()``.
    hardware : HardwareMap
        Gives the channel numbers.
    inputs : GainInputs
        Pedestals and front-end curves: they normalise the light of a pulse.
    config : LightInjectionConfig, optional
    files : sequence of SourceFile
        Where the chunks come from.

    Returns
    -------
    dict of int to LightInjectionAccumulator
        By LED level.  Without a gate with light an empty one of the one-PE level, which still
        says what the file holds.

    Raises
    ------
    UsageError
        If the gates belong to more than one subrun.
    """
    filling = LightInjectionFilling(hardware, inputs, config or LightInjectionConfig(), files)
    for chunk in chunks:
        filling.add(chunk)
    return filling.finish()


class LightInjectionFilling:
    """Accumulators that are being filled; see :func:`accumulate_light`.

    Parameters
    ----------
    hardware : HardwareMap
    inputs : GainInputs
    config : LightInjectionConfig
    files : sequence of SourceFile
    """

    def __init__(
        self,
        hardware: HardwareMap,
        inputs: GainInputs,
        config: LightInjectionConfig,
        files: Sequence[SourceFile] = (),
    ) -> None:
        self._hardware = hardware
        self._config = config
        self._files = tuple(files)
        shape = hardware.n_febs, -1
        self._pedestal = inputs.mean.reshape(shape)
        self._largest = (inputs.mean + config.gain_limit * inputs.adc_at_kink1).reshape(shape)
        self._levels: dict[int, LevelFilling] = {}
        self._boards: dict[int, npt.NDArray[np.void]] = {}
        self._unmapped: dict[int, Counter[str]] = {}
        self._sources: dict[int, npt.NDArray[np.void]] = {}
        self._own = np.zeros(0, SOURCE_DTYPE)
        self._gates: Counter[str] = Counter()

    def add(self, chunk: GateChunk) -> None:
        """Add some decoded gates.

        Raises
        ------
        UsageError
            If a gate belongs to another subrun than the gates before.
        """
        used = self._select_gates(chunk.gates)
        self._own = with_gates(self._own, chunk.gates, used)
        for level in np.unique(chunk.gates["led_level"][used]).tolist():
            self._add_level(level, chunk, used & (chunk.gates["led_level"] == level))

    def finish(self) -> dict[int, LightInjectionAccumulator]:
        """Give the accumulators by LED level; nothing may be added afterwards."""
        if not set(self._levels) - {LedLevel.ZERO}:
            self._start(LedLevel.ONE_PE)
        return {level: self._finished(level) for level in sorted(self._levels)}

    def _finished(self, level: int) -> LightInjectionAccumulator:
        filling = self._levels[level]
        slices, counts, sums, pulses = filling.finish()
        source = self._own.copy()
        if len(source):
            source["first_us"] = np.min(pulses["time_us"], initial=NEVER)
            source["last_us"] = np.max(pulses["time_us"], initial=0)
        accumulator = LightInjectionAccumulator(
            self._config, self._hardware.table.sha256, level, filling.histograms,
            filling.covariance, slices, counts, sums, pulses, self._boards[level],
            join_sources(source), {**self._gates, "used": len(pulses)},
            dict(self._unmapped[level]), self._files,
        )  # fmt: skip
        return merge_light([accumulator])

    def _start(self, level: int) -> None:
        config = self._config
        self._levels[level] = LevelFilling(
            self._pedestal, self._largest, config.slice_gates, config.light_cut
        )
        self._boards[level] = empty_boards(self._hardware.n_febs, LIGHT_BOARD_DTYPE)
        self._unmapped[level] = Counter()

    def _select_gates(self, gates: npt.NDArray[np.void]) -> Booleans:
        wanted = gates["trigger_type"] == self._config.trigger_type
        count_values("level", gates["led_level"][wanted], self._gates)
        return select_gates(gates, wanted, self._gates)

    def _add_level(self, level: int, chunk: GateChunk, used: Booleans) -> None:
        if level not in self._levels:
            self._start(level)
        rows, index = mapped_boards(chunk.febs, used, self._hardware, self._unmapped[level])
        flags = chunk.febs["flags"][rows]
        good = (flags & FEB_EXCLUDED.value) == 0
        absent = (flags & NO_BOARD.value) != 0
        self._count(level, "gates", index)
        self._count(level, "absent", index[absent])
        self._count(level, "errors", index[~good & ~absent])
        rows, index = rows[good], index[good]
        self._note_slow_readings(level, chunk.registers[rows], index)
        kind, frames = self._choose(chunk, rows)
        self._count(level, "untimed", index[kind == UNTIMED])
        self._count(level, "timed", index[kind != UNTIMED])
        missed = (frames[:, :N_TIMED_TRIPS] < 0).sum(axis=1) * (kind == TIMED)
        self._count(level, "missed", np.repeat(index, missed))
        taken = kind != NOT_TAKEN
        number = np.cumsum(used) - 1
        self._levels[level].add(
            _pulses(chunk.gates[used]),
            Frames(
                (kind * self._hardware.n_febs + index)[taken],
                frames[taken],
                number[chunk.febs["gate"][rows[taken]]],
            ),
            adc_words(chunk),
        )

    def _count(self, level: int, name: str, index: Integers) -> None:
        self._boards[level][name] += np.bincount(index, minlength=self._hardware.n_febs)

    def _note_slow_readings(
        self, level: int, registers: npt.NDArray[np.uint8], index: Integers
    ) -> None:
        """Add temperature and high voltage, in counts of their FPGA registers."""
        self._count(level, "slow_readings", index)
        readings = {
            name: register_values(registers, register) for name, register in _SLOW_REGISTERS.items()
        }
        add_readings(self._boards[level], index, readings)
        self._count(level, "hv_off", index[register_values(registers, "hv_enabled") == 0])

    def _choose(self, chunk: GateChunk, rows: Integers) -> tuple[Integers, Integers]:
        """Kind of block of each board, and the ADC frame of each of its TriPs."""
        febs, records = chunk.febs, chunk.records
        columns = {
            name: febs[name].astype(np.int64)
            for name in ("gate", "first_record", "n_records", "first_adc", "n_timed")
        }
        stamp = np.ascontiguousarray(febs["gate_timestamp"])
        hits = (
            np.ascontiguousarray(records["timestamp"]),
            np.ascontiguousarray(records["delay"]),
            np.ascontiguousarray(records["quarter"]),
        )
        ticks = np.full(len(chunk.gates), NO_TICK, np.int64)
        first, n_records = columns["first_record"], columns["n_records"]
        most_frequent_ticks(columns["gate"], first, n_records, rows, stamp, *hits, ticks)
        kind = np.zeros(len(rows), np.int64)
        frames = np.zeros((len(rows), N_TRIPS), np.int64)
        choose_frames(
            rows, columns["gate"], first, n_records, columns["first_adc"], columns["n_timed"],
            np.ascontiguousarray(febs["n_hits"]), stamp, np.ascontiguousarray(records["trip"]),
            np.ascontiguousarray(records["record"]), *hits,
            np.ascontiguousarray(chunk.adc_frames["hit"]), ticks, self._config.time_window,
            self._config.block == "auto", self._config.pairing == "end", kind, frames,
        )  # fmt: skip
        return kind, frames


def _pulses(gates: npt.NDArray[np.void]) -> npt.NDArray[np.void]:
    pulses = np.zeros(len(gates), PULSE_DTYPE)
    for name in ("run", "subrun", "gate", "time_us"):
        pulses[name] = gates[name]
    return pulses
