"""Queries (catalogue page, section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from mx2prod.catalog.answers import Answer
from mx2prod.catalog.facade.calls import Call, Reading, did_of
from mx2prod.catalog.facade.replies import Refused, sequence
from mx2prod.catalog.mql.lint import lint
from mx2prod.catalog.mql.lint_context import LintOptions
from mx2prod.catalog.records import DatasetRecord, FileRecord
from mx2prod.catalog.rules import NAME
from mx2prod.catalog.source import CatalogSource
from mx2prod.core.errors import NotInCatalogError

MODE = "X-MQL-Mode"
LINT = "X-MQL-Lint"
router = APIRouter(prefix="/data")


@router.get("/query")
@router.post("/query")
def query(request: Request, call: Reading) -> Response:
    """Answer an MQL query; ``save_as`` and ``add_to`` put its files into a dataset."""
    text = call.query_text()
    if not text:
        return JSONResponse([], headers={MODE: "default"})
    namespace = call.parameters.get("namespace") or None
    retired = call.flag("include_retired_files")
    headers = _headers(call, text, namespace, retired=retired)
    request.state.headers = headers
    answer = call.catalog.query(text, default_namespace=namespace, include_retired=retired)
    summary = call.parameters.get("summary")
    if summary:
        return JSONResponse(_summary(answer, summary), headers=headers)
    if call.parameters.get("save_as") or call.parameters.get("add_to"):
        _store(call, text, namespace, retired=retired)
    metadata = call.flag("with_meta", default=call.flag("with_metadata"))
    return sequence(
        _documents(answer, metadata=metadata, provenance=call.flag("with_provenance")), headers
    )


def _headers(call: Call, text: str, namespace: str | None, *, retired: bool) -> dict[str, str]:
    """Mode of evaluation, and where a MetaCat server would answer otherwise."""
    with call.catalog.session.reading() as connection:
        source = CatalogSource(connection, counting=False)
        findings = lint(text, LintOptions(namespace, retired), source)
    codes = sorted({finding.code for finding in findings})
    return {MODE: "default", LINT: ",".join(codes)} if codes else {MODE: "default"}


def _summary(answer: Answer, kind: str) -> dict[str, int] | list[str]:
    if kind == "count":
        found = answer.summary()
        return {"count": found.files, "total_size": found.total_size}
    if kind == "keys":
        return answer.keys()
    raise Refused(400, f"summary={kind}: expected count or keys")


def _documents(answer: Answer, *, metadata: bool, provenance: bool) -> Iterator[dict[str, Any]]:
    for record in answer.records(with_metadata=metadata, with_provenance=provenance):
        if isinstance(record, FileRecord):
            yield record.to_json(with_metadata=metadata, with_provenance=provenance)
        elif isinstance(record, DatasetRecord):
            yield record.to_json(with_relations=provenance)
        else:
            yield record.to_json()


def _store(call: Call, text: str, namespace: str | None, *, retired: bool) -> None:
    """Put the files of a query, which was answered, into a dataset."""
    catalog = call.writable
    if retired:
        raise Refused(400, "include_retired_files with save_as or add_to: retired files stay out")
    if namespace is not None:
        text = _within(namespace, text)
    if save_as := call.parameters.get("save_as"):
        catalog.create_dataset(did_of(save_as), fill=text)
    if add_to := call.parameters.get("add_to"):
        try:
            catalog.add_files(did_of(add_to), text)
        except NotInCatalogError as error:
            raise Refused(404, f"Dataset {add_to} not found") from error


def _within(namespace: str, text: str) -> str:
    """Text of a query with its default namespace inside."""
    if not NAME.match(namespace):
        raise Refused(400, f"Invalid value for namespace: {namespace}")
    return f"with namespace={namespace} ({text}\n)"
