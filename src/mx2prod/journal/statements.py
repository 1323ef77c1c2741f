"""What a signer signs: an in-toto statement about the digest of a subject, in a DSSE envelope.

There are two kinds: an approval decides about the subject, a making says who is answerable for it.
The predicate type is part of what is signed, so an envelope of one kind is never read as the other.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar, Generic, Literal, TypeVar

from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from in_toto_attestation.v1.resource_descriptor import ResourceDescriptor
from in_toto_attestation.v1.statement import Statement
from pydantic import BaseModel, ConfigDict, ValidationError
from securesystemslib.dsse import Envelope

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import ApprovalError, TrustError
from mx2prod.core.suggest import nearest
from mx2prod.core.workspace import describe
from mx2prod.journal.envelopes import envelope_of, parse, sign, signers, text_of
from mx2prod.journal.keys import SigningKey
from mx2prod.journal.policy import SUBJECT_TYPES
from mx2prod.journal.role_list import Name, RoleList, Sha256, Utc

PAYLOAD_TYPE = "application/vnd.in-toto+json"
Decision = Literal["approve", "reject", "override"]
_DIGEST = re.compile("[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/:+-]{0,199}")


@dataclass(frozen=True, order=True)
class Subject:
    """What is approved: ``type:name``, and the digest of its content.

    Attributes
    ----------
    type : str
        One of :data:`SUBJECT_TYPES`.
    name : str
    digest : str
        sha256, 64 hexadecimal digits.
    """

    type: str
    name: str
    digest: str

    def __post_init__(self) -> None:
        split_object(self.object)
        if not _DIGEST.fullmatch(self.digest):
            raise ApprovalError(
                f"{self.object}: digest {self.digest!r}, expected 64 hexadecimal digits"
            )

    @property
    def object(self) -> str:
        """``type:name``, as commands and events name it."""
        return f"{self.type}:{self.name}"

    def __str__(self) -> str:
        return f"{self.object}@{self.digest[:16]}"


def split_object(text: str) -> tuple[str, str]:
    """Type and name of ``type:name``.

    Raises
    ------
    ApprovalError
        If the type is unknown or the name has other characters than letters, digits, ``._/:+-``.
    """
    kind, _, name = text.partition(":")
    if kind not in SUBJECT_TYPES:
        raise ApprovalError(
            f"{text!r}: no subject type {kind!r} (known: {', '.join(SUBJECT_TYPES)})"
            + nearest(kind, SUBJECT_TYPES)
        )
    if not _NAME.fullmatch(name):
        raise ApprovalError(f"{text!r}: expected TYPE:NAME, for example campaign:run1a-full")
    return kind, name


class Attachment(BaseModel):
    """A plot or document that the signer looked at."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str
    sha256: Sha256


class Said(BaseModel):
    """What every kind of statement says.  Only strings and booleans: JSON numbers are not exact.

    Attributes
    ----------
    kind : str
        Word for it in messages; a constant of the class, not signed.
    predicate_type : str
        Kind and version for in-toto; a constant of the class, part of what is signed.
    role, person : str
        Who signs, in which role.
    reason : str
    signed_at : str
    roles : str
        Digest of the role list that the signer saw.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    kind: ClassVar[str]
    predicate_type: ClassVar[str]

    role: str
    person: Name
    reason: str = ""
    signed_at: Utc
    roles: Sha256


class Predicate(Said):
    """Decision about the subject; the reason is written for ``reject`` and ``override``.

    Attributes
    ----------
    decision : str
        ``approve``, ``reject``, or ``override``: approve although somebody has rejected.
    expires_at : str
    policy : str
        sha256 of the policy that the signer saw.
    emergency : bool
        Counts for the provisional approval only.
    meeting, link : str
        Meeting where it was shown; page or slides.
    attachments : tuple of Attachment
    """

    kind: ClassVar[str] = "approval"
    predicate_type: ClassVar[str] = "urn:mx2prod:approval:1"

    decision: Decision
    expires_at: Utc
    policy: Sha256
    emergency: bool = False
    meeting: str = ""
    link: str = ""
    attachments: tuple[Attachment, ...] = ()


class Making(Said):
    """Who is answerable for having made the subject (conditions page, section 6.2).

    It is signed as a decision is, and never counts as one.
    """

    kind: ClassVar[str] = "making"
    predicate_type: ClassVar[str] = "urn:mx2prod:making:1"


P = TypeVar("P", bound=Said)


@dataclass(frozen=True)
class Signed(Generic[P]):
    """A statement whose signature holds.

    Attributes
    ----------
    subject : Subject
    predicate : Predicate or Making
    public : str
        Enrolled key that signed it; 64 hexadecimal digits.
    """

    subject: Subject
    predicate: P
    public: str


def sign_statement(subject: Subject, predicate: Said, key: SigningKey) -> str:
    """Text of a DSSE envelope over the statement, signed."""
    descriptor = ResourceDescriptor(name=subject.object, digest={"sha256": subject.digest})
    said = predicate.model_dump(mode="json")
    statement = Statement([descriptor.pb], predicate.predicate_type, said)
    statement.validate()
    payload = canonical_json(MessageToDict(statement.pb)).encode()
    envelope = envelope_of(payload, PAYLOAD_TYPE)
    sign(envelope, key)
    return text_of(envelope)


def read_statement(text: str, roles: RoleList, model: type[P]) -> Signed[P]:
    """Statement of an envelope, after checking its signature against the enrolled keys.

    Parameters
    ----------
    text : str
        The envelope.
    roles : RoleList
        Whose keys may sign; also keys that have ended, whose time the caller judges.
    model : type
        The kind of statement that it must be: :class:`Predicate` or :class:`Making`.

    Raises
    ------
    TrustError
        If the envelope is damaged, holds a statement of another kind, is not signed by exactly one
        enrolled key, or that key belongs to another person than the statement says.
    """
    envelope = parse(text, PAYLOAD_TYPE, model.kind)
    keys = roles.keys()
    signed_by = signers(envelope, keys)
    if len(signed_by) != 1 or len(envelope.signatures) != 1:
        raise TrustError(
            f"{model.kind}: {len(signed_by)} of {len(envelope.signatures)} signatures are by "
            "enrolled keys, expected one of one"
        )
    subject, predicate = _content(envelope, model)
    (public,) = signed_by
    owner = keys[public][0].person
    if owner != predicate.person:
        raise TrustError(
            f"{model.kind} of {subject}: says {predicate.person}, but is signed by a key of {owner}"
        )
    return Signed(subject, predicate, public)


def _content(envelope: Envelope, model: type[P]) -> tuple[Subject, P]:
    """Subject and predicate of a statement of this kind."""
    statement = Statement([], "", {})
    try:
        ParseDict(json.loads(envelope.payload), statement.pb)
        statement.validate()
        _require_type(statement.pb.predicate_type, model)
        (about,) = statement.pb.subject
        kind, name = split_object(about.name)
        predicate = MessageToDict(statement.pb.predicate)
        return Subject(kind, name, about.digest["sha256"]), model.model_validate(predicate)
    except ValidationError as error:
        raise TrustError(f"{model.kind}: {describe(error, model)}") from error
    except (ValueError, ParseError) as error:
        raise TrustError(f"{model.kind}: not an in-toto statement of this kind: {error}") from error


def _require_type(found: str, model: type[Said]) -> None:
    if found != model.predicate_type:
        raise ValueError(f"predicate type {found!r}, expected {model.predicate_type!r}")
