"""Open a raw file, read it chunk by chunk or gate by gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt

from mx2prod.core.errors import NameFormatError, RawFileError, UsageError
from mx2prod.core.ids import FileName
from mx2prod.raw.columns import (
    ADC_FRAME_DTYPE,
    GATE_DTYPE,
    N_REGISTERS,
    N_TRIP_CHANNELS,
    N_TRIPS,
    RECORD_DTYPE,
    GateChunk,
)
from mx2prod.raw.decode_kernels import fill
from mx2prod.raw.examine import Examined, Examiner, Totals
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.findings import is_cut_frame
from mx2prod.raw.framing import DEFAULT_CHUNK_BYTES, Run, Walker
from mx2prod.raw.framing_kernels import resynchronise
from mx2prod.raw.gates import Identity
from mx2prod.raw.layout import (
    DAQ_HEADER_BYTES,
    MAX_FRAME_BYTES,
    RUN_HEADER_BYTES,
)
from mx2prod.raw.legacy import is_crc_less
from mx2prod.raw.source import RawSource

_SEARCH_BYTES = 65_536
"""A file with no legal frame in its first 64 kB is not a raw file (section 11)."""


@dataclass(frozen=True)
class Scan:
    """Result of one pass over a raw file without decoding its hits.

    Attributes
    ----------
    gates : ndarray of GATE_DTYPE, shape (n_gates,)
        Every gate of every run of the file, in file order.
    run_of_gate : ndarray of int64, shape (n_gates,)
        Index of the run that each gate belongs to.
    runs : list of Run
    identities : dict of int to Identity
        Run, subrun and detector by run index.
    sentinels : set of int
        Runs of the file that end with a sentinel.
    totals : Totals
    faults : list of Fault
        Findings about the bytes, in file order.
    """

    gates: npt.NDArray[np.void]
    run_of_gate: npt.NDArray[np.int64]
    runs: list[Run]
    identities: dict[int, Identity]
    sentinels: set[int]
    totals: Totals
    faults: list[Fault]


@dataclass(frozen=True)
class DecodedGate:
    """A single gate.

    Attributes
    ----------
    chunk : GateChunk
        With one gate.
    frames : ndarray of FRAME_DTYPE
        Its frames as they stand in the file.
    """

    chunk: GateChunk
    frames: npt.NDArray[np.void]


class RawFile:
    """A raw DAQ file.

    Use :func:`open` (``mx2prod.raw.open``) and a ``with`` statement.

    Parameters
    ----------
    path : Path
    chunk_bytes : int
        Bytes of raw file that are decoded at a time; bounds the memory.

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """

    def __init__(self, path: Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> None:
        self.path = path
        self._chunk_bytes = chunk_bytes
        self._source = RawSource(path)
        self._scan: Scan | None = None
        self._gate_walker = Walker(self._source)
        try:
            self.name: FileName | None = FileName.parse(path.name)
        except NameFormatError:
            self.name = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._source.close()

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return self._source.size

    @property
    def buffer(self) -> npt.NDArray[np.uint8]:
        """The bytes of the file, read-only, shape (size,)."""
        return self._source.buffer

    @property
    def faults(self) -> list[Fault]:
        """Findings of the whole file (:meth:`scan`)."""
        return self.scan().faults

    @property
    def totals(self) -> Totals:
        """Counts of the whole file (:meth:`scan`)."""
        return self.scan().totals

    def scan(self) -> Scan:
        """Check the whole file, every CRC and every rule, without decoding hits.

        The result is kept: a second call costs nothing.
        """
        if self._scan is None:
            self._scan = self._scan_once()
        return self._scan

    def chunks(self, *, strict: bool = True, run_index: int = 0) -> Iterator[GateChunk]:
        """Decode the gates of one run of the file, in file order.

        Parameters
        ----------
        strict : bool
            Stop at the first finding of severity error; otherwise decode all that can be.
        run_index : int
            Which run, in a file to which the DAQ appended a second one.

        Raises
        ------
        RawFileError
            Under ``strict``: at the first error, with file, byte, gate and frame address.
        UsageError
            If the file has no such run.
        """
        examiner = self._examiner()
        hopeless = self._hopeless()
        self._stop_at(hopeless, strict=True)
        known = False
        for stretch in Walker(self._source, self._chunk_bytes).stretches():
            examined = examiner.examine(stretch)
            self._stop_at(in_file_order(examined.faults, examined.gates), strict=strict)
            if examined.run.index == run_index:
                known = True
                if len(examined.gates):
                    yield self._decode(examined)
        self._stop_at(list(examiner.finish()), strict=strict)
        if not known:
            raise UsageError(
                f"{self.path}: no run {run_index} in the file, it has {len(examiner.runs)}",
                next_step=f"mx2 raw info {self.path}",
            )

    def gate(self, number: int, *, run_index: int = 0) -> GateChunk:
        """Decode a single gate, by its number in the subrun.

        The first call scans the file for its index; later ones read only the gate's bytes.

        Raises
        ------
        UsageError
            If the file has no such gate.
        """
        return self.decode_gate(number, run_index=run_index).chunk

    def decode_gate(self, number: int, *, run_index: int = 0) -> DecodedGate:
        """Decode a single gate and give its frame table too (see :meth:`gate`)."""
        scan = self.scan()
        chosen = (scan.gates["gate"] == number) & (scan.run_of_gate == run_index)
        rows = np.flatnonzero(chosen)
        if not len(rows):
            raise UsageError(
                f"{self.path}: no gate {number} in run {run_index} of the file"
                + _span_text(scan, run_index),
                next_step=f"mx2 raw info {self.path}",
            )
        self._source.require_unchanged()
        wanted = scan.gates[rows[0]]
        end = int(wanted["header_offset"]) + DAQ_HEADER_BYTES
        stretch = self._gate_walker.one_gate(scan.runs[run_index], int(wanted["offset"]), end)
        examined = self._examiner().examine(stretch)
        examined.gates["flags"] = wanted["flags"]
        return DecodedGate(self._decode(examined), stretch.frames.copy())

    def _examiner(self) -> Examiner:
        name = self.name
        return Examiner(
            self._source.buffer,
            stream=name.stream if name else None,
            name_run=name.run_subrun.run if name else None,
            name_subrun=name.run_subrun.subrun if name else None,
        )

    def _scan_once(self) -> Scan:
        examiner = self._examiner()
        faults = self._hopeless()
        gates: list[npt.NDArray[np.void]] = [np.zeros(0, GATE_DTYPE)]
        run_of_gate: list[npt.NDArray[np.int64]] = [np.zeros(0, np.int64)]
        if faults:
            examiner.totals.bytes_lost = self.size
        else:
            for stretch in Walker(self._source, self._chunk_bytes).stretches():
                examined = examiner.examine(stretch)
                faults += in_file_order(examined.faults, examined.gates)
                gates.append(examined.gates)
                run_of_gate.append(np.full(len(examined.gates), examined.run.index, np.int64))
            faults += examiner.finish()
        return Scan(
            np.concatenate(gates),
            np.concatenate(run_of_gate),
            examiner.runs,
            examiner.identities,
            examiner.sentinels,
            examiner.totals,
            faults,
        )

    def _hopeless(self) -> list[Fault]:
        """Return the finding of a file from which no gate can be had, before any is looked for."""
        buffer, size = self._source.buffer, self._source.size
        if size == 0:
            return [Fault(Kind.EMPTY, Severity.ERROR, "the file has 0 bytes", offset=0, length=0)]
        if size < RUN_HEADER_BYTES and is_cut_frame(buffer, 0):
            detail = f"{size} bytes, shorter than the run header of {RUN_HEADER_BYTES}"
            return [Fault(Kind.TRUNCATED, Severity.ERROR, detail, offset=0, length=size)]
        limit = min(size, _SEARCH_BYTES + MAX_FRAME_BYTES)
        first = resynchronise(buffer, 0, limit)
        if is_crc_less(buffer, RUN_HEADER_BYTES if first == 0 else 0):
            detail = "CRC-less CROC-E frames (before 2013): this format is refused"
            return [Fault(Kind.NOT_RAW, Severity.ERROR, detail, offset=0, length=size)]
        if first >= limit:
            detail = f"no legal frame in the first {limit} bytes"
            return [Fault(Kind.NOT_RAW, Severity.ERROR, detail, offset=0, length=size)]
        return []

    def _stop_at(self, faults: list[Fault], *, strict: bool) -> None:
        """Raise for the first error in file order, under ``strict``."""
        for fault in faults if strict else ():
            if fault.severity is Severity.ERROR:
                raise RawFileError(
                    f"{self.path}: {fault}",
                    kind=str(fault.kind),
                    offset=fault.offset,
                    next_step=f"mx2 raw verify {self.path}, then mx2 process --salvage",
                )

    def _decode(self, examined: Examined) -> GateChunk:
        febs, n_adc = examined.febs, examined.n_adc
        records = np.empty(examined.n_records, RECORD_DTYPE)
        adc_frames = np.empty(n_adc, ADC_FRAME_DTYPE)
        adc = np.empty((n_adc, N_TRIPS * N_TRIP_CHANNELS), np.uint16)
        registers = np.zeros((len(febs), N_REGISTERS), np.uint8)
        fill(self._source.buffer, examined.frames, febs, records, adc_frames, adc, registers)
        return GateChunk(
            examined.gates,
            febs,
            records,
            adc_frames,
            adc.reshape(n_adc, N_TRIPS, N_TRIP_CHANNELS),
            registers,
        )


def in_file_order(faults: list[Fault], gates: npt.NDArray[np.void]) -> list[Fault]:
    """Sort findings by byte offset; those of a board stand at the end of their gate."""
    end_of_gate = dict(zip(gates["gate"].tolist(), gates["header_offset"].tolist(), strict=True))

    def place(fault: Fault) -> int:
        if fault.offset is not None:
            return fault.offset
        return int(end_of_gate.get(fault.gate, -1))

    return sorted(faults, key=place)


def _span_text(scan: Scan, run_index: int) -> str:
    numbers = scan.gates["gate"][scan.run_of_gate == run_index]
    return f", which has gates {numbers.min()} to {numbers.max()}" if len(numbers) else ""


def open(path: str | Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> RawFile:  # noqa: A001
    """Open a raw file for reading.

    Parameters
    ----------
    path : str or Path
    chunk_bytes : int
        Bytes of raw file decoded at a time (default 4 MiB); memory is a few times that.

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """
    return RawFile(Path(path), chunk_bytes=chunk_bytes)
