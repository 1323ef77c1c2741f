"""The pedestal accumulator on a page-cached raw file, one core."""

from __future__ import annotations

from functools import partial, reduce
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.raw_decode import decode
from benchmarks.timing import Row, best_seconds, row
from mx2prod import raw
from mx2prod.calibration import (
    PedestalAccumulator,
    accumulate,
    deserialise,
    merge,
    peirce1,
    serialise,
)
from mx2prod.calibration.sources import SOURCE_DTYPE
from mx2prod.detector.hardware import HardwareMap
from mx2prod.raw.columns import GateChunk

RUN_1A_BYTES = 447.7e9
RUN_1A_FILES = 435
GATES = 200
_MERGED = 40


def measure(path: Path) -> list[Row]:
    """Measure on a raw file with pedestal gates; rows with name, value, unit, ratio, figure.

    Parameters
    ----------
    path : Path
        Raw file of the Mx2 geometry, for example the sample p09 written many times by
        :func:`benchmarks.raw_file.write_large_file`.
    """
    hardware = HardwareMap.load()
    size = path.stat().st_size
    together = size / best_seconds(lambda: _accumulate_file(path, hardware)) / 1e6
    decoding = size / best_seconds(lambda: decode(path)) / 1e6
    chunks = first_chunks(path)
    total = _accumulate_file(path, hardware)
    gates = sum(total.gates[k] for k in total.gates if k.startswith("type"))
    bytes_of_gates = size * sum(map(len, chunks)) / gates
    alone = bytes_of_gates / further_seconds(chunks, hardware, 10) / 1e6
    return [
        row("decode and accumulate, every CRC checked", together, "MB/s", "pedestal_mb_s",
            ours=together),
        row("decode alone", decoding, "MB/s", ours=together),
        row("accumulate alone, decoded chunks given", alone, "MB/s", ours=together),
        row("run 1a, 447.7 GB at this rate", RUN_1A_BYTES / together / 1e6 / 60, "min"),
        *_after_reading(total),
    ]  # fmt: skip


def _after_reading(total: PedestalAccumulator) -> list[Row]:
    data = serialise(total)
    outside = total.outside.sum(axis=1)
    parts = [_as_subrun(total, number) for number in range(_MERGED)]
    merging = best_seconds(lambda: _merge_one_by_one(parts)) * RUN_1A_FILES / _MERGED
    return [
        row("peirce1, all rows", best_seconds(partial(peirce1, total.histograms, outside)), "s"),
        row(f"merge {RUN_1A_FILES} accumulators one by one", merging, "s", "pedestal_merge_s"),
        row("serialise", best_seconds(lambda: serialise(total)), "s"),
        row("deserialise", best_seconds(lambda: deserialise(data)), "s"),
        row("size of the accumulator", len(data) / 1e6, "MB"),
    ]


def _merge_one_by_one(parts: list[PedestalAccumulator]) -> PedestalAccumulator:
    return reduce(lambda total, part: merge([total, part]), parts)


def _as_subrun(total: PedestalAccumulator, number: int) -> PedestalAccumulator:
    """Give the same content another subrun, because no gate merges twice."""
    source = np.array([(1, number, 1, 2, 0, 0)], SOURCE_DTYPE)
    return PedestalAccumulator(**{**_fields(total), "sources": source})


def _fields(total: PedestalAccumulator) -> dict[str, Any]:
    return {name: getattr(total, name) for name in PedestalAccumulator.__dataclass_fields__}


def _accumulate_file(path: Path, hardware: HardwareMap) -> PedestalAccumulator:
    with raw.open(path) as file:
        return accumulate(file.chunks(), hardware)


def first_chunks(path: Path) -> list[GateChunk]:
    """Decode at least :data:`GATES` gates from the start of a file."""
    chunks: list[GateChunk] = []
    with raw.open(path) as file:
        for chunk in file.chunks():
            chunks.append(chunk)
            if sum(map(len, chunks)) >= GATES:
                break
    return chunks


def further_seconds(chunks: list[GateChunk], hardware: HardwareMap, turns: int) -> float:
    """Seconds of a pass over the gates, without the start and the end of an accumulator."""
    once = best_seconds(lambda: accumulate(chunks, hardware))
    often = best_seconds(lambda: accumulate(chunks * (turns + 1), hardware))
    return (often - once) / turns
