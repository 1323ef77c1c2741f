"""Run lists and run-to-time maps: versioned inputs named by their content (page, 4.3 and 8)."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from mx2prod.conditions.axis import Interval, parse_place, place_text, position
from mx2prod.constants.text import read_content
from mx2prod.core.errors import InputFileError, NameFormatError, TableError
from mx2prod.core.ids import FILE_NAME
from mx2prod.core.units import US_PER_S

_PAIR = re.compile(r"(\d+)[\s,/]+(\d+)")


@dataclass(frozen=True)
class RunList:
    """Subruns that will be processed.

    Attributes
    ----------
    places : tuple of int
        On the axis, ascending, each once.
    """

    places: tuple[int, ...]

    @classmethod
    def of(cls, places: Iterable[int]) -> RunList:
        """Run list of places in any order."""
        return cls(tuple(sorted(set(places))))

    @classmethod
    def read(cls, path: Path) -> RunList:
        """Read a text file: ``RUN SUBRUN``, ``RUN/SUBRUN`` or a file name or did a line.

        Raises
        ------
        InputFileError
            If the file cannot be read, a line is none of them, or there is no line.
        """
        text = read_content(path).decode("utf-8", errors="replace")
        places = [
            _place_of_line(line.strip(), f"{path}, line {number}")
            for number, line in enumerate(text.splitlines(), 1)
            if line.strip() and not line.startswith("#")
        ]
        if not places:
            raise InputFileError(f"{path}: no subrun in it", next_step=f"head {path}")
        return cls.of(places)

    def document(self) -> dict[str, Any]:
        """Content as JSON."""
        return {"type": "mx2-run-list/1", "subruns": list(self.places)}

    @classmethod
    def of_document(cls, body: dict[str, Any]) -> RunList:
        """Run list of :meth:`document`."""
        return cls(tuple(body["subruns"]))

    def within(self, interval: Interval) -> tuple[int, ...]:
        """Subruns of an interval."""
        first = bisect_left(self.places, interval.since)
        return self.places[first : bisect_left(self.places, interval.until)]


@dataclass(frozen=True)
class Subrun:
    """Time of a subrun, from the gates of its raw file.

    Attributes
    ----------
    place : int
    begin_us, end_us : int
        First and last gate, microseconds since 1970.
    source : str
        The raw file.
    """

    place: int
    begin_us: int
    end_us: int
    source: str


@dataclass(frozen=True)
class RunTimeMap:
    """When each subrun was taken; made by :meth:`of`.

    Attributes
    ----------
    subruns : tuple of Subrun
        In order of run and subrun, and therefore of time.
    """

    subruns: tuple[Subrun, ...]

    @classmethod
    def of(cls, subruns: Iterable[Subrun]) -> RunTimeMap:
        """Check subruns and make a map of them.

        Raises
        ------
        TableError
            If a subrun stands twice, ends before it begins, or begins before the one before it
            has ended: times overlap, or run order and time order disagree.
        """
        ordered = sorted(subruns, key=lambda subrun: subrun.place)
        for subrun in ordered:
            if subrun.end_us < subrun.begin_us:
                raise TableError(
                    f"{subrun.source}: subrun {place_text(subrun.place)} ends before it begins"
                )
        for before, after in pairwise(ordered):
            if after.place == before.place:
                raise TableError(
                    f"subrun {place_text(after.place)} stands twice: {before.source}, "
                    f"{after.source}"
                )
            if after.begin_us <= before.end_us:
                raise TableError(
                    f"subrun {place_text(after.place)} ({after.source}) begins at "
                    f"{after.begin_us} us, before {place_text(before.place)} has ended at "
                    f"{before.end_us} us: times overlap, or disagree with the order of runs"
                )
        return cls(tuple(ordered))

    @classmethod
    def of_raw_files(cls, paths: Sequence[Path]) -> RunTimeMap:
        """Map of raw files, from the times of their first and last gates.

        Raises
        ------
        InputFileError
            If a file cannot be read or has no gate; and what :meth:`of` refuses.
        """
        return cls.of(_subrun_of_raw_file(path) for path in paths)

    def document(self) -> dict[str, Any]:
        """Content as JSON."""
        rows = [[s.place, s.begin_us, s.end_us, s.source] for s in self.subruns]
        return {"type": "mx2-runtime/1", "subruns": rows}

    @classmethod
    def of_document(cls, body: dict[str, Any]) -> RunTimeMap:
        """Map of :meth:`document`."""
        return cls(tuple(Subrun(*row) for row in body["subruns"]))

    def begin_us(self, place: int) -> int | None:
        """Begin of the first subrun at or after a place; None if there is none."""
        number = bisect_left(self.subruns, place, key=lambda subrun: subrun.place)
        return None if number == len(self.subruns) else self.subruns[number].begin_us

    def place_at(self, time_us: int) -> int | None:
        """Subrun that a time belongs to: the last one that has begun; None before the first."""
        number = bisect_right(self.subruns, time_us, key=lambda subrun: subrun.begin_us)
        return None if number == 0 else self.subruns[number - 1].place

    def seconds(self, interval: Interval) -> tuple[float, float | None] | None:
        """Begin and end of an interval in seconds; an end of None is open.

        None if no subrun of the map is in the interval or after its begin.
        """
        begin, end = self.begin_us(interval.since), self.begin_us(interval.until)
        if begin is None:
            return None
        return begin / US_PER_S, None if end is None else end / US_PER_S


def place_of_name(name: str) -> int | None:
    """Place of the subrun in a file name or did; None without one."""
    name = name.rpartition("/")[2]
    match = FILE_NAME.match(name.rpartition(":")[2])
    if match is None:
        match = re.match(r"TS1_(?P<run>\d{8})_(?P<subrun>\d{4})_", name)
    if match is not None:
        return position(int(match["run"]), int(match["subrun"]))
    run = re.match(r"s2s_constants_(\d+)", name)
    return None if run is None else position(int(run[1]))


def _place_of_line(line: str, source: str) -> int:
    pair = _PAIR.fullmatch(line)
    try:
        if pair is not None:
            return position(int(pair[1]), int(pair[2]))
        place = place_of_name(line)
        return parse_place(line) if place is None else place
    except NameFormatError as error:
        raise InputFileError(f"{source}: {error.message}") from error


def _subrun_of_raw_file(path: Path) -> Subrun:
    from mx2prod import raw

    info = raw.summarise(path)
    begin, end = info.first_trigger_time_us, info.last_trigger_time_us
    if begin is None or end is None or info.run is None or info.subrun is None:
        raise InputFileError(
            f"{path}: no gate with a time, run and subrun", next_step=f"mx2 raw info {path}"
        )
    return Subrun(position(info.run, info.subrun), begin, end, path.name)
