"""Run lists: the subruns of the files of a dataset."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from mx2prod.catalog.reading import Reader
from mx2prod.catalog.records import FileRecord
from mx2prod.core.errors import CatalogError, NameFormatError
from mx2prod.core.ids import Did, FileName, RunSubrun

GOOD = "good"
_SHOWN = 5


@dataclass(frozen=True)
class SubrunFiles:
    """A subrun and the files of a dataset that hold it.

    Attributes
    ----------
    subrun : RunSubrun
    dids : tuple of str
    quality : str or None
        Worst ``dune.dqc_quality`` of them; None where one has none.
    """

    subrun: RunSubrun
    dids: tuple[str, ...]
    quality: str | None


def run_list(catalogue: Reader, did: Did | str) -> list[SubrunFiles]:
    """Subruns of the files of a dataset, ascending.

    The name of a file says its subrun; where a name is none of ours, ``core.runs_subruns`` does.

    Raises
    ------
    NotInCatalogError
        If there is no such dataset.
    CatalogError
        If files say no subrun, or there is no file.
    """
    files: dict[RunSubrun, list[FileRecord]] = {}
    silent: list[str] = []
    for record in catalogue.dataset_files(did, with_metadata=True):
        found = subruns_of(record)
        if not found:
            silent.append(record.did)
        for subrun in found:
            files.setdefault(subrun, []).append(record)
    if silent:
        shown = ", ".join(silent[:_SHOWN])
        raise CatalogError(f"dataset {did}: {len(silent)} files say no subrun: {shown}")
    if not files:
        raise CatalogError(
            f"dataset {did}: no file, so no subrun", next_step=f"mx2 dataset show {did}"
        )
    return [
        SubrunFiles(subrun, tuple(sorted(one.did for one in records)), _quality(records))
        for subrun, records in sorted(files.items())
    ]


def subruns_of(record: FileRecord) -> list[RunSubrun]:
    """Subruns of a file; none if neither its name nor its metadata say them."""
    try:
        return [FileName.parse(record.name).run_subrun]
    except NameFormatError:
        numbers = record.metadata.get("core.runs_subruns")
    return list(_numbers(numbers if isinstance(numbers, list) else []))


def _numbers(values: Iterable[Any]) -> Iterable[RunSubrun]:
    for value in values:
        if isinstance(value, int) and not isinstance(value, bool):
            try:
                yield RunSubrun.from_number(value)
            except NameFormatError:
                return


def _quality(records: Iterable[FileRecord]) -> str | None:
    found = [record.metadata.get("dune.dqc_quality") for record in records]
    words = {value for value in found if isinstance(value, str)}
    if len(words) < len(set(map(str, found))):
        return None
    return GOOD if words == {GOOD} else min(words - {GOOD})
