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
    "pedestal_table_s": Bound(3, "1 GB pedestal file to table and records", "s", 10, False),
    "gains_fit_s": Bound(3, "fit of all gains", "s", 5, False),
    "sim_beam_gates_s": Bound(3, "simulated beam gates, one core", "1/s", 40, True),
    "sim_pedestal_gates_s": Bound(3, "simulated pedestal gates, one core", "1/s", 167, True),
    "sim_beam_file_s": Bound(3, "simulation of a beam file of 7,200 gates", "s", 180, False),
    "sim_beam_size_percent": Bound(3, "its size against 1.206 GB", "%", 10, False),
    "sim_memory_mb": Bound(3, "peak memory of the simulation", "MB", 1000, False),
    "closure_tests": Bound(3, "closure tests of pre-production at full size", "tests", 10, True),
    "resolve_ms": Bound(4, "resolve one folder of constants among 455 intervals", "ms", 0.1, False),
    "arrow_ms": Bound(4, "payload of 11,840 rows to Arrow, hashed", "ms", 5, False),
    "folders_ms": Bound(4, "five folders of constants of a run, hashed", "ms", 30, False),
    "history_s": Bound(4, "one channel over 455 intervals", "s", 1, False),
    "promote_s": Bound(4, "promotion of 455 payloads, everything hashed again", "s", 5, False),
    "resolve_growth": Bound(4, "resolve among 10^5 intervals over among 10", "", 2, False),
    "data_cold_ms": Bound(4, "mnvcon /data, cold", "ms", 80, False),
    "data_cached_ms": Bound(4, "mnvcon /data, cached", "ms", 10, False),
    "sup_digits_gates_s": Bound(
        4, "mx2 process --to sup-digits, simulated beam gates", "1/s", 130, True
    ),
    "declare_s": Bound(5, "files declared, records not checked", "1/s", 10_000, True),
    "declare_checked_s": Bound(5, "files declared, records checked", "1/s", 3_500, True),
    "catalog_file_mb": Bound(5, "catalogue of 200,000 files", "MB", 500, False),
    "run1_query_ms": Bound(5, "each Run-1 query on 200,000 files, ids", "ms", 5, False),
    "run1_records_ms": Bound(5, "the same with metadata and provenance", "ms", 100, False),
    "range_count_ms": Bound(5, "count of a range on an indexed key", "ms", 50, False),
    "negation_count_ms": Bound(5, "count of a negation on an indexed key", "ms", 50, False),
    "negation_first_ms": Bound(5, "first 1,000 dids of a negation", "ms", 50, False),
    "negation_list_ms": Bound(5, "list of 10^5 dids of a negation", "ms", 400, False),
    "regex_s": Bound(5, "regular expression on a key without an index", "s", 1, False),
    "lineage_ms": Bound(5, "lineage of a file, 5 generations", "ms", 5, False),
    "unprocessed_s": Bound(5, "A - parents(children(A)) of 31,000 files", "s", 1, False),
    "catalog_open_ms": Bound(5, "open the catalogue", "ms", 100, False),
    "catalog_memory_mb": Bound(5, "peak memory, 200,000 records streamed", "MB", 300, False),
    "records_checked_s": Bound(5, "file records checked, one core", "1/s", 5000, True),
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
