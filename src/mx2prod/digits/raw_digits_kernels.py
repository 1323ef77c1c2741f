"""Kernel of the raw-digit tier: one row for every pixel of every ADC frame."""

from __future__ import annotations

import numba as nb
import numpy as np
import numpy.typing as npt

FIRED = np.uint16(1)
UNTIMED = np.uint16(2)
NO_RECORD = np.uint16(4)
LOW_GAIN_TIMED_UNVERIFIED = np.uint16(16)
CRC_ERROR = np.uint16(64)
STATUS = np.uint16(128)
NOT_FIRED = 16
N_PIXELS = 64

_U1, _U2, _U4, _I4 = nb.uint8, nb.uint16, nb.uint32, nb.int32

_SIGNATURE = nb.void(
    _I4[::1],  # base_channel
    _I4[::1],  # first_adc
    _U1[::1],  # n_adc
    _U1[::1],  # n_timed
    _U1[:, ::1],  # n_hits
    _I4[::1],  # first_record
    nb.boolean[::1],  # has_records
    _U2[::1],  # board_flags
    _U1[::1],  # hit
    _U1[::1],  # frame_flags
    _U2[:, :, ::1],  # adc
    _U4[::1],  # record_timestamp
    _U1[:, ::1],  # record_delay
    _U1[:, ::1],  # record_quarter
    _U1[:, ::1],  # trip_of_pixel
    _U1[:, ::1],  # channel_of_pixel
    nb.boolean,  # front
    _I4[::1],  # channel
    _U1[::1],  # block
    _U2[::1],  # adc_hi
    _U2[::1],  # adc_med
    _U2[::1],  # adc_lo
    _U4[::1],  # timestamp
    _U1[::1],  # delay
    _U1[::1],  # quarter
    _U2[::1],  # flags
)


@nb.njit(_SIGNATURE, nogil=True, cache=True)
def fill_raw_digits(
    base_channel: npt.NDArray[np.int32],
    first_adc: npt.NDArray[np.int32],
    n_adc: npt.NDArray[np.uint8],
    n_timed: npt.NDArray[np.uint8],
    n_hits: npt.NDArray[np.uint8],
    first_record: npt.NDArray[np.int32],
    has_records: npt.NDArray[np.bool_],
    board_flags: npt.NDArray[np.uint16],
    hit: npt.NDArray[np.uint8],
    frame_flags: npt.NDArray[np.uint8],
    adc: npt.NDArray[np.uint16],
    record_timestamp: npt.NDArray[np.uint32],
    record_delay: npt.NDArray[np.uint8],
    record_quarter: npt.NDArray[np.uint8],
    trip_of_pixel: npt.NDArray[np.uint8],
    channel_of_pixel: npt.NDArray[np.uint8],
    front: bool,
    channel: npt.NDArray[np.int32],
    block: npt.NDArray[np.uint8],
    adc_hi: npt.NDArray[np.uint16],
    adc_med: npt.NDArray[np.uint16],
    adc_lo: npt.NDArray[np.uint16],
    timestamp: npt.NDArray[np.uint32],
    delay: npt.NDArray[np.uint8],
    quarter: npt.NDArray[np.uint8],
    flags: npt.NDArray[np.uint16],
) -> None:
    """Fill the digit columns: boards in order, of each its ADC frames, of each pixels 0..63.

    Parameters
    ----------
    base_channel : int32 (n_boards,)
        Channel id of pixel 0.
    first_adc, n_adc, n_timed, n_hits, first_record : (n_boards, ...)
        Columns of the boards (``FEB_DTYPE``).
    has_records : bool (n_boards,)
        The discriminator records of the board are as many as its hit counts say.
    board_flags : uint16 (n_boards,)
        Digit flags that hold for the whole board.
    hit, frame_flags : uint8 (n_frames,)
        Columns of the ADC frames.
    adc : uint16 (n_frames, 6, 36)
    record_timestamp, record_delay, record_quarter : (n_records, ...)
        Columns of the discriminator records.
    trip_of_pixel, channel_of_pixel : uint8 (3, 64)
        TriP and TriP channel of each pixel in high, medium and low gain.
    front : bool
        Pairing of records to frames: record k belongs to frame k; otherwise to frame N-n+k
        (raw-format page, 5.1).
    channel, block, adc_hi, adc_med, adc_lo, timestamp, delay, quarter, flags
        Output columns, 64 rows an ADC frame.
    """
    row = 0
    for board in range(base_channel.size):
        deepest = np.int64(n_timed[board])
        for frame in range(first_adc[board], first_adc[board] + np.int64(n_adc[board])):
            number = np.int64(hit[frame])
            common = board_flags[board]
            if frame_flags[frame] & 1:
                common |= CRC_ERROR
            if frame_flags[frame] & 2:
                common |= STATUS
            timed = number != deepest or not has_records[board]
            common |= LOW_GAIN_TIMED_UNVERIFIED if timed else UNTIMED
            record_of_trip = np.int64(first_record[board])
            for trip in range(4):
                count = np.int64(n_hits[board, trip])
                k = number if front else number - (deepest - count)
                record = np.int64(-1)
                if timed and has_records[board] and 0 <= k < count:
                    record = record_of_trip + k
                record_of_trip += count
                word = common
                stamp = np.uint32(0)
                if record >= 0:
                    stamp = record_timestamp[record]
                elif timed:
                    word |= NO_RECORD
                for pixel in range(16 * trip, 16 * trip + 16):
                    channel[row] = base_channel[board] | (pixel << 5)
                    block[row] = hit[frame]
                    adc_hi[row] = adc[frame, trip_of_pixel[0, pixel], channel_of_pixel[0, pixel]]
                    adc_med[row] = adc[frame, trip_of_pixel[1, pixel], channel_of_pixel[1, pixel]]
                    adc_lo[row] = adc[frame, trip_of_pixel[2, pixel], channel_of_pixel[2, pixel]]
                    timestamp[row] = stamp
                    delay[row] = NOT_FIRED
                    quarter[row] = 0
                    flags[row] = word
                    if record >= 0:
                        ticks = record_delay[record, pixel - 16 * trip]
                        delay[row] = ticks
                        quarter[row] = record_quarter[record, pixel - 16 * trip]
                        if ticks < NOT_FIRED:
                            flags[row] = word | FIRED
                    row += 1
