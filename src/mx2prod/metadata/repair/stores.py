"""Where declared records are: the protocol of a store, and a folder of record files."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from mx2prod.core.errors import InputFileError, NotInCatalogError, UsageError
from mx2prod.core.files import write_text
from mx2prod.core.ids import NAMESPACE
from mx2prod.metadata.context import did_of, parent_dids
from mx2prod.metadata.records import data_path, read_record, record_path, record_text


@dataclass(frozen=True)
class StoredRecord:
    """A record of a store.

    Attributes
    ----------
    did : str
    record : dict
        As it is declared; parents as ``{"did": ...}``.
    fid : str or None
    updated : float or None
        Time of the last change, UTC seconds, where the store keeps it.
    """

    did: str
    record: dict[str, Any]
    fid: str | None = None
    updated: float | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """Metadata of the record."""
        metadata: dict[str, Any] = self.record["metadata"]
        return metadata

    @cached_property
    def sha256(self) -> str:
        """sha256 of the whole record; types count, the order of the keys does not."""
        return record_sha256(self.record)


def record_sha256(record: Mapping[str, Any]) -> str:
    """sha256 of a record; unlike canonical JSON it accepts what should not stand there, NaN."""
    return hashlib.sha256(json.dumps(record, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Effect:
    """How a dataset that is defined by a query changes with the records.

    Attributes
    ----------
    dataset : str
        ``namespace:name``.
    gained, lost : tuple of str
        Dids.
    """

    dataset: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]


class RecordStore(Protocol):
    """Declared records that can be repaired; the catalogue implements it above this room."""

    @property
    def address(self) -> str:
        """Where the records are, without secrets."""

    def select(self, dataset: str) -> Iterator[StoredRecord]:
        """Give the records of a dataset or query, each once."""

    def find(self, did: str) -> StoredRecord | None:
        """Record of a did, freshly read."""

    def update(self, did: str, values: Mapping[str, Any], remove: Collection[str]) -> None:
        """Set metadata keys, and take out those that an undo removes; all others stay.

        Raises
        ------
        Mx2Error
            If the store refuses.
        """

    def effects(self, changes: Mapping[str, Mapping[str, Any]]) -> Sequence[Effect]:
        """Say what new metadata values, by did, would change in datasets with a definition."""


class FolderStore:
    """Records in files ``<name>.json`` of one folder.

    The JSON that the DAQ wrote beside a raw file is no record and is left alone.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    UsageError
        If it is no folder.
    """

    def __init__(self, folder: Path) -> None:
        if not folder.is_dir():
            raise UsageError(f"{folder}: no folder of records", next_step=f"ls -d {folder}")
        self.folder = folder

    @property
    def address(self) -> str:
        """The folder."""
        return str(self.folder)

    def select(self, dataset: str = "") -> Iterator[StoredRecord]:
        """Give all records, or the one of a did, in the order of their names.

        Raises
        ------
        UsageError
            For a query: only a catalogue answers queries.
        NotInCatalogError
            For a did without a record.
        """
        if not dataset:
            for path in sorted(self.folder.glob("*.json")):
                if (stored := _stored(path)) is not None:
                    yield stored
            return
        if " " in dataset or ":" not in dataset:
            raise UsageError(
                f"{dataset!r}: a folder of records answers no queries, expected NAMESPACE:NAME"
            )
        found = self.find(dataset)
        if found is None:
            raise NotInCatalogError(f"{dataset}: no record in {self.folder}")
        yield found

    def find(self, did: str) -> StoredRecord | None:
        """Record of a did; None if there is none."""
        path = self._path(did)
        stored = _stored(path) if path.is_file() else None
        return stored if stored is not None and stored.did == did else None

    def update(self, did: str, values: Mapping[str, Any], remove: Collection[str]) -> None:
        """Write the record again, atomically; keys that stay keep their place.

        Raises
        ------
        NotInCatalogError
            If the record is not there.
        OutputError
            If it cannot be written.
        """
        stored = self.find(did)
        if stored is None:
            raise NotInCatalogError(f"{did}: no record in {self.folder}")
        changed = changed_record(stored.record, values, remove)
        write_text(self._path(did), record_text(changed), overwrite=True)

    def effects(self, changes: Mapping[str, Mapping[str, Any]]) -> Sequence[Effect]:
        """Nothing: a folder has no datasets."""
        return ()

    def _path(self, did: str) -> Path:
        return record_path(self.folder / did.rpartition(":")[2].replace("/", "_"))


def changed_record(
    record: Mapping[str, Any], values: Mapping[str, Any], remove: Collection[str] = ()
) -> dict[str, Any]:
    """Give a record with other metadata values."""
    metadata = {**record["metadata"], **values}
    kept = {key: value for key, value in metadata.items() if key not in remove}
    return {**record, "metadata": kept}


def _stored(path: Path) -> StoredRecord | None:
    """Record of a file; None for other JSON."""
    value = read_record(path)
    if not isinstance(value, dict) or not isinstance(value.get("metadata"), dict):
        return None
    data_file = data_path(path)
    if data_file is not None and value["metadata"].get("core.data_tier") == "binary-raw":
        return None
    value.setdefault("namespace", NAMESPACE)
    did = did_of(value)
    if did is None or did.rpartition(":")[2] != path.name.removesuffix(".json"):
        raise InputFileError(f"{path}: holds the record of {did}, expected that of {path.stem}")
    return StoredRecord(did, value, updated=path.stat().st_mtime)


class StoreRecords:
    """The records of a store as a :class:`mx2prod.metadata.RecordLookup`, each read once.

    Parameters
    ----------
    store : RecordStore
    known : iterable of StoredRecord
        Records that were read already.
    """

    complete = False

    def __init__(self, store: RecordStore, known: Sequence[StoredRecord] = ()) -> None:
        self._store = store
        self._known: dict[str, StoredRecord | None] = {item.did: item for item in known}
        self._children: dict[str, list[dict[str, Any]]] = {}
        for item in known:
            for parent in parent_dids(item.record):
                self._children.setdefault(parent, []).append(item.record)

    def find(self, did: str) -> Mapping[str, Any] | None:
        """Record of ``namespace:name``."""
        if did not in self._known:
            self._known[did] = self._store.find(did)
        stored = self._known[did]
        return stored.record if stored is not None else None

    def children(self, did: str) -> Sequence[Mapping[str, Any]]:
        """Give the known records that name this did as a parent."""
        return self._children.get(did, [])
