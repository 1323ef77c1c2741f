"""What tables and sums of datasets ask: the embedded catalogue and a MetaCat server answer it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from mx2prod.catalog.records import DatasetRecord, FileRecord
    from mx2prod.catalog.snapshots import Snapshot
    from mx2prod.core.ids import Did


class Members(Protocol):
    """Datasets and their files, for reading."""

    def dataset(self, did: Did | str) -> DatasetRecord | None:
        """Return a dataset with its exact file count; None if it is not there."""

    def dataset_files(self, did: Did | str, *, with_metadata: bool = False) -> Iterator[FileRecord]:
        """Yield the files of a dataset that are not retired."""

    def snapshot_of(self, did: Did | str) -> Snapshot | None:
        """Return what a dataset is a snapshot of; None if it is none."""
