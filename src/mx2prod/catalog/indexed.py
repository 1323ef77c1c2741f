"""Metadata keys that have a column of their own, so that the database can compare them.

The list is that of the catalogue page, section 5.  It is part of the tables: another list is
another migration.  A column holds the value where that is what the key normally has: one number,
one text, or for ``core.runs`` a list of one number.  It is NULL where the key is missing.  Anything
else sets the bit of the key in ``undecided``, and the evaluator looks at the JSON itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

EXACT = 2**53
"""Up to here every integer is a double of its own."""

_MISSING = object()


@dataclass(frozen=True)
class IndexedKey:
    """A metadata key with a column.

    Attributes
    ----------
    key, column : str
    kind : {"number", "text", "numbers"}
        What the column holds; ``numbers`` for the only number of a list.
    bit : int
        Its bit in ``undecided``.
    """

    key: str
    column: str
    kind: Literal["number", "text", "numbers"]
    bit: int


_LIST: tuple[tuple[str, str, Literal["number", "text", "numbers"]], ...] = (
    ("core.event_count", "event_count", "number"),
    ("core.runs", "run", "numbers"),
    ("core.data_stream", "data_stream", "text"),
    ("core.data_tier", "data_tier", "text"),
    ("core.group", "group_name", "text"),
    ("dune.campaign", "campaign", "text"),
    ("dune.dqc_quality", "dqc_quality", "text"),
    ("dune.workflow", "workflow", "text"),
    ("core.application.family", "application_family", "text"),
    ("core.application.name", "application_name", "text"),
    ("core.application.version", "application_version", "text"),
)
INDEXED_KEYS = {
    key: IndexedKey(key, column, kind, 1 << number)
    for number, (key, column, kind) in enumerate(_LIST)
}
"""Indexed keys by name, in the order of their columns."""


def indexed_values(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Values of the columns of :data:`INDEXED_KEYS`, and ``undecided``."""
    values: dict[str, Any] = {}
    undecided = 0
    for key, indexed in INDEXED_KEYS.items():
        value = metadata.get(key, _MISSING)
        if indexed.kind == "numbers" and type(value) is list and len(value) == 1:
            value = value[0]
        elif indexed.kind == "numbers" and value is not _MISSING:
            value = None
        if value is _MISSING:
            values[indexed.column] = None
        elif is_text(value) if indexed.kind == "text" else is_number(value):
            values[indexed.column] = value
        else:
            values[indexed.column] = None
            undecided |= indexed.bit
    values["undecided"] = undecided
    return values


def is_number(value: Any) -> bool:
    """Tell whether a value is a number that a double holds exactly; a boolean is none."""
    return type(value) is float or (type(value) is int and -EXACT <= value <= EXACT)


def is_text(value: Any) -> bool:
    """Tell whether a value is a text that both databases can hold and compare."""
    if type(value) is not str or "\0" in value:
        return False
    return value.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in value)
