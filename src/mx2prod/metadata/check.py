"""Check records: every rule of the registry, every authority, one list of findings."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mx2prod.metadata import checks
from mx2prod.metadata.authorities import authority_problems
from mx2prod.metadata.context import Context
from mx2prod.metadata.problems import Problem
from mx2prod.metadata.rules import RULES
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

_RANK = {Severity.ERROR: 0, Severity.WARNING: 1, Severity.NOTE: 2}


def check_record(value: Any, context: Context | None = None) -> list[Problem]:
    """Check one record.

    Parameters
    ----------
    value : any JSON value
        The record; never raises, whatever it is.
    context : Context, optional
        What is known beside it; a check whose facts are missing is not evaluated.

    Returns
    -------
    list of Problem
        Errors first; empty for a record without a finding.
    """
    return _check(RecordView(value, (context or Context()).schema), context or Context())


def check_records(
    values: Sequence[Any], contexts: Sequence[Context] | None = None
) -> list[list[Problem]]:
    """Check records one by one and against each other (X07, X23).

    Parameters
    ----------
    values : sequence of JSON values
    contexts : sequence of Context, optional
        One a record.

    Returns
    -------
    list of list of Problem
        In the order of the records.
    """
    known = list(contexts) if contexts is not None else [Context()] * len(values)
    views = [RecordView(value, item.schema) for value, item in zip(values, known, strict=True)]
    found = [_check(view, item) for view, item in zip(views, known, strict=True)]
    for position, problem in checks.dataset.dataset_problems(views):
        found[position].append(problem)
    return [_sorted(problems) for problems in found]


def _check(view: RecordView, context: Context) -> list[Problem]:
    problems = [
        rule.problem(finding)
        for rule in RULES.values()
        if rule.check is not None
        for finding in rule.check(view, context)
    ]
    return _sorted(problems + authority_problems(view))


def _sorted(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda problem: _RANK[problem.severity])
