"""Everything that a simulated file holds as JSON, in the structure of the samples' truth.

It is made from what was simulated, not from the bytes, so that the decoder can be compared with it.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from mx2prod.raw.columns import FebFlag, GateChunk
from mx2prod.raw.dump import dump_board, dump_header
from mx2prod.raw.encoder import chain_rows
from mx2prod.raw.layout import (
    DAQ_HEADER_BYTES,
    MIN_FRAME_BYTES,
    MODE_BY_STREAM,
    RUN_HEADER_BYTES,
    RunHeader,
)
from mx2prod.simulation.spec import FileSpec

RAW_TRUTH_FILE = "truth.json.gz"
_FRAMES_WITHOUT_ANSWER = 3


def gate_documents(chunk: GateChunk) -> list[dict[str, Any]]:
    """Gates as plain data; offsets count from the first byte of the first gate."""
    documents = []
    position = 0
    for row in range(len(chunk)):
        document = _gate(chunk, row, position)
        position = document["daq_header_offset"] + DAQ_HEADER_BYTES
        documents.append(document)
    return documents


def _gate(chunk: GateChunk, row: int, position: int) -> dict[str, Any]:
    chains = []
    for first, stop in chain_rows(chunk, row):
        chain = _chain(chunk, first, stop, position)
        position += chain["bytes_written"]
        chains.append(chain)
    return {**dump_header(chunk.gates[row]), "daq_header_offset": position, "chains": chains}


def _chain(chunk: GateChunk, first: int, stop: int, position: int) -> dict[str, Any]:
    febs = chunk.febs[first:stop]
    frames, sizes = zip(*map(_board_size, febs), strict=True)
    return {
        "crate": int(febs["crate"][0]),
        "croc": int(febs["croc"][0]),
        "chan": int(febs["chain"][0]),
        "block_bytes": sum(sizes),
        "n_frames": sum(frames),
        "file_offset": position if sum(sizes) else None,
        "bytes_written": sum(sizes),
        "febs": [dump_board(chunk, row) for row in range(first, stop)],
    }


def _board_size(feb: np.void) -> tuple[int, int]:
    """Frames and bytes of a board (raw-format page, section 10)."""
    flags = int(feb["flags"])
    if flags & FebFlag.ABSENT:
        return 0, 0
    if flags & FebFlag.NO_ANSWER:
        return _FRAMES_WITHOUT_ANSWER, _FRAMES_WITHOUT_ANSWER * MIN_FRAME_BYTES
    counts = 27 if flags & FebFlag.INDEPENDENT_PUSH else 25
    fpga = 80 if feb["firmware"] >= 96 else 76
    n_adc = int(feb["n_adc"])
    return 2 + n_adc, fpga + counts + 40 * int(feb["n_records"]) + 455 * n_adc


@dataclass
class RawTruthFile:
    """A ``truth.json.gz`` that grows gate by gate; a context.

    Parameters
    ----------
    path : Path
    file : FileSpec
    header : RunHeader
    name : str
        Of the raw file.
    """

    path: Path
    file: FileSpec
    header: RunHeader
    name: str
    _first: dict[str, Any] = field(default_factory=dict)
    _position: int = RUN_HEADER_BYTES

    def __enter__(self) -> Self:
        self._handle = self.path.open("wb")
        self._zip = gzip.GzipFile("", "wb", 6, self._handle, mtime=0)
        self._put('{"gates": [')
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._zip.close()
        self._handle.close()

    def write(self, chunk: GateChunk) -> None:
        """Write the gates of a block."""
        start = self._position
        for document in gate_documents(chunk):
            document["daq_header_offset"] += start
            for chain in document["chains"]:
                if chain["file_offset"] is not None:
                    chain["file_offset"] += start
            self._put((",\n" if self._first else "") + json.dumps(document))
            self._first = self._first or _file_values(chunk)
            self._position = document["daq_header_offset"] + DAQ_HEADER_BYTES

    def finish(self, size: int, *, sentinel: bool) -> None:
        """Write what is known of the whole file."""
        document = {
            "file": self.name,
            "size": size,
            "geometry": "UG" if self.header.is_nominal else None,
            "mode": MODE_BY_STREAM[self.file.stream],
            "minervadaq_exit_code": 2 if sentinel else 3,
            **self._first,
        }
        self._put("],\n" + json.dumps(document)[1:])

    def _put(self, text: str) -> None:
        self._zip.write(text.encode())


def _file_values(chunk: GateChunk) -> dict[str, Any]:
    gate = chunk.gates[0]
    firmware = chunk.febs["firmware"][chunk.febs["firmware"] > 0]
    return {
        "run": int(gate["run"]),
        "subrun": int(gate["subrun"]),
        "detector": int(gate["detector"]),
        "config": int(gate["config"]),
        "led_level": int(gate["led_level"]),
        "led_group_arg": int(gate["led_group"]),
        "first_global_gate": int(gate["global_gate"]),
        "feb_firmware": int(firmware[0]) if len(firmware) else None,
    }
