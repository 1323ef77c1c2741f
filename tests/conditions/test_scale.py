"""Full size: 455 tables as text and back, 10^5 intervals (conditions page, section 18)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks import conditions as benchmark
from mx2prod.conditions import Use, create_store, create_tag, group, put_playlist
from mx2prod.conditions.putting import period_of
from mx2prod.constants import Pedestal, Period, Table, table_text
from tests.conditions.making import PEDESTALS, digest_now, pedestals


def text_round_trip(folder: Path, count: int) -> None:
    """Put text tables from a list and write them again: the same bytes."""
    rng = np.random.default_rng(1)
    names = []
    for number in range(count):
        table = pedestals(float(rng.uniform(400, 500)))
        begin = 1_679_419_898_780_211 + number * 3_600_000_000
        text = table_text(Table(table.schema, table.columns, Period(begin, begin + 10**9)))
        names.append(f"TS1_{1702 + number // 100:08d}_{number % 100:04d}_pedestal_table.dat")
        (folder / names[-1]).write_text(text)
    (folder / "list").write_text("\n".join(names) + "\n")
    with create_store(f"sqlite:///{folder}/dev.db", "development") as store:
        create_tag(store, PEDESTALS, "t", reason="x")
        done = put_playlist(store, PEDESTALS, folder / "list", tag="t", reason="x")
        assert [upload.state for upload in done] == ["done"] * count
        group(store, "g", {PEDESTALS: "t"}, reason="x")
        with store.view(f"g@{digest_now(store, 'g')}", use=Use.TEST) as view:
            for number, name in enumerate(names):
                found = view.get(PEDESTALS, 1702 + number // 100, number % 100)
                period = period_of(view.provenance(found.sha256))
                again = Table(Pedestal, found.table.columns, period)
                assert table_text(again) == (folder / name).read_text()


def test_text_tables_come_back_to_the_last_digit(tmp_path: Path) -> None:
    text_round_trip(tmp_path, 12)


@pytest.mark.slow
def test_455_text_tables_come_back_to_the_last_digit(tmp_path: Path) -> None:
    text_round_trip(tmp_path, 455)


@pytest.mark.slow
def test_resolving_is_flat_to_1e5_intervals(tmp_path: Path) -> None:
    """The time of one bisection may grow by its few steps more, not with the length."""
    with create_store(f"sqlite:///{tmp_path}/dev.db", "development") as store:
        (row,) = benchmark.flatness(store)
    assert row["value"] < 2.5, "2 is the figure; the rest is the noise of this test"
