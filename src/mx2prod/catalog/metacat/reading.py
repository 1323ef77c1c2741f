"""A MetaCat server asked as the embedded catalogue is, as far as it has the answers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

from mx2prod.catalog.metacat.connection import in_our_words
from mx2prod.catalog.metacat.server import MetaCat, Which, file_record, reference_of
from mx2prod.catalog.records import DatasetRecord, FileRecord
from mx2prod.core.errors import NotInCatalogError
from mx2prod.core.ids import Did


class ServerReader:
    """Files and datasets of a server; the methods are those of the embedded catalogue.

    Parameters
    ----------
    server : MetaCat
    """

    def __init__(self, server: MetaCat) -> None:
        self.server = server

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stays open between two requests."""

    def files(
        self, which: Iterable[Which], *, with_metadata: bool = True, with_provenance: bool = True
    ) -> list[FileRecord]:
        """Files of a list; missing ones are left out."""
        return self.server.files(
            which, with_metadata=with_metadata, with_provenance=with_provenance
        )

    def require_file(self, which: Which) -> FileRecord:
        """Return a file with its metadata, links and datasets.

        Raises
        ------
        NotInCatalogError
            If it is not there.
        """
        with in_our_words():
            found = self.server.client.get_file(**reference_of(which), with_datasets=True)
        if found is None:
            raise NotInCatalogError(
                f"no file {which} at the server",
                next_step="mx2 catalog query 'files from dune:all ordered limit 10'",
            )
        return file_record(found)

    def lineage(self, which: Which) -> list[FileRecord]:
        """All files that a file was made of, however many steps above, without metadata."""
        above: dict[str, FileRecord] = {}
        wanted = set(self.require_file(which).parents)
        while wanted:
            found = self.files([{"fid": fid} for fid in sorted(wanted)], with_metadata=False)
            above.update({record.fid: record for record in found})
            # A server accepts cyclic parents (A7): what was seen is not asked for again.
            wanted = {fid for record in found for fid in record.parents} - above.keys()
        return list(above.values())

    def dataset(self, did: Did | str) -> DatasetRecord | None:
        """Return a dataset with its exact file count; None if it is not there."""
        return self.server.dataset(did)

    def require_dataset(self, did: Did | str) -> DatasetRecord:
        """Return a dataset as :meth:`dataset` does.

        Raises
        ------
        NotInCatalogError
            If it is not there.
        """
        found = self.dataset(did)
        if found is None:
            raise NotInCatalogError(
                f"no dataset {did} at the server",
                next_step=f"mx2 catalog query 'datasets matching {str(did).partition(':')[0]}:*'",
            )
        return found

    def dataset_files(self, did: Did | str, *, with_metadata: bool = False) -> Iterator[FileRecord]:
        """Yield the files of a dataset that are not retired."""
        records = self.server.query(f"files from {did}", with_metadata=with_metadata)
        return map(file_record, records)

    def snapshot_of(self, did: Did | str) -> None:
        """Return None: a server has no snapshots, and its frozen datasets may grow (A14)."""
