"""Schemas, and what a table refuses."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from mx2prod.constants import (
    FOLDERS,
    SCHEMAS,
    TABLES,
    AttenuationId,
    AttenuationOd,
    BadChannel,
    Constants,
    FebResponse,
    Key,
    Pedestal,
    Slewing,
    Source,
    Table,
    Timing,
    constants_page,
    joined,
    table_of_folder,
    table_of_schema,
)
from mx2prod.constants.keys import default_maps
from mx2prod.core.errors import TableError, UsageError
from mx2prod.detector import load_detector
from tests.constants.making import PERIOD, some_columns, some_table


def test_the_pedestal_schema_is_that_of_the_folder() -> None:
    assert Pedestal.text_names() == (
        "crate", "croc", "chain", "board", "pixel", "hg_mean", "hg_rms", "hg_entries",
        "mg_mean", "mg_rms", "mg_entries", "lg_mean", "lg_rms", "lg_entries",
    )  # fmt: skip
    assert [c.type for c in Pedestal.columns()] == ["int64"] + ["int32"] * 5 + ["float64"] * 9


def test_the_feb_schema_has_44_columns_after_the_key() -> None:
    assert len(FebResponse.text_names()) == 44
    assert FebResponse.text_names()[5:9] == (
        "hg_adc0", "hg_adc0_err", "hg_slope1", "hg_slope1_err",
    )  # fmt: skip
    assert FebResponse.text_names()[-1] == "lg_chi2ndf"


@pytest.mark.parametrize(
    ("key", "count", "first", "last"),
    [
        (Key.CHANNEL, 11_840, 1052672, None),
        (Key.HALF_BOARD, 370, 1052672, None),
        (Key.STRIP, 9_652, 1477706752, 1791622144),
        (Key.OD_BAR, 2_112, 1074941952, 1120739328),
        (Key.PLANE, 76, 1477705728, None),
        (Key.ONE_ROW, 1, 0, 0),
    ],
)
def test_keys_of_the_detector(key: Key, count: int, first: int, last: int | None) -> None:
    """Numbers and ids of the conditions page, sections 1.3 and 2; bars: detector page, 2 and 3."""
    existing = key.existing(default_maps())
    assert len(existing) == count
    assert existing[0] == first
    assert last is None or existing[-1] == last
    assert np.all(np.diff(existing) > 0)
    assert existing[-1] < 2**31


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.schema)
def test_keys_follow_from_the_address_and_lead_back_to_it(schema: type[Constants]) -> None:
    table = some_table(schema, None)
    assert np.array_equal(table.channel, schema.key.existing(default_maps()))
    assert not len(table.missing())
    for row in (0, len(table) - 1):
        address = tuple(int(table[name][row]) for name in schema.key.address)
        assert schema.key.address_of(int(table.channel[row])) == address


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.schema)
def test_a_table_is_sorted_read_only_and_typed(schema: type[Constants]) -> None:
    columns = some_columns(schema)
    table = Table.of(schema, columns)
    assert tuple(table.columns) == schema.names()
    assert np.all(np.diff(table.channel) > 0)
    for column in schema.columns():
        assert table[column.name].dtype == column.dtype
        with pytest.raises(ValueError, match="read-only"):
            table[column.name][0] = table[column.name][0]
    order = np.argsort(schema.key.ids(columns, len(table)))
    name = schema.values[-1].name
    assert np.array_equal(table[name], columns[name][order])


def test_no_bar_of_the_outer_detector_has_the_id_of_a_strip() -> None:
    bars, strips = (key.existing(default_maps()) for key in (Key.OD_BAR, Key.STRIP))
    assert not np.isin(bars, strips).any()
    assert Key.OD_BAR.address_of(int(bars[0])) == (1, 1, 1, 1, 1)
    assert Key.OD_BAR.address_of(int(bars[-1])) == (1, 44, 6, 4, 2)


def test_the_outer_detector_has_the_attenuation_columns_of_the_inner_one() -> None:
    """Conditions page, section 1.2."""
    names = ("atten", "atten_error", "amp", "amp_error", "reflect", "reflect_error")
    assert AttenuationOd.text_names() == ("detector", "frame", "tower", "story", "bar", *names)
    assert AttenuationId.text_names() == ("detector", "subdet", "module", "plane", "strip", *names)
    columns = some_columns(AttenuationOd)
    columns["tower"][5] = 7
    with pytest.raises(TableError, match=r"column tower, .*: 7 found, expected .* 1 to 6"):
        Table.of(AttenuationOd, columns)


def test_every_folder_of_the_page_has_a_table() -> None:
    """Conditions page, section 1.1; rulings, section 3."""
    words = ("feb", "pedestal", "atten_od", "atten_id", "pmtgain", "s2s", "meu", "timing",
             "slewing", "alignment", "badchannel", "temp")  # fmt: skip
    assert set(FOLDERS) == {f"minerva2x2_{word}_constants" for word in words}


def test_the_maps_of_a_detector_can_be_given() -> None:
    table = Table.of(Pedestal, some_columns(Pedestal, 3), maps=load_detector())
    assert len(table.missing(load_detector())) == 11_837


def test_negative_zero_becomes_zero() -> None:
    columns = some_columns(Pedestal, 2)
    columns["hg_mean"] = np.array([-0.0, 1.0])
    assert not np.signbit(Table.of(Pedestal, columns)["hg_mean"]).any()


def changed(schema: type[Constants] = Pedestal, **values: Any) -> dict[str, Any]:
    """Columns with other values in row 3, or without a column (value None)."""
    columns: dict[str, Any] = some_columns(schema)
    for name, value in values.items():
        if value is None:
            del columns[name]
        else:
            columns[name] = columns[name].copy()
            columns[name][3] = value
    return columns


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"hg_rms": np.nan}, "line 13: column hg_rms, channel .*: nan found, expected a finite"),
        ({"lg_mean": np.inf}, "line 13: column lg_mean, channel .*: inf found"),
        ({"mg_mean": 4096.0}, r"line 13: column mg_mean, .* 4096.0 found, .* 0 to 4095 ADC"),
        ({"hg_entries": -1.0}, "line 13: column hg_entries, .* at least 0"),
        ({"pixel": 64}, "line 13: column pixel, channel .*-64: 64 found, .*, 0 to 63"),
        ({"croc": -1}, "line 13: column croc, .* -1 found"),
        ({"crate": 1}, r"line 13: channel 1-\d-.* \(id \d+\) is unknown to hardware_v1"),
        ({"hg_rms": None}, "columns missing: hg_rms; pedestal/1 has crate, croc"),
    ],
)
def test_a_bad_value_is_refused_with_its_place(values: dict[str, Any], message: str) -> None:
    source = Source("ped.dat", range(10, 1000))
    with pytest.raises(TableError, match=f"^ped.dat(, |: ){message}") as caught:
        Table.of(Pedestal, changed(**values), source=source)
    if "line 13" in message:
        assert caught.value.next_step == "sed -n 13p ped.dat"


def test_a_channel_that_stands_twice_is_refused_with_both_places() -> None:
    columns = some_columns(Pedestal)
    for name in Pedestal.key.address:
        columns[name][7] = columns[name][3]
    with pytest.raises(TableError, match=r"row 7: channel .* stands in row 3 too; expected once"):
        Table.of(Pedestal, columns)


def test_an_unknown_column_is_refused_with_the_nearest_name() -> None:
    columns = some_columns(Pedestal)
    columns["hg_mena"] = columns.pop("hg_mean")
    with pytest.raises(TableError, match="no column 'hg_mena'; did you mean 'hg_mean'"):
        Table.of(Pedestal, columns)


@pytest.mark.parametrize(
    ("name", "values", "message"),
    [
        ("pixel", np.zeros(200), "expected one dimension of int32"),
        ("hg_rms", np.zeros((200, 1)), "2-dimensional"),
        ("hg_rms", np.zeros(199), "199 rows, expected 200"),
        ("hg_rms", np.full(200, "1"), "expected one dimension of float64"),
        ("pixel", np.full(200, 2**40), "column pixel"),
    ],
)
def test_a_column_of_another_kind_is_refused(name: str, values: Any, message: str) -> None:
    with pytest.raises(TableError, match=message):
        Table.of(Pedestal, some_columns(Pedestal) | {name: values})


def test_a_table_without_rows_is_refused() -> None:
    with pytest.raises(TableError, match="0 rows, expected at least one"):
        Table.of(Pedestal, {name: values[:0] for name, values in some_columns(Pedestal).items()})


@pytest.mark.parametrize("bad", [None, 3, "\ud800"])
def test_a_text_must_be_text(bad: object) -> None:
    with pytest.raises(TableError, match="row 3: column reason"):
        Table.of(BadChannel, changed(BadChannel, reason=bad) if bad is not None else _null())


def _null() -> dict[str, Any]:
    columns = some_columns(BadChannel)
    columns["reason"][3] = None
    return columns


def test_a_key_that_contradicts_the_address_is_refused() -> None:
    columns = some_columns(Timing, 5)
    columns["channel"] = Timing.key.ids(columns, 5)
    assert len(Table.of(Timing, columns)) == 5
    columns["channel"][2] += 32
    with pytest.raises(TableError, match=r"row 2: column channel is \d+, expected \d+ of half"):
        Table.of(Timing, columns)


def test_a_strip_of_another_subdetector_is_unknown() -> None:
    schema = table_of_schema("s2s/1")
    columns = some_columns(schema, 4)
    columns["subdet"][1] = 1
    with pytest.raises(TableError, match=r"row 1: strip 1-1-.* is unknown to planes_v4"):
        Table.of(schema, columns)


def test_a_table_of_one_row_has_one_row() -> None:
    columns = {name: np.repeat(values, 2) for name, values in some_columns(Slewing).items()}
    with pytest.raises(TableError, match=r"row 1: whole detector \(id 0\) stands in row 0 too"):
        Table.of(Slewing, columns)


def test_tables_are_joined() -> None:
    whole = some_table(Pedestal)
    parts = [
        Table.of(Pedestal, {n: v[cut] for n, v in whole.columns.items()}, period=PERIOD)
        for cut in (slice(150, None), slice(0, 150))
    ]
    both = joined(parts)
    assert both.period == PERIOD
    assert all(np.array_equal(both[name], whole[name]) for name in Pedestal.names())
    with pytest.raises(TableError, match=r"joined tables, row 200: .* stands in row 0 too"):
        joined([whole, whole])
    with pytest.raises(TableError, match="expected one schema, found"):
        joined([whole, some_table(BadChannel)])
    with pytest.raises(TableError, match="expected one schema"):
        joined([])


def test_tables_are_found_by_name() -> None:
    assert len(SCHEMAS) == len(TABLES)
    assert table_of_folder("minerva2x2_pedestal_constants") is Pedestal
    assert "" not in FOLDERS
    with pytest.raises(UsageError, match="did you mean 'minerva2x2_pedestal_constants'"):
        table_of_folder("minerva2x2_pedestals_constants")
    with pytest.raises(TableError, match="did you mean 'pedestal/1'"):
        table_of_schema("pedestal/11")


def test_every_column_stands_on_the_page() -> None:
    page = constants_page()
    assert page.endswith("\n")
    for schema in TABLES:
        section = page.split(f"## {schema.title} (`{schema.schema}`)\n")[1].split("\n## ")[0]
        for column in schema.columns():
            assert column.meaning
            assert (
                f"| `{column.name}` | {column.type} | {column.unit} | {column.limits} |" in section
            )
