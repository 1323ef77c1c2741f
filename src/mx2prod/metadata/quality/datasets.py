"""The definition of a dataset of good files (metadata page, section 8)."""

from __future__ import annotations

import re

from mx2prod.core.errors import UsageError

CONDITION = "dune.dqc_quality = good and dune.output_status = confirmed"
"""Selects the word and the list form alike; the negative forms of it have traps."""

_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"")
_WINDOW = re.compile(r"\b(limit|skip|ordered|union|join|with)\b|\s-\s|[{}]")
_WHERE = re.compile(r"\bwhere\b")
_OR = re.compile(r"\bor\b")


def good_definition(base: str) -> str:
    """Query of the good files of a base query.

    Parameters
    ----------
    base : str
        ``files from NAMESPACE:NAME``, with or without ``where``.

    Raises
    ------
    UsageError
        For a query that a condition cannot simply be added to: sets of queries, and windows such
        as ``limit``.
    """
    query = " ".join(base.split())
    hidden = _QUOTED.sub(lambda match: "x" * len(match[0]), query)
    found = _WINDOW.search(hidden)
    if not hidden.startswith("files from ") or found:
        what = f": {found[0].strip()!r}" if found else ""
        raise UsageError(
            f"{query!r}: expected 'files from NAMESPACE:NAME where CONDITIONS' and no more{what}",
            next_step="mx2 dataset define NAMESPACE:NAME 'files from ... where ...'",
        )
    where = _WHERE.search(hidden)
    if where is None:
        return f"{query} where {CONDITION}"
    head, conditions = query[: where.end()], query[where.end() :].strip()
    if _OR.search(hidden[where.end() :]):
        conditions = f"({conditions})"
    return f"{head} {conditions} and {CONDITION}"
