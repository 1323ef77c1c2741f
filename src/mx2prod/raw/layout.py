"""Byte layout of the DAQ file: constants, software frames, address fields.

Source: raw-format page, sections 1 to 7.  Software frames are little endian, frame lengths and
source ids big endian.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RUN_HEADER_BYTES = 492
DAQ_HEADER_BYTES = 56
MIN_FRAME_BYTES = 22
"""A header-only frame: the board did not answer."""
MAX_FRAME_BYTES = 4987
"""27 + 40 * 124: a discriminator frame with all 5-bit counts at 31."""
MAX_HITS = 22
"""Most timed hits that the TriP pipeline can hold."""
EVENT_COUNT_MODULUS = 1 << 14
"""Boards count events in 14 bits."""
MAX_BLOCK_BYTES = 65_535
"""A chain block is passed on with a 16-bit length."""

RUN_HEADER_MAGIC = bytes.fromhex("01ECCBCB01060000")
DAQ_HEADER_MAGIC = bytes.fromhex("0038CBCB09030000")
SENTINEL_MAGIC = bytes.fromhex("0038CBCB09050000")

TYPE_DISCRIMINATOR = 0x37
TYPE_FPGA = 0x23
ADC_TYPES: tuple[int, ...] = (*range(0x31, 0x37), 0x3E, 0x3F, *range(0x51, 0x60))
"""Byte 5 of ADC frames: memory cells 0-5, 6, 7 and 8-22."""

STATUS_ERRORS = 0x828E
"""Header, CRC, timeout, receive memory full, sequencer, send memory full."""
FRAME_HEALTHY = 0x03
"""Byte 12: CRC and end-header OK."""

DETECTOR_MX2 = 64
NOMINAL_CHAINS = {
    (0, croc, channel): febs
    for croc, per_channel in {
        1: (10, 10, 10, 10),
        2: (9, 9, 9, 9),
        3: (10, 10, 10, 10),
        4: (9, 9, 9, 9),
        5: (6, 6, 6),
        6: (5, 5, 5),
    }.items()
    for channel, febs in enumerate(per_channel)
}
"""Boards by (crate, CROC-E, channel) as Mx2 is configured (raw-format page, section 10)."""

TRIGGER_BY_STREAM: dict[str, frozenset[int]] = {
    "pdstl": frozenset({1}),
    "numib": frozenset({16}),
    "linjc": frozenset({2}),
    "numip": frozenset({16, 1}),
    "numil": frozenset({16, 2}),
}
"""Trigger types that the gates of a stream may have (raw-format page, section 8)."""
MODE_BY_STREAM = {"pdstl": 0, "numib": 1, "linjc": 3, "numip": 4, "numil": 5}
"""Run mode number of the DAQ."""

HEADER_WORDS = np.dtype(
    [
        ("magic", "S8"),
        ("detector", "u1"),
        ("reserved", "u1"),
        ("config", "<u2"),
        ("run", "<u4"),
        ("subrun", "<u4"),
        ("trigger_type", "u1"),
        ("led", "u1"),
        ("n_fpga", "<u2"),
        ("global_gate", "<u8"),
        ("gate", "<u4"),
        ("n_adc", "<u2"),
        ("n_discriminator", "<u2"),
        ("time_us", "<u8"),
        ("error_readout", "<u4"),
        ("sgate", "<u4"),
    ]
)
"""The 56 bytes of a DAQ header or sentinel."""


def source_id(crate: int, croc: int, channel: int, feb: int, hit: int = 0) -> int:
    """Pack a frame address; hit bits 4 and 3 sit at bits 15 and 13."""
    return (
        (hit >> 4 & 1) << 15
        | (crate & 1) << 14
        | (hit >> 3 & 1) << 13
        | (croc & 15) << 9
        | (channel & 3) << 7
        | (feb & 15) << 3
        | (hit & 7)
    )


@dataclass(frozen=True)
class Address:
    """Where a frame comes from."""

    crate: int
    croc: int
    channel: int
    feb: int
    hit: int

    @classmethod
    def of(cls, source: int) -> Address:
        """Unpack a source id."""
        return cls(
            crate=source >> 14 & 1,
            croc=source >> 9 & 15,
            channel=source >> 7 & 3,
            feb=source >> 3 & 15,
            hit=(source >> 15 & 1) << 4 | (source >> 13 & 1) << 3 | source & 7,
        )


CHAIN_MASK = 0x5F80
"""Crate, CROC-E and channel bits of a source id."""


def board_key(crate: int, croc: int, channel: int, feb: int) -> int:
    """Dense 11-bit key of a board: crate, CROC-E, channel, FEB."""
    return crate << 10 | croc << 6 | channel << 4 | feb


def board_key_of(source: npt.NDArray[np.uint16]) -> npt.NDArray[np.int64]:
    """Board keys of source ids; same shape."""
    wide = source.astype(np.int64)
    key: npt.NDArray[np.int64] = (wide >> 14 & 1) << 10 | (wide >> 3 & 0x3FF)
    return key


_AS_MX2 = 0x9000
"""Configuration register of a chain as the DAQ of Mx2 writes it: sequencer, 5-bit hit counts."""


@dataclass(frozen=True)
class Chain:
    """One CROC-E channel of the run header and its configuration register."""

    crate: int
    croc: int
    channel: int
    register: int

    @property
    def febs(self) -> int:
        """Number of boards on the chain."""
        return self.register & 15


@dataclass(frozen=True)
class RunHeader:
    """The chain map that the DAQ wrote at the start of a run.

    Attributes
    ----------
    chains : tuple of Chain
        In the order of the blocks of every gate.
    assumed : bool
        True when the file has no run header and the nominal Mx2 map stands in.
    """

    chains: tuple[Chain, ...]
    assumed: bool = False

    @classmethod
    def parse(cls, data: bytes | npt.NDArray[np.uint8]) -> RunHeader:
        """Read the 492 bytes of a run header.

        Raises
        ------
        ValueError
            If bytes are missing, or the count of words is negative, odd, or larger than the header
            has room for.
        """
        raw = bytes(data)
        if len(raw) != RUN_HEADER_BYTES:
            raise ValueError(f"the run header is cut to {len(raw)} of {RUN_HEADER_BYTES} bytes")
        count = int.from_bytes(raw[8:12], "little", signed=True)
        if not 0 <= count <= 240 or count % 2:
            raise ValueError(f"run header lists {count} words, expected an even number in 0..240")
        words = np.frombuffer(raw, "<u2", count, 12).reshape(-1, 2)
        chains = []
        for source, register in words.tolist():
            address = Address.of(source)
            chains.append(Chain(address.crate, address.croc, address.channel, register))
        return cls(tuple(chains))

    @classmethod
    def nominal(cls, *, assumed: bool = False) -> RunHeader:
        """Return the Mx2 map, with sequencer and 5-bit hit counts on."""
        return cls(
            tuple(Chain(*address, _AS_MX2 | febs) for address, febs in NOMINAL_CHAINS.items()),
            assumed,
        )

    @classmethod
    def of_boards(cls, keys: Iterable[int], *, assumed: bool = True) -> RunHeader:
        """Make a map that has these boards; FEB addresses count from 1 on each chain."""
        febs: dict[tuple[int, int, int], int] = {}
        for key in keys:
            chain = (key >> 10, key >> 6 & 15, key >> 4 & 3)
            febs[chain] = max(febs.get(chain, 0), key & 15)
        return cls(
            tuple(Chain(*address, _AS_MX2 | febs[address]) for address in sorted(febs)), assumed
        )

    @property
    def febs(self) -> int:
        """Number of boards on all chains."""
        return sum(chain.febs for chain in self.chains)

    @property
    def is_nominal(self) -> bool:
        """True if chains and board counts are those of Mx2."""
        return {(c.crate, c.croc, c.channel): c.febs for c in self.chains} == NOMINAL_CHAINS

    def board_keys(self) -> npt.NDArray[np.int32]:
        """Key of every expected board, in block order; shape (n_febs,)."""
        keys = [
            board_key(chain.crate, chain.croc, chain.channel, feb)
            for chain in self.chains
            for feb in range(1, chain.febs + 1)
        ]
        return np.array(keys, np.int32)

    def encode(self) -> bytes:
        """Return the 492 bytes of the run header."""
        words = np.zeros(240, "<u2")
        for number, chain in enumerate(self.chains):
            words[2 * number] = source_id(chain.crate, chain.croc, chain.channel, 0)
            words[2 * number + 1] = chain.register
        return (
            RUN_HEADER_MAGIC
            + (2 * len(self.chains)).to_bytes(4, "little", signed=True)
            + words.tobytes()
        )
