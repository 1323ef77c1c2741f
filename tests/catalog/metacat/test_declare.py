"""Declaring at a server with faults: nothing is lost, nothing declared twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from mx2prod.catalog.metacat.connection import LostReplyError
from mx2prod.catalog.metacat.declaring import declare
from mx2prod.catalog.metacat.server import MetaCat
from mx2prod.core.errors import (
    ConflictError,
    DeniedError,
    InvalidRecordError,
    NotInCatalogError,
    StoreError,
)
from tests.catalog.metacat.stand_in import StandIn

# The stock client does not close its file of tokens.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed file:ResourceWarning")
RUN = {"core.runs": [1702], "core.event_count": 7200}


def files(*names: str, **members: Any) -> list[dict[str, Any]]:
    """Records to declare."""
    return [
        {"namespace": "dune", "name": name, "size": 10, "metadata": RUN, **members}
        for name in names
    ]


def states(metacat: MetaCat, batch: list[dict[str, Any]], **options: Any) -> list[str]:
    """Declare into dune:all; the state of each file."""
    return [item.state for item in declare(metacat, batch, "dune:all", **options)]


def names(real: StandIn) -> list[str]:
    """Names of all files at the server."""
    return sorted(item["name"] for item in real.files.values())


def test_declare_and_declare_again(metacat: MetaCat, real: StandIn) -> None:
    notes: list[Mapping[str, Any]] = []
    batch = files("a", "b", checksums={"adler32": "EFD92F00"})
    assert states(metacat, batch, note=lambda _, body: notes.append(body)) == ["new", "new"]
    assert notes == [{"dataset": "dune:all", "files": ["dune:a", "dune:b"]}]
    assert states(metacat, batch) == ["there", "there"]
    assert len(real.sent("declare_files")) == 1
    assert states(metacat, [*batch, *files("c")]) == ["there", "there", "new"]
    record = metacat.file("dune:a")
    assert record is not None
    assert record.checksums == {"adler32": "efd92f00"}


@pytest.mark.parametrize("fault", ["lose", "drop", "slow", 502, 503, 504])
def test_a4_no_reply(metacat: MetaCat, real: StandIn, fault: Any) -> None:
    """Committed or not, what is there is compared, and the rest is sent again."""
    real.faults["declare_files"] = [fault]
    assert states(metacat, files("a", "b")) == ["new", "new"]
    assert names(real) == ["a", "b"]
    assert len(real.members["dune:all"]) == 2


def test_a4_no_reply_at_all(metacat: MetaCat, real: StandIn) -> None:
    real.faults["declare_files"] = ["drop", "lose", "drop"]
    assert states(metacat, files("a")) == ["new"]
    real.faults["declare_files"] = ["drop", "drop", "drop"]
    with pytest.raises(LostReplyError):
        states(metacat, files("b"))
    assert states(metacat, files("a", "b")) == ["there", "new"]
    assert names(real) == ["a", "b"]


def test_a4_somebody_else_was_quicker(metacat: MetaCat, real: StandIn) -> None:
    """409 for a file that came between looking and declaring: the same content is no conflict."""
    first = real._files
    real._files = lambda *words: (setattr(real, "_files", first), [])[1]  # type: ignore[method-assign]
    real._declare_files({"dataset": "dune:all"}, files("a"))
    assert states(metacat, files("a", "b")) == ["new", "new"]
    assert names(real) == ["a", "b"]


def test_a_server_that_fails(metacat: MetaCat, real: StandIn) -> None:
    real.faults["declare_files"] = [500]
    with pytest.raises(StoreError, match="MetaCat answers 500: fault 500"):
        states(metacat, files("a", "b"))
    assert names(real) == []
    assert states(metacat, files("a", "b")) == ["new", "new"]


def test_other_content_is_a_conflict(metacat: MetaCat, real: StandIn) -> None:
    states(metacat, files("a"))
    for changed in ({"size": 11}, {"metadata": {}}, {"checksums": {"md5": "0" * 32}}):
        with pytest.raises(ConflictError) as caught:
            states(metacat, [*files("a", **changed), *files("b")])
        assert caught.value.taken == ("dune:a",)
    metacat.retire("dune:a")
    with pytest.raises(ConflictError, match="dune:a: retired"):
        states(metacat, files("a"))
    assert names(real) == ["a"]


def test_a5_a_dry_run_declares_nothing(metacat: MetaCat, real: StandIn) -> None:
    assert states(metacat, files("a"), dry_run=True) == ["new"]
    assert real.sent("declare_files") == []
    with pytest.raises(InvalidRecordError):
        states(metacat, files("a", size="12"), dry_run=True)


TEXTS = ["café", "a\\b", 'a "quote"', "line\nend", "tab\there", "漢字 🙂", "\x07"]


@pytest.mark.parametrize("text", TEXTS)
def test_a6_texts_that_declaring_changes(metacat: MetaCat, real: StandIn, text: str) -> None:
    metadata = {**RUN, "dune.comment": [text, {"x": text}]}
    assert states(metacat, files("a", metadata=metadata)) == ["new"]
    assert next(iter(real.files.values()))["metadata"] == metadata
    assert states(metacat, files("a", metadata=metadata)) == ["there"]
    assert len(real.sent("update_file")) == 1


def test_a6_an_unfinished_file_is_finished(metacat: MetaCat, real: StandIn) -> None:
    batch = files("a", metadata={**RUN, "dune.comment": "café"})
    real.faults["update_file"] = [500]
    with pytest.raises(StoreError):
        states(metacat, batch)
    assert "dune.comment" not in next(iter(real.files.values()))["metadata"]
    states(metacat, batch)
    assert next(iter(real.files.values()))["metadata"] == batch[0]["metadata"]


@pytest.mark.parametrize("text", ["a\x00b", "\ud800"])
def test_a6_texts_that_cannot_be_stored(metacat: MetaCat, real: StandIn, text: str) -> None:
    with pytest.raises(InvalidRecordError, match="cannot store"):
        states(metacat, files("a", metadata={"dune.comment": text}))
    assert real.sent("declare_files") == []


def test_a7_generation_by_generation(metacat: MetaCat, real: StandIn) -> None:
    batch = [
        *files("dst", parents=["dune:reco"]),
        *files("reco", parents=["dune:raw"]),
        *files("raw"),
    ]
    assert states(metacat, batch) == ["new"] * 3
    assert len(real.sent("declare_files")) == 3
    reco, raw = (real.find({"namespace": "dune", "name": name}) for name in ("reco", "raw"))
    assert reco is not None
    assert raw is not None
    assert reco["parents"] == [{"fid": raw["fid"]}]
    with pytest.raises(NotInCatalogError, match="dune:no"):
        states(metacat, files("x", parents=["dune:no"]))
    with pytest.raises(InvalidRecordError, match="itself"):
        states(metacat, files("x", parents=["dune:x"]))
    loop = [*files("x", parents=["dune:y"]), *files("y", parents=["dune:x"])]
    with pytest.raises(InvalidRecordError, match="cyclic"):
        states(metacat, loop)


def test_a14_a_frozen_dataset_takes_nothing(metacat: MetaCat, real: StandIn) -> None:
    real.datasets["dune:all"]["frozen"] = True
    with pytest.raises(DeniedError, match="frozen"):
        states(metacat, files("a"))
    assert names(real) == []


def test_a18_creator_is_for_administrators(metacat: MetaCat, real: StandIn) -> None:
    batch = files("a", creator="dunepro", created_timestamp=1.0)
    with pytest.raises(DeniedError, match="creator"):
        states(metacat, batch)
    states(metacat, batch, admin=True)
    assert b'"created_timestamp": 1.0' in real.sent("declare_files")[0]


def test_a19_metadata_is_always_sent(metacat: MetaCat, real: StandIn) -> None:
    batch = [{"did": "dune:a", "size": 1}]
    assert states(metacat, batch) == ["new"]
    assert b'"metadata": {}' in real.sent("declare_files")[0]


def test_files_of_other_datasets_come_into_this_one(metacat: MetaCat, real: StandIn) -> None:
    made = {"namespace": "dune", "name": "some", "frozen": False, "monotonic": False,
            "metadata": {}, "description": ""}  # fmt: skip
    real._create_dataset(None, made)
    states(metacat, files("a"))
    declare(metacat, files("a", "b"), "dune:some")
    assert len(real.members["dune:some"]) == 2
    with pytest.raises(NotInCatalogError, match="dune:no"):
        declare(metacat, files("c"), "dune:no")
    with pytest.raises(InvalidRecordError, match="twice"):
        states(metacat, files("c", "c"))


def test_what_the_server_has_is_compared(metacat: MetaCat, real: StandIn) -> None:
    made = real._made
    real._made = lambda index, item: {**made(index, item), "size": 9}  # type: ignore[method-assign]
    with pytest.raises(StoreError, match="another size"):
        states(metacat, files("a"))
