"""The recorded queries and catalogues of tests/data/mql."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mx2prod.catalog.folder import read_folder
from mx2prod.catalog.mql.evaluate import Evaluation, Options, evaluate
from mx2prod.catalog.mql.lint import lint
from mx2prod.catalog.mql.lint_context import LintOptions
from mx2prod.catalog.mql.source import MemorySource
from mx2prod.core.errors import QueryError

DATA = Path(__file__).parents[2] / "data" / "mql"
LOADED = 1.75e9


def source_of(name: str) -> MemorySource:
    contents = read_folder(DATA, name, loaded=LOADED, loaded_by="admin")
    return MemorySource(contents.files, contents.datasets, contents.named_queries)


def queries() -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = json.loads((DATA / "queries.json").read_text())
    return entries


def answer(text: str, source: MemorySource, entry: dict[str, Any]) -> Evaluation:
    return evaluate(text, source, Options(entry["default_namespace"], entry["include_retired"]))


def codes(entry: dict[str, Any], source: MemorySource) -> dict[str, str]:
    """Codes that the lint raises for an entry, with their classes."""
    options = LintOptions(entry["default_namespace"], entry["include_retired"])
    return {finding.code: finding.kind for finding in lint(entry["mql"], options, source)}


def difference(entry: dict[str, Any], source: MemorySource) -> str:
    """What is wrong with our answer to an entry, or nothing."""
    wanted = entry["default"]
    try:
        found = [record.did for record in answer(entry["mql"], source, entry).records]
    except QueryError as error:
        return "" if "error" in wanted else f"refused: {error.message}"
    if "error" in wanted:
        return f"answered with {len(found)} records, an error was expected"
    if len(found) != wanted["count"]:
        return f"{len(found)} records, expected {wanted['count']}"
    if entry["compare"] == "count" or "result" not in wanted:
        return ""
    if entry["compare"] == "ordered":
        return "" if found == wanted["result"] else "another order"
    return "" if sorted(found) == sorted(wanted["result"]) else "other records"
