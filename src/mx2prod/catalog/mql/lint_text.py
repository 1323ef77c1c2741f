"""Lint rules on the text and the options."""

from __future__ import annotations

import re
from collections.abc import Iterator

from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.check import keys_of
from mx2prod.catalog.mql.findings import Finding
from mx2prod.catalog.mql.lint_context import Context, Rule, combinations
from mx2prod.catalog.mql.parse import without_comments
from mx2prod.catalog.mql.syntax import Span
from mx2prod.core.suggest import nearest

_COPIED_INTO_URL = 255
_QUOTED = re.compile(r"""("[^"]*"|'[^']*')|#[^\n]*""")
MOST_COMBINATIONS = 1024


def always(text: str) -> Iterator[Finding]:
    """Find what the characters show: an empty text (L21), ``&`` near the beginning (L28)."""
    if not text.strip():
        yield Finding("L21", Span(0, len(text)))
    at = text.find("&", 0, _COPIED_INTO_URL)
    if at >= 0:
        yield Finding("L28", Span(at, at + 1))


def quotes(context: Context) -> Iterator[Finding]:
    """``#`` (L18) or the other quote (L19) inside quotes."""
    for match in _QUOTED.finditer(context.text):
        if not match[1]:
            continue
        inside, span = match[1][1:-1], Span(*match.span())
        if "#" in inside:
            yield Finding("L18", span)
        if "'" in inside or '"' in inside:
            yield Finding("L19", span, "the other quote inside quotes")


def batches(context: Context) -> Iterator[Finding]:
    """Find queries that cannot be asked in batches (L29)."""
    if context.options.batch_size is None:
        return
    bare = without_comments(context.text)
    if bare != context.text:
        yield Finding("L29", context.query.span, "it has a comment", " ".join(bare.split()))
    if isinstance(context.query, syntax.DatasetQuery | syntax.QueriesQuery):
        yield Finding("L29", context.query.span, "it does not select files")


def unknown_keys(context: Context) -> Iterator[Finding]:
    """Keys that nothing in the catalogue has (K01)."""
    if context.source is None:
        return
    known = context.source.known_keys()
    for key in keys_of(context.query):
        if key.name not in known:
            yield context.finding("K01", key, detail=f"{key.name}{nearest(key.name, known)}")


def sums_of_products(context: Context) -> Iterator[Finding]:
    """Conditions that the server writes out to more than 1024 terms (K02)."""
    for expression, _ in context.conditions:
        count = combinations(expression)
        if count > MOST_COMBINATIONS:
            shown = str(count) if count < 10**6 else "more than a million"
            detail = f"{shown} combinations; use  key in (a, b)  in the place of 'or'"
            yield Finding("K02", expression.span, detail)


RULES: tuple[Rule, ...] = (quotes, batches, unknown_keys, sums_of_products)
