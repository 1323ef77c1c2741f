"""Decoded gates to the sums of the FEB response, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from mx2prod.calibration.boards import WORD_OF_PLACE
from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind, Relation
from mx2prod.calibration.feb_config import FebConfig
from mx2prod.calibration.feb_curve import adc_at_kinks, channel_values, curves_of_table
from mx2prod.calibration.feb_filling_kernels import fill_injection, fill_relations
from mx2prod.calibration.feb_selection import GateSelection
from mx2prod.calibration.gates import adc_words, register_values
from mx2prod.calibration.sources import SourceFile
from mx2prod.constants import Table, content_sha256
from mx2prod.constants.tables import ADC_MAX
from mx2prod.core.errors import UsageError
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import GateChunk

Integers = npt.NDArray[np.int64]
_NEVER_TAKEN = ADC_MAX + 1


def accumulate_injection(
    chunks: Iterable[GateChunk],
    hardware: HardwareMap,
    config: FebConfig | None = None,
    dac: npt.ArrayLike | None = None,
    *,
    files: Sequence[SourceFile] = (),
) -> FebSums:
    """Sum the readings of charge-injection gates by channel, gain and step of the charge.

    Parameters
    ----------
    chunks : iterable of GateChunk
        ``mx2prod.raw.open(path).chunks()``.
    hardware : HardwareMap
    config : FebConfig, optional
    dac : array_like of int, shape (n_gates,), optional
        InjectDAC counts of gate 1, 2, ... of the subrun; by default those of the FPGA registers
        of each board.
    files : sequence of SourceFile
        Where the gates come from, for the record.

    Raises
    ------
    UsageError
        If ``dac`` has no entry for a gate.
    """
    config = config or FebConfig()
    selection = GateSelection(hardware, (config.injection_trigger,), files)
    steps = _Steps(hardware.n_channels)
    counts = None if dac is None else np.asarray(dac, np.int64)
    for chunk in chunks:
        taken = selection.frames(chunk)
        timed = chunk.febs["n_timed"][taken.feb]
        hit = chunk.adc_frames["hit"][taken.frames]
        chosen = hit == 0
        if config.injection_block == "untimed_n0":
            chosen &= timed == 0
        keys = _dac_of_boards(chunk, taken.feb[chosen], counts)
        steps.add(chunk, taken.frames[chosen], taken.boards[chosen], keys)
    names = {"injection_trigger", "injection_block"}
    keys, sums = steps.sorted()
    return selection.result(
        FebSumsKind.INJECTION, config.model_dump(mode="json", include=names), keys, sums, {}
    )


def accumulate_in_situ(
    chunks: Iterable[GateChunk],
    hardware: HardwareMap,
    pedestals: Table,
    feb: Table,
    config: FebConfig | None = None,
    *,
    files: Sequence[SourceFile] = (),
) -> FebSums:
    """Sum pairs of neighbouring gains of light-injection or beam gates.

    A pair is taken if its larger gain is below the first kink.  There is no lower cut, which would
    bias the slope; how many pairs have high gain ``in_situ_min_adc`` above pedestal is counted.

    Parameters
    ----------
    chunks : iterable of GateChunk
    hardware : HardwareMap
    pedestals : Table
        Schema Pedestal; channels without a row are not taken.
    feb : Table
        Schema FebResponse; gives the first kinks.
    config : FebConfig, optional
    files : sequence of SourceFile
        Where the gates come from, for the record.

    Raises
    ------
    TableError
        If the table of the response lacks a channel.
    """
    config = config or FebConfig()
    low, high = _limits(hardware, pedestals, feb, config)
    selection = GateSelection(hardware, config.in_situ_triggers, files)
    sums = np.zeros((len(Relation), hardware.n_channels, FebSumsKind.IN_SITU.width), np.int64)
    for chunk in chunks:
        taken = selection.frames(chunk)
        timed = chunk.febs["n_timed"][taken.feb]
        last = chunk.adc_frames["hit"][taken.frames] == timed
        low_gain = np.where(last, -1, int(Relation.MEDIUM_LOW_TIMED))
        low_gain[timed == 0] = Relation.MEDIUM_LOW
        fill_relations(
            adc_words(chunk), taken.frames, taken.boards, low_gain, WORD_OF_PLACE, low, high, sums
        )
    names = {"in_situ_triggers", "in_situ_min_adc"}
    return selection.result(
        FebSumsKind.IN_SITU,
        config.model_dump(mode="json", include=names),
        np.arange(len(Relation), dtype=np.int64),
        sums,
        {table.schema.schema: [content_sha256(table)] for table in (pedestals, feb)},
    )


def _limits(
    hardware: HardwareMap, pedestals: Table, feb: Table, config: FebConfig
) -> tuple[Integers, Integers]:
    """First ADC of high gain, shape (n_channels,), last of high and medium, (n_channels, 2)."""
    mean = channel_values(pedestals, hardware, ("mean",))[:, :2, 0]
    kink = adc_at_kinks(curves_of_table(feb, hardware))[0][:, :2]
    known = np.isfinite(mean)
    low = np.where(known[:, 0], np.ceil(mean[:, 0] + config.in_situ_min_adc), _NEVER_TAKEN)
    high = np.where(known, np.minimum(np.floor(mean + kink), ADC_MAX - 1), 0)
    return low.astype(np.int64), high.astype(np.int64)


def _dac_of_boards(chunk: GateChunk, rows: Integers, dac: Integers | None) -> Integers:
    """Injected charge of some boards of the chunk, in counts."""
    if dac is None:
        return register_values(chunk.registers[rows], "inject_dac")
    gate = chunk.gates["gate"][chunk.febs["gate"][rows]].astype(np.int64)
    outside = gate[(gate < 1) | (gate > len(dac))]
    if len(outside):
        raise UsageError(
            f"gate {outside[0]}: no injected charge given, {len(dac)} entries for gates from 1",
            next_step="give one InjectDAC count a gate",
        )
    return np.asarray(dac[gate - 1])


class _Steps:
    """Sums by step, in the order in which the steps come."""

    def __init__(self, n_channels: int) -> None:
        self._row: dict[int, int] = {}
        self._sums = np.zeros((0, n_channels, FebSumsKind.INJECTION.width), np.int64)

    def add(self, chunk: GateChunk, frames: Integers, boards: Integers, keys: Integers) -> None:
        distinct, place = np.unique(keys, return_inverse=True)
        rows = np.array(
            [self._row.setdefault(key, len(self._row)) for key in distinct.tolist()], np.int64
        )
        new = len(self._row) - len(self._sums)
        if new:
            self._sums = np.concatenate([self._sums, np.zeros((new, *self._sums.shape[1:]), "i8")])
        fill_injection(
            adc_words(chunk), frames, boards, rows[place], WORD_OF_PLACE, ADC_MAX, self._sums
        )

    def sorted(self) -> tuple[Integers, Integers]:
        """Keys in ascending order and their sums."""
        keys = np.array(list(self._row), np.int64)
        order = np.argsort(keys)
        return keys[order], self._sums[order]
