"""Files: looked up, declared, changed (catalogue page, section 6)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from mx2prod.catalog.drafts import read_reference
from mx2prod.catalog.facade.calls import Call, Changing, Reading, did_of
from mx2prod.catalog.facade.replies import Refused, already_exist
from mx2prod.catalog.records import FileRecord
from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import Did

router = APIRouter(prefix="/data")


@router.get("/file")
def file(call: Reading) -> Response:
    """One file, by did, namespace and name, or fid."""
    record = call.catalog.file(_which(call.parameters))
    if record is None:
        raise Refused(404, "File not found")
    document = record.to_json(
        with_metadata=call.flag("with_metadata", default=True),
        with_provenance=call.flag("with_provenance", default=True),
        with_datasets=call.flag("with_datasets"),
    )
    return JSONResponse(document)


@router.post("/files")
def files(call: Reading) -> Response:
    """Files of a list; those that are missing are left out."""
    metadata = call.flag("with_metadata", default=True)
    provenance = call.flag("with_provenance", default=True)
    records = call.catalog.files(
        [_which(item) for item in call.document(list)],
        with_metadata=metadata,
        with_provenance=provenance,
        with_datasets=False,
    )
    return JSONResponse(
        [item.to_json(with_metadata=metadata, with_provenance=provenance) for item in records]
    )


@router.post("/declare_files")
def declare_files(call: Changing) -> Response:
    """Declare a batch of files into a dataset, all or none."""
    dataset = call.need_did("dataset")
    documents = call.document(list)
    if not documents:
        raise Refused(400, "Empty file list")
    if not all(isinstance(item, dict) for item in documents):
        raise Refused(400, "body: expected a list of objects")
    if call.catalog.dataset(dataset) is None:
        raise Refused(400, f"Dataset {dataset} does not exist")
    there = _there(call, documents)
    if there:
        return already_exist(there)
    dry_run = call.flag("dry_run")
    declared = call.writable.declare(
        [_without_nulls(item) for item in documents], dataset, dry_run=dry_run
    )
    if dry_run:
        names = [(Did.parse(item.did), item.fid) for item in declared]
        return JSONResponse(
            [{"name": did.name, "namespace": did.namespace, "fid": fid} for did, fid in names], 202
        )
    records = call.catalog.files([{"fid": item.fid} for item in declared], with_datasets=False)
    return JSONResponse([record.to_json() for record in records])


@router.post("/update_file")
def update_file(call: Changing) -> Response:
    """Change metadata, size and checksums of a file; add parents and children."""
    document = call.document(dict)
    which = _which(document)
    replace = _replaces(document)
    parents, children = (
        [_reference(item) for item in document.get(name) or ()] for name in ("parents", "children")
    )
    if replace:
        _require_none_lost(_found(call, which), document)
    record = call.writable.update_file(
        which,
        metadata=document.get("metadata"),
        replace_metadata=replace and "metadata" in document,
        size=document.get("size"),
        checksums=document.get("checksums"),
        add_parents=parents,
        add_children=children,
    )
    return JSONResponse(record.to_json())


@router.post("/retire_file")
def retire_file(call: Changing) -> Response:
    """Hide a file, or show it again."""
    document = call.document(dict)
    retire = document.get("retire", True)
    if not isinstance(retire, bool):
        raise Refused(400, f"retire: expected true or false, found {retire!r}")
    which = _which(document)
    _found(call, which)
    return JSONResponse(call.writable.retire(which, retire=retire).to_json())


@router.post("/delete_file")
def delete_file(call: Changing) -> Response:
    """Delete a file that has no children."""
    which = _which(call.document(dict))
    _found(call, which)
    return JSONResponse({"fid": call.writable.delete_file(which)})


@router.post("/move_files")
def move_files(call: Changing) -> Response:
    """Move nothing: a name belongs to a file for ever, so each one is listed as an error."""
    document = call.document(dict)
    if isinstance(document.get("query"), str):
        dids = list(call.catalog.query(document["query"]).dids())
    else:
        dids = [str(_which(item)) for item in document.get("files") or ()]
    errors = [f"name of a file is for ever, not moved: {did}" for did in dids]
    return JSONResponse({"files_moved": 0, "errors": errors, "nerrors": len(errors)})


def _which(members: Any) -> Did | str:
    """File that ``fid``, ``did``, or ``namespace`` and ``name`` mean.

    Raises
    ------
    Refused
        400 if it is none of these.
    """
    if not isinstance(members, Mapping):
        raise Refused(400, f"{members!r}: expected an object with fid, did, or namespace and name")
    if members.get("fid"):
        return str(members["fid"])
    if members.get("did"):
        return did_of(members["did"])
    namespace, name = members.get("namespace"), members.get("name")
    if isinstance(namespace, str) and isinstance(name, str) and namespace and name:
        return Did(namespace, name)
    raise Refused(400, "file: expected fid, did, or namespace and name")


def _reference(item: Any) -> Did | str:
    """Parent or child: an object as above, a did, or a bare fid."""
    if isinstance(item, Mapping):
        return _which(item)
    try:
        return read_reference(item)
    except NameFormatError as error:
        raise Refused(400, error.message) from error


def _found(call: Call, which: Did | str) -> FileRecord:
    record = call.catalog.file(which)
    if record is None:
        raise Refused(404, "File not found")
    return record


def _there(call: Call, documents: list[dict[str, Any]]) -> list[str]:
    """Names of a batch that are taken; the stock client wants to know of identical files too."""
    named = [
        _which({**item, "fid": None})
        for item in documents
        if item.get("did") or (item.get("namespace") and item.get("name"))
    ]
    found = call.catalog.files(
        named, with_metadata=False, with_provenance=False, with_datasets=False
    )
    return [record.did for record in found]


def _without_nulls(document: dict[str, Any]) -> dict[str, Any]:
    """Record without members that clients send as null, with each parent in one form."""
    members = {key: value for key, value in document.items() if value is not None}
    if isinstance(members.get("parents"), list):
        members["parents"] = [_reference(item) for item in members["parents"]]
    return members


def _replaces(document: Mapping[str, Any]) -> bool:
    mode = document.get("mode", "add-update")
    if mode not in ("add-update", "update", "replace"):
        raise Refused(400, f"mode={mode!r}: expected add-update or replace")
    return bool(mode == "replace")


def _require_none_lost(record: FileRecord, document: Mapping[str, Any]) -> None:
    """Refuse to replace parents or children by others: links are added, never taken away."""
    for name, old in (("parents", record.parents), ("children", record.children)):
        if document.get(name) is not None and old:
            raise Refused(400, f"{name}: {len(old)} are there and stay; use mode add-update")
