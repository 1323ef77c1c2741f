"""Stretches of a raw file: whole gates with their frame table, run by run."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mx2prod.raw.framing_kernels import (
    AT_CAPACITY,
    AT_END,
    AT_RUN_HEADER,
    FRAME_DTYPE,
    GROUP_DTYPE,
    LOST,
    N_STAMPS,
    RUN_HEADER,
    resynchronise,
    software_frame,
    walk,
)
from mx2prod.raw.layout import MAX_FRAME_BYTES, RUN_HEADER_BYTES, RunHeader
from mx2prod.raw.source import RawSource

DEFAULT_CHUNK_BYTES = 4 << 20
"""Bytes of raw file decoded at a time; columns take about as much again."""

_SERIAL_LIMIT = 2**32 - 2**24


@dataclass
class Run:
    """One run in a file; the DAQ appends a second one when it uses a name again.

    Attributes
    ----------
    index : int
    begin : int
        Byte offset of its run header, or of its first frame without one.
    header : RunHeader
    header_bytes : int
        Bytes that it takes; 0 without one.
    error : str
        Why the run header cannot be used; another map stands in then.
    lost_before : int
        Bytes of a broken run header right before this one.
    """

    index: int
    begin: int
    header: RunHeader
    header_bytes: int = 0
    error: str = ""
    lost_before: int = 0

    @property
    def first_frame(self) -> int:
        """Byte offset of the first frame after the run header."""
        return self.begin + self.header_bytes


@dataclass
class Stretch:
    """Consecutive whole groups of frames of one run.

    Attributes
    ----------
    run : Run
    begin, end : int
        Byte range.
    frames : ndarray of FRAME_DTYPE
    groups : ndarray of GROUP_DTYPE
    """

    run: Run
    begin: int
    end: int
    frames: npt.NDArray[np.void]
    groups: npt.NDArray[np.void]


class Walker:
    """Drives the framing kernel over a file, with frame tables that are used again.

    Parameters
    ----------
    source : RawSource
    chunk_bytes : int
        A stretch ends with the first gate that ends after this many bytes.
    """

    def __init__(self, source: RawSource, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> None:
        self._source = source
        self._budget = max(1, chunk_bytes)
        expected = min(self._budget, source.size) // 256 + 1024
        self._frames = np.empty(expected, FRAME_DTYPE)
        self._groups = np.empty(expected // 64 + 64, GROUP_DTYPE)
        self._stamps = np.zeros(N_STAMPS, np.uint32)
        self._serial = 1

    def stretches(self) -> Iterator[Stretch]:
        """Walk the whole file; the arrays of a stretch are valid until the next one."""
        run = self._start_run(0, 0)
        position, is_first = run.first_frame, True
        while True:
            self._source.require_unchanged()
            stretch, reason = self._walk(run, position)
            position = stretch.end
            if reason == AT_RUN_HEADER:
                only_junk = is_first and not run.header_bytes and not _has_frames(stretch)
                run = self._start_run(run.index + (not only_junk), position)
                position = run.first_frame
                stretch.run = run if only_junk else stretch.run
            yield stretch
            self._source.release(stretch.begin, stretch.end)
            is_first = False
            if reason == AT_END:
                return

    def one_gate(self, run: Run, begin: int, end: int) -> Stretch:
        """Frame table of the bytes of a single gate."""
        return self._walk(run, begin, end)[0]

    def _walk(self, run: Run, begin: int, size: int | None = None) -> tuple[Stretch, int]:
        stop = self._source.size if size is None else size
        while True:
            n_frames, n_groups, end, reason = walk(
                self._source.buffer,
                begin,
                stop,
                self._budget,
                self._frames,
                self._groups,
                self._stamps,
                self._serial,
            )
            self._advance_serial(n_groups)
            if reason != AT_CAPACITY or n_groups > 0:
                break
            self._frames = np.empty(2 * len(self._frames), FRAME_DTYPE)
            self._groups = np.empty(2 * len(self._groups), GROUP_DTYPE)
        frames, groups = self._frames[:n_frames], self._groups[:n_groups]
        return Stretch(run, begin, end, frames, groups), reason

    def _advance_serial(self, used: int) -> None:
        self._serial += used + 1
        if self._serial > _SERIAL_LIMIT:
            self._stamps[:] = 0
            self._serial = 1

    def _start_run(self, index: int, position: int) -> Run:
        """Read the run header at a position; skip broken ones right before a good one."""
        buffer, size, lost = self._source.buffer, self._source.size, 0
        error = ""
        while software_frame(buffer, position, size) == RUN_HEADER:
            length = self._run_header_length(position)
            try:
                header = RunHeader.parse(buffer[position : position + length])
                return Run(index, position, header, length, lost_before=lost)
            except ValueError as problem:
                error, lost, position = str(problem), lost + length, position + length
        return Run(index, position - lost, RunHeader.nominal(assumed=True), lost, error)

    def _run_header_length(self, position: int) -> int:
        """Bytes up to the first frame, if bytes are missing in the run header; else 492."""
        buffer, end = self._source.buffer, position + RUN_HEADER_BYTES
        limit = min(self._source.size, end + MAX_FRAME_BYTES)
        if resynchronise(buffer, end, limit) == end:
            return RUN_HEADER_BYTES
        found = int(resynchronise(buffer, position + 8, limit))
        return min(found - position, RUN_HEADER_BYTES)


def _has_frames(stretch: Stretch) -> bool:
    return bool(np.any(stretch.frames["kind"] != LOST))
