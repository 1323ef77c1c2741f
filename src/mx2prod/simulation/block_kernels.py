"""What the chips of a board have in a gate, written as columns: records, charges, truth.

Helpers only; :mod:`mx2prod.simulation.readout_kernels` has the entry point.  Source: raw-format
page, sections 4 to 5.1.
"""

from __future__ import annotations

from typing import Any

from numba import njit

from mx2prod.detector.trip import PIXELS_PER_TRIP
from mx2prod.raw.columns import N_PIXELS, N_TIMED_TRIPS
from mx2prod.simulation.adc_kernels import MAX_ADC, counts_of
from mx2prod.simulation.columns import HitFlag
from mx2prod.simulation.trip_kernels import LOST, OPEN, ROWS

_SATURATED = int(HitFlag.SATURATED)


@njit(nogil=True)
def put_records(
    records: Any, count: int, feb: int, n_hits: Any, begins: Any, blocks: Any, timestamp: int
) -> Any:
    """Write the discriminator records of a board; the number of records afterwards."""
    for trip in range(N_TIMED_TRIPS):
        for hit in range(n_hits[trip]):
            if count < records.size:
                record = records[count]
                record["feb"], record["trip"], record["record"] = feb, trip, hit
                record["timestamp"] = timestamp + begins[trip, hit]
                for channel in range(PIXELS_PER_TRIP):
                    block = blocks[hit, trip * PIXELS_PER_TRIP + channel]
                    record["delay"][channel] = block["delay"]
                    record["quarter"][channel] = block["quarter"]
            count += 1
    return count


@njit(nogil=True)
def put_charges(
    charges: Any, count: int, frame: int, n_timed: int, n_hits: Any, blocks: Any, low: Any,
    from_end: bool, low_per_push: bool,
) -> Any:  # fmt: skip
    """Write the charges of the ADC frames of a board; the number of charges afterwards."""
    for number in range(n_timed + 1):
        for pixel in range(N_PIXELS):
            own = n_hits[pixel // PIXELS_PER_TRIP]
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
def put_hits(
    hits: Any, count: int, gate: int, feb: int, n_timed: int, n_hits: Any, blocks: Any,
    from_end: bool, pedestal: Any, curve: Any,
) -> Any:  # fmt: skip
    """Write the truth of the blocks of a board; the number of rows afterwards."""
    for pixel in range(N_PIXELS):
        own = n_hits[pixel // PIXELS_PER_TRIP]
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
                full = pedestal[pixel, 0] + counts_of(block["charge"], curve[pixel, 0]) >= MAX_ADC
                hit["flags"] = block["flags"] | (_SATURATED if full else 0)
            count += 1
    return count
