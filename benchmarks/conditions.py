"""Constants: reading and promoting 455 pedestal tables of 11,840 rows, beside CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.timing import best_seconds
from mx2prod.conditions import (
    Interval,
    Iov,
    Provenance,
    RunList,
    Store,
    Use,
    View,
    approve,
    check,
    create_store,
    create_tag,
    freeze,
    group,
    history,
    nominal_table,
    position,
    promote,
    put,
    request_approval,
    set_run_list,
)
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.intervals import insert_iov
from mx2prod.conditions.manifest import manifest_of
from mx2prod.conditions.payloads import decode, encode
from mx2prod.conditions.putting import add_payload
from mx2prod.conditions.tags import find_tag
from mx2prod.constants import Pedestal, Table
from mx2prod.constants.keys import default_maps
from mx2prod.detector import unpack_channel_ids
from mx2prod.journal import Decision, RoleStore, load_key, new_key
from mx2prod.journal.events import account
from mx2prod.journal.role_changes import enrol, new_person

TABLES = 455
LONG = 100_000
SHORT = 10
_ROLES = {"root": "root", "maker": "calibrator", "rev": "reviewer", "con": "convener"}
_NOMINAL = ("feb", "pmtgain", "atten_id", "s2s")
_ORIGIN = [Provenance(kind, "benchmark") for kind in ("input", "software", "config", "request")]


@dataclass(frozen=True)
class Stores:
    """Both databases and the people who sign."""

    folder: Path
    development: Store
    production: Store
    roles: RoleStore


def measure() -> list[dict[str, Any]]:
    """Rows: name, value, unit, figure, and the ratio to the same by CSV and JSON."""
    with tempfile.TemporaryDirectory() as name, _stores(Path(name)) as stores:
        digest = _fill(stores)
        start = time.perf_counter()
        promote(stores.development, stores.production, stores.roles, "run1", reason="benchmark")
        promotion = time.perf_counter() - start
        rows = [_row("promotion of 455 payloads", promotion, "s", "promote_s")]
        with stores.production.view(f"run1@{digest}") as view:
            rows += _reading(view)
        rows += flatness(stores.development)
    return rows


def _reading(view: View) -> list[dict[str, Any]]:
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
    as_csv, as_json = _as_csv(table), _as_json(table)
    return [
        _row("resolve one folder, us", resolve * 1e6, "us"),
        _row("resolve one folder", resolve * 1e3, "ms", "resolve_ms"),
        _row("payload to Arrow, 11,840 rows", arrow * 1e3, "ms", "arrow_ms"),
        _row("five folders of a run", everything * 1e3, "ms", "folders_ms"),
        _row("one channel over 455 intervals", long, "s", "history_s"),
        _row("payload to a table, hashed", ours * 1e3, "ms"),
        _peer("the same rows from CSV", best_seconds(lambda: _read_csv(as_csv)), ours),
        _peer("the same rows from JSON", best_seconds(lambda: _read_json(as_json)), ours),
    ]


def flatness(store: Store) -> list[dict[str, Any]]:
    """Resolve among 10 and among 10^5 intervals."""
    times = {}
    for count in (SHORT, LONG):
        gtag = _long_tag(store, count)
        with store.reading() as connection:
            digest = manifest_of(connection, find_gtag(connection, gtag)).digest
        with store.view(f"{gtag}@{digest}", use=Use.TEST) as view:
            runs = [1 + number * (count - 1) // 999 for number in range(1000)]
            times[count] = best_seconds(partial(_resolve_each, view, runs), 9)
    ratio = times[LONG] / times[SHORT]
    return [_row("resolve among 10^5 intervals over among 10", ratio, "", "resolve_growth")]


def _resolve_each(view: View, runs: list[int]) -> None:
    for run in runs:
        view.resolve(Pedestal.folder, run)


def _long_tag(store: Store, count: int) -> str:
    name = f"long{count}"
    create_tag(store, Pedestal.folder, name, reason="benchmark")
    payload = encode(_pedestals(1))
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


def _fill(stores: Stores) -> str:
    """Put, check, freeze and sign 455 pedestal tables and one table of four folders."""
    development = stores.development
    members = {Pedestal.folder: "run1"}
    create_tag(development, Pedestal.folder, "run1", reason="benchmark")
    for number in range(TABLES):
        put(
            development, Pedestal.folder, _pedestals(number), tag="run1",
            since=position(1702, number), reason="benchmark", provenance=_ORIGIN,
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
    roles = stores.roles.load()
    request_approval(development, roles, "run1", reason="benchmark")
    for person in ("rev", "con"):
        key = load_key(stores.folder / f"{person}.pem")
        approve(development, roles, "run1", Decision("approve"), key)
    return digest


@contextmanager
def _stores(folder: Path) -> Iterator[Stores]:
    made = None
    for name, role in _ROLES.items():
        public = new_key(folder / f"{name}.pem")
        accounts = [account()] if name == "maker" else []
        person = new_person(name, roles=[role], public_keys=[public], accounts=accounts)
        made = enrol(made, person, reason="benchmark")
        made = made.model_copy(update={"version": 1, "previous": ""})
    roles = RoleStore(folder / "roles")
    if made is not None:
        roles.propose(made, load_key(folder / "root.pem"))
    with (
        create_store(f"sqlite:///{folder}/dev.db", "development") as development,
        create_store(f"sqlite:///{folder}/prod.db", "production") as production,
    ):
        yield Stores(folder, development, production, roles)


def _pedestals(number: int) -> Table:
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


def _as_csv(table: Table) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(table.schema.names())
    writer.writerows(zip(*(table[name].tolist() for name in table.schema.names()), strict=True))
    return text.getvalue()


def _as_json(table: Table) -> str:
    return json.dumps({name: table[name].tolist() for name in table.schema.names()})


def _read_csv(text: str) -> dict[str, Any]:
    rows = csv.reader(io.StringIO(text))
    names = next(rows)
    return {
        n: np.array(c, dtype=float) for n, c in zip(names, zip(*rows, strict=True), strict=True)
    }


def _read_json(text: str) -> dict[str, Any]:
    return {name: np.array(values) for name, values in json.loads(text).items()}


def _row(name: str, value: float, unit: str, figure: str | None = None) -> dict[str, Any]:
    return {"name": name, "value": value, "unit": unit, "figure": figure}


def _peer(name: str, seconds: float, ours: float) -> dict[str, Any]:
    return {"name": name, "value": seconds * 1e3, "unit": "ms", "ratio": seconds / ours}
