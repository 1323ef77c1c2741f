"""Global subruns and data quality (X18, X19, X22)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from mx2prod.metadata.context import Context
from mx2prod.metadata.rules import Finding, rule
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

_KEY = "dune.mx2x2_global_subrun_numbers"
_DQC = "dune.dqc_quality"


@rule("X18", Severity.ERROR, "Global subruns are sorted, unique and those of the run database")
def check_global_subruns(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check order, and the rows of the database where it is at hand.

    The digits above 10^7 are not always the Mx2 run, so that they are not compared.
    """
    numbers = view.integers(_KEY)
    if not numbers:
        return
    if any(number <= 0 for number in numbers):
        yield Finding(_KEY, numbers, "positive numbers")
    if numbers != sorted(set(numbers)):
        yield Finding(_KEY, numbers, "sorted, each once")
    if context.subruns is None or not view.run_subruns:
        return
    item = view.run_subruns[0]
    known = set(context.subruns.global_subruns(item.run, item.subrun))
    foreign = sorted(set(numbers) - known)
    if foreign:
        yield Finding(_KEY, foreign, f"rows of the run database with run/subrun {item}")


@rule("X19", Severity.WARNING, "Global subruns follow each other without a hole")
def check_contiguous(view: RecordView, context: Context) -> Iterator[Finding]:
    """Look for holes: another Mx2 subrun in between, or a false gap of the database."""
    numbers = sorted(set(view.integers(_KEY) or []))
    holes = [f"{a}..{b}" for a, b in pairwise(numbers) if b != a + 1]
    if holes:
        yield Finding(_KEY, ", ".join(holes), "consecutive numbers")


@rule("X22", Severity.ERROR, "dune.dqc_quality holds exactly one of good, bad, unknown")
def check_dqc(view: RecordView, context: Context) -> Iterator[Finding]:
    """Check the verdict; a flag must not contain a verdict, because queries match substrings."""
    value, words = view.get(_DQC), context.schema.dqc_words
    if isinstance(value, str):
        if value and value not in words:
            yield Finding(_DQC, value, "one of " + ", ".join(words))
        elif value == "unknown":
            yield Finding(_DQC, value, "good or bad, once the verdict is computed", Severity.NOTE)
        return
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return
    if value and sum(item in words for item in value) != 1:
        yield Finding(_DQC, value, "exactly one of " + ", ".join(words))
    flags = [item for item in value if item not in words]
    hidden = [flag for flag in flags if any(word in flag for word in words)]
    if hidden:
        yield Finding(_DQC, hidden, "flags without the letters of " + ", ".join(words))
