"""Reading: all folders of a run, Arrow, history, names of folders, pages with changes."""

from __future__ import annotations

import pytest

from mx2prod.conditions import (
    Interval,
    RunList,
    RunTimeMap,
    Subrun,
    Use,
    View,
    add_folder_alias,
    check,
    count_unknown_folder,
    create_tag,
    folder_named,
    freeze,
    group,
    gtag_page,
    history,
    position,
    put,
    put_playlist,
    request_approval,
    set_obsolete,
    set_run_list,
    set_runtime,
    unknown_folders,
    uploads,
    waive,
)
from mx2prod.constants import CHANNEL_COLUMN, from_arrow
from mx2prod.core.errors import NoConditionsError, UsageError
from tests.conditions.making import (
    GAINS,
    ORIGIN,
    PEDESTALS,
    World,
    digest_now,
    gains,
    pedestals,
)


@pytest.fixture
def view(small_world: World) -> View:
    """Three pedestal tables, the first one twice, and gains from the second subrun on."""
    development = small_world.development
    for folder in (PEDESTALS, GAINS):
        create_tag(development, folder, "t", reason="x")
    for number, mean in enumerate((430.0, 431.0, 430.0)):
        put(
            development, PEDESTALS, pedestals(mean, 64 - 32 * (number == 1)), tag="t",
            since=position(1702, number), reason="x",
        )  # fmt: skip
    put(development, GAINS, gains(), tag="t", since=position(1702, 1), reason="x")
    group(development, "g", {PEDESTALS: "t", GAINS: "t"}, reason="x")
    return development.view(f"g@{digest_now(development, 'g')}", use=Use.TEST)


def test_all_folders_of_a_run(view: View) -> None:
    assert view.folders == (PEDESTALS, GAINS)
    found = view.get_all(1702, 1)
    assert {name: len(constant.table) for name, constant in found.items()} == {
        PEDESTALS: 32,
        GAINS: 64,
    }
    with pytest.raises(NoConditionsError, match=rf"{PEDESTALS}.*; .*{GAINS}: 1701/0"):
        view.resolve_all(1701)
    with pytest.raises(UsageError, match="no folder"):
        view.resolve("pedestals", 1702)


def test_arrow_is_what_the_table_says(view: View) -> None:
    arrow = view.get_arrow(PEDESTALS, 1702, 0)
    table = view.get(PEDESTALS, 1702, 0).table
    assert arrow.schema.field("hg_mean").metadata[b"unit"] == b"ADC"
    assert from_arrow(arrow)["hg_mean"].tobytes() == table["hg_mean"].tobytes()


def test_tables_are_kept_and_read_only(view: View) -> None:
    table = view.get(PEDESTALS, 1702, 0).table
    assert view.get(PEDESTALS, 1702, 2).table is table, "the same content is read once"
    with pytest.raises(ValueError, match="read-only"):
        table["hg_mean"][0] = 5.0
    view.forget()
    assert view.get(PEDESTALS, 1702, 0).table is not table


def test_payloads_of_the_global_tag_only(view: View) -> None:
    sha256 = view.resolve(GAINS, 1702, 1).content_sha256
    assert view.payload(sha256).n_rows == 64
    with pytest.raises(UsageError, match="no payload"):
        view.payload("0" * 64)


def test_history_of_a_channel(view: View) -> None:
    key = int(view.get(PEDESTALS, 1702, 0).table[CHANNEL_COLUMN][40])
    rows = history(view, PEDESTALS, key, ["hg_mean", "pixel"])
    assert [interval.since for interval, _ in rows] == [position(1702, n) for n in range(3)]
    assert [values for _, values in rows] == [
        {"hg_mean": 430.0 + 40 / 64, "pixel": 40},
        None,
        {"hg_mean": 430.0 + 40 / 64, "pixel": 40},
    ]
    with pytest.raises(UsageError, match="no folder"):
        history(view, "x", key, ["hg_mean"])
    with pytest.raises(UsageError, match="did you mean 'hg_mean'"):
        history(view, PEDESTALS, key, ["hg_meen"])


def test_names_that_readers_ask_for(world: World) -> None:
    store = world.development
    for _ in range(3):
        count_unknown_folder(store, "minerva_badchannels")
    assert unknown_folders(store) == {"minerva_badchannels": 3}
    add_folder_alias(store, "pedcal", PEDESTALS, reason="name of the release")
    with store.reading() as connection:
        assert folder_named(connection, "pedcal") == PEDESTALS
        assert folder_named(connection, GAINS) == GAINS
        assert folder_named(connection, "x") is None
    add_folder_alias(store, "pedcal", GAINS, reason="other name")
    with store.reading() as connection:
        assert folder_named(connection, "pedcal") == GAINS
    with pytest.raises(UsageError, match="is a folder itself"):
        add_folder_alias(store, GAINS, PEDESTALS, reason="x")
    with pytest.raises(UsageError, match="no constants folder"):
        add_folder_alias(store, "x", "y", reason="x")


def test_times_belong_to_the_global_tag(small_world: World) -> None:
    store = small_world.development
    create_tag(store, PEDESTALS, "t", reason="x")
    put(store, PEDESTALS, pedestals(), tag="t", since=position(1702), reason="x")
    group(store, "g", {PEDESTALS: "t"}, reason="x")
    before = digest_now(store, "g")
    runtime = RunTimeMap.of([Subrun(position(1702), 1_000_000, 2_000_000, "a")])
    sha256 = set_runtime(store, "g", runtime)
    assert set_runtime(store, "g", runtime) == sha256
    assert digest_now(store, "g") != before
    with store.view(f"g@{digest_now(store, 'g')}", use=Use.TEST) as view:
        assert view.runtime == runtime
        assert view.runtime.seconds(Interval(position(1702), position(1796))) == (1.0, None)


def test_the_page_shows_changes_and_gaps(small_world: World) -> None:
    store, roles = small_world.development, small_world.roles.load()
    small_world.frozen("old", 430.0)
    create_tag(store, PEDESTALS, "child", reason="x")
    table = pedestals(430.0)
    mean = table["hg_mean"].copy()
    mean[7] += 100
    columns = {name: table[name] for name in table.schema.names()} | {"hg_mean": mean}
    put(
        store, PEDESTALS, type(table).of(table.schema, columns), tag="child",
        since=position(1702), reason="x", provenance=ORIGIN,
    )  # fmt: skip
    group(store, "new", {PEDESTALS: "child"}, reason="x", parent="old")
    set_run_list(store, "new", RunList.of([position(1702)]))
    check(store, "new")
    waive(store, "new", "complete", person="cal", reason="one board")
    freeze(store, "new", reason="x")
    for text in (gtag_page(store, roles, "new", "md"), gtag_page(store, roles, "new", "html")):
        assert "0-1-0-2-7: 430.109 to 530.109" in text
        assert "not asked for yet" in text
    request_approval(store, roles, "new", reason="meeting")
    assert "meeting" in gtag_page(store, roles, "new", "md")


def test_obsolete_files_are_left_alone(small_world: World, tmp_path) -> None:
    store = small_world.development
    create_tag(store, PEDESTALS, "t", reason="x")
    (tmp_path / "bad.dat").write_text("nonsense\n")
    (tmp_path / "list").write_text("bad.dat 1702\n")
    assert put_playlist(store, PEDESTALS, tmp_path / "list", tag="t", reason="x")[0].error
    path = tmp_path / "bad.dat"
    assert set_obsolete(store, PEDESTALS, "t", path, reason="empty run").state == "obsolete"
    assert put_playlist(store, PEDESTALS, tmp_path / "list", tag="t", reason="x")[0].obsolete
    assert [u.comment for u in uploads(store)] == ["empty run"]
    with pytest.raises(UsageError, match="not in the ledger"):
        set_obsolete(store, PEDESTALS, "t", tmp_path / "other.dat", reason="x")
