"""Constants tables with random but legal values."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from mx2prod.constants import Constants, Period, Table
from mx2prod.constants.keys import default_maps

BEGIN, END = 1679419898780211, 1679421873400253
"""Of the pedestal table of 21 March 2023 that the conditions page shows."""

PERIOD = Period(BEGIN, END, 215)
WORDS = ("dead since run 1699", "", "café", "no HV")


def address_columns(
    schema: type[Constants], keys: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[Any]]:
    """Address columns of keys."""
    rows = [schema.key.address_of(int(key)) for key in keys]
    table = np.array(rows, dtype=np.int64).reshape(len(keys), -1)
    return {name: table[:, place] for place, name in enumerate(schema.key.address)}


def some_columns(
    schema: type[Constants], n_rows: int | None = 200, seed: int = 1
) -> dict[str, npt.NDArray[Any]]:
    """Legal columns of randomly chosen keys in random order; of all keys if ``n_rows`` is None."""
    rng = np.random.default_rng(seed)
    existing = schema.key.existing(default_maps())
    keys = rng.permutation(existing)[:n_rows]
    columns = address_columns(schema, keys)
    for column in schema.values:
        low = 0.0 if column.minimum is None else column.minimum
        high = low + 100 if column.maximum is None else column.maximum
        if column.type == "utf8":
            columns[column.name] = rng.choice(np.array(WORDS, dtype=object), len(keys))
        elif column.type == "float64":
            columns[column.name] = rng.uniform(low, high, len(keys))
        else:
            columns[column.name] = rng.integers(int(low), int(high) + 1, len(keys))
    return columns


def some_table(
    schema: type[Constants], n_rows: int | None = 200, period: Period | None = PERIOD
) -> Table:
    """Table of :func:`some_columns`."""
    return Table.of(schema, some_columns(schema, n_rows), period=period)


def floats(low: float | None, high: float | None) -> st.SearchStrategy[float]:
    """Finite floats between limits, with all their awkward ones."""
    return st.floats(low, high, allow_nan=False, allow_infinity=False)


@st.composite
def tables(draw: st.DrawFn, schema: type[Constants], max_rows: int = 6) -> Table:
    """Tables of a few rows with any legal values."""
    existing = schema.key.existing(default_maps()).tolist()
    keys = draw(st.lists(st.sampled_from(existing), min_size=1, max_size=max_rows, unique=True))
    columns: dict[str, Any] = address_columns(schema, np.array(keys))
    for column in schema.values:
        if column.type == "float64":
            values = floats(column.minimum, column.maximum)
        elif column.type == "utf8":
            values = st.text(st.characters(exclude_categories=["Cs"]))
        else:
            bounds = np.iinfo(column.dtype)
            low = bounds.min if column.minimum is None else column.minimum
            high = bounds.max if column.maximum is None else column.maximum
            values = st.integers(int(low), int(high))
        drawn = draw(st.lists(values, min_size=len(keys), max_size=len(keys)))
        columns[column.name] = np.array(
            drawn, dtype=column.dtype if column.type != "int32" else "i8"
        )
    begin = draw(st.integers(0, 4_102_444_799_999_998))
    end = draw(st.integers(begin + 1, 4_102_444_799_999_999))
    occupancy = draw(st.none() | st.integers(0, 10**9 - 1))
    return Table.of(schema, columns, period=Period(begin, end, occupancy))
