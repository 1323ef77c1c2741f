"""The raw room on a page-cached file of 1 GB, beside memcpy, a plain decoder and strax."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.raw_file import write_large_file
from benchmarks.timing import Row, best_seconds, command_seconds, peak_megabytes, row
from mx2prod import raw
from mx2prod.raw.layout import RUN_HEADER_BYTES
from tests.raw import plain_decoder

ROOT = Path(__file__).parents[1]
SIZE = 1_000_000_000
MX2 = str(Path(sys.executable).with_name("mx2"))
_BLOCK = 1 << 24


def measure(strax_python: Path | None, size: int = SIZE) -> list[Row]:
    """Build the file, measure everything on it; rows with name, value, unit, ratio, figure.

    Parameters
    ----------
    strax_python : Path or None
        Interpreter of the environment that has strax; its row is left out without one.
    size : int
        Bytes of the file.
    """
    with large_file("p10", size) as (path, gates):
        return _measure(path, gates, strax_python)


@contextmanager
def large_file(prefix: str, size: int) -> Iterator[tuple[Path, int]]:
    """Give a large file made of the gates of a sample, and its number of gates; then remove it."""
    sample = next((ROOT / "tests" / "data" / "raw").glob(f"{prefix}*/*.dat"))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / sample.name
        yield path, write_large_file(sample, path, size)


def _measure(path: Path, gates: int, strax_python: Path | None) -> list[Row]:
    size = path.stat().st_size
    data = path.read_bytes()
    ours = _rate(size, lambda: decode(path))
    scan, copy = _rate(size, lambda: _scan(path)), _rate(size, lambda: _copy(data))
    rows = [
        row("decode to columns, every CRC checked", ours, "GB/s", "decode_gb_s", ours=ours),
        row("check every rule without decoding hits", scan, "GB/s", ours=ours),
        row("memcpy of the same bytes", copy, "GB/s", ours=ours),
        row("plain NumPy decoder, no CRC", _plain_rate(data), "GB/s", ours=ours),
    ]
    if strax_python is not None:
        words = [str(strax_python), str(ROOT / "benchmarks" / "strax_peer.py"), str(size)]
        answer = subprocess.run(words, check=True, capture_output=True, text=True)
        rate = float(answer.stdout) / 1e9
        name = "strax raw_to_records ... find_hits, as many bytes"
        rows.append(row(name, rate, "GB/s", ours=ours))
    info = command_seconds([MX2, "raw", "info", str(path)])
    memory = peak_megabytes(_DECODE.format(path=str(path)))
    help_time = command_seconds([MX2, "--help"])
    return [
        *rows,
        row("mx2 raw info, adler32 and process start", info, "s", "raw_info_s"),
        row("peak memory of decoding", memory, "MB", "decode_memory_mb"),
        row("mx2 --help", help_time, "s", "help_s"),
        row("size of the file", size / 1e9, "GB"),
        row("gate", size / gates / 1e3, "kB"),
    ]


_DECODE = """
from mx2prod import raw
with raw.open({path!r}) as file:
    for chunk in file.chunks():
        pass
"""


def _rate(size: int, action: Any) -> float:
    return size / best_seconds(action) / 1e9


def decode(path: Path) -> None:
    """Decode a whole file."""
    with raw.open(path) as file:
        for _ in file.chunks():
            pass


def _scan(path: Path) -> None:
    with raw.open(path) as file:
        file.scan()


def _copy(data: bytes) -> None:
    source = np.frombuffer(data, np.uint8)
    target = np.empty(_BLOCK, np.uint8)
    for start in range(0, len(source), _BLOCK):
        block = source[start : start + _BLOCK]
        target[: len(block)] = block


def _plain_rate(data: bytes, gates: int = 14) -> float:
    """Bytes per second of the plain decoder on the first gates of the file."""
    with_header = data[: RUN_HEADER_BYTES + gates * 400_000]
    end = with_header.find(bytes.fromhex("0038CBCB09030000"), gates * 150_000) + 56
    piece = with_header[:end]
    return len(piece) / best_seconds(lambda: plain_decoder.decode(piece, check_crc=False), 1) / 1e9
