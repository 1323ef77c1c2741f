"""Checks over several records at once (X07, X23)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from statistics import median

from mx2prod.metadata.problems import Problem
from mx2prod.metadata.rules import Finding, Rule, register
from mx2prod.metadata.schema import Schema
from mx2prod.metadata.view import RecordView, as_integer
from mx2prod.raw.faults import Severity

ONE_CONVENTION = register(
    Rule("X07", Severity.ERROR, "One convention of first and last event a dataset and tier")
)
USUAL_SIZE = register(
    Rule("X23", Severity.WARNING, "The size is within 5 times that of its tier, version and period")
)
FACTOR = 5.0
FEWEST = 5
"""Fewest files whose median says what is usual."""

Group = tuple[str, str, str]
"""Tier letter, application version, run period."""


def dataset_problems(views: Sequence[RecordView]) -> Iterator[tuple[int, Problem]]:
    """Give the findings that only a set of records shows.

    Parameters
    ----------
    views : sequence of RecordView
        Records of one dataset, or of several periods to compare them with each other.

    Yields
    ------
    (int, Problem)
        Position of the record in the sequence, and the finding.
    """
    for position, finding in _conventions(views):
        yield position, ONE_CONVENTION.problem(finding)
    for position, finding in _sizes(views):
        yield position, USUAL_SIZE.problem(finding)


def _conventions(views: Sequence[RecordView]) -> Iterator[tuple[int, Finding]]:
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for position, view in enumerate(views):
        convention = event_convention(view)
        if view.letter and convention:
            found[view.letter].append((position, convention))
    for members in found.values():
        words = [word for _, word in members]
        usual = max(sorted(set(words)), key=words.count)
        for position, word in members:
            if word != usual:
                yield position, Finding("core.first_event_number", word, f"{usual}, as the others")


def event_convention(view: RecordView) -> str | None:
    """``global gates`` or ``gate numbers`` as first and last event; None if it cannot be told."""
    first, last = (view.integer(f"core.{edge}_event_number") for edge in ("first", "last"))
    if first is None or last is None or not view.ranges:
        return None
    inside = any(a <= first <= b for a, b in view.ranges)
    return "global gates" if inside else "gate numbers"


def _sizes(views: Sequence[RecordView]) -> Iterator[tuple[int, Finding]]:
    groups: dict[Group, list[tuple[int, float]]] = defaultdict(list)
    for position, view in enumerate(views):
        size, group = unit_size(view), _group(view)
        if size is not None and group is not None:
            groups[group].append((position, size))
    medians = {group: median(size for _, size in files) for group, files in groups.items()}
    for group, files in groups.items():
        others = [value for key, value in medians.items() if key != group and key[:2] == group[:2]]
        if len(files) >= FEWEST:
            yield from _outliers(files, medians[group], f"of period {group[2]}")
        if len(others) >= 2 and _far(medians[group], median(others)):
            yield from _outliers(files, median(others), "of the other periods")


def _outliers(
    files: Sequence[tuple[int, float]], usual: float, where: str
) -> Iterator[tuple[int, Finding]]:
    for position, size in files:
        if _far(size, usual):
            want = f"about {usual:.4g} bytes, the median {where}"
            yield position, Finding("size", f"{size:.4g} bytes", want)


def _far(size: float, usual: float) -> bool:
    return not usual / FACTOR <= size <= usual * FACTOR


def unit_size(view: RecordView) -> float | None:
    """Bytes a gate; of a rock-muon file, bytes a file."""
    size, count = as_integer(view.record.get("size")), view.integer("core.event_count")
    if size is None or size <= 0:
        return None
    if view.letter == "M":
        return float(size)
    return size / count if count is not None and count > 0 else None


def _group(view: RecordView) -> Group | None:
    period = _period_name(view.schema, view.runs)
    if view.letter is None or period is None:
        return None
    return view.letter, view.text("core.application.version") or "", period


def _period_name(schema: Schema, runs: list[int]) -> str | None:
    periods = schema.periods_of(runs)
    return periods[0].name if periods else None
