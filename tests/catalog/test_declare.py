"""Declaring: what may come in, what is refused, and that a batch is whole (page, 1.1)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from mx2prod.catalog import Catalog
from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    Mx2Error,
    NotInCatalogError,
)
from tests.catalog.making import ALL, NS, USER, dids, kinds, record, records


def test_a_record_comes_back_as_it_was(both: Catalog) -> None:
    values = {
        "a.text": 'café a\\b "q"\n\0',
        "a.big": 2**64 + 1,
        "a.float": 7200.0,
        "a.int": 7200,
        "a.null": None,
        "a.true": True,
        "a.deep": [[1, [2, {"x": None}]], {}],
    }
    (done,) = both.declare([record("a", metadata=values, created_timestamp=5.5)], ALL)
    assert (done.did, done.state, len(done.fid)) == (f"{NS}:a", "new", 16)
    found = both.file(f"{NS}:a")
    assert found is not None
    assert json.dumps(found.metadata, sort_keys=True) == json.dumps(values, sort_keys=True)
    assert (found.size, found.created_timestamp, found.checksums) == (
        1000, 5.5, {"adler32": "0badcafe"},
    )  # fmt: skip
    assert found.datasets == (ALL,)
    assert both.file({"fid": done.fid}) == both.file({"namespace": NS, "name": "a"}) == found
    assert kinds(both)[-1] == "catalog.declare"


@pytest.mark.parametrize(
    ("members", "member"),
    [
        ({"size": "12"}, "size"),
        ({"size": True}, "size"),
        ({"size": -5}, "size"),
        ({"size": 2**63}, "size"),
        ({"size": None}, "size"),
        ({"name": "a b"}, "name"),
        ({"name": ""}, "name"),
        ({"name": 5}, "name"),
        ({"namespace": "é"}, "namespace"),
        ({"fid": "a:b"}, "fid"),
        ({"colour": "red"}, "colour"),
        ({"creator": "a\0b"}, "creator"),
        ({"checksums": {"adler32": "efd92f0"}}, "checksums.adler32"),
        ({"checksums": {"md5": "00"}}, "checksums.md5"),
        ({"checksums": {"own": "xyz"}}, "checksums.own"),
        ({"checksums": ["a"]}, "checksums"),
        ({"metadata": {"nodot": 1}}, "nodot"),
        ({"metadata": {"a.1": 1}}, "a.1"),
        ({"metadata": {"a.b": float("nan")}}, "a.b"),
        ({"metadata": {"a.b": [{"x": float("inf")}]}}, "a.b"),
        ({"metadata": {"a.b": {1: 2}}}, "a.b"),
        ({"metadata": {"a.b": {3}}}, "a.b"),
        ({"metadata": [1]}, "metadata"),
        ({"created_timestamp": "2024-07-10T09:00:00"}, "record"),
        ({"created_timestamp": "noon"}, "record"),
        ({"parents": {"fid": "x"}}, "record"),
        ({"parents": [{"file": "x"}]}, "record"),
        ({"did": "other:a"}, "record"),
    ],
)
def test_what_breaks_a_rule_is_refused(
    small: Catalog, members: dict[str, Any], member: str
) -> None:
    with pytest.raises(InvalidRecordError) as caught:
        small.declare([record("good"), {**record("a"), **members}], ALL)
    assert (caught.value.problems[0][0], caught.value.problems[0][1]) == (1, member)
    assert dids(small, "files") == [], "the good one did not come in either"


def test_nesting_without_end_is_refused(small: Catalog) -> None:
    deep: Any = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InvalidRecordError, match="nested deeper"):
        small.declare([record("a", metadata={"a.b": deep})], ALL)


def test_checksums_in_upper_case_and_odd_names_are_told(small: Catalog) -> None:
    (done,) = small.declare([record("-a/b", checksums={"adler32": "EFD92F00"})], ALL)
    assert len(done.notices) == 2
    found = small.file(done.did)
    assert found is not None
    assert found.checksums == {"adler32": "efd92f00"}


def test_zone_of_a_time_counts(small: Catalog) -> None:
    small.declare([record("a", created_timestamp="2024-07-10T09:00:00+01:00")], ALL)
    found = small.file(f"{NS}:a")
    assert found is not None
    assert found.created_timestamp == 1720598400.0


def test_automatic_names(small: Catalog) -> None:
    made = record("x", auto_name="r_$uuid8_$clock3_$fid.dat")
    del made["name"]
    (done,) = small.declare([made], ALL)
    first, middle, last = done.did.partition(":")[2].removesuffix(".dat").split("_")[1:]
    assert (len(first), len(middle), last) == (8, 3, done.fid)


def test_identical_again_is_there_already(both: Catalog) -> None:
    parent, child = record("p"), record("c", parents=[{"did": f"{NS}:p"}])
    (one, two) = both.declare([child, parent], ALL)
    again = both.declare([parent, child, record("new")], ALL)
    assert [item.state for item in again] == ["there", "there", "new"]
    assert {again[0].fid, again[1].fid} == {one.fid, two.fid}
    both.create_dataset("twalton:other")
    both.declare([parent], "twalton:other")
    assert dids(both, "files from twalton:other") == [f"{NS}:p"]


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"size": 1001}, "size"),
        ({"checksums": {"adler32": "00000001"}}, "checksums"),
        ({"fid": "other"}, "fid"),
        ({"parents": [f"{NS}:p"]}, "parents"),
        ({"metadata": {"core.runs": [1702.0]}}, "core.runs"),
    ],
)
def test_another_content_under_a_taken_name(
    both: Catalog, members: dict[str, Any], told: str
) -> None:
    both.declare([record("p"), record("a")], ALL)
    before = both.file(f"{NS}:a")
    with pytest.raises(ConflictError, match=told) as caught:
        both.declare([record("new"), record("a", **members)], ALL)
    assert caught.value.taken == (f"{NS}:a",)
    assert both.file(f"{NS}:new") is None
    assert both.file(f"{NS}:a") == before


def test_names_of_retired_and_deleted_files_stay_taken(both: Catalog) -> None:
    both.declare([record("a", fid="F1"), record("b", fid="F2")], ALL)
    both.retire(f"{NS}:a")
    with pytest.raises(ConflictError, match="retired"):
        both.declare([record("a")], ALL)
    both.delete_file(f"{NS}:b")
    for taken in (record("b"), record("c", fid="F2")):
        with pytest.raises(ConflictError, match="deleted"):
            both.declare([taken], ALL)
    with pytest.raises(ConflictError, match="F1"):
        both.declare([record("d", fid="F1")], ALL)


@pytest.mark.parametrize(
    ("batch", "told"),
    [
        ([record("a", parents=[f"{NS}:a"])], "its own parent"),
        ([record("a", fid="X", parents=[{"fid": "X"}])], "its own parent"),
        ([record("a", parents=[f"{NS}:zz"])], "no such file"),
        ([record("p"), record("a", parents=[f"{NS}:p", f"{NS}:p"])], "twice"),
        ([record("p", fid="P"), record("a", parents=[f"{NS}:p", "P"])], "twice"),
        ([record("a", parents=[f"{NS}:b"]), record("b", parents=[f"{NS}:a"])], "each other"),
        ([record("a"), record("a")], "twice in the batch"),
        ([record("a", fid="X"), record("b", fid="X")], "twice in the batch"),
    ],
)
def test_lineage_that_cannot_be(small: Catalog, batch: list[dict[str, Any]], told: str) -> None:
    with pytest.raises(InvalidRecordError, match=told):
        small.declare(batch, ALL)
    assert dids(small, "files") == []


def test_parents_later_are_logged_and_never_a_cycle(both: Catalog) -> None:
    both.declare([record("a"), record("b", parents=[f"{NS}:a"]), record("c")], ALL)
    after = both.update_file(f"{NS}:c", add_parents=[{"did": f"{NS}:b"}])
    assert len(after.parents) == 1
    assert [one.did for one in both.lineage(f"{NS}:c")] == [f"{NS}:a", f"{NS}:b"]
    for wrong in ("c", "b", "a"):
        with pytest.raises(CatalogError, match="descends"):
            both.update_file(f"{NS}:a", add_parents=[f"{NS}:{wrong}"])
    both.update_file(f"{NS}:a", add_children=[f"{NS}:c"])
    with pytest.raises(NotInCatalogError):
        both.update_file(f"{NS}:a", add_children=[f"{NS}:zz"])
    assert kinds(both)[-1] == "catalog.update"


def test_a_retired_parent_is_told(small: Catalog) -> None:
    small.declare([record("p")], ALL)
    small.retire(f"{NS}:p")
    (done,) = small.declare([record("a", parents=[f"{NS}:p"])], ALL)
    assert done.notices == (f"parent {NS}:p is retired",)
    assert dids(small, f"parents(files {NS}:a)") == []
    assert dids(small, f"parents(files {NS}:a)", include_retired=True) == [f"{NS}:p"]


def test_retire_hides_and_comes_back(both: Catalog) -> None:
    both.declare(records(2), ALL)
    gone = both.retire(f"{NS}:f0")
    assert (gone.retired, gone.retired_by) == (True, both.actor.user)
    assert dids(both, "files from dune:all") == [f"{NS}:f1"]
    assert both.retire(f"{NS}:f0") == gone, "once more changes nothing"
    back = both.retire(f"{NS}:f0", retire=False)
    assert (back.retired, back.retired_by) == (False, gone.retired_by)
    assert len(dids(both, "files from dune:all")) == 2


def test_deleting_needs_force_while_there_are_children(small: Catalog) -> None:
    small.declare([record("p"), record("c", parents=[f"{NS}:p"])], ALL)
    with pytest.raises(ConflictError, match="children"):
        small.delete_file(f"{NS}:p")
    small.delete_file(f"{NS}:p", force=True)
    child = small.file(f"{NS}:c")
    assert child is not None
    assert child.parents == ()


def test_update_keeps_old_and_new_in_the_log(both: Catalog) -> None:
    from mx2prod.journal import events

    both.declare([record("a")], ALL)
    both.update_file(f"{NS}:a", metadata={"core.event_count": 5, "dune.campaign": "run1"})
    assert dids(both, "files where core.event_count = 5 and dune.campaign = run1") == [f"{NS}:a"]
    assert dids(both, "files where core.event_count = 7200") == []
    both.update_file(f"{NS}:a", metadata={"a.b": 1}, replace_metadata=True, size=7)
    found = both.file(f"{NS}:a")
    assert found is not None
    assert (found.metadata, found.size) == ({"a.b": 1}, 7)
    with both.session.reading() as connection:
        changed = [event.body["changed"] for event in events.read(connection, obj=f"{NS}:a")]
    assert changed[0] == {"core.event_count": ["7200", "5"], "dune.campaign": [None, '"run1"']}
    with pytest.raises(InvalidRecordError):
        both.update_file(f"{NS}:a", metadata={"nodot": 1})


def test_a_dry_run_writes_nothing(both: Catalog) -> None:
    both.declare([record("a")], ALL)
    before = kinds(both)
    assert both.declare([record("b")], ALL, dry_run=True)[0].state == "new"
    both.declare([record("c", namespace="new")], "new:set", make_names=True, dry_run=True)
    assert both.retire(f"{NS}:a", dry_run=True).retired
    assert both.update_file(f"{NS}:a", size=1, dry_run=True).size == 1
    both.delete_file(f"{NS}:a", dry_run=True)
    both.create_dataset("twalton:x", dry_run=True)
    assert both.query("files").summary().total_size == 1000
    assert both.dataset("twalton:x") is None
    assert kinds(both) == before


def test_who_may_write_where(both: Catalog) -> None:
    other = both.as_actor(USER)
    with pytest.raises(DeniedError, match="belongs to"):
        other.declare([record("a")], ALL)
    with pytest.raises(DeniedError, match="somebody else"):
        other.create_namespace("theirs", owner_user="dunepro")
    other.create_namespace("own")
    other.create_dataset("own:set")
    other.declare([record("a", namespace="own")], "own:set")
    with pytest.raises(DeniedError, match="who made a file"):
        other.declare([record("b", namespace="own", creator="dunepro")], "own:set")
    with pytest.raises(DeniedError):
        other.declare([record("c")], "own:set")
    found = both.file("own:a")
    assert found is not None
    assert found.creator == "mallory"
    role = both.as_actor(type(USER)("eve", frozenset({"crew"})))
    both.create_namespace("shared", owner_role="crew")
    role.create_dataset("shared:set")
    with pytest.raises(NotInCatalogError, match="did you mean 'shared'"):
        role.create_dataset("shred:set")


@pytest.mark.parametrize(
    "call",
    [
        lambda one: one.declare([record("a")], "dune:al"),
        lambda one: one.add_files("dune:al", []),
        lambda one: one.snapshot("dune:al"),
        lambda one: one.diff("dune:al"),
        lambda one: list(one.dataset_files("dune:al")),
        lambda one: one.dataset_counts("dune:al"),
        lambda one: one.update_dataset("dune:al"),
        lambda one: one.remove_dataset("dune:al"),
        lambda one: one.add_subset("dune:al", "dune:all"),
    ],
)
def test_a_dataset_that_is_not_there_names_the_nearest(small: Catalog, call: Any) -> None:
    with pytest.raises(NotInCatalogError, match="did you mean 'dune:all'"):
        call(small)


def test_a_file_that_is_not_there_names_the_nearest(small: Catalog) -> None:
    small.declare([record("TS1_00001702_0001")], ALL)
    with pytest.raises(NotInCatalogError, match="did you mean 'TS1_00001702_0001'"):
        small.retire(f"{NS}:TS1_00001702_0002")
    assert small.file(f"{NS}:nothing") is None
    with pytest.raises(Mx2Error):
        small.retire({"fid": "none"})


def test_nothing_of_an_empty_batch(small: Catalog) -> None:
    before = kinds(small)
    assert small.declare([], ALL) == []
    assert kinds(small) == before
