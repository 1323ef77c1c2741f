"""What MetaCatch (MC), merge-utils (MU) and the TypeChecker (TC) would say of a record.

Each authority is a table of ``data/authorities-<version>.toml`` and is evaluated on its own,
with at most one finding a field.  What we know of and keep is a *known disagreement*: a warning
(metadata page, D1).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, cached_property
from typing import Any

from mx2prod.metadata.problems import Problem
from mx2prod.metadata.schema import read_table
from mx2prod.metadata.view import RecordView
from mx2prod.raw.faults import Severity

AUTHORITIES_VERSION = "1"

_TYPES: dict[str, tuple[type, ...]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "bool": (bool,),
    "list": (list,),
    "dict": (dict,),
}
_EXACT: dict[str, tuple[type, ...]] = {**_TYPES, "": ()}
"""Types of values that are right at first sight; none for a key without a type."""


@dataclass(frozen=True)
class RequiredKeys:
    """Keys that an authority asks for, and of which records.

    Attributes
    ----------
    keys : tuple of str
    tiers, not_tiers, file_types : frozenset of str
        Empty: no condition.
    """

    keys: tuple[str, ...]
    tiers: frozenset[str]
    not_tiers: frozenset[str]
    file_types: frozenset[str]

    def apply_to(self, data_tier: str, file_type: str) -> bool:
        """Whether the group holds for a record."""
        return (
            (not self.tiers or data_tier in self.tiers)
            and data_tier not in self.not_tiers
            and (not self.file_types or file_type in self.file_types)
        )


@dataclass(frozen=True)
class KnownDisagreement:
    """A finding of an authority that we keep as a warning.

    Attributes
    ----------
    authority, field, kind, reason : str
    values : frozenset of str
        Only for these values; empty: whatever the value.
    """

    authority: str
    field: str
    kind: str
    reason: str
    values: frozenset[str]

    def covers(self, field: str, kind: str, value: Any) -> bool:
        """Whether a finding is this one."""
        if (field, kind) != (self.field, self.kind):
            return False
        return not self.values or (isinstance(value, str) and value in self.values)


@dataclass(frozen=True)
class Authority:
    """Rules of one authority.

    Attributes
    ----------
    name, title : str
    required : tuple of RequiredKeys
    types : dict of str to str
    words, old_words : dict of str to frozenset of str
    unknown_keys : frozenset of str
        Keys of ours that it does not know.
    known : tuple of KnownDisagreement
    """

    name: str
    title: str
    required: tuple[RequiredKeys, ...]
    types: Mapping[str, str]
    words: Mapping[str, frozenset[str]]
    old_words: Mapping[str, frozenset[str]]
    unknown_keys: frozenset[str]
    known: tuple[KnownDisagreement, ...]

    @cached_property
    def _wanted_words(self) -> dict[str, str]:
        return {key: "one of " + ", ".join(sorted(words)) for key, words in self.words.items()}

    @cached_property
    def _accepted(self) -> dict[str, tuple[tuple[type, ...], frozenset[str] | None]]:
        """Types and words of each key, for the values that need no second look."""
        keys = {*self.types, *self.words, *self.unknown_keys}
        return {
            key: (
                () if key in self.unknown_keys else _EXACT[self.types.get(key, "")],
                self.words.get(key),
            )
            for key in keys
        }

    def problems(self, view: RecordView) -> Iterator[Problem]:
        """Give the findings about a record, at most one a field."""
        yield from self._missing(view)
        accepted = self._accepted
        for key, value in view.metadata.items():
            if key not in accepted:
                continue
            types, words = accepted[key]
            if type(value) in types and (words is None or value in words):
                continue
            problem = self._value_problem(key, value)
            if problem is not None:
                yield problem

    def _missing(self, view: RecordView) -> Iterator[Problem]:
        data_tier, file_type = view.text("core.data_tier"), view.text("core.file_type")
        for group in self.required:
            if group.apply_to(data_tier or "", file_type or ""):
                for key in group.keys:
                    if key not in view.metadata:
                        yield self._problem(key, "required", None, "a value")

    def _value_problem(self, key: str, value: Any) -> Problem | None:
        wanted = self.types.get(key)
        if wanted is not None and not _is_a(value, wanted):
            return self._problem(key, "type", value, wanted)
        words = self.words.get(key)
        if words is not None and not (isinstance(value, str) and value in words):
            problem = self._problem(key, "word", value, self._wanted_words[key])
            old = isinstance(value, str) and value in self.old_words.get(key, ())
            if old and problem.severity is Severity.ERROR:
                return replace(problem, rule="old-word", severity=Severity.WARNING)
            return problem
        if key in self.unknown_keys:
            want = "a key in its list"
            return Problem(key, "unknown-key", Severity.NOTE, value, want, self.name)
        return None

    def _problem(self, field: str, kind: str, got: Any, want: Any) -> Problem:
        known = any(item.covers(field, kind, got) for item in self.known)
        severity = Severity.WARNING if known else Severity.ERROR
        return Problem(field, kind, severity, got, want, self.name)


@cache
def load_authorities(version: str = AUTHORITIES_VERSION) -> tuple[Authority, ...]:
    """Load a version of the authorities' rules.

    Raises
    ------
    ConfigError
        If there is no such version.
    """
    table = read_table("authorities", version)
    known = [
        KnownDisagreement(
            row["authority"],
            row["field"],
            row["kind"],
            row["reason"],
            frozenset(row.get("values", ())),
        )
        for row in table["known"]
    ]
    return tuple(
        _authority(name, row, tuple(item for item in known if item.authority == name))
        for name, row in table["authority"].items()
    )


def authority_problems(view: RecordView) -> list[Problem]:
    """Ask every authority; nothing is said of a record without metadata, which ours reports."""
    if not view.metadata:
        return []
    return [problem for item in load_authorities() for problem in item.problems(view)]


def _authority(name: str, row: dict[str, Any], known: tuple[KnownDisagreement, ...]) -> Authority:
    required = tuple(
        RequiredKeys(
            tuple(group["keys"]),
            frozenset(group.get("tiers", ())),
            frozenset(group.get("not_tiers", ())),
            frozenset(group.get("file_types", ())),
        )
        for group in row["required"]
    )
    return Authority(
        name,
        row["title"],
        required,
        row["types"],
        {key: frozenset(words) for key, words in row["words"].items()},
        {key: frozenset(words) for key, words in row["old_words"].items()},
        frozenset(row.get("unknown_keys", ())),
        known,
    )


def _is_a(value: Any, wanted: str) -> bool:
    if isinstance(value, bool):
        return wanted == "bool"
    return isinstance(value, _TYPES[wanted])
