"""Constants: reading and promoting 455 pedestal tables of 11,840 rows, beside CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import Row, best_seconds, row
from mx2prod.conditions import (
    Interval,
    Iov,
    Provenance,
    RunList,
    Store,
    View,
    check,
    create_tag,
    freeze,
    group,
    history,
    nominal_table,
    position,
    put,
    request_approval,
    set_run_list,
)
from mx2prod.conditions.intervals import insert_iov
from mx2prod.conditions.payloads import decode, encode
from mx2prod.conditions.putting import add_payload
from mx2prod.conditions.tags import find_tag
from mx2prod.constants import Pedestal, Table
from mx2prod.constants.keys import default_maps
from mx2prod.detector import unpack_channel_ids
from tests.conditions.making import ORIGIN, World, make_world
from tests.conditions.serving import view_of

TABLES = 455
LONG = 100_000
SHORT = 10
_NOMINAL = ("feb", "pmtgain", "atten_id", "s2s")


def measure() -> list[Row]:
    """Rows: name, value, unit, figure, and the ratio to the same by CSV and JSON."""
    with tempfile.TemporaryDirectory() as folder:
        urls = f"sqlite:///{folder}/dev.db", f"sqlite:///{folder}/prod.db"
        with closing(make_world(Path(folder), urls)) as world:
            digest = _fill(world)
            start = time.perf_counter()
            world.promote("run1")
            promotion = time.perf_counter() - start
            rows = [row("promotion of 455 payloads", promotion, "s", "promote_s")]
            with world.production.view(f"run1@{digest}") as view:
                rows += _reading(view)
            rows += flatness(world.development)
    return rows


def _reading(view: View) -> list[Row]:
    folder = Pedestal.folder
    turns = 1000
    resolve = best_seconds(lambda: [view.resolve(folder, 1702, n) for n in range(turns)]) / turns
    sha256 = view.resolve(folder, 1702, 7).content_sha256
    payload = view.stored(sha256)
    arrow = best_seconds(lambda: view.get_arrow(folder, 1702, 7), turns=9)

    def one_run() -> None:
        view.forget()
        view.get_all(1702, 9)

    everything = best_seconds(one_run, turns=9)
    key = int(decode(payload).channel[1000])
    long = best_seconds(lambda: history(view, folder, key, ["hg_mean", "hg_rms"]))
    table = decode(payload)
    ours = best_seconds(lambda: decode(view.stored(sha256)), turns=9)
    csv_text, json_text = as_csv(table), as_json(table)
    return [
        row("resolve one folder, us", resolve * 1e6, "us"),
        row("resolve one folder", resolve * 1e3, "ms", "resolve_ms"),
        row("payload to Arrow, 11,840 rows", arrow * 1e3, "ms", "arrow_ms"),
        row("five folders of a run", everything * 1e3, "ms", "folders_ms"),
        row("one channel over 455 intervals", long, "s", "history_s"),
        row("payload to a table, hashed", ours * 1e3, "ms"),
        peer("the same rows from CSV", best_seconds(lambda: read_csv(csv_text)), ours),
        peer("the same rows from JSON", best_seconds(lambda: read_json(json_text)), ours),
    ]


def flatness(store: Store) -> list[Row]:
    """Resolve among 10 and among 10^5 intervals."""
    times = {}
    for count in (SHORT, LONG):
        gtag = _long_tag(store, count)
        with view_of(store, gtag) as view:
            runs = [1 + number * (count - 1) // 999 for number in range(1000)]
            times[count] = best_seconds(partial(_resolve_each, view, runs), 9)
    ratio = times[LONG] / times[SHORT]
    return [row("resolve among 10^5 intervals over among 10", ratio, "", "resolve_growth")]


def _resolve_each(view: View, runs: list[int]) -> None:
    for run in runs:
        view.resolve(Pedestal.folder, run)


def _long_tag(store: Store, count: int) -> str:
    name = f"long{count}"
    create_tag(store, Pedestal.folder, name, reason="benchmark")
    payload = encode(pedestals(1))
    with store.writing() as connection:
        add_payload(connection, payload)
        tag = find_tag(connection, Pedestal.folder, name)
        rows = [
            Iov(Interval(position(run), position(run + 1)), payload.content_sha256)
            for run in range(1, count + 1)
        ]
        insert_iov(connection, tag.id, *rows)
    group(store, name, {Pedestal.folder: name}, reason="benchmark")
    return name


def _fill(world: World) -> str:
    """Put, check, freeze and sign 455 pedestal tables and one table of four folders."""
    development = world.development
    members = {Pedestal.folder: "run1"}
    create_tag(development, Pedestal.folder, "run1", reason="benchmark")
    for number in range(TABLES):
        put(
            development, Pedestal.folder, pedestals(number), tag="run1",
            since=position(1702, number), reason="benchmark", provenance=ORIGIN,
        )  # fmt: skip
    for name in _NOMINAL:
        folder = f"minerva2x2_{name}_constants"
        create_tag(development, folder, "run1", reason="benchmark")
        put(
            development, folder, nominal_table(folder, development.maps), tag="run1",
            since=position(1698), reason="benchmark",
            provenance=[Provenance("nominal", folder)],
        )  # fmt: skip
        members[folder] = "run1"
    group(development, "run1", members, reason="benchmark")
    set_run_list(development, "run1", RunList.of([position(1702, n) for n in range(TABLES)]))
    failed = check(development, "run1").failed
    if failed:
        raise RuntimeError(f"checks failed: {failed}")
    digest = freeze(development, "run1", reason="benchmark").digest
    request_approval(development, world.roles.load(), "run1", reason="benchmark")
    world.sign("run1", "rev", "con")
    return digest


def pedestals(number: int) -> Table:
    """Pedestals of all channels with six decimals, other ones for each number."""
    keys = Pedestal.key.existing(default_maps())
    channels = unpack_channel_ids(keys)
    rng = np.random.default_rng(number)
    columns: dict[str, Any] = {
        name: channels[name].astype(np.int64) for name in Pedestal.key.address
    }
    for gain in ("hg", "mg", "lg"):
        columns[f"{gain}_mean"] = rng.normal(430, 20, len(keys)).round(6)
        columns[f"{gain}_rms"] = rng.uniform(2, 9, len(keys)).round(6)
        columns[f"{gain}_entries"] = np.full(len(keys), 9000.0 + number)
    return Table.of(Pedestal, columns)


def as_csv(table: Table) -> str:
    """Table as CSV text."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.schema.names())
    writer.writerows(zip(*(table[name].tolist() for name in table.schema.names()), strict=True))
    return text.getvalue()


def as_json(table: Table) -> str:
    """Columns as JSON text."""
    return json.dumps({name: table[name].tolist() for name in table.schema.names()})


def read_csv(text: str) -> dict[str, Any]:
    """Columns of CSV text."""
    rows = csv.reader(io.StringIO(text))
    names = next(rows)
    return {
        n: np.array(c, dtype=float) for n, c in zip(names, zip(*rows, strict=True), strict=True)
    }


def read_json(text: str) -> dict[str, Any]:
    """Columns of JSON text."""
    return {name: np.array(values) for name, values in json.loads(text).items()}


def peer(name: str, seconds: float, ours: float) -> Row:
    """Row of what another way of reading needs, beside ours, both in seconds."""
    return row(name, seconds * 1e3, "ms", ours=ours * 1e3)
