"""Pinned views: what a job reads (conditions page, sections 4.4, 13 and 14).

A view holds the intervals of one global tag, whose digest it has computed again from the rows.
Nothing that happens to the database later changes what it answers.  A subrun without an interval
is an error; nothing else is taken instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import Connection

from mx2prod.conditions.aliases import alias_of
from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.gtags import find_gtag, gtag_row
from mx2prod.conditions.manifest import Manifest, checked_manifest
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.putting import Provenance, read_payload, read_provenance
from mx2prod.conditions.states import READABLE, State
from mx2prod.conditions.store import Store, read_document
from mx2prod.conditions.view import View
from mx2prod.core.errors import PolicyError, StateError, UsageError

SHORTEST_DIGEST = 16


class Use(StrEnum):
    """For what constants that are not published may be read."""

    PREPRODUCTION = "preproduction"
    CALIBRATION = "calibration"
    ROCK_MUONS = "rock-muons"
    TEST = "test"


@dataclass(frozen=True)
class StorePayloads:
    """Payloads of a database."""

    store: Store

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash."""
        with self.store.reading() as connection:
            return read_payload(connection, content_sha256)

    def provenance(self, content_sha256: str) -> list[Provenance]:
        """Facts about a payload."""
        with self.store.reading() as connection:
            return read_provenance(connection, content_sha256)

    def close(self) -> None:
        """Do nothing: the store belongs to somebody else."""


def open_view(
    store: Store, reference: str, *, use: Use | None = None, allow_invalid: bool = False
) -> View:
    """Pinned view of a global tag of a store.

    Parameters
    ----------
    store : Store
    reference : str
        ``GTAG@DIGEST``, at least 16 digits; in the production database also ``GTAG``.
    use : Use, optional
        Needed for constants that are not published; goes into the metadata of the output.
    allow_invalid : bool
        Read a withdrawn global tag.

    Raises
    ------
    UsageError
        If there is no such global tag.
    HashMismatch
        If its rows have another digest.
    StateError, PolicyError
        If its state or this use does not allow to read it.
    """
    name, digest = split_reference(reference)
    with store.reading() as connection:
        _refuse_alias(connection, name)
        gtag = find_gtag(connection, name)
        manifest = checked_manifest(connection, gtag)
        runtime = (
            RunTimeMap.of_document(read_document(connection, gtag.runtime))
            if gtag.runtime
            else None
        )
    require_digest(name, digest, manifest)
    require_readable(gtag.state, name, digest, use=use, allow_invalid=allow_invalid)
    return View(
        manifest, gtag.state, StorePayloads(store), provisional=gtag.provisional,
        runtime=runtime, source=store.address,
    )  # fmt: skip


def split_reference(reference: str) -> tuple[str, str]:
    """Name and digest, perhaps empty, of ``GTAG[@DIGEST]``.

    Raises
    ------
    UsageError
        If the digest is too short or no hexadecimal number.
    """
    name, at, digest = reference.partition("@")
    hexadecimal = set(digest) <= set("0123456789abcdef")
    if at and not (hexadecimal and SHORTEST_DIGEST <= len(digest) <= 64):
        raise UsageError(
            f"{reference!r}: expected GTAG@DIGEST with {SHORTEST_DIGEST} to 64 hexadecimal digits"
        )
    return name, digest


def require_digest(name: str, digest: str, manifest: Manifest) -> None:
    """Raise :class:`PolicyError` unless the manifest has the digest that was asked for."""
    if not manifest.digest.startswith(digest):
        raise PolicyError(
            f"global tag {name}: has digest {manifest.digest}, asked for was {digest}",
            next_step="mx2 conditions ls",
        )


def require_readable(
    state: State, name: str, digest: str, *, use: Use | None, allow_invalid: bool
) -> None:
    """Check that constants in this state may be read like this (page, section 4.4).

    Raises
    ------
    StateError
        If the state does not allow it.
    PolicyError
        If constants that are not published are asked for without digest or use.
    """
    if state in READABLE or (state is State.INVALID and allow_invalid):
        return
    if state is State.INVALID:
        raise StateError(
            f"global tag {name}: was withdrawn (INVALID)",
            next_step="use its successor; --allow-invalid reads it, and the output says so",
        )
    if use is None:
        raise StateError(
            f"global tag {name}: is {state}, jobs read what is PUBLISHED",
            next_step=f"mx2 conditions promote {name}",
        )
    if not digest:
        raise PolicyError(
            f"global tag {name}: is {state}, which is read by {name}@DIGEST only",
            next_step="mx2 conditions ls",
        )


def _refuse_alias(connection: Connection, name: str) -> None:
    target = alias_of(connection, name)
    if target is not None and gtag_row(connection, name) is None:
        gtag = find_gtag(connection, target)
        raise UsageError(
            f"{name}: is an alias, which can move; jobs pin a global tag",
            next_step=f"{gtag.name}@{gtag.digest}",
        )
