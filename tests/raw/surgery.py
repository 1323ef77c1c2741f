"""Cut and stitch raw files for tests, with the plain CRC."""

from __future__ import annotations

from dataclasses import dataclass

from tests.raw.plain_decoder import crc8

RUN_HEADER = 492
DAQ_HEADER = 56


@dataclass(frozen=True)
class Piece:
    """One frame of a well-formed file."""

    offset: int
    data: bytes

    @property
    def kind(self) -> str:
        """Frame type in a word."""
        if self.data[2:4] == b"\xcb\xcb":
            return {3: "header", 5: "sentinel", 6: "run"}[self.data[5]]
        return {0x37: "discriminator", 0x23: "fpga"}.get(self.data[5], "adc")


def pieces(data: bytes) -> list[Piece]:
    """Walk a well-formed file by its lengths."""
    found = []
    position = 0
    while position < len(data):
        length = int.from_bytes(data[position : position + 2], "big")
        if data[position + 2 : position + 6] == b"\xcb\xcb\x01\x06":
            length = RUN_HEADER
        found.append(Piece(position, data[position : position + length]))
        position += length
    return found


def gates_of(data: bytes) -> list[bytes]:
    """Bytes of each gate, its DAQ header included."""
    found, current = [], b""
    for piece in pieces(data)[1:]:
        if piece.kind == "sentinel":
            break
        current += piece.data
        if piece.kind == "header":
            found.append(current)
            current = b""
    return found


def seal(frame: bytes) -> bytes:
    """Compute both CRC bytes of a front-end frame again."""
    first = crc8(frame[10:-2], 0xFF)
    return frame[:-2] + bytes([first, crc8(frame[:10], first)])


def patch(data: bytes, offset: int, new: bytes) -> bytes:
    """Replace bytes in place."""
    return data[:offset] + new + data[offset + len(new) :]
