"""Our own REST, and how the server starts and stops."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pyarrow.parquet as pq
import pytest

from mx2prod.conditions import (
    Snapshot,
    State,
    Use,
    create_store,
    load_fixture,
    move_alias,
    write_snapshot,
)
from mx2prod.conditions.gtags import set_gtag
from mx2prod.conditions.http_status import status_of
from mx2prod.conditions.server_run import running
from mx2prod.conditions.server_served import Recent
from mx2prod.conditions.server_sources import SnapshotSource, StoreSource
from mx2prod.constants import Pedestal, content_sha256, from_arrow
from mx2prod.core.errors import (
    ConfigError,
    HashMismatch,
    OutputError,
    StateError,
    StoreError,
    UsageError,
)
from mx2prod.core.http_server import bound, parse_bind
from tests.calls import Call
from tests.conditions.making import PEDESTALS, World
from tests.conditions.serving import Serving
from tests.conditions.wire_clients import Nucondb2012

pytestmark = pytest.mark.stores

MX2 = str(Path(sys.executable).with_name("mx2"))


def test_resolve_gives_all_folders(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.url}/v1/gt/{fixture.reference}/resolve?run=1&subrun=3")
    assert answer.headers["cache-control"] == "no-cache"
    document = answer.json()
    (folder,) = document.pop("folders")
    gtag, _, digest = fixture.reference.partition("@")
    assert document == {
        "gtag": gtag, "digest": digest, "state": "OPEN", "provisional": False, "run": 1,
        "subrun": 3,
    }  # fmt: skip
    view = fixture.store.view(fixture.reference, use=Use.TEST)
    assert folder == {
        "folder": PEDESTALS, "tag": "v2", "schema_id": "pedestal/1",
        "since": {"run": 1, "subrun": 3}, "until": None, "choice": "",
        "content_sha256": view.resolve(PEDESTALS, 1, 3).content_sha256,
    }  # fmt: skip
    earlier = client.get(f"{fixture.url}/v1/gt/{fixture.reference}/resolve?run=1").json()
    assert earlier["folders"][0]["until"] == {"run": 1, "subrun": 1}


def test_payloads_are_parquet_files_for_ever(fixture: Serving, client: httpx.Client) -> None:
    view = fixture.store.view(fixture.reference, use=Use.TEST)
    sha256 = view.resolve(PEDESTALS, 1, 1).content_sha256
    url = f"{fixture.url}/v1/payload/{sha256}"
    answer = client.get(url)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    table = pq.read_table(io.BytesIO(answer.content))
    columns = from_arrow(table).columns
    assert columns["hg_mean"].tolist() == [431.0, 432.0, 433.0]
    assert content_sha256(from_arrow(table)) == sha256
    unchanged = client.get(url, headers={"if-none-match": answer.headers["etag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert client.get(url, headers={"if-none-match": '"other"'}).status_code == 200


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/v1/gt/{reference}/resolve?run=2000", 200, ""),
        ("/v1/gt/{reference}/resolve?run=0", 404, "no interval holds"),
        ("/v1/gt/{reference}/resolve?run=999999999", 400, "run"),
        ("/v1/gt/{reference}/resolve", 422, "run"),
        ("/v1/gt/{reference}/resolve?run=-1", 422, "run"),
        ("/v1/gt/pedestal3/resolve?run=1", 404, "is read by pedestal3@DIGEST only"),
        ("/v1/gt/pedestal3@0000000000000000/resolve?run=1", 404, "has digest"),
        ("/v1/gt/pedestal4@0000000000000000/resolve?run=1", 404, "pedestal3"),
        ("/v1/payload/0000", 404, "no payload"),
        ("/v1/nosuch", 404, "Not Found"),
    ],
)
def test_answers_that_say_why(
    fixture: Serving, client: httpx.Client, path: str, status: int, text: str
) -> None:
    answer = client.get(fixture.url + path.format(reference=fixture.reference))
    assert answer.status_code == status
    assert text in answer.text


def test_the_interface_describes_itself(fixture: Serving, client: httpx.Client) -> None:
    paths = client.get(f"{fixture.url}/v1/openapi.json").json()["paths"]
    assert list(paths) == ["/probe", "/v1/gt/{gtag}/resolve", "/v1/payload/{sha256}"]
    assert client.get(f"{fixture.url}/probe").text == "OK"


def test_one_connection_serves_many_requests(fixture: Serving, client: httpx.Client) -> None:
    answers = [client.get(f"{fixture.url}/probe") for _ in range(9)]
    assert {answer.headers.get("connection") for answer in answers} == {None}
    times = [answer.elapsed.total_seconds() for answer in answers]
    assert min(times) < 0.035  # with small replies held back it is 0.04


def test_what_may_be_read_as_published(small_world: World, client: httpx.Client) -> None:
    digest = small_world.frozen("good", 430.0)
    development, production = small_world.development, small_world.production
    small_world.sign("good", "rev", "con")
    small_world.promote("good")
    move_alias(production, "mx2/current", "good", expected=None, reason="test")
    sha256 = production.view("good").manifest.payloads[0]
    with running(StoreSource(production)) as url:
        for name in ("good", f"good@{digest}", "mx2/current"):
            answer = client.get(f"{url}/v1/gt/{name}/resolve?run=1702")
            assert answer.json()["digest"] == digest
        assert client.get(f"{url}/v1/payload/{sha256}").status_code == 200
        with production.writing() as connection:
            set_gtag(connection, "good", state=State.INVALID.value)
        assert client.get(f"{url}/v1/gt/good@{digest}/resolve?run=1702").status_code == 403
        assert client.get(f"{url}/v1/payload/{sha256}").status_code == 404
    with pytest.raises(UsageError, match="no payload"):
        StoreSource(development).payload(sha256)
    assert StoreSource(development, Use.TEST).payload(sha256).content_sha256 == sha256
    assert StoreSource(production, allow_invalid=True).payload(sha256).content_sha256 == sha256
    with pytest.raises(StateError, match="APPROVED"):
        StoreSource(development).served(f"good@{digest}")


def test_a_snapshot_gives_its_payloads(tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as store:
        load_fixture(store, "pedestal3")
        write_snapshot(store, "pedestal3", tmp_path / "a.mx2snap")
    with Snapshot(tmp_path / "a.mx2snap") as snapshot:
        source = SnapshotSource(snapshot, Use.TEST)
        sha256 = snapshot.contents.payloads[0]
        assert source.payload(sha256).content_sha256 == sha256
        assert source.address.endswith("a.mx2snap")
        with pytest.raises(UsageError, match="no payload"):
            source.payload("0" * 64)


def test_status_of_errors() -> None:
    assert status_of(HashMismatch("x")) == 500
    assert status_of(StoreError("x")) == 503
    assert status_of(OutputError("x")) == 500


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:80", ("::1", 80)),
        ("host.x:65535", ("host.x", 65535)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert parse_bind(text) == expected


@pytest.mark.parametrize("text", ["", "127.0.0.1", ":80", "h:65536", "h:x", "::1:80"])
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ConfigError, match="expected HOST:PORT"):
        parse_bind(text)


def test_an_address_that_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigError, match="cannot be bound"), bound("127.0.0.1", port):
            pass


def test_what_was_used_last_is_kept() -> None:
    made: list[str] = []

    def make(text: str) -> str:
        return Recent.get(recent, text, lambda: made.append(text) or text)

    recent: Recent[str] = Recent(5, len)
    for text in ("aaa", "bb", "aaa", "cc", "aaa", "bb", "dddddddd", "dddddddd", "aaa"):
        assert make(text) == text
    assert made == ["aaa", "bb", "cc", "bb", "dddddddd", "aaa"]


def test_serve_prints_its_address_and_stops_when_told(workspace: Path) -> None:
    words = [MX2, "--workspace", str(workspace), "--json", "conditions"]
    made = subprocess.run(
        [*words, "fixture", "pedestal3"], check=True, capture_output=True, text=True
    )
    digest = json.loads(made.stdout)["digest"]
    log = workspace / "requests.jsonl"
    serve = [*words, "serve", "--bind", "127.0.0.1:0", "--use", "test", "--requests", str(log)]
    serve += ["--folder-alias", "pedcal=" + PEDESTALS]
    environment = os.environ | {"http_proxy": "http://127.0.0.1:9"}
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=environment) as process:
        try:
            assert process.stdout is not None
            text = "".join(iter(process.stdout.readline, "}\n")) + "}"
            url = json.loads(text)["url"]
            assert urlsplit(url).port != 0
            reader = Nucondb2012(f"{url}/compat/pedestal3@{digest}/app/")
            reader.update("pedcal", 1710003600.5)
            assert reader.value(1323040, "hg_mean") == 431.0
        finally:
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=20)
    assert code == 130
    (line,) = log.read_text().splitlines()
    assert json.loads(line)["folder"] == "pedcal"


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (["--bind", "nowhere"], "expected HOST:PORT"),
        (["--folder-alias", "pedcal"], "expected NAME=FOLDER"),
        (["--snapshot", "none.mx2snap"], "none.mx2snap"),
    ],
)
def test_serve_refuses(
    workspace: Path, mx2: Callable[..., Call], words: list[str], text: str
) -> None:
    found = mx2("--workspace", workspace, "conditions", "serve", *words)
    assert (found.code, text in found.err) == (2, True)


def test_names_of_columns_are_those_of_the_schema(fixture: Serving, client: httpx.Client) -> None:
    lines = client.get(f"{fixture.app}/describe?f={PEDESTALS}").text.splitlines()[1:]
    assert [line.split(",")[0] for line in lines] == list(Pedestal.text_names())
