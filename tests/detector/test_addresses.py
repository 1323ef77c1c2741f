"""Bit layouts of channel and strip ids (detector page, section 3; conditions page, section 2)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.core.errors import AddressError
from mx2prod.detector import (
    CHANNEL_ID,
    STRIP_ID,
    BoardAddress,
    ChannelAddress,
    StripAddress,
    pack_channel_ids,
    pack_od_bar_ids,
    pack_strip_ids,
    unpack_channel_ids,
    unpack_od_bar_ids,
    unpack_strip_ids,
)

CHANNELS = [
    ((0, 1, 0, 1, 0), 1052672),
    ((0, 1, 0, 1, 1), 1052704),
    ((0, 1, 0, 2, 0), 1056768),
    ((0, 1, 2, 3, 0), 1323008),
    ((0, 2, 2, 1, 36), 2364544),
    ((0, 6, 2, 5, 63), 6576096),
    ((0, 6, 3, 7, 63), 6715360),
    ((0, 8, 3, 9, 63), 8820704),
    ((1, 1, 1, 1, 56), 34739968),
]
STRIPS = [
    ((1, 0, 1, 1), 1208222720),
    ((1, 2, 1, 57), 1210377216),
    ((1, 2, 1, 61), 1210381312),
    ((5, 114, 2, 127), 1865022464),
    ((3, 1, 1, 1), 1477706752),
    ((4, 23, 1, 1), 1634993152),
    ((5, 44, 2, 127), 1791622144),
]


@given(st.integers(0, 127), st.integers(1, 6), st.integers(1, 4), st.integers(1, 2))
def test_bar_ids_round_trip(frame: int, tower: int, story: int, bar: int) -> None:
    number = pack_od_bar_ids(frame, tower, story, bar)
    assert unpack_od_bar_ids(number).item() == (1, frame, tower, story, bar)
    assert (int(number) >> 27) & 7 == 0
    assert int(number) < 2**31


@pytest.mark.parametrize("fields", [(1, 0, 1, 1), (1, 7, 1, 1), (1, 1, 5, 1), (128, 1, 1, 1)])
def test_a_bar_that_cannot_be_is_refused(fields: tuple[int, ...]) -> None:
    with pytest.raises(AddressError, match="outer-detector bar id"):
        pack_od_bar_ids(*fields)
    with pytest.raises(AddressError, match="outer-detector bar id"):
        unpack_od_bar_ids(1477706752)


@pytest.mark.parametrize(("fields", "number"), CHANNELS)
def test_known_channel_ids(fields: tuple[int, ...], number: int) -> None:
    assert pack_channel_ids(*fields) == number
    assert unpack_channel_ids(number).item() == (*fields, 0)
    address = ChannelAddress(*fields)
    assert address.id == number
    assert ChannelAddress.from_id(number) == address
    assert ChannelAddress.parse(str(number)) == address
    assert ChannelAddress.parse(str(address)) == address
    assert address.feb == BoardAddress(*fields[:4])


@pytest.mark.parametrize(("fields", "number"), STRIPS)
def test_known_strip_ids(fields: tuple[int, ...], number: int) -> None:
    assert pack_strip_ids(*fields) == number
    assert unpack_strip_ids(number).item() == (1, *fields)


channels = st.tuples(
    st.integers(0, 15), st.integers(0, 31), st.integers(0, 7), st.integers(0, 31),
    st.integers(0, 63), st.integers(0, 31),
)  # fmt: skip
strips = st.tuples(st.integers(0, 7), st.integers(0, 127), st.integers(0, 3), st.integers(0, 127))


@given(st.lists(channels, max_size=20))
def test_channel_ids_round_trip(rows: list[tuple[int, ...]]) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 6).T
    ids = pack_channel_ids(*columns[:5], hit=columns[5])
    assert ids.dtype == np.uint32
    assert unpack_channel_ids(ids).tolist() == rows


@given(st.lists(strips, max_size=20))
def test_strip_ids_round_trip(rows: list[tuple[int, ...]]) -> None:
    columns = np.array(rows, dtype=np.int64).reshape(-1, 4).T
    assert unpack_strip_ids(pack_strip_ids(*columns)).tolist() == [(1, *row) for row in rows]


@given(st.integers(-5, 2**33))
def test_an_id_is_refused_or_comes_back_unchanged(number: int) -> None:
    try:
        address = ChannelAddress.from_id(number)
    except AddressError:
        used = 0x1FFF_FFFF
        assert number < 0 or number & ~used or (number >> 5) & 0x40
    else:
        assert address.id == number


@given(st.integers(0, 2**32 - 1))
def test_a_strip_id_is_refused_or_comes_back_unchanged(number: int) -> None:
    try:
        fields = unpack_strip_ids(number).item()
    except AddressError:
        assert number >> 30 != 1 or number & 0x203FF
    else:
        assert pack_strip_ids(*fields[1:]) == number


@pytest.mark.parametrize("field", CHANNEL_ID.fields, ids=lambda field: field.name)
def test_each_channel_field_out_of_range_is_refused(field: object) -> None:
    for value in (field.low - 1, field.high + 1):  # type: ignore[attr-defined]
        values = {other.name: other.low for other in CHANNEL_ID.fields}
        values[field.name] = value  # type: ignore[attr-defined]
        with pytest.raises(AddressError, match=rf"{field.name} {value} is out of range, expected"):  # type: ignore[attr-defined]
            CHANNEL_ID.pack(values)


@pytest.mark.parametrize("field", STRIP_ID.fields, ids=lambda field: field.name)
def test_each_strip_field_out_of_range_is_refused(field: object) -> None:
    for value in (field.low - 1, field.high + 1):  # type: ignore[attr-defined]
        values = {other.name: other.low for other in STRIP_ID.fields}
        values[field.name] = value  # type: ignore[attr-defined]
        with pytest.raises(AddressError, match=f"strip id: {field.name}"):  # type: ignore[attr-defined]
            STRIP_ID.pack(values)


def test_the_row_at_fault_is_named() -> None:
    with pytest.raises(AddressError, match="channel id: pixel 64 in row 2 is out of range"):
        pack_channel_ids(0, 1, 0, 2, [0, 63, 64])
    with pytest.raises(AddressError, match="id 4294967296 in row 1"):
        unpack_channel_ids([1, 2**32])


def test_fields_do_not_overlap_and_fit() -> None:
    for layout in (CHANNEL_ID, STRIP_ID):
        masks = [((1 << field.width) - 1) << field.shift for field in layout.fields]
        assert sum(masks) == np.bitwise_or.reduce(masks)
        assert all(field.high < 1 << field.width for field in layout.fields)


@pytest.mark.parametrize("bad", [1.0, True, "1", None])
def test_only_integers_pack(bad: object) -> None:
    with pytest.raises(AddressError, match="expected integers"):
        pack_channel_ids(0, bad, 0, 1, 0)  # type: ignore[arg-type]


def test_fields_broadcast() -> None:
    ids = pack_channel_ids(0, np.array([[1], [2]]), 0, 1, np.arange(64))
    assert ids.shape == (2, 64)


@pytest.mark.parametrize(
    "text", ["", "0-1-0-2", "0-1-0-2-0-0", "0-1-0-2-x", "0-1-0-2--1", "a", "0/1/0/2/0", "-5", "1.0"]
)
def test_channel_texts_that_are_none(text: str) -> None:
    with pytest.raises(AddressError, match="is not of the form crate-croc-chain-board-pixel"):
        ChannelAddress.parse(text)


def test_board_and_strip_texts() -> None:
    assert BoardAddress.parse("0-6-0-5") == BoardAddress(0, 6, 0, 5)
    assert str(BoardAddress(0, 6, 0, 5)) == "0-6-0-5"
    assert StripAddress.parse("35/2/61") == StripAddress(35, 2, 61)
    assert str(StripAddress(35, 2, 61)) == "35/2/61"
    with pytest.raises(AddressError, match="module/plane/strip"):
        StripAddress.parse("35-2-61")
    with pytest.raises(AddressError, match="croc 32"):
        BoardAddress.parse("0-32-0-1")
    with pytest.raises(AddressError, match="strip 128"):
        StripAddress(1, 1, 128)
