"""Entry kernels of the readout: charges, hit blocks and ADC words of every board and gate."""

from __future__ import annotations

import math
from typing import Any

import numba
import numpy as np
from numba import boolean, float32, float64, int32, int64, njit, types, uint16, uint64

from mx2prod.raw.columns import FEB_DTYPE, RECORD_DTYPE
from mx2prod.simulation.columns import DEPOSIT_DTYPE, HIT_DTYPE
from mx2prod.simulation.light_kernels import DARK, add_arrival, add_light, add_mean_light
from mx2prod.simulation.random_kernels import (
    STATE_WORDS,
    fill,
    normal,
    normal_of,
    poisson,
    start,
    uniform,
)
from mx2prod.simulation.trip_kernels import (
    BLOCK_DTYPE,
    INTEGRATION_TICKS,
    LOST,
    OPEN,
    RESET_TICKS,
    ROWS,
    clear,
    run_chip,
)

LIGHT_LAYER, NOISE_LAYER = 3, 5
WHOLE_GATE = 4095
"""Name of the stream of a gate that belongs to no board."""
N_PIXELS, N_TRIPS, PIXELS_OF_TRIP, N_GAINS = 64, 4, 16, 3
WORDS = 216
NO_PIXEL_ADC = 400
"""Reading of TriP-t channels that are no pixels."""
MAX_ADC = 4095
SATURATED = 8
ARRIVAL_DTYPE = np.dtype(
    [
        ("time", "<f8"),
        ("charge", "<f8"),
        ("pe", "<f8"),
        ("particle", "<i4"),
        ("pixel", "u1"),
        ("flags", "u1"),
    ]
)
CHARGE_DTYPE = np.dtype(
    [
        ("frame", "<i8"),  # ADC frame
        ("pixel", "u1"),
        ("charge", "<f8"),  # high and medium gain, fC
        ("low", "<f8"),  # low gain, fC
    ]
)
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
            state, table, arrivals, count, pixel, uniform(state) * gate_ns, 1, -1, DARK, gains,
            alive, response, offsets,
        )  # fmt: skip
    return count


@njit(nogil=True)
def _curve(charge: float, curve: Any) -> Any:
    """ADC above pedestal of a charge: the tri-linear curve."""
    adc0, slope1, kink1, slope2, kink2, slope3 = curve
    if charge <= kink1:
        return adc0 + slope1 * charge
    if charge <= kink2:
        return adc0 + slope1 * kink1 + slope2 * (charge - kink1)
    return adc0 + slope1 * kink1 + slope2 * (kink2 - kink1) + slope3 * (charge - kink2)


@njit(nogil=True)
def _put_records(
    records: Any, count: int, feb: int, n_hits: Any, begins: Any, blocks: Any, timestamp: int
) -> Any:
    """Write the discriminator records of a board; the number of records afterwards."""
    for trip in range(N_TRIPS):
        for hit in range(n_hits[trip]):
            if count < records.size:
                record = records[count]
                record["feb"], record["trip"], record["record"] = feb, trip, hit
                record["timestamp"] = timestamp + begins[trip, hit]
                for channel in range(PIXELS_OF_TRIP):
                    block = blocks[hit, trip * PIXELS_OF_TRIP + channel]
                    record["delay"][channel] = block["delay"]
                    record["quarter"][channel] = block["quarter"]
            count += 1
    return count


@njit(nogil=True)
def _put_charges(
    charges: Any, count: int, frame: int, n_timed: int, n_hits: Any, blocks: Any, low: Any,
    from_end: bool, low_per_push: bool,
) -> Any:  # fmt: skip
    """Write the charges of the ADC frames of a board; the number of charges afterwards."""
    for number in range(n_timed + 1):
        for pixel in range(N_PIXELS):
            own = n_hits[pixel // PIXELS_OF_TRIP]
            block = number - (n_timed - own) if from_end else number
            charge = 0.0
            if number == n_timed:
                charge = blocks[OPEN, pixel]["charge"]
            elif 0 <= block < own:
                charge = blocks[block, pixel]["charge"]
            of_low = charge if low_per_push else (low[pixel] if number == n_timed else 0.0)
            if charge != 0.0 or of_low != 0.0:
                if count < charges.size:
                    row = charges[count]
                    row["frame"], row["pixel"] = frame + number, pixel
                    row["charge"], row["low"] = charge, of_low
                count += 1
    return count


@njit(nogil=True)
def _put_hits(
    hits: Any, count: int, gate: int, feb: int, n_timed: int, n_hits: Any, blocks: Any,
    from_end: bool, pedestal: Any, curve: Any,
) -> Any:  # fmt: skip
    """Write the truth of the blocks of a board; the number of rows afterwards."""
    for pixel in range(N_PIXELS):
        own = n_hits[pixel // PIXELS_OF_TRIP]
        for row in range(ROWS):
            block = blocks[row, pixel]
            if block["charge"] == 0.0 or (row < OPEN and row >= own):
                continue
            if count < hits.size:
                hit = hits[count]
                hit["gate"], hit["channel"] = gate, feb * N_PIXELS + pixel
                place = row + (n_timed - own if from_end else 0)
                hit["block"] = -1 if row == LOST else n_timed if row == OPEN else place
                hit["fired"], hit["pe"] = block["fired"] != 0, block["pe"]
                hit["charge"], hit["time_ns"] = block["charge"], block["time"]
                hit["particle"] = block["particle"]
                full = pedestal[pixel, 0] + _curve(block["charge"], curve[pixel, 0]) >= MAX_ADC
                hit["flags"] = block["flags"] | (SATURATED if full else 0)
            count += 1
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
        Filled: blind time of all pairs, ns.
    most_arrivals : int
        Length of the list of arrivals of a board.

    Returns
    -------
    tuple of int
        Records, charges, hits, and arrivals of the fullest board: what would have been needed.
    """
    alone, from_end, low_per_push, with_hits = choices[0], choices[1], choices[2], choices[3]
    chip_pixels = PIXELS_OF_TRIP if alone else 2 * PIXELS_OF_TRIP
    n_chips, n_boards = N_PIXELS // chip_pixels, boards.size
    state = np.zeros(STATE_WORDS, np.uint32)
    arrivals = np.zeros(most_arrivals, ARRIVAL_DTYPE)
    by_time = np.zeros(most_arrivals, np.int64)
    chips = np.zeros(N_TRIPS + 1, np.int64)
    blocks = np.zeros((ROWS, N_PIXELS), BLOCK_DTYPE)
    begins = np.zeros((N_TRIPS, ROWS), np.int64)
    low = np.zeros(N_PIXELS, np.float64)
    n_hits = np.zeros(N_TRIPS, np.int64)
    for row in range(ROWS):
        for pixel in range(N_PIXELS):
            clear(blocks[row, pixel])
    n_records, n_charges, n_rows, n_frames, fullest = 0, 0, 0, 0, 0
    blind = (INTEGRATION_TICKS + RESET_TICKS) * clock[0]
    for gate in range(place.size - 2):
        number = place[gate + 2]
        dead[gate] = 0.0
        common = level[gate]
        if common > 0.0:
            start(state, seed, place[0], place[1], number, LIGHT_LAYER, WHOLE_GATE)
            common *= max(0.0, 1.0 + injection[2] * normal(state, table))
        for board in range(n_boards):
            feb = gate * n_boards + board
            start(state, seed, place[0], place[1], number, LIGHT_LAYER, boards[board])
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
                    trips = N_TRIPS // n_chips
                    timed = run_chip(
                        arrivals, by_time, chips[chip], chips[chip + 1], blocks,
                        begins[chip * trips], threshold[board], clock[0], clock[1], low,
                    )  # fmt: skip
                    for trip in range(chip * trips, (chip + 1) * trips):
                        n_hits[trip] = timed
                        begins[trip] = begins[chip * trips]
                    dead[gate] += timed * blind * (0.5 if alone else 1.0)
                    n_timed = max(n_timed, timed)
            row = febs[feb]
            row["n_timed"], row["n_adc"] = n_timed, n_timed + 1
            row["first_record"], row["first_adc"] = n_records, n_frames
            for trip in range(N_TRIPS):
                row["n_hits"][trip] = n_hits[trip]
            if count:
                n_records = _put_records(
                    records, n_records, feb, n_hits, begins, blocks, row["gate_timestamp"]
                )
                n_charges = _put_charges(
                    charges, n_charges, n_frames, n_timed, n_hits, blocks, low, from_end,
                    low_per_push,
                )  # fmt: skip
                if with_hits:
                    n_rows = _put_hits(
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


@njit(
    types.void(
        uint64, int64[::1], float32[::1], int64[::1], _FEBS, _CHARGES, float64[:, :, ::1],
        float64[:, :, ::1], float64[:, :, :, ::1], float64[:, ::1], types.float64, uint16[:, ::1],
        int64[:, ::1], uint16[:, ::1],
    ),
    nogil=True,
    cache=True,
)  # fmt: skip
def make_adc(
    seed: int, place: Any, table: Any, boards: Any, febs: Any, charges: Any, pedestal: Any,
    noise: Any, curve: Any, shift: Any, common_noise: float, stuck: Any, word: Any, adc: Any,
) -> None:  # fmt: skip
    """Digitise the charges of all ADC frames of some gates.

    Parameters
    ----------
    seed, place, table, boards
        As in :func:`make_blocks`.
    febs : ndarray of FEB_DTYPE, shape (n_gates * n_boards,)
        ``first_adc`` and ``n_adc`` are read.
    charges : ndarray of CHARGE_DTYPE
        In order of frame and pixel.
    pedestal, noise : ndarray of float64, shape (n_boards, 64, 3)
        ADC.
    curve : ndarray of float64, shape (n_boards, 64, 3, 6)
    shift : ndarray of float64, shape (n_gates, n_boards)
        Of all pedestals of a board, ADC.
    common_noise : float
        Of all pixels of a board together, ADC.
    stuck : ndarray of uint16, shape (n_boards, 64)
        Bits that are always 1.
    word : ndarray of int64, shape (64, 3)
        Place of pixel and gain among the 216 words.
    adc : ndarray of uint16, shape (n_frames, 216)
        Filled.
    """
    state = np.zeros(STATE_WORDS, np.uint32)
    bits = np.zeros(N_PIXELS * N_GAINS + 4, np.uint32)
    extra = np.zeros((N_PIXELS, N_GAINS), np.float64)
    n_boards = boards.size
    following = 0
    for gate in range(place.size - 2):
        for board in range(n_boards):
            row = febs[gate * n_boards + board]
            start(state, seed, place[0], place[1], place[gate + 2], NOISE_LAYER, boards[board])
            for frame in range(row["first_adc"], row["first_adc"] + row["n_adc"]):
                fill(state, bits)
                shared = shift[gate, board] + common_noise * normal_of(bits[-1], table)
                begin = following
                while following < charges.size and charges[following]["frame"] == frame:
                    charge = charges[following]
                    pixel = charge["pixel"]
                    for gain in range(N_GAINS):
                        q = charge["low"] if gain == N_GAINS - 1 else charge["charge"]
                        if q != 0.0:
                            own = curve[board, pixel, gain]
                            extra[pixel, gain] = _curve(q, own) - own[0]
                    following += 1
                target = adc[frame]
                for number in range(WORDS):
                    target[number] = NO_PIXEL_ADC
                for pixel in range(N_PIXELS):
                    for gain in range(N_GAINS):
                        value = (
                            pedestal[board, pixel, gain]
                            + shared
                            + extra[pixel, gain]
                            + noise[board, pixel, gain]
                            * normal_of(bits[pixel * N_GAINS + gain], table)
                        )
                        counts = math.floor(value + 0.5)
                        counts = min(max(counts, 0), MAX_ADC) | stuck[board, pixel]
                        target[word[pixel, gain]] = counts
                for used in range(begin, following):
                    for gain in range(N_GAINS):
                        extra[charges[used]["pixel"], gain] = 0.0


__all__ = ["ARRIVAL_DTYPE", "CHARGE_DTYPE", "add_arrival", "make_adc", "make_blocks"]
