"""Promotion: the only way into production, in one transaction (conditions page, section 7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, insert

from mx2prod.conditions import tables
from mx2prod.conditions.approving import makers, policy_for, settle, subject_of
from mx2prod.conditions.copying import Document, copy_contents
from mx2prod.conditions.evidence import Evidence, gather
from mx2prod.conditions.freezing import freeze_rows
from mx2prod.conditions.gtags import find_gtag, gtag_row, set_gtag
from mx2prod.conditions.makings import require_maker
from mx2prod.conditions.manifest import Manifest, checked_manifest
from mx2prod.conditions.payloads import Payload
from mx2prod.conditions.putting import Provenance, read_payload, read_provenance
from mx2prod.conditions.states import READABLE, State
from mx2prod.conditions.store import Store, note, read_document
from mx2prod.core.errors import PolicyError, StateError
from mx2prod.journal import Approval, Approvals, RoleList, RoleStore
from mx2prod.journal import State as ApprovalState

PROMOTED = "promote"
"""Kind of the event of a promotion, after ``conditions.``."""


@dataclass(frozen=True)
class Promotion:
    """What a promotion did.

    Attributes
    ----------
    gtag, digest : str
    changed : bool
        False if it was published already.
    payloads : int
        Payloads of the manifest, all hashed again.
    copied : int
        Payloads that production did not have.
    provisional : bool
        Approved in an emergency.
    """

    gtag: str
    digest: str
    changed: bool
    payloads: int
    copied: int
    provisional: bool


def promote(
    development: Store,
    production: Store,
    role_store: RoleStore,
    gtag: str,
    *,
    reason: str,
    maker_signs: bool = False,
    dry_run: bool = False,
) -> Promotion:
    """Publish an approved global tag; one that is published already changes nothing.

    Every payload is hashed again from the bytes that production has then, and the digest of the
    manifest is computed from production's rows.  Whatever does not agree undoes all of it.

    Parameters
    ----------
    development, production : Store
    role_store : RoleStore
        The signed role lists.
    gtag, reason : str
    maker_signs : bool
        Refuse it unless a calibrator has signed for having made it; True for real constants.
    dry_run : bool
        Do all of it, and undo it.

    Raises
    ------
    ApprovalError
        If this digest is not approved now.
    PolicyError
        If it was approved under a weaker policy or by who made it, or no calibrator has signed and
        one must.
    ChainError
        If the event log of the development database is not as it was written.
    HashMismatch
        If a payload or the digest is not what was signed.
    StateError
        If production has a global tag of this name with another digest.
    """
    subject = subject_of(development, gtag)
    published = _published(production, gtag, subject.digest)
    if published is not None:
        return published
    roles = role_store.load()
    approval = Approvals(development.engine, roles).require(subject, provisional=True)
    _require_policy(development, approval, roles, gtag, maker_signs=maker_signs)
    if not dry_run:
        settle(development, gtag, approval)
    with development.reading() as source, production.changing(dry_run=dry_run) as connection:
        found = find_gtag(source, gtag)
        manifest = checked_manifest(source, found)
        documents = documents_of(source, manifest)
        _, copied = copy_contents(
            connection, manifest, _Development(source), documents, reason=reason
        )
        _keep_evidence(connection, gtag, gather(source, role_store, gtag))
        return _publish(connection, manifest, approval, copied, reason)


def documents_of(connection: Connection, manifest: Manifest) -> list[Document]:
    """Run list, run-to-time map and checks of a manifest, as far as it has them."""
    kinds = {"run-list": manifest.runlist, "runtime": manifest.runtime, "checks": manifest.checks}
    return [(kind, read_document(connection, sha)) for kind, sha in kinds.items() if sha]


@dataclass(frozen=True)
class _Development:
    """What comes out of the development database."""

    connection: Connection

    def read(self, content_sha256: str) -> Payload:
        return read_payload(self.connection, content_sha256)

    def provenance(self, content_sha256: str) -> Sequence[Provenance]:
        return read_provenance(self.connection, content_sha256)


def _published(store: Store, gtag: str, digest: str) -> Promotion | None:
    if store.role != "production":
        raise StateError(
            f"{store.address}: is the development database",
            next_step="mx2 conditions init --db prod",
        )
    with store.reading() as connection:
        if gtag_row(connection, gtag) is None:
            return None
        found = find_gtag(connection, gtag)
        if found.digest != digest or found.state not in READABLE:
            raise StateError(
                f"global tag {gtag}: production has it with digest {found.digest[:16]}, "
                f"{found.state}; this one has {digest[:16]}",
                next_step="give the corrected one a new name: mx2 conditions tag group NEW",
            )
        count = len(checked_manifest(connection, found).payloads)
        return Promotion(gtag, digest, False, count, 0, found.provisional)


def _require_policy(
    development: Store, approval: Approval, roles: RoleList, gtag: str, *, maker_signs: bool
) -> None:
    """Refuse signatures under a weaker policy than the folders', or by who made the constants.

    A request can be made by hand, with any policy, without the authors and their signature.
    """
    with development.reading() as connection:
        found = find_gtag(connection, gtag)
        if maker_signs:
            require_maker(connection, found, roles)
        made_by = set(makers(connection, found, roles))
    wanted = roles.policy(policy_for(roles, list(found.tags)))
    if wanted is None or not approval.request.policy.at_least(wanted):
        raise PolicyError(
            f"global tag {gtag}: approved under policy {approval.request.policy_name}, which asks "
            "for less than the policy of its folders",
            next_step=f"mx2 conditions approve {gtag} --request --reason TEXT",
        )
    made_by &= {s.person for s in approval.signatures if s.approves}
    if made_by:
        raise PolicyError(
            f"global tag {gtag}: signed by {', '.join(sorted(made_by))}, who made it",
            next_step=f"mx2 conditions approve {gtag} --request --reason TEXT",
        )


def _publish(
    connection: Connection, manifest: Manifest, approval: Approval, copied: int, reason: str
) -> Promotion:
    """OPEN to PUBLISHED, along the edges that the database allows."""
    name = manifest.gtag
    freeze_rows(connection, find_gtag(connection, name), manifest)
    provisional = approval.state is ApprovalState.PROVISIONAL
    set_gtag(connection, name, state=State.APPROVED.value, provisional=int(provisional))
    set_gtag(connection, name, state=State.PUBLISHED.value)
    body = {
        "digest": manifest.digest,
        "keys": sorted(s.key for s in approval.signatures if s.counts),
        "provisional": provisional,
        "reason": reason,
    }
    note(connection, PROMOTED, name, body)
    count = len(manifest.payloads)
    return Promotion(name, manifest.digest, True, count, copied, provisional)


def _keep_evidence(connection: Connection, gtag: str, evidence: Sequence[Evidence]) -> None:
    rows = [
        {"gtag": gtag, "number": number, "kind": item.kind, "body": item.body}
        for number, item in enumerate(evidence, 1)
    ]
    connection.execute(insert(tables.EVIDENCE), rows)
