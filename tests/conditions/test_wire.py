"""Text of the mnvcon protocol."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.conditions import RunTimeMap, Subrun, position, wire
from mx2prod.conditions.axis import OPEN_END, Interval
from mx2prod.conditions.intervals import Gap, Iov
from mx2prod.conditions.wire_times import TimedIntervals, gapless
from mx2prod.constants import SCHEMAS, BadChannel, Pedestal, Table
from mx2prod.core.errors import NameFormatError, NoConditionsError, TableError
from tests.conditions.making import board_columns, pedestals

FINITE = st.floats(allow_nan=False, allow_infinity=False)


def bad_channels(reason: str) -> Table:
    columns = board_columns(2)
    return Table.of(
        BadChannel,
        {**columns, "flags": np.array([1, 2]), "reason": np.array(["dead", reason], object)},
    )


@given(st.lists(FINITE | FINITE.map(round).map(float) | st.integers(-(10**18), 10**18).map(float)))
def test_floats_are_printed_as_python_prints_them(values: list[float]) -> None:
    texts = wire.float_texts(np.array(values, dtype=np.float64)).to_pylist()
    assert texts == [repr(value) for value in values]


def test_floats_around_the_places_where_printing_changes() -> None:
    edges = np.array([1e-4, 1e10, 1e14, 1e15, 1e16, 2.0**53])
    values = np.concatenate([edges, np.nextafter(edges, 0), np.nextafter(edges, 1e300), -edges])
    assert wire.float_texts(values).to_pylist() == [repr(v) for v in values.tolist()]


def test_rows_are_what_a_plain_writer_writes() -> None:
    table = pedestals(430.1)
    expected = "".join(
        ",".join(repr(value) for value in row) + "\n"
        for row in zip(*(table[name].tolist() for name in Pedestal.names()), strict=True)
    )
    assert wire.rows(table) == expected.encode()


def test_rows_of_some_columns_with_the_time() -> None:
    lines = wire.rows(pedestals(430.0, 2), ["hg_rms", "pixel"], time="17.5").decode()
    assert lines == "1056768,17.5,1.5,0\n1056800,17.5,1.5,1\n"


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=list(SCHEMAS))
def test_no_client_meets_a_type_that_it_does_not_know(schema: type[Pedestal]) -> None:
    app = wire.sql_types(schema, wire.APP)
    lar = wire.sql_types(schema, wire.LAR)
    assert app.pop("channel") == lar.pop("channel") == "bigint"
    assert set(app.values()) <= {"integer", "double precision", "text"}
    assert set(lar.values()) <= {"integer", "real", "text"}


@pytest.mark.parametrize(
    ("text", "microseconds"),
    [
        ("1710003600", 1_710_003_600_000_000),
        ("1710003600.", 1_710_003_600_000_000),
        ("1710003600.000001", 1_710_003_600_000_001),
        ("1710003600.5", 1_710_003_600_500_000),
        ("1710003600.9999999", 1_710_003_600_999_999),
        ("-1.25", -1_250_000),
    ],
)
def test_times(text: str, microseconds: int) -> None:
    assert wire.parse_time(text) == microseconds


@pytest.mark.parametrize("text", ["", "x", "1e9", "nan", "1.2.3", " 1", "1" * 20, "٣"])
def test_times_that_are_none(text: str) -> None:
    with pytest.raises(NameFormatError, match="expected seconds"):
        wire.parse_time(text)


@given(st.integers(-(10**15), 4_000_000_000_000_000))
def test_printed_times_read_back_and_have_six_decimals_at_most(time_us: int) -> None:
    text = wire.time_text(time_us)
    assert wire.parse_time(text) == time_us
    assert len(text.partition(".")[2]) <= 6
    if abs(time_us) >= 100:
        assert text == repr(time_us / 1e6)


def test_an_open_end_is_a_dash() -> None:
    assert wire.time_text(None) == "-"


@pytest.mark.parametrize("reason", ["a, b", 'say "x"', "it's", "two\nlines", "x" * 127])
def test_texts_that_readers_cannot_take_are_refused(reason: str) -> None:
    with pytest.raises(TableError, match=r"channel 1056800, column reason"):
        wire.rows(bad_channels(reason))
    with pytest.raises(TableError, match=r"column reason"):
        wire.require_sendable(bad_channels(reason))


def test_texts_are_not_quoted() -> None:
    table = bad_channels("hot since run 1702")
    wire.require_sendable(table)
    assert wire.rows(table).endswith(b",2,hot since run 1702\n")


def subruns(*begins: int) -> RunTimeMap:
    return RunTimeMap.of(
        Subrun(position(1, number), begin, begin + 5, str(number))
        for number, begin in enumerate(begins)
    )


def iov(since: int, until: int | None, sha256: str) -> Iov:
    return Iov(
        Interval(position(1, since), OPEN_END if until is None else position(1, until)), sha256
    )


def test_an_interval_begins_with_its_first_subrun_and_ends_with_the_next_one() -> None:
    found = TimedIntervals.of([iov(0, 2, "a"), iov(2, None, "b")], subruns(100, 200, 300, 400))
    assert [(item.begin_us, item.end_us) for item in found.intervals] == [(100, 300), (300, None)]
    assert [found.at(time) and found.at(time).content_sha256 for time in (99, 100, 299, 300)] == [
        None, "a", "a", "b",
    ]  # fmt: skip


def test_excluded_subruns_are_a_gap_and_intervals_without_subruns_vanish() -> None:
    gap = Gap(Interval(position(1, 1), position(1, 2)), "exclude", "test", None)
    rows = [iov(0, 1, "a"), gap, iov(2, 3, "b"), iov(3, 7, "c"), iov(8, None, "d")]
    found = TimedIntervals.of(rows, subruns(100, 200, 300))
    assert [(i.begin_us, i.end_us, i.content_sha256) for i in found.intervals] == [
        (100, 200, "a"), (300, None, "b"),
    ]  # fmt: skip
    assert found.at(250) is None
    assert found.numbered(position(1, 2)) == found.intervals[1]
    assert found.numbered(position(1, 1)) is None
    assert [i.content_sha256 for i in found.between(150, 299)] == ["a"]
    assert [i.content_sha256 for i in found.between(200, 300)] == ["b"]
    with pytest.raises(NoConditionsError, match=r"from 0\.0002 s on"):
        gapless("folder", rows, subruns(100, 200, 300))


def test_a_reader_without_ends_needs_an_open_end() -> None:
    rows = [iov(0, 1, "a")]
    with pytest.raises(NoConditionsError, match="would take older ones"):
        gapless("folder", rows, subruns(100, 200))
    assert len(gapless("folder", rows, subruns(100, 200), ends=True)) == 1
    with pytest.raises(NoConditionsError, match="no interval"):
        gapless("folder", [iov(5, None, "a")], subruns(100, 200))


@given(st.data())
def test_bisection_finds_what_a_search_finds(data: st.DataObject) -> None:
    places = sorted(data.draw(st.sets(st.integers(0, 30), min_size=2, max_size=8)))
    rows = [iov(a, b, f"{a}") for a, b in pairwise(places)]
    begins = sorted(data.draw(st.sets(st.integers(0, 50), min_size=1, max_size=31)))
    times = subruns(*(10 * begin for begin in begins))
    found = TimedIntervals.of(rows, times)
    time_us = data.draw(st.integers(-5, 520))
    holding = [item for item in found.intervals if time_us in item]
    assert found.at(time_us) == (holding[0] if holding else None)
    assert len(holding) <= 1
    for subrun in times.subruns:
        held = [row for row in rows if subrun.place in row.interval]
        at = found.at(subrun.begin_us)
        assert (at and at.content_sha256) == (held[0].content_sha256 if held else None)


def test_the_body_of_the_page(fixture_table: Table) -> None:
    body = wire.head(1_710_000_000_000_000, 1_710_086_400_000_000, Pedestal, wire.APP)
    body += wire.rows(fixture_table)
    assert len(body) == 551
    assert (
        hashlib.sha256(body).hexdigest()
        == "11df5c7501afcf97f3ca8f012a8ba83bc49a805e43e2b0c1930b2659bfad5a2b"
    )


@pytest.fixture
def fixture_table() -> Table:
    pixel = np.arange(3)
    zero = np.zeros(3, dtype=np.int64)
    columns = {"crate": zero, "croc": zero + 1, "chain": zero + 2, "board": zero + 3}
    columns |= {"pixel": pixel, "hg_mean": 430.0 + pixel, "hg_rms": np.full(3, 1.5)}
    columns |= {"mg_mean": np.full(3, 431.25), "mg_rms": np.full(3, 1.625)}
    columns |= {"lg_mean": np.full(3, 429.1), "lg_rms": np.full(3, 1.75)}
    columns |= {f"{gain}_entries": np.full(3, 750.0) for gain in ("hg", "mg", "lg")}
    return Table.of(Pedestal, columns)
