"""The light-injection accumulator as a Parquet file; equal accumulators give equal bytes.

One row whose columns are the members as little-endian bytes, compressed; everything else is
in the header (:mod:`~mx2prod.calibration.accumulator_file`).  Only occupied bins are kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mx2prod.calibration.accumulator_file import AccumulatorFile, files_of, require
from mx2prod.calibration.boards import ROWS_PER_BOARD
from mx2prod.calibration.gain_config import LightInjectionConfig
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.light_injection_accumulator import (
    ADC_OF_BIN,
    LIGHT_BOARD_DTYPE,
    N_KINDS,
    PULSE_DTYPE,
    SLICE_DTYPE,
    LightInjectionAccumulator,
)
from mx2prod.calibration.sources import SOURCE_DTYPE

_DTYPES: dict[str, np.dtype[Any]] = {
    "n_bins": np.dtype("<u2"),
    "bins": np.dtype("<u2"),
    "bin_counts": np.dtype("<u4"),
    "covariance": np.dtype("<i8"),
    "slices": SLICE_DTYPE,
    "counts": np.dtype("<u4"),
    "sums": np.dtype("<i8"),
    "squares": np.dtype("<i8"),
    "pulses": PULSE_DTYPE,
    "boards": LIGHT_BOARD_DTYPE,
    "sources": SOURCE_DTYPE,
}
Members = dict[str, npt.NDArray[Any]]


def _split(accumulator: LightInjectionAccumulator) -> tuple[Any, dict[str, Any]]:
    histograms = accumulator.histograms
    rows, bins, counts = histograms.occupied()
    members: Members = {
        "n_bins": np.bincount(rows, minlength=len(histograms)),
        "bins": bins,
        "bin_counts": counts,
        "covariance": accumulator.covariance,
        "slices": accumulator.slices,
        "counts": accumulator.counts,
        "sums": accumulator.sums[..., 0],
        "squares": accumulator.sums[..., 1],
        "pulses": accumulator.pulses,
        "boards": accumulator.boards,
        "sources": accumulator.sources,
    }
    header = {
        "config": accumulator.config.model_dump(),
        "hardware": accumulator.hardware,
        "level": accumulator.level,
        "gates": accumulator.gates,
        "unmapped": accumulator.unmapped,
        "files": [list(file) for file in accumulator.files],
    }
    columns = {
        name: pa.array([members[name].astype(dtype).tobytes()], pa.large_binary())
        for name, dtype in _DTYPES.items()
    }
    return pa.table(columns), header


def _join(header: Mapping[str, Any], table: Any) -> LightInjectionAccumulator:
    require(table.num_rows == 1, f"{table.num_rows} rows, expected 1")
    members: Members = {
        member: np.frombuffer(table.column(member)[0].as_py(), dtype).copy()
        for member, dtype in _DTYPES.items()
    }
    n_rows = N_KINDS * len(members["boards"]) * ROWS_PER_BOARD
    shape = len(members["slices"]), n_rows
    for name in ("counts", "sums", "squares"):
        require(members[name].size == shape[0] * shape[1], f"{name} of a wrong length")
        members[name] = members[name].reshape(shape)
    for name in ("n_bins", "covariance"):
        require(len(members[name]) == n_rows, f"{name} of a wrong length")
    keys = members["slices"][["run", "subrun", "number"]].tolist()
    require(keys == sorted(set(keys)), "time slices are not in order, each once")
    accumulator = LightInjectionAccumulator(
        LightInjectionConfig(**header["config"]), str(header["hardware"]), int(header["level"]),
        _histograms(members), members["covariance"], members["slices"],
        members["counts"].astype(np.int64), np.stack([members["sums"], members["squares"]], axis=2),
        members["pulses"], members["boards"], members["sources"], header["gates"],
        header["unmapped"], files_of(header),
    )  # fmt: skip
    _require_consistent(accumulator)
    return accumulator


def _histograms(members: Members) -> Histograms:
    n_bins = members["n_bins"].astype(np.int64)
    bins, counts = members["bins"].astype(np.int64), members["bin_counts"]
    require(n_bins.sum() == len(bins) == len(counts), "bins of a wrong length")
    rows = np.repeat(np.arange(len(n_bins)), n_bins)
    return Histograms.from_bins(rows, bins, counts, len(n_bins))


def _require_consistent(accumulator: LightInjectionAccumulator) -> None:
    """Compare the bins with the exact sums, and the pulses with the slices."""
    histograms = accumulator.histograms
    entries = histograms.entries()
    wrong = np.count_nonzero(entries != accumulator.counts.sum(axis=0))
    require(not wrong, f"{wrong} rows have other entries than readings were summed")
    rows, bins, counts = histograms.occupied()
    lowest = np.bincount(rows, bins * ADC_OF_BIN * counts, len(histograms))
    excess = accumulator.sums[..., 0].sum(axis=0) - lowest
    wrong = np.count_nonzero((excess < 0) | (excess > (ADC_OF_BIN - 1) * entries))
    require(not wrong, f"{wrong} rows have a sum that their bins cannot have")
    pulses, used = len(accumulator.pulses), accumulator.gates.get("used")
    in_slices = int(accumulator.slices["gates"].sum() + accumulator.slices["cut"].sum())
    require(pulses == used == in_slices, f"{pulses} pulses, {used} used, {in_slices} in slices")


LIGHT_FILE = AccumulatorFile(
    "mx2prod light-injection accumulator 1", "light-injection accumulator", _split, _join,
    {"use_dictionary": False},
)  # fmt: skip
light_bytes, parse_light = LIGHT_FILE.to_bytes, LIGHT_FILE.parse
write_light, read_light = LIGHT_FILE.write, LIGHT_FILE.read
