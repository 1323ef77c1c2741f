"""``dune.mx2x2_global_subrun_numbers`` of a record, and the match that it comes from (D10)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mx2prod.core.errors import InputFileError
from mx2prod.core.files import write_text
from mx2prod.metadata.derived import GLOBAL_SUBRUNS
from mx2prod.metadata.matching.files import interval_of_record
from mx2prod.metadata.matching.match import Matcher
from mx2prod.metadata.matching.results import FileInterval, Match
from mx2prod.raw.faults import Severity

SUFFIX = ".match.json"
"""A match record lies beside the file, as ``<name>.match.json``."""


def global_subruns_of(matcher: Matcher, file: FileInterval) -> tuple[tuple[int, ...], Match]:
    """Global subruns of an Mx2 file that may be declared, and the match behind them.

    Parameters
    ----------
    matcher : Matcher
    file : FileInterval

    Returns
    -------
    numbers : tuple of int
        Sorted; empty for a subrun that is not in the run database: the key is then left out.
    match : Match

    Raises
    ------
    InputFileError
        If the match has errors; names the first one, and how many there are.
    """
    match = matcher.match(file)
    errors = [item for item in match.findings if item.severity is Severity.ERROR]
    if errors:
        more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
        raise InputFileError(
            f"{file.did}: global subruns of {match.database} are not to be declared: "
            f"{errors[0].detail}{more}",
            next_step=f"mx2 match {file.did}",
        )
    return match.numbers, match


def numbers_of_record(matcher: Matcher, record: Mapping[str, Any]) -> tuple[int, ...]:
    """Global subruns of the file of a record, by the run database (see :func:`global_subruns_of`).

    With its first argument bound, this is what the repair of records asks for.
    """
    return global_subruns_of(matcher, interval_of_record(record))[0]


def fill_record(matcher: Matcher, record: Mapping[str, Any]) -> tuple[dict[str, Any], Match]:
    """Record with its global subruns, computed again; the key is left out where there are none.

    Parameters
    ----------
    matcher : Matcher
    record : mapping
        Of any tier; it is not changed.

    Raises
    ------
    InputFileError
        See :func:`global_subruns_of` and :func:`~.files.interval_of_record`.
    """
    numbers, match = global_subruns_of(matcher, interval_of_record(record))
    metadata = {key: value for key, value in record["metadata"].items() if key != GLOBAL_SUBRUNS}
    if numbers:
        metadata[GLOBAL_SUBRUNS] = list(numbers)
    return {**record, "metadata": metadata}, match


def match_path(folder: Path, match: Match) -> Path:
    """Path of the match record of a file in a folder."""
    return folder / f"{match.file.did.rpartition(':')[2]}{SUFFIX}"


def write_match(folder: Path, match: Match, *, overwrite: bool = False) -> Path:
    """Write the match record, with name and hash of the run database, into a folder.

    Raises
    ------
    OutputError
        If it exists already (unless ``overwrite``), or cannot be written.
    """
    path = match_path(folder, match)
    text = json.dumps(match.as_dict(), indent=2, allow_nan=False) + "\n"
    write_text(path, text, overwrite=overwrite)
    return path
