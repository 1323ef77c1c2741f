"""Words of conditions: what an unquoted word means, dates, times, regular expressions."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone

from mx2prod.catalog.mql.syntax import Constant, Day, Moment, Span
from mx2prod.core.errors import QueryError

_INTEGER = re.compile(r"[+-]?[0-9]+")
_FLOAT = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_LONGEST_NUMBER = 400
KEY = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)+")
"""A metadata key (catalogue page, section 1.1)."""
ATTRIBUTE = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
"""A name that may be an attribute: a word without a dot."""
_ISO = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<hm>\d{2}:\d{2})(?::(?P<s>\d{2})(?:\.(?P<f>\d{1,9}))?)?"
    r"(?P<zone>Z|[+-]\d{2}:\d{2})?)?",
    re.ASCII,
)
_ZONE = re.compile(r"(?P<sign>[+-])(?P<hours>\d{2}):(?P<minutes>\d{2})", re.ASCII)


def read_word(text: str, span: Span) -> Constant:
    """Read an unquoted word: integer, float, true, false, null, else text (section 2.1).

    Raises
    ------
    QueryError
        If it is a number of more than 400 characters.
    """
    if text == "null":
        return Constant(None, written=text, span=span)
    if text.lower() in {"true", "false"}:
        return Constant(text.lower() == "true", written=text, span=span)
    if not _FLOAT.fullmatch(text):
        return Constant(text, written=text, span=span)
    if len(text) > _LONGEST_NUMBER:
        raise QueryError(f"a number of {len(text)} characters", offset=span.start)
    if _INTEGER.fullmatch(text):
        return Constant(int(text), written=text, span=span)
    return Constant(float(text), written=text, span=span)


def utc_seconds(text: str) -> float | None:
    """Read ``YYYY-MM-DD[(T| )hh:mm[:ss[.f]][+hh:mm|-hh:mm|Z]]`` as UTC seconds.

    Returns
    -------
    float or None
        UTC without a zone; None if the text is no such time.
    """
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    try:
        moment = datetime.strptime(
            f"{match['date']} {match['hm'] or '00:00'}:{match['s'] or '00'}", "%Y-%m-%d %H:%M:%S"
        )
        offset = _zone_offset(match["zone"] or "Z")
    except ValueError:
        return None
    seconds = moment.replace(tzinfo=timezone(offset)).timestamp()
    return seconds + (float(f"0.{match['f']}") if match["f"] else 0.0)


def has_zone(text: str) -> bool:
    """Say whether a time that :func:`utc_seconds` reads names its zone."""
    match = _ISO.fullmatch(text)
    return match is not None and match["zone"] is not None


def iso_text(seconds: float) -> str:
    """ISO text with ``Z`` of UTC seconds, exact to the microsecond."""
    moment = datetime.fromtimestamp(0, UTC) + timedelta(seconds=seconds)
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (
        f".{moment.microsecond:06d}Z" if moment.microsecond else "Z"
    )


def read_moment(text: str, *, quoted: bool, span: Span) -> Moment:
    """Read the text of ``datetime(…)``.

    Raises
    ------
    QueryError
        If it is not a time.
    """
    seconds = utc_seconds(text)
    if seconds is None:
        raise QueryError(
            f"datetime({text}): expected YYYY-MM-DD[Thh:mm[:ss[.f]][Z|+hh:mm|-hh:mm]]",
            offset=span.start,
        )
    return Moment(text, seconds, quoted, span=span)


def read_day(text: str, zone: str | None, *, span: Span) -> Day:
    """Read the texts of ``date(…)``.

    Raises
    ------
    QueryError
        If it is not a date, or not a zone.
    """
    seconds = utc_seconds(text) if len(text) == len("YYYY-MM-DD") else None
    if seconds is None:
        raise QueryError(f"date({text}): expected YYYY-MM-DD", offset=span.start)
    try:
        offset = _zone_offset(zone or "Z")
    except ValueError as error:
        message = f"date({text}, {zone}): expected a zone as +hh:mm or -hh:mm"
        raise QueryError(message, offset=span.start) from error
    return Day(text, zone, seconds - offset.total_seconds(), span=span)


def _zone_offset(zone: str) -> timedelta:
    if zone == "Z":
        return timedelta(0)
    match = _ZONE.fullmatch(zone)
    if match is None or int(match["hours"]) > 23 or int(match["minutes"]) > 59:
        raise ValueError(f"{zone!r} is not a zone")
    offset = timedelta(hours=int(match["hours"]), minutes=int(match["minutes"]))
    return -offset if match["sign"] == "-" else offset
