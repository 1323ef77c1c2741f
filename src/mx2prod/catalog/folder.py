"""A catalogue as a folder of JSON files: files, datasets and named queries."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.catalog.records import DatasetRecord, FileRecord, NamedQuery
from mx2prod.core.errors import InputFileError
from mx2prod.core.files import require_regular_file

CATALOGUE = "catalogue.jsonl"
_DATASETS = "datasets.json"
_NAMED_QUERIES = "named_queries.json"


@dataclass(frozen=True)
class Contents:
    """What a folder holds.

    Attributes
    ----------
    files : list of FileRecord
    datasets : list of DatasetRecord
    named_queries : list of NamedQuery
    """

    files: list[FileRecord]
    datasets: list[DatasetRecord]
    named_queries: list[NamedQuery]


def read_folder(
    folder: Path, catalogue: str = CATALOGUE, *, loaded: float, loaded_by: str
) -> Contents:
    """Read a catalogue from a folder.

    Parameters
    ----------
    folder : Path
    catalogue : str, optional
        JSON lines, one file record each; ``parents`` and ``datasets`` name others by did.
        Beside it may lie ``datasets.json`` and ``named_queries.json``, a list each; a dataset
        has its name in ``did``.
    loaded : float
        UTC seconds: the time at which files were updated or retired, and datasets and named
        queries made, where the folder does not say it.
    loaded_by : str
        Who retired a retired file, where the folder does not say it.

    Raises
    ------
    InputFileError
        If a file cannot be read, is not JSON, or names a parent that is not there.
    CatalogError
        If a record has a member missing, unknown or of another type.
    """
    created = {"created_timestamp": loaded}
    return Contents(
        files=_files(folder / catalogue, loaded, loaded_by),
        datasets=[_dataset({**created, **item}) for item in _optional_list(folder / _DATASETS)],
        named_queries=[
            NamedQuery.from_json({**created, **item})
            for item in _optional_list(folder / _NAMED_QUERIES)
        ],
    )


def _files(path: Path, loaded: float, loaded_by: str) -> list[FileRecord]:
    documents = list(_lines(path))
    fids = {f"{item.get('namespace')}:{item.get('name')}": item.get("fid") for item in documents}
    updated = {"updated_timestamp": loaded}
    retired = {**updated, "retired_by": loaded_by, "retired_timestamp": loaded}
    return [
        FileRecord.from_json(
            {**(retired if item.get("retired") else updated), **_with_fids(item, fids, path)}
        )
        for item in documents
    ]


def _with_fids(item: dict[str, Any], fids: dict[str, Any], path: Path) -> dict[str, Any]:
    """Put fids in the place of the dids of the parents."""
    parents = item.get("parents", [])
    missing = [did for did in parents if isinstance(did, str) and did not in fids]
    if missing:
        raise InputFileError(f"{path}: {item.get('name')}: its parent {missing[0]} is not there")
    return {**item, "parents": [fids[did] if isinstance(did, str) else did for did in parents]}


def _dataset(item: dict[str, Any]) -> DatasetRecord:
    namespace, _, name = str(item.get("did", "")).partition(":")
    others = {key: value for key, value in item.items() if key != "did"}
    return DatasetRecord.from_json({"namespace": namespace, "name": name, **others})


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield _object(line, f"{path}: line {number}")


def _optional_list(path: Path) -> list[dict[str, Any]]:
    if not path.exists():
        return []
    document = _json(_text(path), str(path))
    if not isinstance(document, list) or not all(isinstance(item, dict) for item in document):
        raise InputFileError(f"{path}: expected a list of objects")
    return document


def _object(text: str, where: str) -> dict[str, Any]:
    document = _json(text, where)
    if not isinstance(document, dict):
        raise InputFileError(f"{where}: expected an object, found {type(document).__name__}")
    return document


def _json(text: str, where: str) -> Any:
    try:
        return json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise InputFileError(f"{where}: not JSON: {error}") from error


def _refuse(name: str) -> Any:
    raise ValueError(f"{name} is not a JSON value")


def _text(path: Path) -> str:
    require_regular_file(path)
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise InputFileError(f"{path}: not UTF-8 text: byte {error.start}") from error
    except OSError as error:
        raise InputFileError(f"{path}: {error.strerror or error}") from error
