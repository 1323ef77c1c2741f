"""Walk a raw file frame by frame, check every CRC, group frames into gates, resynchronise.

Source of the rules: raw-format page, section 11 (framing rule 1 to 5), sections 2 to 4.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types, uint16, uint32

from mx2prod.raw.crc8_kernels import BYTES, frame_crc_is_good, load_u16, load_u64
from mx2prod.raw.layout import (
    ADC_TYPES,
    DAQ_HEADER_BYTES,
    DAQ_HEADER_MAGIC,
    MAX_FRAME_BYTES,
    MAX_HITS,
    MIN_FRAME_BYTES,
    RUN_HEADER_BYTES,
    RUN_HEADER_MAGIC,
    SENTINEL_MAGIC,
    STATUS_ERRORS,
    TYPE_DISCRIMINATOR,
    TYPE_FPGA,
)

DISCRIMINATOR, ADC, FPGA, OPAQUE, DAQ_HEADER, SENTINEL, RUN_HEADER, LOST = range(8)
"""Kinds of rows of the frame table; OPAQUE frames are whole but not decoded."""

CRC_BAD, STATUS_BAD, NO_ANSWER, FIRMWARE_LENGTH, UNKNOWN, MALFORMED, MANY_HITS, PAIRED, NIBBLES = (
    1 << bit for bit in range(9)
)
"""Bits of ``flags`` of a front-end frame; PAIRED and NIBBLES tell how hit counts are stored."""

BY_HEADER, BY_REPEAT, BY_SENTINEL, BY_RUN_HEADER, BY_END = range(5)
"""What closed a group of frames; only a group closed by a DAQ header is a gate."""

GROUP_LOST, GROUP_DAMAGED = 1, 2
"""Bits of ``flags`` of a group: bytes lost inside; frames with bad CRC, unknown or malformed."""

AT_END, AT_RUN_HEADER, AT_BUDGET, AT_CAPACITY = range(4)
"""Why a walk stopped."""

FRAME_DTYPE = np.dtype(
    [
        ("offset", "<i8"),
        ("length", "<i8"),
        ("group", "<i4"),
        ("feb", "<i4"),
        ("source", "<u2"),
        ("status", "<u2"),
        ("flags", "<u2"),
        ("kind", "u1"),
        ("type", "u1"),
    ]
)
GROUP_DTYPE = np.dtype(
    [
        ("begin", "<i8"),
        ("end", "<i8"),
        ("header_offset", "<i8"),
        ("first_frame", "<i8"),
        ("n_frames", "<i8"),
        ("closed_by", "u1"),
        ("flags", "u1"),
    ]
)
FRAMES = types.Array(numba.from_dtype(FRAME_DTYPE), 1, "C")
GROUPS = types.Array(numba.from_dtype(GROUP_DTYPE), 1, "C")

_DAQ_WORD = np.uint64(int.from_bytes(DAQ_HEADER_MAGIC, "little"))
_SENTINEL_WORD = np.uint64(int.from_bytes(SENTINEL_MAGIC, "little"))
_RUN_WORD = np.uint64(int.from_bytes(RUN_HEADER_MAGIC, "little"))
_LOOK_AHEAD = 64


def _type_classes() -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Return a dense number 1..25 of each legal byte 5; 0 for any other."""
    classes = np.zeros(256, np.uint8)
    for number, frame_type in enumerate((TYPE_DISCRIMINATOR, TYPE_FPGA, *ADC_TYPES)):
        classes[frame_type] = number + 1
    return classes


TYPE_CLASS = _type_classes()
N_STAMPS = (len(ADC_TYPES) + 3) * 65536
"""Size of the table that remembers which (type, source id) the open group has."""


@njit(types.intp(BYTES, types.intp, types.intp), nogil=True, cache=True)
def software_frame(buffer: Any, position: int, size: int) -> Any:
    """Kind of the whole software frame at a position, or OPAQUE if there is none."""
    if position + DAQ_HEADER_BYTES > size:
        return OPAQUE
    word = load_u64(buffer, position)
    if word == _DAQ_WORD:
        return DAQ_HEADER
    if word == _SENTINEL_WORD:
        return SENTINEL
    if word == _RUN_WORD and position + RUN_HEADER_BYTES <= size:
        return RUN_HEADER
    return OPAQUE


@njit(nogil=True)
def feb_frame_length(buffer: Any, position: int, size: int) -> Any:
    """Length of the front-end frame at a position; 0 if both length fields do not make one."""
    if position + MIN_FRAME_BYTES > size:
        return 0
    stored = load_u16(buffer, position)
    if stored != load_u16(buffer, position + 8):
        return 0
    length = types.intp((stored & 0xFF) << 8 | stored >> 8)
    if length < MIN_FRAME_BYTES or length > MAX_FRAME_BYTES or position + length > size:
        return 0
    return length


@njit(types.intp(BYTES, types.intp, types.intp), nogil=True, cache=True)
def resynchronise(buffer: Any, position: int, size: int) -> Any:
    """Rule 4: first position of a software frame or a CRC-good frame; ``size`` if there is none.

    The frame must be of a known type too: 16 bits of CRC fit by chance somewhere in a gigabyte.
    """
    while position + MIN_FRAME_BYTES <= size:
        if software_frame(buffer, position, size) != OPAQUE:
            return position
        length = feb_frame_length(buffer, position, size)
        legal = length > 0 and TYPE_CLASS[buffer[position + 5]] != 0
        if legal and frame_crc_is_good(buffer, position, length):
            return position
        position += 1
    return size


@njit(nogil=True)
def _leads_to_good_frame(buffer: Any, position: int, length: int, size: int) -> Any:
    """Rule 3: tell whether stepping by lengths from a frame with bad CRC reaches a good one.

    A frame inside of which a good one begins is cut, and its length says nothing.
    """
    end = position + length
    if resynchronise(buffer, position + 1, min(size, end + MAX_FRAME_BYTES)) < end:
        return False
    for _ in range(_LOOK_AHEAD):
        if TYPE_CLASS[buffer[position + 5]] == 0:
            return False
        position += length
        if position == size or software_frame(buffer, position, size) != OPAQUE:
            return True
        length = feb_frame_length(buffer, position, size)
        if length == 0:
            return False
        if frame_crc_is_good(buffer, position, length):
            return True
    return False


@njit(nogil=True)
def _end_of_header(buffer: Any, position: int, size: int) -> Any:
    """End of the DAQ header or sentinel at a position; sooner if bytes are missing in it.

    A software frame has no CRC.  When no good frame follows it, but one begins inside it, it is
    cut, and taking its full length would spoil the first frame of the next gate.
    """
    end = position + DAQ_HEADER_BYTES
    if end == size or software_frame(buffer, end, size) != OPAQUE:
        return end
    length = feb_frame_length(buffer, end, size)
    if length > 0 and frame_crc_is_good(buffer, end, length):
        return end
    return min(end, resynchronise(buffer, position + 8, min(size, end + MAX_FRAME_BYTES)))


@njit(nogil=True)
def _discriminator_flags(buffer: Any, position: int, length: int) -> Any:
    """Read the hit counts of a discriminator frame and check length and records."""
    d1, d2 = types.intp(buffer[position + 20]), types.intp(buffer[position + 21])
    first = position + 22
    nibbles = (d1 & 15) + (d1 >> 4) + (d2 & 15) + (d2 >> 4)
    flags = 0
    if buffer[position + 4] == 91 and length == 25 + 40 * nibbles:
        flags |= NIBBLES
        largest = max(d1 & 15, d1 >> 4, d2 & 15, d2 >> 4)
        count = nibbles
    elif d2 & 0x80 and length >= 27:
        d3, d4 = types.intp(buffer[position + 22]), types.intp(buffer[position + 23])
        first = position + 24
        count = (d1 & 31) + (d2 & 31) + (d3 & 31) + (d4 & 31)
        largest = max(d1 & 31, d2 & 31, d3 & 31, d4 & 31)
        if not d4 & 0x80 or length != 27 + 40 * count:
            return MALFORMED
    else:
        flags |= PAIRED
        count = 2 * ((d1 & 31) + (d2 & 31))
        largest = max(d1 & 31, d2 & 31)
        if d2 & 0x80 or length != 25 + 40 * count:
            if length != 25 + 40 * nibbles:
                return MALFORMED
            flags = NIBBLES | FIRMWARE_LENGTH
            largest = max(d1 & 15, d1 >> 4, d2 & 15, d2 >> 4)
            count = nibbles
    for record in range(count):
        start = first + 40 * record
        dropped = uint16(0)
        for tick in range(15):
            dropped |= load_u16(buffer, start + 2 * tick) & ~load_u16(buffer, start + 2 * tick + 2)
        if dropped != 0:
            return MALFORMED
    if largest > MAX_HITS:
        flags |= MANY_HITS
    return flags


@njit(nogil=True)
def _content_flags(buffer: Any, position: int, length: int) -> Any:
    """Legality of a front-end frame: type, status bits, content, firmware against length."""
    status = types.intp(buffer[position + 2]) << 8 | buffer[position + 3]
    flags = 0
    frame_type = buffer[position + 5]
    if TYPE_CLASS[frame_type] == 0:
        flags |= UNKNOWN
    elif length == MIN_FRAME_BYTES:
        if not buffer[position + 10] & 0x80:
            return NO_ANSWER
        flags |= MALFORMED
    elif frame_type == TYPE_DISCRIMINATOR:
        flags |= _discriminator_flags(buffer, position, length)
    else:
        firmware = buffer[position + 4]
        if frame_type == TYPE_FPGA:
            legal, expected = length == 76 or length == 80, 80 if firmware >= 96 else 76
        else:
            legal, expected = length == 453 or length == 455, 455 if firmware >= 95 else 453
        if not legal:
            flags |= MALFORMED
        elif length != expected:
            flags |= FIRMWARE_LENGTH
    if status & STATUS_ERRORS or buffer[position + 12] != 3:
        flags |= STATUS_BAD
    return flags


@njit(nogil=True)
def _kind_of(frame_type: int, flags: int) -> Any:
    if flags & (UNKNOWN | MALFORMED | NO_ANSWER):
        return OPAQUE
    if frame_type == TYPE_DISCRIMINATOR:
        return DISCRIMINATOR
    return FPGA if frame_type == TYPE_FPGA else ADC


@njit(nogil=True)
def _put(frames: Any, row: int, offset: int, length: int, kind: int, group: int) -> None:
    frame = frames[row]
    frame["offset"] = offset
    frame["length"] = length
    frame["group"] = group
    frame["feb"] = -1
    frame["source"] = 0
    frame["status"] = 0
    frame["flags"] = 0
    frame["kind"] = kind
    frame["type"] = 0


@njit(nogil=True)
def _close(
    groups: Any,
    row: int,
    begin: int,
    end: int,
    header_offset: int,
    first_frame: int,
    n_frames: int,
    closed_by: int,
) -> None:
    group = groups[row]
    group["begin"] = begin
    group["end"] = end
    group["header_offset"] = header_offset
    group["first_frame"] = first_frame
    group["n_frames"] = n_frames - first_frame
    group["closed_by"] = closed_by


@njit(
    types.UniTuple(types.intp, 4)(
        BYTES,
        types.intp,
        types.intp,
        types.intp,
        FRAMES,
        GROUPS,
        types.Array(uint32, 1, "C"),
        uint32,
    ),
    nogil=True,
    cache=True,
)
def walk(
    buffer: Any,
    start: int,
    size: int,
    budget: int,
    frames: Any,
    groups: Any,
    stamps: Any,
    serial: int,
) -> Any:
    """Walk whole groups of frames from ``start``.

    Parameters
    ----------
    buffer : ndarray of uint8, shape (size,)
    start : int
        Position of the first frame; the beginning of a group.
    size : int
        End of the file.
    budget : int
        Stop at the first DAQ header that ends more than this many bytes after ``start``.
    frames, groups : ndarray of FRAME_DTYPE, GROUP_DTYPE
        Filled; a capacity that does not suffice ends the walk at the last closed group.
    stamps : ndarray of uint32, shape (N_STAMPS,)
        ``stamps[type, source] == serial`` says that the open group has such a frame.
    serial : int
        Larger than any value in ``stamps``; one more is used up for each group.

    Returns
    -------
    tuple of int
        Rows of frames, rows of groups, position to go on from, reason (``AT_...``).
    """
    n_frames = 0
    n_groups = 0
    position = start
    begin = start
    first_frame = 0
    flags = 0
    n_feb_frames = 0
    reason = AT_END
    while position < size:
        if n_frames + 2 > frames.size or n_groups + 2 > groups.size:
            return first_frame, n_groups, begin, AT_CAPACITY
        kind = software_frame(buffer, position, size)
        if kind in (DAQ_HEADER, SENTINEL):
            found = _end_of_header(buffer, position, size)
            if found < position + DAQ_HEADER_BYTES:
                _put(frames, n_frames, position, found - position, LOST, n_groups)
                n_frames += 1
                flags |= GROUP_LOST
                position = found
                continue
        if kind == OPAQUE:
            length = feb_frame_length(buffer, position, size)
            good = length > 0 and frame_crc_is_good(buffer, position, length)
            if not good and (
                length == 0 or not _leads_to_good_frame(buffer, position, length, size)
            ):
                found = resynchronise(buffer, position + 1, size)
                _put(frames, n_frames, position, found - position, LOST, n_groups)
                n_frames += 1
                flags |= GROUP_LOST
                position = found
                continue
            source = types.intp(buffer[position + 6]) << 8 | buffer[position + 7]
            frame_type = buffer[position + 5]
            content = _content_flags(buffer, position, length)
            if good:
                key = types.intp(TYPE_CLASS[frame_type]) * 65536 + source
                if content & UNKNOWN:
                    key = types.intp(len(ADC_TYPES) + 2) * 65536 + source
                if stamps[key] == serial:
                    _close(groups, n_groups, begin, position, -1, first_frame, n_frames, BY_REPEAT)
                    groups[n_groups]["flags"] = flags
                    n_groups += 1
                    serial += uint32(1)
                    begin, first_frame, flags, n_feb_frames = position, n_frames, 0, 0
                stamps[key] = serial
            else:
                content |= CRC_BAD
            if content & (CRC_BAD | UNKNOWN | MALFORMED):
                flags |= GROUP_DAMAGED
            _put(frames, n_frames, position, length, _kind_of(frame_type, content), n_groups)
            frames[n_frames]["source"] = source
            frames[n_frames]["status"] = (
                types.intp(buffer[position + 2]) << 8 | buffer[position + 3]
            )
            frames[n_frames]["flags"] = content
            frames[n_frames]["type"] = frame_type
            n_frames += 1
            n_feb_frames += 1
            position += length
        elif kind == DAQ_HEADER:
            _put(frames, n_frames, position, DAQ_HEADER_BYTES, kind, n_groups)
            n_frames += 1
            end = position + DAQ_HEADER_BYTES
            _close(groups, n_groups, begin, end, position, first_frame, n_frames, BY_HEADER)
            groups[n_groups]["flags"] = flags
            n_groups += 1
            serial += uint32(1)
            position = end
            begin, first_frame, flags, n_feb_frames = position, n_frames, 0, 0
            if position - start >= budget:
                reason = AT_BUDGET
                break
        else:
            if n_feb_frames > 0:
                why = BY_SENTINEL if kind == SENTINEL else BY_RUN_HEADER
                _close(groups, n_groups, begin, position, -1, first_frame, n_frames, why)
                groups[n_groups]["flags"] = flags
                n_groups += 1
                serial += uint32(1)
            if kind == RUN_HEADER:
                return n_frames, n_groups, position, AT_RUN_HEADER
            _put(frames, n_frames, position, DAQ_HEADER_BYTES, kind, -1)
            n_frames += 1
            position += DAQ_HEADER_BYTES
            begin, first_frame, flags, n_feb_frames = position, n_frames, 0, 0
    if reason == AT_END and n_feb_frames > 0:
        _close(groups, n_groups, begin, position, -1, first_frame, n_frames, BY_END)
        groups[n_groups]["flags"] = flags
        n_groups += 1
    return n_frames, n_groups, position, reason
