"""The manifest of a global tag: what is signed, and its digest (conditions page, section 6.1)."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from sqlalchemy import Connection

from mx2prod.conditions.axis import OPEN_END, Interval
from mx2prod.conditions.gtags import Gtag
from mx2prod.conditions.intervals import Gap, Iov, gaps, iovs
from mx2prod.conditions.states import State
from mx2prod.conditions.store import folder_schema
from mx2prod.conditions.tags import Tag
from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import HashMismatch, InputFileError, NameFormatError

TYPE = "mx2-manifest/1"
_PARTS = ("gtag", "hardware_map", "runlist", "runtime", "checks")


@dataclass(frozen=True)
class FolderManifest:
    """Intervals and gaps of one folder.

    Attributes
    ----------
    folder, schema, tag : str
    iovs : tuple of Iov
        In order.
    gaps : tuple of Gap
        In order.
    """

    folder: str
    schema: str
    tag: str
    iovs: tuple[Iov, ...]
    gaps: tuple[Gap, ...]

    def as_dict(self) -> dict[str, Any]:
        """Member of ``folders``."""
        return {
            "folder": self.folder,
            "schema": self.schema,
            "tag": self.tag,
            "iovs": [[*_ends(iov.interval), iov.content_sha256] for iov in self.iovs],
            "gaps": [
                [*_ends(gap.interval), gap.choice, gap.content_sha256, gap.reason]
                for gap in self.gaps
            ],
        }

    @property
    def digest(self) -> str:
        """Digest of a frozen tag."""
        return sha256_of(self.as_dict())

    def rows(self) -> list[Iov | Gap]:
        """Intervals and gaps together, in order."""
        rows: list[Iov | Gap] = [*self.iovs, *self.gaps]
        return sorted(rows, key=lambda row: row.interval.since)

    @property
    def payloads(self) -> list[str]:
        """Content hashes, each once, in the order in which they hold."""
        found = [row.content_sha256 for row in self.rows() if row.content_sha256]
        return list(dict.fromkeys(found))


@dataclass(frozen=True)
class Manifest:
    """Everything that a reader of a global tag could notice.

    Attributes
    ----------
    gtag : str
    hardware_map, runlist, runtime, checks : str
        sha256 of the tables of the detector, the run list, the run-to-time map and the checks;
        empty if there is none.
    folders : tuple of FolderManifest
        By name.
    """

    gtag: str
    hardware_map: str
    runlist: str
    runtime: str
    checks: str
    folders: tuple[FolderManifest, ...]

    def as_dict(self) -> dict[str, Any]:
        """Content as JSON: strings, integers and null."""
        return {
            "type": TYPE,
            "axis": "run_subrun",
            **{part: getattr(self, part) for part in _PARTS},
            "folders": [folder.as_dict() for folder in self.folders],
        }

    def text(self) -> str:
        """Canonical JSON: the bytes that the digest is of."""
        return canonical_json(self.as_dict())

    @cached_property
    def digest(self) -> str:
        """sha256 of :meth:`text`."""
        return sha256_of(self.as_dict())

    @property
    def contents(self) -> str:
        """Digest without the checks: what checks are about."""
        return sha256_of({**self.as_dict(), "checks": ""})

    @cached_property
    def payloads(self) -> tuple[str, ...]:
        """Content hashes of all folders, each once."""
        return tuple(dict.fromkeys(sha for folder in self.folders for sha in folder.payloads))

    def __iter__(self) -> Iterator[FolderManifest]:
        return iter(self.folders)


def manifest_of(connection: Connection, gtag: Gtag) -> Manifest:
    """Manifest of the rows as they are now.

    Parameters
    ----------
    connection : Connection
    gtag : Gtag
    """
    folders = tuple(folder_manifest(connection, gtag.tags[name]) for name in sorted(gtag.tags))
    return Manifest(gtag.name, gtag.hardware_map, gtag.run_list, gtag.runtime, gtag.checks, folders)


def folder_manifest(connection: Connection, tag: Tag) -> FolderManifest:
    """Intervals and gaps of a tag as they are now."""
    return FolderManifest(
        tag.folder,
        folder_schema(connection, tag.folder).schema,
        tag.name,
        tuple(iovs(connection, tag.id)),
        tuple(gaps(connection, tag.id)),
    )


def checked_manifest(connection: Connection, gtag: Gtag) -> Manifest:
    """Manifest of the rows, which must have the digest that was fixed.

    Raises
    ------
    HashMismatch
        If a row is not as it was when the global tag was frozen.
    """
    manifest = manifest_of(connection, gtag)
    if gtag.state is not State.OPEN and manifest.digest != gtag.digest:
        raise HashMismatch(
            f"global tag {gtag.name}: its rows have digest {manifest.digest[:16]}, "
            f"fixed was {gtag.digest[:16]}: rows were changed behind the store",
            next_step="mx2 conditions verify; mx2 workspace restore",
        )
    return manifest


def read_manifest(text: str, source: str) -> Manifest:
    """Manifest of its text.

    Raises
    ------
    InputFileError
        If the text is not the canonical one of a manifest; ``source`` names it.
    """
    try:
        content = json.loads(text)
        folders = tuple(_folder(item) for item in content["folders"])
        manifest = Manifest(**{part: content[part] for part in _PARTS}, folders=folders)
    except (ValueError, KeyError, TypeError, NameFormatError) as error:
        raise InputFileError(f"{source}: not a manifest of a global tag: {error}") from error
    if manifest.text() != text:
        raise InputFileError(f"{source}: not the canonical text of a manifest")
    return manifest


def _folder(item: dict[str, Any]) -> FolderManifest:
    found_iovs = tuple(
        Iov(Interval(since, _end(until)), sha256) for since, until, sha256 in item["iovs"]
    )
    found_gaps = tuple(
        Gap(Interval(since, _end(until)), choice, reason, sha256)
        for since, until, choice, sha256, reason in item["gaps"]
    )
    return FolderManifest(item["folder"], item["schema"], item["tag"], found_iovs, found_gaps)


def _ends(interval: Interval) -> list[int | None]:
    return [interval.since, None if interval.until == OPEN_END else interval.until]


def _end(until: int | None) -> int:
    return OPEN_END if until is None else until
