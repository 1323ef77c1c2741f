"""A raw-digit file of the full-detector beam sample, and small products of made-up rows."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mx2prod.digits import raw_digits as stage
from mx2prod.output import Column, Product, RawDigits, Rows, Tree, product_file


class Toy(Product):
    """A product for tests."""

    schema = "toy/1"
    tier = "toy"
    data_tier = "decoded-raw"
    title = "Toy"
    trees = (
        Tree("Event/Gate", "One entry a gate.", (Column("gate", "u4", "number", minimum=1),)),
        Tree(
            "Event/Hits",
            "Hits.",
            (
                Column("chan", "i4", "channel", minimum=0),
                Column("adc", "u2", "charge", "ADC counts", maximum=4095),
                Column("t", "f8", "time", "ns"),
                Column("view", "u1", "view", maximum=3),
            ),
            jagged=True,
        ),
    )


def toy_rows(counts, first=1, seed=0):
    rng = np.random.default_rng(seed)
    counts = np.array(counts, np.int32)
    n = int(counts.sum())
    return {
        "Event/Gate": Rows({"gate": np.arange(first, first + len(counts), dtype=np.uint32)}),
        "Event/Hits": Rows(
            {
                "chan": rng.integers(0, 1 << 29, n).astype(np.int32),
                "adc": rng.integers(0, 4096, n).astype(np.uint16),
                "t": rng.normal(size=n),
                "view": rng.integers(0, 4, n).astype(np.uint8),
            },
            counts,
        ),
    }


@pytest.fixture(scope="session")
def toy():
    return Toy, toy_rows


@pytest.fixture(scope="session")
def digit_file(samples, tmp_path_factory) -> Path:
    """Raw digits of p10_numib_full."""
    path = tmp_path_factory.mktemp("digits") / "digits.root"
    source = next(samples["p10_numib_full"].glob("*.dat"))
    stream = stage.run({"raw": source}, stage.Config(), None)
    with product_file(path, RawDigits) as writer, stream:
        for chunk in stream:
            writer.extend(RawDigits.rows(chunk))
        writer.meta = {"run": 50017}
    return path
