"""Decoded gates made by hand: random boards with all kinds of hit counts and states."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from mx2prod.raw.columns import (
    ADC_FRAME_DTYPE,
    FEB_DTYPE,
    GATE_DTYPE,
    RECORD_DTYPE,
    FebFlag,
    GateChunk,
)


def random_chunk(seed: int, n_gates: int = 4, n_boards: int = 6) -> GateChunk:
    """Gates whose boards differ in hit counts, firmware mode, missing frames and error flags."""
    rng = np.random.default_rng(seed)
    gates = np.zeros(n_gates, GATE_DTYPE)
    gates["gate"] = np.arange(1, n_gates + 1)
    gates["global_gate"] = 26_511_430 + np.arange(n_gates)
    gates["time_us"] = 1_720_601_760_000_000 + 1_200_000 * np.arange(n_gates)
    gates["flags"] = rng.choice([0, 0, 1, 8, 16], n_gates)
    febs, records, frames = [], [], []
    for gate in range(n_gates):
        for board in range(1, int(rng.integers(0, n_boards + 1)) + 1):
            febs.append(_board(rng, gate, board, len(febs), records, frames))
    feb_table = np.array(febs, FEB_DTYPE) if febs else np.zeros(0, FEB_DTYPE)
    return GateChunk(
        gates=gates,
        febs=feb_table,
        records=np.concatenate(records) if records else np.zeros(0, RECORD_DTYPE),
        adc_frames=np.array(frames, ADC_FRAME_DTYPE) if frames else np.zeros(0, ADC_FRAME_DTYPE),
        adc=rng.integers(0, 4096, (len(frames), 6, 36), dtype=np.uint16),
        registers=rng.integers(0, 256, (len(febs), 59), dtype=np.uint8),
    )


def _board(rng, gate, board, row, records, frames):  # type: ignore[no-untyped-def]
    n_hits = rng.integers(0, 7, 4).astype(np.uint8)
    deepest = int(n_hits.max())
    flags = int(
        rng.choice(
            [0, 0, 0, FebFlag.NO_FPGA, FebFlag.NO_DISCRIMINATOR, FebFlag.CRC_ERROR, FebFlag.STATUS]
        )
    )
    first_record = sum(len(block) for block in records)
    n_records = 0 if flags & FebFlag.NO_DISCRIMINATOR else int(n_hits.sum())
    for trip, count in enumerate(n_hits if n_records else []):
        block = np.zeros(count, RECORD_DTYPE)
        block["feb"], block["trip"], block["record"] = row, trip, np.arange(count)
        block["timestamp"] = rng.integers(0, 2**32, count)
        block["delay"] = rng.choice([16, 16, 3, 0, 15], (count, 16))
        block["quarter"] = rng.integers(0, 4, (count, 16))
        records.append(block)
    first_adc = len(frames)
    missing = int(rng.integers(0, deepest + 1)) if rng.random() < 0.2 else -1
    frames += [
        (row, hit, 0x31, int(rng.choice([0, 0, 1, 2, 3])))
        for hit in range(deepest + 1)
        if hit != missing
    ]
    return (
        gate, 0, int(rng.integers(1, 7)), int(rng.integers(0, 4)), board, 97, deepest,
        len(frames) - first_adc, tuple(n_hits), 1, 2, int(rng.integers(0, 2**32)),
        first_record, n_records, first_adc, flags,
    )  # fmt: skip


@pytest.fixture(scope="session")
def make_chunk() -> Callable[..., GateChunk]:
    return random_chunk
