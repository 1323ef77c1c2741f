"""The figures that the issues asked for: bounds that must hold, and what was measured."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mx2prod.core.files import write_text

FILE = Path(__file__).with_name("figures.json")


@dataclass(frozen=True)
class Bound:
    """A figure that must hold.

    Attributes
    ----------
    issue : int
    name : str
        What is measured, in words.
    unit : str
    bound : float
    at_least : bool
        True if the value must not be below the bound, False if not above.
    """

    issue: int
    name: str
    unit: str
    bound: float
    at_least: bool

    def holds(self, value: float) -> bool:
        """Tell whether a measured value meets the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


BOUNDS = {
    "decode_gb_s": Bound(2, "decode a 1 GB beam file, every CRC checked", "GB/s", 1.0, True),
    "raw_info_s": Bound(2, "mx2 raw info on 1 GB, adler32 included", "s", 1.5, False),
    "decode_memory_mb": Bound(2, "peak memory of decoding 1 GB", "MB", 512, False),
    "help_s": Bound(2, "mx2 --help", "s", 0.3, False),
    "pedestal_mb_s": Bound(
        3, "pedestal accumulator, decode and every CRC included", "MB/s", 300, True
    ),
    "pedestal_merge_s": Bound(3, "merge of 435 pedestal accumulators", "s", 10, False),
    "corruption_cases": Bound(2, "random corruptions without a wrong gate", "cases", 20_000, True),
}


def write_figures(measured: dict[str, float], command: str) -> list[dict[str, Any]]:
    """Write ``figures.json``; figures that were not measured now keep their last entry."""
    known = {entry["key"]: entry for entry in _read()}
    for key, value in measured.items():
        bound = BOUNDS[key]
        known[key] = {
            "key": key,
            "issue": bound.issue,
            "name": bound.name,
            "value": round(value, 4),
            "unit": bound.unit,
            "bound": bound.bound,
            "ok": bound.holds(value),
            "command": command,
            "date": datetime.now(UTC).date().isoformat(),
        }
    entries = [known[key] for key in BOUNDS if key in known]
    write_text(FILE, json.dumps(entries, indent=2) + "\n", overwrite=True)
    return entries


def _read() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads(FILE.read_text()) if FILE.exists() else []
    return entries
