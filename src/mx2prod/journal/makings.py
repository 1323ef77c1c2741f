"""Signatures of who made a subject: signed as decisions are, and counted nowhere (page, 6.2)."""

from __future__ import annotations

from dataclasses import dataclass

from mx2prod.core.errors import ApprovalError, TrustError
from mx2prod.core.time import now
from mx2prod.journal.deciding import signer_of
from mx2prod.journal.events import utc_text
from mx2prod.journal.judgement import why_not_valid
from mx2prod.journal.keys import SigningKey, fingerprint
from mx2prod.journal.role_list import RoleList
from mx2prod.journal.statements import Making, Signed, Subject, read_statement, sign_statement

MAKER = "calibrator"
"""Role of who makes constants (conditions page, section 6.2)."""


@dataclass(frozen=True)
class Maker:
    """A making that was recorded, and whether it holds.

    Attributes
    ----------
    why_not : str
        Why it does not hold; empty if it does.
    person, role, signed_at, key : str
        Who signed, when, and the fingerprint of the key; empty if the envelope cannot be read.
    """

    why_not: str
    person: str = ""
    role: str = ""
    signed_at: str = ""
    key: str = ""

    @property
    def holds(self) -> bool:
        """True if a calibrator signed exactly this subject then."""
        return not self.why_not

    def __str__(self) -> str:
        if self.why_not:
            return f"calibrator's signature does not hold: {self.why_not}"
        return f"made and signed by {self.person} ({self.role})"


def sign_making(subject: Subject, reason: str, key: SigningKey, roles: RoleList) -> str:
    """Envelope in which a calibrator signs for having made the subject.

    Parameters
    ----------
    subject : Subject
    reason : str
    key : SigningKey
    roles : RoleList

    Raises
    ------
    ApprovalError
        If the key is not enrolled or does not hold now, or its person is no calibrator now.
    """
    person, utc = signer_of(key, roles).person, utc_text(now())
    said = Making(role=MAKER, person=person, reason=reason, signed_at=utc, roles=roles.digest)
    why_not = why_not_valid(Signed(subject, said, key.public), utc, roles, (MAKER,))
    if why_not:
        raise ApprovalError(
            f"{subject}: a calibrator signs for having made it: {why_not}",
            next_step="give the key of a calibrator: --key FILE; mx2 keys ls shows who is one",
        )
    return sign_statement(subject, said, key)


def read_making(envelope: str, subject: Subject, recorded: str, roles: RoleList) -> Maker:
    """Judge a making as of the time when it was recorded.

    Parameters
    ----------
    envelope : str
    subject : Subject
        What it must be about, with its digest.
    recorded : str
        Time of the event that holds it.
    roles : RoleList
    """
    try:
        signed = read_statement(envelope, roles, Making)
    except (TrustError, ApprovalError) as error:
        return Maker(error.message)
    said = signed.predicate
    why_not = why_not_valid(signed, recorded, roles, (MAKER,))
    if signed.subject != subject:
        why_not = f"it is of {signed.subject}"
    return Maker(why_not, said.person, said.role, said.signed_at, fingerprint(signed.public))
