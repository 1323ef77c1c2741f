"""The query language MQL: text to algebra, algebra to answers, and what a server makes of it."""

from mx2prod.catalog.mql.evaluate import Evaluation, Options, evaluate
from mx2prod.catalog.mql.findings import CODES, Finding
from mx2prod.catalog.mql.lint import lint, rewritten
from mx2prod.catalog.mql.lint_context import LintOptions
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.source import MemorySource, Source
from mx2prod.catalog.mql.write import write

__all__ = [
    "CODES",
    "Evaluation",
    "Finding",
    "LintOptions",
    "MemorySource",
    "Options",
    "Source",
    "evaluate",
    "lint",
    "parse",
    "rewritten",
    "write",
]
