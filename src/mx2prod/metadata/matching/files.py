"""From a did, a file name or a record to the file that is to be matched (metadata page, 9.1)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from mx2prod.core.errors import InputFileError, NameFormatError, UsageError
from mx2prod.core.ids import NAMESPACE, FileName, GateRange
from mx2prod.core.suggest import nearest
from mx2prod.metadata.context import RecordLookup, did_of
from mx2prod.metadata.derived import GLOBAL_SUBRUNS
from mx2prod.metadata.matching.match import Dids, Matcher, interval_of
from mx2prod.metadata.matching.results import FileInterval, Source
from mx2prod.metadata.matching.runs_database import RunsDatabase
from mx2prod.metadata.view import as_number, as_ranges

NAMESPACES = {
    "CRS": "neardet-2x2-lar-charge",
    "LRS": "neardet-2x2-lar-light",
    "Mx2": NAMESPACE,
}


def interval_of_record(record: Mapping[str, Any]) -> FileInterval:
    """Interval of an Mx2 file from its record: run and subrun, times, global gates.

    Times of gates are floats; the DAQ's JSON has whole seconds, as integers.

    Parameters
    ----------
    record : mapping
        Of any tier with one run and subrun, or the DAQ's JSON.

    Raises
    ------
    InputFileError
        If name, times or gate ranges are missing or of the wrong type.
    """
    did = did_of(record)
    try:
        name = FileName.parse(str(record.get("name")))
    except NameFormatError as error:
        raise InputFileError(
            f"record of {did}: {error.message}", next_step="mx2 metadata check RECORD.json"
        ) from error
    metadata = record.get("metadata")
    fields = metadata if isinstance(metadata, dict) else {}
    start, end = (as_number(fields.get(f"core.{edge}_time")) for edge in ("start", "end"))
    if start is None or end is None or end < start:
        raise InputFileError(
            f"record of {did}: core.start_time {fields.get('core.start_time')!r} and "
            f"core.end_time {fields.get('core.end_time')!r}, expected UTC seconds in this order",
            next_step="mx2 metadata check RECORD.json",
        )
    ranges = as_ranges(fields.get("core.lum_block_ranges")) or []
    return FileInterval(
        did=did or str(name),
        system="Mx2",
        run=name.run_subrun.run,
        subrun=name.run_subrun.subrun,
        start=float(start),
        end=float(end),
        source=Source.DAQ if isinstance(start, int) else Source.CONTENT,
        ranges=tuple(GateRange(first, last) for first, last in ranges),
    )


def interval_of_did(matcher: Matcher, text: str) -> FileInterval:
    """Interval of a file that is known only by its did or name: from the run database.

    Parameters
    ----------
    matcher : Matcher
    text : str
        ``namespace:name`` or a bare name, of an Mx2, charge or light file.

    Raises
    ------
    UsageError
        If the namespace is unknown, or the database has no such file.
    """
    namespace, _, name = text.rpartition(":")
    if namespace and namespace not in NAMESPACES.values():
        raise UsageError(
            f"{text}: namespace {namespace!r}, expected one of {', '.join(NAMESPACES.values())}"
            + nearest(namespace, NAMESPACES.values())
        )
    try:
        parsed = FileName.parse(name)
    except NameFormatError:
        return _by_file_name(matcher.database, text, name)
    run_subrun = parsed.run_subrun
    did = text if namespace else f"{NAMESPACE}:{name}"
    return matcher.of_subrun("Mx2", run_subrun.run, run_subrun.subrun, did)


def _by_file_name(database: RunsDatabase, text: str, name: str) -> FileInterval:
    """Find a charge or light file by its name up to the suffix (``.h5`` or ``.hdf5``)."""
    for system, summary in database.summaries.items():
        stems = [_stem(filename) for filename in summary.filenames]
        if _stem(name) in stems:
            return interval_of(
                summary, stems.index(_stem(name)), f"{NAMESPACES[system]}:{PurePath(name).name}"
            )
    known = [name for summary in database.summaries.values() for name in summary.filenames]
    raise UsageError(
        f"{text}: no such file in {database.name}" + nearest(name, known),
        next_step="mx2 match --health",
    )


def _stem(name: str) -> str:
    return PurePath(name).name.rpartition(".")[0] or name


def known_dids(records: RecordLookup, given: Iterable[Mapping[str, Any]] = ()) -> Dids:
    """Dids of the Mx2 files of a subrun, all tiers and streams, for the rows of a match.

    Parameters
    ----------
    records : RecordLookup
        Finds the raw file that the run database names, and what was made of it.
    given : iterable of mappings
        Records at hand, which count by the run and subrun of their names.
    """
    at_hand: dict[tuple[str, int, int], set[str]] = {}
    for record in given:
        did = did_of(record)
        with suppress(NameFormatError):
            found = FileName.parse(str(record.get("name"))).run_subrun
            at_hand.setdefault(("Mx2", found.run, found.subrun), set()).add(did or record["name"])

    def dids(system: str, run: int, subrun: int, filename: str) -> tuple[str, ...]:
        raw = f"{NAMESPACES[system]}:{filename}"
        found = {raw} if records.find(raw) is not None else set()
        made = {did for child in records.children(raw) if (did := did_of(child))}
        return tuple(sorted(found | made | at_hand.get((system, run, subrun), set())))

    return dids


def query_of(numbers: Iterable[int], dataset: str = "dune:all") -> str:
    """MQL text that finds the Mx2 files of global subruns; a file with any of them is found.

    Raises
    ------
    UsageError
        Without a number: the query would find nothing.
    """
    values = ",".join(str(number) for number in sorted(set(numbers)))
    if not values:
        raise UsageError("no global subrun to ask for: match by time instead")
    return f"files from {dataset} where {GLOBAL_SUBRUNS}[any] in ({values})"
