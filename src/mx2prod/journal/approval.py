"""What is known about one approval: the request, the signatures, the state."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

from mx2prod.core.canonical import sha256_of
from mx2prod.journal.policy import Policy
from mx2prod.journal.statements import Subject


class State(StrEnum):
    """State of an approval; ``provisional`` is the emergency path, whose review is due."""

    WAITING = "waiting"
    APPROVED = "approved"
    PROVISIONAL = "provisional"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Request:
    """Who asked for what, under which policy.

    Attributes
    ----------
    subject : Subject
    policy_name : str
        Name of the policy in the role list.
    policy : Policy
    authors : tuple of str
        Persons who made the subject; they may not sign.
    by, reason, utc : str
        Person who asked, why, when.
    emergency : bool
        Two conveners are enough for a provisional approval.
    """

    subject: Subject
    policy_name: str
    policy: Policy
    authors: tuple[str, ...]
    by: str
    reason: str
    utc: str
    emergency: bool

    @property
    def policy_digest(self) -> str:
        """sha256 of the policy, which every signer signs."""
        return sha256_of(self.policy.model_dump(mode="json"))


@dataclass(frozen=True)
class Signature:
    """One recorded decision, and whether it counts.

    Attributes
    ----------
    seq : int
        Its event.
    recorded : str
        When it was recorded.
    decision, person, role, reason : str
    digest : str
        What was signed.
    signed_at, expires_at : str
    emergency : bool
    key : str
        Fingerprint of the key.
    meeting, link : str
    why_not : str
        Why it does not count; empty if it does.
    """

    seq: int
    recorded: str
    decision: str
    person: str = ""
    role: str = ""
    reason: str = ""
    digest: str = ""
    signed_at: str = ""
    expires_at: str = ""
    emergency: bool = False
    key: str = ""
    meeting: str = ""
    link: str = ""
    why_not: str = ""

    @property
    def counts(self) -> bool:
        """True for a decision that is valid for the present digest at the present time."""
        return not self.why_not

    @property
    def approves(self) -> bool:
        """True for a decision that counts and is not a rejection."""
        return self.counts and self.decision != "reject"


@dataclass(frozen=True)
class Approval:
    """State of one subject.

    Attributes
    ----------
    request : Request
    state : State
    signatures : tuple of Signature
        All decisions on this subject, also on earlier digests.
    missing : tuple of str
        What is still needed, in words.
    """

    request: Request
    state: State
    signatures: tuple[Signature, ...]
    missing: tuple[str, ...]

    @property
    def review_due(self) -> bool:
        """True for a provisional approval: it waits for the ordinary signatures."""
        return self.state is State.PROVISIONAL

    @property
    def urgent(self) -> bool:
        """True as long as the next signature is one of the emergency path."""
        return self.request.emergency and self.state is State.WAITING

    def as_dict(self) -> dict[str, Any]:
        """Members of ``mx2 approval show --json``."""
        request = self.request
        return {
            "subject": request.subject.object,
            "digest": request.subject.digest,
            "state": self.state.value,
            "review_due": self.review_due,
            "missing": list(self.missing),
            "policy": {"name": request.policy_name, **request.policy.model_dump(mode="json")},
            "authors": list(request.authors),
            "requested": {"by": request.by, "utc": request.utc, "reason": request.reason},
            "emergency": request.emergency,
            "signatures": [{**asdict(s), "counts": s.counts} for s in self.signatures],
        }
