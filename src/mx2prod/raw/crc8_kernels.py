"""CRC-8 of front-end frames: polynomial 0x07, most significant bit first, at 16 bytes a step.

The polynomial x^8 + x^2 + x + 1 is (x + 1) times a primitive polynomial of degree 7, so x has order
127: x^128 = x (mod P).  A message is therefore summed in steps of 128 bits by rotating the sum left
by one bit, and only the last 128 bits go through tables.  Source of the CRC: raw-format page,
section 3; the order of x is checked in the tests.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from llvmlite import ir
from numba import njit, types, uint8, uint16, uint64
from numba.core import cgutils
from numba.extending import intrinsic

POLYNOMIAL = 0x07
START = 0xFF

BYTES = types.Array(uint8, 1, "C", readonly=True)
"""Numba type of a read-only byte buffer; a writable one is accepted too."""


def _byte_table() -> npt.NDArray[np.uint8]:
    table = np.zeros(256, np.uint8)
    for value in range(256):
        crc = value
        for _ in range(8):
            crc = (crc << 1 ^ POLYNOMIAL) & 0xFF if crc & 0x80 else crc << 1
        table[value] = crc
    return table


def _position_tables() -> npt.NDArray[np.uint8]:
    """Contribution of byte k of a 16-byte word to its CRC; shape (16, 256)."""
    tables = np.zeros((16, 256), np.uint8)
    tables[15] = BYTE_TABLE
    for position in range(14, -1, -1):
        tables[position] = BYTE_TABLE[tables[position + 1]]
    return tables


BYTE_TABLE = _byte_table()
POSITION_TABLES = _position_tables()


def _loader(bits: int) -> Any:
    """Make an intrinsic that loads an unaligned little-endian word from a byte buffer."""

    @intrinsic
    def load(typingctx: Any, buffer: Any, position: Any) -> Any:
        result = {16: uint16, 64: uint64}[bits]

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            array = cgutils.create_struct_proxy(signature.args[0])(context, builder, args[0])
            byte = builder.gep(array.data, [args[1]])
            word = builder.bitcast(byte, ir.PointerType(ir.IntType(bits)))
            value = builder.load(word)
            value.align = 1
            return value

        return result(buffer, types.intp), codegen

    return load


load_u16 = _loader(16)
load_u64 = _loader(64)


@intrinsic
def swap_u64(typingctx: Any, value: Any) -> Any:
    """Reverse the bytes of a 64-bit word."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.bswap(args[0])

    return uint64(uint64), codegen


@njit(uint8(BYTES, types.intp, types.intp, uint8), nogil=True, cache=True)
def crc8_bytewise(buffer: Any, start: int, stop: int, crc: int) -> Any:
    """CRC-8 one byte a step, for the first 16 bytes of a buffer."""
    for position in range(start, stop):
        crc = BYTE_TABLE[crc ^ buffer[position]]
    return crc


@njit(uint8(BYTES, types.intp, types.intp, uint8), nogil=True, cache=True)
def crc8(buffer: Any, start: int, stop: int, crc: int) -> Any:
    """Continue a CRC-8 over ``buffer[start:stop]``.

    Parameters
    ----------
    buffer : ndarray of uint8, shape (n,)
    start, stop : int
        Byte range.
    crc : int
        Value so far; 0xFF to start a frame.
    """
    count = stop - start
    if count <= 0:
        return crc
    head = count % 16
    if head == 0:
        head = 16
    if start + head < 16:
        return crc8_bytewise(buffer, start, stop, crc)
    position = start + head - 16
    high = swap_u64(load_u64(buffer, position))
    low = swap_u64(load_u64(buffer, position + 8))
    first = uint64(crc)
    if head <= 8:
        high = uint64(0)
        if head < 8:
            low &= (uint64(1) << uint64(8 * head)) - uint64(1)
        low ^= first << uint64(8 * (head - 1))
    else:
        if head < 16:
            high &= (uint64(1) << uint64(8 * (head - 8))) - uint64(1)
        high ^= first << uint64(8 * (head - 9))
    position += 16
    one = uint64(1)
    while position < stop:
        carry = high >> uint64(63)
        high = (high << one | low >> uint64(63)) ^ swap_u64(load_u64(buffer, position))
        low = (low << one) ^ (carry << one) ^ swap_u64(load_u64(buffer, position + 8))
        position += 16
    result = uint8(0)
    for byte in range(8):
        shift = uint64(56 - 8 * byte)
        result ^= POSITION_TABLES[byte, (high >> shift) & uint64(0xFF)]
        result ^= POSITION_TABLES[byte + 8, (low >> shift) & uint64(0xFF)]
    return result


@njit(types.boolean(BYTES, types.intp, types.intp), nogil=True, cache=True)
def frame_crc_is_good(buffer: Any, start: int, length: int) -> Any:
    """Check both CRC bytes of the front-end frame at ``buffer[start:start + length]``.

    The second CRC goes over the 10 bytes of the frame header, one table look-up each.
    """
    end = start + length
    crc = crc8(buffer, start + 10, end - 2, START)
    if crc != buffer[end - 2]:
        return False
    total = POSITION_TABLES[6, crc ^ buffer[start]]
    for byte in range(1, 10):
        total ^= POSITION_TABLES[6 + byte, buffer[start + byte]]
    return total == buffer[end - 1]
