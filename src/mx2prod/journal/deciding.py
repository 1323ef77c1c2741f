"""One decision of one signer: may it be made, in which role, and its signed envelope."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from mx2prod.core.errors import ApprovalError
from mx2prod.core.time import now
from mx2prod.journal.approval import Approval, Signature
from mx2prod.journal.events import utc_text
from mx2prod.journal.judgement import why_not_counted, why_not_valid
from mx2prod.journal.keys import SigningKey, fingerprint
from mx2prod.journal.policy import SIGNING_ROLES, filled
from mx2prod.journal.role_list import Person, RoleList
from mx2prod.journal.statements import Attachment, Predicate, read_statement, sign_statement


@dataclass(frozen=True)
class Decision:
    """What a signer decides about the digest that is asked for.

    Attributes
    ----------
    word : str
        ``approve``, ``reject``, or ``override``: approve although somebody has rejected.
    digest : str
        What the signer looked at, or its first digits; refused if another one is asked for.
    role : str
        In which role; by default one that is still missing.
    reason : str
        Needed for ``reject`` and ``override``.
    meeting, link : str
        Meeting where the subject was shown; page or slides.
    attachments : tuple of Attachment
        Plots and documents with their sha256.
    valid_days : int or None
        Shorter validity than the policy gives.
    """

    word: str
    digest: str = ""
    role: str = ""
    reason: str = ""
    meeting: str = ""
    link: str = ""
    attachments: tuple[Attachment, ...] = ()
    valid_days: int | None = None


def signed_decision(before: Approval, decision: Decision, key: SigningKey, roles: RoleList) -> str:
    """Envelope of a decision, after making sure that it will count.

    Raises
    ------
    ApprovalError
        If it would not: key not enrolled or no longer valid, another digest, an author, no such
        role, a second signature of the same person, no reason given.
    """
    person = signer_of(key, roles)
    _require_digest(before, decision.digest)
    _require_possible(before, decision, person)
    predicate = _predicate(before, decision, person, roles)
    request = before.request
    envelope = sign_statement(request.subject, predicate, key)
    signed = read_statement(envelope, roles, Predicate)
    why_not = why_not_valid(signed, predicate.signed_at, roles)
    if decision.word != "reject":
        why_not = why_not or why_not_counted(signed, request, predicate.signed_at)
    if why_not:
        raise ApprovalError(f"{request.subject}: would not count: {why_not}")
    return envelope


def signer_of(key: SigningKey, roles: RoleList) -> Person:
    """Person of a key.

    Raises
    ------
    ApprovalError
        If the key is not enrolled.
    """
    found = roles.keys().get(key.public)
    if found is None:
        raise ApprovalError(
            f"key {fingerprint(key.public)}: not enrolled",
            next_step="give the .pub file to a person of role root: mx2 keys enrol",
        )
    return found[0]


def _predicate(before: Approval, decision: Decision, person: Person, roles: RoleList) -> Predicate:
    request, signed_at = before.request, now()
    longest = request.policy.valid_days
    days = min(decision.valid_days or longest, longest)
    return Predicate.model_validate(
        {
            "decision": decision.word,
            "role": decision.role or _role_to_fill(before, person, decision),
            "person": person.person,
            "reason": decision.reason,
            "signed_at": utc_text(signed_at),
            "expires_at": utc_text(signed_at + timedelta(days=days)),
            "policy": request.policy_digest,
            "roles": roles.digest,
            "emergency": before.urgent,
            "meeting": decision.meeting,
            "link": decision.link,
            "attachments": decision.attachments,
        }
    )


def _require_digest(before: Approval, digest: str) -> None:
    asked = before.request.subject
    if not asked.digest.startswith(digest):
        raise ApprovalError(
            f"{asked.object}: you looked at {digest[:16]}, but approval is asked for "
            f"{asked.digest[:16]}",
            next_step=f"mx2 approval show {asked.object}",
        )


def _require_possible(before: Approval, decision: Decision, person: Person) -> None:
    """Refuse a second decision of the same person, and a decision without its reason."""
    subject = before.request.subject
    mine = [s for s in before.signatures if s.counts and s.person == person.person]
    if decision.word in {"reject", "override"} and not decision.reason:
        raise ApprovalError(f"{subject}: {decision.word} needs a reason", next_step="--reason TEXT")
    if decision.word == "reject":
        return
    if any(s.decision == "reject" and s.digest == subject.digest for s in mine):
        raise ApprovalError(
            f"{subject}: {person.person} has rejected this digest; only a new one can be approved"
        )
    if any(_stands_for(s, before, decision.word) for s in mine):
        raise ApprovalError(
            f"{subject}: {person.person} has signed already; a second one is needed"
        )


def _stands_for(signature: Signature, before: Approval, word: str) -> bool:
    """Tell whether a signature already says what the person would sign now."""
    if word == "override" or signature.decision == "reject":
        return signature.decision == word
    return signature.emergency == before.urgent


def _role_to_fill(before: Approval, person: Person, decision: Decision) -> str:
    """Role of the person that a missing signature needs; else any role that signs."""
    held = [role for role in SIGNING_ROLES if role in person.roles(utc_text(now()))]
    if not held:
        raise ApprovalError(
            f"{person.person}: has no role that signs ({', '.join(SIGNING_ROLES)})",
            next_step="mx2 keys ls",
        )
    if decision.word == "override":
        return "convener"
    policy = before.request.policy
    places = policy.emergency if before.urgent else policy.places
    signed = [s for s in before.signatures if s.approves]
    taken = filled(places, {s.person: [s.role] for s in signed if s.person != person.person})
    open_places = [place for number, place in enumerate(places) if number not in taken]
    wanted = [role for place in open_places for role in place if role in held]
    return wanted[0] if wanted else held[0]
