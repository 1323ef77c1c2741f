"""The state of an approval, computed anew from its events and envelopes each time it is asked for.

Nothing here is stored: a signature that expires, a key that is revoked, a new digest or a stricter
policy changes the answer by itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

from mx2prod.core.errors import ApprovalError, TrustError
from mx2prod.journal.approval import Approval, Request, Signature, State
from mx2prod.journal.events import Event, utc_text, utc_time
from mx2prod.journal.keys import fingerprint
from mx2prod.journal.policy import SIGNING_ROLES, Policy, filled
from mx2prod.journal.role_list import RoleList
from mx2prod.journal.statements import (
    P,
    Predicate,
    Signed,
    Subject,
    read_statement,
    split_object,
)

REQUEST = "approval.request"
REVIEW = "approval.review"
DECISIONS = {
    "approve": "approval.approve",
    "reject": "approval.reject",
    "override": "approval.override",
}
OVERRIDE_PERSONS = 2
"""Conveners who together overrule a rejection (conditions page, section 6.2)."""
_CLOCK_SKEW = timedelta(minutes=5)


def evaluate(events: Iterable[Event], roles: RoleList, at: str) -> Approval:
    """State at a time, of the events of one object.

    Raises
    ------
    ApprovalError
        If nobody has asked for this approval.
    """
    history = list(events)
    asked = [event for event in history if event.kind == REQUEST]
    if not asked:
        raise ApprovalError("nobody has asked for this approval", next_step="mx2 approval request")
    request = read_request(asked[-1], asked)
    kinds = set(DECISIONS.values())
    signatures = tuple(
        _signature(event, request, roles, at) for event in history if event.kind in kinds
    )
    return _judged(request, signatures, roles)


def read_request(event: Event, earlier: Sequence[Event] = ()) -> Request:
    """Request of an event; the authors are those of all requests for the same digest."""
    body = event.body
    same = [other.body for other in earlier if other.body["digest"] == body["digest"]]
    authors = {name for other in (body, *same) for name in other["authors"]}
    return Request(
        Subject(*split_object(event.object), body["digest"]),
        body["policy_name"],
        Policy.model_validate(body["policy"]),
        tuple(sorted(authors)),
        body["by"],
        body["reason"],
        event.utc,
        body["emergency"],
    )


def why_not_valid(
    signed: Signed[P], recorded: str, roles: RoleList, allowed: Sequence[str] = SIGNING_ROLES
) -> str:
    """Why the signer could not sign then: key or role not valid; empty if he could.

    Only the roles that are allowed sign such a statement.  The time that counts is both the one
    that the signer wrote and the one of the log: a key that was revoked cannot sign into the past.
    """
    said = signed.predicate
    person, key = roles.keys()[signed.public]
    if utc_time(said.signed_at) > utc_time(recorded) + _CLOCK_SKEW:
        return f"signed at {said.signed_at}, after it was recorded"
    for utc in (said.signed_at, max(said.signed_at, recorded)):
        if not key.holds(utc):
            return f"key not valid at {utc}: {key.reason or 'outside its time'}"
        if said.role not in allowed or said.role not in person.roles(utc):
            return f"{person.person} was not {said.role} at {utc}"
    return ""


def why_not_counted(signed: Signed[Predicate], request: Request, at: str) -> str:
    """Why a valid approval does not count for a request at a time; empty if it does."""
    said = signed.predicate
    if signed.subject != request.subject:
        return f"stale: signed digest {signed.subject.digest[:16]}"
    if said.policy != request.policy_digest:
        return "signed under another policy"
    if said.person in request.authors:
        return "an author may not sign"
    longest = utc_text(utc_time(said.signed_at) + timedelta(days=request.policy.valid_days))
    if at >= min(said.expires_at, longest):
        return f"expired {min(said.expires_at, longest)}"
    return ""


def _signature(event: Event, request: Request, roles: RoleList, at: str) -> Signature:
    decision = event.kind.rpartition(".")[2]
    try:
        signed = read_statement(event.body["envelope"], roles, Predicate)
    except (TrustError, ApprovalError, KeyError) as error:
        return Signature(event.seq, event.utc, decision, why_not=str(error))
    said = signed.predicate
    why_not = why_not_valid(signed, event.utc, roles)
    if (said.decision, signed.subject.object) != (decision, event.object):
        why_not = f"says {said.decision} of {signed.subject}"
    elif not why_not and decision != "reject":
        why_not = why_not_counted(signed, request, at)
    return Signature(
        event.seq,
        event.utc,
        decision,
        said.person,
        said.role,
        said.reason,
        signed.subject.digest,
        said.signed_at,
        said.expires_at,
        said.emergency,
        fingerprint(signed.public),
        said.meeting,
        said.link,
        why_not,
    )


def _judged(request: Request, signatures: tuple[Signature, ...], roles: RoleList) -> Approval:
    against = standing_rejections(signatures)
    in_force = roles.policy(request.policy_name)
    ordinary = _roles_of(s for s in signatures if not s.emergency)
    missing = _missing(request.policy.places, ordinary)
    quick = request.emergency and request.policy.emergency
    urgent = (
        _missing(request.policy.emergency, _roles_of(signatures)) if quick else ["no such path"]
    )
    if in_force is None or not request.policy.at_least(in_force):
        missing = ["the policy has become stricter: ask again with mx2 approval request"]
        urgent = missing
    if against:
        state = State.REJECTED
        missing = [f"{s.person} has rejected: {s.reason}" for s in against]
    elif not missing:
        state = State.APPROVED
    elif not urgent:
        state = State.PROVISIONAL
    else:
        state = State.WAITING
    return Approval(request, state, signatures, tuple(missing))


def standing_rejections(signatures: Sequence[Signature]) -> list[Signature]:
    """Rejections that hold, whatever the digest.

    One ends when the same person approves a new digest, or two conveners override it.
    """
    approving = [s for s in signatures if s.approves]
    return [
        against
        for against in signatures
        if against.counts
        and against.decision == "reject"
        and not any(
            s.person == against.person
            and s.digest != against.digest
            and s.signed_at > against.signed_at
            for s in approving
        )
        and len(_overriding(approving, against)) < OVERRIDE_PERSONS
    ]


def _overriding(approving: Sequence[Signature], against: Signature) -> set[str]:
    return {
        s.person
        for s in approving
        if s.decision == "override" and s.role == "convener" and s.signed_at > against.signed_at
    }


def _roles_of(signatures: Iterable[Signature]) -> dict[str, list[str]]:
    """Roles in which each person approved."""
    found: dict[str, list[str]] = {}
    for signature in signatures:
        if signature.approves:
            found.setdefault(signature.person, []).append(signature.role)
    return found


def _missing(places: Sequence[Sequence[str]], roles_of: dict[str, list[str]]) -> list[str]:
    taken = filled(places, roles_of)
    return [
        f"signature of a {' or '.join(place)}"
        for number, place in enumerate(places)
        if number not in taken
    ]
