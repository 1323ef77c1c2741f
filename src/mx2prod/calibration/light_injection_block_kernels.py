"""Kernels of the choice of blocks: light-injection time of a gate, ADC frame of each TriP."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import boolean, int64, njit, types, uint8, uint32

from mx2prod.raw.columns import N_TIMED_TRIPS, N_TRIPS, NOT_FIRED

FIRST_TICK = -64
LAST_TICK = 66_000
NO_TICK = -(2**31)

UNTIMED = 0
TIMED = 1
NOT_TAKEN = -1
"""Kinds of block."""


@njit(nogil=True)
def _tick(timestamp: Any, gate_timestamp: Any, delay: Any, quarter: Any) -> Any:
    """Whole ticks from the gate time stamp to a hit, rounded down."""
    coarse = (int64(timestamp) - int64(gate_timestamp)) & 0xFFFFFFFF
    if coarse >= 1 << 31:
        coarse -= 1 << 32
    return coarse + int64(delay) + (1 if quarter == 0 else 0)


@njit(
    types.void(
        int64[::1], int64[::1], int64[::1], int64[::1], uint32[::1], uint32[::1],
        uint8[:, ::1], uint8[:, ::1], int64[::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def most_frequent_ticks(
    gate: Any,
    first_record: Any,
    n_records: Any,
    rows: Any,
    gate_timestamp: Any,
    timestamp: Any,
    delay: Any,
    quarter: Any,
    ticks: Any,
) -> None:
    """Most frequent hit time of each gate, the earliest of equals.

    Parameters
    ----------
    gate, first_record, n_records : ndarray of int64, shape (n_febs,)
    rows : ndarray of int64, shape (n,)
        Boards to look at, gate after gate.
    gate_timestamp : ndarray of uint32, shape (n_febs,)
    timestamp : ndarray of uint32, shape (n_records,)
    delay, quarter : ndarray of uint8, shape (n_records, 16)
    ticks : ndarray of int64, shape (n_gates,)
        Filled for gates with a hit; others keep their value.
    """
    counts = np.zeros(LAST_TICK - FIRST_TICK, np.int32)
    begin = 0
    while begin < rows.size:
        end = begin
        best = 0
        for clear in range(2):
            end = begin
            while end < rows.size and gate[rows[end]] == gate[rows[begin]]:
                feb = rows[end]
                for record in range(first_record[feb], first_record[feb] + n_records[feb]):
                    for channel in range(NOT_FIRED):
                        if delay[record, channel] == NOT_FIRED:
                            continue
                        tick = _tick(
                            timestamp[record],
                            gate_timestamp[feb],
                            delay[record, channel],
                            quarter[record, channel],
                        )
                        if tick < FIRST_TICK or tick >= LAST_TICK:
                            continue
                        place = tick - FIRST_TICK
                        if clear:
                            counts[place] = 0
                            continue
                        counts[place] += 1
                        now = ticks[gate[feb]]
                        if counts[place] > best or (counts[place] == best and tick < now):
                            best = counts[place]
                            ticks[gate[feb]] = tick
                end += 1
        begin = end


@njit(nogil=True)
def _fired_near(
    timestamp: Any, gate_timestamp: Any, delay: Any, quarter: Any, tick: Any, window: int
) -> Any:
    """Count the channels of a record that fired within ``window`` ticks of ``tick``."""
    fired = 0
    for channel in range(NOT_FIRED):
        if delay[channel] != NOT_FIRED:
            own = _tick(timestamp, gate_timestamp, delay[channel], quarter[channel])
            if abs(own - tick) <= window:
                fired += 1
    return fired


@njit(
    types.void(
        int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], int64[::1], uint8[:, ::1],
        uint32[::1], uint8[::1], uint8[::1], uint32[::1], uint8[:, ::1], uint8[:, ::1],
        uint8[::1], int64[::1], types.intp, boolean, boolean, int64[::1], int64[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def choose_frames(
    rows: Any,
    gate: Any,
    first_record: Any,
    n_records: Any,
    first_adc: Any,
    n_timed: Any,
    n_hits: Any,
    gate_timestamp: Any,
    trip: Any,
    record_number: Any,
    timestamp: Any,
    delay: Any,
    quarter: Any,
    frame_hit: Any,
    ticks: Any,
    window: int,
    use_timed: bool,
    pair_at_end: bool,
    kind: Any,
    frames: Any,
) -> None:
    """Choose the ADC frame of the light-injection pulse, TriP by TriP.

    Parameters
    ----------
    rows : ndarray of int64, shape (n,)
        Boards to look at.
    gate, first_record, n_records, first_adc, n_timed : ndarray of int64, shape (n_febs,)
    n_hits : ndarray of uint8, shape (n_febs, 4)
    gate_timestamp : ndarray of uint32, shape (n_febs,)
    trip, record_number : ndarray of uint8, shape (n_records,)
    timestamp : ndarray of uint32, shape (n_records,)
    delay, quarter : ndarray of uint8, shape (n_records, 16)
    frame_hit : ndarray of uint8, shape (n_adc,)
    ticks : ndarray of int64, shape (n_gates,)
        Light-injection time of each gate.
    window : int
        Ticks around it.
    use_timed : bool
        Whether boards with a fired discriminator are taken.
    pair_at_end : bool
        Record k belongs to frame N - n + k, otherwise to frame k (raw-format page, 5.1).
    kind : ndarray of int64, shape (n,)
        Filled: UNTIMED, TIMED or NOT_TAKEN.
    frames : ndarray of int64, shape (n, 6)
        Filled: row of the ADC frame of each TriP, -1 without.  The low-gain TriPs are read at the
        end of the gate.
    """
    for number in range(rows.size):
        feb = rows[number]
        n = n_timed[feb]
        frames[number, :] = -1
        if n == 0:
            kind[number] = UNTIMED
            frames[number, :] = first_adc[feb]
            continue
        if not use_timed:
            kind[number] = NOT_TAKEN
            continue
        kind[number] = TIMED
        most = np.zeros(N_TIMED_TRIPS, np.int64)
        chosen = np.full(N_TIMED_TRIPS, -1, np.int64)
        for record in range(first_record[feb], first_record[feb] + n_records[feb]):
            fired = _fired_near(
                timestamp[record], gate_timestamp[feb], delay[record], quarter[record],
                ticks[gate[feb]], window,
            )  # fmt: skip
            if fired > most[trip[record]]:
                most[trip[record]] = fired
                chosen[trip[record]] = record_number[record]
        for t in range(N_TRIPS):
            hit = n
            if t < N_TIMED_TRIPS:
                if chosen[t] < 0:
                    continue
                hit = chosen[t] + (n - n_hits[feb, t] if pair_at_end else 0)
            for frame in range(first_adc[feb], first_adc[feb] + n + 1):
                if frame_hit[frame] == hit:
                    frames[number, t] = frame
