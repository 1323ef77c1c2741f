"""Decoded gates back to the bytes of a raw file (raw-format page, section 12)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import UsageError
from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.raw.encode_kernels import put_chain
from mx2prod.raw.layout import (
    ADC_TYPES,
    DAQ_HEADER_BYTES,
    DAQ_HEADER_MAGIC,
    HEADER_WORDS,
    MAX_BLOCK_BYTES,
    MAX_HITS,
    SENTINEL_MAGIC,
    RunHeader,
)

_Columns = npt.NDArray[np.void]
MAX_ADC = 4095


def cell_type(hit: int, n_timed: int, firmware: int = 97) -> int:
    """Byte 5 of an ADC frame: memory cell of hit ``hit`` of 0..N.

    Cells are used from the deepest: 22 - (N - hit), or 7 - (N - hit) for firmware 91
    (raw-format page, section 3).
    """
    return int(cell_types(np.array([hit]), np.array([n_timed]), firmware)[0])


def cell_types(
    hit: npt.NDArray[np.integer], n_timed: npt.NDArray[np.integer], firmware: int = 97
) -> npt.NDArray[np.uint8]:
    """Byte 5 of many ADC frames; see :func:`cell_type`."""
    deepest = 22 if firmware >= 95 else 7
    types = np.array(ADC_TYPES, np.uint8)
    return np.asarray(types[deepest - (n_timed - hit)])


def encode(
    header: RunHeader, chunks: Iterable[GateChunk], *, allow_wrap: bool = False
) -> Iterator[bytes]:
    """Yield the bytes of a raw file piece by piece: run header, gates, sentinel.

    The sentinel is a copy of the last DAQ header; without any gate it has zeros.

    Parameters
    ----------
    header : RunHeader
        Chain map of the file.
    chunks : iterable of GateChunk
        Boards of a gate stand in the order of the run header.
    allow_wrap : bool
        Write a chain block of 64 KiB or more as the DAQ does: its length modulo 65536 bytes.

    Raises
    ------
    UsageError
        If a hit count is above 22, an ADC value above 4095, a timed hit lacks its frame, or a
        chain block is longer than 65,535 bytes.
    """
    yield header.encode()
    last = bytes(DAQ_HEADER_BYTES - 8)
    for chunk in chunks:
        check_encodable(chunk)
        for gate in range(len(chunk)):
            yield from _gate_blocks(chunk, gate, allow_wrap=allow_wrap)
            last = header_words(chunk.gates[gate])
            yield DAQ_HEADER_MAGIC + last
    yield SENTINEL_MAGIC + last


def check_encodable(chunk: GateChunk) -> None:
    """Refuse content that the format cannot hold (see :func:`encode`)."""
    febs = chunk.febs
    silent = (febs["flags"] & (FebFlag.ABSENT | FebFlag.NO_ANSWER)) != 0
    for row in np.flatnonzero(febs["n_timed"] > MAX_HITS):
        found = int(febs["n_timed"][row])
        raise UsageError(f"{_board(febs[row])}: {found} timed hits, at most {MAX_HITS} fit")
    if chunk.adc.size and int(chunk.adc.max()) > MAX_ADC:
        frame, trip, channel = np.argwhere(chunk.adc > MAX_ADC)[0].tolist()
        board = _board(febs[chunk.adc_frames["feb"][frame]])
        value = int(chunk.adc[frame, trip, channel])
        raise UsageError(f"{board} TriP {trip} channel {channel}: ADC {value} is above {MAX_ADC}")
    frames = febs["n_adc"].astype(np.int64)
    for row in np.flatnonzero(~silent & (frames != febs["n_timed"].astype(np.int64) + 1)):
        raise UsageError(
            f"{_board(febs[row])}: {frames[row]} ADC frames, expected {febs['n_timed'][row] + 1}"
        )


def header_words(gate: np.void) -> bytes:
    """Return the 48 bytes after the magic of the DAQ header of a gate."""
    words = np.zeros(1, HEADER_WORDS)
    for name in ("detector", "config", "run", "subrun", "trigger_type", "global_gate", "gate"):
        words[name] = gate[name]
    words["led"] = gate["led_level"] | gate["led_group"]
    words["n_fpga"], words["n_adc"] = gate["n_fpga_header"], gate["n_adc_header"]
    words["n_discriminator"] = gate["n_discriminator_header"]
    words["time_us"], words["sgate"] = gate["time_us"], gate["sgate"]
    words["error_readout"] = int(gate["error"]) << 4 | int(gate["readout_us"]) << 8
    return words.tobytes()[8:]


def chain_rows(chunk: GateChunk, gate: int) -> Iterator[tuple[int, int]]:
    """Yield the first row of the boards of each chain of a gate, and the row after its last.

    Parameters
    ----------
    chunk : GateChunk
    gate : int
        Row of the gate in ``chunk.gates``.
    """
    first = int(chunk.gates["first_feb"][gate])
    stop = first + int(chunk.gates["n_febs"][gate])
    febs = chunk.febs[first:stop]
    chain = febs["crate"].astype(int) << 8 | febs["croc"].astype(int) << 2 | febs["chain"]
    edges = np.flatnonzero(np.diff(chain)) + 1
    bounds = [first, *(first + edges).tolist(), stop] if stop > first else []
    yield from pairwise(bounds)


def _gate_blocks(chunk: GateChunk, gate: int, *, allow_wrap: bool) -> Iterator[bytes]:
    for begin, end in chain_rows(chunk, gate):
        block = _block(chunk, begin, end)
        if len(block) > MAX_BLOCK_BYTES and not allow_wrap:
            raise UsageError(
                f"gate {chunk.gates['gate'][gate]} {_board(chunk.febs[begin])}: chain block of "
                f"{len(block)} bytes, at most {MAX_BLOCK_BYTES} can be written"
            )
        yield block[: len(block) % (MAX_BLOCK_BYTES + 1)]


def _block(chunk: GateChunk, begin: int, end: int) -> bytes:
    out = np.empty(_block_bytes(chunk.febs[begin:end]), np.uint8)
    adc = chunk.adc.reshape(len(chunk.adc), -1)
    stop = put_chain(
        out,
        0,
        begin,
        end,
        chunk.febs,
        chunk.records,
        chunk.adc_frames,
        adc,
        chunk.registers,
    )
    return out[:stop].tobytes()


def _block_bytes(febs: _Columns) -> int:
    """Bytes that are enough for the chain block of some boards."""
    records, frames = int(febs["n_records"].sum()), int(febs["n_adc"].sum())
    return len(febs) * (80 + 27) + 40 * records + 455 * frames


def _board(feb: np.void) -> str:
    return f"crate {feb['crate']} CROC-E {feb['croc']} channel {feb['chain']} FEB {feb['board']}"
