"""Answers to queries: names, records, sums, each read when it is asked for."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sqlalchemy import Connection, Select, func, select

from mx2prod.catalog.matching import Matched
from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.catalog.rows import chunks, records_of_ids
from mx2prod.catalog.session import Session
from mx2prod.catalog.tables import FILE

Kind = Literal["files", "datasets", "queries"]
_STREAMED = 5000


@dataclass(frozen=True)
class Summary:
    """Sums over the files of an answer.

    Attributes
    ----------
    files : int
    total_size : int
        Bytes.
    events : int
        Sum of ``core.event_count`` where that is a number.
    """

    files: int
    total_size: int
    events: int


@dataclass(frozen=True)
class Window:
    """Part of the files of a predicate.

    Attributes
    ----------
    ordered : bool
        By time of creation, then fid.
    skip : int
    limit : int or None
    """

    ordered: bool = False
    skip: int = 0
    limit: int | None = None

    def skipped(self, count: int) -> Window:
        """Leave out the first files; this puts them in order."""
        left = None if self.limit is None else max(0, self.limit - count)
        return Window(True, self.skip + count, left)

    def limited(self, count: int) -> Window:
        """Keep the first files only."""
        left = count if self.limit is None else min(self.limit, count)
        return replace(self, limit=left)

    def of(self, query: Select[Any]) -> Select[Any]:
        """Select this part."""
        if self.ordered:
            query = query.order_by(FILE.c.created_timestamp.asc().nulls_first(), FILE.c.fid)
        elif self.limit is not None:
            # Any files would do, but always the same ones.
            query = query.order_by(FILE.c.id)
        if self.limit is not None:
            query = query.limit(self.limit)
        return query.offset(self.skip) if self.skip else query


@dataclass(frozen=True)
class Answer:
    """The answer to a query.

    Made by :meth:`mx2prod.catalog.Catalog.query`.  Files are read in a transaction of each call,
    so they are those of that moment.

    Attributes
    ----------
    kind : {"files", "datasets", "queries"}
    warnings : tuple of str
        What was left out or may surprise.
    """

    session: Session = field(repr=False)
    kind: Kind
    warnings: tuple[str, ...]
    found: Matched | Sequence[int] | Sequence[DatasetRecord] | Sequence[NamedQuery] = field(
        repr=False
    )
    window: Window = Window()

    def dids(self) -> Iterator[str]:
        """Yield ``namespace:name`` of each."""
        if self.kind != "files":
            yield from (record.did for record in self._others())
            return
        with self.session.reading() as connection:
            for row in self._rows(connection, (FILE.c.namespace, FILE.c.name)):
                yield f"{row[-2]}:{row[-1]}"

    def records(
        self,
        *,
        with_metadata: bool = False,
        with_provenance: bool = False,
        with_datasets: bool = False,
    ) -> Iterator[FileRecord | DatasetRecord | NamedQuery]:
        """Yield the records; of files only with what was asked for."""
        if self.kind != "files":
            yield from self._others()
            return
        with self.session.reading() as connection:
            numbers = (row[0] for row in self._rows(connection, ()))
            yield from records_of_ids(
                connection,
                numbers,
                with_metadata=with_metadata,
                with_provenance=with_provenance,
                with_datasets=with_datasets,
            )

    def summary(self) -> Summary:
        """Count files, bytes and events; of datasets and named queries only the number."""
        if self.kind != "files":
            return Summary(len(self._others()), 0, 0)
        columns = (func.count(), func.sum(FILE.c.size), func.sum(FILE.c.event_count))
        total = [0, 0, 0]
        with self.session.reading() as connection:
            for row in self._sums(connection, columns):
                total = [old + int(new or 0) for old, new in zip(total, row, strict=True)]
        return Summary(*total)

    def _sums(self, connection: Connection, columns: Sequence[Any]) -> Iterator[Any]:
        if isinstance(self.found, Matched) and self.window == Window():
            statements: Iterable[Any] = self.found.selects(*columns)
        else:
            numbers = (row[0] for row in self._rows(connection, ()))
            every = select(*columns)
            statements = (every.where(FILE.c.id.in_(chunk)) for chunk in chunks(numbers))
        for statement in statements:
            yield connection.execute(statement).one()

    def keys(self) -> list[str]:
        """Names of all metadata keys of the files, sorted."""
        found: set[str] = set()
        for record in self.records(with_metadata=True):
            found.update(record.metadata)
        return sorted(found)

    def ids(self, connection: Connection) -> list[int]:
        """Numbers of the files in the database, in a transaction of the caller."""
        return [row[0] for row in self._rows(connection, ())]

    def _others(self) -> list[Any]:
        return [] if isinstance(self.found, Matched) else list(self.found)

    def _rows(self, connection: Connection, columns: Sequence[Any]) -> Iterator[Any]:
        """Rows of number and columns, in the order of the answer."""
        if isinstance(self.found, Matched):
            yield from self._matched_rows(connection, self.found, columns)
            return
        for chunk in chunks(self._others()):
            rows = connection.execute(select(FILE.c.id, *columns).where(FILE.c.id.in_(chunk)))
            known = {row[0]: row for row in rows}
            yield from (known[number] for number in chunk if number in known)

    def _matched_rows(
        self, connection: Connection, found: Matched, columns: Sequence[Any]
    ) -> Iterator[Any]:
        columns = (FILE.c.id, *columns)
        parts = found.selects(*columns)
        if self.window != Window():
            parts = iter([self.window.of(found.whole(*columns))])
        for part in parts:
            yield from connection.execute(part.execution_options(yield_per=_STREAMED))
