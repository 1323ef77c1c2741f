"""The endpoints of mnvcon over the network (conditions page, sections 9 and 10)."""

from __future__ import annotations

import gzip
import hashlib
import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from mx2prod.conditions import (
    Snapshot,
    State,
    Use,
    add_folder_alias,
    create_store,
    create_tag,
    group,
    load_fixture,
    move_alias,
    unknown_folders,
    write_snapshot,
)
from mx2prod.conditions.gtags import set_gtag
from mx2prod.conditions.mnvcon import Mnvcon, parse_query
from mx2prod.conditions.request_log import RequestLog
from mx2prod.conditions.server_run import running
from mx2prod.conditions.server_sources import SnapshotSource, StoreSource
from mx2prod.core.errors import OutputError
from tests.conditions.making import PEDESTALS, World, digest_now, pedestals
from tests.conditions.serving import FIRST_US, SUBRUN_US, Serving, open_gtag
from tests.conditions.wire_clients import (
    Client,
    ClientError,
    LarSoft,
    Nucondb2012,
    NucondbLibwda,
    exchange,
    split_reply,
)

F = f"f={PEDESTALS}"
BODY_SHA256 = "11df5c7501afcf97f3ca8f012a8ba83bc49a805e43e2b0c1930b2659bfad5a2b"


def test_check_1_probe(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.app}/probe")
    assert (answer.status_code, answer.content) == (200, b"OK")


@pytest.mark.parametrize("path", ["/data", "//data"])
@pytest.mark.parametrize("time", ["1710003600.000000", "1710003600", "1710000000", "1710086399.99"])
def test_checks_2_to_4_the_body(
    fixture: Serving, client: httpx.Client, path: str, time: str
) -> None:
    answer = client.get(f"{fixture.app}{path}?{F}&t={time}")
    assert answer.status_code == 200
    assert len(answer.content) == 551
    assert hashlib.sha256(answer.content).hexdigest() == BODY_SHA256
    lines = answer.text.split("\n")
    assert lines[:2] == ["1710000000.0", "1710086400.0"]
    assert lines[4] == "1323008,0,1,2,3,0,430.0,1.5,750.0,431.25,1.625,750.0,429.1,1.75,750.0"
    assert answer.content[-1:] == b"\n"


@pytest.mark.parametrize("query", ["t=1709999999.999999", "t=1710003600&tag=nosuch"])
def test_check_5_nothing_holds(fixture: Serving, client: httpx.Client, query: str) -> None:
    answer = client.get(f"{fixture.app}/data?{F}&{query}")
    assert (answer.status_code, answer.content) == (404, b"Data not found")


def test_check_6_a_tag(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.app}/data?{F}&t=1719999999&tag=v1")
    lines = answer.text.split("\n")
    assert lines[:2] == ["1710086400.0", "-"]
    assert lines[4].split(",")[6] == "431.0"
    assert answer.headers["cache-control"] == "no-cache"  # the digest does not hold this tag


@pytest.mark.parametrize("tag", ["", "&tag=v2", "&tag=pedestal3", "&tag=%76%32"])
def test_check_7_the_last_interval(fixture: Serving, client: httpx.Client, tag: str) -> None:
    answer = client.get(f"{fixture.app}/data?{F}&t=1719999999{tag}")
    lines = answer.text.split("\n")
    assert lines[0] == "1710259200.123456"
    assert lines[4].split(",")[6] == "1.1e-07"
    assert "immutable" in answer.headers["cache-control"]


def test_check_8_unknown_folders_are_counted(fixture: Serving, client: httpx.Client) -> None:
    before = unknown_folders(fixture.store).get("nosuch", 0)
    for _ in range(2):
        answer = client.get(f"{fixture.app}/data?f=nosuch&t=1")
        assert (answer.status_code, answer.content) == (404, b"Folder nosuch not found\n")
    assert unknown_folders(fixture.store)["nosuch"] == before + 2


def test_check_9_get(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.app}/get?{F}&t=1710003600&c=hg_mean,hg_rms")
    assert answer.text == (
        "channel,tv,hg_mean,hg_rms\n"
        "bigint,float,double precision,double precision\n"
        "1323008,1710000000.0,430.0,1.5\n"
        "1323040,1710000000.0,431.0,1.5\n"
        "1323072,1710000000.0,432.0,1.5\n"
    )


def test_get_of_an_interval_of_time(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.app}/get?{F}&t0=1710086399.999999&t1=1710172800&c=hg_mean")
    rows = [line.split(",") for line in answer.text.splitlines()[2:]]
    assert [row[1] for row in rows] == [
        time for time in ("1710000000.0", "1710086400.0", "1710172800.0") for _ in range(3)
    ]
    assert [float(row[2]) for row in rows[::3]] == [430.0, 431.0, 999.0]
    everything = client.get(f"{fixture.app}/get?{F}&t0=1710003600&t1=1710003601").text
    assert everything.splitlines()[0].count(",") == 15


def test_check_10_describe(fixture: Serving, client: httpx.Client) -> None:
    answer = client.get(f"{fixture.app}/describe?{F}")
    assert len(answer.content) == 309
    assert answer.text.startswith("name,type\ncrate,integer\n")
    assert answer.text.endswith("lg_entries,double precision")


def test_check_11_the_reply_closes(fixture: Serving) -> None:
    path = f"{urlsplit(fixture.app).path}/data?{F}&t=1710003600"
    received = exchange(fixture.url, f"GET {path} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
    status, headers, body = split_reply(received)
    assert status == 200
    assert "transfer-encoding" not in headers
    assert "content-encoding" not in headers
    assert headers["connection"].lower() == "close"
    assert headers["content-length"] == "551"
    assert hashlib.sha256(body).hexdigest() == BODY_SHA256


def test_check_12_the_other_dialect(fixture: Serving, client: httpx.Client) -> None:
    query = f"/data?{F}&t=1710003600"
    app = client.get(fixture.app + query).text.split("\n")
    lar = client.get(fixture.lar + query).text.split("\n")
    assert lar[3] == "bigint," + ",".join(["integer"] * 5 + ["real"] * 9)
    assert lar[:3] + lar[4:] == app[:3] + app[4:]


def test_lists(fixture: Serving, client: httpx.Client) -> None:
    assert client.get(f"{fixture.app}/folders").text == PEDESTALS
    assert client.get(f"{fixture.app}/tags?{F}").text == "v1\nv2"


def test_an_interval_by_its_number(fixture: Serving, client: httpx.Client) -> None:
    number = (1 << 32) | 1
    answer = client.get(f"{fixture.app}/data?{F}&i={number}&tag=passed_over")
    assert answer.text.split("\n")[:2] == ["1710086400.0", "1710172800.0"]
    assert client.get(f"{fixture.app}/data?{F}&i=17").status_code == 404


@pytest.mark.parametrize(
    ("query", "status", "text"),
    [
        ("/data?t=1", 400, "parameter f is missing\n"),
        (f"/data?{F}", 400, "parameter t is missing\n"),
        (f"/data?{F}&t=now", 400, "parameter t: time 'now': expected seconds"),
        (f"/data?{F}&i=first", 400, "parameter i: 'first' is no number\n"),
        (f"/get?{F}&t=1", 400, "Data not found"),
        (f"/get?{F}&t0=1", 400, "parameter t1 is missing\n"),
        (f"/get?{F}&t=1710003600&c=nosuch", 400, "Column nosuch not found\n"),
        ("/get?f=nosuch&t=1", 404, "Folder nosuch not found\n"),
        ("/describe?f=nosuch", 404, "Folder nosuch not found\n"),
        ("/tags?f=nosuch", 404, "Folder nosuch not found\n"),
        ("/nosuch", 404, "Not found\n"),
        ("/data/more", 404, "Not found\n"),
    ],
)
def test_bad_requests(
    fixture: Serving, client: httpx.Client, query: str, status: int, text: str
) -> None:
    answer = client.get(fixture.app + query)
    assert (answer.status_code, answer.text[: len(text)]) == (status, text)
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.headers["cache-control"] == "no-cache"
    assert answer.headers["connection"] == "close"


def test_post_is_not_allowed(fixture: Serving, client: httpx.Client) -> None:
    assert client.post(f"{fixture.app}/post", content=b"rows").status_code == 405


def test_names_may_be_encoded_and_unknown_parameters_are_passed_over(
    fixture: Serving, client: httpx.Client
) -> None:
    name = "".join(f"%{ord(letter):02x}" for letter in PEDESTALS)
    answer = client.get(f"{fixture.app}/data?x=1&f={name}&t=1710003600&f=nosuch")
    assert len(answer.content) == 551
    assert parse_query("tag=mx2%2drun1%2fv2+a&t=") == {"tag": "mx2-run1/v2+a", "t": ""}


def test_other_names_of_folders(fixture: Serving, client: httpx.Client) -> None:
    assert len(client.get(f"{fixture.app}/data?f=pedcal&t=1710003600").content) == 551
    add_folder_alias(fixture.store, "PedSup", PEDESTALS, reason="asked for by the release")
    assert len(client.get(f"{fixture.app}/data?f=PedSup&t=1710003600").content) == 551


def test_a_folder_that_the_global_tag_has_not_is_not_unknown(
    fixture: Serving, client: httpx.Client
) -> None:
    answer = client.get(f"{fixture.app}/data?f=minerva2x2_s2s_constants&t=1")
    assert answer.text == "Folder minerva2x2_s2s_constants not found\n"
    assert "minerva2x2_s2s_constants" not in unknown_folders(fixture.store)


@pytest.mark.parametrize(
    ("base", "status"),
    [
        ("pedestal3", 404),
        ("nosuch", 404),
        ("pedestal3@" + "0" * 16, 404),
        ("pedestal3@123", 404),
        ("nosuch@" + "0" * 16, 404),
    ],
)
def test_bases_that_are_no_pinned_global_tag(
    fixture: Serving, client: httpx.Client, base: str, status: int
) -> None:
    answer = client.get(f"{fixture.url}/compat/{base}/app/data?{F}&t=1710003600")
    assert answer.status_code == status
    assert b"430.0" not in answer.content


def test_sixteen_digits_of_the_digest_are_enough(fixture: Serving, client: httpx.Client) -> None:
    gtag, _, digest = fixture.reference.partition("@")
    answer = client.get(f"{fixture.url}/compat/{gtag}@{digest[:16]}/app/data?{F}&t=1710003600")
    assert len(answer.content) == 551


def test_the_request_log_says_what_was_read(fixture: Serving, client: httpx.Client) -> None:
    client.get(f"{fixture.app}/data?{F}&t=1710003600.25")
    client.get(f"{fixture.app}/data?f=nosuch&t=1")
    read, unknown = (json.loads(line) for line in fixture.log.read_text().splitlines()[-2:])
    assert (read["folder"], read["t"], read["status"]) == (PEDESTALS, "1710003600.25", 200)
    assert read["gtag"] == fixture.reference
    assert (
        read["content_sha256"]
        in fixture.store.view(fixture.reference, use=Use.TEST).manifest.payloads
    )
    assert (unknown["unknown"], unknown["status"]) == ("yes", 404)


CLIENTS = (Nucondb2012, NucondbLibwda)


@pytest.mark.parametrize("kind", CLIENTS)
def test_nucondb_reads_the_values_of_the_page(fixture: Serving, kind: type[Client]) -> None:
    reader = kind(f"{fixture.app}/")
    reader.update(PEDESTALS, 1710003600.5)
    names = ("hg_mean", "hg_rms", "lg_mean", "pixel", "lg_entries")
    assert [reader.value(1323040, name) for name in names] == [431.0, 1.5, 429.1, 1, 750.0]
    assert reader.requests[0].startswith(f"{urlsplit(fixture.app).path}//data?f=minerva2x2_ped")
    with pytest.raises(ClientError, match="not found"):
        reader.value(1323041, "hg_mean")


@pytest.mark.parametrize("kind", CLIENTS)
def test_nucondb_asks_once_an_interval(fixture: Serving, kind: type[Client]) -> None:
    reader = kind(f"{fixture.app}/")
    found = []
    for seconds in (1710000000.0, 1710086399.0, 1710086400.0, 1710300000.0, 1810000000.0):
        reader.update(PEDESTALS, seconds)
        found.append(reader.value(1323008, "hg_mean"))
    assert found == [430.0, 430.0, 431.0, 1.1e-7, 1.1e-7]
    assert len(reader.requests) == 3


@pytest.mark.parametrize("kind", CLIENTS)
def test_nucondb_names_a_tag(fixture: Serving, kind: type[Client]) -> None:
    reader = kind(f"{fixture.app}/")
    reader.update(PEDESTALS, 1719999999.0, tag="v1")
    assert reader.value(1323008, "hg_mean") == 431.0
    with pytest.raises(ClientError, match="404"):
        kind(f"{fixture.app}/").update(PEDESTALS, 1709999999.0)


@pytest.mark.parametrize("kind", CLIENTS)
def test_nucondb_does_not_see_the_values_of_the_other_dialect(
    fixture: Serving, kind: type[Client]
) -> None:
    reader = kind(f"{fixture.lar}/")
    reader.update(PEDESTALS, 1710003600.0)
    assert reader.value(1323040, "hg_mean") is None


def test_larsoft_reads_its_dialect_and_no_other(fixture: Serving) -> None:
    reader = LarSoft(f"{fixture.lar}/")
    reader.update_at(PEDESTALS, 1_710_003_600_500_000_000, "v2")
    assert reader.value(1323072, "hg_mean") == 432.0
    assert reader.requests[0].endswith("&t=1710003600.500000&tag=v2")
    reader.update_at(PEDESTALS, 1_710_259_200_123_456_000, "v2")
    assert reader.lines[0] == ["1710259200.123456"]
    with pytest.raises(ClientError, match="double precision"):
        LarSoft(f"{fixture.app}/").update_at(PEDESTALS, 1_710_003_600_500_000_000, "v2")


def test_nothing_is_compressed_even_on_request(fixture: Serving) -> None:
    path = f"{urlsplit(fixture.app).path}/data?{F}&t=1710003600"
    request = f"GET {path} HTTP/1.1\r\nHost: x\r\nAccept-Encoding: gzip\r\n\r\n"
    body = split_reply(exchange(fixture.url, request.encode()))[2]
    with pytest.raises(gzip.BadGzipFile):
        gzip.decompress(body)
    assert len(body) == 551


def test_an_alias_is_served_and_can_move(small_world: World) -> None:
    production = small_world.production
    for name, mean in (("first", 430.0), ("second", 450.0)):
        digest = small_world.frozen(name, mean)
        small_world.sign(name, "rev", "con")
        assert small_world.promote(name).digest == digest
    move_alias(production, "mx2/current", "first", expected=None, reason="test")
    endpoints = Mnvcon(StoreSource(production))
    path = "/compat/mx2/current/app/folders"
    answer = endpoints.answer(path, "")
    assert (answer.status, answer.cache_control) == (200, "no-cache")
    assert answer.facts["gtag"].startswith("first@")
    move_alias(production, "mx2/current", "second", expected="first", reason="test")
    assert endpoints.answer(path, "").facts["gtag"].startswith("second@")
    assert b"no run-to-time map" in endpoints.answer(path[:-7] + "data", f"{F}&t=1").body


def test_states_are_looked_at_for_each_request(small_world: World) -> None:
    production = small_world.production
    digest = small_world.frozen("good", 430.0)
    path = f"/compat/good@{digest}/app/folders"
    assert Mnvcon(StoreSource(small_world.development)).answer(path, "").status == 403
    small_world.sign("good", "rev", "con")
    small_world.promote("good")
    endpoints = Mnvcon(StoreSource(production))
    assert endpoints.answer(path, "").status == 200
    with production.writing() as connection:
        set_gtag(connection, "good", state=State.INVALID.value)
    answer = endpoints.answer(path, "")
    assert (answer.status, b"withdrawn" in answer.body) == (403, True)
    assert Mnvcon(StoreSource(production, allow_invalid=True)).answer(path, "").status == 200


def test_a_gap_is_an_early_end(small_world: World) -> None:
    store = small_world.development
    open_gtag(store, "gap", [pedestals(430.0), None, pedestals(450.0)])
    source = StoreSource(store, Use.TEST)
    digest = digest_now(store, "gap")
    endpoints = Mnvcon(source)

    def data(time_us: int) -> tuple[int, list[bytes]]:
        query = f"{F}&t={time_us / 1e6:.6f}"
        answer = endpoints.answer(f"/compat/gap@{digest}/app/data", query)
        return answer.status, answer.body.split(b"\n")[:2]

    second, third = FIRST_US + SUBRUN_US, FIRST_US + 2 * SUBRUN_US
    ends = [f"{time_us / 1e6!r}".encode() for time_us in (FIRST_US, second, third)]
    assert data(FIRST_US) == data(second - 1) == (200, ends[:2])
    assert data(second) == data(third - 1) == (404, [b"Data not found"])
    assert data(third) == (200, [ends[2], b"-"])


def test_a_damaged_payload_is_a_fault_of_the_server(tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as store:
        _, digest = load_fixture(store, "pedestal3")
        with closing(sqlite3.connect(tmp_path / "a.db")) as file, file:
            triggers = file.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'")
            for (name,) in triggers.fetchall():
                file.execute(f"DROP TRIGGER {name}")
            file.execute("UPDATE conditions_payload SET data = substr(data, 1, 1000)")
        answer = Mnvcon(StoreSource(store, Use.TEST)).answer(
            f"/compat/pedestal3@{digest}/app/data", f"{F}&t=1710003600"
        )
    assert (answer.status, b"damaged" in answer.body) == (500, True)


def test_an_unreachable_database_is_a_busy_server(fixture: Serving, tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as store:
        _, digest = load_fixture(store, "pedestal3")
        endpoints = Mnvcon(StoreSource(store, Use.TEST))
        store.engine.dispose()
        (tmp_path / "a.db").unlink()
        answer = endpoints.answer(f"/compat/pedestal3@{digest}/app/data", f"{F}&t=1710003600")
    assert answer.status == 503


def test_a_snapshot_is_served_without_a_database(tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as store:
        gtag, digest = load_fixture(store, "pedestal3")
        write_snapshot(store, gtag.name, tmp_path / "a.mx2snap")
    with Snapshot(tmp_path / "a.mx2snap") as snapshot:
        source = SnapshotSource(snapshot, Use.TEST)
        with running(source, folders={"pedcal": PEDESTALS}) as url:
            reader = Nucondb2012(f"{url}/compat/pedestal3@{digest[:16]}/app/")
            reader.update("pedcal", 1710003600.5)
            assert reader.value(1323040, "hg_mean") == 431.0
            with pytest.raises(ClientError, match="404"):
                Nucondb2012(reader.base).update("nosuch", 1.0)
            assert source.unknown == {"nosuch": 1}
            with pytest.raises(ClientError, match="404"):
                Nucondb2012(f"{url}/compat/pedestal3/app/").update(PEDESTALS, 1710003600.5)
            with pytest.raises(ClientError, match="404"):
                Nucondb2012(reader.base).update(PEDESTALS, 1719999999.0, tag="v1")
        assert (
            Mnvcon(SnapshotSource(snapshot))
            .answer(f"/compat/pedestal3@{digest}/app/folders", "")
            .status
            == 403
        )


def test_many_readers_at_once(tmp_path: Path) -> None:
    with create_store(f"sqlite:///{tmp_path}/a.db", "development") as store:
        _, digest = load_fixture(store, "pedestal3")
        write_snapshot(store, "pedestal3", tmp_path / "a.mx2snap")
        with Snapshot(tmp_path / "a.mx2snap") as snapshot:
            for source in (StoreSource(store, Use.TEST), SnapshotSource(snapshot, Use.TEST)):
                endpoints = Mnvcon(source)

                def ask(day: int, endpoints: Mnvcon = endpoints) -> bytes:
                    query = f"{F}&t={1710000000 + 86400 * (day % 3)}"
                    return endpoints.answer(f"/compat/pedestal3@{digest}/app/data", query).body

                with ThreadPoolExecutor(8) as pool:
                    bodies = list(pool.map(ask, range(60)))
                assert len(set(bodies)) == 3
                assert bodies[:3] * 20 == bodies
                assert hashlib.sha256(bodies[0]).hexdigest() == BODY_SHA256


def test_tags_above_are_served_only_if_they_were_published_or_for_a_use(
    small_world: World,
) -> None:
    store = small_world.development
    open_gtag(store, "first", [pedestals(430.0)])
    create_tag(store, PEDESTALS, "child", parent="first", reason="test")
    group(store, "second", {PEDESTALS: "child"}, reason="test")
    folder = (
        StoreSource(store, Use.TEST)
        .served(f"second@{digest_now(store, 'second')}")
        .manifest(PEDESTALS)
    )
    assert folder is not None
    assert list(StoreSource(store, Use.TEST).ancestors(folder)) == ["first"]
    assert StoreSource(store).ancestors(folder) == {}


def test_a_request_log_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        RequestLog(tmp_path / "none" / "log")


def test_too_many_unknown_names_are_not_all_kept(small_world: World) -> None:
    source = StoreSource(small_world.development)
    source.count_unknown("x" * 128)
    for number in range(3):
        source.count_unknown(f"name{number}")
    assert unknown_folders(small_world.development) == {f"name{n}": 1 for n in range(3)}
    source._unknown.update(str(number) for number in range(200))
    source.count_unknown("one more")
    source.count_unknown("name1")
    assert unknown_folders(small_world.development)["name1"] == 2
    assert "one more" not in unknown_folders(small_world.development)
