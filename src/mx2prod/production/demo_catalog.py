"""The demonstration of the catalogue: arriving raw files, the datasets of Run 1, a snapshot."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mx2prod.catalog import Catalog
from mx2prod.catalog.composition import left_out
from mx2prod.catalog.scanning import Seen, scan
from mx2prod.catalog.shipped import shipped
from mx2prod.catalog.snapshots import Difference, Snapshot
from mx2prod.catalog.tabling import DatasetTable, as_markdown, as_wiki, dataset_table
from mx2prod.core.errors import CatalogError
from mx2prod.core.files import write_text
from mx2prod.core.ids import Did
from mx2prod.core.workspace import Workspace
from mx2prod.production.demo import RUN1_LABEL

FOLDER, TABLE = "datasets", "run1_datasets"
FROZEN = "mx2_numib_raw_run1_prod_b"
"""Shipped dataset that the demonstration freezes."""

_SORTS_OUT = "core.event_count > 1"
"""Condition of the shipped definitions that keeps files without data out."""


@dataclass(frozen=True)
class Rejected:
    """A raw file that is not used.

    Attributes
    ----------
    name : str
    dataset : str
        Whose definition leaves it out; empty if the file was not declared.
    reason : str
    """

    name: str
    dataset: str
    reason: str


@dataclass(frozen=True)
class CatalogReport:
    """What the catalogue has of the small Run 1.

    Attributes
    ----------
    seen : list of Seen
        Every raw file.
    rejected : list of Rejected
    table : DatasetTable
        The six datasets of the talk.
    snapshot : Snapshot
    difference : Difference
        Between the snapshot and what its definition selects now.
    paths : list of Path
        The table as Markdown and for a wiki.
    seconds : float
    """

    seen: list[Seen]
    rejected: list[Rejected]
    table: DatasetTable
    snapshot: Snapshot
    difference: Difference
    paths: list[Path]
    seconds: float

    def as_dict(self) -> dict[str, Any]:
        """Give all of it for programs."""
        return {
            "files": [item.as_dict() for item in self.seen],
            "rejected": [vars(item) for item in self.rejected],
            "table": self.table.as_dict(),
            "snapshot": self.snapshot.as_dict(),
            "snapshot_is_current": self.difference.same,
            "paths": [str(path) for path in self.paths],
            "seconds": round(self.seconds, 2),
        }


def declare_run1(workspace: Workspace, catalogue: Catalog, folder: Path) -> list[Seen]:
    """Declare the simulated raw files, as they arrive.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    catalogue : Catalog
    folder : Path
        With the raw files, complete.
    """
    settings = workspace.settings
    return list(
        scan(
            catalogue, folder, Did.parse(settings.catalog.dataset),
            namespace=settings.workspace.namespace, creator=settings.catalog.creator, settled_s=0,
        )
    )  # fmt: skip


def show_datasets(
    workspace: Workspace, catalogue: Catalog, folder: Path, seen: list[Seen]
) -> CatalogReport:
    """Define the six datasets of the talk, freeze one, and write the table of all.

    Parameters
    ----------
    workspace : Workspace
        That of the demonstration.
    catalogue : Catalog
    folder : Path
        Of the demonstration, as the user named it.
    seen : list of Seen
        See :func:`declare_run1`.

    Raises
    ------
    CatalogError
        If the frozen dataset has other members than it was frozen with.
    """
    started = time.perf_counter()
    dids = _define(workspace, catalogue)
    frozen = Did(workspace.settings.workspace.dataset_namespace, FROZEN)
    snapshot = catalogue.snapshot_of(frozen) or catalogue.snapshot(frozen, frozen=True)
    difference = catalogue.diff(frozen)
    if not difference.intact:
        raise CatalogError(f"{frozen}: its members are not those that were frozen",
                           next_step=f"mx2 dataset diff {frozen}")  # fmt: skip
    table = dataset_table(catalogue, dids)
    rejected = [*_refused(seen), *_left_out(catalogue, dids)]
    paths = _write_table(table, folder / FOLDER)
    seconds = time.perf_counter() - started
    return CatalogReport(seen, rejected, table, snapshot, difference, paths, seconds)


def _define(workspace: Workspace, catalogue: Catalog) -> list[Did]:
    """Datasets of the talk, with the definitions that ship; one that is there is left."""
    namespace = workspace.settings.workspace.dataset_namespace
    dids = []
    for item in shipped().values():
        if item.is_template:
            continue
        did = Did(namespace, item.name)
        if catalogue.dataset(did) is None:
            catalogue.define(did, item.definition, description=item.description)
        dids.append(did)
    return dids


def _refused(seen: Sequence[Seen]) -> list[Rejected]:
    return [
        Rejected(item.path.name, "", item.reason)
        for item in seen
        if item.state in ("refused", "left")
    ]


def _left_out(catalogue: Catalog, dids: Sequence[Did]) -> list[Rejected]:
    """Files that only the number of gates keeps out of a dataset."""
    found = []
    for did in dids:
        record = catalogue.dataset(did)
        for one in left_out(catalogue, (record and record.definition) or ""):
            if one.condition == _SORTS_OUT:
                found += [
                    Rejected(file.partition(":")[2], did.name, f"{one.condition}; it has {has}")
                    for file, has in one.files
                ]
    return found


def _write_table(table: DatasetTable, folder: Path) -> list[Path]:
    paths = [folder / f"{TABLE}.md", folder / f"{TABLE}.wiki"]
    write_text(paths[0], f"{RUN1_LABEL}\n\n{as_markdown(table)}", overwrite=True)
    write_text(paths[1], f"{RUN1_LABEL}\n\n{as_wiki(table)}", overwrite=True)
    return paths
