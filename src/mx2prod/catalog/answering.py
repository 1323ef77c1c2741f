"""Answers to queries as JSON lines, for programs that ask many."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any

from mx2prod.catalog.mql.evaluate import Options, evaluate
from mx2prod.catalog.mql.lint import lint
from mx2prod.catalog.mql.lint_context import LintOptions
from mx2prod.catalog.mql.source import Source
from mx2prod.core.errors import QueryError

MODES = ("default", "server")
NOT_OFFERED = "the answers of a server are not imitated: see lint, and ask in mode default"


def answer_lines(lines: Iterable[str], source: Source, mode: str = "default") -> Iterator[str]:
    """Answer requests, one JSON object a line.

    Parameters
    ----------
    lines : iterable of str
        ``{"id", "mql", "default_namespace", "include_retired", "mode"}``; all but ``mql`` may
        be left out.  Blank lines are passed over.
    source : Source
    mode : str, optional
        For requests that name none.  ``server`` is answered by an error with the findings of the
        lint.

    Yields
    ------
    str
        ``{"id", "result": ["namespace:name", ...], "lint": ["L01", ...]}``, or
        ``{"id", "error": "text", "lint": [...]}`` for a request that cannot be answered.
    """
    for line in lines:
        if line.strip():
            yield json.dumps(_answer(line, source, mode))


def _answer(line: str, source: Source, mode: str) -> dict[str, Any]:
    try:
        request = json.loads(line)
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"the request is not JSON: {error}", "lint": []}
    if not isinstance(request, dict):
        return {"id": None, "error": "the request is not an object", "lint": []}
    reply: dict[str, Any] = {"id": request.get("id")}
    wrong = _wrong_member(request)
    if wrong:
        return {**reply, "error": wrong, "lint": []}
    return {**reply, **_reply(request, source, mode)}


def _wrong_member(request: dict[str, Any]) -> str | None:
    if not isinstance(request.get("mql"), str):
        return "mql: expected a text"
    if not isinstance(request.get("default_namespace"), str | None):
        return "default_namespace: expected a text or null"
    if not isinstance(request.get("include_retired"), bool | None):
        return "include_retired: expected true or false"
    if request.get("mode") not in {None, *MODES}:
        return f"mode: expected one of {', '.join(MODES)}"
    return None


def _reply(request: dict[str, Any], source: Source, mode: str) -> dict[str, Any]:
    text = request["mql"]
    namespace = request.get("default_namespace") or None
    retired = bool(request.get("include_retired"))
    findings = lint(text, LintOptions(namespace, retired), source)
    codes = sorted({finding.code for finding in findings})
    if (request.get("mode") or mode) == "server":
        return {"error": NOT_OFFERED, "lint": codes}
    try:
        answer = evaluate(text, source, Options(namespace, retired))
    except QueryError as error:
        return {"error": error.message, "lint": codes}
    return {"result": [record.did for record in answer.records], "lint": codes}
