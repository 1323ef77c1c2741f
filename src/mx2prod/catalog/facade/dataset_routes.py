"""Datasets and their files (catalogue page, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse, PlainTextResponse

from mx2prod.catalog.drafts import read_reference
from mx2prod.catalog.facade.calls import Call, Changing, Reading, did_of
from mx2prod.catalog.facade.replies import Refused, sequence
from mx2prod.catalog.records import DatasetRecord
from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import Did

router = APIRouter(prefix="/data")


@router.get("/dataset")
def dataset(call: Reading) -> Response:
    """One dataset; its file count is always exact."""
    return JSONResponse(document_of(_found(call, call.need_did("dataset"))))


@router.get("/datasets")
def datasets(call: Reading) -> Response:
    """All datasets."""
    return JSONResponse([document_of(record) for record in call.catalog.datasets()])


@router.get("/dataset_counts")
def dataset_counts(call: Reading) -> Response:
    """Files, relatives and all supersets and subsets of a dataset."""
    did = call.need_did("dataset")
    _found(call, did)
    return JSONResponse({"dataset": str(did), **call.catalog.dataset_counts(did)})


@router.get("/dataset_files")
def dataset_files(call: Reading) -> Response:
    """Files of a dataset, as a sequence."""
    did = call.need_did("dataset")
    _found(call, did)
    metadata = call.flag("with_metadata")
    provenance = call.flag("with_provenance")
    retired = call.flag("include_retired_files")

    def documents() -> Iterator[dict[str, Any]]:
        for record in call.catalog.dataset_files(
            did, with_metadata=metadata, with_provenance=provenance, include_retired=retired
        ):
            yield record.to_json(with_metadata=metadata, with_provenance=provenance)

    return sequence(documents())


@router.post("/create_dataset")
def create_dataset(call: Changing) -> Response:
    """Make a dataset, filled by a query where there is one."""
    body = call.document(dict)
    did = did_of(f"{body.get('namespace', '')}:{body.get('name', '')}")
    if body.get("subsets_query"):
        raise Refused(400, "subsets_query is not known here; use add_child_dataset")
    if did.namespace not in {item.name for item in call.catalog.namespaces()}:
        raise Refused(404, "Namespace not found")
    if call.catalog.dataset(did) is not None:
        raise Refused(409, "Already exists")
    record = call.writable.create_dataset(
        did,
        description=body.get("description") or "",
        metadata=body.get("metadata"),
        requirements=body.get("file_meta_requirements") or body.get("metadata_requirements"),
        monotonic=_switch(body, "monotonic") or False,
        frozen=_switch(body, "frozen") or False,
        fill=body.get("files_query") or None,
    )
    return JSONResponse(document_of(record))


@router.post("/update_dataset")
def update_dataset(call: Changing) -> Response:
    """Change metadata, description and flags of a dataset."""
    did = call.need_did("dataset")
    body = call.document(dict)
    _found(call, did)
    mode = body.get("mode", "update")
    if mode not in ("update", "replace"):
        raise Refused(400, f"mode={mode!r}: expected update or replace")
    record = call.writable.update_dataset(
        did,
        description=body.get("description"),
        metadata=body.get("metadata"),
        replace_metadata=mode == "replace",
        monotonic=_switch(body, "monotonic"),
        frozen=_switch(body, "frozen"),
    )
    return JSONResponse(document_of(record))


@router.get("/add_child_dataset")
def add_child_dataset(call: Changing) -> Response:
    """Make a dataset a subset of another one."""
    call.writable.add_subset(call.need_did("parent"), call.need_did("child"))
    return PlainTextResponse("OK")


@router.get("/remove_dataset/{did:path}")
def remove_dataset(did: str, call: Changing) -> Response:
    """Remove a dataset, not its files."""
    _found(call, did_of(did))
    call.writable.remove_dataset(did_of(did))
    return PlainTextResponse("OK")


@router.post("/add_files")
def add_files(call: Changing) -> Response:
    """Add files of a list or of a query to a dataset."""
    body = call.document(dict)
    record = _found(call, call.need_did("dataset"))
    if record.frozen:
        raise Refused(403, "Dataset is frozen")
    added = call.writable.add_files(record.did, _selected(body))
    return JSONResponse({"files_added": added})


@router.post("/remove_files")
def remove_files(call: Changing) -> Response:
    """Remove files of a list or of a query from a dataset."""
    body = call.document(dict)
    did = did_of(f"{body.get('dataset_namespace', '')}:{body.get('dataset_name', '')}")
    record = _found(call, did)
    if record.frozen or record.monotonic:
        raise Refused(403, f"Dataset is {'frozen' if record.frozen else 'monotonic'}")
    removed = call.writable.remove_files(record.did, _selected(body))
    return JSONResponse({"files_removed": removed})


def document_of(record: DatasetRecord) -> dict[str, Any]:
    """JSON form of a dataset, with its relations.

    Without requirements it has an empty object of them: the stock command line fails to show a
    dataset that has null there.
    """
    document = record.to_json(with_relations=True)
    document["file_meta_requirements"] = document["file_meta_requirements"] or {}
    return document


def _found(call: Call, did: Did) -> DatasetRecord:
    record = call.catalog.dataset(did)
    if record is None:
        raise Refused(404, "Dataset not found")
    return record


def _switch(body: dict[str, Any], name: str) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise Refused(400, f"{name}: expected true or false, found {value!r}")
    return value


def _selected(body: dict[str, Any]) -> str | list[Did | str]:
    """Query text, or list of references; names without a namespace are in the given one."""
    query, listed = body.get("query"), body.get("file_list")
    if (query is None) == (listed is None):
        raise Refused(400, "expected query or file_list, one of the two")
    if isinstance(query, str):
        return query
    if not isinstance(listed, list):
        raise Refused(400, "expected a query text or a list of files")
    return [_reference(item, body.get("namespace")) for item in listed]


def _reference(item: Any, namespace: Any) -> Did | str:
    if isinstance(item, dict):
        if item.get("fid"):
            item = item["fid"]
        elif item.get("name"):
            item = {"namespace": item.get("namespace") or namespace, "name": item["name"]}
    try:
        return read_reference(item)
    except NameFormatError as error:
        raise Refused(400, error.message) from error
