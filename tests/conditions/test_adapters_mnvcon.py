"""Reading from and writing to a mnvcon server."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from sqlalchemy import Engine, text

from mx2prod.conditions import (
    RunTimeMap,
    State,
    Store,
    Subrun,
    Use,
    View,
    create_tag,
    group,
    position,
    wire,
)
from mx2prod.conditions.adapters import (
    MnvconServer,
    TimeKind,
    create_folder,
    import_folder,
    open_database,
    parse_reply,
    verify_tag,
    write_tag,
)
from mx2prod.conditions.adapters.http import Getter
from mx2prod.conditions.adapters.importing import subruns_of
from mx2prod.conditions.adapters.reply import Reply
from mx2prod.conditions.axis import OPEN_END, Interval
from mx2prod.conditions.views import StorePayloads
from mx2prod.constants import BadChannel, Pedestal, content_sha256
from mx2prod.core.errors import (
    HashMismatch,
    InputFileError,
    NoConditionsError,
    StateError,
    StoreError,
    TableError,
    UsageError,
)
from tests.calls import Call
from tests.conditions.http_servers import Answer, serving
from tests.conditions.making import PEDESTALS, pedestals
from tests.conditions.official_servers import Condb, Mnvcon, rows_of
from tests.conditions.serving import (
    FIRST_US,
    SUBRUN_US,
    open_gtag,
    runtime,
    serving_fixture,
    view_of,
)
from tests.conditions.test_wire import bad_channels
from tests.stores import Server

BASE = 1_710_000_000_000_000
DAY = 86_400_000_000


@contextmanager
def answering(*bodies: Answer) -> Iterator[MnvconServer]:
    """Server that gives these answers one after the other, the last one for ever."""
    left = list(bodies)
    with serving(lambda *_: left.pop(0) if len(left) > 1 else left[0]) as url:
        yield MnvconServer(f"mnvcon+{url}")


BODY = b"10.0\n20.0\nchannel,a,b,c\nbigint,integer,double precision,text\n1,2,3.5,x\n2,3,1.1e-07,\n"


def test_a_reply_is_parsed() -> None:
    reply = parse_reply(BODY, "test")
    assert (reply.begin_us, reply.end_us) == (10_000_000, 20_000_000)
    found = {name: values.tolist() for name, values in reply.columns.items()}
    assert found == {"channel": [1, 2], "a": [2, 3], "b": [3.5, 1.1e-7], "c": ["x", ""]}
    assert [time in reply for time in (9_999_999, 10_000_000, 19_999_999, 20_000_000)] == [
        False, True, True, False,
    ]  # fmt: skip
    assert parse_reply(BODY.replace(b"20.0", b"-"), "test").end_us is None


@pytest.mark.parametrize(
    ("old", "new", "text"),
    [
        (b"1.1e-07,\n", b"1.1e-07,", "cut off"),
        (b"1,2,3.5,x\n2,3,1.1e-07,\n", b"", "cut off"),
        (b"\n", b"\r\n", "carriage returns"),
        (b"10.0", b"ten", "no begin and end"),
        (b"20.0", b"None", "no begin and end"),
        (b"channel,a,b,c", b"channel,a,b", "do not fit"),
        (b"channel,a,b,c", b"channel,a,a,c", "do not fit"),
        (b"channel,a", b"a,channel", "first column"),
        (b"integer", b"point", "'point' cannot be read"),
        (b"2,3.5", b"None,3.5", "column a has no value"),
        (b"2,3.5", b"2.5,3.5", "not as its types say"),
        (b"3.5,x", b"3.5,x,y", "not as its types say"),
        (b"2,3,1.1e-07,", b"2,3", "not as its types say"),
    ],
)
def test_replies_that_are_not_one(old: bytes, new: bytes, text: str) -> None:
    with pytest.raises(InputFileError, match=text):
        parse_reply(BODY.replace(old, new), "test")


def test_our_own_server_is_read(tmp_path: Path) -> None:
    with serving_fixture(tmp_path) as running:
        server = MnvconServer(f"mnvcon+{running.app}/")
        assert server.address == running.app
        assert server.folders() == [PEDESTALS]
        begins = [reply.begin_us for reply in server.walk(PEDESTALS, BASE + 1)]
        assert begins == [BASE, BASE + DAY, BASE + 2 * DAY, BASE + 3 * DAY + 123_456]
        tagged = list(server.walk(PEDESTALS, BASE, tag="v1"))
        assert [reply.end_us for reply in tagged] == [BASE + DAY, None]
        table = tagged[1].table(Pedestal)
        assert (
            content_sha256(table)
            in running.store.view(running.reference, use=Use.TEST).manifest.payloads
        )
        with pytest.raises(NoConditionsError, match=r"nothing holds at 1709999999\.999999 s"):
            server.read(PEDESTALS, BASE - 1)
        with pytest.raises(UsageError, match="did you mean '" + PEDESTALS):
            server.read(PEDESTALS[:-1], BASE)


def test_a_reply_for_another_time_is_refused() -> None:
    with (
        answering((200, BODY)) as server,
        pytest.raises(InputFileError, match=r"holds from 10\.0 to 20\.0 s: not then"),
    ):
        server.read("folder", 20_000_000)


def test_a_walk_into_a_gap_says_so() -> None:
    with answering((200, BODY), (404, b"Data not found"), (200, b"folder")) as server:
        replies = server.walk("folder", 10_000_000)
        assert next(replies).end_us == 20_000_000
        with pytest.raises(NoConditionsError, match=r"nothing holds at 20\.0 s"):
            next(replies)


def test_errors_of_the_server_are_told() -> None:
    with (
        answering((500, b"invalid literal\nTraceback")) as server,
        pytest.raises(StoreError, match="status 500: invalid literal"),
    ):
        server.read("folder", 1)
    with answering((500, b"")) as server, pytest.raises(StoreError, match="no text"):
        server.folders()


def test_a_busy_server_is_asked_again() -> None:
    with httpx.Client(trust_env=False) as client:
        left = [(503, b""), (503, b""), (200, b"OK")]
        with serving(lambda *_: left.pop(0)) as url:
            assert Getter(url, client, pause_s=0.01).get("probe", {}).text == "OK"
        with serving(lambda *_: (503, b"")) as url:
            asked = Getter(url, client, tries=2, pause_s=0.01)
            with pytest.raises(StoreError, match="in 2 tries: the server is busy"):
                asked.get("probe", {})
        with pytest.raises(StoreError, match="no answer in 2 tries"):
            asked.get("probe", {})


def reply(begin_us: int, end_us: int | None) -> Reply:
    return Reply(begin_us, end_us, {}, "test")


def subrun(number: int, begin_us: int, end_us: int) -> Subrun:
    return Subrun(position(1, number), begin_us, end_us, f"file {number}")


TIMES = RunTimeMap.of([subrun(0, 100, 150), subrun(1, 200, 250), subrun(2, 300, 350)])


@pytest.mark.parametrize(
    ("begin_us", "end_us", "expected"),
    [
        (0, 100, None),
        (0, 151, Interval(position(1, 0), position(1, 1))),
        (100, 300, Interval(position(1, 0), position(1, 2))),
        (151, None, Interval(position(1, 1), OPEN_END)),
        (200, 400, Interval(position(1, 1), OPEN_END)),
        (351, None, None),
        (160, 190, None),
    ],
)
def test_subruns_of_a_time(begin_us: int, end_us: int | None, expected: Interval | None) -> None:
    assert subruns_of(reply(begin_us, end_us), TIMES) == expected


@pytest.mark.parametrize(("begin_us", "end_us"), [(101, None), (0, 150), (210, 220), (250, 260)])
def test_a_border_within_a_subrun_is_refused(begin_us: int, end_us: int | None) -> None:
    with pytest.raises(TableError, match="a border within subrun"):
        subruns_of(reply(begin_us, end_us), TIMES)


def test_tables_are_brought_in_and_served_again_with_the_same_content(
    store: Store, tmp_path: Path
) -> None:
    with serving_fixture(tmp_path) as running:
        server = MnvconServer(running.app)
        create_tag(store, PEDESTALS, "mnvcon-import/2024-11-01", reason="test")
        times = RunTimeMap.of(
            subrun(number, BASE + number * DAY + 10**6, BASE + number * DAY + 2 * 10**6)
            for number in (0, 1, 3)
        )
        found = import_folder(
            store, PEDESTALS, server.walk(PEDESTALS, BASE), tag="mnvcon-import/2024-11-01",
            runtime=times, reason="first copy",
        )  # fmt: skip
        assert [(p.interval.since, p.interval.until) for p in found.puts] == [
            (position(1, 0), position(1, 1)),
            (position(1, 1), position(1, 3)),
            (position(1, 3), OPEN_END),
        ]
        assert found.without_subruns == 1
        original = running.store.view(running.reference, use=Use.TEST).manifest.payloads
        assert [p.content_sha256 for p in found.puts] == [original[0], original[1], original[3]]


@pytest.fixture
def database(postgresql: Server) -> Iterator[tuple[Engine, str]]:
    """Empty schema of a PostgreSQL database, and how a server connects to it."""
    url = postgresql.new_schema()
    schema = url.rpartition("%3D")[2]
    conninfo = f"host={postgresql.folder} user=mx2 dbname=postgres options=-csearch_path={schema}"
    engine = open_database(url)
    yield engine, conninfo
    engine.dispose()


postgres = pytest.mark.services("postgresql")
stores = pytest.mark.stores


@stores
@postgres
@pytest.mark.parametrize("kind", [TimeKind.ZONED, TimeKind.SECONDS])
def test_a_tag_is_written_and_read_by_the_official_server(
    store: Store, database: tuple[Engine, str], kind: TimeKind
) -> None:
    engine, conninfo = database
    tables = [pedestals(430.0), pedestals(431.1), pedestals(1.1e-7)]
    open_gtag(store, "run1", tables, times=runtime(3, first_us=FIRST_US + 123_456))
    view = view_of(store, "run1")
    create_folder(engine, PEDESTALS, kind)
    assert write_tag(engine, view, PEDESTALS, dry_run=True).intervals == 3
    written = write_tag(engine, view, PEDESTALS)
    assert (written.tag, written.intervals, written.rows, written.changed) == ("run1", 3, 192, True)
    assert write_tag(engine, view, PEDESTALS).changed is False
    assert verify_tag(engine, view, PEDESTALS) == []
    with serving(Mnvcon(conninfo)) as url:
        server = MnvconServer(url)
        replies = list(server.walk(PEDESTALS, FIRST_US + 123_456, tag="run1"))
        with pytest.raises(NoConditionsError):
            server.read(PEDESTALS, FIRST_US + 123_456)  # not active: only the tag shows it
    assert [r.begin_us for r in replies] == [
        FIRST_US + 123_456 + number * SUBRUN_US for number in range(3)
    ]
    found = [content_sha256(r.table(Pedestal)) for r in replies]
    assert found == [content_sha256(table) for table in tables]


@stores
@postgres
def test_active_intervals_are_seen_without_a_tag_and_do_not_mix(
    store: Store, database: tuple[Engine, str]
) -> None:
    engine, conninfo = database
    open_gtag(store, "run1", [pedestals(430.0), pedestals(431.0)])
    made = view_of(store, "run1")
    create_folder(engine, PEDESTALS)
    with pytest.raises(StateError, match="is OPEN; only what is PUBLISHED"):
        write_tag(engine, made, PEDESTALS, active=True)
    view = View(made.manifest, State.PUBLISHED, StorePayloads(store), runtime=made.runtime)
    write_tag(engine, view, PEDESTALS, tag="first", active=True)
    with serving(Mnvcon(conninfo)) as url:
        reply = MnvconServer(url).read(PEDESTALS, FIRST_US + SUBRUN_US)
    assert reply.columns["hg_mean"][0] == 431.0
    with pytest.raises(StateError, match="2 active intervals begin at"):
        write_tag(engine, view, PEDESTALS, tag="second", active=True)
    assert write_tag(engine, view, PEDESTALS, tag="second").changed


@stores
@postgres
def test_changes_there_are_found(store: Store, database: tuple[Engine, str]) -> None:
    engine, _ = database
    open_gtag(store, "run1", [pedestals(430.0), pedestals(431.0)])
    open_gtag(store, "other", [pedestals(440.0), pedestals(431.0)])
    view, other = view_of(store, "run1"), view_of(store, "other")
    create_folder(engine, PEDESTALS)
    write_tag(engine, view, PEDESTALS)
    with pytest.raises(StateError, match="is there with other content"):
        write_tag(engine, other, PEDESTALS, tag="run1")
    with pytest.raises(UsageError, match=r"no tag 'run2' there.*run1"):
        verify_tag(engine, view, PEDESTALS, tag="run2")
    table = f"{PEDESTALS}_data"
    for statement, problem in (
        (f"UPDATE {table} SET hg_rms = 1.6 WHERE pixel = 7 AND __iov_id = 1", "content"),
        (f"UPDATE {table} SET pixel = 77 WHERE pixel = 7 AND __iov_id = 2", "pixel"),
        (f"UPDATE {PEDESTALS}_iovs SET begin_time = begin_time - interval '1 s'", "begins at"),
        (f"DELETE FROM {PEDESTALS}_iovs WHERE iov_id = 1", "1 intervals, expected 2"),
    ):
        with engine.begin() as connection:
            connection.execute(text(statement))
        assert any(problem in line for line in verify_tag(engine, view, PEDESTALS)), statement


@stores
@postgres
def test_what_is_read_back_otherwise_is_undone(store: Store, database: tuple[Engine, str]) -> None:
    engine, _ = database
    open_gtag(store, "run1", [pedestals(430.1)])
    create_folder(engine, PEDESTALS)
    with engine.begin() as connection:  # a database that rounds
        connection.execute(text(
            "CREATE FUNCTION rounded() RETURNS trigger LANGUAGE plpgsql AS "
            "'BEGIN NEW.hg_mean = NEW.hg_mean::real; RETURN NEW; END'"
        ))  # fmt: skip
        connection.execute(text(
            f"CREATE TRIGGER rounds BEFORE INSERT ON {PEDESTALS}_data "
            "FOR EACH ROW EXECUTE FUNCTION rounded()"
        ))  # fmt: skip
    with pytest.raises(HashMismatch, match="read back otherwise than written"):
        write_tag(engine, view_of(store, "run1"), PEDESTALS)
    with engine.begin() as connection:
        for name in ("iovs", "tags", "tag_iovs", "data"):
            count = connection.execute(text(f"SELECT count(*) FROM {PEDESTALS}_{name}"))
            assert count.scalar_one() == 0


@stores
@postgres
def test_folders_that_are_not_as_they_must_be(store: Store, database: tuple[Engine, str]) -> None:
    engine, _ = database
    open_gtag(store, "run1", [pedestals()], times=runtime(1, first_us=FIRST_US + 1))
    view = view_of(store, "run1")
    with pytest.raises(StoreError, match="no folder"):
        write_tag(engine, view, PEDESTALS)
    create_folder(engine, PEDESTALS, TimeKind.WHOLE_SECONDS)
    with pytest.raises(StoreError, match="already exists"):
        create_folder(engine, PEDESTALS)
    with pytest.raises(TableError, match="whole seconds only"):
        write_tag(engine, view, PEDESTALS)
    with engine.begin() as connection:
        connection.execute(text(
            f"ALTER TABLE {PEDESTALS}_iovs ALTER begin_time TYPE timestamp USING now()"
        ))  # fmt: skip
    with pytest.raises(StoreError, match="something else in each time zone"):
        write_tag(engine, view, PEDESTALS)
    with engine.begin() as connection:
        connection.execute(text(
            f"ALTER TABLE {PEDESTALS}_iovs ALTER begin_time TYPE timestamptz"
        ))  # fmt: skip
        connection.execute(text(f"ALTER TABLE {PEDESTALS}_data ALTER hg_mean TYPE real"))
    with pytest.raises(StoreError, match="columns are"):
        write_tag(engine, view, PEDESTALS)


@stores
@postgres
def test_whole_seconds_are_written_into_whole_seconds(
    store: Store, database: tuple[Engine, str]
) -> None:
    engine, conninfo = database
    open_gtag(store, "run1", [pedestals()])
    create_folder(engine, PEDESTALS, TimeKind.WHOLE_SECONDS)
    write_tag(engine, view_of(store, "run1"), PEDESTALS)
    with (
        serving(Mnvcon(conninfo)) as url,
        pytest.raises(StoreError, match="invalid literal"),
    ):
        MnvconServer(url).read(PEDESTALS, FIRST_US, tag="run1")  # the official server cannot


@stores
@postgres
def test_texts_are_written_as_they_are_or_refused(
    store: Store, database: tuple[Engine, str]
) -> None:
    engine, _ = database
    folder = BadChannel.folder
    create_folder(engine, folder)
    for number, (reason, sendable) in enumerate(
        (("hot since June", True), ("", True), ("None", True), ("a, b", False))
    ):
        open_gtag(store, f"bad{number}", [bad_channels(reason)], folder=folder)
        view = view_of(store, f"bad{number}")
        if sendable:
            assert write_tag(engine, view, folder).rows == 2
        else:
            with pytest.raises(TableError, match="column reason"):
                write_tag(engine, view, folder)


def test_gaps_and_missing_parts_are_refused_before_anything_is_written(store: Store) -> None:
    open_gtag(store, "gap", [pedestals(430.0), None, pedestals(431.0)])
    group(store, "untimed", {PEDESTALS: "gap"}, reason="test")
    engine = open_database("postgresql+psycopg://nobody@127.0.0.1:1/none")
    with pytest.raises(NoConditionsError, match="no constants from"):
        write_tag(engine, view_of(store, "gap"), PEDESTALS)
    with pytest.raises(StateError, match="no run-to-time map"):
        write_tag(engine, view_of(store, "untimed"), PEDESTALS)
    with pytest.raises(UsageError, match="no folder 'pedestals'"):
        write_tag(engine, view_of(store, "gap"), "pedestals")
    open_gtag(store, "whole", [pedestals(430.0)])
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1/none"):
        write_tag(engine, view_of(store, "whole"), PEDESTALS)


@stores
@postgres
@pytest.mark.parametrize("zone", ["UTC", "America/Chicago"])
def test_the_time_zone_of_the_machine_does_not_matter(
    store: Store, database: tuple[Engine, str], zone: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "TZ", zone)
    time.tzset()
    try:
        engine, conninfo = database
        open_gtag(store, "run1", [pedestals()])
        create_folder(engine, PEDESTALS)
        write_tag(engine, view_of(store, "run1"), PEDESTALS)
        with serving(Mnvcon(conninfo)) as url:
            reply = MnvconServer(url).read(PEDESTALS, FIRST_US, tag="run1")
        assert reply.begin_us == FIRST_US
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.fixture
def workspace(workspace: Path, mx2: Callable[..., Call]) -> Path:
    """Workspace with both databases of constants and an open tag."""
    words = ("--workspace", workspace, "conditions")
    made = mx2(*words, "tag", "create", f"{PEDESTALS}:copy", "--reason", "test")
    assert made.code == 0
    return workspace


def test_fetch_by_command(
    workspace: Path, mx2: Callable[..., Call], samples: dict[str, Path]
) -> None:
    raw = next(samples["p01_pedestal_small"].glob("*.dat"))  # run 1698, subrun 1, March 2024
    table = pedestals(431.1)
    body = wire.head(0, 1_800_000_000_000_000, Pedestal, wire.APP) + wire.rows(table)
    condb = Condb(PEDESTALS, list(Pedestal.text_names()))
    condb.put(0.0, 1.0, rows_of(table))
    words = ("--workspace", workspace, "--json", "conditions", "fetch")
    options = (PEDESTALS, raw, "--tag", "copy", "--reason", "test")
    with serving(lambda *_: (200, body)) as url:
        dry = mx2(*words, f"mnvcon+{url}", *options, "--dry-run").document
        found = mx2(*words, f"mnvcon+{url}", *options).document
        refused = mx2(*words, url, *options)
    with serving(condb) as url:
        again = mx2(*words, f"condb+{url}", *options)
    assert dry["tables"] == found["tables"]
    (put,) = found["tables"]
    assert put["content_sha256"] == content_sha256(table)
    assert put["since"] == {"run": 1698, "subrun": 1}
    assert (refused.code, "expected mnvcon+" in refused.err) == (2, True)
    assert again.document["tables"][0]["changed"] is False


@stores
@postgres
def test_send_by_command(workspace: Path, mx2: Callable[..., Call], postgresql: Server) -> None:
    url = postgresql.new_schema()
    engine = open_database(url)
    create_folder(engine, PEDESTALS)
    words = ("--workspace", workspace, "--json", "conditions")
    made = mx2(*words, "fixture", "pedestal3").document
    constants = ("--constants", f"pedestal3@{made['digest']}", "--use", "test")
    send = (*words, "send", url, PEDESTALS, *constants)
    assert mx2(*send, "--verify").code == 2
    assert mx2(*send, "--dry-run").document["dry_run"] is True
    written = mx2(*send, "--their-tag", "v7").document
    assert (written["tag"], written["intervals"], written["changed"]) == ("v7", 4, True)
    assert mx2(*send, "--their-tag", "v7", "--verify").document == {"problems": []}
    with engine.begin() as connection:
        connection.execute(text(f"UPDATE {PEDESTALS}_data SET hg_rms = 2 WHERE channel = 1323008"))
    engine.dispose()
    found = mx2(*send, "--their-tag", "v7", "--verify")
    assert (found.code, len(found.document["problems"])) == (3, 4)
