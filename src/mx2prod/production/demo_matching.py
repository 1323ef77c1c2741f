"""The demonstration of matching: Mx2 files to charge and light files of a made-up run database."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.catalog import Catalog
from mx2prod.catalog.lookup import CatalogueRecords
from mx2prod.catalog.scanning import Seen
from mx2prod.core.files import sha256_of_file, write_text
from mx2prod.core.ids import FileName
from mx2prod.core.workspace import Workspace
from mx2prod.metadata.derived import GLOBAL_SUBRUNS
from mx2prod.metadata.matching import (
    LIST_NAME,
    Match,
    Matcher,
    RunsDatabase,
    TrustedDatabases,
    fill_record,
    known_dids,
    write_match,
)
from mx2prod.metadata.matching.generate import runs_of_records, write_runs_database
from mx2prod.production.demo_constants import BEAM_STREAMS

FOLDER, DATABASE = "matching", "DEMO_mx2x2runs.sqlite"


@dataclass(frozen=True)
class MatchingReport:
    """Matches of the files with beam.

    Attributes
    ----------
    database : Path
        Made-up run database.
    matches : list of Match
        One a file, in the order of the names.
    changed : int
        Records of the catalogue that got other global subruns than they had.
    paths : list of Path
        A match record each.
    seconds : float
    """

    database: Path
    matches: list[Match]
    changed: int
    paths: list[Path]
    seconds: float

    @property
    def unmatched(self) -> list[Match]:
        """Matches without a global subrun."""
        return [match for match in self.matches if not match.numbers]

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "database": str(self.database),
            "matches": [match.as_dict() for match in self.matches],
            "records_changed": self.changed,
            "paths": [str(path) for path in self.paths],
            "seconds": round(self.seconds, 2),
        }


def match_run1(
    workspace: Workspace, catalogue: Catalog, folder: Path, seen: Sequence[Seen]
) -> MatchingReport:
    """Make a run database around the declared beam files, match them, and fill their records.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    catalogue : Catalog
    folder : Path
        Of the demonstration, as the user named it.
    seen : sequence of Seen
        See :func:`mx2prod.production.demo_catalog.declare_run1`.

    Raises
    ------
    InputFileError
        If a match may not be declared.
    """
    started = time.perf_counter()
    known = CatalogueRecords(catalogue)
    records = [
        record
        for item in seen
        if item.did and FileName.parse(item.path.name).stream in BEAM_STREAMS
        if (record := known.find(item.did)) is not None
    ]
    path = folder / FOLDER / DATABASE
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_runs_database(path, runs_of_records(records))
    matcher = Matcher(_trust(workspace, path), known_dids(known, records))
    matches, changed = [], 0
    for record in records:
        filled, match = fill_record(matcher, record)
        numbers = filled["metadata"].get(GLOBAL_SUBRUNS)
        if numbers and numbers != record["metadata"].get(GLOBAL_SUBRUNS):
            catalogue.update_file(match.file.did, metadata={GLOBAL_SUBRUNS: numbers})
            changed += 1
        matches.append(match)
    paths = [write_match(path.parent, match, overwrite=True) for match in matches]
    return MatchingReport(path, matches, changed, paths, time.perf_counter() - started)


def _trust(workspace: Workspace, path: Path) -> RunsDatabase:
    """Put the database on the list of the workspace, as its operator would, and open it."""
    listed = workspace.root / LIST_NAME
    digest = sha256_of_file(path)
    if digest not in {sha256 for sha256, _ in TrustedDatabases.read(listed).entries}:
        old = listed.read_text(encoding="utf-8") if listed.exists() else ""
        write_text(listed, f"{old}{digest}  {FOLDER}/{DATABASE}\n", overwrite=True)
    return TrustedDatabases.read(listed).open(path)
