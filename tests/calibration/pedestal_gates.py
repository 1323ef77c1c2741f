"""Pedestal gates made of chosen means and widths, for the tests of this room.

Gate k does not depend on how many gates are made with it; nothing here reads the code under test
but for the columns of a decoded file.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL
from mx2prod.raw.columns import (
    ADC_FRAME_DTYPE,
    FEB_DTYPE,
    GATE_DTYPE,
    N_REGISTERS,
    RECORD_DTYPE,
    FebFlag,
    GateChunk,
)
from mx2prod.raw.encoder import cell_type, encode
from mx2prod.raw.layout import RunHeader, board_key

GATES_PER_CHUNK = 250
FIRST_US = 1_710_000_000_000_000
PE_ADC = 70.0


@dataclass(frozen=True)
class Pedestals:
    """What the gates are made of.

    Attributes
    ----------
    boards : ndarray of int64
        Dense numbers of the boards in the data, in order.
    mean, rms : ndarray of float64, shape (len(boards), 64, 3)
        In ADC, before rounding.
    contamination : float or ndarray, shape (len(boards), 64)
        Fraction of the readings with one to three photoelectrons of 70 ADC in the high gain.
    coherent : float
        Width of a shift that all pixels of a board share in a gate, high gain, ADC.
    timed : float
        Fraction of boards and gates with one timed hit, whose block has this offset.
    block_offset : float
        ADC, high gain.
    """

    boards: np.ndarray
    mean: np.ndarray
    rms: np.ndarray
    contamination: float | np.ndarray = 0.0
    coherent: float = 0.0
    timed: float = 0.0
    block_offset: float = 0.0

    @classmethod
    def random(cls, boards: np.ndarray, seed: int) -> Pedestals:
        """Means as Mx2 has them, widths 2 to 9 ADC in the high gain and less in the others."""
        rng = np.random.default_rng(seed)
        shape = (len(boards), 64)
        mean = rng.normal(430, 30, (*shape, 1)) + rng.normal(0, 5, (*shape, 3))
        rms = np.stack([rng.uniform(low, high, shape) for low, high in
                        ((2, 9), (1.5, 4), (1.2, 3))], axis=-1)  # fmt: skip
        return cls(np.asarray(boards), mean, rms)

    def changed(self, **fields: object) -> Pedestals:
        """The same with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]


def chunks(
    hardware: HardwareMap,
    truth: Pedestals,
    gates: range,
    *,
    run: int = 1702,
    subrun: int = 4,
    seed: int = 0,
    trigger_type: Callable[[np.ndarray], np.ndarray] | int = 1,
    shift: Callable[[int, np.ndarray], np.ndarray] | None = None,
    firmware: int = 95,
    period_us: int = 100_000,
) -> Iterator[GateChunk]:
    """Decoded gates in blocks that begin at multiples of :data:`GATES_PER_CHUNK`.

    Parameters
    ----------
    gates : range
        Gate numbers, step 1.
    trigger_type : int or function of the gate numbers
    shift : function of (gate, boards), optional
        High-gain shift in ADC by board.
    """
    start = gates.start
    while start < gates.stop:
        block = start // GATES_PER_CHUNK
        stop = min((block + 1) * GATES_PER_CHUNK, gates.stop)
        whole = np.arange(block * GATES_PER_CHUNK, (block + 1) * GATES_PER_CHUNK)
        adc, timed = _readings(
            truth, whole, np.random.default_rng([seed, run, subrun, block]), shift
        )
        own = slice(start - whole[0], stop - whole[0])
        rows = np.zeros(stop - start, GATE_DTYPE)
        rows["detector"], rows["run"], rows["subrun"] = 64, run, subrun
        rows["gate"] = rows["global_gate"] = whole[own]
        kind = trigger_type(whole[own]) if callable(trigger_type) else trigger_type
        rows["trigger_type"] = kind
        rows["time_us"] = FIRST_US + subrun * 10**10 + whole[own] * period_us
        yield _chunk(hardware, truth, rows, adc[own], timed[own], firmware)
        start = stop


def _readings(
    truth: Pedestals,
    gates: np.ndarray,
    rng: np.random.Generator,
    shift: Callable[[int, np.ndarray], np.ndarray] | None,
) -> tuple[np.ndarray, np.ndarray]:
    """ADC by gate, board, frame (untimed, then timed), pixel, gain; and where there is a hit."""
    shape = (len(gates), len(truth.boards))
    frames = 2 if truth.timed else 1
    noise = rng.standard_normal((*shape, frames, 64, 3), dtype=np.float32)
    values = truth.mean[None, :, None] + noise * truth.rms[None, :, None]
    if np.any(truth.contamination):
        fraction = np.broadcast_to(truth.contamination, (len(truth.boards), 64))
        hit = rng.random((*shape, frames, 64)) < fraction[None, :, None]
        values[..., 0] += hit * rng.integers(1, 4, hit.shape) * PE_ADC
    if truth.coherent:
        values[..., 0] += rng.normal(0, truth.coherent, shape)[:, :, None, None]
    if shift is not None:
        moved = np.stack([shift(int(gate), truth.boards) for gate in gates])
        values[..., 0] += moved[:, :, None, None]
    if truth.timed:
        values[:, :, 1, :, 0] += truth.block_offset
    timed = rng.random(shape) < truth.timed
    return np.clip(np.rint(values), 0, 4095).astype(np.uint16), timed


def _chunk(
    hardware: HardwareMap,
    truth: Pedestals,
    gates: np.ndarray,
    adc: np.ndarray,
    timed: np.ndarray,
    firmware: int,
) -> GateChunk:
    n_gates, n_boards = timed.shape
    febs = np.zeros(n_gates * n_boards, FEB_DTYPE)
    febs["gate"] = np.repeat(np.arange(n_gates), n_boards)
    for name in ("crate", "croc", "chain", "board"):
        febs[name] = np.tile(hardware.boards[name][truth.boards], n_gates)
    febs["firmware"] = firmware
    febs["n_timed"] = timed.ravel()
    febs["n_adc"] = febs["n_timed"] + 1
    febs["first_adc"] = np.concatenate([[0], np.cumsum(febs["n_adc"])[:-1]])
    gates["first_feb"] = np.arange(n_gates) * n_boards
    gates["n_febs"] = n_boards
    frames = np.zeros(int(febs["n_adc"].sum()), ADC_FRAME_DTYPE)
    frames["feb"] = np.repeat(np.arange(len(febs)), febs["n_adc"])
    frames["hit"] = np.arange(len(frames)) - febs["first_adc"][frames["feb"]]
    of_frame = zip(frames["hit"].tolist(), febs["n_timed"][frames["feb"]].tolist(), strict=True)
    frames["type"] = [cell_type(hit, n_timed, firmware) for hit, n_timed in of_frame]
    untimed = frames["hit"] == febs["n_timed"][frames["feb"]]
    values = adc.reshape(len(febs), -1, 64, 3)[frames["feb"], np.where(untimed, 0, 1)]
    words = np.zeros((len(frames), 6, 36), np.uint16)
    words[:, TRIP_OF_PIXEL, CHANNEL_OF_PIXEL] = values.swapaxes(1, 2)
    registers = np.zeros((len(febs), N_REGISTERS), np.uint8)
    return GateChunk(gates, febs, np.zeros(0, RECORD_DTYPE), frames, words, registers)


def write_raw(path: Path, hardware: HardwareMap, pieces: Iterable[GateChunk]) -> bytes:
    """A raw file of the chunks, whose boards are whole chains; returns its bytes."""
    pieces = list(pieces)
    keys = [board_key(*map(int, board)) for board in
            hardware.boards[np.unique(hardware.feb_index(pieces[0].febs))].tolist()]  # fmt: skip
    data = b"".join(encode(RunHeader.of_boards(keys), pieces))
    path.write_bytes(data)
    return data


def without_board(chunk: GateChunk, board: int, hardware: HardwareMap) -> GateChunk:
    """The chunk in which a board of the run header is absent."""
    febs = chunk.febs.copy()
    febs["flags"][hardware.feb_index(febs) == board] |= int(FebFlag.ABSENT)
    return replace(chunk, febs=febs)
