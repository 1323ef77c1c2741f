"""The list of persons: their accounts, roles and public keys, and the approval policies.

Nobody and no key is ever taken off the list; roles and keys end at a time.  So a signature can be
judged years later, by what its key and its person were allowed to do when it was made.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.journal.policy import DEFAULT_POLICIES, SIGNING_ROLES, Policy, Role

Utc = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
PublicKey = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9._-]{0,31}$")]
NO_END = "9999-12-31T00:00:00.000000Z"


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Key(_Model):
    """A public key of a person, valid from ``since`` until before ``until``."""

    public: PublicKey
    since: Utc
    until: Utc = NO_END
    reason: str = ""

    def holds(self, utc: str) -> bool:
        """Tell whether the key is valid at a time."""
        return self.since <= utc < self.until


class Grant(_Model):
    """A role of a person, from ``since`` until before ``until``."""

    role: Role
    since: Utc
    until: Utc = NO_END


class Person(_Model):
    """A person, or with ``service`` an account that programs use.

    A service, such as ``dunepro``, submits; it has no key, so it never signs.
    """

    person: Name
    name: str = ""
    service: bool = False
    accounts: tuple[str, ...] = ()
    grants: tuple[Grant, ...] = ()
    keys: tuple[Key, ...] = ()

    @model_validator(mode="after")
    def _service_never_signs(self) -> Person:
        signing = {"root", *SIGNING_ROLES} & {grant.role for grant in self.grants}
        if self.service and (self.keys or signing):
            raise ValueError(f"{self.person}: a service may submit, and neither sign nor have keys")
        return self

    def roles(self, utc: str) -> frozenset[str]:
        """Roles at a time."""
        return frozenset(g.role for g in self.grants if g.since <= utc < g.until)


class RoleList(_Model):
    """One version of the list.

    Attributes
    ----------
    version : int
        1, 2, 3, ...
    issued : str
        Time of this version.
    previous : str
        Digest of the version before; empty in version 1.
    threshold : int
        So many persons of role ``root`` must sign the next version, and did sign this one.
    reason : str
        Why this version was made.
    persons : tuple of Person
    policies : dict of str to Policy
        By subject type or name; those of :data:`DEFAULT_POLICIES` where none is given.
    """

    type: Literal["mx2-roles/1"] = "mx2-roles/1"
    version: Annotated[int, Field(ge=1)]
    issued: Utc
    previous: Digest = ""
    threshold: Annotated[int, Field(ge=1, le=9)] = 1
    reason: str = ""
    persons: tuple[Person, ...] = ()
    policies: dict[str, Policy] = Field(default_factory=dict)

    @field_validator("persons")
    @classmethod
    def _no_name_twice(cls, persons: tuple[Person, ...]) -> tuple[Person, ...]:
        names = [
            *(f"person {p.person}" for p in persons),
            *(f"account {name}" for p in persons for name in p.accounts),
            *(f"key {key.public}" for p in persons for key in p.keys),
        ]
        twice = sorted(name for name, count in Counter(names).items() if count > 1)
        if twice:
            raise ValueError(f"{twice[0]} stands twice on the list")
        return persons

    @model_validator(mode="after")
    def _can_be_signed(self) -> RoleList:
        holders = {person.person for person, _ in self.root_keys(self.issued)}
        if len(holders) < self.threshold:
            raise ValueError(
                f"{len(holders)} persons hold role root with a valid key, "
                f"but {self.threshold} must sign the next list"
            )
        return self

    @property
    def digest(self) -> str:
        """Digest of this version: what ``trust_root`` of ``mx2.toml`` pins."""
        return sha256_of(self.model_dump(mode="json"))

    def payload(self) -> bytes:
        """Bytes that are signed; their sha256 is the digest."""
        return canonical_json(self.model_dump(mode="json")).encode()

    def root_keys(self, utc: str) -> Iterator[tuple[Person, Key]]:
        """Persons of role ``root`` with their keys, as valid at a time."""
        for person in self.persons:
            if "root" in person.roles(utc):
                yield from ((person, key) for key in person.keys if key.holds(utc))

    def find(self, person: str) -> Person | None:
        """Person of a name."""
        return next((p for p in self.persons if p.person == person), None)

    def of_account(self, account: str) -> Person | None:
        """Person that an operating-system account belongs to."""
        return next((p for p in self.persons if account in p.accounts), None)

    def keys(self) -> dict[str, tuple[Person, Key]]:
        """All keys that ever stood on the list, by their bytes."""
        return {key.public: (p, key) for p in self.persons for key in p.keys}

    def policy(self, name: str) -> Policy | None:
        """Policy of a subject type, or of a name that the list gives one to."""
        return self.policies.get(name) or DEFAULT_POLICIES.get(name)

    def forgotten(self, before: RoleList) -> list[str]:
        """Say what an earlier version has and this one has not, or has changed backwards."""
        lost = []
        for old in before.persons:
            new = self.find(old.person)
            if new is None or new.service != old.service:
                lost.append(f"person {old.person}")
                continue
            lost += _lost_keys(old, new, before.issued)
            lost += [
                f"role {grant.role} of {old.person}"
                for grant in old.grants
                if not any(
                    (grant.role, grant.since) == (g.role, g.since) and g.until <= grant.until
                    for g in new.grants
                )
            ]
        return lost


def _lost_keys(old: Person, new: Person, issued: str) -> list[str]:
    """Keys that are gone, begin at another time, or are valid again after their end."""
    kept = {(key.public, key.since): key.until for key in new.keys}
    return [
        f"key {key.public[:16]} of {old.person}"
        for key in old.keys
        if (until := kept.get((key.public, key.since))) is None
        or (until > key.until and key.until <= issued)
    ]
