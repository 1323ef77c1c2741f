"""What a check may know beside the record itself.

Facts of higher rooms (catalogue, placement, run database) come through protocols; a check whose
facts are missing is not evaluated.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from mx2prod.metadata.schema import Schema, load_schema

Record = Mapping[str, Any]


class RecordLookup(Protocol):
    """Other records, for parents (X13) and duplicates (X14)."""

    @property
    def complete(self) -> bool:
        """True where a record that is not found does not exist."""

    def find(self, did: str) -> Record | None:
        """Record of ``namespace:name``, retired ones included (member ``retired`` true)."""

    def children(self, did: str) -> Iterable[Record]:
        """Give the records that name this did as a parent."""


class ReplicaLookup(Protocol):
    """Replicas of files, for the status (X21) and the tape path (X25)."""

    def unverified(self, did: str) -> Sequence[str]:
        """Places of required disk replicas that have not been verified by reading."""

    def on_tape(self, did: str) -> bool:
        """Whether a tape replica exists."""


class GlobalSubrunLookup(Protocol):
    """Rows of the 2x2 run database (X18)."""

    def global_subruns(self, run: int, subrun: int) -> Collection[int]:
        """Global subruns of the rows with this Mx2 run and subrun; empty if it has none."""


class RecordsInMemory:
    """A :class:`RecordLookup` over given records.

    Parameters
    ----------
    records : iterable of mappings
        Whatever has no text ``namespace`` and ``name`` is left out.
    complete : bool
        A record that is not among them does not exist.
    """

    def __init__(self, records: Iterable[Record], *, complete: bool = False) -> None:
        self.complete = complete
        self._by_did: dict[str, Record] = {}
        self._by_parent: dict[str, list[Record]] = {}
        for record in records:
            if did := did_of(record):
                self._by_did[did] = record
                for parent in parent_dids(record):
                    self._by_parent.setdefault(parent, []).append(record)

    def find(self, did: str) -> Record | None:
        """Record of ``namespace:name``."""
        return self._by_did.get(did)

    def children(self, did: str) -> Iterable[Record]:
        """Give the records that name this did as a parent."""
        return self._by_parent.get(did, [])


def did_of(record: Record) -> str | None:
    """``namespace:name`` of a record; None if either is missing or not text."""
    namespace, name = record.get("namespace"), record.get("name")
    if isinstance(namespace, str) and isinstance(name, str):
        return f"{namespace}:{name}"
    return None


def parent_dids(record: Record) -> list[str]:
    """Dids of the parents of a record, as far as they are well-formed."""
    parents = record.get("parents")
    entries = parents if isinstance(parents, list) else []
    dids = [entry.get("did") for entry in entries if isinstance(entry, dict)]
    return [did for did in dids if isinstance(did, str)]


@dataclass(frozen=True)
class Context:
    """Facts beside the record; the defaults know nothing.

    Attributes
    ----------
    schema : Schema
    data_file : Path or None
        The file itself, for a fresh read of its bytes (X15).
    records, replicas, subruns : lookups or None
    previous : mapping or None
        The record before a change (X21, X25).
    sent : mapping or None
        What was sent, if the record is what the server gives back (X24).
    read_back : bool
        The record comes from the server: fields that it fills are expected.
    skipped_gates : int or None
        Gates that the job lists as skipped; None if its list is not at hand (X05, X06).
    time_convention : ``data``, ``process`` or None
        Meaning of start and end time; None takes the schema's.
    now : float or None
        UTC seconds; None takes the clock (X08).
    """

    schema: Schema = field(default_factory=load_schema)
    data_file: Path | None = None
    records: RecordLookup | None = None
    replicas: ReplicaLookup | None = None
    subruns: GlobalSubrunLookup | None = None
    previous: Record | None = None
    sent: Record | None = None
    read_back: bool = False
    skipped_gates: int | None = None
    time_convention: Literal["data", "process"] | None = None
    now: float | None = None
