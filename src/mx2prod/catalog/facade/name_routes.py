"""Namespaces, named queries, categories (catalogue page, section 6)."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from fastapi.responses import JSONResponse

from mx2prod.catalog.facade.calls import Changing, Reading
from mx2prod.catalog.facade.replies import Refused, sequence
from mx2prod.catalog.records import NamedQuery
from mx2prod.core.ids import Did

router = APIRouter(prefix="/data")


@router.get("/create_namespace")
def create_namespace(call: Changing) -> Response:
    """Make a namespace of the caller, or of a role of the caller."""
    name = call.need("name")
    catalog = call.writable
    if any(item.name == name for item in catalog.namespaces()):
        raise Refused(409, "Namespace already exists")
    record = catalog.create_namespace(
        name,
        owner_role=call.parameters.get("owner_role") or None,
        description=call.parameters.get("description") or None,
    )
    return JSONResponse(record.to_json())


@router.get("/namespace")
def namespace(call: Reading) -> Response:
    """One namespace."""
    name = call.need("name")
    for item in call.catalog.namespaces():
        if item.name == name:
            return JSONResponse(item.to_json())
    raise Refused(404, "Namespace not found")


@router.get("/namespaces")
def namespaces(call: Reading) -> Response:
    """All namespaces, or those of a user or a role."""
    user, role = (call.parameters.get(name) for name in ("owner_user", "owner_role"))
    found = call.catalog.namespaces()
    if user:
        found = [item for item in found if item.owner_user == user]
    elif role:
        found = [item for item in found if item.owner_role == role]
    return JSONResponse([item.to_json() for item in found])


@router.post("/namespaces")
def namespaces_of_list(call: Reading) -> Response:
    """Namespaces of a list of names."""
    names = set(map(str, call.document(list)))
    found = [item.to_json() for item in call.catalog.namespaces() if item.name in names]
    return JSONResponse(found)


@router.post("/create_named_query")
def create_named_query(call: Changing) -> Response:
    """Save an MQL text under a name."""
    body = call.document(dict)
    for member in ("namespace", "name", "source"):
        if not isinstance(body.get(member), str):
            raise Refused(400, f"{member}: expected a text, found {body.get(member)!r}")
    if body.get("parameters"):
        raise Refused(400, "parameters of named queries are not known here")
    named = NamedQuery(
        namespace=body["namespace"],
        name=body["name"],
        source=body["source"],
        description=_text_or_none(body, "description"),
        metadata=body.get("metadata") or {},
    )
    return JSONResponse(call.writable.save_query(named, update=call.flag("update")).to_json())


@router.get("/named_query")
def named_query(call: Reading) -> Response:
    """One named query."""
    found = call.catalog.named_query(Did(call.need("namespace"), call.need("name")))
    if found is None:
        raise Refused(404, "Named query not found")
    return JSONResponse(found.to_json())


@router.get("/named_queries")
def named_queries(call: Reading) -> Response:
    """All named queries, or those of a namespace."""
    wanted = call.parameters.get("namespace")
    found = call.catalog.named_queries()
    return JSONResponse(
        [item.to_json() for item in found if wanted is None or item.namespace == wanted]
    )


@router.post("/search_queries")
def search_queries(call: Reading) -> Response:
    """Named queries of an MQL text ``queries ...``."""
    answer = call.catalog.query(call.query_text())
    if answer.kind != "queries":
        raise Refused(400, f"selects {answer.kind}, expected named queries: queries matching …")
    return sequence(item.to_json() for item in answer.records() if isinstance(item, NamedQuery))


@router.get("/categories")
def categories(call: Reading) -> Response:
    """No categories: requirements belong to datasets here."""
    del call
    return JSONResponse([])


@router.get("/category/{path:path}")
def category(path: str, call: Reading) -> Response:
    """No category."""
    del call
    raise Refused(404, f"Category not found: {path}")


def _text_or_none(body: dict[str, Any], member: str) -> str | None:
    value = body.get(member)
    if value is not None and not isinstance(value, str):
        raise Refused(400, f"{member}: expected a text, found {value!r}")
    return value
