"""The DAQ file: layout, decoding, checking, salvage, encoding."""

from mx2prod.raw.columns import FebFlag, GateChunk, GateFlag
from mx2prod.raw.faults import Fault, Kind, Severity
from mx2prod.raw.info import RawInfo, summarise, summary_of
from mx2prod.raw.reader import RawFile, Scan, open  # noqa: A004

__all__ = [
    "Fault",
    "FebFlag",
    "GateChunk",
    "GateFlag",
    "Kind",
    "RawFile",
    "RawInfo",
    "Scan",
    "Severity",
    "open",
    "summarise",
    "summary_of",
]
