"""Findings about a raw file: the codes of the raw-format page, section 11, as data."""

from __future__ import annotations

from enum import StrEnum
from typing import Any, NamedTuple


class Severity(StrEnum):
    """How serious a finding is: an error stops a strict reader, a note changes no exit code."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Kind(StrEnum):
    """Codes of findings (raw-format page, section 11)."""

    NOT_RAW = "not_raw"
    EMPTY = "empty"
    NO_GATES = "no_gates"
    TRUNCATED = "truncated"
    NO_RUN_HEADER = "no_run_header"
    NO_SENTINEL = "no_sentinel"
    NO_DAQ_HEADER = "no_daq_header"
    SECOND_RUN = "second_run"
    DUPLICATE_GATE = "duplicate_gate"
    BLOCK_WRAPPED = "block_wrapped"
    BYTES_LOST = "bytes_lost"
    CRC_ERROR = "crc_error"
    FRAME_STATUS = "frame_status"
    UNKNOWN_FRAME = "unknown_frame"
    MALFORMED = "malformed"
    HIT_COUNT = "hit_count"
    FEB_MISSING = "feb_missing"
    FEB_NO_ANSWER = "feb_no_answer"
    GATE_ORDER = "gate_order"
    GATE_GAP = "gate_gap"
    GLOBAL_GATE_REUSED = "global_gate_reused"
    HEADER_MISMATCH = "header_mismatch"
    TIME_ORDER = "time_order"
    JSON_MISSING = "json_missing"
    JSON_UNRELIABLE = "json_unreliable"
    CHECKSUM_MISMATCH = "checksum_mismatch"


class Fault(NamedTuple):
    """One finding.

    Attributes
    ----------
    kind : Kind
    severity : Severity
    detail : str
        What was expected and what was found.
    offset, length : int or None
        Byte range in the file.
    gate : int or None
        Gate number in the subrun.
    crate, croc, channel, feb, hit : int or None
        Frame address, as far as it has a meaning for the finding.
    """

    kind: Kind
    severity: Severity
    detail: str
    offset: int | None = None
    length: int | None = None
    gate: int | None = None
    crate: int | None = None
    croc: int | None = None
    channel: int | None = None
    feb: int | None = None
    hit: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Members in the order of the interface page; those without meaning are None."""
        return {
            "kind": str(self.kind),
            "severity": str(self.severity),
            "offset": self.offset,
            "length": self.length,
            "gate": self.gate,
            "crate": self.crate,
            "croc": self.croc,
            "channel": self.channel,
            "feb": self.feb,
            "hit": self.hit,
            "detail": self.detail,
        }

    def where(self) -> str:
        """Byte, gate and frame address in words."""
        parts = [] if self.offset is None else [f"byte {self.offset}"]
        if self.gate is not None:
            parts.append(f"gate {self.gate}")
        address = [
            f"{name} {value}"
            for name, value in (
                ("crate", self.crate),
                ("CROC-E", self.croc),
                ("channel", self.channel),
                ("FEB", self.feb),
                ("hit", self.hit),
            )
            if value is not None
        ]
        return ", ".join([*parts, *([" ".join(address)] if address else [])])

    def __str__(self) -> str:
        where = self.where()
        return f"{self.severity} {self.kind}{f' at {where}' if where else ''}: {self.detail}"
