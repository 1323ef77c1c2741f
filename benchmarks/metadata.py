"""Checks of file records: every rule of the table, every cross-check, three authorities."""

from __future__ import annotations

import random

from benchmarks.timing import Row, best_seconds, row
from mx2prod.metadata import check_record
from tests.metadata.conftest import make_case

RECORDS = 2000
TIERS = "RDFTM"


def measure() -> list[Row]:
    """Check random records without a fault, their parents and lookups at hand."""
    rng = random.Random(20240710)
    cases = [make_case(rng.choice(TIERS), rng) for _ in range(RECORDS)]
    jobs = [(case.record, case.context()) for case in cases]

    def check() -> None:
        for record, context in jobs:
            check_record(record, context)

    rate = RECORDS / best_seconds(check)
    return [row("records checked, one core", rate, "1/s", "records_checked_s")]
