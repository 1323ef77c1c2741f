"""Where a real server would answer a query differently (catalogue page, section 2.5).

Rules stand in ``lint_terms`` and ``lint_times`` (conditions), ``lint_sets`` (sets of files and
datasets) and ``lint_text`` (what the text itself shows).
"""

from __future__ import annotations

from mx2prod.catalog.mql import lint_sets, lint_terms, lint_text, lint_times
from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.lint_context import Context, LintOptions
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.source import Source
from mx2prod.core.errors import QueryError

_MOST_STEPS = 1000
"""Findings that are rewritten, one after the other."""


def lint(
    text: str, options: LintOptions | None = None, source: Source | None = None
) -> list[Finding]:
    """Find the places where a MetaCat server fails, or answers something else.

    Parameters
    ----------
    text : str
        MQL text; of a text that cannot be read only what the characters show is found.
    options : LintOptions, optional
    source : Source, optional
        A catalogue, to see which datasets, keys and retired files there are.

    Returns
    -------
    list of Finding
        In the order of the text.
    """
    options = options or LintOptions()
    found = list(lint_text.always(text))
    try:
        query = parse(text)
    except QueryError:
        return found
    context = Context(text, query, options, source)
    for rules in (lint_text, lint_sets, lint_terms, lint_times):
        for rule in rules.RULES:
            found.extend(rule(context))
    return sorted(set(found), key=lambda finding: (finding.span, finding.code))


def rewritten(text: str, options: LintOptions | None = None, source: Source | None = None) -> str:
    """Write a query so that a server answers it as we do, as far as the findings know how.

    Notes are left alone.

    Parameters
    ----------
    text : str
    options : LintOptions, optional
    source : Source, optional

    Returns
    -------
    str
        The text itself if there is nothing to rewrite.
    """
    for _ in range(_MOST_STEPS):
        better = [
            finding.rewriting
            for finding in lint(text, options, source)
            if finding.rewriting is not None and finding.kind != "NOTE"
        ]
        if not better:
            return text
        text = better[0]
    return text
