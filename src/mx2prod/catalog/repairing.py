"""A catalogue as the store of records that the metadata room repairs (metadata page, 10)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Connection, select, update

from mx2prod.catalog.indexed import indexed_values
from mx2prod.catalog.querying import ids_of
from mx2prod.catalog.records import FileRecord
from mx2prod.catalog.rows import chunks, records_of_ids
from mx2prod.catalog.tables import CONTENT, DATASET, FILE
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import NameFormatError, NotInCatalogError, UsageError
from mx2prod.core.ids import Did
from mx2prod.metadata.repair import Effect, StoredRecord

if TYPE_CHECKING:
    from mx2prod.catalog.store import Catalog


class CatalogueStore:
    """A :class:`mx2prod.metadata.repair.RecordStore` over a catalogue.

    Parameters
    ----------
    catalogue : Catalog
        Stays open as long as this is used.
    """

    def __init__(self, catalogue: Catalog) -> None:
        self._catalogue = catalogue

    @property
    def address(self) -> str:
        """Address without secrets."""
        return self._catalogue.address

    def select(self, dataset: str) -> Iterator[StoredRecord]:
        """Give the records of an MQL text, of a dataset, or of a file.

        Raises
        ------
        QueryError
            If a text cannot be understood.
        UsageError
            If it does not select files.
        NotInCatalogError
            If there is neither a dataset nor a file of a did.
        """
        for chunk in chunks(self._files(dataset)):
            yield from self._stored(chunk)

    def find(self, did: str) -> StoredRecord | None:
        """Record of a did, freshly read; None if it is not there or retired."""
        try:
            found = self._catalogue.file(Did.parse(did))
        except NameFormatError:
            return None
        if found is None or found.retired:
            return None
        return self._stored([found])[0]

    def update(self, did: str, values: Mapping[str, Any], remove: Collection[str]) -> None:
        """Set metadata keys; only an undo, which takes keys out, replaces the whole.

        Raises
        ------
        CatalogError
            If the catalogue refuses.
        """
        which = Did.parse(did)
        if not remove:
            self._catalogue.update_file(which, metadata=values)
            return
        stored = self.find(did)
        if stored is None:
            raise NotInCatalogError(f"no file {did}")
        kept = {key: value for key, value in stored.metadata.items() if key not in remove}
        self._catalogue.update_file(which, metadata={**kept, **values}, replace_metadata=True)

    def effects(self, changes: Mapping[str, Mapping[str, Any]]) -> Sequence[Effect]:
        """Say how datasets with a definition would change; tried in a transaction, then undone."""
        session = self._catalogue.session
        with session.changing(dry_run=True) as connection:
            definitions = _definitions(connection)
            before = {did: set(ids_of(session, connection, mql)) for did, mql in definitions}
            _try(connection, changes)
            after = {did: set(ids_of(session, connection, mql)) for did, mql in definitions}
            return [
                Effect(
                    did,
                    _dids(connection, after[did] - before[did]),
                    _dids(connection, before[did] - after[did]),
                )
                for did, _ in definitions
                if after[did] != before[did]
            ]

    def _files(self, dataset: str) -> Iterable[FileRecord]:
        text = dataset.strip()
        if " " not in text:
            did = Did.parse(text)
            if self._catalogue.dataset(did) is not None:
                return self._catalogue.dataset_files(did, with_metadata=True, with_provenance=True)
            file = self._catalogue.file(did)
            if file is None:
                raise NotInCatalogError(
                    f"neither a dataset nor a file {did}", next_step="mx2 dataset show"
                )
            return [file]
        answer = self._catalogue.query(text)
        if answer.kind != "files":
            raise UsageError(f"{text!r} selects {answer.kind}, expected files")
        records = answer.records(with_metadata=True, with_provenance=True)
        return cast("Iterable[FileRecord]", records)

    def _stored(self, files: Sequence[FileRecord]) -> list[StoredRecord]:
        """Give records with their parents as dids."""
        fids = dict.fromkeys(fid for file in files for fid in file.parents)
        parents = self._catalogue.files(
            [{"fid": fid} for fid in fids],
            with_metadata=False,
            with_provenance=False,
            with_datasets=False,
        )
        names = {parent.fid: parent.did for parent in parents}
        return [_stored(file, names) for file in files]


def _stored(file: FileRecord, names: Mapping[str, str]) -> StoredRecord:
    record: dict[str, Any] = {
        "name": file.name,
        "namespace": file.namespace,
        "size": file.size,
        "checksums": dict(file.checksums),
        "metadata": dict(file.metadata),
    }
    if file.parents:
        record["parents"] = [{"did": names[fid]} for fid in file.parents]
    return StoredRecord(file.did, record, file.fid, file.updated_timestamp)


def _definitions(connection: Connection) -> list[tuple[str, str]]:
    """Did and text of the datasets whose members follow from a definition."""
    columns = (DATASET.c.namespace, DATASET.c.name, DATASET.c.definition)
    query = select(*columns).where(DATASET.c.definition.is_not(None))
    rows = connection.execute(query.order_by(DATASET.c.namespace, DATASET.c.name))
    return [(f"{namespace}:{name}", text) for namespace, name, text in rows]


def _try(connection: Connection, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Set metadata as an update would, without its checks and events."""
    for did, values in changes.items():
        namespace, _, name = did.partition(":")
        where = (FILE.c.name == name) & (FILE.c.namespace == namespace)
        number = connection.execute(select(FILE.c.id).where(where)).scalar_one()
        (record,) = records_of_ids(connection, [number], with_provenance=False, with_datasets=False)
        metadata = {**record.metadata, **values}
        changed = update(FILE).where(FILE.c.id == number).values(**indexed_values(metadata))
        connection.execute(changed)
        content = update(CONTENT).where(CONTENT.c.file == number)
        connection.execute(content.values(metadata=canonical_json(metadata)))


def _dids(connection: Connection, numbers: Iterable[int]) -> tuple[str, ...]:
    records = records_of_ids(
        connection,
        sorted(numbers),
        with_metadata=False,
        with_provenance=False,
        with_datasets=False,
    )
    return tuple(record.did for record in records)
