"""Where the server reads from: a database or a snapshot file (page, sections 9.4 and 13)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Protocol

from sqlalchemy import select

from mx2prod.conditions import tables
from mx2prod.conditions.aliases import (
    alias_of,
    count_unknown_folder,
    folder_named,
)
from mx2prod.conditions.gtags import find_gtag
from mx2prod.conditions.intervals import Gap, Iov
from mx2prod.conditions.manifest import FolderManifest, folder_manifest
from mx2prod.conditions.payloads import Payload, require_file_hash
from mx2prod.conditions.putting import read_payload
from mx2prod.conditions.server_served import Recent, Served
from mx2prod.conditions.snapshot import Snapshot
from mx2prod.conditions.states import READABLE, State
from mx2prod.conditions.store import Store
from mx2prod.conditions.tags import Tag, all_tags, find_tag
from mx2prod.conditions.views import Use, require_readable, split_reference
from mx2prod.core.errors import UsageError

_KEPT_VIEWS = 8
_MOST_UNKNOWN = 200
_LONGEST_NAME = 127


class Source(Protocol):
    """What the server reads from."""

    @property
    def address(self) -> str:
        """Address without secrets."""

    def served(self, reference: str) -> Served:
        """Global tag of ``GTAG@DIGEST``; whether it may be read is decided at each call."""

    def alias(self, name: str) -> str | None:
        """``GTAG@DIGEST`` that an alias names now; None without such an alias."""

    def folder(self, requested: str) -> str | None:
        """Folder of a name or of another name of it; None if it is unknown."""

    def count_unknown(self, requested: str) -> None:
        """Remember a folder name that is unknown."""

    def ancestors(self, folder: FolderManifest) -> dict[str, list[Iov | Gap]]:
        """Rows of the tags that the tag of a folder was made from, by the tag's name."""

    def payload(self, content_sha256: str) -> Payload:
        """Payload that may be read, its bytes checked."""


@dataclass(frozen=True)
class StoreSource:
    """A database of constants.

    Attributes
    ----------
    store : Store
    use : Use or None
        Needed to serve constants that are not published.
    allow_invalid : bool
        Serve withdrawn global tags.
    """

    store: Store
    use: Use | None = None
    allow_invalid: bool = False
    _views: Recent[Served] = field(default_factory=lambda: Recent(_KEPT_VIEWS))
    _unknown: set[str] = field(default_factory=set)

    @property
    def address(self) -> str:
        """Address of the database."""
        return self.store.address

    def served(self, reference: str) -> Served:
        """Global tag of a reference.

        Raises
        ------
        UsageError
            If there is no such global tag.
        StateError, PolicyError
            If its state now, or its digest, does not allow to read it.
        """
        name, digest = split_reference(reference)
        with self.store.reading() as connection:
            state = find_gtag(connection, name).state
        require_readable(state, name, digest, use=self.use, allow_invalid=self.allow_invalid)
        return self._views.get((name, digest, state), lambda: self._open(reference))

    def alias(self, name: str) -> str | None:
        """``GTAG@DIGEST`` that an alias of the database names now."""
        with self.store.reading() as connection:
            gtag = alias_of(connection, name)
            return None if gtag is None else f"{gtag}@{find_gtag(connection, gtag).digest}"

    def folder(self, requested: str) -> str | None:
        """Folder of a name, by the alias table of the database."""
        with self.store.reading() as connection:
            return folder_named(connection, requested)

    def count_unknown(self, requested: str) -> None:
        """Count a request in the database; no more than some hundred names, none too long."""
        known = requested in self._unknown
        if len(requested) <= _LONGEST_NAME and (known or len(self._unknown) < _MOST_UNKNOWN):
            self._unknown.add(requested)
            count_unknown_folder(self.store, requested)

    def ancestors(self, folder: FolderManifest) -> dict[str, list[Iov | Gap]]:
        """Rows of the tags above; of tags that are not published only with a use."""
        found: dict[str, list[Iov | Gap]] = {}
        with self.store.reading() as connection:
            tags = {tag.id: tag for tag in all_tags(connection, folder.folder)}
            tag = find_tag(connection, folder.folder, folder.tag)
            while tag.parent_tag is not None:
                tag = tags[tag.parent_tag]
                if self.use is not None or _published(connection, tag):
                    found[tag.name] = folder_manifest(connection, tag).rows()
        return found

    def payload(self, content_sha256: str) -> Payload:
        """Payload that a global tag which may be read holds.

        Raises
        ------
        UsageError
            If there is none.
        HashMismatch
            If its bytes are not what they were.
        """
        with self.store.reading() as connection:
            states = _states_with(connection, content_sha256)
            allowed = [*READABLE, *([State.INVALID] if self.allow_invalid else [])]
            if self.use is not None:
                allowed += [State.OPEN, State.VALIDATED, State.APPROVED]
            if not states & set(allowed):
                raise UsageError(f"no payload {content_sha256!r} that may be read")
            payload = read_payload(connection, content_sha256)
        require_file_hash(payload, source=self.address)
        return payload

    def _open(self, reference: str) -> Served:
        view = self.store.view(reference, use=self.use, allow_invalid=self.allow_invalid)
        return Served(view)


@dataclass(frozen=True)
class SnapshotSource:
    """A snapshot file, which holds one global tag.

    Attributes
    ----------
    snapshot : Snapshot
    use, allow_invalid
        As in :class:`StoreSource`.
    unknown : dict of str to int
        Folder names that were asked for in vain, with the number of requests.
    """

    snapshot: Snapshot
    use: Use | None = None
    allow_invalid: bool = False
    unknown: dict[str, int] = field(default_factory=dict)
    _views: Recent[Served] = field(default_factory=lambda: Recent(_KEPT_VIEWS))

    @property
    def address(self) -> str:
        """Path of the file."""
        return self.snapshot.address

    def served(self, reference: str) -> Served:
        """Global tag of the file, if it is the one of the reference."""
        return self._views.get(reference, lambda: self._open(reference))

    def alias(self, name: str) -> None:
        """Nothing: a snapshot has no aliases."""

    def folder(self, requested: str) -> str | None:
        """Return the name itself if the file has such a folder."""
        folders = [item.folder for item in self.snapshot.contents.manifest]
        return requested if requested in folders else None

    def count_unknown(self, requested: str) -> None:
        """Count a request while the server runs; the request log keeps it."""
        if requested in self.unknown or len(self.unknown) < _MOST_UNKNOWN:
            self.unknown[requested] = self.unknown.get(requested, 0) + 1

    def ancestors(self, folder: FolderManifest) -> dict[str, list[Iov | Gap]]:
        """Nothing: a snapshot holds the tags of its global tag alone."""
        return {}

    def payload(self, content_sha256: str) -> Payload:
        """Payload of the file.

        Raises
        ------
        HashMismatch
            If its bytes are not what they were.
        UsageError
            If the file has no such payload.
        """
        if content_sha256 not in self.snapshot.contents.payloads:
            raise UsageError(f"no payload {content_sha256!r} that may be read")
        payload = self.snapshot.read(content_sha256)
        require_file_hash(payload, source=self.address)
        return payload

    def _open(self, reference: str) -> Served:
        view = self.snapshot.view(reference, use=self.use, allow_invalid=self.allow_invalid)
        return Served(view)


def _published(connection: Any, tag: Tag) -> bool:
    table, gtag = tables.GTAG_MAP, tables.GTAG
    query = (
        select(gtag.c.name)
        .join(table, table.c.gtag == gtag.c.name)
        .where(table.c.tag_id == tag.id, gtag.c.state.in_([state.value for state in READABLE]))
    )
    return connection.execute(query.limit(1)).first() is not None


def _states_with(connection: Any, content_sha256: str) -> set[State]:
    """States of the global tags that hold a payload."""
    found: set[State] = set()
    for rows in (tables.IOV, tables.GAP):
        query = (
            select(tables.GTAG.c.state)
            .join(tables.GTAG_MAP, tables.GTAG_MAP.c.gtag == tables.GTAG.c.name)
            .join(rows, rows.c.tag_id == tables.GTAG_MAP.c.tag_id)
            .where(rows.c.content_sha256 == content_sha256)
            .distinct()
        )
        found |= {State(state) for state in connection.execute(query).scalars()}
    return found
