"""Frames of whole gates to columns: boards, discriminator records, ADC words, registers.

Two passes over the frame table: ``assemble`` finds the boards of each gate and counts, ``fill``
writes into arrays of the right size.  Source: raw-format page, sections 3 to 6.
"""

from __future__ import annotations

from typing import Any

import numba
import numpy as np
from numba import njit, types, uint8, uint16, uint32

from mx2prod.raw.columns import (
    ADC_FRAME_DTYPE,
    FEB_DTYPE,
    N_REGISTERS,
    N_TIMED_TRIPS,
    RECORD_DTYPE,
    FebFlag,
)
from mx2prod.raw.crc8_kernels import BYTES, load_u16, load_u64
from mx2prod.raw.framing_kernels import (
    ADC,
    CRC_BAD,
    DISCRIMINATOR,
    FIRMWARE_LENGTH,
    FPGA,
    FRAMES,
    GROUPS,
    NIBBLES,
    NO_ANSWER,
    OPAQUE,
    PAIRED,
    STATUS_BAD,
)

FEBS = types.Array(numba.from_dtype(FEB_DTYPE), 1, "C")
RECORDS = types.Array(numba.from_dtype(RECORD_DTYPE), 1, "C")
ADC_FRAMES = types.Array(numba.from_dtype(ADC_FRAME_DTYPE), 1, "C")

N_KEYS = 2048
_ABSENT = int(FebFlag.ABSENT)
_NO_ANSWER = int(FebFlag.NO_ANSWER)
_NO_DISCRIMINATOR = int(FebFlag.NO_DISCRIMINATOR)
_NO_FPGA = int(FebFlag.NO_FPGA)
_ADC_INCOMPLETE = int(FebFlag.ADC_INCOMPLETE)
_CRC_ERROR = int(FebFlag.CRC_ERROR)
_STATUS = int(FebFlag.STATUS)
_OPAQUE = int(FebFlag.OPAQUE)
_UNEXPECTED = int(FebFlag.UNEXPECTED)
_FIRMWARE_LENGTH = int(FebFlag.FIRMWARE_LENGTH)
_REGISTER_MISMATCH = int(FebFlag.REGISTER_MISMATCH)
_INDEPENDENT_PUSH = int(FebFlag.INDEPENDENT_PUSH)

_FPGA_DATA = 19
_TIMESTAMP_REGISTER = 50
_ADC_FLAG_LOW_BYTE = 4


@njit(nogil=True)
def _key_of(source: int) -> Any:
    return types.intp((source >> 14 & 1) << 10 | (source >> 3 & 0x3FF))


@njit(nogil=True)
def _hit_of(source: int) -> Any:
    return types.intp((source >> 15 & 1) << 4 | (source >> 13 & 1) << 3 | source & 7)


@njit(nogil=True)
def _new_board(febs: Any, row: int, gate: int, key: int) -> None:
    feb = febs[row]
    feb["gate"] = gate
    feb["crate"] = key >> 10
    feb["croc"] = key >> 6 & 15
    feb["chain"] = key >> 4 & 3
    feb["board"] = key & 15
    feb["firmware"] = 0
    feb["n_timed"] = 0
    feb["n_adc"] = 0
    for trip in range(N_TIMED_TRIPS):
        feb["n_hits"][trip] = 0
    feb["event_count"] = 0
    feb["frame_time"] = 0
    feb["gate_timestamp"] = 0
    feb["first_record"] = 0
    feb["n_records"] = 0
    feb["first_adc"] = 0
    feb["flags"] = _ABSENT | _NO_DISCRIMINATOR | _NO_FPGA | _ADC_INCOMPLETE


@njit(nogil=True)
def _read_hit_counts(buffer: Any, offset: int, flags: int, febs: Any, row: int) -> None:
    d1, d2 = types.intp(buffer[offset + 20]), types.intp(buffer[offset + 21])
    hits = febs[row]["n_hits"]
    if flags & NIBBLES:
        hits[0], hits[1], hits[2], hits[3] = d1 & 15, d1 >> 4, d2 & 15, d2 >> 4
    elif flags & PAIRED:
        hits[0] = hits[1] = d1 & 31
        hits[2] = hits[3] = d2 & 31
    else:
        hits[0], hits[2] = d1 & 31, d2 & 31
        hits[1], hits[3] = buffer[offset + 22] & 31, buffer[offset + 23] & 31
        febs[row]["flags"] |= _INDEPENDENT_PUSH
    largest = hits[0]
    total = types.intp(0)
    for trip in range(N_TIMED_TRIPS):
        largest = max(largest, hits[trip])
        total += hits[trip]
    febs[row]["n_timed"] = largest
    febs[row]["n_records"] = total


@njit(nogil=True)
def _check_registers(buffer: Any, offset: int, length: int, febs: Any, row: int) -> None:
    """Compare board number, firmware and hit counters of the registers with the frames."""
    start = offset + _FPGA_DATA
    feb = febs[row]
    bad = (buffer[start + 31] & 15) != feb["board"] or buffer[start + 32] != buffer[offset + 4]
    if length == 80 and not feb["flags"] & (_NO_DISCRIMINATOR | _OPAQUE):
        hits = feb["n_hits"]
        bad |= (buffer[start + 54] & 31) != hits[0] or (buffer[start + 55] & 31) != hits[2]
        if feb["flags"] & _INDEPENDENT_PUSH:
            bad |= (buffer[start + 56] & 31) != hits[1] or (buffer[start + 57] & 31) != hits[3]
    if bad:
        feb["flags"] |= _REGISTER_MISMATCH


@njit(nogil=True)
def _key_of_board(febs: Any, row: int) -> Any:
    feb = febs[row]
    return (
        types.intp(feb["crate"]) << 10
        | types.intp(feb["croc"]) << 6
        | types.intp(feb["chain"]) << 4
        | types.intp(feb["board"])
    )


@njit(
    types.UniTuple(types.intp, 3)(
        BYTES,
        FRAMES,
        GROUPS,
        types.Array(types.int64, 1, "C"),
        types.Array(types.int32, 1, "C"),
        FEBS,
    ),
    nogil=True,
    cache=True,
)
def assemble(
    buffer: Any, frames: Any, groups: Any, gate_groups: Any, expected: Any, febs: Any
) -> Any:
    """Find the boards of each gate and how many records and ADC frames each has.

    Parameters
    ----------
    buffer : ndarray of uint8
    frames, groups : ndarray of FRAME_DTYPE, GROUP_DTYPE
        From ``walk``; the row of its board is written into ``frames['feb']``.
    gate_groups : ndarray of int64, shape (n_gates,)
        Groups that are gates, in file order.
    expected : ndarray of int32, shape (n_expected,)
        Keys of the boards of the run header.
    febs : ndarray of FEB_DTYPE
        Filled: for each gate the expected boards, then others.

    Returns
    -------
    tuple of int
        Number of boards (-1 if ``febs`` is too small), records, ADC frames.
    """
    row_of = np.full(N_KEYS, -1, np.int64)
    seen = np.zeros(febs.size, np.uint32)
    n_febs = 0
    for gate in range(gate_groups.size):
        group = groups[gate_groups[gate]]
        first_feb = n_febs
        if n_febs + expected.size > febs.size:
            return -1, 0, 0
        for key in expected:
            _new_board(febs, n_febs, gate, key)
            row_of[key] = n_febs
            n_febs += 1
        for number in range(group["first_frame"], group["first_frame"] + group["n_frames"]):
            frame = frames[number]
            kind = frame["kind"]
            if kind > OPAQUE:
                continue
            key = _key_of(frame["source"])
            row = row_of[key]
            if row < first_feb:
                if n_febs >= febs.size:
                    return -1, 0, 0
                _new_board(febs, n_febs, gate, key)
                febs[n_febs]["flags"] |= _UNEXPECTED
                row = n_febs
                row_of[key] = row
                n_febs += 1
            frame["feb"] = row
            feb = febs[row]
            offset = frame["offset"]
            flags = types.intp(frame["flags"])
            if feb["flags"] & _ABSENT:
                feb["flags"] &= ~np.uint32(_ABSENT)
                feb["firmware"] = buffer[offset + 4]
                feb["event_count"] = types.intp(buffer[offset + 13] >> 2) << 8 | buffer[offset + 14]
                feb["frame_time"] = uint32(load_u64(buffer, offset + 11) >> np.uint64(32))
            if flags & CRC_BAD:
                feb["flags"] |= _CRC_ERROR
            if flags & STATUS_BAD:
                feb["flags"] |= _STATUS
            if flags & FIRMWARE_LENGTH:
                feb["flags"] |= _FIRMWARE_LENGTH
            if kind == DISCRIMINATOR:
                if feb["flags"] & _NO_DISCRIMINATOR:
                    feb["flags"] &= ~np.uint32(_NO_DISCRIMINATOR)
                    _read_hit_counts(buffer, offset, flags, febs, row)
                else:
                    frame["kind"] = OPAQUE
                    feb["flags"] |= _OPAQUE
            elif kind == FPGA:
                if feb["flags"] & _NO_FPGA:
                    feb["flags"] &= ~np.uint32(_NO_FPGA)
                    _check_registers(buffer, offset, frame["length"], febs, row)
                else:
                    frame["kind"] = OPAQUE
                    feb["flags"] |= _OPAQUE
            elif kind == ADC:
                hit = _hit_of(frame["source"])
                if seen[row] & (uint32(1) << uint32(hit)):
                    frame["kind"] = OPAQUE
                    feb["flags"] |= _OPAQUE
                else:
                    seen[row] |= uint32(1) << uint32(hit)
                    feb["n_adc"] += 1
            elif flags & NO_ANSWER:
                feb["flags"] |= _NO_ANSWER
            else:
                feb["flags"] |= _OPAQUE
        for row in range(first_feb, n_febs):
            row_of[_key_of_board(febs, row)] = -1
    n_records = 0
    n_adc = 0
    for row in range(n_febs):
        feb = febs[row]
        feb["first_record"] = n_records
        feb["first_adc"] = n_adc
        n_records += feb["n_records"]
        n_adc += feb["n_adc"]
        wanted = (np.uint64(1) << np.uint64(feb["n_timed"] + 1)) - np.uint64(1)
        if not feb["flags"] & _NO_DISCRIMINATOR and np.uint64(seen[row]) == wanted:
            feb["flags"] &= ~np.uint32(_ADC_INCOMPLETE)
        if feb["flags"] & _NO_ANSWER:
            feb["flags"] &= ~np.uint32(_NO_DISCRIMINATOR | _NO_FPGA | _ADC_INCOMPLETE)
    return n_febs, n_records, n_adc


@njit(nogil=True)
def read_record(buffer: Any, start: int, records: Any, row: int) -> None:
    """Read time stamp, delays and quarter ticks of the discriminator record at ``start``."""
    record = records[row]
    record["timestamp"] = uint32(load_u64(buffer, start + 32) >> np.uint64(32))
    low, high = load_u16(buffer, start + 32), load_u16(buffer, start + 34)
    delay, quarter = record["delay"], record["quarter"]
    for channel in range(16):
        delay[channel] = 16
        quarter[channel] = (high >> channel & 1) << 1 | (low >> channel & 1)
    for tick in range(16):
        word = load_u16(buffer, start + 2 * tick)
        for channel in range(16):
            delay[channel] -= word >> channel & 1


@njit(nogil=True)
def _fill_records(buffer: Any, offset: int, febs: Any, row: int, records: Any) -> None:
    feb = febs[row]
    start = offset + (24 if feb["flags"] & _INDEPENDENT_PUSH else 22)
    number = types.intp(feb["first_record"])
    for trip in range(N_TIMED_TRIPS):
        for hit in range(feb["n_hits"][trip]):
            record = records[number]
            record["feb"] = row
            record["trip"] = trip
            record["record"] = hit
            read_record(buffer, start, records, number)
            start += 40
            number += 1


@njit(nogil=True)
def _fill_adc(buffer: Any, offset: int, length: int, adc: Any, row: int) -> None:
    words = adc[row]
    start = offset + 20
    whole = 216 if length == 455 else 215
    for word in range(whole):
        words[word] = (load_u16(buffer, start + 2 * word) & 0x3FFC) >> 2
    if length == 453:
        words[215] = uint16(buffer[start + 430]) >> 2


@njit(
    types.void(
        BYTES,
        FRAMES,
        FEBS,
        RECORDS,
        ADC_FRAMES,
        types.Array(uint16, 2, "C"),
        types.Array(uint8, 2, "C"),
    ),
    nogil=True,
    cache=True,
)
def fill(
    buffer: Any,
    frames: Any,
    febs: Any,
    records: Any,
    adc_frames: Any,
    adc: Any,
    registers: Any,
) -> None:
    """Write records, ADC words and registers of all frames that have a board.

    Parameters
    ----------
    buffer : ndarray of uint8
    frames, febs
        From ``walk`` and ``assemble``.
    records, adc_frames : ndarray of RECORD_DTYPE, ADC_FRAME_DTYPE
        Of the sizes that ``assemble`` returned; filled.
    adc : ndarray of uint16, shape (n_adc, 216)
        12-bit values, TriP by TriP; filled.
    registers : ndarray of uint8, shape (n_febs, 59)
        Zero on entry; filled for boards with an FPGA frame.
    """
    next_adc = np.empty(febs.size, np.int64)
    for row in range(febs.size):
        next_adc[row] = febs[row]["first_adc"]
    for number in range(frames.size):
        frame = frames[number]
        row = frame["feb"]
        if row < 0:
            continue
        kind = frame["kind"]
        offset = frame["offset"]
        if kind == ADC:
            target = next_adc[row]
            next_adc[row] += 1
            entry = adc_frames[target]
            entry["feb"] = row
            entry["hit"] = _hit_of(frame["source"])
            entry["type"] = frame["type"]
            flags = 0
            if frame["flags"] & CRC_BAD:
                flags |= 1
            if frame["flags"] & STATUS_BAD:
                flags |= 2
            if frame["length"] == 453:
                flags |= _ADC_FLAG_LOW_BYTE
            entry["flags"] = flags
            _fill_adc(buffer, offset, frame["length"], adc, target)
        elif kind == DISCRIMINATOR:
            _fill_records(buffer, offset, febs, row, records)
        elif kind == FPGA:
            count = min(frame["length"] - 2 - _FPGA_DATA, N_REGISTERS)
            for register in range(count):
                registers[row, register] = buffer[offset + _FPGA_DATA + register]
            start = offset + _FPGA_DATA + _TIMESTAMP_REGISTER
            febs[row]["gate_timestamp"] = uint32(load_u64(buffer, start))
