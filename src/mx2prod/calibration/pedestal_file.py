"""The accumulator as a file: a compressed NumPy archive with only the occupied bins.

Equal accumulators give equal bytes.  Members: ``header`` (canonical JSON), ``n_bins``, ``adc`` and
``counts`` (occupied bins, row after row), ``outside``, ``sums``, ``boards``, ``sources``.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydantic import ValidationError

from mx2prod.calibration.histograms import Histograms
from mx2prod.calibration.pedestal_accumulator import (
    BOARD_DTYPE,
    SOURCE_DTYPE,
    PedestalAccumulator,
)
from mx2prod.calibration.pedestal_config import PedestalConfig
from mx2prod.calibration.pedestal_filling import ROWS_PER_BOARD
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import atomic_path, require_regular_file

FORMAT = "mx2prod pedestal accumulator 1"
_HEADER_KEYS = {"format", "config", "hardware", "gates", "unmapped"}
_DTYPES: dict[str, np.dtype[Any]] = {
    "header": np.dtype("u1"),
    "n_bins": np.dtype("<u2"),
    "adc": np.dtype("<u2"),
    "counts": np.dtype("<u4"),
    "outside": np.dtype("<u4"),
    "sums": np.dtype("<i8"),
    "boards": BOARD_DTYPE,
    "sources": SOURCE_DTYPE,
}
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    AttributeError,
    NotImplementedError,
    SyntaxError,
)
Members = dict[str, npt.NDArray[Any]]


def serialise(accumulator: PedestalAccumulator) -> bytes:
    """Bytes of an accumulator, the same for equal content."""
    histograms = accumulator.histograms
    occupied = histograms.counts > 0
    rows = np.repeat(np.arange(len(histograms)), np.diff(histograms.offsets))
    adc = np.arange(len(rows)) - histograms.offsets[rows] + histograms.first[rows]
    header = {
        "format": FORMAT,
        "config": accumulator.config.model_dump(),
        "hardware": accumulator.hardware,
        "gates": accumulator.gates,
        "unmapped": accumulator.unmapped,
    }
    members: Members = {
        "header": np.frombuffer(canonical_json(header).encode(), np.uint8),
        "n_bins": np.bincount(rows[occupied], minlength=len(histograms)),
        "adc": adc[occupied],
        "counts": histograms.counts[occupied],
        "outside": accumulator.outside,
        "sums": accumulator.sums,
        "boards": accumulator.boards,
        "sources": accumulator.sources,
    }
    stream = io.BytesIO()
    np.savez_compressed(
        stream,
        allow_pickle=False,
        **{name: member.astype(_DTYPES[name], copy=False) for name, member in members.items()},
    )
    return stream.getvalue()


def deserialise(data: bytes, name: str = "accumulator") -> PedestalAccumulator:
    """Accumulator of the bytes of :func:`serialise`.

    Parameters
    ----------
    data : bytes
    name : str
        What the error calls it, for example the path.

    Raises
    ------
    InputFileError
        If the bytes are damaged, of another format, or contradict themselves.
    """
    try:
        members = _members(data)
        header = json.loads(members["header"].tobytes())
        found = header.get("format")
        _require(found == FORMAT, f"format {found!r}, expected {FORMAT!r}")
        missing = sorted(_HEADER_KEYS - set(header))
        _require(not missing, f"no {', '.join(missing)} in the header")
        return _accumulator(members, header)
    except (*_BROKEN, ValidationError) as error:
        raise InputFileError(
            f"{name}: no whole pedestal accumulator: {str(error) or type(error).__name__}",
            next_step="make the accumulator again from its raw files",
        ) from error


def write_accumulator(
    accumulator: PedestalAccumulator, path: Path, *, overwrite: bool = False
) -> None:
    """Write an accumulator; a reader sees the whole file or none.

    Raises
    ------
    OutputError
        If the file exists or cannot be written.
    """
    with atomic_path(path, overwrite=overwrite) as temporary:
        temporary.write_bytes(serialise(accumulator))


def read_accumulator(path: Path) -> PedestalAccumulator:
    """Read an accumulator.

    Raises
    ------
    InputFileError
        If the file cannot be read, is damaged, or is something else.
    """
    require_regular_file(path)
    return deserialise(path.read_bytes(), str(path))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ValueError(message)


def _members(data: bytes) -> Members:
    with np.load(io.BytesIO(data), allow_pickle=False) as archive:
        _require(isinstance(archive, np.lib.npyio.NpzFile), "no NumPy archive")
        missing = sorted(set(_DTYPES) - set(archive.files))
        _require(not missing, f"no member {', '.join(missing)}")
        members = {name: archive[name] for name in _DTYPES}
    for name, member in members.items():
        expected = _DTYPES[name]
        _require(member.dtype == expected, f"{name} is {member.dtype}, expected {expected}")
    return members


def _accumulator(members: Members, header: dict[str, Any]) -> PedestalAccumulator:
    n_rows = len(members["boards"]) * ROWS_PER_BOARD
    n_bins = int(members["n_bins"].sum(dtype=np.int64))
    for name, shape in (
        ("n_bins", (n_rows,)), ("adc", (n_bins,)), ("counts", (n_bins,)),
        ("outside", (n_rows, 2)), ("sums", (n_rows, 2)),
    ):  # fmt: skip
        found = members[name].shape
        _require(found == shape, f"{name} has shape {found}, expected {shape}")
    histograms = _histograms(members["n_bins"], members["adc"], members["counts"])
    accumulator = PedestalAccumulator(
        PedestalConfig(**header["config"]), header["hardware"], histograms, members["outside"],
        members["sums"], members["boards"], members["sources"], header["gates"],
        header["unmapped"],
    )  # fmt: skip
    frames = np.repeat(members["boards"]["frames"], ROWS_PER_BOARD)
    wrong = np.flatnonzero(accumulator.entries() != frames)
    _require(not len(wrong), f"{len(wrong)} rows have other entries than ADC frames were taken")
    return accumulator


def _histograms(
    n_bins: npt.NDArray[np.uint16], adc: npt.NDArray[np.uint16], counts: npt.NDArray[np.uint32]
) -> Histograms:
    """Put occupied bins into windows from the first to the last of each row."""
    ends = np.cumsum(n_bins, dtype=np.int64)
    rows = np.repeat(np.arange(len(n_bins)), n_bins)
    values = adc.astype(np.int64)
    rising = (np.diff(values) > 0) | (np.diff(rows) > 0)
    _require(bool(rising.all()) and bool((counts > 0).all()), "bins are out of order or empty")
    filled = n_bins > 0
    first, width = np.zeros((2, len(n_bins)), np.int64)
    first[filled] = values[(ends - n_bins)[filled]]
    width[filled] = values[ends[filled] - 1] + 1 - first[filled]
    offsets = np.concatenate([[0], np.cumsum(width)])
    dense = np.zeros(offsets[-1], np.uint32)
    dense[offsets[rows] + values - first[rows]] = counts
    return Histograms(first.astype(np.int32), offsets, dense)
