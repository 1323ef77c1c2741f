"""The life of a global tag after it was checked: validated, superseded, withdrawn (page, 4.4)."""

from __future__ import annotations

from sqlalchemy import Connection

from mx2prod.conditions.checking import current_checks
from mx2prod.conditions.gtags import Gtag, find_gtag, require_open, set_gtag
from mx2prod.conditions.manifest import Manifest, manifest_of
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.conditions.tags import set_tag
from mx2prod.core.errors import PolicyError, StateError


def freeze(store: Store, gtag: str, *, reason: str, dry_run: bool = False) -> Gtag:
    """Make an open global tag VALIDATED: fix the digest of a global tag and of its tags.

    Parameters
    ----------
    store : Store
    gtag : str
        With stored results of all checks on these contents.
    reason : str
    dry_run : bool

    Raises
    ------
    StateError
        If it is not open.
    PolicyError
        If it was not checked since its last change, or a check failed and was not waived.
    """
    with store.developing(dry_run=dry_run) as connection:
        found = require_open(find_gtag(connection, gtag))
        checks = current_checks(connection, found)
        if checks.failed:
            first = checks.failed[0]
            raise PolicyError(
                f"global tag {gtag}: {len(checks.failed)} checks failed; "
                f"{first.rule}: {first.problems[0]}",
                next_step=f"mx2 conditions check {gtag}",
            )
        manifest = manifest_of(connection, found)
        freeze_rows(connection, found, manifest)
        note(connection, "freeze", gtag, {"digest": manifest.digest, "reason": reason})
        return find_gtag(connection, gtag)


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
