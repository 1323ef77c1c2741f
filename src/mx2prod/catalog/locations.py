"""Where the files of a dataset lie, or will lie (catalogue page, section 4)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from mx2prod.catalog.records import FileRecord

TAPE_PREFIX = "/pnfs/dune/tape_backed/dunepro"
"""Where the experiment keeps its files on tape."""

_UNKNOWN = "unknown"


class Locations(Protocol):
    """Who knows replicas: the placement of files."""

    def replicas(self, dids: Sequence[str]) -> Mapping[str, Sequence[str]]:
        """Paths or addresses of the known replicas of files; a did without one is left out."""


@dataclass(frozen=True, order=True)
class Location:
    """A directory that holds files of a dataset.

    Attributes
    ----------
    directory : str
        Up to the data stream.
    predicted : bool
        True where no replica is known, and this is where the files belong.
    """

    directory: str
    predicted: bool


def predicted_directory(record: FileRecord, prefix: str = TAPE_PREFIX) -> str:
    """Directory of a file by its metadata: run type, tier, year, file type, stream.

    The year is the UTC year of the start of the data, else of their end, else of the record.
    """
    metadata = record.metadata
    parts = (
        _text(metadata, "core.run_type"),
        _text(metadata, "core.data_tier"),
        _year(record),
        _text(metadata, "core.file_type"),
        _text(metadata, "core.data_stream"),
    )
    return "/".join([prefix, *parts])


def locations(
    records: Iterable[FileRecord], replicas: Locations | None = None, prefix: str = TAPE_PREFIX
) -> list[Location]:
    """Distinct directories of files, each once, by name.

    Parameters
    ----------
    records : iterable of FileRecord
        With metadata.
    replicas : Locations, optional
        Without it every directory is predicted.
    prefix : str
        Of predicted directories.
    """
    known = list(records)
    placed = replicas.replicas([record.did for record in known]) if replicas else {}
    found: set[Location] = set()
    for record in known:
        paths = placed.get(record.did, ())
        found.update(Location(_up_to_stream(path, record), predicted=False) for path in paths)
        if not paths:
            found.add(Location(predicted_directory(record, prefix), predicted=True))
    return sorted(found)


def _up_to_stream(path: str, record: FileRecord) -> str:
    """Cut a path after the folder of the data stream; its own folder if there is none."""
    folders = path.split("/")[:-1]
    stream = record.metadata.get("core.data_stream")
    if stream in folders:
        folders = folders[: len(folders) - folders[::-1].index(stream)]
    return "/".join(folders)


def _text(metadata: Mapping[str, Any], key: str) -> str:
    value = metadata.get(key)
    return value if isinstance(value, str) and value else _UNKNOWN


def _year(record: FileRecord) -> str:
    values = (
        record.metadata.get("core.start_time"),
        record.metadata.get("core.end_time"),
        record.created_timestamp,
    )
    for value in values:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return str(datetime.fromtimestamp(int(value), UTC).year)
    return _UNKNOWN
