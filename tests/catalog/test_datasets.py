"""Datasets: kinds, snapshots, and that nothing changes a frozen one (catalogue page, 1.2)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import text

from mx2prod.catalog import Catalog
from mx2prod.catalog.records import NamedQuery
from mx2prod.catalog.snapshots import Snapshot
from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
    QueryError,
    StoreError,
)
from tests.catalog.making import ALL, NS, USER, dids, kinds, record, records

GOOD = "files from dune:all where dune.dqc_quality = good"


def good(name: str, **others: Any) -> dict[str, Any]:
    return record(name, metadata={"dune.dqc_quality": "good", "core.runs": [1702]}, **others)


@pytest.fixture
def frozen(both: Catalog) -> tuple[Catalog, Snapshot]:
    """A frozen dataset of two files, and a third file."""
    both.declare([good("a", fid="A"), good("b", fid="B"), record("c", fid="C")], ALL)
    both.define("twalton:set", GOOD)
    return both, both.snapshot("twalton:set", frozen=True)


def test_a_snapshot_says_what_it_is_of(frozen: tuple[Catalog, Snapshot]) -> None:
    catalogue, made = frozen
    assert made.digest == hashlib.sha256(b"A\nB").hexdigest()
    assert made.definition_sha256 == hashlib.sha256(GOOD.encode()).hexdigest()
    assert (made.file_count, made.total_size, made.frozen) == (2, 2000, True)
    assert catalogue.snapshot_of("twalton:set") == made
    assert catalogue.diff("twalton:set").same
    assert kinds(catalogue)[-1] == "catalog.freeze"


SQL = (
    "INSERT INTO catalog_member (dataset, file) VALUES (2, 3)",
    "DELETE FROM catalog_member WHERE dataset = 2",
    "DELETE FROM catalog_member",
    "UPDATE catalog_member SET file = 3 WHERE dataset = 2 AND file = 1",
    "UPDATE catalog_member SET dataset = 1 WHERE dataset = 2 AND file = 1",
    "UPDATE catalog_dataset SET digest = 'x' WHERE id = 2",
    "UPDATE catalog_dataset SET file_count = 5 WHERE id = 2",
    "UPDATE catalog_dataset SET definition = 'files' WHERE id = 2",
    "UPDATE catalog_dataset SET digest = 'x', frozen = 0 WHERE id = 2",
    "UPDATE catalog_dataset SET name = 'x' WHERE id = 2",
    "DELETE FROM catalog_dataset WHERE id = 2",
    "UPDATE catalog_file SET fid = 'Z' WHERE id = 1",
    "UPDATE catalog_file SET name = 'z' WHERE id = 1",
    "DELETE FROM catalog_file WHERE id = 1",
)
ONLY_SQLITE = (
    "INSERT OR REPLACE INTO catalog_member (dataset, file) VALUES (2, 3)",
    "INSERT OR REPLACE INTO catalog_dataset (id, namespace, name, description, metadata, frozen, "
    "monotonic) VALUES (2, 'twalton', 'set', '', '{}', 0, 0)",
    "INSERT OR REPLACE INTO catalog_file (id, retired, undecided, size, namespace, name, fid) "
    "VALUES (1, 0, 0, 0, 'n', 'n', 'N')",
    "INSERT OR REPLACE INTO catalog_file (id, retired, undecided, size, namespace, name, fid) "
    "VALUES (9, 0, 0, 0, 'n', 'n', 'A')",
)
ONLY_POSTGRESQL = (
    "TRUNCATE catalog_member",
    "TRUNCATE catalog_dataset CASCADE",
    "TRUNCATE catalog_file CASCADE",
)


def test_no_sql_changes_a_frozen_dataset(frozen: tuple[Catalog, Snapshot]) -> None:
    catalogue, made = frozen
    own = ONLY_SQLITE if catalogue.engine.dialect.name == "sqlite" else ONLY_POSTGRESQL
    for statement in (*SQL, *own):
        with pytest.raises(StoreError), catalogue.session.changing() as connection:
            connection.execute(text(statement))
        assert catalogue.diff("twalton:set").intact, statement
    assert catalogue.snapshot_of("twalton:set") == made


CALLS: tuple[Callable[[Catalog], Any], ...] = (
    lambda one: one.add_files("twalton:set", [f"{NS}:c"]),
    lambda one: one.add_files("twalton:set", "files from dune:all"),
    lambda one: one.remove_files("twalton:set", [f"{NS}:a"]),
    lambda one: one.declare([record("new")], "twalton:set"),
    lambda one: one.declare([good("a")], "twalton:set"),
    lambda one: one.snapshot("twalton:set"),
    lambda one: one.update_dataset("twalton:set", definition="files"),
    lambda one: one.remove_dataset("twalton:set"),
    lambda one: one.delete_file(f"{NS}:a", force=True),
)


def test_no_call_changes_a_frozen_dataset(frozen: tuple[Catalog, Snapshot]) -> None:
    catalogue, made = frozen
    before = kinds(catalogue)
    for call in CALLS:
        with pytest.raises(DeniedError):
            call(catalogue)
    assert catalogue.snapshot_of("twalton:set") == made
    assert dids(catalogue, "files from twalton:set") == [f"{NS}:a", f"{NS}:b"]
    assert kinds(catalogue) == before


def test_retiring_and_new_files_show_in_the_difference(frozen: tuple[Catalog, Snapshot]) -> None:
    catalogue, made = frozen
    catalogue.retire(f"{NS}:a")
    catalogue.update_file(f"{NS}:b", metadata={"dune.dqc_quality": "bad"})
    catalogue.declare([good("d")], ALL)
    found = catalogue.diff("twalton:set")
    assert (found.added, found.lost, found.retired, found.intact, found.same) == (
        (f"{NS}:d",), (f"{NS}:b",), (f"{NS}:a",), True, False,
    )  # fmt: skip
    assert catalogue.snapshot_of("twalton:set") == made
    assert dids(catalogue, "files from twalton:set") == [f"{NS}:b"]
    assert len(dids(catalogue, "files from twalton:set", include_retired=True)) == 2


def test_unfreezing_is_an_act_of_its_own(frozen: tuple[Catalog, Snapshot]) -> None:
    catalogue, made = frozen
    catalogue.update_dataset("twalton:set", frozen=False, reason="one file was wrong")
    assert kinds(catalogue)[-1] == "catalog.unfreeze"
    with pytest.raises(DeniedError, match="snapshot"):
        catalogue.add_files("twalton:set", [f"{NS}:c"])
    catalogue.declare([good("d")], ALL)
    again = catalogue.snapshot("twalton:set")
    assert (again.file_count, again.frozen) == (3, False)
    assert again.digest != made.digest
    catalogue.update_dataset("twalton:set", frozen=True)
    found = catalogue.snapshot_of("twalton:set")
    assert found is not None
    assert (found.digest, found.frozen) == (again.digest, True)


def test_a_snapshot_into_another_dataset(both: Catalog) -> None:
    both.declare([good("a"), good("b")], ALL)
    both.define("twalton:set", GOOD)
    made = both.snapshot("twalton:set", "twalton:set_v1", frozen=True)
    both.declare([good("c")], ALL)
    assert (made.definition, made.file_count) == (GOOD, 2)
    assert len(dids(both, "files from twalton:set")) == 3
    assert both.diff("twalton:set_v1").added == (f"{NS}:c",)
    with pytest.raises(ConflictError):
        both.snapshot("twalton:set", "twalton:set_v1")
    copied = both.snapshot(ALL, "twalton:all_v1")
    assert copied.definition == "files from dune:all"
    with pytest.raises(CatalogError, match="no snapshot"):
        both.diff("twalton:set")


def test_empty_datasets(both: Catalog) -> None:
    both.define("twalton:none", "files from dune:all where core.runs = 5")
    assert both.query("files from twalton:none").summary().files == 0
    for name in ("twalton:none", ALL):
        with pytest.raises(CatalogError, match="no file"):
            both.snapshot(name)
    assert both.snapshot_of("twalton:none") is None
    both.remove_dataset("twalton:none")
    assert both.dataset("twalton:none") is None


@pytest.mark.parametrize(
    ("definition", "error", "told"),
    [
        ("files frm dune:all", QueryError, "frm"),
        ("datasets matching dune:*", CatalogError, "selects no files"),
        ("files from dune:al", NotInCatalogError, "did you mean"),
        ("files from twalton:b", CatalogError, "defined by itself"),
        ("files from twalton:self", CatalogError, "defined by itself"),
    ],
)
def test_texts_that_define_nothing(
    small: Catalog, definition: str, error: type[Exception], told: str
) -> None:
    small.define("twalton:self", "files from dune:all")
    small.define("twalton:b", "files from twalton:self")
    with pytest.raises(error, match=told):
        small.update_dataset("twalton:self", definition=definition)
    found = small.dataset("twalton:self")
    assert found is not None
    assert found.definition == "files from dune:all"


def test_a_dataset_that_a_definition_names_stays(small: Catalog) -> None:
    small.create_dataset("twalton:base")
    small.define("twalton:top", "files from twalton:base")
    with pytest.raises(DeniedError, match="names it"):
        small.remove_dataset("twalton:base")


def test_monotonic_grows_only(both: Catalog) -> None:
    both.declare(records(3), ALL)
    both.create_dataset("twalton:m", monotonic=True, fill="files where core.runs = 1702")
    assert both.add_files("twalton:m", [f"{NS}:f0"]) == 0
    with pytest.raises(DeniedError, match="monotonic"):
        both.remove_files("twalton:m", [f"{NS}:f0"])
    both.update_dataset("twalton:m", monotonic=False)
    assert both.remove_files("twalton:m", f"files {NS}:f0, f1") == 2
    assert dids(both, "files from twalton:m") == [f"{NS}:f2"]
    assert both.add_files("twalton:m", "files") == 2


def test_adding_what_is_not_there(small: Catalog) -> None:
    small.declare(records(1), ALL)
    small.create_dataset("twalton:s")
    with pytest.raises(NotInCatalogError, match="1 files are not"):
        small.add_files("twalton:s", [f"{NS}:f0", f"{NS}:zz"])
    assert dids(small, "files from twalton:s") == []


def test_counts_are_exact_and_without_retired_ones(both: Catalog) -> None:
    both.declare(records(3), ALL)
    both.create_dataset("twalton:top")
    both.create_dataset("twalton:sub", fill=f"files {NS}:f0")
    both.create_dataset("twalton:subsub")
    both.add_subset("twalton:top", "twalton:sub")
    both.add_subset("twalton:sub", "twalton:subsub")
    both.add_subset("twalton:sub", "twalton:subsub")
    both.retire(f"{NS}:f0")
    assert both.dataset_counts("twalton:sub") == {
        "file_count": 0, "parent_count": 1, "child_count": 1, "superset_count": 1,
        "subset_count": 1,
    }  # fmt: skip
    assert both.dataset_counts("twalton:top")["subset_count"] == 2
    for parent, child in (("subsub", "top"), ("top", "top"), ("sub", "top")):
        with pytest.raises(CatalogError, match="subset of itself"):
            both.add_subset(f"twalton:{parent}", f"twalton:{child}")
    assert len(dids(both, "datasets twalton:top with subsets recursively")) == 3


REQUIREMENTS = {
    "core.event_count": {"type": "int", "required": True, "min": 1, "max": 7200},
    "core.start_time": {"type": "float"},
    "core.data_stream": {"values": ["numib", "pdstl"]},
    "core.runs": {"type": "int[]", "min": 1700},
    "dune.campaign": {"type": "text", "pattern": "run[0-9]"},
    "x.flag": {"type": "boolean"},
    "x.dict": {"type": "dict"},
    "x.list": {"type": "list"},
}
MET = {
    "core.event_count": 5, "core.start_time": 7, "core.data_stream": "numib",
    "core.runs": [1702, 1703], "dune.campaign": "run1", "x.flag": True, "x.dict": {}, "x.list": [],
}  # fmt: skip


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("core.event_count", True), ("core.event_count", 0), ("core.event_count", 7201),
        ("core.event_count", "5"), ("core.event_count", None), ("core.start_time", "7"),
        ("core.start_time", False), ("core.data_stream", "numi"), ("core.runs", [1699]),
        ("core.runs", 1702), ("core.runs", [1702, True]), ("dune.campaign", "run11"),
        ("dune.campaign", 1), ("x.flag", 1), ("x.dict", []), ("x.list", {}),
    ],
)  # fmt: skip
def test_requirements_hold_on_declare_update_and_add(small: Catalog, key: str, value: Any) -> None:
    small.create_dataset("twalton:r", requirements=REQUIREMENTS)
    small.declare([record("ok", metadata=MET)], "twalton:r")
    bad = {**MET, key: value}
    with pytest.raises(InvalidRecordError, match=key):
        small.declare([record("x", metadata=bad)], "twalton:r")
    with pytest.raises(InvalidRecordError, match=key):
        small.update_file(f"{NS}:ok", metadata={key: value})
    small.declare([record("x", metadata=bad)], ALL)
    with pytest.raises(InvalidRecordError, match=key):
        small.add_files("twalton:r", [f"{NS}:x"])
    assert dids(small, "files from twalton:r") == [f"{NS}:ok"]


def test_a_required_key_must_be_there(small: Catalog) -> None:
    small.create_dataset("twalton:r", requirements=REQUIREMENTS)
    with pytest.raises(InvalidRecordError, match="required"):
        small.declare([record("x", metadata={"core.runs": [1702]})], "twalton:r")
    small.declare([record("y", metadata={"core.event_count": 1})], "twalton:r")


@pytest.mark.parametrize(
    "rules",
    [
        {"nodot": {}}, {"a.b": {"type": "integer"}}, {"a.b": {"pattern": "("}},
        {"a.b": {"least": 1}}, {"a.b": 5},
    ],
)  # fmt: skip
def test_requirements_that_mean_nothing(small: Catalog, rules: dict[str, Any]) -> None:
    with pytest.raises(CatalogError, match="requirements"):
        small.create_dataset("twalton:r", requirements=rules)


def test_a_definition_is_neither_filled_nor_checked(small: Catalog) -> None:
    for others in ({"fill": "files"}, {"requirements": REQUIREMENTS}):
        with pytest.raises(CatalogError, match="a definition selects"):
            small.create_dataset("twalton:d", definition="files", **others)
    small.define("twalton:d", "files from dune:all")
    for call in CALLS[:4]:
        with pytest.raises((DeniedError, NotInCatalogError)):
            call(small)
    with pytest.raises(DeniedError, match="definition selects"):
        small.declare([record("x")], "twalton:d")


def test_metadata_of_datasets(both: Catalog) -> None:
    both.create_dataset("twalton:d", metadata={"mx2.stage": "raw"}, description="old")
    both.update_dataset("twalton:d", metadata={"mx2.level": 1}, description="new")
    found = both.dataset("twalton:d")
    assert found is not None
    assert (found.metadata, found.description) == ({"mx2.stage": "raw", "mx2.level": 1}, "new")
    both.update_dataset("twalton:d", metadata={"a.b": 1}, replace_metadata=True)
    assert dids(both, "datasets matching twalton:* having a.b = 1") == ["twalton:d"]
    with pytest.raises(CatalogError):
        both.update_dataset("twalton:d", metadata={"nodot": 1})
    with pytest.raises(DeniedError):
        both.as_actor(USER).update_dataset("twalton:d", description="mine")


def test_datasets_of_others_and_files_of_others(both: Catalog) -> None:
    """Writing needs the namespace of the dataset and that of the file."""
    both.declare(records(1), ALL)
    other = both.as_actor(USER)
    other.create_namespace("own")
    other.create_dataset("own:set")
    with pytest.raises(DeniedError, match=NS):
        other.add_files("own:set", [f"{NS}:f0"])
    with pytest.raises(DeniedError, match="dune"):
        other.add_files(ALL, [])
    with pytest.raises(ConflictError):
        other.create_dataset("own:set")
    with pytest.raises(ConflictError):
        other.create_namespace("own")
    with pytest.raises(CatalogError):
        other.create_namespace("a b")


def test_named_queries(both: Catalog) -> None:
    both.declare(records(2), ALL)
    made = both.save_query(NamedQuery(namespace="twalton", name="q", source="files from dune:all"))
    assert (made.creator, both.named_query("twalton:q")) == (both.actor.user, made)
    assert len(dids(both, "query twalton:q where core.runs = 1702")) == 2
    with pytest.raises(ConflictError):
        both.save_query(made)
    with pytest.raises(QueryError):
        both.save_query(NamedQuery(namespace="twalton", name="bad", source="files frm x"))
    both.save_query(NamedQuery(namespace="twalton", name="r", source="query twalton:q limit 1"))
    with pytest.raises(CatalogError, match="uses itself"):
        both.save_query(
            NamedQuery(namespace="twalton", name="q", source="query twalton:r"), update=True
        )
    new = NamedQuery(namespace="twalton", name="q", source="files", description="all")
    assert both.save_query(new, update=True).description == "all"
    assert [one.did for one in both.named_queries()] == ["twalton:q", "twalton:r"]
    assert "core.runs" in both.metadata_keys()
