"""Results of checks, and who waived what (page, section 5)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from mx2prod.conditions.rules import RULES

TYPE = "mx2-checks/1"


@dataclass(frozen=True)
class Result:
    """What a rule found.

    Attributes
    ----------
    rule : str
        A name of :data:`~mx2prod.conditions.rules.RULES`.
    problems : tuple of str
        Empty: it passed.
    """

    rule: str
    problems: tuple[str, ...]


@dataclass(frozen=True)
class Waiver:
    """A person lets a failed rule pass, for these contents only."""

    rule: str
    person: str
    reason: str


@dataclass(frozen=True)
class Checks:
    """Results of all rules on the contents of a global tag.

    Attributes
    ----------
    contents : str
        Digest of the manifest without checks.
    limits : dict of str to str
    results : tuple of Result
    waivers : tuple of Waiver
    """

    contents: str
    limits: dict[str, str]
    results: tuple[Result, ...]
    waivers: tuple[Waiver, ...] = ()

    def verdict(self, result: Result) -> str:
        """Say whether a result is ``passed``, ``waived`` or ``failed``."""
        if not result.problems:
            return "passed"
        needed = RULES[result.rule].waivers
        persons = {waiver.person for waiver in self.waivers if waiver.rule == result.rule}
        return "waived" if needed and len(persons) >= needed else "failed"

    @property
    def failed(self) -> list[Result]:
        """Results that stand against validation."""
        return [result for result in self.results if self.verdict(result) == "failed"]

    def document(self) -> dict[str, Any]:
        """Content as JSON, without floats."""
        return {
            "type": TYPE,
            "contents": self.contents,
            "limits": self.limits,
            "results": [{"rule": r.rule, "problems": list(r.problems)} for r in self.results],
            "waivers": [vars(waiver) for waiver in self.waivers],
        }

    @classmethod
    def of_document(cls, body: dict[str, Any]) -> Checks:
        """Make checks of a :meth:`document`."""
        return cls(
            body["contents"],
            body["limits"],
            tuple(Result(item["rule"], tuple(item["problems"])) for item in body["results"]),
            tuple(Waiver(**item) for item in body["waivers"]),
        )

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 conditions check --json``."""
        results = [
            {
                "rule": result.rule,
                "meaning": RULES[result.rule].meaning,
                "verdict": self.verdict(result),
                "waivers_needed": RULES[result.rule].waivers,
                "problems": list(result.problems),
            }
            for result in self.results
        ]
        return {
            "contents": self.contents,
            "results": results,
            "waivers": [vars(waiver) for waiver in self.waivers],
            "failed": [result.rule for result in self.failed],
        }
