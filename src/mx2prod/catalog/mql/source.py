"""What the evaluation of a query asks a catalogue for; and a catalogue held in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Protocol

from mx2prod.catalog.mql.syntax import Expression
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.ids import Did


class Source(Protocol):
    """A catalogue as the evaluator sees it.

    Records of retired files are given too; the evaluator drops them where the query says so.
    """

    def select(
        self, datasets: Sequence[Did] | None, narrowing: Expression | None
    ) -> Iterable[FileRecord]:
        """Files of some of the datasets (of the whole catalogue if None), each once.

        Files for which ``narrowing`` is not true may be left out; the evaluator decides again.
        """

    def by_did(self, dids: Collection[Did]) -> Iterable[FileRecord]:
        """Files by name; missing ones are left out."""

    def by_fid(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Files by fid; missing ones are left out."""

    def parents(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Direct parents of the files, each once."""

    def children(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Direct children of the files, each once."""

    def dataset(self, did: Did) -> DatasetRecord | None:
        """Return a dataset with its exact file count and its subsets."""

    def datasets(self, namespace: str) -> Iterable[DatasetRecord]:
        """Datasets of a namespace."""

    def named_query(self, did: Did) -> NamedQuery | None:
        """Return a named query."""

    def named_queries(self) -> Iterable[NamedQuery]:
        """All named queries."""

    def known_keys(self) -> Collection[str]:
        """Metadata keys that some file or dataset of the catalogue has."""


class MemorySource:
    """A catalogue held in memory, for ``mx2 catalog answer`` and for comparisons.

    Parameters
    ----------
    files : iterable of FileRecord
        ``children`` are worked out from ``parents``.
    datasets : iterable of DatasetRecord
        ``children`` and ``file_count`` are worked out from the parents and the files.
    named_queries : iterable of NamedQuery
    """

    def __init__(
        self,
        files: Iterable[FileRecord],
        datasets: Iterable[DatasetRecord] = (),
        named_queries: Iterable[NamedQuery] = (),
    ) -> None:
        self._files = {record.fid: record for record in files}
        self._fids = {(record.namespace, record.name): fid for fid, record in self._files.items()}
        self._children: dict[str, list[str]] = {}
        self._members: dict[Did, list[str]] = {}
        self._keys: set[str] = set()
        for fid, record in self._files.items():
            self._keys.update(record.metadata)
            for parent in record.parents:
                self._children.setdefault(parent, []).append(fid)
            for did in record.datasets:
                self._members.setdefault(did, []).append(fid)
        self._datasets = self._related(datasets)
        self._queries = {Did(query.namespace, query.name): query for query in named_queries}

    def _related(self, datasets: Iterable[DatasetRecord]) -> dict[Did, DatasetRecord]:
        records = {Did(record.namespace, record.name): record for record in datasets}
        subsets: dict[Did, list[Did]] = {}
        for did, record in records.items():
            self._keys.update(record.metadata)
            for parent in record.parents:
                subsets.setdefault(parent, []).append(did)
        return {
            did: replace(record, children=tuple(subsets.get(did, ())), file_count=self._count(did))
            for did, record in records.items()
        }

    def _count(self, did: Did) -> int:
        return sum(not self._files[fid].retired for fid in self._members.get(did, ()))

    def select(
        self,
        datasets: Sequence[Did] | None,
        narrowing: Expression | None,  # a hint, for sources with an index
    ) -> Iterable[FileRecord]:
        """Files of some of the datasets, each once."""
        if datasets is None:
            return self._files.values()
        fids = dict.fromkeys(fid for did in datasets for fid in self._members.get(did, ()))
        return (self._files[fid] for fid in fids)

    def by_did(self, dids: Collection[Did]) -> Iterable[FileRecord]:
        """Files by name."""
        return self.by_fid([self._fids.get((did.namespace, did.name), "") for did in dids])

    def by_fid(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Files by fid."""
        return (self._files[fid] for fid in fids if fid in self._files)

    def parents(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Direct parents of the files, each once."""
        return self.by_fid(
            dict.fromkeys(parent for record in self.by_fid(fids) for parent in record.parents)
        )

    def children(self, fids: Collection[str]) -> Iterable[FileRecord]:
        """Direct children of the files, each once."""
        return self.by_fid(
            dict.fromkeys(child for fid in fids for child in self._children.get(fid, ()))
        )

    def dataset(self, did: Did) -> DatasetRecord | None:
        """Return a dataset."""
        return self._datasets.get(did)

    def datasets(self, namespace: str) -> Iterable[DatasetRecord]:
        """Datasets of a namespace."""
        return (record for did, record in self._datasets.items() if did.namespace == namespace)

    def named_query(self, did: Did) -> NamedQuery | None:
        """Return a named query."""
        return self._queries.get(did)

    def named_queries(self) -> Iterable[NamedQuery]:
        """All named queries."""
        return self._queries.values()

    def known_keys(self) -> Collection[str]:
        """Metadata keys that some file or dataset has."""
        return self._keys
