"""Records for the tests: random ones without a fault, and the lookups that go with them."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest

from mx2prod.core.ids import RunSubrun
from mx2prod.metadata import Context, RecordsInMemory

NAMESPACE = "neardet-2x2-minerva"
TIERS = {
    "R": ("binary-raw", "binary", "RawData.dat"),
    "D": ("decoded-raw", "root", "RawDigits.root"),
    "F": ("full-reconstructed", "root", "RecoData.root"),
    "T": ("dst-reconstructed", "root", "DST.root"),
    "M": ("root-tuple", "root", "RockMuonData.root"),
}
SECONDS_PER_GATE = {"numib": 1.2, "numip": 0.6, "numil": 0.6, "pdstl": 0.15, "linjc": 2.0}


@dataclass
class Replicas:
    """Replicas of files, as the placement room would give them."""

    waiting: dict[str, list[str]] = field(default_factory=dict)
    tape: set[str] = field(default_factory=set)

    def unverified(self, did: str) -> Sequence[str]:
        return self.waiting.get(did, [])

    def on_tape(self, did: str) -> bool:
        return did in self.tape


@dataclass
class Subruns:
    """Global subruns of Mx2 subruns, as the run database would give them."""

    rows: dict[tuple[int, int], list[int]] = field(default_factory=dict)

    def global_subruns(self, run: int, subrun: int) -> Collection[int]:
        return self.rows.get((run, subrun), [])


@dataclass
class Case:
    """A record without a fault, its raw parent, and what the checks may know beside them."""

    letter: str
    record: dict[str, Any]
    parent: dict[str, Any]
    others: list[dict[str, Any]] = field(default_factory=list)
    replicas: Replicas = field(default_factory=Replicas)
    subruns: Subruns = field(default_factory=Subruns)
    previous: dict[str, Any] | None = None
    sent: dict[str, Any] | None = None
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def metadata(self) -> dict[str, Any]:
        metadata: dict[str, Any] = self.record["metadata"]
        return metadata

    @property
    def did(self) -> str:
        return f"{NAMESPACE}:{self.record['name']}"

    def context(self) -> Context:
        return Context(
            records=RecordsInMemory([self.parent, *self.others], complete=True),
            replicas=self.replicas,
            subruns=self.subruns,
            previous=self.previous,
            sent=self.sent,
            **self.options,
        )


@dataclass(frozen=True)
class Subrun:
    """A made-up subrun."""

    run: int
    subrun: int
    stream: str
    gates: int
    first: int
    stamp: str
    start: float
    end: float


def make_subrun(rng: random.Random, stream: str | None = None) -> Subrun:
    low, high = rng.choice([(1698, 1795), (1796, 1805), (50001, 50018)])
    chosen = stream or rng.choice(sorted(SECONDS_PER_GATE))
    minute = 60 * rng.randrange(28_000_000, 29_000_000)
    gates, start = rng.randrange(12, 7200), minute + rng.uniform(0, 100)
    return Subrun(
        run=rng.randint(low, high),
        subrun=rng.randint(1, 9999),
        stream=chosen,
        gates=gates,
        first=rng.randrange(10**6, 10**8),
        stamp=datetime.fromtimestamp(minute, UTC).strftime("%y%m%d%H%M"),
        start=round(start, 6),
        end=round(start + gates * SECONDS_PER_GATE[chosen], 6),
    )


def make_record(letter: str, subrun: Subrun, rng: random.Random) -> dict[str, Any]:
    tier, file_format, suffix = TIERS[letter]
    stem = f"TS1_{subrun.run:08d}_{subrun.subrun:04d}_{subrun.stream}_v09"
    raw_name = f"{stem}_{subrun.stamp}_RawData.dat"
    count = subrun.gates
    if letter == "T" and subrun.stream in ("numip", "numil"):
        count = (subrun.gates + 1) // 2
    record: dict[str, Any] = {
        "name": raw_name if letter == "R" else f"{stem}_2501010000-abcdef_{suffix}",
        "namespace": NAMESPACE,
        "size": rng.randrange(1, 2**31),
        "checksums": {"adler32": f"{rng.randrange(2, 2**32):08x}"},
        "metadata": {
            "core.run_type": NAMESPACE,
            "core.data_tier": tier,
            "core.data_stream": subrun.stream,
            "core.file_type": "importedDetector",
            "core.file_format": file_format,
            "core.file_content_status": "good",
            "core.group": "minerva",
            "core.runs": [subrun.run],
            "core.runs_subruns": [RunSubrun(subrun.run, subrun.subrun).number],
            "core.event_count": count,
            "core.first_event_number": subrun.first if letter == "R" else 1,
            "core.last_event_number": subrun.gates + (subrun.first - 1 if letter == "R" else 0),
            "core.lum_block_ranges": [[subrun.first, subrun.first + subrun.gates - 1]],
            "core.start_time": subrun.start,
            "core.end_time": subrun.end,
            "dune.campaign": "run1",
            "retention.status": "active",
            "retention.class": "rawdata" if letter == "R" else "physics",
        },
    }
    if letter != "R":
        record["parents"] = [{"did": f"{NAMESPACE}:{raw_name}"}]
        record["metadata"] |= derived_fields(letter, rng)
    return record


def derived_fields(letter: str, rng: random.Random) -> dict[str, Any]:
    start = 1730244766 + rng.randrange(10**6)
    seconds = rng.randrange(1, 5000)
    return {
        "core.application.family": "mx2prod",
        "core.application.name": letter.lower(),
        "core.application.version": "0.1.0",
        "dune.config_file": "mx2-run1c-full-v1.opts",
        "dune.requestid": "mx2-run1c-full-v1",
        "dune.workflow": {
            "workflow_id": rng.randint(1, 10**6),
            "stage_id": 1,
            "user": "dunepro",
            "jobscript_start": start,
            "jobscript_finish": start + seconds,
            "jobscript_real_seconds": seconds,
        },
        "dune.output_status": rng.choice(["recorded", "uploaded", "confirmed"]),
        "dune.dqc_quality": rng.choice(["good", ["good", "beam", "li_ok"], "bad", "unknown"]),
        "dune.conditions_tag": "mx2-run1-v3",
        "dune.conditions_digest": "0123456789abcdef" * 4,
    }


def make_case(letter: str, rng: random.Random, stream: str | None = None) -> Case:
    subrun = make_subrun(rng, stream)
    case = Case(letter, make_record(letter, subrun, rng), make_record("R", subrun, rng))
    if letter == "R":
        case.parent = case.record
    elif letter in ("F", "T"):
        first = subrun.run * 10**7 + rng.randrange(1, 1000)
        numbers = list(range(first, first + 37))
        case.metadata["dune.mx2x2_global_subrun_numbers"] = numbers
        case.subruns.rows[subrun.run, subrun.subrun] = numbers
    return case


@pytest.fixture
def rng() -> random.Random:
    return random.Random(20240710)


@pytest.fixture
def new_case() -> Callable[..., Case]:
    """Give the maker of cases: ``new_case(letter, rng, stream=None)``."""
    return make_case
