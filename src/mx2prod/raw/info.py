"""What a raw file holds, in one pass: the answer of ``mx2 raw info``."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mx2prod.core.ids import GateRange
from mx2prod.raw.faults import Fault


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
