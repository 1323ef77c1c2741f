"""Raw digits of decoded gates: every pixel of every ADC frame, nothing suppressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from mx2prod.detector import CHANNEL_OF_PIXEL, TRIP_OF_PIXEL, pack_channel_ids
from mx2prod.digits.flags import DigitFlag
from mx2prod.raw.columns import FEB_EXCLUDED, N_PIXELS, FebFlag, GateChunk, GateFlag
from mx2prod.raw.registers import decode_registers

AdcPairing = Literal["end", "front"]
Columns = dict[str, npt.NDArray[Any]]

MAX_ROWS = 2_000_000
"""Digits made at a time: about 40 MB of columns."""

_NOT_REPRESENTABLE = -1


@dataclass(frozen=True)
class RawDigitChunk:
    """Raw digits of consecutive gates.

    Attributes
    ----------
    header : dict of ndarray, each of shape (n_gates,)
        One entry a gate: the content of its DAQ header, and its state.
    boards : dict of ndarray, each of shape (n_boards,)
        Front-end boards and their FPGA registers, in order of the gates.
    boards_per_gate : ndarray of int32, shape (n_gates,)
    digits : dict of ndarray, each of shape (n_digits,)
        In order of the gates, of a gate its boards, of a board its ADC frames, of a frame
        pixels 0..63.
    digits_per_gate : ndarray of int32, shape (n_gates,)
    """

    header: Columns
    boards: Columns
    boards_per_gate: npt.NDArray[np.int32]
    digits: Columns
    digits_per_gate: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.digits_per_gate)


def raw_digit_chunks(
    chunk: GateChunk, *, adc_pairing: AdcPairing = "end", max_rows: int = MAX_ROWS
) -> Iterator[RawDigitChunk]:
    """Make the raw digits of decoded gates, some gates at a time.

    Parameters
    ----------
    chunk : GateChunk
    adc_pairing : {"end", "front"}
        Which ADC frame belongs to discriminator record k of a TriP with n hits, where the board
        has N timed frames: N-n+k or k (raw-format page, 5.1).
    max_rows : int
        Bound on the digits of one piece; a piece has at least one gate.

    Yields
    ------
    RawDigitChunk
    """
    rows = digits_per_gate(chunk)
    frames = _FrameColumns.of(chunk)
    for first, last in _pieces(rows, max_rows):
        low, high = np.searchsorted(chunk.febs["gate"], [first, last])
        boards = slice(int(low), int(high))
        febs = chunk.febs[boards]
        per_gate = np.bincount(febs["gate"] - first, minlength=last - first)
        yield RawDigitChunk(
            header=header_columns(chunk.gates[first:last], per_gate),
            boards=board_columns(febs, chunk.registers[boards]),
            boards_per_gate=per_gate.astype(np.int32),
            digits=_digit_columns(chunk, frames, boards, adc_pairing),
            digits_per_gate=rows[first:last],
        )


def digits_per_gate(chunk: GateChunk) -> npt.NDArray[np.int32]:
    """Count the raw digits of each gate: 64 times the number of its ADC frames."""
    frames = np.zeros(len(chunk), dtype=np.int64)
    np.add.at(frames, chunk.febs["gate"], chunk.febs["n_adc"])
    return (frames * N_PIXELS).astype(np.int32)


def base_channels(febs: npt.NDArray[np.void]) -> npt.NDArray[np.int32]:
    """Channel id of pixel 0 of each board (detector page, section 3)."""
    ids = pack_channel_ids(febs["crate"], febs["croc"], febs["chain"], febs["board"], 0)
    return np.asarray(ids, dtype=np.int32)


def header_columns(gates: npt.NDArray[np.void], n_febs: npt.NDArray[np.int64]) -> Columns:
    """Columns of the header tree.

    Parameters
    ----------
    gates : ndarray of GATE_DTYPE, shape (n,)
    n_febs : ndarray of int, shape (n,)
        Boards of each gate.

    Returns
    -------
    dict of ndarray, each of shape (n,)
        ``gl_gate`` and ``t_us`` are signed 64-bit; a value that does not fit, which only a
        damaged header can hold, is -1.
    """
    return {
        "file_offset": gates["offset"],
        "header_offset": gates["header_offset"],
        "detector": gates["detector"],
        "config": gates["config"],
        "run": gates["run"],
        "subrun": gates["subrun"],
        "trigger_type": gates["trigger_type"],
        "led_level": gates["led_level"],
        "led_group": gates["led_group"],
        "gl_gate": _signed(gates["global_gate"]),
        "gate": gates["gate"],
        "t_us": _signed(gates["time_us"]),
        "readout_us": gates["readout_us"],
        "error": gates["error"],
        "n_adc_header": gates["n_adc_header"],
        "n_discriminator_header": gates["n_discriminator_header"],
        "n_fpga_header": gates["n_fpga_header"],
        "sgate": gates["sgate"],
        "n_febs": n_febs.astype(np.int32),
        "flags": gates["flags"],
    }


def board_columns(febs: npt.NDArray[np.void], registers: npt.NDArray[np.uint8]) -> Columns:
    """Columns of the front-end boards, with their FPGA registers by name.

    Parameters
    ----------
    febs : ndarray of FEB_DTYPE, shape (n,)
    registers : ndarray of uint8, shape (n, 59)

    Returns
    -------
    dict of ndarray, each of shape (n,)
    """
    columns: Columns = {"chan": base_channels(febs)}
    for name in ("crate", "croc", "chain", "board", "firmware", "n_timed", "n_adc"):
        columns[name] = febs[name]
    for trip in range(4):
        columns[f"n_hits{trip}"] = febs["n_hits"][:, trip]
    for name in ("n_records", "event_count", "frame_time", "gate_timestamp", "flags"):
        columns[name] = febs[name]
    columns.update(decode_registers(registers))
    return columns


def _signed(values: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    fits = values <= np.uint64(np.iinfo(np.int64).max)
    return np.where(fits, values.astype(np.int64), _NOT_REPRESENTABLE)


def _pieces(rows: npt.NDArray[np.int32], max_rows: int) -> Iterator[tuple[int, int]]:
    ends = np.cumsum(rows, dtype=np.int64)
    first = 0
    while first < len(rows):
        done = int(ends[first - 1]) if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + max_rows, side="right")))
        yield first, last
        first = last


def _board_flags(chunk: GateChunk, boards: slice) -> npt.NDArray[np.uint16]:
    """Digit flags that hold for a whole board."""
    febs = chunk.febs[boards]
    gate_flags = chunk.gates["flags"][febs["gate"]]
    flags = np.zeros(len(febs), dtype=np.uint16)
    flags[(febs["flags"] & int(FebFlag.NO_FPGA)) != 0] |= int(DigitFlag.NO_GATE_TIMESTAMP)
    flags[(febs["flags"] & int(FEB_EXCLUDED)) != 0] |= int(DigitFlag.EXCLUDED)
    unused = (gate_flags & int(GateFlag.DUPLICATE | GateFlag.ASIDE)) != 0
    flags[unused] |= int(DigitFlag.GATE_NOT_USED)
    return flags


@dataclass(frozen=True)
class _FrameColumns:
    """Columns of the frames of a chunk, contiguous and writable, as the kernel wants them."""

    hit: npt.NDArray[np.uint8]
    flags: npt.NDArray[np.uint8]
    adc: npt.NDArray[np.uint16]
    timestamp: npt.NDArray[np.uint32]
    delay: npt.NDArray[np.uint8]
    quarter: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, chunk: GateChunk) -> _FrameColumns:
        frames, records = chunk.adc_frames, chunk.records
        return cls(
            _own(frames["hit"]),
            _own(frames["flags"]),
            np.require(chunk.adc, np.uint16, ["C", "W"]),
            _own(records["timestamp"]),
            _own(records["delay"]),
            _own(records["quarter"]),
        )


def _digit_columns(
    chunk: GateChunk, frames: _FrameColumns, boards: slice, adc_pairing: AdcPairing
) -> Columns:
    from mx2prod.digits.raw_digits_kernels import fill_raw_digits

    febs = chunk.febs[boards]
    n_hits = _own(febs["n_hits"])
    has_records = (febs["flags"] & int(FebFlag.NO_DISCRIMINATOR)) == 0
    has_records &= febs["n_records"] == n_hits.sum(axis=1, dtype=np.int32)
    columns = empty_digits(int(febs["n_adc"].sum(dtype=np.int64)) * N_PIXELS)
    fill_raw_digits(
        base_channels(febs),
        _own(febs["first_adc"]),
        _own(febs["n_adc"]),
        _own(febs["n_timed"]),
        n_hits,
        _own(febs["first_record"]),
        has_records,
        _board_flags(chunk, boards),
        frames.hit,
        frames.flags,
        frames.adc,
        frames.timestamp,
        frames.delay,
        frames.quarter,
        _own(TRIP_OF_PIXEL),
        _own(CHANNEL_OF_PIXEL),
        adc_pairing == "front",
        *columns.values(),
    )
    return columns


def empty_digits(rows: int) -> Columns:
    """Uninitialised digit columns of the given length, in the order of the product."""
    types = {
        "chan": np.int32,
        "block": np.uint8,
        "adc_hi": np.uint16,
        "adc_med": np.uint16,
        "adc_lo": np.uint16,
        "timestamp": np.uint32,
        "delay": np.uint8,
        "quarter": np.uint8,
        "flags": np.uint16,
    }
    return {name: np.empty(rows, dtype=kind) for name, kind in types.items()}


def _own(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Contiguous, writable copy of a column of a structured array."""
    return np.require(values, requirements=["C", "W", "O"])
