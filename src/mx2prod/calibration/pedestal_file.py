"""The accumulator as a Parquet file; equal accumulators give equal bytes.

One long table holds every number that is not zero: ``member``, ``row``, ``column``, ``value``.
Member ``histogram`` has a row for each occupied bin (row: channel * 3 + gain, column: ADC, value:
readings); ``outside``, ``sums`` and ``blocks`` have the same rows, ``boards`` a row a board and a
column a counter, ``slices`` a row for each slice and board, ``slice_times`` a row a slice.  The
rest is in the header (:mod:`~mx2prod.calibration.accumulator_file`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mx2prod import __version__
from mx2prod.calibration.accumulator_file import (
    AccumulatorFile,
    files_of,
    require,
    sources_of,
)
from mx2prod.calibration.boards import ROWS_PER_BOARD
from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_accumulator import BOARD_DTYPE, PedestalAccumulator
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_monitors import N_BLOCKS
from mx2prod.calibration.pedestal_slices import SLICE_SUMS, SubrunSlices

HISTOGRAM = "histogram"
MOST_BOARDS = 4096
_HEADER_KEYS = {
    "version", "config", "hardware", "gates", "unmapped", "sources", "files", "boards",
    "subruns",
}  # fmt: skip
_COLUMNS: dict[str, np.dtype[Any]] = {
    "row": np.dtype(np.int32),
    "column": np.dtype(np.int32),
    "value": np.dtype(np.int64),
}
Integers = npt.NDArray[np.int64]
Members = dict[str, Integers]
Sparse = tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]


def _table(accumulator: PedestalAccumulator) -> tuple[Any, dict[str, Any]]:
    members = {HISTOGRAM: accumulator.histograms.occupied()}
    members |= {name: _sparse(array) for name, array in _dense_members(accumulator).items()}
    words = np.repeat(
        np.arange(len(members), dtype=np.int8), [len(rows) for rows, _, _ in members.values()]
    )
    columns = {"member": pa.DictionaryArray.from_arrays(words, list(members))} | {
        name: np.concatenate([part[place] for part in members.values()]).astype(dtype)
        for place, (name, dtype) in enumerate(_COLUMNS.items())
    }
    return pa.table(columns), _header(accumulator)


def _header(accumulator: PedestalAccumulator) -> dict[str, Any]:
    return {
        "version": __version__,
        "config": accumulator.config.model_dump(),
        "hardware": accumulator.hardware,
        "gates": accumulator.gates,
        "unmapped": accumulator.unmapped,
        "sources": [list(row) for row in accumulator.sources.tolist()],
        "files": [list(file) for file in accumulator.files],
        "boards": len(accumulator.boards),
        "subruns": [[s.run, s.subrun, s.width, len(s.numbers)] for s in accumulator.slices],
    }


def _dense_members(accumulator: PedestalAccumulator) -> Members:
    """Members beside the histograms, each with two axes."""
    slices = accumulator.slices
    times = [np.column_stack([part.numbers, part.times_us]) for part in slices]
    sums = [part.sums.reshape(-1, SLICE_SUMS) for part in slices]
    names = BOARD_DTYPE.names or ()
    return {
        "outside": accumulator.outside.astype(np.int64),
        "sums": accumulator.sums,
        "blocks": accumulator.blocks.reshape(len(accumulator.blocks), -1),
        "boards": np.stack([accumulator.boards[name] for name in names], axis=1),
        "slices": np.concatenate([np.zeros((0, SLICE_SUMS), np.int64), *sums]),
        "slice_times": np.concatenate([np.zeros((0, 3), np.int64), *times]),
    }


def _sparse(array: Integers) -> Sparse:
    rows, columns = np.nonzero(array)
    return rows, columns, array[rows, columns]


def _members(header: Mapping[str, Any], table: Any) -> dict[str, Sparse]:
    missing = sorted(_HEADER_KEYS - set(header))
    require(not missing, f"no {', '.join(missing)} in the header")
    numbers = {name: table.column(name).to_numpy() for name in _COLUMNS}
    for name, dtype in _COLUMNS.items():
        require(numbers[name].dtype == dtype, f"{name} is {numbers[name].dtype}, expected {dtype}")
    return _split(table.column("member").combine_chunks(), numbers)


def _split(words: Any, numbers: dict[str, npt.NDArray[Any]]) -> dict[str, Sparse]:
    """Members are stretches of the table, in the order of the dictionary."""
    codes = words.indices.to_numpy()
    require(bool((np.diff(codes) >= 0).all()), "members are not in order")
    names = words.dictionary.to_pylist()
    edges = np.searchsorted(codes, np.arange(len(names) + 1))
    parts = [slice(*edges[place : place + 2]) for place in range(len(names))]
    rows, columns, values = numbers.values()
    return {
        name: (rows[part], columns[part], values[part])
        for name, part in zip(names, parts, strict=True)
    }


def _accumulator(header: Mapping[str, Any], table: Any) -> PedestalAccumulator:
    members = _members(header, table)
    n_febs = int(header["boards"])
    require(0 < n_febs <= MOST_BOARDS, f"{n_febs} boards, expected 1 to {MOST_BOARDS}")
    n_rows = n_febs * ROWS_PER_BOARD
    n_slices = sum(count for *_, count in header["subruns"])
    shapes = {
        "outside": (n_rows, 2), "sums": (n_rows, 2), "blocks": (n_rows, N_BLOCKS * 2),
        "boards": (n_febs, len(BOARD_DTYPE.names or ())), "slices": (n_slices * n_febs, SLICE_SUMS),
        "slice_times": (n_slices, 3),
    }  # fmt: skip
    dense = {name: _dense(members.get(name), shape, name) for name, shape in shapes.items()}
    boards = np.zeros(n_febs, BOARD_DTYPE)
    for place, name in enumerate(BOARD_DTYPE.names or ()):
        boards[name] = dense["boards"][:, place]
    accumulator = PedestalAccumulator(
        PedestalConfig(**header["config"]), header["hardware"],
        _histograms(members.get(HISTOGRAM), n_rows), dense["outside"].astype(np.uint32),
        dense["sums"], boards, sources_of(header),
        header["gates"], header["unmapped"], dense["blocks"].reshape(n_rows, N_BLOCKS, 2),
        _slices(header["subruns"], dense, n_febs),
        files_of(header),
    )  # fmt: skip
    frames = np.repeat(boards["frames"], ROWS_PER_BOARD)
    wrong = np.flatnonzero(accumulator.entries() != frames)
    require(not len(wrong), f"{len(wrong)} rows have other entries than ADC frames were taken")
    return accumulator


def _dense(sparse: Sparse | None, shape: tuple[int, int], name: str) -> Integers:
    array = np.zeros(shape, np.int64)
    if sparse is not None:
        rows, columns, values = sparse
        inside = bool(((rows >= 0) & (columns >= 0)).all())
        require(inside, f"{name} has a negative row or column")
        array[rows, columns] = values
    return array


def _slices(subruns: list[list[int]], dense: Members, n_febs: int) -> tuple[SubrunSlices, ...]:
    sums = dense["slices"].reshape(-1, n_febs, SLICE_SUMS)
    slices, start = [], 0
    for run, subrun, width, count in subruns:
        rows = slice(start, start + count)
        times = dense["slice_times"][rows]
        slices.append(
            SubrunSlices(run, subrun, width, times[:, 0].copy(), times[:, 1:].copy(), sums[rows])
        )
        start += count
    return tuple(slices)


def _histograms(sparse: Sparse | None, n_rows: int) -> Histograms:
    rows, adc, counts = sparse or (np.zeros(0, np.int32),) * 3
    return Histograms.from_bins(rows, adc, counts, n_rows)


PEDESTAL_FILE = AccumulatorFile(
    "mx2prod pedestal accumulator 2", "pedestal accumulator", _table, _accumulator,
    {
        "use_dictionary": ["member"],
        "column_encoding": dict.fromkeys(_COLUMNS, "DELTA_BINARY_PACKED"),
    },
)  # fmt: skip
serialise, deserialise = PEDESTAL_FILE.to_bytes, PEDESTAL_FILE.parse
write_accumulator, read_accumulator = PEDESTAL_FILE.write, PEDESTAL_FILE.read
