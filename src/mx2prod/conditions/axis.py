"""The axis of validity: run and subrun as one number, half-open intervals (page, 4.3)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import RunSubrun

OPEN_END = 2**63 - 1
"""End of an interval that has none."""

_PLACE = re.compile(r"(\d{1,8})(?:/(\d{1,4}))?")
SUBRUN_BITS = 32
"""Bits of the subrun in a place."""


def position(run: int, subrun: int = 0) -> int:
    """Place of a subrun on the axis: ``(run << 32) | subrun``.

    Raises
    ------
    NameFormatError
        If run or subrun is out of range.
    """
    RunSubrun(run, subrun)
    return (run << SUBRUN_BITS) | subrun


def run_subrun(place: int) -> RunSubrun:
    """Run and subrun of a place; not of :data:`OPEN_END`."""
    return RunSubrun(place >> SUBRUN_BITS, place & (2**SUBRUN_BITS - 1))


def parse_place(text: str) -> int:
    """Place of ``RUN`` or ``RUN/SUBRUN``.

    Raises
    ------
    NameFormatError
        If the text has another form.
    """
    match = _PLACE.fullmatch(text)
    if match is None:
        raise NameFormatError(f"{text!r}: expected RUN or RUN/SUBRUN, for example 50017/17")
    return position(int(match[1]), int(match[2] or 0))


def place_text(place: int) -> str:
    """``RUN/SUBRUN`` of a place, or ``open``."""
    return "open" if place == OPEN_END else str(run_subrun(place))


def place_json(place: int) -> dict[str, int] | None:
    """``{run, subrun}`` of a place; None for an open end (interface page)."""
    if place == OPEN_END:
        return None
    found = run_subrun(place)
    return {"run": found.run, "subrun": found.subrun}


@dataclass(frozen=True, order=True, slots=True)
class Interval:
    """Subruns from ``since`` until before ``until``.

    Attributes
    ----------
    since, until : int
        Places on the axis.

    Raises
    ------
    NameFormatError
        If the interval is empty.
    """

    since: int
    until: int

    def __post_init__(self) -> None:
        if not 0 <= self.since < self.until <= OPEN_END:
            raise NameFormatError(f"interval {self}: the end is not after the begin")

    def __contains__(self, place: int) -> bool:
        return self.since <= place < self.until

    def __str__(self) -> str:
        return f"[{_text(self.since)}, {_text(self.until)})"

    def as_dict(self) -> dict[str, dict[str, int] | None]:
        """Both ends as of :func:`place_json`."""
        return {"since": place_json(self.since), "until": place_json(self.until)}

    def overlaps(self, other: Interval) -> bool:
        """Tell whether a subrun can lie in both."""
        return self.since < other.until and other.since < self.until


def _text(place: int) -> str:
    """Text for messages, also of places that are no subrun."""
    return "open" if place == OPEN_END else f"{place >> SUBRUN_BITS}/{place & 0xFFFFFFFF}"
