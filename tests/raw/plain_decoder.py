"""A plain decoder: one frame at a time, NumPy for its words, nothing compiled.

It is the twin of the kernels in tests, and a peer in the benchmark.  It reads well-formed files
only and is written from the raw-format page, independently of the kernels.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np


@dataclass
class PlainBoard:
    """Frames of one board in one gate."""

    hits: tuple[int, int, int, int] = (0, 0, 0, 0)
    records: list[tuple[int, int, list[int], list[int]]] = field(default_factory=list)
    adc: dict[int, Any] = field(default_factory=dict)
    registers: bytes = b""


@dataclass
class PlainGate:
    """A gate: its header words and its boards by (crate, CROC-E, channel, FEB)."""

    words: Any
    boards: dict[tuple[int, int, int, int], PlainBoard]


def crc8(data: bytes, crc: int) -> int:
    """Bit by bit, polynomial 0x07."""
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ 0x07) & 0xFF if crc & 0x80 else crc << 1
    return crc


def hit_counts(frame: bytes) -> tuple[tuple[int, int, int, int], int]:
    """Hits of TriP 0..3 and the number of count bytes."""
    d1, d2 = frame[20], frame[21]
    if frame[4] == 91:
        return (d1 & 15, d1 >> 4, d2 & 15, d2 >> 4), 2
    if d2 & 0x80:
        return (d1 & 31, frame[22] & 31, d2 & 31, frame[23] & 31), 4
    return (d1 & 31, d1 & 31, d2 & 31, d2 & 31), 2


def read_record(words: Any) -> tuple[int, list[int], list[int]]:
    """Time stamp, delays and quarter ticks of one record of 20 words."""
    bits = words[:16, None] >> np.arange(16) & 1
    delay = 16 - bits.sum(axis=0)
    quarter = 2 * (words[17] >> np.arange(16) & 1) + (words[16] >> np.arange(16) & 1)
    return int(words[18]) | int(words[19]) << 16, delay.tolist(), quarter.tolist()


def decode(data: bytes, *, check_crc: bool = True) -> list[PlainGate]:
    """Decode a well-formed file."""
    gates: list[PlainGate] = []
    boards: dict[tuple[int, int, int, int], PlainBoard] = {}
    position = 492
    while position < len(data):
        length = int.from_bytes(data[position : position + 2], "big")
        frame = data[position : position + length]
        position += length
        if frame[2:4] == b"\xcb\xcb":
            if frame[5] == 3:
                gates.append(PlainGate(np.frombuffer(frame, "<u4", 12, 8), boards))
                boards = {}
            continue
        if check_crc:
            first = crc8(frame[10:-2], 0xFF)
            assert (first, crc8(frame[:10], first)) == (frame[-2], frame[-1])
        _read_feb_frame(frame, boards)
    return gates


def _read_feb_frame(frame: bytes, boards: dict[tuple[int, int, int, int], PlainBoard]) -> None:
    source = int.from_bytes(frame[6:8], "big")
    address = (source >> 14 & 1, source >> 9 & 15, source >> 7 & 3, source >> 3 & 15)
    board = boards.setdefault(address, PlainBoard())
    if frame[5] == 0x23:
        board.registers = frame[19:-2]
    elif frame[5] == 0x37:
        board.hits, n_counts = hit_counts(frame)
        words = np.frombuffer(frame, "<u2", 20 * sum(board.hits), 20 + n_counts).reshape(-1, 20)
        trips = [trip for trip in range(4) for _ in range(board.hits[trip])]
        for trip, row in zip(trips, words, strict=True):
            board.records.append((trip, *read_record(row.astype(np.int64))))
    else:
        hit = source >> 15 << 4 | (source >> 13 & 1) << 3 | source & 7
        padded = frame[20:-2] + b"\0" if len(frame) == 453 else frame[20:-3]
        board.adc[hit] = (np.frombuffer(padded, "<u2") & 0x3FFC) >> 2
