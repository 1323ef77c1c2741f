"""Times: UTC everywhere; the DAQ counts microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime

from mx2prod.core.units import US_PER_S


def now() -> datetime:
    """Present time in UTC."""
    return datetime.now(UTC)


def stamp(when: datetime) -> str:
    """``yymmddHHMM`` of a UTC time, as file names carry it."""
    return when.astimezone(UTC).strftime("%y%m%d%H%M")


def from_microseconds(time_us: int) -> datetime:
    """DAQ microseconds since the epoch as a UTC time, exact to the microsecond."""
    seconds, microseconds = divmod(int(time_us), US_PER_S)
    return datetime.fromtimestamp(seconds, UTC).replace(microsecond=microseconds)


def iso(time_us: int) -> str:
    """ISO 8601 text with microseconds and the letter Z."""
    return from_microseconds(time_us).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
