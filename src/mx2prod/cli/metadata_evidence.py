"""What a repair works on: the store of the records, and the evidence that a workspace has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mx2prod.cli.frame import Frame
from mx2prod.cli.metadata_quality import quality_database

if TYPE_CHECKING:
    from mx2prod.metadata.repair import Evidence, RecordStore


@contextmanager
def open_store(frame: Frame, records: Path | None) -> Iterator[RecordStore]:
    """Store of a call: a folder of records, or the workspace's catalogue."""
    if records is not None:
        from mx2prod.metadata.repair import FolderStore

        yield FolderStore(records)
        return
    from mx2prod import catalog
    from mx2prod.catalog.repairing import CatalogueStore

    workspace = frame.workspace
    with catalog.open(workspace.settings.catalog.url, root=workspace.root) as opened:
        yield CatalogueStore(opened)


@contextmanager
def evidence_of(frame: Frame, runsdb: Path | None, *, no_tape: bool = False) -> Iterator[Evidence]:
    """Evidence that the workspace has: run database and stored verdicts."""
    from mx2prod.metadata import load_schema
    from mx2prod.metadata.repair import Evidence

    schema = load_schema().with_suffixes(frame.workspace.settings.names.suffix)
    evidence = Evidence(schema=schema, replicas=NotOnTape() if no_tape else None)
    if runsdb is not None:
        evidence = replace(evidence, global_subruns=_global_subruns(frame, runsdb))
    with _verdicts(frame) as values:
        yield replace(evidence, quality=values)


class NotOnTape:
    """A :class:`mx2prod.metadata.ReplicaLookup` of somebody who knows that nothing is on tape."""

    def unverified(self, did: str) -> list[str]:
        """Nothing is said about replicas on disk."""
        return []

    def on_tape(self, did: str) -> bool:
        """Say no."""
        return False


def _global_subruns(frame: Frame, runsdb: Path) -> Any:
    from mx2prod.metadata.matching import LIST_NAME, Matcher, TrustedDatabases, fill_record

    trusted = TrustedDatabases.read(frame.workspace.root / LIST_NAME)
    matcher = Matcher(trusted.open(runsdb))

    def numbers(record: dict[str, Any]) -> list[int]:
        filled, _ = fill_record(matcher, record)
        found: list[int] = filled["metadata"].get("dune.mx2x2_global_subrun_numbers", [])
        return found

    return numbers


@contextmanager
def _verdicts(frame: Frame) -> Iterator[Any]:
    from mx2prod.metadata.quality import QUALITY, QualityStore

    database = quality_database(frame)
    if not database.exists(frame.workspace):
        yield None
        return
    from mx2prod.journal import versions

    with database.opened(frame.workspace) as engine:
        there = all(item.current for item in versions(engine, (QUALITY,)))
        yield QualityStore(engine).value if there else None
