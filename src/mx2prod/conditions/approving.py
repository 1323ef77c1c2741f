"""Approval of a global tag, through the journal's approvals (conditions page, section 6)."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from mx2prod.conditions.gtags import SUBJECT, Gtag, find_gtag, set_gtag, subject_of_gtag
from mx2prod.conditions.makings import FREEZING, require_maker, stored_makers
from mx2prod.conditions.manifest import checked_manifest
from mx2prod.conditions.states import State
from mx2prod.conditions.store import Store, note
from mx2prod.conditions.tags import with_parents
from mx2prod.core.errors import PolicyError, StateError
from mx2prod.journal import (
    Approval,
    Approvals,
    Decision,
    Policy,
    RoleList,
    SigningKey,
    Subject,
    events,
)
from mx2prod.journal import State as ApprovalState

WITHDRAWAL = "/withdrawal"
"""End of the name of the subject that asks two conveners to withdraw a global tag."""

_CONVENERS = 2
_MAKING = ("conditions.put", "conditions.gap", "conditions.tag", FREEZING)


def subject_of(store: Store, gtag: str) -> Subject:
    """Give what is signed: name and digest of a frozen global tag.

    Raises
    ------
    StateError
        If it is open.
    HashMismatch
        If its rows have another digest.
    """
    with store.reading() as connection:
        found = find_gtag(connection, gtag)
        digest = checked_manifest(connection, found).digest
    if found.state is State.OPEN:
        raise StateError(
            f"global tag {gtag}: is OPEN, its digest is not fixed",
            next_step=f"mx2 conditions freeze {gtag} --reason TEXT",
        )
    return Subject(SUBJECT, gtag, digest)


def request_approval(
    store: Store,
    roles: RoleList,
    gtag: str,
    *,
    reason: str,
    emergency: bool = False,
    maker_signs: bool = False,
    account: str | None = None,
    dry_run: bool = False,
) -> Approval:
    """Ask for the approval of a frozen global tag; who made it may not sign.

    Parameters
    ----------
    store : Store
        The development database.
    roles : RoleList
    gtag, reason : str
    emergency : bool
        Two conveners give a provisional approval.
    maker_signs : bool
        Refuse it unless a calibrator has signed for having made it; True for real constants.
    account : str, optional
        Account that asks; that of this process if not given.
    dry_run : bool

    Raises
    ------
    StateError
        If the global tag is open.
    PolicyError
        If an account that made it belongs to nobody on the role list, or the policies of its
        folders do not fit together, or no calibrator has signed and one must.
    """
    subject = subject_of(store, gtag)
    with store.reading() as connection:
        found = find_gtag(connection, gtag)
        if maker_signs:
            require_maker(connection, found, roles)
        persons = makers(connection, found, roles)
    return Approvals(store.engine, roles).request(
        subject,
        reason=reason,
        authors=persons,
        policy_name=policy_for(roles, list(found.tags)),
        emergency=emergency,
        account=account,
        dry_run=dry_run,
    )


def decide(
    store: Store,
    roles: RoleList,
    gtag: str,
    decision: Decision,
    key: SigningKey,
    *,
    dry_run: bool = False,
) -> Approval:
    """Sign a decision; with the last signature that is needed the state becomes APPROVED.

    Raises
    ------
    ApprovalError
        If the decision would not count.
    """
    subject = subject_of(store, gtag)
    approval = Approvals(store.engine, roles).decide(subject.object, decision, key, dry_run=dry_run)
    if not dry_run:
        settle(store, gtag, approval)
    return approval


def settle(store: Store, gtag: str, approval: Approval) -> None:
    """Make a VALIDATED global tag APPROVED if an approval of exactly its digest says so."""
    accepted = (ApprovalState.APPROVED, ApprovalState.PROVISIONAL)
    with store.writing() as connection:
        found = find_gtag(connection, gtag)
        if found.state is not State.VALIDATED or approval.state not in accepted:
            return
        if approval.request.subject != subject_of_gtag(found):
            return
        provisional = int(approval.state is ApprovalState.PROVISIONAL)
        set_gtag(connection, gtag, state=State.APPROVED.value, provisional=provisional)
        note(connection, "approved", gtag, {"digest": found.digest, "provisional": provisional})


def policy_for(roles: RoleList, folders: Sequence[str]) -> str:
    """Name of the policy that asks for all that the policies of the folders ask for.

    A policy of the role list that is named as a folder holds for it; ``gtag`` holds for others.

    Raises
    ------
    PolicyError
        If none of them covers the others.
    """
    names = list(dict.fromkeys(name if name in roles.policies else SUBJECT for name in folders))
    policies: dict[str, Policy] = {}
    for name in names or [SUBJECT]:
        policy = roles.policy(name)
        if policy is not None:
            policies[name] = policy
    for name, policy in policies.items():
        if all(policy.at_least(other) for other in policies.values()):
            return name
    raise PolicyError(
        f"policies {', '.join(policies)}: none of them asks for all that the others do",
        next_step="mx2 keys ls",
    )


def makers(connection: Connection, gtag: Gtag, roles: RoleList) -> list[str]:
    """Persons who may not approve a global tag: by their accounts, and whose keys signed for it.

    Raises
    ------
    PolicyError
        If an account belongs to nobody on the role list.
    """
    signed = {maker.person for maker in stored_makers(connection, gtag, roles)} - {""}
    return sorted(signed.union(persons_of(authors(connection, gtag), roles)))


def authors(connection: Connection, gtag: Gtag) -> list[str]:
    """Accounts that put tables into a global tag or its tags' parents, or made or froze it."""
    objects = {gtag.name} | {
        f"{tag.folder}:{tag.name}"
        for member in gtag.tags.values()
        for tag in with_parents(connection, member)
    }
    found = {gtag.created_by} | {
        event.actor
        for event in events.read(connection, kind="conditions.")
        if event.object in objects and event.kind in _MAKING
    }
    return sorted(found)


def withdraw(
    store: Store, roles: RoleList, gtag: str, *, reason: str, dry_run: bool = False
) -> Gtag:
    """Make a published global tag INVALID, once two conveners have signed its withdrawal.

    Without their signatures the withdrawal is asked for, so that they can sign it.

    Parameters
    ----------
    store : Store
        The production database.
    roles : RoleList
    gtag, reason : str

    Raises
    ------
    PolicyError
        If two conveners have not signed ``gtag:NAME/withdrawal`` yet.
    """
    approvals = Approvals(store.engine, roles)
    with store.reading() as connection:
        digest = find_gtag(connection, gtag).digest
    subject = Subject(SUBJECT, gtag + WITHDRAWAL, digest)
    approval = approvals.request(subject, reason=reason, emergency=True, dry_run=dry_run)
    conveners = {
        signature.person
        for signature in approval.signatures
        if signature.counts and signature.role == "convener" and signature.decision == "approve"
    }
    if len(conveners) < _CONVENERS or approval.state is ApprovalState.REJECTED:
        raise PolicyError(
            f"global tag {gtag}: {len(conveners)} of {_CONVENERS} conveners have signed its "
            "withdrawal",
            next_step=f"mx2 conditions approve {gtag}{WITHDRAWAL} --db prod --role convener",
        )
    with store.changing(dry_run=dry_run) as connection:
        set_gtag(connection, gtag, state=State.INVALID.value)
        body = {"digest": digest, "conveners": sorted(conveners), "reason": reason}
        note(connection, "withdraw", gtag, body)
        return find_gtag(connection, gtag)


def persons_of(accounts: Sequence[str], roles: RoleList) -> list[str]:
    """Persons that accounts belong to.

    Raises
    ------
    PolicyError
        If an account belongs to nobody on the role list.
    """
    persons = []
    for account in accounts:
        person = roles.of_account(account)
        if person is None:
            raise PolicyError(
                f"account {account} made constants and belongs to nobody on the role list",
                next_step=f"mx2 keys enrol PERSON --account {account} --role calibrator",
            )
        persons.append(person.person)
    return persons
