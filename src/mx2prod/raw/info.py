"""What a raw file holds, in one pass: the answer of ``mx2 raw info``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from mx2prod.core.files import adler32_of
from mx2prod.core.ids import GateRange, gate_ranges
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.framing import DEFAULT_CHUNK_BYTES
from mx2prod.raw.layout import TRIGGER_BY_STREAM
from mx2prod.raw.reader import RawFile, Scan
from mx2prod.raw.sidecar import Content, check_sidecar, read_sidecar


@dataclass(frozen=True)
class RawInfo:
    """Content of a raw file.

    Attributes
    ----------
    path : Path
    bytes : int
    adler32 : str
        Of the bytes of the file, 8 hexadecimal digits.
    run, subrun, detector : int or None
        From the first DAQ header; None without a gate.
    stream : str or None
        From the file name; where the name does not parse, from the trigger types.
    gates, intact_gates : int
        DAQ headers in the file; gates that are complete and undamaged.
    triggers : dict of int to int
        Number of gates by trigger type.
    gate_numbers : list of int
        Gate number of every gate, in file order.
    trigger_types : list of int
        Trigger type of every gate, in file order.
    global_ranges : list of GateRange
        Maximal ranges of consecutive global gates.
    first_global_gate, last_global_gate : int or None
        Of the first and the last gate in the file.
    first_trigger_time_us, last_trigger_time_us : int or None
        Host clock of the first and the last gate, microseconds since 1970.
    chains, febs : int
        As the run header lists them.
    frames : dict
        Number of frames: ``adc``, ``discriminator``, ``fpga``.
    bytes_decoded, bytes_lost : int
        They add up to ``bytes``.
    sentinel : bool
    sidecar : dict or None
        The DAQ's JSON as it stands beside the file.
    faults : list of Fault
    """

    path: Path
    bytes: int
    adler32: str
    run: int | None
    subrun: int | None
    stream: str | None
    detector: int | None
    gates: int
    intact_gates: int
    triggers: dict[int, int]
    gate_numbers: list[int]
    trigger_types: list[int]
    global_ranges: list[GateRange]
    first_global_gate: int | None
    last_global_gate: int | None
    first_trigger_time_us: int | None
    last_trigger_time_us: int | None
    chains: int
    febs: int
    frames: dict[str, int]
    bytes_decoded: int
    bytes_lost: int
    sentinel: bool
    sidecar: dict[str, Any] | None = None
    faults: list[Fault] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page."""
        return {
            "path": str(self.path),
            "run": self.run,
            "subrun": self.subrun,
            "stream": self.stream,
            "detector": self.detector,
            "gates": self.gates,
            "intact_gates": self.intact_gates,
            "triggers": {str(kind): count for kind, count in self.triggers.items()},
            "first_global_gate": self.first_global_gate,
            "last_global_gate": self.last_global_gate,
            "first_trigger_time_us": self.first_trigger_time_us,
            "last_trigger_time_us": self.last_trigger_time_us,
            "chains": self.chains,
            "febs": self.febs,
            "frames": self.frames,
            "bytes": self.bytes,
            "bytes_decoded": self.bytes_decoded,
            "bytes_lost": self.bytes_lost,
            "adler32": self.adler32,
            "sentinel": self.sentinel,
            "faults": [fault.as_dict() for fault in self.faults],
        }


def summarise(path: str | Path, *, chunk_bytes: int = DEFAULT_CHUNK_BYTES) -> RawInfo:
    """Read a raw file once and say what it holds, checks included.

    Parameters
    ----------
    path : str or Path
    chunk_bytes : int
        Bytes examined at a time.

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """
    with RawFile(Path(path), chunk_bytes=chunk_bytes) as file:
        return summary_of(file)


def summary_of(file: RawFile) -> RawInfo:
    """Summary of an open raw file (see :func:`summarise`)."""
    scan = file.scan()
    content = _content(file, scan)
    sidecar, faults = read_sidecar(file.path)
    if sidecar is not None:
        faults = list(check_sidecar(sidecar, content))
    worse = {fault.kind for fault in faults if fault.severity is Severity.ERROR}
    from_bytes = [f for f in scan.faults if not (f.kind is Kind.NO_SENTINEL and f.kind in worse)]
    return _info(file, scan, content, sidecar, from_bytes + faults)


def _content(file: RawFile, scan: Scan) -> Content:
    gates, identity = scan.gates, scan.identities.get(0)
    return Content(
        size=file.size,
        adler32=adler32_of(file.path),
        gates=len(gates),
        sentinel=bool(scan.runs) and scan.runs[-1].index in scan.sentinels,
        run=identity.run if identity else None,
        subrun=identity.subrun if identity else None,
        first_global_gate=int(gates["global_gate"][0]) if len(gates) else None,
        last_global_gate=int(gates["global_gate"][-1]) if len(gates) else None,
        stream=file.name.stream if file.name else None,
        name=file.path.name,
    )


def _info(
    file: RawFile,
    scan: Scan,
    content: Content,
    sidecar: dict[str, Any] | None,
    faults: list[Fault],
) -> RawInfo:
    gates, totals = scan.gates, scan.totals
    kinds, counts = np.unique(gates["trigger_type"], return_counts=True)
    triggers = dict(zip(kinds.tolist(), counts.tolist(), strict=True))
    header = scan.runs[0].header if scan.runs else None
    return RawInfo(
        path=file.path,
        bytes=file.size,
        adler32=content.adler32,
        run=content.run,
        subrun=content.subrun,
        stream=content.stream or _stream_of(triggers),
        detector=scan.identities[0].detector if 0 in scan.identities else None,
        gates=totals.gates,
        intact_gates=totals.intact_gates,
        triggers=triggers,
        gate_numbers=gates["gate"].tolist(),
        trigger_types=gates["trigger_type"].tolist(),
        global_ranges=_ranges(gates["global_gate"].tolist()),
        first_global_gate=content.first_global_gate,
        last_global_gate=content.last_global_gate,
        first_trigger_time_us=int(gates["time_us"][0]) if len(gates) else None,
        last_trigger_time_us=int(gates["time_us"][-1]) if len(gates) else None,
        chains=len(header.chains) if header else 0,
        febs=header.febs if header else 0,
        frames={"adc": totals.adc, "discriminator": totals.discriminator, "fpga": totals.fpga},
        bytes_decoded=totals.bytes_decoded,
        bytes_lost=totals.bytes_lost,
        sentinel=content.sentinel,
        sidecar=sidecar,
        faults=faults,
    )


def _ranges(global_gates: list[int]) -> list[GateRange]:
    """Ranges of the gates; a number that no range can hold is left to the findings."""
    return gate_ranges(number for number in global_gates if number < 2**63)


def _stream_of(triggers: dict[int, int]) -> str | None:
    """Stream that has exactly these trigger types, for a file whose name does not tell."""
    for stream, allowed in TRIGGER_BY_STREAM.items():
        if set(triggers) == allowed:
            return stream
    return None
