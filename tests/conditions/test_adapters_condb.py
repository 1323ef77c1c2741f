"""Reading from a ConDB server, beside its own client."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from mx2prod.conditions import RunTimeMap, Subrun, create_store, create_tag, position
from mx2prod.conditions.adapters import CondbServer, import_folder
from mx2prod.constants import BadChannel, Pedestal, content_sha256
from mx2prod.core.errors import InputFileError, NoConditionsError, StoreError, UsageError
from tests.conditions.http_servers import serving
from tests.conditions.making import PEDESTALS, pedestals
from tests.conditions.official_servers import Condb, rows_of
from tests.conditions.test_wire import bad_channels

S = 1_000_000
TR = 1_720_000_000.5


def server(folder: str = PEDESTALS, schema: type[Pedestal] = Pedestal) -> Condb:
    return Condb(folder, list(schema.text_names()))


@contextmanager
def asked(official: Condb) -> Iterator[CondbServer]:
    with serving(official) as url:
        yield CondbServer(f"condb+{url}")


def whole_tag() -> Condb:
    """Three tables, recorded as the page wants it: ascending, at one time."""
    official = server()
    for tv, mean in ((100.0, 430.0), (200.5, 431.1), (300.0, 1.1e-7)):
        official.put(tv, TR, rows_of(pedestals(mean)))
    official.tags["v1"] = TR + 1
    return official


def test_values_are_those_that_the_clients_own_package_reads() -> None:
    condb = pytest.importorskip("condb")
    with serving(whole_tag()) as url:
        names, rows = condb.ConDBClient(url).get_data(PEDESTALS, 250.0, tag="v1")
        theirs = [dict(zip(names, row, strict=True)) for row in rows]
        ours = CondbServer(f"condb+{url}").read(PEDESTALS, Pedestal, 250 * S, tag="v1")
    table = ours.table(Pedestal)
    assert content_sha256(table) == content_sha256(pedestals(431.1))
    assert ours.begin_us == 200_500_000
    for name in Pedestal.names():
        assert [row[name] for row in theirs] == table[name].tolist()


def test_a_walk_ends_each_table_where_the_next_begins() -> None:
    with asked(whole_tag()) as condb:
        found = list(condb.walk(PEDESTALS, Pedestal, 150 * S, 1000 * S, tag="v1"))
    assert [(reply.begin_us, reply.end_us) for reply in found] == [
        (100 * S, 200_500_000), (200_500_000, 300 * S), (300 * S, None),
    ]  # fmt: skip
    assert [content_sha256(reply.table(Pedestal)) for reply in found] == [
        content_sha256(pedestals(mean)) for mean in (430.0, 431.1, 1.1e-7)
    ]


def test_an_empty_answer_is_a_missing_interval_and_a_folder_can_be_unknown() -> None:
    with asked(whole_tag()) as condb:
        with pytest.raises(NoConditionsError, match=r"at 99\.999999 s: nothing holds"):
            condb.read(PEDESTALS, Pedestal, 99_999_999)
        with pytest.raises(UsageError, match="no folder 'nosuch'"):
            condb.read("nosuch", Pedestal, 100 * S)


def test_a_table_that_hides_a_newer_one_is_refused() -> None:
    official = server()
    official.put(1700.0, TR, rows_of(pedestals(450.0)))
    official.put(1698.0, TR + 10, rows_of(pedestals(430.0)))
    with asked(official) as condb:
        hidden = condb.read(PEDESTALS, Pedestal, 1710 * S)
        assert hidden.begin_us == 1698 * S  # the trap: what the server gives
        with pytest.raises(
            InputFileError, match=r"of 1698\.0 s, recorded later, hides one of 1700"
        ):
            list(condb.walk(PEDESTALS, Pedestal, 1698 * S, 1710 * S))


def test_a_later_table_recorded_later_hides_nothing() -> None:
    official = server()
    official.put(1698.0, TR, rows_of(pedestals(430.0)))
    official.put(1700.0, TR + 10, rows_of(pedestals(450.0)))
    official.put(1700.0, TR + 20, rows_of(pedestals(451.0)))
    with asked(official) as condb:
        found = list(condb.walk(PEDESTALS, Pedestal, 1698 * S, 1710 * S))
    assert [reply.columns["hg_mean"][0] for reply in found] == [430.0, 451.0]


@pytest.mark.parametrize("later", [{"tv": 1698.0, "tr": TR + 5}, {"tv": 1699.0, "tr": TR}])
def test_a_mixture_of_recordings_is_no_table(later: dict[str, float]) -> None:
    official = server()
    official.put(1698.0, TR, rows_of(pedestals(430.0)))
    official.put(later["tv"], later["tr"], rows_of(pedestals(450.0))[:3])
    with (
        asked(official) as condb,
        pytest.raises(InputFileError, match="channels of 2 recordings"),
    ):
        condb.read(PEDESTALS, Pedestal, 1710 * S)


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ((500, b"Traceback"), StoreError, "status 500: Traceback"),
        ((200, b"channel,tv,tr,data_type,hg_mean\n"), InputFileError, "columns"),
        ((200, None), InputFileError, "cut off"),
    ],
)
def test_answers_that_are_none(
    answer: tuple[int, bytes | None], error: type[Exception], text: str
) -> None:
    status, body = answer
    if body is None:
        body = whole_tag()("get", {"folder": PEDESTALS, "t": "100.0"})[1][:-7]
    with serving(lambda *_: (status, body)) as url, pytest.raises(error, match=text):
        CondbServer(url).read(PEDESTALS, Pedestal, 100 * S)


def test_rows_of_another_time_are_refused() -> None:
    body = whole_tag()("get", {"folder": PEDESTALS, "t": "300.0"})[1]
    with (
        serving(lambda *_: (200, body)) as url,
        pytest.raises(InputFileError, match=r"begin later, at 300\.0 s"),
    ):
        CondbServer(url).read(PEDESTALS, Pedestal, 100 * S)


def test_lines_may_end_with_carriage_returns() -> None:
    official = whole_tag()
    status, body = official("get", {"folder": PEDESTALS, "t": "100.0"})
    with serving(lambda *_: (status, body.replace(b"\n", b"\r\n"))) as url:
        reply = CondbServer(url).read(PEDESTALS, Pedestal, 100 * S)
    assert content_sha256(reply.table(Pedestal)) == content_sha256(pedestals(430.0))


def test_texts_come_through() -> None:
    official = server(BadChannel.folder, BadChannel)
    official.put(1.0, TR, rows_of(bad_channels("hot since June")))
    with asked(official) as condb:
        reply = condb.read(BadChannel.folder, BadChannel, 2 * S)
    assert reply.table(BadChannel)["reason"].tolist() == ["dead", "hot since June"]


def test_tables_are_brought_in(tmp_path: Path) -> None:
    times = RunTimeMap.of(
        Subrun(position(1, number), begin * S, (begin + 9) * S, "test")
        for number, begin in enumerate((100, 210, 300))
    )
    with (
        asked(whole_tag()) as condb,
        create_store(f"sqlite:///{tmp_path}/a.db", "development") as store,
    ):
        create_tag(store, PEDESTALS, "condb-import", reason="test")
        found = import_folder(
            store, PEDESTALS, condb.walk(PEDESTALS, Pedestal, 100 * S, 999 * S),
            tag="condb-import", runtime=times, reason="test",
        )  # fmt: skip
    assert [p.interval.since for p in found.puts] == [position(1, n) for n in range(3)]
    assert found.puts[1].content_sha256 == content_sha256(pedestals(431.1))
