"""Frames without loss: taken apart into fields, put together again (raw-format page, section 12).

Lengths and CRC bytes are not kept but computed again; what deviates from the computed value is kept
as a difference.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types, uint16

from mx2prod.raw.columns import RECORD_DTYPE
from mx2prod.raw.crc8_kernels import BYTES, load_u16
from mx2prod.raw.decode_kernels import RECORDS, read_record
from mx2prod.raw.encode_kernels import OUT, put_record, put_u16_be, put_u16_le, seal
from mx2prod.raw.framing_kernels import ADC, DISCRIMINATOR, FPGA, FRAMES, NIBBLES, OPAQUE, PAIRED

MODEL_DTYPE = np.dtype(
    [
        ("kind", "u1"),
        ("version", "u1"),
        ("type", "u1"),
        ("source", "<u2"),
        ("status", "<u2"),
        ("middle", "u1", (9,)),  # bytes 10 to 18
        ("counts", "u1", (4,)),  # hit count bytes of a discriminator frame
        ("n_counts", "u1"),
        ("lead", "u1"),  # byte 19 of ADC and discriminator frames
        ("tail", "u1"),  # last byte before the CRC
        ("crc_difference", "u1", (2,)),  # stored CRC bytes xor computed ones
        ("first", "<i8"),  # first row in words, records or data
        ("count", "<i8"),
    ]
)
"""One frame.  One that would not come out as its own bytes is kind OPAQUE, its bytes in data."""
MODEL = types.Array(numba.from_dtype(MODEL_DTYPE), 1, "C")
WORDS = types.Array(uint16, 1, "C")

_SHORT_ADC, _LONG_ADC = 453, 455


@njit(nogil=True)
def _length_of(model: Any, row: int) -> Any:
    frame = model[row]
    kind = frame["kind"]
    if kind == ADC:
        return _LONG_ADC if frame["count"] == 216 else _SHORT_ADC
    if kind == FPGA:
        return 21 + frame["count"]
    if kind == DISCRIMINATOR:
        return 23 + types.intp(frame["n_counts"]) + 40 * frame["count"]
    return frame["count"]


@njit(nogil=True)
def put_frame(
    out: Any, position: int, model: Any, row: int, words: Any, records: Any, data: Any
) -> Any:
    """Write one frame; return its length."""
    frame = model[row]
    kind = frame["kind"]
    length = _length_of(model, row)
    first, count = frame["first"], frame["count"]
    if kind == OPAQUE:
        out[position : position + length] = data[first : first + count]
        return length
    put_u16_be(out, position, length)
    put_u16_be(out, position + 2, frame["status"])
    out[position + 4] = frame["version"]
    out[position + 5] = frame["type"]
    put_u16_be(out, position + 6, frame["source"])
    put_u16_be(out, position + 8, length)
    for byte in range(9):
        out[position + 10 + byte] = frame["middle"][byte]
    place = position + 19
    if kind == FPGA:
        out[place : place + count] = data[first : first + count]
    else:
        out[place] = frame["lead"]
        place += 1
        if kind == ADC:
            for word in range(count):
                put_u16_le(out, place + 2 * word, words[first + word])
        else:
            for byte in range(frame["n_counts"]):
                out[place + byte] = frame["counts"][byte]
            place += frame["n_counts"]
            for number in range(count):
                put_record(out, place + 40 * number, records, first + number)
        out[position + length - 3] = frame["tail"]
    seal(out, position, length)
    out[position + length - 2] ^= frame["crc_difference"][0]
    out[position + length - 1] ^= frame["crc_difference"][1]
    return length


@njit(nogil=True)
def _take_frame(
    buffer: Any, frames: Any, row: int, model: Any, words: Any, records: Any, data: Any, used: Any
) -> Any:
    """Fill one row of the model; return the next free rows of words, records and data."""
    n_words, n_records, n_data = used
    frame, offset, length = model[row], frames[row]["offset"], frames[row]["length"]
    kind = frames[row]["kind"]
    if kind != ADC and kind != DISCRIMINATOR and kind != FPGA:
        frame["kind"], frame["first"], frame["count"] = OPAQUE, n_data, length
        data[n_data : n_data + length] = buffer[offset : offset + length]
        return n_words, n_records, n_data + length
    frame["kind"] = kind
    frame["version"], frame["type"] = buffer[offset + 4], buffer[offset + 5]
    frame["status"], frame["source"] = frames[row]["status"], frames[row]["source"]
    for byte in range(9):
        frame["middle"][byte] = buffer[offset + 10 + byte]
    frame["lead"], frame["tail"] = buffer[offset + 19], buffer[offset + length - 3]
    frame["crc_difference"][0] = 0
    frame["crc_difference"][1] = 0
    if kind == FPGA:
        frame["first"], frame["count"] = n_data, length - 21
        data[n_data : n_data + length - 21] = buffer[offset + 19 : offset + length - 2]
        return n_words, n_records, n_data + length - 21
    if kind == ADC:
        count = 216 if length == _LONG_ADC else 215
        frame["first"], frame["count"] = n_words, count
        for word in range(count):
            words[n_words + word] = load_u16(buffer, offset + 20 + 2 * word)
        return n_words + count, n_records, n_data
    n_counts = 2 if frames[row]["flags"] & (PAIRED | NIBBLES) else 4
    frame["n_counts"] = n_counts
    for byte in range(n_counts):
        frame["counts"][byte] = buffer[offset + 20 + byte]
    count = (length - 23 - n_counts) // 40
    frame["first"], frame["count"] = n_records, count
    for number in range(count):
        read_record(buffer, offset + 20 + n_counts + 40 * number, records, n_records + number)
    return n_words, n_records + count, n_data


@njit(
    types.UniTuple(types.intp, 3)(BYTES, FRAMES, MODEL, WORDS, RECORDS, OUT),
    nogil=True,
    cache=True,
)
def take_apart(buffer: Any, frames: Any, model: Any, words: Any, records: Any, data: Any) -> Any:
    """Fill the model of all frames.

    Each frame is put together again at once; a difference in the CRC bytes is kept as such, any
    other difference makes the frame opaque.

    Parameters
    ----------
    buffer : ndarray of uint8
    frames : ndarray of FRAME_DTYPE, shape (n,)
    model : ndarray of MODEL_DTYPE, shape (n,)
    words, records, data : ndarray of uint16, RECORD_DTYPE, uint8
        Large enough for all frames; filled.

    Returns
    -------
    tuple of int
        Rows used of words, records and data.
    """
    scratch = np.zeros(8192, np.uint8)
    used = (0, 0, 0)
    for row in range(frames.size):
        after = _take_frame(buffer, frames, row, model, words, records, data, used)
        if model[row]["kind"] != OPAQUE:
            offset, length = frames[row]["offset"], frames[row]["length"]
            put_frame(scratch, 16, model, row, words, records, data)
            same = True
            for byte in range(length - 2):
                same &= scratch[16 + byte] == buffer[offset + byte]
            if same:
                for byte in range(2):
                    place = length - 2 + byte
                    model[row]["crc_difference"][byte] = (
                        scratch[16 + place] ^ buffer[offset + place]
                    )
            else:
                frames[row]["kind"] = OPAQUE
                after = _take_frame(buffer, frames, row, model, words, records, data, used)
        used = after
    return used


@njit(types.intp(OUT, MODEL, WORDS, RECORDS, OUT), nogil=True, cache=True)
def put_together(out: Any, model: Any, words: Any, records: Any, data: Any) -> Any:
    """Write all frames of a model one after the other; return the number of bytes."""
    position = 16
    for row in range(model.size):
        position += put_frame(out, position, model, row, words, records, data)
    return position - 16


__all__ = ["MODEL_DTYPE", "RECORD_DTYPE", "put_together", "take_apart"]
