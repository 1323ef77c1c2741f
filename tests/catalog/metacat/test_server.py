"""Reading, errors, deadlines, tokens, datasets: the rules of the page, one by one."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from mx2prod.catalog.metacat import connect
from mx2prod.catalog.metacat.connection import LostReplyError
from mx2prod.catalog.metacat.datasets import add_files, create_dataset, freeze
from mx2prod.catalog.metacat.server import MetaCat
from mx2prod.core.errors import (
    CatalogError,
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
    QueryError,
    StoreError,
    TrustError,
)
from mx2prod.core.ids import Did
from tests.catalog.metacat.stand_in import StandIn
from tests.catalog.metacat.test_declare import files, states

# The stock client does not close its file of tokens.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
ALL = "files from dune:all"
EXAMPLES = json.loads((Path(__file__).parents[2] / "data/metacat/server_examples.json").read_text())
KINDS = {400: CatalogError, 401: DeniedError, 403: DeniedError, 404: NotInCatalogError,
         409: ConflictError, 488: InvalidRecordError, 500: StoreError}  # fmt: skip


def test_a1_errors_come_with_the_call(metacat: MetaCat, real: StandIn) -> None:
    real.faults["query"] = [400, 403]
    with pytest.raises(CatalogError):
        metacat.query(ALL)
    with pytest.raises(DeniedError):
        metacat.summary(ALL)


@pytest.mark.parametrize(
    "example", [e for e in EXAMPLES if e.get("http")], ids=lambda e: e["probe"]
)
def test_a2_errors_of_the_server(metacat: MetaCat, real: StandIn, example: dict[str, Any]) -> None:
    body = example.get("body") or example["message"]
    kind = "application/json" if body.startswith("{") else "text/plain"
    real.faults["update_file"] = [(example["http"], body, kind)]
    with pytest.raises(KINDS[example["http"]]) as caught:
        metacat.update_file("dune:a", {"x.n": 1})
    if example["http"] == 488:
        (problem, *_) = caught.value.problems  # type: ignore[attr-defined]
        assert problem[2]
    if "already exist:" in example["message"]:
        assert caught.value.taken == ("api:f1",)  # type: ignore[attr-defined]


@pytest.mark.parametrize("status", [400, 404, 409, 488, 500])
def test_a2_a_list_as_body(metacat: MetaCat, real: StandIn, status: int) -> None:
    """``str()`` of the client's error raises AttributeError here."""
    real.faults["update_file"] = [(status, '[{"name": "x"}]', "application/json")]
    with pytest.raises(KINDS[status]):
        metacat.update_file("dune:a", {"x.n": 1})


def test_a3_the_deadline_is_ours(metacat: MetaCat, real: StandIn) -> None:
    real.faults["query"] = [503] * 100
    start = time.monotonic()
    with pytest.raises(LostReplyError, match="503"):
        metacat.query(ALL)
    real.faults["query"] = ["slow"]
    with pytest.raises(LostReplyError, match="no answer"):
        metacat.query(ALL)
    assert time.monotonic() - start < 3
    real.faults["query"] = [502, 504]
    assert metacat.query(ALL) == []


def test_a11_a_text_that_cannot_be_read_is_not_sent(metacat: MetaCat, real: StandIn) -> None:
    for call in (metacat.query, metacat.summary, metacat.keys):
        with pytest.raises(QueryError):
            call("files from dune:all were x")
    with pytest.raises(QueryError):
        create_dataset(metacat, "dune:x", query="files from dune:all were x")
    with pytest.raises(CatalogError, match="selects no files"):
        create_dataset(metacat, "dune:x", query="datasets dune:all")
    with pytest.raises(QueryError):
        metacat.save_query(Did("dune", "q"), "files from dune:all were x")
    assert real.requests == []


def test_a15_options_are_said(metacat: MetaCat, real: StandIn) -> None:
    states(metacat, files("a", "b"))
    real.requests.clear()
    found = metacat.query(f"{ALL} where name != 'x&include_retired_files=yes'", with_metadata=True)
    assert len(found) == 2
    address = real.requests[0][1]
    assert "include_retired_files=no" in address
    assert "trimquery" not in address
    summary = metacat.summary(ALL)
    assert (summary.files, summary.total_size) == (2, 20)
    assert metacat.keys(ALL) == ["core.event_count", "core.runs"]
    dataset = metacat.dataset("dune:all")
    assert dataset is not None
    assert dataset.file_count == 2
    assert metacat.dataset("dune:no") is None
    assert metacat.file("dune:no") is None


def test_a16_pages(patient: MetaCat, real: StandIn) -> None:
    states(patient, files(*(f"f{number:04d}" for number in range(1500))))
    pages = list(patient.pages(f"{ALL} # all of them", 1000))
    assert [len(page) for page in pages] == [1000, 500]
    assert len({item["fid"] for page in pages for item in page}) == 1500
    with pytest.raises(CatalogError, match="at least 1000"):
        next(patient.pages(ALL, 10))
    reading = patient.pages(ALL, 1000)
    next(reading)
    real._declare_files({"dataset": "dune:all"}, files("new"))
    with pytest.raises(StoreError, match="1500 files before, 1501 after"):
        list(reading)


def test_a17_the_reply_of_an_update_is_compared(metacat: MetaCat, real: StandIn) -> None:
    states(metacat, files("a"))
    assert metacat.update_file("dune:a", {"x.n": 1}).metadata["x.n"] == 1
    assert b'"mode": "add-update"' in real.sent("update_file")[0]
    before = real._update_file(None, {"namespace": "dune", "name": "a", "metadata": {}})
    real.faults["update_file"] = [(200, json.dumps(before), "application/json")]
    with pytest.raises(StoreError, match=r"another value of x\.n"):
        metacat.update_file("dune:a", {"x.n": 2})


def test_a20_a21_what_is_not_offered(metacat: MetaCat) -> None:
    assert not hasattr(metacat, "delete_file")
    assert metacat.categories() == [{"path": "core", "definitions": {}}]


def test_a22_tokens_have_a_file_of_their_own(real: StandIn, tmp_path: Path) -> None:
    library = tmp_path / "tokens"
    metacat = connect(real.url, library)
    assert library.stat().st_mode & 0o777 == 0o600
    with pytest.raises(DeniedError, match="not logged in"):
        metacat.require_login()
    with pytest.raises(DeniedError, match="not logged in"):
        metacat.update_file("dune:a", {})
    library.write_text(f"{real.url} {real.token(600)}\n")
    with pytest.raises(DeniedError, match="within the hour"):
        connect(real.url, library).require_login()
    library.write_text(f"{real.url} {real.token()}\n")
    assert connect(real.url, library).require_login() == "dunepro"
    library.chmod(0o644)
    with pytest.raises(TrustError, match="0600"):
        connect(real.url, library)


def test_a8_a9_requirements(metacat: MetaCat, real: StandIn) -> None:
    rules = {"core.runs": {"type": "int[]", "required": True}}
    made = create_dataset(metacat, "dune:strict", requirements=rules)
    assert made.file_meta_requirements == rules
    states(metacat, files("a"))
    with pytest.raises(DeniedError, match="with requirements"):
        add_files(metacat, "dune:strict", [Did("dune", "a")])
    with pytest.raises(DeniedError, match="with requirements"):
        create_dataset(metacat, "dune:other", requirements=rules, query=ALL)
    assert real.sent("add_files") == []
    create = real._create_dataset

    def forgetful(words: Any, body: dict[str, Any]) -> Any:
        return create(words, {**body, "file_meta_requirements": None})

    real._create_dataset = forgetful  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="other requirements"):
        create_dataset(metacat, "dune:third", requirements=rules)


def test_a10_a12_fill_and_freeze(metacat: MetaCat, real: StandIn) -> None:
    states(metacat, files("a", "b"))
    metacat.save_query(Did("dune", "mine"), ALL)
    made = create_dataset(metacat, "dune:run1", query="query dune:mine", frozen=True)
    assert (made.file_count, made.frozen) == (2, True)
    with pytest.raises(ConflictError):
        create_dataset(metacat, "dune:run1")
    with pytest.raises(DeniedError, match="frozen"):
        add_files(metacat, "dune:run1", [Did("dune", "a")])
    assert metacat.named_query(Did("dune", "mine")) is not None
    assert metacat.named_query(Did("dune", "no")) is None


def test_a13_what_was_added_is_counted(metacat: MetaCat, real: StandIn) -> None:
    states(metacat, files("a", "b"))
    create_dataset(metacat, "dune:some")
    with pytest.raises(NotInCatalogError, match="dune:no"):
        add_files(metacat, "dune:some", [Did("dune", "a"), Did("dune", "no")])
    assert real.members["dune:some"] == []
    real.faults["add_files"] = ["lose"]
    assert add_files(metacat, "dune:some", [Did("dune", "a"), Did("dune", "b")]) == 2
    assert add_files(metacat, "dune:some", [Did("dune", "a")]) == 0
    with pytest.raises(StoreError, match="2 files, expected 3; not frozen"):
        freeze(metacat, "dune:some", expected=3)
    create_dataset(metacat, "dune:other")
    real.faults["add_files"] = [(200, '{"files_added": 2}', "application/json")]
    with pytest.raises(StoreError, match="0 files, expected 1"):
        add_files(metacat, "dune:other", [Did("dune", "a")])


def test_a24_faults_of_the_login_are_shown(real: StandIn, tmp_path: Path) -> None:
    metacat = connect(real.url, tmp_path / "tokens")
    real.faults["auth"] = [(500, "KeyError: 'username'", "text/plain")] * 2
    with pytest.raises(DeniedError, match="KeyError: 'username'"):
        metacat.login_digest("dunepro", "secret")
    with pytest.raises(DeniedError, match="KeyError"):
        metacat.login_token("dunepro", "a token")
    assert metacat.version() == "4.1.4"
