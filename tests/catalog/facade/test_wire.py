"""What goes over the wire: forms of requests, options, limits, errors, headers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mx2prod.catalog.facade.calls import MOST_BODY, MOST_QUERY, parameters_of
from tests.catalog.facade.serving import RUN, Serving, serving

pytestmark = pytest.mark.stores
FINDER = "data/query?with_meta=no&with_provenance=no"
ALL = "files from dune:all"


def _fill(server: Serving) -> Serving:
    """Two raw files, of which the second one has a child."""
    files = [{"did": f"dune:raw{n}", "size": n, "metadata": RUN} for n in (1, 2)]
    files.append({"did": "dune:reco", "size": 9, "parents": ["dune:raw2"]})
    server.catalog.declare(files, "dune:all")
    return server


@pytest.fixture
def filled(server: Serving) -> Serving:
    """Server with three files."""
    return _fill(server)


@pytest.fixture
def on_both(tmp_path: Path, store_url: str) -> Iterator[Serving]:
    """The same, on SQLite and on PostgreSQL."""
    with serving(tmp_path, store_url) as server:
        yield _fill(server)


def records(reply: httpx.Response) -> list[dict[str, Any]]:
    """Records of a sequence; each begins with RS and ends with a line end."""
    assert reply.status_code == 200, reply.text
    assert reply.headers["content-type"] == "application/json-seq"
    parts = reply.content.split(b"\x1e")
    assert parts[0] == b""
    assert all(part.endswith(b"\n") for part in parts[1:])
    return [json.loads(part) for part in parts[1:]]


def test_the_finder_of_justin(on_both: Serving) -> None:
    """Raw MQL, under the content type of forms that its library sends."""
    headers = {"content-type": "application/x-www-form-urlencoded"}
    reply = httpx.post(f"{on_both.url}/{FINDER}", content=ALL, headers=headers)
    for line, name in zip(reply.text.strip().split("\n"), ("raw1", "raw2", "reco"), strict=True):
        record = json.loads(line.lstrip("\x1e"))
        assert (record["namespace"], record["name"]) == ("dune", name)
        assert isinstance(record["size"], int)
        assert not record.keys() & {"metadata", "parents"}


def test_the_wrapper_of_justin(on_both: Serving) -> None:
    """Declare into dune:all, add to three datasets, set the status step by step."""
    body = [{"namespace": "dune", "name": "out", "size": 3, "metadata": RUN,
             "parents": [{"did": "dune:raw1"}]}]  # fmt: skip
    declared = on_both.post("data/declare_files?dataset=dune:all", body, user="dunepro")
    assert declared.status_code == 200
    fid = declared.json()[0]["fid"]
    for name in ("a", "b", "c"):
        made = {"namespace": "dune", "name": name}
        assert on_both.post("data/create_dataset", made, user="dunepro").status_code == 200
        added = on_both.post(
            f"data/add_files?dataset=dune:{name}", {"file_list": [{"fid": fid}]}, user="dunepro"
        )
        assert added.json() == {"files_added": 1}
    for status in ("recorded", "uploaded", "confirmed"):
        change = {"fid": fid, "metadata": {"dune.output_status": status}, "mode": "add-update"}
        reply = on_both.post("data/update_file", change, user="dunepro")
        assert reply.json()["metadata"] == {**RUN, "dune.output_status": status}
    datasets = on_both.get(f"data/file?fid={fid}&with_datasets=yes").json()["datasets"]
    assert {item["name"] for item in datasets} == {"a", "all", "b", "c"}


@pytest.mark.parametrize(
    ("address", "body", "kind"),
    [
        ("data/query", ALL, "text/plain"),
        ("data/query", "query=files+from+dune%3Aall", "application/x-www-form-urlencoded"),
        ("data/query", "x=1&query=files+from+dune%3Aall", "application/x-www-form-urlencoded"),
        ("data/query?query=files%20from%20dune:all", "", "text/plain"),
        ("/data//query", ALL, "application/json"),
    ],
)
def test_forms_of_a_query(filled: Serving, address: str, body: str, kind: str) -> None:
    url = f"{filled.url}/{address}"
    assert len(records(httpx.post(url, content=body, headers={"content-type": kind}))) == 3


def test_query_by_get(filled: Serving) -> None:
    assert len(records(filled.get("data/query", params={"query": ALL}))) == 3


def test_the_record_has_the_members_of_the_server(filled: Serving) -> None:
    reply = filled.post("data/query?with_meta=yes&with_provenance=yes", "files dune:reco")
    (record,) = records(reply)
    raw = filled.catalog.file("dune:raw2")
    assert raw is not None
    assert record.keys() == {
        "fid", "namespace", "name", "retired", "retired_by", "updated_by", "retired_timestamp",
        "updated_timestamp", "created_timestamp", "checksums", "size", "creator", "metadata",
        "parents", "children",
    }  # fmt: skip
    assert record["parents"] == [{"fid": raw.fid}]
    assert record["children"] == []


def test_summaries(filled: Serving) -> None:
    reply = filled.post("data/query?summary=count", ALL)
    assert reply.headers["content-type"] == "application/json"
    assert reply.json() == {"count": 3, "total_size": 12}
    assert filled.post("data/query?summary=keys", ALL).json() == sorted(RUN)
    assert filled.post("data/query?summary=sum", ALL).status_code == 400


def test_datasets_and_named_queries_are_answered_too(filled: Serving) -> None:
    (dataset,) = records(filled.post("data/query?with_provenance=yes", "datasets dune:all"))
    assert (dataset["file_count"], dataset["parents"]) == (3, [])
    named = {"namespace": "dune", "name": "mine", "source": ALL}
    assert filled.post("data/create_named_query", named, user="dunepro").status_code == 200
    assert filled.post("data/create_named_query", named, user="dunepro").status_code == 409
    for address in ("data/query", "data/search_queries"):
        (found,) = records(filled.post(address, "queries matching dune:*"))
        assert found["source"] == ALL
    assert filled.post("data/search_queries", ALL).status_code == 400


def test_mode_and_lint_are_shown(filled: Serving) -> None:
    reply = filled.post("data/query", f"{ALL} where core.runs in 1702:1795")
    assert (reply.headers["x-mql-mode"], reply.headers["x-mql-lint"]) == ("default", "L01")
    assert "x-mql-lint" not in filled.post("data/query", ALL).headers
    wrong = filled.post("data/query", f"{ALL} limit -1")
    assert wrong.status_code == 400
    assert "L22" in wrong.headers["x-mql-lint"]


def test_bad_queries(filled: Serving) -> None:
    assert filled.post("data/query", "").json() == []
    for text in ("   ", "files were", f"{ALL}; drop table", "files where " + "(" * 5000):
        reply = filled.post("data/query", text)
        assert (reply.status_code, reply.text[:16]) == (400, "MQLSyntaxError: "), text
    deep = "files where " + "(" * 300 + "size > 1" + ")" * 300
    assert filled.post("data/query", deep).status_code == 400
    assert filled.post("data/query", b"files \xff").status_code == 400
    assert filled.post("data/query?with_meta=maybe", ALL).status_code == 400


def test_limits(filled: Serving) -> None:
    reply = filled.post("data/query", ALL + " " * MOST_QUERY)
    assert (reply.status_code, "longer than" in reply.text) == (400, True)
    address = "data/declare_files?dataset=dune:all"
    reply = filled.post(address, b" " * (MOST_BODY + 1), user="dunepro")
    assert reply.status_code == 413
    assert filled.post(address, b"[" * 100_000, user="dunepro").status_code == 400
    assert filled.post(address, b'[{"size": NaN}]', user="dunepro").status_code == 400


def test_save_as_needs_a_token_and_a_query_that_can_be_read(on_both: Serving) -> None:
    address = "data/query?save_as=dune:new"
    assert on_both.post(address, ALL).status_code == 401
    assert on_both.post(address, "files were", user="dunepro").status_code == 400
    assert on_both.post(f"{address}&include_retired_files=yes", ALL, user="dunepro").is_error
    assert on_both.catalog.dataset("dune:new") is None
    assert len(records(on_both.post(address, ALL, user="dunepro"))) == 3
    assert on_both.post(address, ALL, user="dunepro").status_code == 409
    assert on_both.post("data/query?add_to=dune:no", ALL, user="dunepro").status_code == 404
    assert on_both.get("data/dataset?dataset=dune:new").json()["file_count"] == 3


def test_default_namespace_in_save_as(filled: Serving) -> None:
    address = "data/query?save_as=dune:new&namespace=dune"
    text = "files raw1, raw2 # two of them"
    assert len(records(filled.post(address, text, user="dunepro"))) == 2
    assert len(list(filled.catalog.dataset_files("dune:new"))) == 2
    bad = "data/query?save_as=dune:bad&namespace=a)%20-%20(files"
    assert filled.post(bad, "files dune:raw1", user="dunepro").status_code == 400


def test_files(filled: Serving) -> None:
    record = filled.get("data/file?did=dune:raw1").json()
    assert record["metadata"] == RUN
    by_name = filled.get("data/file?namespace=dune&name=raw1&with_metadata=no").json()
    assert (by_name["fid"], "metadata" in by_name) == (record["fid"], False)
    missing = filled.get("data/file?did=dune:no")
    assert (missing.status_code, missing.text) == (404, "File not found")
    assert filled.get("data/file").status_code == 400
    wanted = [{"did": "dune:raw2"}, {"did": "dune:no"}, {"fid": record["fid"]}]
    assert [item["name"] for item in filled.post("data/files", wanted).json()] == ["raw2", "raw1"]


def test_declare_errors(filled: Serving) -> None:
    def declare(files: Any, dataset: str = "dune:all", user: str | None = "dunepro") -> Any:
        return filled.post(f"data/declare_files?dataset={dataset}", files, user=user)

    good = {"namespace": "dune", "name": "new", "size": 1, "metadata": {}}
    reply = declare([good, {**good, "name": "raw1"}])
    assert reply.status_code == 409
    assert reply.text == "The following files already exist:\n  dune:raw1"
    reply = declare([good, {**good, "name": "b", "checksums": {"adler32": "1"}}])
    assert reply.status_code == 488
    (problem,) = reply.json()["metadata_errors"]
    assert problem["index"] == 1
    assert problem["metadata_errors"][0]["name"] == "checksums.adler32"
    reply = declare([{**good, "parents": [{"did": "dune:no"}]}])
    assert reply.json()["metadata_errors"][0]["metadata_errors"][0]["name"] == "parents"
    assert (declare([]).status_code, declare([]).text) == (400, "Empty file list")
    reply = declare([good], "dune:no")
    assert (reply.status_code, reply.text) == (400, "Dataset dune:no does not exist")
    for wrong in ({}, [1], "[", [{**good, "name": "a=b"}], [{**good, "parents": [1]}]):
        assert declare(wrong).status_code == 400, wrong
    assert declare([{**good, "size": "12"}]).status_code == 488
    assert declare([good], user=None).status_code == 401
    assert declare([good], user="guest").status_code == 403
    assert declare([good], dataset="all").status_code == 400
    assert filled.catalog.file("dune:new") is None


def test_dry_run(filled: Serving) -> None:
    file = {"namespace": "dune", "auto_name": "x_$fid.root", "name": None, "size": 1, "fid": "F1"}
    address = "data/declare_files?dataset=dune:all&dry_run=yes"
    reply = filled.post(address, [file], user="dunepro")
    assert reply.status_code == 202
    assert reply.json() == [{"name": "x_F1.root", "namespace": "dune", "fid": "F1"}]
    assert filled.catalog.file({"fid": "F1"}) is None


def test_update_errors(filled: Serving) -> None:
    def update(**document: Any) -> httpx.Response:
        return filled.post("data/update_file", document, user="dunepro")

    assert update(did="dune:no", metadata={}).status_code == 404
    assert update(did="dune:raw1", mode="merge").status_code == 400
    assert update(metadata={}).status_code == 400
    assert update(did="dune:raw1", metadata={"nodot": 1}).status_code == 488
    assert update(did="dune:reco", mode="replace", parents=[]).status_code == 400
    assert update(did="dune:raw2", parents=[{"did": "dune:reco"}]).status_code == 400
    assert update(did="dune:reco", parents=["dune:raw1"]).json()["name"] == "reco"
    lineage = filled.catalog.file("dune:reco")
    assert lineage is not None
    assert len(lineage.parents) == 2


def test_delete_and_move(filled: Serving) -> None:
    assert filled.post("data/delete_file", {"did": "dune:raw2"}, user="dunepro").is_error
    fid = filled.get("data/file?did=dune:reco").json()["fid"]
    reply = filled.post("data/delete_file", {"did": "dune:reco"}, user="dunepro")
    assert reply.json() == {"fid": fid}
    wanted = {"namespace": "other", "files": [{"did": "dune:raw1"}]}
    reply = filled.post("data/move_files", wanted, user="dunepro").json()
    assert (reply["files_moved"], reply["nerrors"]) == (0, 1)
    assert "dune:raw1" in reply["errors"][0]


def test_dataset_errors(filled: Serving) -> None:
    def create(**members: Any) -> httpx.Response:
        document = {"namespace": "dune", "name": "new", **members}
        return filled.post("data/create_dataset", document, user="dunepro")

    assert create(namespace="none").text == "Namespace not found"
    assert (create(name="all").status_code, create(name="all").text) == (409, "Already exists")
    assert create(metadata={"nodot": 1}).status_code == 400
    assert create(frozen="yes").status_code == 400
    assert create(files_query="files were").status_code == 400
    assert create(subsets_query="datasets dune:all").status_code == 400
    assert filled.catalog.dataset("dune:new") is None
    assert filled.get("data/dataset?dataset=dune:no").text == "Dataset not found"
    for address in ("dataset_files?dataset=dune:no", "dataset_counts?dataset=dune:no"):
        assert filled.get(f"data/{address}").status_code == 404
    assert filled.get("data/dataset").status_code == 400
    address = "data/add_files?dataset=dune:all"
    assert filled.post(address, {}, user="dunepro").status_code == 400
    listed = {"file_list": [{"name": "raw1"}], "namespace": "dune"}
    assert filled.post(address, listed, user="dunepro").json() == {"files_added": 0}
    loop = "data/add_child_dataset?parent=dune:all&child=dune:all"
    assert filled.get(loop, user="dunepro").status_code == 400


@pytest.mark.parametrize("member", ["file_meta_requirements", "metadata_requirements"])
def test_requirements(filled: Serving, member: str) -> None:
    rules = {"core.runs": {"type": "int[]", "required": True}}
    made = {"namespace": "dune", "name": "strict", member: rules}
    reply = filled.post("data/create_dataset", made, user="dunepro")
    assert reply.json()["file_meta_requirements"]["core.runs"]["required"] is True
    file = {"namespace": "dune", "name": "x", "size": 1}
    reply = filled.post("data/declare_files?dataset=dune:strict", [file], user="dunepro")
    assert reply.status_code == 488
    assert reply.json()["metadata_errors"][0]["metadata_errors"][0]["name"] == "core.runs"
    query = {"query": "files dune:reco"}
    reply = filled.post("data/add_files?dataset=dune:strict", query, user="dunepro")
    assert reply.status_code == 488


def test_freeze_and_counts(filled: Serving) -> None:
    address = "data/update_dataset?dataset=dune:all"
    reply = filled.post(address, {"frozen": True, "metadata": {"a.b": 1}}, user="dunepro")
    assert (reply.json()["frozen"], reply.json()["metadata"]) == (True, {"a.b": 1})
    query = {"query": "files dune:raw1"}
    reply = filled.post("data/add_files?dataset=dune:all", query, user="dunepro")
    assert (reply.status_code, reply.text) == (403, "Dataset is frozen")
    counts = filled.get("data/dataset_counts?dataset=dune:all").json()
    assert counts == {
        "dataset": "dune:all", "file_count": 3, "parent_count": 0, "child_count": 0,
        "superset_count": 0, "subset_count": 0,
    }  # fmt: skip
    assert len(records(filled.get("data/dataset_files?dataset=dune:all"))) == 3
    assert [item["name"] for item in filled.get("data/datasets").json()] == ["all"]


def test_namespaces_and_categories(filled: Serving) -> None:
    made = filled.get("data/create_namespace?name=mine&description=a+b", user="guest")
    assert (made.json()["owner_user"], made.json()["description"]) == ("guest", "a b")
    again = filled.get("data/create_namespace?name=mine", user="guest")
    assert (again.status_code, again.text) == (409, "Namespace already exists")
    assert filled.get("data/create_namespace?name=x&owner_role=z", user="guest").status_code == 403
    assert filled.get("data/namespace?name=no").status_code == 404
    assert [item["name"] for item in filled.get("data/namespaces").json()] == ["dune", "mine"]
    assert filled.get("data/namespaces?owner_role=minerva").json() == []
    assert [item["name"] for item in filled.post("data/namespaces", ["mine"]).json()] == ["mine"]
    assert filled.get("data/categories").json() == []
    assert filled.get("data/category/core").status_code == 404


def test_unknown_addresses(filled: Serving) -> None:
    assert filled.get("data/nothing").status_code == 404
    assert filled.get("data/declare_files").status_code == 405
    assert filled.get("data/version").text == "4.1.4+mx2prod"


@given(st.text(max_size=80))
def test_nothing_of_the_copied_query_text_is_an_option(text: str) -> None:
    found = parameters_of(f"with_meta=no&trimquery={text}")
    assert found == {"with_meta": "no"}
