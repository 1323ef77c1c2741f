"""A large numib-like raw file: realistic gates written again and again by the encoder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from mx2prod import raw
from mx2prod.core.files import atomic_path
from mx2prod.raw.columns import GateChunk
from mx2prod.raw.encoder import encode

_PERIOD_US = 1_200_000


def write_large_file(sample: Path, out: Path, size: int) -> int:
    """Write about ``size`` bytes by repeating the gates of a sample with running numbers.

    Parameters
    ----------
    sample : Path
        A well-formed raw file.
    out : Path
        New file, with a legal DAQ name.
    size : int
        Bytes.

    Returns
    -------
    int
        Gates written.
    """
    with raw.open(sample) as file:
        header = file.scan().runs[0].header
        chunk = next(file.chunks())
        repeats = max(1, round(size / file.size))
    with atomic_path(out, overwrite=True) as temporary, temporary.open("wb") as handle:
        for piece in encode(header, _repeat(chunk, repeats)):
            handle.write(piece)
    return repeats * len(chunk)


def _repeat(chunk: GateChunk, repeats: int) -> Iterator[GateChunk]:
    for turn in range(repeats):
        gates = chunk.gates.copy()
        gates["gate"] += turn * len(chunk)
        gates["global_gate"] += turn * len(chunk)
        gates["time_us"] += turn * len(chunk) * _PERIOD_US
        gates["sgate"] += turn * (int(np.ptp(chunk.gates["sgate"])) + 1)
        yield GateChunk(
            gates, chunk.febs, chunk.records, chunk.adc_frames, chunk.adc, chunk.registers
        )
