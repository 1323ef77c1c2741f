"""A finding about a record: which field, which rule, who asks for it, what stands there."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mx2prod.raw.faults import Severity

OURS = "ours"
"""Authority of the rules of mx2prod itself, beside MC, MU, TC and DAQ."""

_LONGEST = 400
_LINE = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding about a record.

    Attributes
    ----------
    field : str
        Key of the metadata, member of the outer record, or ``record``.
    rule : str
        Id of the rule: ``X01`` ... ``X26``, or a word of :data:`mx2prod.metadata.rules.RULES`.
    severity : Severity
        error: the file must not be declared; warning: recorded; note: for information.
    got, want : str, int, float, bool, list, dict or None
        What stands in the record, and what the rule asks for.
    authority : str
        ``ours``, ``MC``, ``MU``, ``TC`` or ``DAQ`` (metadata page, section 2).
    """

    field: str
    rule: str
    severity: Severity
    got: Any
    want: Any
    authority: str

    def as_dict(self) -> dict[str, Any]:
        """Members of the interface page, all values legal JSON and of bounded length."""
        return {
            "field": shown(self.field),
            "rule": self.rule,
            "severity": str(self.severity),
            "got": shown(self.got),
            "want": shown(self.want),
            "authority": self.authority,
        }

    def __str__(self) -> str:
        got = "nothing" if self.got is None else _shortened(_compact(shown(self.got)))
        want = self.want if isinstance(self.want, str) else _compact(shown(self.want))
        return (
            f"{self.severity} {self.rule} {_plain(self.field)}: found {got}, "
            f"expected {_shortened(_plain(want))} [{self.authority}]"
        )


def has_errors(problems: Iterable[Problem]) -> bool:
    """Say whether a record with these findings must not be declared."""
    return any(problem.severity is Severity.ERROR for problem in problems)


def shown(value: Any) -> Any:
    """Give a value that can stand in a JSON document: itself, or its text where it cannot.

    Floats that JSON does not know and everything longer than 400 characters become text.
    """
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if abs(value) < 10**30 else f"integer of {value.bit_length()} bits"
    text = value if isinstance(value, str) else _compact(value)
    if len(text) > _LONGEST:
        return f"{text[:_LONGEST]}... ({len(text)} characters)"
    return value if isinstance(value, str) or _is_plain(text) else text


def _compact(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=True)
    except (TypeError, ValueError, RecursionError):
        return f"a value of type {type(value).__name__} that is not JSON"


def _is_plain(text: str) -> bool:
    return not any(word in text for word in ("NaN", "Infinity", "that is not JSON"))


def _plain(text: str) -> str:
    """Text that can be printed on one line of any terminal."""
    return ascii(text)[1:-1]


def _shortened(text: str) -> str:
    return text if len(text) <= _LINE else f"{text[:_LINE]}..."
