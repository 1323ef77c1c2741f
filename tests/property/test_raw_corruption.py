"""Corruption of valid raw files: no crash, no gate invented, no untouched gate lost."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod import raw
from mx2prod.raw.columns import GateFlag
from mx2prod.raw.roundtrip import roundtrip
from tests.raw.plain_decoder import crc8
from tests.raw.surgery import DAQ_HEADER, RUN_HEADER, gates_of, pieces

BASE = Path(__file__).parents[1] / "data" / "raw"
BASES = ["p03_numib_small", "p04_numip_small", "p05_independent_push", "p08_many_hits"]
MAP_BYTES = 60
"""Magic and chain map of a run header; no other byte of the file repeats what they say."""
NOT_TO_BE_USED = GateFlag.INCOMPLETE | GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.ASIDE


@dataclass
class Mutant:
    """A damaged file; ``origin`` tells where each byte came from, -1 for one that is new."""

    data: np.ndarray[Any, np.dtype[np.uint8]]
    origin: np.ndarray[Any, np.dtype[np.int64]]
    log: list[str] = field(default_factory=list)

    def flip(self, at: int, bit: int) -> None:
        self.data[at] ^= 1 << bit
        self.origin[at] = -1

    def cut(self, at: int, length: int) -> None:
        self.data = np.delete(self.data, slice(at, at + length))
        self.origin = np.delete(self.origin, slice(at, at + length))

    def insert(self, at: int, junk: bytes) -> None:
        self.data = np.insert(self.data, at, np.frombuffer(junk, np.uint8))
        self.origin = np.insert(self.origin, at, np.full(len(junk), -1))

    def duplicate(self, at: int, length: int) -> None:
        piece, source = self.data[at : at + length], self.origin[at : at + length]
        self.data = np.insert(self.data, at + len(piece), piece)
        self.origin = np.insert(self.origin, at + len(piece), source)


def apply(mutant: Mutant, what: str, place: float, size: int, junk: bytes, bit: int) -> None:
    at = int(place * (len(mutant.data) - 1))
    mutant.log.append(f"{what} at {at} size {size}")
    if what == "flip":
        mutant.flip(at, bit)
    elif what == "cut":
        mutant.cut(at, size)
    elif what == "insert":
        mutant.insert(at, junk)
    else:
        mutant.duplicate(at, size)


actions = st.tuples(
    st.sampled_from(["flip", "cut", "insert", "duplicate"]),
    st.floats(0, 1),
    st.integers(1, 12_000),
    st.binary(min_size=1, max_size=900),
    st.integers(0, 7),
)


def spans(data: bytes) -> list[tuple[int, int]]:
    """Byte range of each gate of a well-formed file."""
    found, position = [], RUN_HEADER
    for gate in gates_of(data):
        found.append((position, position + len(gate)))
        position += len(gate)
    return found


def untouched(mutant: Mutant, span: tuple[int, int]) -> bool:
    """Does the damaged file hold the gate whole, once, with what follows it still behind it?"""
    begin, end = span
    starts = np.flatnonzero(mutant.origin == begin)
    if len(starts) != 1 or np.sum((mutant.origin >= begin) & (mutant.origin < end)) != end - begin:
        return False
    piece = mutant.origin[starts[0] : starts[0] + end - begin]
    return bool(np.array_equal(piece, np.arange(begin, end)))


def maps_are_known(mutant: Mutant, original: bytes) -> bool:
    """Is the chain map whole at the start of the file, and in every copy of the run header?"""
    data, magic = mutant.data.tobytes(), original[:8]
    starts = [0]
    while (found := data.find(magic, starts[-1] + 1)) >= 0:
        starts.append(found)
    whole = np.arange(MAP_BYTES)
    return all(np.array_equal(mutant.origin[at : at + MAP_BYTES], whole) for at in starts)


def beyond_the_crc(content: bytes, frames: set[bytes]) -> bool:
    """Is this an original gate with flipped bits that both CRC bytes of every frame still fit?

    The CRC has period 127 bytes: the same bit flipped twice at that distance cannot be seen.
    """
    flipped = any(
        len(original) == len(content) and sum(map(int.__ne__, original, content)) <= 4
        for original in frames
    )
    return flipped and all(crc_fits(piece.data) for piece in pieces(content))


def crc_fits(frame: bytes) -> bool:
    """Check a frame with the plain CRC."""
    first = crc8(frame[10:-2], 0xFF)
    return (first, crc8(frame[:10], first)) == (frame[-2], frame[-1])


@pytest.fixture(scope="module")
def damaged_path(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    path = tmp_path_factory.mktemp("corruption") / "damaged.dat"
    return lambda: path


@given(st.sampled_from(BASES), st.lists(actions, min_size=1, max_size=4))
def test_corrupted_files(
    damaged_path: Callable[[], Path], base: str, steps: list[tuple[str, float, int, bytes, int]]
) -> None:
    original = next((BASE / base).glob("*.dat")).read_bytes()
    mutant = Mutant(np.frombuffer(original, np.uint8).copy(), np.arange(len(original)))
    for step in steps:
        if len(mutant.data):
            apply(mutant, *step)
    path = damaged_path()
    path.write_bytes(mutant.data.tobytes())
    check(path, original, mutant)


def check(path: Path, original: bytes, mutant: Mutant) -> None:
    with raw.open(path) as file:
        scan = file.scan()
        assert scan.totals.bytes_decoded + scan.totals.bytes_lost == len(mutant.data)
        used = (scan.gates["flags"] & (NOT_TO_BE_USED | GateFlag.DUPLICATE)) == 0
        intact = (scan.gates["flags"] & NOT_TO_BE_USED) == 0
        content = [
            file.buffer[gate["offset"] : gate["header_offset"]].tobytes() for gate in scan.gates
        ]
        frames = {original[begin : end - DAQ_HEADER] for begin, end in spans(original)}
        for gate, kept in enumerate(intact):
            known = not kept or content[gate] in frames
            assert known or beyond_the_crc(content[gate], frames), f"gate invented: {mutant.log}"
        offsets = set(scan.gates["offset"][used].tolist())
        for span in spans(original) if maps_are_known(mutant, original) else ():
            if untouched(mutant, span):
                start = int(np.flatnonzero(mutant.origin == span[0])[0])
                assert start in offsets, f"gate at {start} lost: {mutant.log}"
        decoded = 0
        for run in scan.runs:
            for chunk in file.chunks(strict=False, run_index=run.index):
                decoded += len(chunk)
                assert len(chunk.adc) == int(chunk.febs["n_adc"].astype(int).sum())
        assert decoded == len(scan.gates)
    assert roundtrip(path).equal
