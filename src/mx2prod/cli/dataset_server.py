"""What ``mx2 dataset`` does where the catalogue is a MetaCat server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from mx2prod.cli.catalog_server import noting, refused
from mx2prod.core.errors import DeniedError

if TYPE_CHECKING:
    from mx2prod.catalog.composition import Composition
    from mx2prod.catalog.metacat.server import MetaCat
    from mx2prod.catalog.records import DatasetRecord
    from mx2prod.cli.frame import Frame
    from mx2prod.core.ids import Did


def look_at(
    server: MetaCat, did: Did | None, *, left_out: bool
) -> tuple[DatasetRecord, Composition, dict[str, Any]]:
    """Record of a dataset, numbers of its files, and both as JSON.

    Raises
    ------
    UsageError
        If what was asked needs a definition, or a list of all datasets.
    NotInCatalogError
        If it is not there.
    """
    from mx2prod.catalog.composition import composition
    from mx2prod.catalog.metacat.reading import ServerReader

    if did is None:
        raise refused("name a dataset", "mx2 catalog query 'datasets matching dune:*'")
    if left_out:
        raise refused("it keeps no definitions, which --left-out needs", f"mx2 dataset show {did}")
    reader = ServerReader(server)
    record = reader.require_dataset(did)
    numbers = composition(reader, did)
    document = {
        **record.to_json(with_relations=True),
        "snapshot": None,
        "composition": numbers.as_dict(),
        "left_out": [],
    }
    return record, numbers, document


def freeze_at(
    frame: Frame, server: MetaCat, did: Did, into: Did | None, *, dry_run: bool, snapshot: bool
) -> None:
    """Freeze a dataset of a server, or a copy of it; the event log keeps the digest of its files.

    Raises
    ------
    UsageError
        If a snapshot is asked for.
    NotInCatalogError
        If it is not there.
    DeniedError
        If it is frozen already.
    """
    from mx2prod.catalog.metacat.datasets import create_dataset, freeze
    from mx2prod.catalog.metacat.reading import ServerReader
    from mx2prod.catalog.snapshots import digest_of_fids

    if snapshot:
        raise refused("it keeps no snapshots", f"mx2 dataset freeze {did} --as NS:NAME")
    reader = ServerReader(server)
    if reader.require_dataset(did).frozen and into is None:
        raise DeniedError(f"dataset {did} is frozen", next_step=f"mx2 dataset show {did}")
    target = into or did
    files = list(reader.dataset_files(did))
    document = {
        "did": str(target),
        "of": str(did),
        "file_count": len(files),
        "total_size": sum(one.size for one in files),
        "digest": digest_of_fids(one.fid for one in files),
    }
    if not dry_run:
        with noting(frame, server, target) as note:
            note("freezing", document)
            if into is None:
                freeze(server, did, expected=len(files))
            else:
                create_dataset(server, into, query=f"files from {did}", frozen=True)
            note("freeze", document)
    _show_frozen(frame, {**document, "frozen": True, "dry_run": dry_run})


def _show_frozen(frame: Frame, document: dict[str, Any]) -> None:
    verb = "would freeze" if document["dry_run"] else "froze"
    text = f"{verb} {document['did']}: {document['file_count']} files, {document['total_size']}"
    frame.emit(document, lambda: click.echo(f"{text} bytes\ndigest {document['digest']}"))
    frame.say("the server still lets files be declared into a frozen dataset: the digest shows it")
