"""Verify constants: hashes of everything, and the signatures, also offline (page, section 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from mx2prod.conditions.approving import SUBJECT
from mx2prod.conditions.archive import Archive, Contents, contents_of
from mx2prod.conditions.copying import copy_contents
from mx2prod.conditions.evidence import judge
from mx2prod.conditions.folder import FolderArchive
from mx2prod.conditions.freezing import freeze_rows
from mx2prod.conditions.gtags import Gtag, all_gtags, find_gtag
from mx2prod.conditions.payloads import Payload, decode
from mx2prod.conditions.putting import read_payload
from mx2prod.conditions.snapshot import Snapshot
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.core.errors import Mx2Error, StateError
from mx2prod.journal import State as ApprovalState
from mx2prod.journal import Subject

_SIGNED = (State.PUBLISHED, State.SUPERSEDED, State.INVALID)


@dataclass(frozen=True)
class Verified:
    """What the verification of a global tag found.

    Attributes
    ----------
    gtag, digest : str
    state : State
    payloads : int
        Payloads that were hashed.
    signed_by : tuple of str
        Persons whose signatures counted when it was promoted; empty for development.
    problems : tuple of str
        Empty: everything is as it was signed, or was frozen.
    """

    gtag: str
    digest: str
    state: State
    payloads: int
    signed_by: tuple[str, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 conditions verify --json``."""
        return {
            "gtag": self.gtag,
            "digest": self.digest,
            "state": self.state.value,
            "payloads": self.payloads,
            "signed_by": list(self.signed_by),
            "problems": list(self.problems),
        }


def open_archive(path: Path) -> Snapshot | FolderArchive:
    """Snapshot file or exported folder.

    Raises
    ------
    InputFileError
        If it is neither.
    """
    return FolderArchive(path) if path.is_dir() else Snapshot(path)


def verify_archive(archive: Archive, *, pin: str = "") -> Verified:
    """Hash everything again, and judge the signatures as of the promotion.

    Parameters
    ----------
    archive : Archive
    pin : str
        Digest of a role list that must be among those kept: ``trust_root`` of ``mx2.toml``.

    Raises
    ------
    InputFileError
        If it cannot be read as an archive.
    """
    contents = archive.contents
    stray = sorted(set(archive.stored()) - set(contents.payloads))
    problems = [f"payload {sha256[:16]} belongs to no interval" for sha256 in stray]
    return _verified(contents, archive.read, problems, pin)


def verify_store(store: Store, gtag: str | None = None, *, pin: str = "") -> list[Verified]:
    """Verify one global tag, or all, of a database.

    Raises
    ------
    UsageError
        If there is no such global tag.
    """
    found = []
    with store.reading() as connection:
        rows = all_gtags(connection) if gtag is None else [find_gtag(connection, gtag)]
        for row in rows:
            try:
                contents = contents_of(connection, store, row.name)
            except Mx2Error as error:
                found.append(Verified(row.name, row.digest, row.state, 0, (), (error.message,)))
                continue
            found.append(_verified(contents, partial(read_payload, connection), [], pin))
    return found


def import_archive(store: Store, archive: Archive, *, reason: str, dry_run: bool = False) -> Gtag:
    """Bring a whole archive into the development database, validated with the same digest.

    Its signatures stay where they are: here it is approved anew, or serves as a parent.

    Raises
    ------
    StateError
        If the archive was cut to some runs, or the name is taken.
    HashMismatch
        If something in it is not what its hash says.
    """
    contents = archive.contents
    if contents.cut:
        raise StateError(f"{archive.address}: was cut to some runs, it is not a whole global tag")
    with store.developing(dry_run=dry_run) as connection:
        gtag, _ = copy_contents(
            connection, contents.manifest, archive, contents.documents, reason=reason
        )
        freeze_rows(connection, gtag, contents.manifest)
        body = {"digest": contents.manifest.digest, "from": archive.address, "reason": reason}
        note(connection, "import", gtag.name, body)
        return find_gtag(connection, gtag.name)


def _verified(
    contents: Contents, read: Callable[[str], Payload], problems: Iterable[str], pin: str
) -> Verified:
    found = [*problems, *contents.document_problems()]
    for sha256 in contents.payloads:
        try:
            decode(read(sha256))
        except Mx2Error as error:
            found.append(error.message)
    signed_by: tuple[str, ...] = ()
    if contents.state in _SIGNED:
        signed_by, more = _signatures(contents, pin)
        found += more
    manifest = contents.manifest
    return Verified(
        manifest.gtag, manifest.digest, contents.state, len(contents.payloads), signed_by,
        tuple(found),
    )  # fmt: skip


def _signatures(contents: Contents, pin: str) -> tuple[tuple[str, ...], list[str]]:
    """Persons whose signatures counted at the promotion, and problems."""
    manifest = contents.manifest
    try:
        approval = judge(contents.evidence, contents.published_utc, pin)
    except Mx2Error as error:
        return (), [f"signatures: {error.message}"]
    problems = []
    if approval.request.subject != Subject(SUBJECT, manifest.gtag, manifest.digest):
        problems.append(f"signatures are of {approval.request.subject}, not of this digest")
    if approval.state not in {ApprovalState.APPROVED, ApprovalState.PROVISIONAL}:
        problems.append(f"signatures: {approval.state}: {'; '.join(approval.missing)}")
    if (approval.state is ApprovalState.PROVISIONAL) != contents.provisional:
        problems.append("it says otherwise than its signatures whether it is provisional")
    return tuple(sorted({s.person for s in approval.signatures if s.approves})), problems
