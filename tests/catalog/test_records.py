"""Records in the server's JSON form, and folders of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.catalog.folder import read_folder
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery, Namespace
from mx2prod.core.errors import BadInputError, CatalogError
from mx2prod.core.ids import Did

FILE: dict[str, Any] = {"fid": "F1", "namespace": "n", "name": "a.dat", "size": 3}


def test_file_with_everything_goes_there_and_back() -> None:
    document = {
        **FILE,
        "retired": True,
        "retired_by": "admin",
        "updated_by": None,
        "retired_timestamp": 2.5,
        "updated_timestamp": None,
        "created_timestamp": 1.0,
        "checksums": {"adler32": "efd92f00"},
        "creator": "dunepro",
        "metadata": {"core.runs": [1, 2**63], "x.y": {"z": None}},
        "parents": [{"fid": "F0"}],
        "children": [],
        "datasets": [{"namespace": "dune", "name": "all"}],
    }
    record = FileRecord.from_json(document)
    assert record.to_json(with_datasets=True) == document
    assert record.did == "n:a.dat"
    assert record.datasets == (Did("dune", "all"),)
    short = record.to_json(with_metadata=False, with_provenance=False)
    assert short.keys().isdisjoint({"metadata", "parents", "children", "datasets"})


def test_parents_may_be_bare_fids() -> None:
    assert FileRecord.from_json({**FILE, "parents": ["F0", {"fid": "F2"}]}).parents == ("F0", "F2")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"size": "3"}, "size: .*integer"),
        ({"size": True}, "size"),
        ({"size": None}, "size"),
        ({"retired": 1}, "retired"),
        ({"created_timestamp": "now"}, "created_timestamp"),
        ({"metadata": []}, "metadata"),
        ({"checksums": {"adler32": 5}}, "adler32"),
        ({"parents": 5}, "parents"),
        ({"parents": [{"did": "n:x"}]}, "parents"),
        ({"datasets": [5]}, "datasets"),
        ({"colour": "red"}, "colour"),
        ({"name": 5}, "name"),
    ],
)
def test_another_shape_is_refused(change: dict[str, Any], words: str) -> None:
    with pytest.raises(CatalogError, match=words):
        FileRecord.from_json({**FILE, **change})


@pytest.mark.parametrize("document", [None, [], "x", {}, {"fid": "F1"}])
def test_what_is_no_record_is_refused(document: Any) -> None:
    for kind in (FileRecord, DatasetRecord, NamedQuery, Namespace):
        with pytest.raises(CatalogError):
            kind.from_json(document)


def test_dataset_there_and_back() -> None:
    document = {
        "namespace": "d", "name": "raw", "frozen": False, "monotonic": True, "metadata": {"x.y": 1},
        "creator": "admin", "created_timestamp": 1.5, "file_meta_requirements": {"x.n": {}},
        "description": "", "file_count": 7, "updated_timestamp": None, "updated_by": None,
        "definition": "files", "parents": ["d:top"], "children": [],
    }  # fmt: skip
    record = DatasetRecord.from_json(document)
    assert record.to_json(with_relations=True) == document
    assert "parents" not in record.to_json()
    assert "definition" not in DatasetRecord(namespace="d", name="x").to_json()


def test_named_query_and_namespace_there_and_back() -> None:
    query = NamedQuery(namespace="q", name="x", source="files", creator="me")
    assert NamedQuery.from_json(query.to_json()) == query
    namespace = Namespace(name="n", owner_role="mx2")
    assert Namespace.from_json(namespace.to_json()) == namespace


@given(st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=5) | st.none()))
def test_any_object_is_a_record_or_an_error(document: dict[str, Any]) -> None:
    try:
        FileRecord.from_json(document)
    except CatalogError:
        return
    assert {"fid", "namespace", "name", "size"} <= document.keys()


def folder(path: Path, *lines: dict[str, Any], **others: Any) -> Path:
    (path / "catalogue.jsonl").write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    for name, document in others.items():
        (path / f"{name}.json").write_text(json.dumps(document))
    return path


def test_folder(tmp_path: Path) -> None:
    child = {**FILE, "fid": "F2", "name": "b", "parents": ["n:a.dat"], "retired": True}
    contents = read_folder(
        folder(
            tmp_path,
            child,
            {**FILE, "updated_timestamp": 5.0, "datasets": ["d:raw"]},
            datasets=[{"did": "d:raw", "parents": []}],
            named_queries=[{"namespace": "q", "name": "x", "source": "files"}],
        ),
        loaded=9.0,
        loaded_by="admin",
    )
    retired, plain = contents.files
    assert retired.parents == ("F1",)
    assert (retired.retired_by, retired.retired_timestamp) == ("admin", 9.0)
    assert (plain.updated_timestamp, plain.retired_by) == (5.0, None)
    assert contents.datasets[0].did == "d:raw"
    assert contents.datasets[0].created_timestamp == 9.0
    assert contents.named_queries[0].created_timestamp == 9.0


def test_folder_with_files_alone(tmp_path: Path) -> None:
    contents = read_folder(folder(tmp_path, FILE), loaded=1.0, loaded_by="admin")
    assert len(contents.files) == 1
    assert (contents.datasets, contents.named_queries) == ([], [])


@pytest.mark.parametrize(
    ("line", "others", "words"),
    [
        ({**FILE, "parents": ["n:x"]}, {}, "its parent n:x is not there"),
        ({**FILE, "size": "3"}, {}, "size"),
        (FILE, {"datasets": {}}, "expected a list"),
        (FILE, {"datasets": [5]}, "expected a list of objects"),
        (FILE, {"named_queries": [{"name": "x"}]}, "namespace"),
    ],
)
def test_a_wrong_folder_is_refused(
    tmp_path: Path, line: dict[str, Any], others: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadInputError, match=words):
        read_folder(folder(tmp_path, line, **others), loaded=1.0, loaded_by="admin")


@pytest.mark.parametrize("content", [b"{", b"[1]", b"\xff", b'{"size": NaN}', b"[" * 100_000])
def test_what_is_no_json_object_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "catalogue.jsonl").write_bytes(content)
    with pytest.raises(BadInputError, match=r"catalogue\.jsonl"):
        read_folder(tmp_path, loaded=1.0, loaded_by="admin")
