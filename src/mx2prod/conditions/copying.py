"""Copy the contents of a frozen global tag into a database: promotion and import do it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Connection, select

from mx2prod.conditions import tables
from mx2prod.conditions.gtags import Gtag, add_gtag, find_gtag, map_tag, set_gtag
from mx2prod.conditions.intervals import insert_gap, insert_iov
from mx2prod.conditions.manifest import FolderManifest, Manifest, manifest_of
from mx2prod.conditions.payloads import Payload, decode
from mx2prod.conditions.putting import Provenance, add_payload, add_provenance, read_payload
from mx2prod.conditions.store import add_document, folder_schema
from mx2prod.conditions.tags import add_tag, tag_named
from mx2prod.core.errors import HashMismatch, StateError

Document = tuple[str, Any]
"""Kind and content of a document."""


class Source(Protocol):
    """Where the contents come from."""

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash."""

    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        """Facts about a payload."""


def copy_contents(
    connection: Connection,
    manifest: Manifest,
    source: Source,
    documents: Sequence[Document],
    *,
    reason: str,
) -> tuple[Gtag, int]:
    """Insert payloads, documents, tags and the open global tag of a manifest.

    Every payload is hashed again from the bytes that the database has then, and the digest is
    computed from its rows.

    Parameters
    ----------
    connection : Connection
        Of the database that they go into.
    manifest : Manifest
    source : Source
    documents : sequence of Document
    reason : str

    Returns
    -------
    gtag : Gtag
        Still open.
    copied : int
        Payloads that were not there.

    Raises
    ------
    HashMismatch
        If a payload or the digest is not what it should be.
    StateError
        If the database has a tag of the same name with other intervals.
    """
    copied = _copy_payloads(connection, manifest, source)
    for kind, body in documents:
        add_document(connection, kind, body)
    name = manifest.gtag
    add_gtag(connection, name, manifest.hardware_map, reason=reason)
    set_gtag(
        connection, name, run_list=manifest.runlist, runtime=manifest.runtime,
        checks=manifest.checks,
    )  # fmt: skip
    made = find_gtag(connection, name)
    for folder in manifest:
        _copy_tag(connection, made, folder, reason)
    found = find_gtag(connection, name)
    written = manifest_of(connection, found)
    if written.digest != manifest.digest:
        raise HashMismatch(
            f"global tag {name}: the rows written have digest {written.digest[:16]}, expected "
            f"{manifest.digest[:16]}; nothing was changed"
        )
    return found, copied


def _copy_payloads(connection: Connection, manifest: Manifest, source: Source) -> int:
    copied = 0
    table = tables.PAYLOAD
    present = set(connection.execute(select(table.c.content_sha256)).scalars())
    for folder in manifest:
        schema = folder_schema(connection, folder.folder)
        for sha256 in folder.payloads:
            if sha256 not in present:
                add_payload(connection, source.read(sha256))
                copied += 1
            found = decode(read_payload(connection, sha256), source="copy")
            if found.schema is not schema:
                raise HashMismatch(
                    f"{folder.folder}: payload {sha256[:16]} is of {found.schema.schema}"
                )
            add_provenance(connection, sha256, source.provenance(sha256))
    return copied


def _copy_tag(connection: Connection, gtag: Gtag, folder: FolderManifest, reason: str) -> None:
    tag = tag_named(connection, folder.folder, folder.tag)
    if tag is not None and tag.digest != folder.digest:
        raise StateError(
            f"{folder.folder}: tag {folder.tag} is there with other intervals",
            next_step=f"mx2 conditions tag create {folder.folder}:NEW --parent {folder.tag}",
        )
    if tag is None:
        tag = add_tag(connection, folder.folder, folder.tag, reason=reason)
        insert_iov(connection, tag.id, *folder.iovs)
        insert_gap(connection, tag.id, *folder.gaps)
    map_tag(connection, gtag, tag)
