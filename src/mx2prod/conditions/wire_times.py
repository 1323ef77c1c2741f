"""Intervals of a folder in seconds, as readers of the mnvcon protocol see them (page, 4.3, 9)."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass

from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.intervals import Gap, Iov
from mx2prod.conditions.view import View
from mx2prod.conditions.wire import time_text
from mx2prod.core.errors import NoConditionsError, StateError


@dataclass(frozen=True)
class TimedInterval:
    """An interval of time with its payload.

    Attributes
    ----------
    number : int
        Number that a reader can ask for: the place of the first subrun.
    begin_us : int
        Microseconds since 1970.
    end_us : int or None
        None if open.  It lies before the next begin where subruns have no constants.
    content_sha256 : str
    """

    number: int
    begin_us: int
    end_us: int | None
    content_sha256: str

    def __contains__(self, time_us: int) -> bool:
        return self.begin_us <= time_us and (self.end_us is None or time_us < self.end_us)


@dataclass(frozen=True)
class TimedIntervals:
    """Intervals of one folder, in order of time; made by :meth:`of`.

    Attributes
    ----------
    intervals : tuple of TimedInterval
    """

    intervals: tuple[TimedInterval, ...]

    @classmethod
    def of(cls, rows: Sequence[Iov | Gap], runtime: RunTimeMap) -> TimedIntervals:
        """Intervals of a folder's rows; one without any subrun of the map is left out.

        Parameters
        ----------
        rows : sequence of Iov and Gap
            In order; excluded subruns have no constants.
        runtime : RunTimeMap
        """
        places = [subrun.place for subrun in runtime.subruns]
        begins: list[int | None] = [*(subrun.begin_us for subrun in runtime.subruns), None]
        found = []
        for row in rows:
            begin = begins[bisect_left(places, row.interval.since)]
            end = begins[bisect_left(places, row.interval.until)]
            if row.content_sha256 and begin is not None and begin != end:
                interval = TimedInterval(row.interval.since, begin, end, row.content_sha256)
                found.append(interval)
        return cls(tuple(found))

    def at(self, time_us: int) -> TimedInterval | None:
        """Interval that holds at a time; None if none does."""
        number = bisect_right(self.intervals, time_us, key=lambda item: item.begin_us) - 1
        if number < 0 or time_us not in self.intervals[number]:
            return None
        return self.intervals[number]

    def between(self, first_us: int, last_us: int) -> list[TimedInterval]:
        """Intervals that hold at some time from the first to the last, both included."""
        return [
            item
            for item in self.intervals
            if item.begin_us <= last_us and (item.end_us is None or first_us < item.end_us)
        ]

    def numbered(self, number: int) -> TimedInterval | None:
        """Interval of a number; None if there is none."""
        index = bisect_left(self.intervals, number, key=lambda item: item.number)
        found = self.intervals[index : index + 1]
        return found[0] if found and found[0].number == number else None


def runtime_of(view: View) -> RunTimeMap:
    """Run-to-time map of a global tag.

    Raises
    ------
    StateError
        If it has none.
    """
    if view.runtime is None:
        raise StateError(
            f"global tag {view.gtag}: has no run-to-time map, so no times",
            next_step=f"mx2 conditions runtime {view.gtag} FILE",
        )
    return view.runtime


def gapless(
    folder: str, rows: Sequence[Iov | Gap], runtime: RunTimeMap, *, ends: bool = False
) -> tuple[TimedInterval, ...]:
    """Intervals for a reader that knows no ends and takes the last table that has begun.

    Parameters
    ----------
    folder : str
        For messages.
    rows, runtime
        As in :meth:`TimedIntervals.of`.
    ends : bool
        Let the last interval have an end.

    Raises
    ------
    NoConditionsError
        If there is none, one ends before the next begins, or the last one ends.
    """
    found = TimedIntervals.of(rows, runtime).intervals
    begins = [*(item.begin_us for item in found[1:]), None]
    if ends and found:
        begins[-1] = found[-1].end_us
    holes = [item.end_us for item, end in zip(found, begins, strict=False) if item.end_us != end]
    if holes or not found:
        where = f"no constants from {time_text(holes[0])} s on" if holes else "no interval"
        raise NoConditionsError(
            f"{folder}: {where}; its reader knows no ends and would take older ones",
            folder=folder, run=0, subrun=0,
            next_step="mx2 conditions gaps GTAG --choose FOLDER RUN/SUBRUN extend|nominal",
        )  # fmt: skip
    return found
