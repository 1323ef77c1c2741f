"""A global tag outside a database: what a snapshot file and an exported folder hold (page, 13)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from sqlalchemy import Connection

from mx2prod.conditions import evidence as evidences
from mx2prod.conditions.axis import Interval
from mx2prod.conditions.copying import Document
from mx2prod.conditions.documents import RunTimeMap
from mx2prod.conditions.evidence import Evidence
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.manifest import Manifest, checked_manifest, read_manifest
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.promotion import PROMOTED, documents_of
from mx2prod.conditions.putting import Provenance, read_payload, read_provenance
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store
from mx2prod.conditions.view import View
from mx2prod.conditions.views import Use, require_digest, require_readable, split_reference
from mx2prod.core.canonical import sha256_of
from mx2prod.core.errors import NoConditionsError, UsageError
from mx2prod.journal import events

FORMAT = "mx2-snapshot/1"


@dataclass(frozen=True)
class Contents:
    """What an archive holds besides payloads.

    Attributes
    ----------
    manifest : Manifest
        Always whole, so that its digest is the signed one.
    state : State
    provisional : bool
    published_utc : str
        When it was promoted; empty if it was not.
    cut : tuple of Interval
        Only payloads that hold in one of them are there; empty: all are.
    documents : tuple of Document
        Run list, run-to-time map and checks.
    evidence : tuple of Evidence
        What the approval rests on.
    """

    manifest: Manifest
    state: State
    provisional: bool
    published_utc: str
    cut: tuple[Interval, ...]
    documents: tuple[Document, ...]
    evidence: tuple[Evidence, ...]

    def meta(self) -> dict[str, str]:
        """Facts as texts."""
        return {
            "format": FORMAT,
            "gtag": self.manifest.gtag,
            "digest": self.manifest.digest,
            "state": self.state.value,
            "provisional": str(int(self.provisional)),
            "published_utc": self.published_utc,
            "cut": " ".join(f"{i.since}-{i.until}" for i in self.cut),
        }

    @classmethod
    def of(
        cls,
        meta: dict[str, str],
        manifest: str,
        documents: Sequence[Document],
        evidence: Sequence[Evidence],
        source: str,
    ) -> Contents:
        """Contents of what was read.

        Raises
        ------
        UsageError
            If it is of another format.
        InputFileError
            If the manifest is none.
        """
        if meta.get("format") != FORMAT:
            raise UsageError(f"{source}: format {meta.get('format')!r}, expected {FORMAT!r}")
        cut = tuple(
            Interval(*(int(end) for end in item.split("-"))) for item in meta["cut"].split()
        )
        return cls(
            read_manifest(manifest, source),
            State(meta["state"]),
            meta["provisional"] == "1",
            meta["published_utc"],
            cut,
            tuple(documents),
            tuple(evidence),
        )

    @cached_property
    def payloads(self) -> tuple[str, ...]:
        """Content hashes of the payloads that must be there, each once."""
        if not self.cut:
            return self.manifest.payloads
        rows = (row for folder in self.manifest for row in folder.rows())
        held = (row for row in rows if any(row.interval.overlaps(part) for part in self.cut))
        return tuple(dict.fromkeys(row.content_sha256 for row in held if row.content_sha256))

    def runtime(self) -> RunTimeMap | None:
        """Run-to-time map; None without one."""
        found = [body for kind, body in self.documents if kind == "runtime"]
        return RunTimeMap.of_document(found[0]) if found else None

    def document_problems(self) -> list[str]:
        """Documents that the manifest names and that are not there as they were."""
        named = {self.manifest.runlist, self.manifest.runtime, self.manifest.checks} - {""}
        there = {sha256_of(body) for _, body in self.documents}
        return [f"document {sha256[:16]} is missing or changed" for sha256 in sorted(named - there)]


class Archive(ABC):
    """A snapshot file or an exported folder, open for reading."""

    path: Path

    @property
    def address(self) -> str:
        """Its path."""
        return str(self.path)

    @property
    @abstractmethod
    def contents(self) -> Contents:
        """All but the payloads."""

    @abstractmethod
    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash."""

    @abstractmethod
    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        """Facts about a payload."""

    @abstractmethod
    def stored(self) -> list[str]:
        """Content hashes of the payloads that are there."""

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def view(
        self, reference: str = "", *, use: Use | None = None, allow_invalid: bool = False
    ) -> View:
        """Pinned view of what it holds.

        Parameters
        ----------
        reference : str
            ``GTAG[@DIGEST]`` that it must hold; whatever it holds if empty.
        use, allow_invalid
            As in :func:`mx2prod.conditions.views.open_view`.

        Raises
        ------
        UsageError
            If it holds another global tag.
        PolicyError, StateError
            If it has another digest, or a state that this use does not allow.
        """
        contents = self.contents
        manifest = contents.manifest
        name, digest = split_reference(reference) if reference else (manifest.gtag, "")
        if name != manifest.gtag:
            raise UsageError(f"{self.address}: holds {manifest.gtag}, asked for was {name}")
        require_digest(name, digest, manifest)
        # A file cannot change under its reader, so its own digest pins it.
        require_readable(
            contents.state, name, manifest.digest, use=use, allow_invalid=allow_invalid
        )
        return View(
            manifest, contents.state, CutPayloads(self), provisional=contents.provisional,
            runtime=contents.runtime(), source=self.address,
        )  # fmt: skip


@dataclass(frozen=True)
class CutPayloads:
    """Payloads of an archive that may hold only some runs."""

    archive: Archive

    def read(self, content_sha256: str) -> Payload:
        """Payload of a content hash; says so if it was cut away."""
        if content_sha256 not in self.archive.contents.payloads:
            cut = ", ".join(map(str, self.archive.contents.cut))
            raise NoConditionsError(
                f"{self.archive.address}: holds only the constants of {cut}",
                next_step="mx2 conditions export GTAG --format snap -o FILE",
            )  # fmt: skip
        return self.archive.read(content_sha256)

    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        """Facts about a payload."""
        return self.archive.provenance(content_sha256)

    def close(self) -> None:
        """Let go of the file."""
        self.archive.close()


def contents_of(
    connection: Connection, store: Store, gtag: str, cut: Sequence[Interval] = ()
) -> Contents:
    """Contents of a global tag of a database.

    Raises
    ------
    HashMismatch
        If its rows have another digest.
    """
    found = find_gtag(connection, gtag)
    manifest = checked_manifest(connection, found)
    promoted = [
        event.utc for event in events.read(connection, kind=f"conditions.{PROMOTED}", obj=gtag)
    ]
    return Contents(
        manifest,
        found.state,
        found.provisional,
        promoted[-1] if promoted and store.role == "production" else "",
        tuple(cut),
        tuple(documents_of(connection, manifest)),
        tuple(evidences.stored(connection, gtag)),
    )


def payload_rows(
    connection: Connection, contents: Contents
) -> Iterator[tuple[Payload, list[Provenance]]]:
    """Payloads to be written, with where they come from."""
    for sha256 in contents.payloads:
        yield read_payload(connection, sha256), read_provenance(connection, sha256)
