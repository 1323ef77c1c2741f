"""Run strax's pulse kernels over as many bytes; started with the Python of its own environment.

The chain is what strax does to the raw records of a digitiser: copy to records, baseline,
integrate, find hits.  Prints bytes per second of raw records, best of three turns.
"""

from __future__ import annotations

import sys
import time

import numpy as np
import strax

SAMPLES = 110
CHUNK = 20_000


def raw_records(count: int) -> np.ndarray:
    """Noise with a pulse in every record."""
    generator = np.random.default_rng(1)
    records = np.zeros(count, strax.raw_record_dtype(SAMPLES))
    records["data"] = generator.normal(16_000, 3, (count, SAMPLES)).astype(np.int16)
    records["data"][:, 60:66] -= 400
    records["length"] = records["pulse_length"] = SAMPLES
    records["dt"] = 10
    records["time"] = np.arange(count) * SAMPLES * 10
    records["channel"] = np.arange(count) % 494
    return records


def process(raw: np.ndarray) -> int:
    """Return the number of hits."""
    records = strax.raw_to_records(raw)
    strax.baseline(records)
    strax.integrate(records)
    return len(strax.find_hits(records, min_amplitude=15))


def main() -> None:
    """Process the bytes asked for in chunks that repeat one block of records."""
    raw = raw_records(CHUNK)
    turns = max(1, int(sys.argv[1]) // raw.nbytes)
    process(raw)
    best = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        hits = sum(process(raw) for _ in range(turns))
        best = min(best, time.perf_counter() - start)
    assert hits >= turns * CHUNK
    print(turns * raw.nbytes / best)


if __name__ == "__main__":
    main()
