"""Arrow and Parquet round trips, and the content bytes."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.constants import (
    TABLES,
    BadChannel,
    Constants,
    Pedestal,
    Slewing,
    Table,
    content_bytes,
    content_sha256,
    from_arrow,
    read_parquet,
    to_arrow,
    write_parquet,
)
from mx2prod.core.errors import InputFileError, OutputError, TableError
from tests.constants.making import some_columns, some_table, tables
from tests.examples import share


def by_hand(table: Table) -> bytes:
    """Content bytes as the conditions page says it, value by value."""
    codes = {"int32": "<i", "int64": "<q", "float64": "<d"}
    columns = table.schema.columns()
    head = "mx2-payload/1\n" + "".join(f"{c.name}:{c.type}\n" for c in columns)
    made = bytearray(f"{head}rows:{len(table)}\n".encode())
    for column in columns:
        for value in table[column.name].tolist():
            if column.type == "utf8":
                made += struct.pack("<I", len(value.encode())) + value.encode()
            else:
                made += struct.pack(codes[column.type], value)
    return bytes(made)


@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.schema)
def test_every_table_survives_parquet(schema: type[Constants], tmp_path: Path) -> None:
    table = some_table(schema, None)
    path = tmp_path / "table.parquet"
    write_parquet(table, path)
    again = read_parquet(path)
    assert again.schema is schema
    assert again.period == table.period
    assert content_bytes(again) == content_bytes(table) == by_hand(table)


@share(5)
@given(data=st.data())
@pytest.mark.parametrize("schema", TABLES, ids=lambda schema: schema.schema)
def test_any_table_survives_arrow(schema: type[Constants], data: st.DataObject) -> None:
    table = data.draw(tables(schema))
    again = from_arrow(to_arrow(table))
    assert again.period == table.period
    assert content_bytes(again) == content_bytes(table) == by_hand(table)
    assert content_sha256(table) == hashlib.sha256(by_hand(table)).hexdigest()


@given(seed=st.integers(0, 2**32))
def test_the_order_of_the_rows_is_no_content(seed: int) -> None:
    columns = some_columns(Pedestal, 50)
    order = np.random.default_rng(seed).permutation(50)
    other = Table.of(Pedestal, {name: values[order] for name, values in columns.items()})
    assert content_sha256(other) == content_sha256(Table.of(Pedestal, columns))


def test_content_bytes_of_a_small_table() -> None:
    columns = {"crate": [0], "croc": [1], "chain": [2], "board": [3], "pixel": [1], "flags": [2]}
    table = Table.of(BadChannel, {**columns, "reason": ["hot ü"]})
    numbers = struct.pack("<q6i", 1323040, 0, 1, 2, 3, 1, 2)
    assert content_bytes(table) == (
        b"mx2-payload/1\nchannel:int64\ncrate:int32\ncroc:int32\nchain:int32\nboard:int32\n"
        b"pixel:int32\nflags:int32\nreason:utf8\nrows:1\n" + numbers + b"\x06\0\0\0hot \xc3\xbc"
    )


def test_a_changed_bit_changes_the_hash() -> None:
    columns = some_columns(Pedestal, 50)
    before = content_sha256(Table.of(Pedestal, columns))
    columns["lg_rms"][49] = np.nextafter(columns["lg_rms"][49], 0)
    assert content_sha256(Table.of(Pedestal, columns)) != before


def test_arrow_tells_units_and_meanings() -> None:
    schema = to_arrow(some_table(Pedestal)).schema
    assert schema.metadata[b"mx2.schema"] == b"pedestal/1"
    assert schema.field("hg_mean").metadata == {
        b"unit": b"ADC", b"meaning": b"high gain: pedestal",
    }  # fmt: skip
    assert not any(field.nullable for field in schema)


def test_parquet_is_stored_as_the_page_says(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_parquet(some_table(Pedestal, None, period=None), path)
    group = pq.read_metadata(path).row_group(0)
    for index in range(group.num_columns):
        column = group.column(index)
        assert column.compression == "ZSTD"
        assert not column.is_stats_set
        expected = "BYTE_STREAM_SPLIT" if column.physical_type == "DOUBLE" else "PLAIN"
        assert expected in column.encodings
    assert read_parquet(path).period is None
    with pytest.raises(OutputError, match="exists already"):
        write_parquet(some_table(Pedestal), path)


def altered(change: str) -> Any:
    """Arrow table of pedestals with one thing wrong."""
    arrow = to_arrow(some_table(Pedestal))
    place = arrow.schema.get_field_index("hg_rms")
    values = arrow.column(place)
    if change == "type":
        return arrow.set_column(place, "hg_rms", values.cast(pa.float32()))
    if change == "null":
        nulls = pa.array([None, *values.to_pylist()[1:]], type=pa.float64())
        return arrow.set_column(place, "hg_rms", nulls)
    if change == "twice":
        return arrow.append_column("hg_rms", values)
    if change == "extra":
        return arrow.append_column("extra", values)
    if change == "missing":
        return arrow.drop_columns(["hg_rms"])
    if change == "value":
        later = pa.array([values[0].as_py() / 2, *values.to_pylist()[1:]], type=pa.float64())
        field = arrow.schema.field("hg_rms")
        return arrow.set_column(place, field, later)
    metadata = dict(arrow.schema.metadata)
    if change == "another period":
        metadata[b"mx2.period"] = metadata[b"mx2.period"].replace(b"215", b"216")
    elif change == "no digest":
        del metadata[b"mx2.digest"]
    elif change == "period":
        metadata[b"mx2.period"] = b'{"begin": 3}'
    elif change == "schema":
        metadata[b"mx2.schema"] = b"pedestal/2"
    else:
        del metadata[b"mx2.schema"]
    return arrow.replace_schema_metadata(metadata)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("type", "column hg_rms: type float, expected double"),
        ("null", "row 0: column hg_rms is null"),
        ("twice", "column hg_rms stands twice"),
        ("extra", "no column 'extra'"),
        ("missing", "columns missing: hg_rms"),
        ("period", "is no period"),
        ("schema", "no schema 'pedestal/2'.*; did you mean 'pedestal/1'"),
        ("value", "the table is not the one that was written: digest .* expected [0-9a-f]{64}"),
        ("another period", "the table is not the one that was written"),
        ("no digest", "the table is not the one that was written: .* expected none"),
        ("no schema", "the metadata has no 'mx2.schema'"),
    ],
)
def test_an_arrow_table_that_differs_is_refused(change: str, message: str) -> None:
    with pytest.raises(TableError, match=message):
        from_arrow(altered(change))


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    write_parquet(some_table(Slewing), path)
    content = path.read_bytes()
    for cut in (0, 3, len(content) // 2, len(content) - 1):
        path.write_bytes(content[:cut])
        with pytest.raises(TableError, match="cannot be read as a Parquet file"):
            read_parquet(path)
    with pytest.raises(InputFileError, match="No such file"):
        read_parquet(tmp_path / "none.parquet")


@pytest.mark.parametrize("schema", [Slewing, BadChannel], ids=lambda schema: schema.schema)
def test_a_flipped_bit_is_refused_or_changes_nothing(
    schema: type[Constants], tmp_path: Path
) -> None:
    path = tmp_path / "table.parquet"
    table = some_table(schema, 20)
    write_parquet(table, path)
    content = path.read_bytes()
    refused = 0
    for place in range(0, len(content), 7):
        damaged = bytearray(content)
        damaged[place] ^= 1 << (place % 8)
        path.write_bytes(damaged)
        try:
            again = read_parquet(path)
        except TableError:
            refused += 1
        else:
            assert content_bytes(again) == content_bytes(table)
            assert again.period == table.period
    assert refused > len(content) // 7 // 2
