"""Text files: round trips to the byte, tolerance of others' files, refusal of damaged ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mx2prod.constants import (
    BadChannel,
    Constants,
    FebResponse,
    Pedestal,
    Period,
    PmtGain,
    StripToStrip,
    Table,
    content_bytes,
    feb_text,
    joined,
    parse_feb_text,
    parse_table_text,
    read_feb_file,
    read_table,
    table_text,
    write_feb_file,
    write_table,
)
from mx2prod.constants.period import central_time
from mx2prod.core.errors import InputFileError, OutputError, TableError
from mx2prod.detector import BoardAddress
from tests.constants.making import BEGIN, END, PERIOD, address_columns, some_table, tables
from tests.examples import share

BOARD = BoardAddress(0, 1, 2, 3)
HEADER = """\
# begin   1679419898780211 Tue Mar 21 12:31:38 2023
# end     1679421873400253 Tue Mar 21 13:04:33 2023
# elapsed 32910334.0 min
# min occ 215 hits
# crate croc chain board pixel hg_mean hg_rms hg_entries mg_mean mg_rms mg_entries lg_mean lg_rms \
lg_entries
"""
ROWS = """\
0 1 2 3 0 430.0 1.5 750.0 431.25 1.625 750.0 429.1 1.75 750.0
0 1 2 3 1 431.0 1.5 750.0 431.25 1.625 750.0 429.1 1.75 1.1e-07
"""
GOOD = HEADER + ROWS


def parse(text: str | bytes, schema: type[Constants] = Pedestal) -> Table:
    content = text if isinstance(text, bytes) else text.encode()
    return parse_table_text(content, schema, source="ped.dat")


def feb_table(seed: int = 1) -> Table:
    """All pixels of one board."""
    rng = np.random.default_rng(seed)
    keys = np.arange(64) * 32 + 1323008
    columns = address_columns(FebResponse, keys)
    return Table.of(
        FebResponse, columns | {c.name: rng.uniform(0, 9, 64) for c in FebResponse.values}
    )


def test_a_real_header_is_understood() -> None:
    """Lines 1 to 3 are of a real file; the true length is 32.9 minutes."""
    table = parse(GOOD)
    assert table.period == Period(BEGIN, END, 215)
    assert table.channel.tolist() == [1323008, 1323040]
    assert table["hg_mean"].tolist() == [430.0, 431.0]
    assert table["lg_entries"].tolist() == [750.0, 1.1e-07]


def test_a_file_is_written_as_it_was_but_for_the_wrong_minutes() -> None:
    assert table_text(parse(GOOD)) == GOOD.replace("32910334.0", "32.9")


@pytest.mark.parametrize("schema", [Pedestal, PmtGain], ids=lambda schema: schema.schema)
def test_a_whole_detector_survives_the_file(schema: type[Constants], tmp_path: Path) -> None:
    table = some_table(schema, None)
    path = tmp_path / "table.dat"
    write_table(table, path)
    again = read_table(path, schema)
    assert content_bytes(again) == content_bytes(table)
    assert again.period == table.period
    assert table_text(again).encode() == path.read_bytes()
    with pytest.raises(OutputError, match="exists already"):
        write_table(table, path)
    write_table(again, path, overwrite=True)


STRIPS = """\
# begin   1679419898780211 Tue Mar 21 12:31:38 2023
# end     1679421873400253 Tue Mar 21 13:04:33 2023
# elapsed 32.9 min
# detector subdet module plane strip s2s ds2s entries error
1 3 1 1 1 1.012346 0.003100 812 00000
1 3 1 1 2 0.000000 0.000000 0 10000
1 3 1 1 3 0.998700 0.210000 95 00110
"""


def test_a_strip_to_strip_file_keeps_its_bytes_and_rounds_to_six_decimals() -> None:
    """Conditions page, section 3.2; the first-iteration writer ends its rows with a blank."""
    table = parse(STRIPS, StripToStrip)
    assert table["error"].tolist() == [0, 10000, 110]
    assert table_text(table) == STRIPS
    assert table_text(parse(STRIPS.replace("0\n", "0 \n"), StripToStrip)) == STRIPS
    columns = {name: table[name].copy() for name in StripToStrip.text_names()}
    columns["s2s"][0] = 1.0123456789
    finer = Table.of(StripToStrip, columns, period=table.period)
    assert content_bytes(finer) != content_bytes(table)
    assert table_text(finer) == STRIPS
    with pytest.raises(TableError, match=r"line 7: column error, .*: 11112 found"):
        parse(STRIPS.replace("00110", "11112"), StripToStrip)


def test_all_strips_survive_the_file() -> None:
    table = some_table(StripToStrip, None)
    again = parse(table_text(table), StripToStrip)
    assert table_text(again) == table_text(table)
    assert np.abs(again["s2s"] - table["s2s"]).max() <= 5e-7 * 1.000001
    assert np.array_equal(again["error"], table["error"])


@share(5)
@given(data=st.data())
@pytest.mark.parametrize("schema", [Pedestal, PmtGain], ids=lambda schema: schema.schema)
def test_any_table_survives_its_text(schema: type[Constants], data: st.DataObject) -> None:
    table = data.draw(tables(schema))
    text = table_text(table)
    again = parse(text, schema)
    assert content_bytes(again) == content_bytes(table)
    assert again.period == table.period
    assert table_text(again) == text


@given(cut=st.integers(0, len(GOOD) - 1))
@settings(max_examples=400)
def test_a_file_that_was_cut_is_refused_unless_rows_are_whole(cut: int) -> None:
    """Only a cut between two rows leaves a table, and that says what is missing."""
    text = GOOD[:cut]
    if text.endswith("\n") and len(text) > len(HEADER):
        assert len(parse(text).missing()) == 11_839
    else:
        with pytest.raises(TableError, match=r"^ped.dat, line \d"):
            parse(text)


@given(
    place=st.integers(0, len(GOOD) - 1),
    byte=st.integers(0, 255),
)
@settings(max_examples=400)
def test_a_damaged_file_gives_a_table_or_an_error_with_its_line(place: int, byte: int) -> None:
    damaged = bytearray(GOOD.encode())
    damaged[place] = byte
    try:
        table = parse(bytes(damaged))
    except TableError as error:
        assert error.message.startswith("ped.dat, line ")
        assert error.next_step.startswith("sed -n ")
    else:
        assert all(np.isfinite(table[c.name]).all() for c in Pedestal.columns())


def test_others_may_write_less_neatly() -> None:
    untidy = GOOD.replace("\n", "  \r\n").replace("0 1 2 3 1", "\r\n 0  1\t2 3   1")
    assert table_text(parse(untidy)) == table_text(parse(GOOD))
    assert parse(GOOD.replace("# min occ 215 hits\n", "")).period == Period(BEGIN, END)


def test_value_columns_may_stand_in_another_order() -> None:
    swapped = GOOD.replace("hg_mean hg_rms", "hg_rms hg_mean").replace(".0 1.5 ", ".5 1.0 ")
    table = parse(swapped)
    assert table["hg_rms"].tolist() == [430.5, 431.5]
    assert table["hg_mean"].tolist() == [1.0, 1.0]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("429.1 1.75 1.1e-07", "429.1 1.75", "line 7: 13 words found, expected 14"),
        ("1.1e-07", "1.1e-07 2", "line 7: 15 words found, expected 14"),
        ("1.1e-07", "x", "line 7: column lg_entries: 'x' found, expected float64"),
        ("1.1e-07", "1_0", "line 7: column lg_entries: '1_0' found"),
        ("1.1e-07", "nan", "line 7: column lg_entries, channel 0-1-2-3-1: nan found"),
        ("1.1e-07", "1e999", "line 7: column lg_entries, .* inf found"),
        ("0 1 2 3 1 ", "0 1 2 3 1.0 ", "line 7: column pixel: '1.0' found, expected int32"),
        ("0 1 2 3 1 ", "0 1 2 3 0 ", r"line 7: channel 0-1-2-3-0 .* stands in line 6 too"),
        ("0 1 2 3 1 ", "0 1 2 3 64 ", "line 7: column pixel"),
        ("0 1 2 3 1 ", f"0 1 2 3 {10**30} ", "line 7: column pixel: '10+' found"),
        ("0 1 2 3 1 ", "0 1 2 11 1 ", "line 7: channel 0-1-2-11-1 .* unknown to hardware_v1"),
        ("# end ", "# fin ", "line 5: a second header line for names, the first is line 2"),
        ("# end     1679421873400253", "# end     1679419898780211", "line 2: period .* after"),
        ("1679421873400253", "16794218734002530", "line 2: .* expected '# end <microseconds>"),
        ("# min occ", "# min oc", "line 4: .* expected '# min occ <number> hits'"),
        ("hg_mean", "hg_mena", "line 5: .*no column 'hg_mena'; did you mean 'hg_mean'"),
        ("hg_mean ", "", "line 5: columns .* found, expected"),
        ("crate croc", "croc crate", "line 5: .*only those after pixel may stand"),
        (ROWS, ROWS + HEADER, "line 8: a header line below the first row"),
        (ROWS, "", "line 5: the file ends after the header"),
        (GOOD, ROWS, "line 1: the header has no line '# begin"),
        (GOOD, "\n", "line 1: the file is empty"),
        ("Mar", "Mär", "line 1: byte 0xc3 is not ASCII text"),
    ],
)
def test_a_damaged_file_is_refused_with_the_line(old: str, new: str, message: str) -> None:
    assert old in GOOD
    with pytest.raises(TableError, match=f"^ped.dat, {message}"):
        parse(GOOD.replace(old, new))


@pytest.mark.parametrize(
    ("date", "utc_us"),
    [
        ("Tue Mar 21 12:31:38 2023", BEGIN),
        ("Sun Mar 10 01:59:59 2024", 1710057599000000),
        ("Sun Mar 10 03:00:00 2024", 1710057600000000),
        ("Sun Nov 03 01:59:59 2024", 1730617199000000),
        ("Sun Nov 03 01:00:00 2024", 1730617200000000),
        ("Wed Jul 10 08:56:00 2024", 1720619760000000),
        ("Wed Dec 31 18:00:00 1969", 0),
    ],
)
def test_dates_are_us_central_time(date: str, utc_us: int) -> None:
    assert central_time(utc_us) == date


@pytest.mark.parametrize(
    "values", [(5, 5, None), (-1, 5, None), (5, 10**18, None), (1, 2, -1), (1, 2, 10**9)]
)
def test_an_impossible_period_is_refused(values: tuple[int, int, int | None]) -> None:
    with pytest.raises(TableError, match="expected"):
        Period(*values)


def test_a_text_needs_a_period_and_a_text_format() -> None:
    with pytest.raises(TableError, match="no period"):
        table_text(some_table(Pedestal, period=None))
    with pytest.raises(TableError, match="badchannel/1 has no text format"):
        table_text(some_table(BadChannel))


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputFileError, match="a directory"):
        read_table(tmp_path, Pedestal)
    huge = tmp_path / "huge.dat"
    with huge.open("wb") as handle:
        handle.truncate(64_000_001)
    with pytest.raises(InputFileError, match="expected a table of at most"):
        read_table(huge, Pedestal)


def test_the_file_of_a_board_survives(tmp_path: Path) -> None:
    table = feb_table()
    path = tmp_path / "feb.txt"
    write_feb_file(table, BOARD, path)
    again = read_feb_file(path, BOARD)
    assert content_bytes(again) == content_bytes(table)
    assert feb_text(again, BOARD).encode() == path.read_bytes()


def test_words_of_a_board_file_stand_where_the_page_says() -> None:
    """adc0 in word b and its error in b+2, ..., chi2ndf in b+18 for b = 1, 20, 39."""
    table = feb_table()
    rows = [line.split() for line in feb_text(table, BOARD).splitlines() if line[0] != "H"]
    assert len(rows) == 64
    assert {len(row) for row in rows} == {58}
    assert [int(row[0][2:4]) for row in rows] == list(range(1, 65))
    names = ("adc0", "slope1", "xkink1", "slope2", "xkink2", "slope3")
    for start, gain in ((1, "hg"), (20, "mg"), (39, "lg")):
        for step, name in enumerate(names):
            value, error = table[f"{gain}_{name}"][5], table[f"{gain}_{name}_err"][5]
            assert float(rows[5][start + 3 * step]) == value
            assert float(rows[5][start + 3 * step + 2]) == error
        assert float(rows[5][start + 18]) == table[f"{gain}_chi2ndf"][5]


@given(seed=st.integers(0, 2**32), order=st.permutations(range(64)))
@settings(max_examples=25)
def test_rows_of_a_board_file_may_stand_in_any_order(seed: int, order: list[int]) -> None:
    table = feb_table(seed)
    head, *rows = feb_text(table, BOARD).splitlines()
    text = "\n".join([head, "H made on a bench", "", *(rows[row] for row in order), ""])
    again = parse_feb_text(text.encode(), BOARD, source="feb.txt")
    assert content_bytes(again) == content_bytes(table)


def test_boards_are_joined_to_one_table() -> None:
    text = feb_text(feb_table(), BOARD).encode()
    boards = [BOARD, BoardAddress(0, 1, 0, 1)]
    table = joined([parse_feb_text(text, board, source="feb.txt") for board in boards])
    assert len(table) == 128
    assert [feb_text(table, board).encode() for board in boards] == [text, text]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("P-64", "P-65", "line 65: word 'P-65' found, expected a pixel from 01 to 64"),
        ("P-64", "P-x4", "line 65: word 'P-x4'"),
        ("P-64", "P64", "line 65: word 'P64'"),
        ("P-64", "P-63", "line 65: channel 0-1-2-3-62 .* stands in line 64 too"),
        ("P-10 ", "P-10 7 ", "line 11: 59 words found, expected 58"),
        ("P-10 ", "P-10 x", "line 11: column hg_adc0: 'x"),
        ("P-10", "H-10", "line 11: a header line below the first row"),
    ],
)
def test_a_damaged_board_file_is_refused_with_the_line(old: str, new: str, message: str) -> None:
    text = feb_text(feb_table(), BOARD)
    with pytest.raises(TableError, match=f"^feb.txt, {message}"):
        parse_feb_text(text.replace(old, new).encode(), BOARD, source="feb.txt")


@pytest.mark.parametrize(
    ("lines", "message"),
    [(64, "line 64: 63 rows found, expected 64"), (1, "line 1: 0 rows found, expected 64")],
)
def test_a_board_file_that_was_cut_is_refused(lines: int, message: str) -> None:
    text = feb_text(feb_table(), BOARD).splitlines(keepends=True)
    with pytest.raises(TableError, match=message):
        parse_feb_text("".join(text[:lines]).encode(), BOARD, source="feb.txt")
    with pytest.raises(TableError, match="the file ends inside this line"):
        parse_feb_text("".join(text)[:-3].encode(), BOARD, source="feb.txt")


def test_a_board_file_of_an_unknown_board_is_refused() -> None:
    text = feb_text(feb_table(), BOARD)
    with pytest.raises(TableError, match=r"line 2: channel 0-7-0-1-0 .* is unknown"):
        parse_feb_text(text.encode(), BoardAddress(0, 7, 0, 1), source="feb.txt")


def test_a_board_that_the_table_has_not_is_not_written() -> None:
    with pytest.raises(TableError, match="0 pixels of board 0-1-0-1, expected 64"):
        feb_text(feb_table(), BoardAddress(0, 1, 0, 1))
    with pytest.raises(TableError, match="expected feb/1"):
        feb_text(some_table(Pedestal), BOARD)


def test_the_period_of_the_tests_is_the_page_s() -> None:
    assert table_text(some_table(Pedestal)).startswith(
        "\n".join(HEADER.splitlines()[:2]) + "\n# elapsed 32.9 min\n# min occ 215 hits\n"
    )
    assert PERIOD.minutes == pytest.approx(32.91, abs=0.01)
