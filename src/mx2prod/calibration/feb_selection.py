"""Which gates, boards and ADC frames go into the sums of the FEB response."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind
from mx2prod.calibration.gates import mapped_boards, select_gates
from mx2prod.calibration.sources import (
    NEVER,
    SOURCE_DTYPE,
    SourceFile,
    join_sources,
    own_gates,
)
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import FEB_EXCLUDED, GateChunk

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class SelectedFrames:
    """ADC frames of selected gates and good boards.

    Attributes
    ----------
    frames, feb, boards : ndarray of int64, shape (n,)
        Row of the frame, row of its board in the chunk, dense board number.
    """

    frames: Integers
    feb: Integers
    boards: Integers


class GateSelection:
    """Gates of some trigger types, boards without a fault; counts what it sees.

    Parameters
    ----------
    hardware : HardwareMap
    triggers : tuple of int
        Trigger types of the DAQ header.
    files : sequence of SourceFile
        Where the gates come from, for the record.
    """

    def __init__(
        self,
        hardware: HardwareMap,
        triggers: tuple[int, ...],
        files: Sequence[SourceFile] = (),
    ) -> None:
        self._hardware = hardware
        self._triggers = triggers
        self._files = tuple(sorted(files))
        self._sources = np.zeros(0, SOURCE_DTYPE)
        self._gates: Counter[str] = Counter({"used": 0})
        self._unmapped: Counter[str] = Counter()

    def frames(self, chunk: GateChunk) -> SelectedFrames:
        """Frames to take; hit numbers are not looked at."""
        used = self._used(chunk.gates)
        own = own_gates(chunk.gates)
        ranges = _source_rows(chunk.gates[own], used[own])
        self._sources = join_sources(np.concatenate([self._sources, ranges]))
        rows, index = mapped_boards(chunk.febs, used, self._hardware, self._unmapped)
        good = (chunk.febs["flags"][rows] & FEB_EXCLUDED.value) == 0
        board_of_feb = np.full(len(chunk.febs), -1, np.int64)
        board_of_feb[rows[good]] = index[good]
        owner = chunk.adc_frames["feb"].astype(np.int64)
        frames = np.flatnonzero(board_of_feb[owner] >= 0)
        return SelectedFrames(frames, owner[frames], board_of_feb[owner[frames]])

    def result(
        self,
        kind: FebSumsKind,
        settings: dict[str, Any],
        keys: Integers,
        sums: Integers,
        tables: dict[str, list[str]],
    ) -> FebSums:
        """Join sums with what has been counted."""
        return FebSums(
            kind,
            settings,
            self._hardware.table.sha256,
            keys,
            sums,
            self._sources,
            dict(sorted(self._gates.items())),
            dict(sorted(self._unmapped.items())),
            tables,
            self._files,
        )

    def _used(self, gates: npt.NDArray[np.void]) -> npt.NDArray[np.bool_]:
        wanted = np.isin(gates["trigger_type"], self._triggers)
        used = select_gates(gates, wanted, self._gates)
        self._gates["used"] += int(np.count_nonzero(used))
        return used


def _source_rows(gates: npt.NDArray[np.void], used: npt.NDArray[np.bool_]) -> npt.NDArray[np.void]:
    """One row for each unbroken range of gate numbers of a subrun."""
    order = np.lexsort((gates["gate"], gates["subrun"], gates["run"]))
    gates, used = gates[order], used[order]
    number = gates["gate"].astype(np.int64)
    follows = (
        (np.diff(number) == 1) & (np.diff(gates["run"]) == 0) & (np.diff(gates["subrun"]) == 0)
    )
    first = np.flatnonzero(np.concatenate([[True], ~follows])) if len(gates) else np.zeros(0, int)
    last = np.append(first[1:], len(gates)) - 1
    rows = np.zeros(len(first), SOURCE_DTYPE)
    rows["run"], rows["subrun"] = gates["run"][first], gates["subrun"][first]
    rows["first_gate"], rows["last_gate"] = number[first], number[last]
    times = gates["time_us"].astype(np.int64)
    if len(first):
        rows["first_us"] = np.minimum.reduceat(np.where(used, times, NEVER), first)
        rows["last_us"] = np.maximum.reduceat(np.where(used, times, 0), first)
    return rows
