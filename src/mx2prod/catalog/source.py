"""The database as what the evaluator of MQL asks for files (see :mod:`mx2prod.catalog.mql`)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from sqlalchemy import Connection, false, select

from mx2prod.catalog.dataset_rows import (
    DatasetRow,
    dataset_or_none,
    dataset_rows,
    related,
    stored_count,
)
from mx2prod.catalog.matching import Matched, matched, numbers_of
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.evaluate import Evaluator, Options, without_where
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.syntax import Expression, FileQuery
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.catalog.rows import (
    COLUMNS,
    chunks,
    dataset_record,
    ids_by_did,
    ids_by_fid,
    linked,
    named_query_record,
    plain_records,
    plain_records_of,
    records_of_ids,
)
from mx2prod.catalog.tables import FILE, KEY, QUERY
from mx2prod.core.errors import QueryError
from mx2prod.core.ids import Did


class CatalogSource:
    """Files, datasets and named queries of a database.

    Parameters
    ----------
    connection : Connection
        Of a transaction, so that a query sees one state.
    counting : bool
        Count the files of each dataset; without it ``file_count`` is 0, which is quicker.
    """

    def __init__(self, connection: Connection, *, counting: bool = True) -> None:
        self.connection = connection
        self._counting = counting
        self._keys: set[str] | None = None
        self._numbers: dict[str, int] = {}

    def record(self, dataset: DatasetRow) -> DatasetRecord:
        """Record of a dataset, with its relations."""
        return dataset_record(
            dataset.row,
            file_count=self._count(dataset) if self._counting else 0,
            parents=related(self.connection, dataset.id, to="parent"),
            children=related(self.connection, dataset.id, to="child"),
        )

    def _count(self, dataset: DatasetRow) -> int:
        if dataset.kind == "defined":
            return len(numbers_of(self.connection, self.matched([dataset], None, Options())))
        return stored_count(self.connection, dataset.id)

    def matched(
        self, datasets: Sequence[DatasetRow] | None, condition: Expression | None, options: Options
    ) -> Matched:
        """Files of datasets for which a condition is true; of defined ones, those defined now."""
        retired = options.include_retired
        defined = [item for item in datasets or () if item.kind == "defined"]
        if datasets is None or not defined:
            numbers = None if datasets is None else [item.id for item in datasets]
            return matched(self.connection, numbers, condition, include_retired=retired)
        if len(datasets) == 1:
            return self._matched_by_definition(defined[0], condition, options)
        joined = {
            number
            for item in datasets
            for number in numbers_of(self.connection, self.matched([item], condition, options))
        }
        return Matched(false(), tuple(sorted(joined)))

    def _matched_by_definition(
        self, dataset: DatasetRow, condition: Expression | None, options: Options
    ) -> Matched:
        query = parse(dataset.definition or "")
        if isinstance(query, syntax.DatasetQuery | syntax.QueriesQuery):
            raise QueryError(f"dataset {dataset.did}: its definition selects no files")
        if condition is not None:
            query = syntax.Where(query, condition)
        evaluator = StoreEvaluator(self, Options(include_retired=options.include_retired))
        return evaluator.matched(query)

    def select(
        self, datasets: Sequence[Did] | None, narrowing: Expression | None
    ) -> Iterator[FileRecord]:
        """Files of some of the datasets, each once; here the condition decides."""
        rows = None if datasets is None else self.dataset_rows(datasets)
        found = self.matched(rows, narrowing, Options(include_retired=True))
        return records_of_ids(self.connection, numbers_of(self.connection, found))

    def dataset_rows(self, dids: Iterable[Did]) -> list[DatasetRow]:
        """Datasets that are there."""
        found = (dataset_or_none(self.connection, did) for did in dids)
        return [item for item in found if item is not None]

    def by_did(self, dids: Collection[Did]) -> Iterator[FileRecord]:
        """Files by name."""
        return self.noted(
            plain_records(self.connection, ids_by_did(self.connection, dids).values())
        )

    def by_fid(self, fids: Collection[str]) -> Iterator[FileRecord]:
        """Files by fid."""
        return self.noted(plain_records(self.connection, self.numbers(fids)))

    def noted(self, records: Iterable[tuple[int, FileRecord]]) -> Iterator[FileRecord]:
        """Remember the numbers of records that were read."""
        for number, record in records:
            self._numbers[record.fid] = number
            yield record

    def numbers(self, fids: Collection[str]) -> list[int]:
        """Numbers of files by fid, in that order; missing ones are left out."""
        unknown = [fid for fid in fids if fid not in self._numbers]
        self._numbers.update(ids_by_fid(self.connection, unknown))
        return [self._numbers[fid] for fid in fids if fid in self._numbers]

    def parents(self, fids: Collection[str]) -> Iterator[FileRecord]:
        """Direct parents of the files, each once."""
        return self._relatives(fids, "parent")

    def children(self, fids: Collection[str]) -> Iterator[FileRecord]:
        """Direct children of the files, each once."""
        return self._relatives(fids, "child")

    def _relatives(self, fids: Collection[str], to: str) -> Iterator[FileRecord]:
        links = linked(self.connection, self.numbers(fids), to=to)
        reached = dict.fromkeys(number for found in links.values() for number in found)
        return self.noted(plain_records(self.connection, reached))

    def dataset(self, did: Did) -> DatasetRecord | None:
        """Return a dataset."""
        found = dataset_or_none(self.connection, did)
        return None if found is None else self.record(found)

    def datasets(self, namespace: str) -> Iterator[DatasetRecord]:
        """Datasets of a namespace."""
        return (self.record(item) for item in dataset_rows(self.connection, namespace))

    def named_query(self, did: Did) -> NamedQuery | None:
        """Return a named query."""
        query = select(QUERY).where(QUERY.c.namespace == did.namespace, QUERY.c.name == did.name)
        row = self.connection.execute(query).first()
        return None if row is None else named_query_record(row)

    def named_queries(self) -> Iterator[NamedQuery]:
        """All named queries, by name."""
        query = select(QUERY).order_by(QUERY.c.namespace, QUERY.c.name)
        return (named_query_record(row) for row in self.connection.execute(query))

    def known_keys(self) -> set[str]:
        """Metadata keys that a file or a dataset has, or had."""
        if self._keys is None:
            self._keys = set(self.connection.execute(select(KEY.c.name)).scalars())
        return self._keys


class StoreEvaluator(Evaluator):
    """Evaluator whose conditions are decided by :func:`mx2prod.catalog.matching.matched`.

    Its records have no metadata, links and datasets: those are read of the answer alone.

    Parameters
    ----------
    source : CatalogSource
    options : Options
    """

    def __init__(self, source: CatalogSource, options: Options) -> None:
        super().__init__(source, options)
        self._catalog = source
        self._options = options
        self._known: dict[tuple[FileQuery, str | None], list[FileRecord]] = {}

    def matched(self, query: FileQuery) -> Matched:
        """Files of a query, as a predicate where it can be one."""
        base, condition = without_where(query)
        if isinstance(base, syntax.AllFiles):
            return self._catalog.matched(None, condition, self._options)
        if isinstance(base, syntax.FilesFrom):
            records = self.datasets(base.selectors)
            rows = self._catalog.dataset_rows(Did(one.namespace, one.name) for one in records)
            return self._catalog.matched(rows, condition, self._options)
        numbers = self._catalog.numbers([record.fid for record in self.files(base)])
        if condition is not None:
            numbers = list(self._among(numbers, condition))
        return Matched(false(), tuple(numbers))

    def _among(self, numbers: Iterable[int], condition: Expression) -> Iterator[int]:
        """Those of some files for which a condition is true."""
        connection = self._catalog.connection
        for chunk in chunks(numbers):
            within = FILE.c.id.in_(chunk)
            found = matched(connection, None, condition, within=within, include_retired=True)
            yield from numbers_of(connection, found)

    def _selected(
        self, query: syntax.AllFiles | syntax.FilesFrom | syntax.Where
    ) -> list[FileRecord]:
        place = query, self.namespace
        if place not in self._known:
            found = self.matched(query).selects(*COLUMNS)
            records = plain_records_of(self._catalog.connection, found)
            self._known[place] = list(self._catalog.noted(records))
        return self._known[place]
