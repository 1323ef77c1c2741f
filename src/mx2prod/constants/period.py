"""The header of pedestal-like text files: when the data were taken (conditions page, section 3.1).

Only the microseconds count.  The date beside them is for people: US Central time, without a word
about it.  The official writer prints the microseconds divided by 60 as minutes; what a file says
under ``elapsed`` is therefore not used, and our own files say the true minutes.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mx2prod.constants.source import refuse_line
from mx2prod.core.errors import TableError

LATEST_US = 4_102_444_800_000_000
"""First microsecond that is refused: 1 January 2100, UTC."""

_WORDS = ("begin", "end", "elapsed", "min")
_LINES = {
    "begin": re.compile(r"# +begin +(\d{1,16})( .*)?"),
    "end": re.compile(r"# +end +(\d{1,16})( .*)?"),
    "elapsed": re.compile(r"# +elapsed +\S+ +min"),
    "min": re.compile(r"# +min +occ +(\d{1,9}) +hits"),
}
_FORMS = {
    "begin": "# begin <microseconds> <date>",
    "end": "# end <microseconds> <date>",
    "elapsed": "# elapsed <minutes> min",
    "min": "# min occ <number> hits",
}


@dataclass(frozen=True)
class Period:
    """Time of the data behind a table.

    Attributes
    ----------
    begin_us, end_us : int
        First and last gate used, microseconds since 1970, UTC.
    min_occupancy : int or None
        Smallest number of hits of a row, where the file says it.

    Raises
    ------
    TableError
        If the end is not after the begin, or a time is not between 1970 and 2100.
    """

    begin_us: int
    end_us: int
    min_occupancy: int | None = None

    def __post_init__(self) -> None:
        if not 0 <= self.begin_us < self.end_us < LATEST_US:
            raise TableError(
                f"period from {self.begin_us} to {self.end_us} us: expected an end after the begin "
                f"and both from 0 to {LATEST_US - 1}"
            )
        if self.min_occupancy is not None and not 0 <= self.min_occupancy < 10**9:
            raise TableError(f"min occ {self.min_occupancy}: expected 0 to 999999999")

    @property
    def minutes(self) -> float:
        """Length in minutes."""
        return (self.end_us - self.begin_us) / 60e6

    def lines(self, names: Sequence[str]) -> list[str]:
        """Header lines of a file whose columns have these names."""
        occupancy = [] if self.min_occupancy is None else [f"# min occ {self.min_occupancy} hits"]
        return [
            f"# begin   {self.begin_us:16d} {central_time(self.begin_us)}",
            f"# end     {self.end_us:16d} {central_time(self.end_us)}",
            f"# elapsed {self.minutes:.1f} min",
            *occupancy,
            f"# {' '.join(names)}",
        ]


def central_time(microseconds: int) -> str:
    """US Central date of a moment, for example ``Tue Mar 21 12:31:38 2023``.

    Daylight saving from the second Sunday of March to the first of November, 2:00 local standard
    and daylight time: the rule since 2007.
    """
    utc = datetime.fromtimestamp(microseconds // 1_000_000, UTC)
    starts = _sunday(utc.year, 3, 8) + timedelta(hours=8)
    ends = _sunday(utc.year, 11, 1) + timedelta(hours=7)
    local = utc - timedelta(hours=5 if starts <= utc < ends else 6)
    days = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
    months = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
    return f"{days[local.weekday()]} {months[local.month - 1]} {local:%d %H:%M:%S} {local.year:04d}"


def _sunday(year: int, month: int, earliest: int) -> datetime:
    day = datetime(year, month, earliest, tzinfo=UTC)
    return day + timedelta(days=6 - day.weekday())


def parse_header(lines: Sequence[tuple[int, str]], source: str) -> tuple[Period, list[str], int]:
    """Read the header lines of a file.

    Parameters
    ----------
    lines : sequence of (int, str)
        Number in the file and text of each line that begins with ``#``.
    source : str
        For messages.

    Returns
    -------
    period : Period
    names : list of str
        Column names.
    names_line : int
        Number of their line.

    Raises
    ------
    TableError
        If a line is missing, stands twice or has another form; names file and line.
    """
    found: dict[str, tuple[int, str]] = {}
    for number, text in lines:
        words = text[1:].split()
        word = words[0] if words and words[0] in _WORDS else "names"
        if word in found:
            refuse_line(
                source,
                number,
                f"a second header line for {word}, the first is line {found[word][0]}",
            )
        found[word] = (number, text)
    last = lines[-1][0] if lines else 1
    for word in ("begin", "end", "names"):
        if word not in found:
            form = _FORMS.get(word, "# <column names>")
            refuse_line(source, last, f"the header has no line '{form}'")
    values = {word: _value(word, *found[word], source) for word in _WORDS if word in found}
    try:
        period = Period(values["begin"], values["end"], values.get("min"))
    except TableError as error:
        refuse_line(source, found["end"][0], error.message)
    number, text = found["names"]
    return period, text[1:].split(), number


def _value(word: str, number: int, text: str, source: str) -> int:
    match = _LINES[word].fullmatch(text.rstrip())
    if match is None:
        refuse_line(source, number, f"{text!r} found, expected '{_FORMS[word]}'")
    return int(match[1]) if match.groups() else 0
