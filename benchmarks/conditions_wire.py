"""The server of constants on tables of 11,840 rows, beside the ConDB client, CSV and JSON.

The server runs in a process of its own on this machine; its clients are here.
"""

from __future__ import annotations

import http.client
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from urllib.parse import urlsplit

import condb

from benchmarks.conditions import as_csv, as_json, pedestals, peer, read_csv, read_json
from benchmarks.timing import Row, best_seconds, row
from mx2prod.conditions import (
    RunTimeMap,
    Store,
    Subrun,
    create_store,
    create_tag,
    group,
    position,
    put,
    set_runtime,
)
from mx2prod.conditions.adapters import MnvconServer
from mx2prod.constants import Pedestal, Table
from tests.conditions.http_servers import serving
from tests.conditions.making import digest_now

TABLES = 8
CLIENTS = 4
REQUESTS = 400
_BEGIN_S = 1_720_000_000

_SERVER = """
import sys
from mx2prod.conditions import Use, open_store
from mx2prod.conditions.server_run import serve
from mx2prod.conditions.server_sources import StoreSource
serve(StoreSource(open_store(sys.argv[1]), Use.TEST), ready=lambda url: print(url, flush=True))
"""


def measure() -> list[Row]:
    """Rows: name, value, unit, figure, and the ratio of peers to ours."""
    with tempfile.TemporaryDirectory() as folder:
        url = f"sqlite:///{folder}/a.db"
        with create_store(url, "development") as store:
            reference = _fill(store)
        with _server(url) as address:
            base = f"{address}/compat/{reference}/app"
            rows = _data(base)
            rows += _many(address, reference, base)
            rows += _peers(base, pedestals(0))
    return rows


def _data(base: str) -> list[Row]:
    """Time of ``/data`` while the text is not kept yet, and after that."""
    _get(f"{base}/data?f={Pedestal.folder}&t={_BEGIN_S}")
    cold = []
    for number in range(1, TABLES):
        path = f"{base}/data?f={Pedestal.folder}&t={_BEGIN_S + 3600 * number}"
        start = time.perf_counter()
        _get(path)
        cold.append(time.perf_counter() - start)
    cached = best_seconds(lambda: _get(f"{base}/data?f={Pedestal.folder}&t={_BEGIN_S}"), 20)
    return [
        row("/data of 11,840 rows, first time", min(cold) * 1e3, "ms", "data_cold_ms"),
        row("/data of 11,840 rows, kept", cached * 1e3, "ms", "data_cached_ms"),
    ]


def _many(address: str, reference: str, base: str) -> list[Row]:
    data = f"{base}/data?f={Pedestal.folder}&t={_BEGIN_S}"
    resolve = f"{address}/v1/gt/{reference}/resolve?run=1702&subrun=3"
    return [
        row(f"/data, kept, {CLIENTS} clients", _rate(data), "1/s"),
        row(f"resolve, {CLIENTS} clients", _rate(resolve), "1/s"),
    ]


def _peers(base: str, table: Table) -> list[Row]:
    """Read over the network by our reader and by the ConDB client, and from text in memory."""
    server = MnvconServer(base)

    def read() -> Table:
        return server.read(Pedestal.folder, _BEGIN_S * 1_000_000).table(Pedestal)

    ours = best_seconds(read, 9)
    text = _condb_csv(table)
    with serving(lambda *_: (200, text)) as url:
        client = condb.ConDBClient(url)
        theirs = best_seconds(lambda: list(client.get_data(Pedestal.folder, _BEGIN_S)[1]))
    csv_text, json_text = as_csv(table), as_json(table)
    return [
        row("/data to a checked table, our reader", ours * 1e3, "ms"),
        peer("condb client get_data, its answer ready in memory", theirs, ours),
        peer("the same rows from CSV in memory", best_seconds(lambda: read_csv(csv_text)), ours),
        peer("the same rows from JSON in memory", best_seconds(lambda: read_json(json_text)), ours),
    ]


def _fill(store: Store) -> str:
    folder, name = Pedestal.folder, "bench"
    create_tag(store, folder, name, reason="benchmark")
    for number in range(TABLES):
        table = pedestals(number)
        place = position(1702, number)
        put(store, folder, table, tag=name, since=place, reason="benchmark")
    group(store, name, {folder: name}, reason="benchmark")
    begins = [(_BEGIN_S + 3600 * number) * 1_000_000 for number in range(TABLES)]
    subruns = [
        Subrun(position(1702, number), begin, begin + 1, "benchmark")
        for number, begin in enumerate(begins)
    ]
    set_runtime(store, name, RunTimeMap.of(subruns))
    return f"{name}@{digest_now(store, name)}"


@contextmanager
def _server(url: str) -> Iterator[str]:
    words = [sys.executable, "-c", _SERVER, url]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout is None:
                raise RuntimeError("the server has no output")
            yield process.stdout.readline().strip()
        finally:
            process.terminate()


def _get(url: str) -> bytes:
    """Body of one request over a connection of its own."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    try:
        return _ask(connection, url)
    finally:
        connection.close()


def _ask(connection: http.client.HTTPConnection, url: str) -> bytes:
    parts = urlsplit(url)
    connection.request("GET", f"{parts.path}?{parts.query}")
    answer = connection.getresponse()
    body = answer.read()
    if answer.status != http.client.OK:
        raise RuntimeError(f"{url}: {answer.status} {body[:200]!r}")
    return body


def _rate(url: str) -> float:
    """Measure requests a second of clients that keep their connection if the server does."""

    def client(_: int) -> None:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
        for _ in range(REQUESTS // CLIENTS):
            _ask(connection, url)
        connection.close()

    with ThreadPoolExecutor(CLIENTS) as pool:
        seconds = best_seconds(lambda: list(pool.map(client, range(CLIENTS))))
    return REQUESTS / seconds


def _condb_csv(table: Table) -> bytes:
    head, _, rows = as_csv(table).replace("\r\n", "\n").partition("\n")
    names = head.split(",")
    lines = [",".join(["channel", "tv", "tr", "data_type", *names[1:]])]
    for line in rows.splitlines():
        channel, _, values = line.partition(",")
        lines.append(f"{channel},{_BEGIN_S}.0,{_BEGIN_S}.5,,{values}")
    return ("\n".join(lines) + "\n").encode()
