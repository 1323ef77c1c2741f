"""SQLite files for readers like LArSoft's."""

from __future__ import annotations

import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from mx2prod.cli.conditions_serve import export_lar
from mx2prod.conditions import (
    Interval,
    RunTimeMap,
    Store,
    Subrun,
    View,
    create_tag,
    group,
    position,
    put,
)
from mx2prod.conditions.lar import _require_names, write_lar
from mx2prod.constants import Pedestal, Table
from mx2prod.constants.schema import Column
from mx2prod.core.errors import NoConditionsError, OutputError, StateError, TableError
from tests.conditions import lar_reader
from tests.conditions.making import GAINS, PEDESTALS, gains, pedestals
from tests.conditions.serving import FIRST_US, RUN, SUBRUN_US, open_gtag, view_of

HOUR_NS = SUBRUN_US * 1000
FIRST_NS = FIRST_US * 1000


def view_with(store: Store, *tables: Table | None, times: RunTimeMap | None = None) -> View:
    open_gtag(store, "lar-v1", tables, times=times)
    return view_of(store, "lar-v1")


def test_the_queries_of_the_reader_give_the_tables(store: Store, tmp_path: Path) -> None:
    tables = [pedestals(430.0), pedestals(431.1), pedestals(450.25)]
    view = view_with(store, *tables)
    (written,) = write_lar(view, tmp_path / "lar")
    path = tmp_path / "lar" / f"{PEDESTALS}.db"
    assert (written.folder, written.tags) == (PEDESTALS, ("lar-v1",))
    assert (written.intervals, written.rows, written.warnings) == (3, 192, ())
    assert stat.S_IMODE(path.stat().st_mode) & 0o444 == 0o444
    for number, table in enumerate(tables):
        begin_ns = FIRST_NS + number * HOUR_NS
        for time in (begin_ns, begin_ns + HOUR_NS - 10**9):
            found = lar_reader.read(PEDESTALS, path, "lar-v1", time)
            assert found.names == list(Pedestal.names())
            assert found.types == ["integer"] * 6 + ["real"] * 9
            assert found.begin == f"{begin_ns // 10**9}.0"
            assert found.end == ("-" if number == 2 else f"{begin_ns // 10**9 + 3600}.0")
            for column, name in enumerate(found.names):
                assert [row[column] for row in found.rows] == table[name].tolist()
        older = lar_reader.read_one_interval(PEDESTALS, path, "lar-v1", begin_ns // 10**9)
        assert [row[1] for row in older] == table.channel.tolist()


def test_the_reader_finds_nothing_before_the_first_interval_or_without_the_tag(
    store: Store, tmp_path: Path
) -> None:
    write_lar(view_with(store, pedestals()), tmp_path / "lar")
    path = tmp_path / "lar" / f"{PEDESTALS}.db"
    for tag, time in (("lar-v1", FIRST_NS - 10**9), ("", FIRST_NS), ("other", FIRST_NS)):
        with pytest.raises(lar_reader.ReaderError, match="no interval"):
            lar_reader.read(PEDESTALS, path, tag, time)


def test_each_folder_is_a_file_and_the_tag_of_the_folder_is_known_too(
    store: Store, tmp_path: Path
) -> None:
    open_gtag(store, "ped-v7", [pedestals()])
    create_tag(store, GAINS, "gains-v3", reason="test")
    put(store, GAINS, gains(), tag="gains-v3", since=position(RUN), until=None, reason="test")
    group(store, "ped-v7", {GAINS: "gains-v3"}, reason="test")
    document = export_lar(view_of(store, "ped-v7"), tmp_path / "lar", [])
    assert document == {
        "files": [
            {"folder": PEDESTALS, "tags": ["ped-v7"], "intervals": 1, "rows": 64},
            {"folder": GAINS, "tags": ["ped-v7", "gains-v3"], "intervals": 1, "rows": 64},
        ],
        "warnings": [],
    }
    for tag in ("ped-v7", "gains-v3"):
        found = lar_reader.read(GAINS, tmp_path / "lar" / f"{GAINS}.db", tag, FIRST_NS)
        assert found.value(1056768, "gain") == 5.6e5


def test_a_missing_channel_is_refused_because_the_reader_takes_it_from_an_older_interval(
    store: Store, tmp_path: Path
) -> None:
    view = view_with(store, pedestals(430.0, 64), pedestals(450.0, 63))
    with pytest.raises(TableError, match=r"other channels .*\(1, the first is 1058784\)"):
        write_lar(view, tmp_path / "lar")
    assert not (tmp_path / "lar").exists()
    assert [path.name for path in tmp_path.iterdir() if "lar" in path.name] == []


def test_the_trap_is_real(store: Store, tmp_path: Path) -> None:
    write_lar(view_with(store, pedestals(430.0), pedestals(450.0)), tmp_path / "lar")
    path = tmp_path / "lar" / f"{PEDESTALS}.db"
    with closing(sqlite3.connect(path)) as file, file:
        file.execute(f"DELETE FROM {PEDESTALS}_data WHERE __iov_id = 2 AND pixel = 63")
    found = lar_reader.read(PEDESTALS, path, "lar-v1", FIRST_NS + HOUR_NS)
    assert [row[6] for row in found.rows[-2:]] == [450.0 + 62 / 64, 430.0 + 63 / 64]


def test_a_gap_is_refused(store: Store, tmp_path: Path) -> None:
    view = view_with(store, pedestals(430.0), None, pedestals(450.0))
    with pytest.raises(NoConditionsError, match=r"no constants from 1720003600\.0 s on"):
        write_lar(view, tmp_path / "lar")


def test_a_cut_may_end(store: Store, tmp_path: Path) -> None:
    view = view_with(store, pedestals(430.0), pedestals(431.0), pedestals(450.0))
    cut = [Interval(position(RUN, 1), position(RUN, 2))]
    (written,) = write_lar(view, tmp_path / "lar", cut=cut)
    assert written.intervals == 1
    assert "after 1720007200.0 s the reader goes on" in written.warnings[0]
    path = tmp_path / "lar" / f"{PEDESTALS}.db"
    assert (
        lar_reader.read(PEDESTALS, path, "lar-v1", FIRST_NS + HOUR_NS).value(1056768, "hg_mean")
        == 431.0
    )
    with pytest.raises(lar_reader.ReaderError):
        lar_reader.read(PEDESTALS, path, "lar-v1", FIRST_NS)
    with pytest.raises(NoConditionsError, match="no interval"):
        write_lar(view, tmp_path / "none", cut=[Interval(position(1), position(2))])


def test_many_intervals_are_slow_for_the_reader(store: Store, tmp_path: Path) -> None:
    view = view_with(store, *(pedestals(430.0 + number, 2) for number in range(21)))
    (written,) = write_lar(view, tmp_path / "lar")
    assert "21 intervals; above 20" in written.warnings[0]


def subrun(number: int, begin_us: int, end_us: int) -> Subrun:
    return Subrun(position(RUN, number), begin_us, end_us, f"subrun {number}")


@pytest.mark.parametrize(
    ("subruns", "text"),
    [
        (
            [subrun(0, 10_100_000, 10_200_000), subrun(1, 10_300_000, 11_000_000)],
            "of a gate before",
        ),
        ([subrun(0, 10_100_000, 10_999_999), subrun(1, 11_000_000, 11_000_000)], ""),
        (
            [subrun(0, 10_100_000, 11_000_000), subrun(1, 11_000_001, 12_000_000)],
            "of a gate before",
        ),
        ([subrun(0, 0, 1), subrun(1, 2**31 * 10**6, 2**32 * 10**6)], "beyond the reader's 32 bits"),
    ],
)
def test_whole_seconds(store: Store, tmp_path: Path, subruns: list[Subrun], text: str) -> None:
    view = view_with(store, pedestals(430.0), pedestals(431.0), times=RunTimeMap.of(subruns))
    if not text:
        assert write_lar(view, tmp_path / "lar")[0].intervals == 2
        return
    with pytest.raises(TableError, match=text):
        write_lar(view, tmp_path / "lar")


def test_times_are_needed_and_nothing_is_replaced(store: Store, tmp_path: Path) -> None:
    open_gtag(store, "timed", [pedestals()])
    group(store, "untimed", {PEDESTALS: "timed"}, reason="test")
    with pytest.raises(StateError, match="no run-to-time map"):
        write_lar(view_of(store, "untimed"), tmp_path / "lar")
    view = view_of(store, "timed")
    write_lar(view, tmp_path / "lar")
    with pytest.raises(OutputError, match="exists"):
        write_lar(view, tmp_path / "lar")
    (tmp_path / "file").write_text("x")
    with pytest.raises(OutputError, match="cannot be written"):
        write_lar(view, tmp_path / "file" / "lar")


@pytest.mark.parametrize("name", ["_hidden", "MAXIMUM", "tag", "begin_time"])
def test_names_that_the_reader_drops(name: str) -> None:
    class Odd(Pedestal):
        schema = "odd/1"
        values = (Column(name, "float64", "odd"),)

    with pytest.raises(TableError, match=f"column {name}"):
        _require_names(Odd)
