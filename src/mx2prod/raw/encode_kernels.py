"""Write the front-end frames of decoded gates.

Source: raw-format page, sections 2 to 6 (layout) and 12 (what the encoder fills in).
"""

from __future__ import annotations

from typing import Any

from numba import njit, types, uint8, uint16

from mx2prod.raw.columns import FebFlag
from mx2prod.raw.crc8_kernels import START, crc8
from mx2prod.raw.decode_kernels import ADC_FRAMES, FEBS, RECORDS
from mx2prod.raw.layout import ADC_TYPES, MIN_FRAME_BYTES, TYPE_DISCRIMINATOR, TYPE_FPGA

OUT = types.Array(uint8, 1, "C")

_STATUS_FRAME = 0x5010
_STATUS_DISCRIMINATOR = 0x5011
_STATUS_LAST = 0x5410
_INDEPENDENT = FebFlag.INDEPENDENT_PUSH.value
_ABSENT = FebFlag.ABSENT.value
_NO_ANSWER = FebFlag.NO_ANSWER.value
_FAULTY = FebFlag.STATUS.value
_DEEPEST_CELL = ADC_TYPES[-1]
_TIMEOUT = 0x0008
"""Error bit that the frames of a board with FebFlag.STATUS get."""


@njit(nogil=True)
def put_u16_le(out: Any, position: int, value: int) -> None:
    """Write two bytes, least significant first."""
    out[position] = value & 0xFF
    out[position + 1] = value >> 8 & 0xFF


@njit(nogil=True)
def put_u16_be(out: Any, position: int, value: int) -> None:
    """Write two bytes, most significant first."""
    out[position] = value >> 8 & 0xFF
    out[position + 1] = value & 0xFF


@njit(nogil=True)
def put_u32_le(out: Any, position: int, value: int) -> None:
    """Write four bytes, least significant first."""
    for byte in range(4):
        out[position + byte] = value >> 8 * byte & 0xFF


@njit(nogil=True)
def seal(out: Any, position: int, length: int) -> None:
    """Compute and write both CRC bytes of a frame."""
    end = position + length
    out[end - 2] = crc8(out, position + 10, end - 2, START)
    out[end - 1] = crc8(out, position, position + 10, out[end - 2])


@njit(nogil=True)
def put_record(out: Any, position: int, records: Any, row: int) -> None:
    """Write the 40 bytes of a discriminator record."""
    record = records[row]
    delay, quarter = record["delay"], record["quarter"]
    low = 0
    high = 0
    for channel in range(16):
        low |= (types.intp(quarter[channel]) & 1) << channel
        high |= (types.intp(quarter[channel]) >> 1 & 1) << channel
    for tick in range(16):
        word = 0
        for channel in range(16):
            word |= types.intp(tick >= delay[channel]) << channel
        put_u16_le(out, position + 2 * tick, word)
    put_u16_le(out, position + 32, low)
    put_u16_le(out, position + 34, high)
    put_u32_le(out, position + 36, record["timestamp"])


@njit(nogil=True)
def _put_header(
    out: Any,
    position: int,
    febs: Any,
    row: int,
    frame_type: int,
    hit: int,
    length: int,
    status: int,
) -> Any:
    """Write bytes 0 to 18 of a frame; return the position after the frame."""
    feb = febs[row]
    source = (
        types.intp(feb["crate"]) << 14
        | types.intp(feb["croc"]) << 9
        | types.intp(feb["chain"]) << 7
        | types.intp(feb["board"]) << 3
    )
    source |= (hit >> 4 & 1) << 15 | (hit >> 3 & 1) << 13 | hit & 7
    if feb["flags"] & _FAULTY:
        status |= _TIMEOUT
    put_u16_be(out, position, length)
    put_u16_be(out, position + 2, status)
    out[position + 4] = feb["firmware"]
    out[position + 5] = frame_type
    put_u16_be(out, position + 6, source)
    put_u16_be(out, position + 8, length)
    out[position + 10] = 0x80 | feb["board"]
    out[position + 11] = frame_type & 0xF0 | 3
    out[position + 12] = 3
    count = types.intp(feb["event_count"])
    out[position + 13] = (count >> 8) << 2 | feb["chain"]
    out[position + 14] = count & 0xFF
    put_u32_le(out, position + 15, feb["frame_time"])
    return position + length


@njit(nogil=True)
def _put_discriminator(out: Any, position: int, febs: Any, row: int, records: Any) -> Any:
    feb = febs[row]
    hits = feb["n_hits"]
    independent = feb["flags"] & _INDEPENDENT != 0
    n_counts = 4 if independent else 2
    length = 23 + n_counts + 40 * types.intp(feb["n_records"])
    end = _put_header(
        out, position, febs, row, TYPE_DISCRIMINATOR, 0, length, _STATUS_DISCRIMINATOR
    )
    out[position + 19] = 0
    if independent:
        out[position + 20] = hits[0]
        out[position + 21] = hits[2] | 0x80
        out[position + 22] = hits[1]
        out[position + 23] = hits[3] | 0x80
    elif feb["firmware"] < 95:
        out[position + 20] = hits[0] | hits[1] << 4
        out[position + 21] = hits[2] | hits[3] << 4
    else:
        out[position + 20] = hits[0]
        out[position + 21] = hits[2]
    place = position + 20 + n_counts
    for number in range(feb["first_record"], feb["first_record"] + feb["n_records"]):
        put_record(out, place, records, number)
        place += 40
    out[place] = 0
    seal(out, position, length)
    return end


@njit(nogil=True)
def _put_adc(
    out: Any, position: int, febs: Any, row: int, adc_frames: Any, adc: Any, number: int
) -> Any:
    short = febs[row]["firmware"] < 95
    length = 453 if short else 455
    frame = adc_frames[number]
    end = _put_header(out, position, febs, row, frame["type"], frame["hit"], length, _STATUS_FRAME)
    out[position + 19] = 0
    for word in range(215 if short else 216):
        put_u16_le(out, position + 20 + 2 * word, types.intp(adc[number, word]) << 2)
    if short:
        out[position + 450] = (adc[number, 215] << 2) & 0xFF
    else:
        out[position + 452] = 0
    seal(out, position, length)
    return end


@njit(nogil=True)
def _put_fpga(out: Any, position: int, febs: Any, row: int, registers: Any, last: bool) -> Any:
    length = 80 if febs[row]["firmware"] >= 96 else 76
    status = _STATUS_LAST if last else _STATUS_FRAME
    end = _put_header(out, position, febs, row, TYPE_FPGA, 0, length, status)
    for register in range(length - 21):
        out[position + 19 + register] = registers[row, register]
    seal(out, position, length)
    return end


@njit(nogil=True)
def _put_no_answer(
    out: Any, position: int, febs: Any, row: int, frame_type: int, last: bool
) -> Any:
    """Write a header-only frame: bytes 10 to 19 are not those of a board."""
    status = _STATUS_FRAME
    if frame_type == TYPE_DISCRIMINATOR:
        status = _STATUS_DISCRIMINATOR
    elif last:
        status = _STATUS_LAST
    end = _put_header(out, position, febs, row, frame_type, 0, MIN_FRAME_BYTES, status)
    out[position + 10] = febs[row]["board"]
    out[position + 11] = frame_type
    out[position + 12] = 0
    out[position + 13] = febs[row]["chain"]
    out[position + 14 : position + 20] = 0
    seal(out, position, MIN_FRAME_BYTES)
    return end


@njit(
    types.intp(
        OUT,
        types.intp,
        types.intp,
        types.intp,
        FEBS,
        RECORDS,
        ADC_FRAMES,
        types.Array(uint16, 2, "C"),
        types.Array(uint8, 2, "C"),
    ),
    nogil=True,
    cache=True,
)
def put_chain(
    out: Any,
    position: int,
    first: int,
    stop: int,
    febs: Any,
    records: Any,
    adc_frames: Any,
    adc: Any,
    registers: Any,
) -> Any:
    """Write the chain block of boards ``first:stop``; return the position after it.

    The block holds, for each board, its discriminator frame and its ADC frames, then the FPGA
    frames of all boards.  Absent boards are left out; boards that do not answer give header-only
    frames; the frames of boards flagged with error bits say that they timed out.
    """
    last = first - 1
    for row in range(first, stop):
        feb = febs[row]
        if feb["flags"] & _ABSENT:
            continue
        last = row
        if feb["flags"] & _NO_ANSWER:
            position = _put_no_answer(out, position, febs, row, TYPE_DISCRIMINATOR, False)
            position = _put_no_answer(out, position, febs, row, _DEEPEST_CELL, False)
            continue
        position = _put_discriminator(out, position, febs, row, records)
        for number in range(feb["first_adc"], feb["first_adc"] + feb["n_adc"]):
            position = _put_adc(out, position, febs, row, adc_frames, adc, number)
    for row in range(first, stop):
        flags = febs[row]["flags"]
        if flags & _NO_ANSWER and not flags & _ABSENT:
            position = _put_no_answer(out, position, febs, row, TYPE_FPGA, row == last)
        elif not flags & _ABSENT:
            position = _put_fpga(out, position, febs, row, registers, row == last)
    return position
