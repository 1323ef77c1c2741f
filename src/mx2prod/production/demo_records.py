"""The demonstration of records: the small Run 1 in the catalogue, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod import catalog
from mx2prod.core.workspace import Workspace
from mx2prod.production.demo import Run1Report
from mx2prod.production.demo_beam import BeamReport, beam_of_run1
from mx2prod.production.demo_catalog import CatalogReport, declare_run1, show_datasets
from mx2prod.production.demo_matching import MatchingReport, match_run1
from mx2prod.production.demo_metadata import MetadataReport, metadata_of_run1


@dataclass(frozen=True)
class RecordsReport:
    """What became of the records of the small Run 1.

    Attributes
    ----------
    catalog : CatalogReport
    matching : MatchingReport
    beam : BeamReport
    metadata : MetadataReport
    """

    catalog: CatalogReport
    matching: MatchingReport
    beam: BeamReport
    metadata: MetadataReport

    @property
    def seconds(self) -> dict[str, float]:
        """Of each part."""
        return {name: part.seconds for name, part in vars(self).items()}

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {name: part.as_dict() for name, part in vars(self).items()}


def records_of_run1(workspace: Workspace, folder: Path, run1: Run1Report) -> RecordsReport:
    """Declare the simulated raw files, match them, and show their datasets, beam and quality.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    folder : Path
        Of the demonstration, as the user named it.
    run1 : Run1Report

    Raises
    ------
    CatalogError
        If a frozen dataset has other members than it was frozen with.
    InputFileError
        If a match may not be declared, or a file cannot be read.
    """
    url = workspace.settings.catalog.url
    raw = [file.path for file in run1.simulated]
    with catalog.open(url, root=workspace.root, create=True) as catalogue:
        seen = declare_run1(workspace, catalogue, folder / "raw")
        matching = match_run1(workspace, catalogue, folder, seen)
        datasets = show_datasets(workspace, catalogue, folder, seen)
        beam = beam_of_run1(catalogue, datasets.table, run1.simulated, folder)
    return RecordsReport(datasets, matching, beam, metadata_of_run1(workspace, folder, raw))
