"""A record seen through typed glasses: values of the right type, or None.

The checks work on this view, so that any JSON value can be checked without an exception.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from mx2prod.core.errors import NameFormatError
from mx2prod.core.ids import FileName, RunSubrun
from mx2prod.metadata.context import Record, did_of, parent_dids
from mx2prod.metadata.schema import Schema, Tier

MAX_BITS = 80
"""Longer integers than this are no numbers to calculate with; the value rule reports them."""


def as_integer(value: Any) -> int | None:
    """Give an integer of at most 80 bits that is not a boolean, else None."""
    return value if type(value) is int and value.bit_length() <= MAX_BITS else None


def as_number(value: Any) -> float | int | None:
    """Give a finite float or an integer (see :func:`as_integer`), else None."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    return as_integer(value)


def as_text(value: Any) -> str | None:
    """Give a text, else None."""
    return value if type(value) is str else None


def as_integers(value: Any) -> list[int] | None:
    """Give a list of integers (see :func:`as_integer`), else None."""
    if type(value) is list and all(as_integer(item) is not None for item in value):
        return value
    return None


def as_ranges(value: Any) -> list[tuple[int, int]] | None:
    """Give a list of pairs of integers, else None."""
    if type(value) is not list:
        return None
    pairs = [as_integers(item) for item in value]
    if any(pair is None or len(pair) != 2 for pair in pairs):
        return None
    return [(pair[0], pair[1]) for pair in pairs if pair is not None]


@dataclass(frozen=True)
class ParsedName:
    """A file name, parsed; or why it does not parse."""

    name: FileName | None
    error: str


class RecordView:
    """Typed access to a record of any content.

    Parameters
    ----------
    value : any JSON value
    schema : Schema

    Attributes
    ----------
    record, metadata : mapping
        The record and its metadata; empty where they are no objects.
    """

    def __init__(self, value: Any, schema: Schema) -> None:
        self.schema = schema
        self.is_object = isinstance(value, dict)
        self.record: Record = value if isinstance(value, dict) else {}
        metadata = self.record.get("metadata")
        self.metadata: Record = metadata if isinstance(metadata, dict) else {}

    def get(self, key: str) -> Any:
        """Value of a metadata key; None if it is missing."""
        return self.metadata.get(key)

    def text(self, key: str) -> str | None:
        """Text of a metadata key; None if missing or of another type."""
        return as_text(self.metadata.get(key))

    def integer(self, key: str) -> int | None:
        """Integer of a metadata key; None if missing or of another type."""
        return as_integer(self.metadata.get(key))

    def number(self, key: str) -> float | int | None:
        """Finite number of a metadata key; None if missing or of another type."""
        return as_number(self.metadata.get(key))

    def integers(self, key: str) -> list[int] | None:
        """List of integers of a metadata key; None if missing or of another type."""
        return as_integers(self.metadata.get(key))

    @cached_property
    def ranges(self) -> list[tuple[int, int]] | None:
        """``core.lum_block_ranges`` as pairs; None if missing or malformed."""
        return as_ranges(self.metadata.get("core.lum_block_ranges"))

    @cached_property
    def gates_in_ranges(self) -> int | None:
        """Sum of the range lengths; None without ordered ranges."""
        if not self.ranges or any(last < first for first, last in self.ranges):
            return None
        return sum(last - first + 1 for first, last in self.ranges)

    @cached_property
    def parsed_name(self) -> ParsedName:
        """The file name, parsed."""
        name = as_text(self.record.get("name"))
        if name is None:
            return ParsedName(None, "no name")
        try:
            return ParsedName(FileName.parse(name), "")
        except NameFormatError as error:
            return ParsedName(None, error.message)

    @property
    def file_name(self) -> FileName | None:
        """The file name, parsed; None if it does not parse."""
        return self.parsed_name.name

    @cached_property
    def tier(self) -> Tier | None:
        """Tier by ``core.data_tier``; by the suffix of the name where the word is unknown."""
        known = self.schema.by_data_tier.get(self.text("core.data_tier") or "")
        if known is None and self.file_name is not None:
            return self.schema.by_suffix.get(self.file_name.suffix)
        return known

    @property
    def letter(self) -> str | None:
        """Letter of the tier."""
        return self.tier.letter if self.tier else None

    @cached_property
    def did(self) -> str | None:
        """``namespace:name``."""
        return did_of(self.record)

    @cached_property
    def parents(self) -> list[str]:
        """Dids of the parents, as far as they are well-formed."""
        return parent_dids(self.record)

    @cached_property
    def run_subruns(self) -> list[RunSubrun]:
        """Run and subrun that the file name states; empty if it does not parse."""
        return [self.file_name.run_subrun] if self.file_name else []

    @cached_property
    def runs(self) -> list[int]:
        """Runs: ``core.runs``, else the run of the name."""
        listed = self.integers("core.runs")
        return listed or [item.run for item in self.run_subruns]

    @cached_property
    def merged(self) -> bool:
        """True for a file that a merge job made."""
        return any(type(key) is str and key.startswith("merge.") for key in self.metadata)

    @property
    def whole(self) -> bool:
        """True where the content status says that nothing is missing."""
        return self.metadata.get("core.file_content_status") == "good"

    @property
    def mixed_stream(self) -> bool:
        """True for streams in which beam gates alternate with others."""
        stream = self.schema.streams.get(self.text("core.data_stream") or "")
        return stream is not None and stream.mixed
