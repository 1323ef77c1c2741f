"""Entry kernel of the readout: charges and hit blocks of every board and gate."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import boolean, float32, float64, int32, int64, njit, types, uint64

from mx2prod.detector.trip import PIXELS_PER_TRIP
from mx2prod.raw.columns import FEB_DTYPE, N_PIXELS, N_TIMED_TRIPS, RECORD_DTYPE
from mx2prod.simulation.adc_kernels import CHARGE_DTYPE
from mx2prod.simulation.block_kernels import put_charges, put_hits, put_records
from mx2prod.simulation.columns import DEPOSIT_DTYPE, HIT_DTYPE, HitFlag, Layer
from mx2prod.simulation.light_kernels import ARRIVAL_DTYPE, add_light, add_mean_light
from mx2prod.simulation.random_kernels import NO_BOARD, STATE_WORDS, normal, poisson, start, uniform
from mx2prod.simulation.trip_kernels import BLOCK_DTYPE, OPEN, ROWS, clear, run_chip

_LIGHT = int(Layer.LIGHT)
_DARK = int(HitFlag.DARK)
_RECORDS = types.Array(numba.from_dtype(RECORD_DTYPE), 1, "C")
_FEBS = types.Array(numba.from_dtype(FEB_DTYPE), 1, "C")
_HITS = types.Array(numba.from_dtype(HIT_DTYPE), 1, "C")
_CHARGES = types.Array(numba.from_dtype(CHARGE_DTYPE), 1, "C")
_DEPOSITS = types.Array(numba.from_dtype(DEPOSIT_DTYPE), 1, "C")


@njit(nogil=True)
def _sort_by_time(arrivals: Any, count: int, chip_pixels: int, order: Any, firsts: Any) -> None:
    """Rows of each chip in order of time, and where each chip begins."""
    every = np.argsort(arrivals["time"][:count], kind="mergesort")
    place = 0
    for chip in range(N_PIXELS // chip_pixels):
        firsts[chip] = place
        for row in every:
            if arrivals[row]["pixel"] // chip_pixels == chip:
                order[place] = row
                place += 1
    firsts[N_PIXELS // chip_pixels] = place


@njit(nogil=True)
def _attenuated(l_mm: float, strip: Any) -> Any:
    """Share of the light that reaches the PMT, and its way in the strip, mm (detector page, 6)."""
    atten, reflect, amplitude, length = strip[0], strip[1], strip[2], strip[5]
    along = min(abs(strip[3] - l_mm), length)
    direct = math.exp(-along / atten)
    mirrored = reflect * math.exp(-(2.0 * length - along) / atten)
    return amplitude * (direct + mirrored) * strip[4], along


@njit(nogil=True)
def _board_arrivals(
    state: Any, table: Any, arrivals: Any, deposits: Any, rows: Any, strips: Any, pixel_of: Any,
    gains: Any, alive: Any, response: Any, offsets: Any, dark: Any, injected: Any, common: float,
    injection: Any, gate_ns: float,
) -> Any:  # fmt: skip
    """Everything that reaches the anodes of one board in one gate; the number of arrivals."""
    count = 0
    for place in range(rows.size):
        deposit = deposits[rows[place]]
        strip = strips[deposit["strip"]]
        factor, along = _attenuated(deposit["l_mm"], strip)
        mean = deposit["energy_birks"] * strip[6] * factor
        time = deposit["time_ns"] + (along + strip[7]) / response[7]
        count = add_mean_light(
            state, table, arrivals, count, pixel_of[deposit["strip"]] % N_PIXELS, time, mean,
            deposit["particle"], gains, alive, response, offsets,
        )  # fmt: skip
    if common > 0.0:
        for pixel in range(N_PIXELS):
            mean = injected[pixel] * common
            if mean > 0.0:
                time = injection[0] + injection[1] * uniform(state) / (1.0 + mean)
                count = add_mean_light(
                    state, table, arrivals, count, pixel, time, mean, -1, gains, alive, response,
                    offsets,
                )  # fmt: skip
    total = dark[N_PIXELS - 1]
    for _ in range(poisson(state, total * gate_ns * 1e-9)):
        wanted = uniform(state) * total
        pixel = 0
        while dark[pixel] < wanted:
            pixel += 1
        count = add_light(
            state, table, arrivals, count, pixel, uniform(state) * gate_ns, 1, -1, _DARK, gains,
            alive, response, offsets,
        )  # fmt: skip
    return count


@njit(
    types.UniTuple(types.intp, 4)(
        uint64, int64[::1], float32[::1],
        _DEPOSITS, int64[::1], int64[::1], float64[:, ::1], int32[::1],
        int64[::1], float64[:, ::1], boolean[:, ::1], float64[::1], float64[:, ::1],
        float64[:, ::1], float64[:, ::1], float64[::1], float64[::1], float64[:, ::1],
        float64[:, :, ::1], float64[:, :, :, ::1], float64[::1], boolean[::1],
        _FEBS, _RECORDS, _CHARGES, _HITS, float64[::1], types.intp,
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def make_blocks(
    seed: int, place: Any, table: Any, deposits: Any, order: Any, firsts: Any, strips: Any,
    pixel_of: Any, boards: Any, gains: Any, alive: Any, response: Any, offsets: Any, dark: Any,
    injected: Any, level: Any, injection: Any, threshold: Any, pedestal: Any, curve: Any,
    clock: Any, choices: Any, febs: Any, records: Any, charges: Any, hits: Any, dead: Any,
    most_arrivals: int,
) -> Any:  # fmt: skip
    """Simulate charges and chips of all boards in some gates.

    Parameters
    ----------
    seed : int
    place : ndarray of int64
        Run, subrun, then the number of each gate.
    table : ndarray of float32
        See :func:`~mx2prod.simulation.random_kernels.normal_table`.
    deposits : ndarray of DEPOSIT_DTYPE
    order : ndarray of int64
        Rows of ``deposits`` in order of gate and board.
    firsts : ndarray of int64, shape (n_gates * n_boards + 1,)
        Where the rows of a gate and board begin in ``order``.
    strips : ndarray of float64, shape (n_strips, 8)
        Attenuation length, reflectivity, amplitude, l of the readout end, factor of the
        fibres outside, strip length, photoelectrons per MeV, fibre outside the strip (mm).
    pixel_of : ndarray of int32, shape (n_strips,)
        Dense channel of each strip.
    boards : ndarray of int64, shape (n_boards,)
        Dense numbers of the boards.
    gains, threshold : ndarray of float64, shape (n_boards, 64)
        fC of a photoelectron; fC.
    alive : ndarray of bool, shape (n_boards, 64)
    response : ndarray of float64, shape (8,)
        w2, dynode share, after-pulse probability and delay, slewing, side and corner share of the
        light, speed of light in the fibre (mm/ns).
    offsets : ndarray of float64, shape (n_boards, 2)
    dark : ndarray of float64, shape (n_boards, 64)
        Running sum of the dark rates of the pixels, Hz.
    injected : ndarray of float64, shape (n_boards, 64)
        Mean light of a light-injection pulse.
    level : ndarray of float64, shape (n_gates,)
        Factor on it in a gate without its fluctuation; 0 without light injection.
    injection : ndarray of float64, shape (3,)
        Time and width of the pulse (ns), its fluctuation.
    pedestal : ndarray of float64, shape (n_boards, 64, 3)
    curve : ndarray of float64, shape (n_boards, 64, 3, 6)
    clock : ndarray of float64, shape (2,)
        Tick and length of the gate, ns.
    choices : ndarray of bool, shape (4,)
        Chips push alone; records are paired from the end; low gain with each push; write hits.
    febs : ndarray of FEB_DTYPE, shape (n_gates * n_boards,)
        ``gate_timestamp`` is read; hit counts, first rows and numbers of rows are filled.
    records, charges, hits : ndarray
        Filled as far as they reach.
    dead : ndarray of float64, shape (n_gates,)
        Filled: time in which charge is lost, of all pairs of chips, ns.
    most_arrivals : int
        Length of the list of arrivals of a board.

    Returns
    -------
    tuple of int
        Records, charges, hits, and arrivals of the fullest board: what would have been needed.
    """
    alone, from_end, low_per_push, with_hits = choices[0], choices[1], choices[2], choices[3]
    chip_pixels = PIXELS_PER_TRIP if alone else 2 * PIXELS_PER_TRIP
    n_chips, n_boards = N_PIXELS // chip_pixels, boards.size
    state = np.zeros(STATE_WORDS, np.uint32)
    arrivals = np.zeros(most_arrivals, ARRIVAL_DTYPE)
    by_time = np.zeros(most_arrivals, np.int64)
    chips = np.zeros(N_TIMED_TRIPS + 1, np.int64)
    blocks = np.zeros((ROWS, N_PIXELS), BLOCK_DTYPE)
    begins = np.zeros((N_TIMED_TRIPS, ROWS), np.int64)
    low = np.zeros(N_PIXELS, np.float64)
    n_hits = np.zeros(N_TIMED_TRIPS, np.int64)
    for row in range(ROWS):
        for pixel in range(N_PIXELS):
            clear(blocks[row, pixel])
    n_records, n_charges, n_rows, n_frames, fullest = 0, 0, 0, 0, 0
    for gate in range(place.size - 2):
        number = place[gate + 2]
        dead[gate] = 0.0
        common = level[gate]
        if common > 0.0:
            start(state, seed, place[0], place[1], number, _LIGHT, NO_BOARD)
            common *= max(0.0, 1.0 + injection[2] * normal(state, table))
        for board in range(n_boards):
            feb = gate * n_boards + board
            start(state, seed, place[0], place[1], number, _LIGHT, boards[board])
            count = _board_arrivals(
                state, table, arrivals, deposits, order[firsts[feb] : firsts[feb + 1]], strips,
                pixel_of, gains[board], alive[board], response, offsets[board], dark[board],
                injected[board], common, injection, clock[1],
            )  # fmt: skip
            fullest = max(fullest, count)
            count = min(count, most_arrivals)
            n_timed = 0
            n_hits[:] = 0
            if count:
                _sort_by_time(arrivals, count, chip_pixels, by_time, chips)
                for chip in range(n_chips):
                    trips = N_TIMED_TRIPS // n_chips
                    timed, blind = run_chip(
                        arrivals, by_time, (chips[chip], chips[chip + 1]),
                        (chip * chip_pixels, (chip + 1) * chip_pixels), blocks,
                        begins[chip * trips], threshold[board], clock, low,
                    )  # fmt: skip
                    for trip in range(chip * trips, (chip + 1) * trips):
                        n_hits[trip] = timed
                        begins[trip] = begins[chip * trips]
                    dead[gate] += blind * (0.5 if alone else 1.0)
                    n_timed = max(n_timed, timed)
            row = febs[feb]
            row["n_timed"], row["n_adc"] = n_timed, n_timed + 1
            row["first_record"], row["first_adc"] = n_records, n_frames
            for trip in range(N_TIMED_TRIPS):
                row["n_hits"][trip] = n_hits[trip]
            if count:
                n_records = put_records(
                    records, n_records, feb, n_hits, begins, blocks, row["gate_timestamp"]
                )
                n_charges = put_charges(
                    charges, n_charges, n_frames, n_timed, n_hits, blocks, low, from_end,
                    low_per_push,
                )  # fmt: skip
                if with_hits:
                    n_rows = put_hits(
                        hits, n_rows, number, boards[board], n_timed, n_hits, blocks, from_end,
                        pedestal[board], curve[board],
                    )  # fmt: skip
                for used in range(ROWS):
                    if used < n_timed or used >= OPEN:
                        for pixel in range(N_PIXELS):
                            clear(blocks[used, pixel])
                low[:] = 0.0
            row["n_records"] = n_records - row["first_record"]
            n_frames += n_timed + 1
    return n_records, n_charges, n_rows, fullest
