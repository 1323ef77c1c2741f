from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.time import from_microseconds, iso, now, stamp

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@given(st.integers(0, 4_102_444_800_000_000))
def test_microseconds_are_exact(time_us: int) -> None:
    assert (from_microseconds(time_us) - EPOCH) // timedelta(microseconds=1) == time_us


def test_iso_of_a_known_time() -> None:
    assert iso(1_720_601_760_000_001) == "2024-07-10T08:56:00.000001Z"


def test_stamp_is_utc_wherever_the_time_was_taken() -> None:
    chicago = timezone(timedelta(hours=-5))
    assert stamp(datetime(2024, 7, 10, 3, 56, tzinfo=chicago)) == "2407100856"


def test_now_is_utc() -> None:
    assert now().utcoffset() == timedelta(0)
