"""What can be asked of a catalogue; :class:`mx2prod.catalog.Catalog` adds what can be changed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Self

from sqlalchemy import Engine

from mx2prod.catalog import files, naming, querying
from mx2prod.catalog.answers import Answer
from mx2prod.catalog.dataset_rows import (
    dataset_or_none,
    dataset_rows,
    find_dataset,
    related,
    subset_closure,
)
from mx2prod.catalog.lineage import ancestors
from mx2prod.catalog.matching import numbers_of
from mx2prod.catalog.mql.evaluate import Options
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery, Namespace
from mx2prod.catalog.rows import plain_records, records_of_ids
from mx2prod.catalog.rules import as_did
from mx2prod.catalog.session import Actor, Session, where_is
from mx2prod.catalog.snapshots import Difference, Snapshot, difference, snapshot_of
from mx2prod.catalog.source import CatalogSource
from mx2prod.core.ids import Did

Which = Mapping[str, str] | Did | str
"""A file: its did, its fid, or an object with did, fid, or namespace and name."""


class Reader:
    """A catalogue in a database, for reading.

    Names of files, datasets and named queries are ``Did`` values or texts ``namespace:name``.

    Parameters
    ----------
    session : Session
    """

    def __init__(self, session: Session) -> None:
        self.session = session

    @property
    def engine(self) -> Engine:
        """Engine of the database."""
        return self.session.engine

    @property
    def actor(self) -> Actor:
        """In whose name changes are made."""
        return self.session.actor

    @property
    def address(self) -> str:
        """Address without secrets, for messages."""
        return where_is(self.session)

    def close(self) -> None:
        """Close the connections."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def query(
        self, mql: str, *, default_namespace: str | None = None, include_retired: bool = False
    ) -> Answer:
        """Answer a query.

        Parameters
        ----------
        mql : str
        default_namespace : str, optional
            Of files, datasets and named queries that are named without one.
        include_retired : bool

        Raises
        ------
        QueryError
            If the text cannot be understood or answered; the message shows the place.
        """
        return querying.query(
            self.session,
            mql,
            default_namespace=default_namespace,
            include_retired=include_retired,
        )

    def file(self, which: Which) -> FileRecord | None:
        """Return a file with its metadata, links and datasets; None if it is not there."""
        return next(iter(self.files([which])), None)

    def require_file(self, which: Which) -> FileRecord:
        """Return a file as :meth:`file` does.

        Raises
        ------
        NotInCatalogError
            If it is not there; names the nearest one.
        """
        with self.session.reading() as connection:
            return files.find_file(connection, which)[1]

    def files(
        self,
        which: Iterable[Which],
        *,
        with_metadata: bool = True,
        with_provenance: bool = True,
        with_datasets: bool = True,
    ) -> list[FileRecord]:
        """Files of a list, each once, in its order; missing ones are left out."""
        with self.session.reading() as connection:
            return files.find_files(
                connection,
                which,
                with_metadata=with_metadata,
                with_provenance=with_provenance,
                with_datasets=with_datasets,
            )

    def lineage(self, which: Which) -> list[FileRecord]:
        """All files that a file was made of, however many steps above, without metadata."""
        with self.session.reading() as connection:
            number, _ = files.find_file(connection, which)
            above = sorted(ancestors(connection, [number]))
            return [record for _, record in plain_records(connection, above)]

    def dataset(self, did: Did | str) -> DatasetRecord | None:
        """Return a dataset with its exact file count; None if it is not there."""
        with self.session.reading() as connection:
            found = dataset_or_none(connection, as_did(did))
            return None if found is None else CatalogSource(connection).record(found)

    def datasets(self) -> list[DatasetRecord]:
        """All datasets with their exact file counts, by name."""
        with self.session.reading() as connection:
            source = CatalogSource(connection)
            return [source.record(item) for item in dataset_rows(connection)]

    def snapshot_of(self, did: Did | str) -> Snapshot | None:
        """Return what a dataset is a snapshot of; None if it is none."""
        with self.session.reading() as connection:
            return snapshot_of(find_dataset(connection, as_did(did)))

    def dataset_files(
        self,
        did: Did | str,
        *,
        with_metadata: bool = False,
        with_provenance: bool = False,
        include_retired: bool = False,
    ) -> Iterator[FileRecord]:
        """Yield the files of a dataset."""
        with self.session.reading() as connection:
            dataset = find_dataset(connection, as_did(did))
            options = Options(include_retired=include_retired)
            found = CatalogSource(connection).matched([dataset], None, options)
            yield from records_of_ids(
                connection,
                numbers_of(connection, found),
                with_metadata=with_metadata,
                with_provenance=with_provenance,
                with_datasets=False,
            )

    def dataset_counts(self, did: Did | str) -> dict[str, int]:
        """Count files, direct parents and children, and all supersets and subsets."""
        with self.session.reading() as connection:
            found = find_dataset(connection, as_did(did))
            return {
                "file_count": CatalogSource(connection).record(found).file_count,
                "parent_count": len(related(connection, found.id, to="parent")),
                "child_count": len(related(connection, found.id, to="child")),
                "superset_count": len(subset_closure(connection, [found.id], to="parent")),
                "subset_count": len(subset_closure(connection, [found.id], to="child")),
            }

    def namespaces(self) -> list[Namespace]:
        """All namespaces, by name."""
        with self.session.reading() as connection:
            return naming.namespaces(connection)

    def named_query(self, did: Did | str) -> NamedQuery | None:
        """Return a named query; None if it is not there."""
        with self.session.reading() as connection:
            return CatalogSource(connection).named_query(as_did(did))

    def named_queries(self) -> list[NamedQuery]:
        """All named queries, by name."""
        with self.session.reading() as connection:
            return list(CatalogSource(connection).named_queries())

    def metadata_keys(self) -> set[str]:
        """Metadata keys that a file or a dataset has, or had."""
        with self.session.reading() as connection:
            return CatalogSource(connection).known_keys()

    def diff(self, did: Did | str) -> Difference:
        """Compare a snapshot with what its definition selects now.

        Raises
        ------
        CatalogError
            If it is no snapshot.
        """
        with self.session.reading() as connection:
            return difference(self.session, connection, as_did(did))
