"""The life of a global tag after it was checked: validated, superseded, withdrawn (page, 4.4)."""

from __future__ import annotations

from sqlalchemy import Connection

from mx2prod.conditions.checking import current_checks
from mx2prod.conditions.gtags import SUBJECT, Gtag, find_gtag, require_open, set_gtag
from mx2prod.conditions.makings import ENVELOPE, stored_makers
from mx2prod.conditions.manifest import Manifest, checked_manifest, manifest_of
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.conditions.tags import set_tag
from mx2prod.core.errors import PolicyError, StateError
from mx2prod.journal import RoleList, SigningKey, Subject, fingerprint, sign_making


def freeze(
    store: Store,
    gtag: str,
    *,
    reason: str,
    signer: tuple[SigningKey, RoleList] | None = None,
    dry_run: bool = False,
) -> Gtag:
    """Make an open global tag VALIDATED: fix the digest of a global tag and of its tags.

    Of one that is VALIDATED already only the signature is added, over the same digest; once the
    key has signed, nothing.

    Parameters
    ----------
    store : Store
    gtag : str
        With stored results of all checks on these contents.
    reason : str
    signer : tuple of SigningKey and RoleList, optional
        Key of the calibrator who signs for having made it, and the list that she stands on.
    dry_run : bool

    Raises
    ------
    StateError
        If it is not open, or not VALIDATED where a signature is to be added.
    PolicyError
        If it was not checked since its last change, or a check failed and was not waived.
    ApprovalError
        If the key is not one of a calibrator now.
    """
    with store.developing(dry_run=dry_run) as connection:
        found = find_gtag(connection, gtag)
        if signer is None or found.state is not State.VALIDATED:
            digest = _fix(connection, require_open(found))
        elif _has_signed(connection, found, *signer):
            return found
        else:
            digest = checked_manifest(connection, found).digest
        body = {"digest": digest, "reason": reason}
        if signer is not None:
            body[ENVELOPE] = sign_making(Subject(SUBJECT, gtag, digest), reason, *signer)
        note(connection, "freeze", gtag, body)
        return find_gtag(connection, gtag)


def _fix(connection: Connection, gtag: Gtag) -> str:
    """Fix the digest of a global tag whose checks passed, and return it."""
    checks = current_checks(connection, gtag)
    if checks.failed:
        first = checks.failed[0]
        raise PolicyError(
            f"global tag {gtag.name}: {len(checks.failed)} checks failed; "
            f"{first.rule}: {first.problems[0]}",
            next_step=f"mx2 conditions check {gtag.name}",
        )
    manifest = manifest_of(connection, gtag)
    freeze_rows(connection, gtag, manifest)
    return manifest.digest


def _has_signed(connection: Connection, gtag: Gtag, key: SigningKey, roles: RoleList) -> bool:
    makers = stored_makers(connection, gtag, roles)
    return any(maker.holds and maker.key == fingerprint(key.public) for maker in makers)


def freeze_rows(connection: Connection, gtag: Gtag, manifest: Manifest) -> None:
    """Fix the digests of tags that are open and of the global tag."""
    for folder in manifest:
        tag = gtag.tags[folder.folder]
        if tag.state is State.OPEN:
            set_tag(connection, tag, state=State.VALIDATED.value, digest=folder.digest)
    set_gtag(connection, gtag.name, state=State.VALIDATED.value, digest=manifest.digest)


def supersede(
    store: Store, gtag: str, *, successor: str, reason: str, dry_run: bool = False
) -> Gtag:
    """Make a published global tag SUPERSEDED by a newer one; reading it stays allowed.

    Raises
    ------
    StateError
        If one of the two is not published.
    """
    with store.changing(dry_run=dry_run) as connection:
        for name in (gtag, successor):
            found = find_gtag(connection, name)
            if found.state is not State.PUBLISHED:
                raise StateError(f"global tag {name}: is {found.state}, expected PUBLISHED")
        if gtag == successor:
            raise StateError(f"global tag {gtag}: cannot be its own successor")
        set_gtag(connection, gtag, state=State.SUPERSEDED.value)
        note(connection, "supersede", gtag, {"successor": successor, "reason": reason})
        return find_gtag(connection, gtag)
