"""The plain twin of the accumulator: one reading after the other, no histogram kernel."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np

from mx2prod.calibration import PedestalAccumulator, PedestalConfig
from mx2prod.detector.hardware import HardwareMap
from mx2prod.detector.trip import pixels_by_gain
from mx2prod.raw.columns import FEB_EXCLUDED, GateChunk

Readings = dict[int, list[np.ndarray]]


def plain_readings(
    chunks: list[GateChunk], hardware: HardwareMap, config: PedestalConfig
) -> Readings:
    """ADC of each accepted frame as (192,) arrays, row order, by dense board number."""
    readings: Readings = defaultdict(list)
    for chunk in chunks:
        numbers = hardware.feb_index(chunk.febs)
        for frame, words in zip(chunk.adc_frames, chunk.adc, strict=True):
            feb = chunk.febs[frame["feb"]]
            gate = chunk.gates[feb["gate"]]
            number = int(numbers[frame["feb"]])
            untimed = frame["hit"] == feb["n_timed"]
            wanted = {
                "untimed_n0": untimed and feb["n_timed"] == 0,
                "untimed_any": untimed,
                "all": True,
            }[config.block_policy]
            usable = not gate["flags"] & 0b11110 and not feb["flags"] & int(FEB_EXCLUDED)
            if gate["trigger_type"] == config.trigger_type and usable and wanted and number >= 0:
                readings[number].append(pixels_by_gain(words).T.ravel().astype(np.int64))
    return readings


def check_against_plain(
    accumulator: PedestalAccumulator,
    chunks: list[GateChunk],
    hardware: HardwareMap,
    config: PedestalConfig,
) -> int:
    """Compare every row; the number of rows with readings."""
    readings = plain_readings(chunks, hardware, config)
    compared = 0
    for board in range(hardware.n_febs):
        values = np.array(readings.get(board, [])).reshape(-1, 192)
        assert accumulator.boards["frames"][board] == len(values)
        for place in range(192):
            _check_row(accumulator, board * 192 + place, values[:, place], config)
        compared += 192 * (len(values) > 0)
    return compared


def _check_row(
    accumulator: PedestalAccumulator, row: int, values: np.ndarray, config: PedestalConfig
) -> None:
    adc, counts = accumulator.histograms.row(row)
    found = {int(k): int(n) for k, n in zip(adc, counts, strict=True) if n}
    assert accumulator.sums[row].tolist() == [values.sum(), (values**2).sum()]
    if not len(values):
        assert found == {} and accumulator.outside[row].tolist() == [0, 0]
        return
    base = int(np.floor(np.median(values[: config.window_readings]))) - config.window_bins // 2
    inside = (values >= base) & (values < base + config.window_bins)
    assert found == Counter(values[inside].tolist())
    below = np.count_nonzero(values < base)
    assert accumulator.outside[row].tolist() == [below, len(values) - inside.sum() - below]
