"""Verify constants: hashes of everything, and the signatures, also offline (page, section 13)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from mx2prod.conditions.archive import Archive, Contents, contents_of
from mx2prod.conditions.copying import copy_contents
from mx2prod.conditions.evidence import gather, judge, makers
from mx2prod.conditions.folder import FolderArchive
from mx2prod.conditions.freezing import freeze_rows
from mx2prod.conditions.gtags import SUBJECT, Gtag, all_gtags, find_gtag
from mx2prod.conditions.payloads import Payload, decode
from mx2prod.conditions.putting import read_payload
from mx2prod.conditions.snapshot import Snapshot
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.core.errors import Mx2Error, PolicyError, StateError
from mx2prod.journal import RoleStore, Subject
from mx2prod.journal import State as ApprovalState

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
    made_by : tuple of str
        Calibrators who signed for having made it, when it was frozen.
    signed_by : tuple of str
        Persons whose signatures counted when it was promoted; empty for development.
    problems : tuple of str
        Empty: everything is as it was signed, or was frozen.
    """

    gtag: str
    digest: str
    state: State
    payloads: int
    made_by: tuple[str, ...]
    signed_by: tuple[str, ...]
    problems: tuple[str, ...]

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 conditions verify --json``."""
        return {
            "gtag": self.gtag,
            "digest": self.digest,
            "state": self.state.value,
            "payloads": self.payloads,
            "made_by": list(self.made_by),
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


def verify_store(
    store: Store,
    gtag: str | None = None,
    *,
    pin: str = "",
    role_store: RoleStore | None = None,
) -> list[Verified]:
    """Verify one global tag, or all, of a database.

    Parameters
    ----------
    store : Store
    gtag : str, optional
    pin : str
        As in :func:`verify_archive`.
    role_store : RoleStore, optional
        To judge signatures on freezings in the development database; production keeps its own.

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
                if role_store is not None and store.role == "development":
                    evidence = tuple(gather(connection, role_store, row.name))
                    contents = replace(contents, evidence=evidence)
            except Mx2Error as error:
                found.append(Verified(row.name, row.digest, row.state, 0, (), (), (error.message,)))
                continue
            found.append(_verified(contents, partial(read_payload, connection), [], pin))
    return found


def require_signed(source: Store | Archive, gtag: str, *, pin: str = "") -> tuple[str, ...]:
    """Judge the signatures of a published global tag again, as of its promotion.

    Payloads are not hashed here: a view hashes those that it reads.

    Parameters
    ----------
    source : Store or Archive
    gtag : str
    pin : str
        As in :func:`verify_archive`.

    Returns
    -------
    tuple of str
        Persons whose signatures counted.

    Raises
    ------
    PolicyError
        If the signatures do not hold for this digest.
    """
    if isinstance(source, Archive):
        contents = source.contents
    else:
        with source.reading() as connection:
            contents = contents_of(connection, source, gtag)
    signed_by, problems = _signatures(contents, pin)
    if problems:
        raise PolicyError(
            f"{source.address}: global tag {gtag}: {'; '.join(problems)}",
            next_step="mx2 conditions verify, and ask who made it",
        )
    return signed_by


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
    made_by, more = _makers(contents, pin)
    found += more
    signed_by: tuple[str, ...] = ()
    if contents.state in _SIGNED:
        signed_by, more = _signatures(contents, pin)
        found += more
    manifest = contents.manifest
    return Verified(
        manifest.gtag, manifest.digest, contents.state, len(contents.payloads), made_by, signed_by,
        tuple(dict.fromkeys(found)),
    )  # fmt: skip


def _makers(contents: Contents, pin: str) -> tuple[tuple[str, ...], list[str]]:
    """Persons who signed for having made it, and signatures that do not hold."""
    subject = Subject(SUBJECT, contents.manifest.gtag, contents.manifest.digest)
    try:
        found = makers(contents.evidence, subject, pin)
    except Mx2Error as error:
        return (), [f"signatures: {error.message}"]
    persons = sorted({maker.person for maker in found if maker.holds})
    return tuple(persons), [str(maker) for maker in found if not maker.holds]


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
