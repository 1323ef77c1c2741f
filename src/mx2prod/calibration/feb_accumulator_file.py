"""Sums of the FEB response as a Parquet file; equal sums give equal bytes.

One row for each key and channel that has readings: ``key``, ``channel`` (dense number) and the
sums.  Everything else is in the header (:mod:`~mx2prod.calibration.accumulator_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from mx2prod.calibration.accumulator_file import (
    AccumulatorFile,
    files_of,
    require,
    sources_of,
)
from mx2prod.calibration.feb_accumulator import FebSums, FebSumsKind


def _split(sums: FebSums) -> tuple[Any, dict[str, Any]]:
    key, channel = np.nonzero(sums.sums.any(axis=2))
    columns = {"key": sums.keys[key], "channel": channel.astype(np.int64)}
    columns |= {
        f"s{place:02d}": np.ascontiguousarray(sums.sums[key, channel, place])
        for place in range(sums.kind.width)
    }
    header = {
        "kind": str(sums.kind),
        "selection": sums.selection,
        "hardware": sums.hardware,
        "keys": sums.keys.tolist(),
        "n_channels": sums.n_channels,
        "sources": sums.sources.tolist(),
        "gates": sums.gates,
        "unmapped": sums.unmapped,
        "tables": sums.tables,
        "files": [list(file) for file in sums.files],
    }
    return pa.table(columns), header


def _join(header: Mapping[str, Any], table: Any) -> FebSums:
    kind = FebSumsKind(header["kind"])
    keys = np.array(header["keys"], np.int64)
    require(bool((np.diff(keys) > 0).all()), "keys are not in ascending order")
    columns = {name: table.column(name).to_numpy() for name in table.column_names}
    names = ["key", "channel", *(f"s{place:02d}" for place in range(kind.width))]
    require(list(columns) == names, f"columns {list(columns)}, expected {names}")
    wrong = [name for name, values in columns.items() if values.dtype != np.int64]
    require(not wrong, f"columns {wrong} are not int64")
    row, channel = np.searchsorted(keys, columns["key"]), columns["channel"]
    require(bool(np.isin(columns["key"], keys).all()), "a key that is not in the header")
    n_channels = int(header["n_channels"])
    require(bool(((channel >= 0) & (channel < n_channels)).all()), "a channel out of range")
    order = row * n_channels + channel
    require(bool((np.diff(order) > 0).all()), "rows are not in order, each once")
    sums = np.zeros((len(keys), n_channels, kind.width), np.int64)
    sums[row, channel] = np.stack([columns[name] for name in names[2:]], axis=1)
    return FebSums(
        kind, header["selection"], header["hardware"], keys, sums, sources_of(header),
        header["gates"], header["unmapped"], header["tables"], files_of(header),
    )  # fmt: skip


FEB_SUMS_FILE = AccumulatorFile(
    "mx2prod FEB sums 1", "accumulator of the FEB response", _split, _join
)
feb_sums_bytes, parse_feb_sums = FEB_SUMS_FILE.to_bytes, FEB_SUMS_FILE.parse
write_feb_sums, read_feb_sums = FEB_SUMS_FILE.write, FEB_SUMS_FILE.read
