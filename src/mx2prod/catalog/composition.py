"""What is in a dataset, and what its definition leaves out (catalogue page, section 4)."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

from mx2prod.catalog.members import Members
from mx2prod.catalog.mql import syntax
from mx2prod.catalog.mql.attributes import OF_FILES
from mx2prod.catalog.mql.check import keys_of
from mx2prod.catalog.mql.evaluate import without_where
from mx2prod.catalog.mql.parse import parse
from mx2prod.catalog.mql.syntax import Expression, FileQuery
from mx2prod.catalog.mql.write import write
from mx2prod.catalog.reading import Reader
from mx2prod.catalog.records import FileRecord
from mx2prod.catalog.run_list import subruns_of
from mx2prod.core.ids import Did


@dataclass(frozen=True)
class Composition:
    """Numbers of the files of a dataset.

    Attributes
    ----------
    files, total_size : int
    smallest, median, largest : int or None
        Bytes; None of an empty dataset.
    empty : tuple of str
        Files of no byte.
    without_adler32 : tuple of str
    doubled : tuple of str
        ``RUN/SUBRUN STREAM`` that more than one file of a tier has.
    several_runs : tuple of str
        Files whose ``core.runs`` is not exactly one run.
    """

    files: int
    total_size: int
    smallest: int | None
    median: int | None
    largest: int | None
    empty: tuple[str, ...]
    without_adler32: tuple[str, ...]
    doubled: tuple[str, ...]
    several_runs: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Members for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class LeftOut:
    """Files that one condition of a definition alone leaves out.

    Attributes
    ----------
    condition : str
        In MQL.
    files : tuple of (str, str)
        Did, and what it has instead where that can be said.
    """

    condition: str
    files: tuple[tuple[str, str], ...]


def composition(catalogue: Members, did: Did | str) -> Composition:
    """Numbers of the files of a dataset.

    Raises
    ------
    NotInCatalogError
        If there is no such dataset.
    """
    records = list(catalogue.dataset_files(did, with_metadata=True))
    sizes = [record.size for record in records]
    return Composition(
        files=len(records),
        total_size=sum(sizes),
        smallest=min(sizes, default=None),
        median=int(median(sizes)) if sizes else None,
        largest=max(sizes, default=None),
        empty=_dids(record for record in records if record.size == 0),
        without_adler32=_dids(one for one in records if "adler32" not in one.checksums),
        doubled=_doubled(records),
        several_runs=_dids(record for record in records if not _has_one_run(record)),
    )


def _dids(records: Any) -> tuple[str, ...]:
    return tuple(sorted(record.did for record in records))


def _has_one_run(record: FileRecord) -> bool:
    runs = record.metadata.get("core.runs")
    return isinstance(runs, list) and len(runs) == 1


def _doubled(records: list[FileRecord]) -> tuple[str, ...]:
    counts = Counter(
        (subrun, str(record.metadata.get("core.data_stream")),
         str(record.metadata.get("core.data_tier")))
        for record in records
        for subrun in subruns_of(record)
    )  # fmt: skip
    return tuple(f"{subrun} {stream}" for (subrun, stream, _), n in sorted(counts.items()) if n > 1)


def left_out(catalogue: Reader, definition: str) -> list[LeftOut]:
    """Files that each condition of a definition leaves out, though all others hold.

    The condition that leaves out fewest stands first.  Only definitions of the form
    ``files from ... where ...`` have an answer; it is empty for others.

    Parameters
    ----------
    catalogue : Reader
    definition : str
        MQL text.
    """
    query = parse(definition)
    if isinstance(query, syntax.DatasetQuery | syntax.QueriesQuery):
        return []
    base, condition = without_where(query)
    if condition is None:
        return []
    terms = syntax.conjuncts(condition)
    found = []
    for place, term in enumerate(terms):
        others = tuple(item for number, item in enumerate(terms) if number != place)
        files = _only_failing(catalogue, base, others, term)
        if files:
            found.append(LeftOut(write(term), files))
    return sorted(found, key=lambda one: len(one.files))


def _only_failing(
    catalogue: Reader, base: FileQuery, others: tuple[Expression, ...], term: Expression
) -> tuple[tuple[str, str], ...]:
    without = _where(base, others)
    query = syntax.Minus(without, _where(without, (term,)))
    keys = sorted({node.name for node in keys_of(term)})
    names = sorted({n.name for n in syntax.walk(term) if isinstance(n, syntax.Attribute)})
    records = catalogue.query(write(query)).records(with_metadata=True)
    return tuple(
        sorted(
            (record.did, _instead(record, keys, names))
            for record in records
            if isinstance(record, FileRecord)
        )
    )


def _where(base: FileQuery, terms: tuple[Expression, ...]) -> FileQuery:
    if not terms:
        return base
    return syntax.Where(base, terms[0] if len(terms) == 1 else syntax.And(terms))


def _instead(record: FileRecord, keys: list[str], names: list[str]) -> str:
    """Say what a file has instead of what a condition asks for."""
    texts = [f"{name} {getattr(record, OF_FILES[name][0])!r}" for name in names]
    texts += [
        f"{key} {record.metadata[key]!r}" if key in record.metadata else f"no {key}" for key in keys
    ]
    return ", ".join(texts)
