"""Write a catalogue, or a part of it, as the folder that an import reads."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from mx2prod.catalog.dataset_rows import dataset_rows
from mx2prod.catalog.folder import CATALOGUE
from mx2prod.catalog.mql.evaluate import Options
from mx2prod.catalog.querying import answered
from mx2prod.catalog.records import DatasetRecord, FileRecord
from mx2prod.catalog.rows import chunks, records_of_ids
from mx2prod.catalog.session import Session
from mx2prod.catalog.source import CatalogSource
from mx2prod.catalog.tables import FILE
from mx2prod.core.errors import CatalogError
from mx2prod.core.files import atomic_folder, refuse_existing, write_text

DATASETS, NAMED_QUERIES = "datasets.json", "named_queries.json"


def export_folder(
    session: Session, folder: Path, *, mql: str | None = None, dry_run: bool = False
) -> dict[str, int]:
    """Write files, datasets and named queries into a new folder.

    Parameters
    ----------
    session : Session
    folder : Path
        Gets ``catalogue.jsonl``, ``datasets.json`` and ``named_queries.json``.
    mql : str, optional
        Only these files; all by default, with the retired ones.
    dry_run : bool
        Count only.

    Returns
    -------
    dict of str to int
        Number of ``files``, ``datasets``, ``named_queries``, and of ``parents_left_out`` because
        they are not among the files.

    Raises
    ------
    OutputError
        If the folder is there already, or cannot be written.
    CatalogError
        If the query selects no files but something else.
    """
    refuse_existing(folder)
    with session.reading() as connection:
        source = CatalogSource(connection)
        numbers = _numbers(session, connection, mql)
        documents = [_dataset(source.record(row)) for row in dataset_rows(connection)]
        queries = [one.to_json() for one in source.named_queries()]
        lines = _Lines(connection, numbers)
        if not dry_run:
            with atomic_folder(folder) as temporary:
                lines.write(temporary / CATALOGUE)
                write_text(temporary / DATASETS, _text(documents))
                write_text(temporary / NAMED_QUERIES, _text(queries))
    return {
        "files": len(numbers),
        "datasets": len(documents),
        "named_queries": len(queries),
        "parents_left_out": lines.left_out,
    }


def _dataset(record: DatasetRecord) -> dict[str, Any]:
    document = {"did": record.did, **record.to_json(with_relations=True)}
    return {k: v for k, v in document.items() if k not in ("namespace", "name", "children")}


def _text(document: Any) -> str:
    return json.dumps(document, indent=1) + "\n"


def _numbers(session: Session, connection: Connection, mql: str | None) -> list[int]:
    if mql is None:
        return list(connection.execute(select(FILE.c.id).order_by(FILE.c.id)).scalars())
    answer = answered(session, connection, mql, Options())
    if answer.kind != "files":
        raise CatalogError(f"selects {answer.kind}, not files: {mql}")
    return answer.ids(connection)


class _Lines:
    """Records as lines of JSON; parents and datasets by name, as the import reads them."""

    def __init__(self, connection: Connection, numbers: list[int]) -> None:
        self._connection = connection
        self._numbers = numbers
        self.left_out = 0

    def write(self, path: Path) -> None:
        exported = set(self._numbers)
        with path.open("w", encoding="utf-8") as file:
            for chunk in chunks(self._numbers):
                records = list(records_of_ids(self._connection, chunk))
                names = _names(self._connection, records, exported)
                file.writelines(self._line(record, names) + "\n" for record in records)

    def _line(self, record: FileRecord, names: dict[str, str]) -> str:
        document = record.to_json(with_datasets=True)
        document["parents"] = [names[fid] for fid in record.parents if fid in names]
        document["datasets"] = [str(did) for did in record.datasets]
        document.pop("children")
        self.left_out += len(record.parents) - len(document["parents"])
        return json.dumps(document, sort_keys=True)


def _names(connection: Connection, records: list[FileRecord], exported: set[int]) -> dict[str, str]:
    """Dids of the parents that are exported too, by fid."""
    wanted = {fid for record in records for fid in record.parents}
    found: dict[str, str] = {}
    for chunk in chunks(wanted):
        query = select(FILE.c.id, FILE.c.fid, FILE.c.namespace, FILE.c.name)
        for row in connection.execute(query.where(FILE.c.fid.in_(chunk))):
            if row.id in exported:
                found[row.fid] = f"{row.namespace}:{row.name}"
    return found
