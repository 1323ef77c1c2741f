"""Who may log in at the server: a YAML file of mode 0600 (catalogue page, section 6; rulings)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from mx2prod.catalog.session import Actor
from mx2prod.core.errors import ConfigError, UsageError
from mx2prod.core.files import require_regular_file, write_text
from mx2prod.core.secrets import require_private
from mx2prod.core.suggest import nearest
from mx2prod.core.workspace import describe
from mx2prod.core.yaml_file import load_yaml

_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.@-]{0,63}$"
_REALM = r'^[^"\\:\x00-\x1f\x7f-\uffff]{1,64}$'

Name = Annotated[str, StringConstraints(pattern=_NAME)]


class User(BaseModel):
    """Somebody who may log in."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ha1: str | None = Field(
        None,
        pattern=r"^[0-9a-f]{32}$",
        description="MD5 of user:realm:password, as HTTP Digest needs it; none: no password.",
    )
    roles: tuple[Name, ...] = Field((), max_length=100, description="Roles that own namespaces.")
    admin: bool = Field(False, description="May write into every namespace.")


class Users(BaseModel):
    """Users of a server, and whose tokens it trusts."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    realm: str = Field("mx2prod", pattern=_REALM, description="Realm of the passwords.")
    open_reads: bool = Field(True, description="Reading needs no token.")
    issuers: dict[str, Path] = Field(
        default_factory=dict,
        max_length=20,
        description="Issuers whose tokens log in, each with the PEM file of its public key.",
    )
    users: dict[Name, User] = Field(default_factory=dict, max_length=10_000)

    def actor(self, name: str) -> Actor | None:
        """Rights of a user; None if the file does not name it."""
        user = self.users.get(name)
        return None if user is None else Actor(name, frozenset(user.roles), user.admin)

    def with_user(
        self, name: str, *, ha1: str | None = None, roles: Sequence[str] = (), admin: bool = False
    ) -> Users:
        """Add a user, or give one other rights and another password.

        Raises
        ------
        ConfigError
            If the name, or that of a role, cannot be one.
        """
        document = self.model_dump()
        document["users"][name] = {"ha1": ha1, "roles": list(roles), "admin": admin}
        try:
            return Users.model_validate(document)
        except ValidationError as error:
            raise ConfigError(f"user {name!r}: {describe(error, Users)}") from error

    def without_user(self, name: str) -> Users:
        """Take a user out.

        Raises
        ------
        UsageError
            If there is no such user.
        """
        if name not in self.users:
            raise UsageError(f"no user {name!r}" + nearest(name, self.users))
        left = {other: user for other, user in self.users.items() if other != name}
        return self.model_copy(update={"users": left})


def ha1_of(name: str, realm: str, password: str) -> str:
    """MD5 of ``user:realm:password`` (RFC 7616, section 3.4.2)."""
    return hashlib.md5(f"{name}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def load_users(path: Path) -> Users:
    """Read a file of users.

    Raises
    ------
    InputFileError
        If there is none.
    TrustError
        If others can read it.
    ConfigError
        If something in it is not allowed.
    """
    require_private(path)
    users = load_yaml(path, Users)
    for name, key in users.issuers.items():
        require_regular_file(path.parent / key)
        if not name:
            raise ConfigError(f"{path}: issuers: a name is empty")
    return users


def save_users(path: Path, users: Users) -> None:
    """Write a file of users, with mode 0600.

    Raises
    ------
    OutputError
        If it cannot be written.
    """
    document = users.model_dump(mode="json", exclude_defaults=True)
    document["realm"] = users.realm
    write_text(path, yaml.safe_dump(document, sort_keys=True), overwrite=True, mode=0o600)
