"""What a raw file says about its own quality: decoding, boards, frames, high voltage."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from mx2prod.metadata.quality.judge import Measurement
from mx2prod.metadata.quality.thresholds import Thresholds
from mx2prod.raw import FebFlag, GateChunk, GateFlag, Kind, RawFile, RawInfo, Severity, summary_of
from mx2prod.raw.registers import decode_registers

_AWAY = int(FebFlag.ABSENT | FebFlag.NO_ANSWER)
_NOT_DECODED = int(GateFlag.DAMAGED | GateFlag.WRAPPED | GateFlag.ASIDE)
"""A gate without a board is decoded: missing boards are an item of their own."""
_FRAME_FAULTS = (Kind.CRC_ERROR, Kind.FRAME_STATUS)
_SIDECAR = (Kind.JSON_MISSING, Kind.JSON_UNRELIABLE)
NOT_MEASURED = {
    "constants": "no constants checked for the file",
    "dead_hot_channels": "no channel table given",
    "beam_gates": "no beam records of the file",
    "reconstruction": "no reference of the run period",
    "charge_match": "not matched to the 2x2",
}
"""Items that other sources tell, and what is missing without them."""


@dataclass(frozen=True)
class RawQuality:
    """Measurements of a raw file.

    Attributes
    ----------
    info : RawInfo
    values : dict of str to Measurement
        By item name.
    """

    info: RawInfo
    values: dict[str, Measurement]


def measure_raw(path: Path, thresholds: Thresholds) -> RawQuality:
    """Measure a raw file: one pass over its structure, one over its boards.

    Parameters
    ----------
    path : Path
    thresholds : Thresholds

    Raises
    ------
    InputFileError
        If the path is not a readable regular file.
    """
    with RawFile(path) as file:
        info = summary_of(file)
        boards = _Boards(thresholds)
        if info.gates:
            for chunk in file.chunks(strict=False):
                boards.add(chunk)
    values = {**_decoding(info), **boards.measurements()}
    return RawQuality(info, values)


def _decoding(info: RawInfo) -> dict[str, Measurement]:
    frames = sum(info.frames.values())
    errors = sum(
        fault.kind in _FRAME_FAULTS and fault.severity is not Severity.NOTE for fault in info.faults
    )
    if not info.gates:
        return {
            "bytes_lost": _share(info.bytes_lost, info.bytes, "bytes"),
            "sentinel": Measurement(0.0, "no gate in the file"),
            "frame_errors": Measurement(None, "no frame in the file"),
        }
    return {
        "bytes_lost": _share(info.bytes_lost, info.bytes, "bytes"),
        "sentinel": _sentinel(info),
        "frame_errors": _share(errors, frames, "frames"),
    }


def _sentinel(info: RawInfo) -> Measurement:
    if not info.sentinel:
        return Measurement(0.0, "the sentinel is missing")
    sidecar = info.sidecar
    count = _gates_of(sidecar)
    if count is None:
        why = next((str(f.kind) for f in info.faults if f.kind in _SIDECAR), "without a count")
        return Measurement(None, f"no usable record of the DAQ beside the file ({why})")
    if count != info.gates:
        return Measurement(0.0, f"{info.gates} gates, the DAQ's record says {count}")
    return Measurement(1.0, "")


def _gates_of(sidecar: dict[str, object] | None) -> int | None:
    metadata = (sidecar or {}).get("metadata")
    count = metadata.get("core.event_count") if isinstance(metadata, dict) else None
    return count if type(count) is int and count > 0 else None


def _share(part: int, whole: int, what: str) -> Measurement:
    if not whole:
        return Measurement(None, f"no {what} in the file")
    return Measurement(part / whole, f"{part} of {whole} {what}")


class _Boards:
    """Counts of gates, boards and their high-voltage readings."""

    def __init__(self, thresholds: Thresholds) -> None:
        self._thresholds = thresholds
        self._gates = self._decoded = 0
        self._there: dict[int, int] = {}
        self._readings = self._readings_inside = 0

    def add(self, chunk: GateChunk) -> None:
        """Count the boards of some gates."""
        febs = chunk.febs
        self._gates += len(chunk.gates)
        self._decoded += int(((chunk.gates["flags"] & _NOT_DECODED) == 0).sum())
        expected = (febs["flags"] & int(FebFlag.UNEXPECTED)) == 0
        keys, inverse = np.unique(_keys(febs[expected]), return_inverse=True)
        there = (febs["flags"][expected] & _AWAY) == 0
        counts = np.bincount(inverse[there], minlength=len(keys))
        for key, count in zip(keys.tolist(), counts.tolist(), strict=True):
            self._there[key] = self._there.get(key, 0) + count
        self._count_high_voltage(chunk)

    def _count_high_voltage(self, chunk: GateChunk) -> None:
        read = (chunk.febs["flags"] & int(FebFlag.NO_FPGA | FebFlag.CRC_ERROR)) == 0
        values = decode_registers(chunk.registers[read])
        actual, target = (values[f"hv_{word}"].astype(np.int64) for word in ("actual", "target"))
        manual = values["hv_manual"] != 0
        period = np.where(manual, values["hv_period_manual"], values["hv_period_auto"])
        inside = np.abs(actual - target) <= self._thresholds.hv_counts
        inside &= period >= self._thresholds.hv_period
        self._readings += int(read.sum())
        self._readings_inside += int(inside.sum())

    def measurements(self) -> dict[str, Measurement]:
        """Share of decoded gates, boards that are missing too often, share of good readings."""
        if not self._gates:
            why = "no gate in the file"
            return {
                "gates_decoded": Measurement(0.0, why),
                "febs_missing": Measurement(None, why),
                "high_voltage": Measurement(None, why),
            }
        least = self._thresholds.board_gates * self._gates
        missing = [key for key, count in self._there.items() if count < least]
        named = ", ".join(_board_name(key) for key in sorted(missing)[:5])
        detail = f"{len(missing)} of {len(self._there)} boards" + (f": {named}" if named else "")
        return {
            "gates_decoded": _share(self._decoded, self._gates, "gates"),
            "febs_missing": Measurement(float(len(missing)), detail),
            "high_voltage": _share(self._readings_inside, self._readings, "readings"),
        }


def _keys(febs: npt.NDArray[np.void]) -> npt.NDArray[np.int64]:
    """Crate, CROC-E, chain and board number of each row in one integer."""
    key: npt.NDArray[np.int64] = febs["crate"].astype(np.int64)
    for column in ("croc", "chain", "board"):
        key = (key << 8) | febs[column]
    return key


def _board_name(key: int) -> str:
    return "/".join(str(key >> shift & 0xFF) for shift in (24, 16, 8, 0))
