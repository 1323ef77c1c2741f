"""The registry of checks: each rule is one function with an id, a severity and an authority."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from mx2prod.metadata.context import Context
from mx2prod.metadata.problems import OURS, Problem
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity


class Finding(NamedTuple):
    """What a check function found; the registry adds rule, severity and authority."""

    field: str
    got: Any
    want: Any
    severity: Severity | None = None


Check = Callable[[RecordView, Context], Iterable[Finding]]


@dataclass(frozen=True)
class Rule:
    """One rule of the registry.

    Attributes
    ----------
    id : str
        ``X01`` ... ``X26`` of the metadata page, section 7, or a word for a rule of section 3 or 4.
    severity : Severity
        Unless a finding states another.
    title : str
        What the rule asks for, in one line.
    check : callable or None
        None for rules over several records, and for those that other modules report.
    authority : str
    """

    id: str
    severity: Severity
    title: str
    check: Check | None = None
    authority: str = OURS

    def problem(self, finding: Finding) -> Problem:
        """Make a problem of a finding."""
        severity = finding.severity or self.severity
        return Problem(finding.field, self.id, severity, finding.got, finding.want, self.authority)


RULES: dict[str, Rule] = {}
"""All rules by id, filled by the modules of :mod:`mx2prod.metadata.checks`."""


def register(rule: Rule) -> Rule:
    """Add a rule to the registry."""
    RULES[rule.id] = rule
    return rule


def rule(identifier: str, severity: Severity, title: str) -> Callable[[Check], Check]:
    """Register the decorated function as the check of a rule over single records."""

    def decorate(check: Check) -> Check:
        register(Rule(identifier, severity, title, check))
        return check

    return decorate


for _identifier, _severity, _title, _authority in (
    ("json", Severity.ERROR, "The file is JSON and holds one object", OURS),
    ("old-word", Severity.WARNING, "No word that the authority calls old", "MC"),
    ("unknown-key", Severity.NOTE, "No key that the authority does not list", "MC"),
    ("content", Severity.WARNING, "The gates have the trigger types of the stream", OURS),
    ("sidecar", Severity.WARNING, "The DAQ's JSON beside a raw file says the same", "DAQ"),
):
    register(Rule(_identifier, _severity, _title, None, _authority))
