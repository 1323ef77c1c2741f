"""Tokens of the server: JWT that it signs itself, and those of other issuers that it trusts."""

from __future__ import annotations

import secrets
import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jwt

from mx2prod.core.errors import TrustError
from mx2prod.core.files import write_text
from mx2prod.core.secrets import require_private

ISSUER = "mx2prod"
LIFETIME_S = 7 * 86400
SECRET_BYTES = 32

_OWN = ["HS256"]
_FOREIGN = ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]
_CLAIMS = ["iss", "sub", "iat", "nbf", "exp", "jti"]


class TokenError(Exception):
    """A token that is not accepted, with the reason.

    Attributes
    ----------
    expired : bool
        It was good once.
    """

    def __init__(self, reason: str, *, expired: bool = False) -> None:
        super().__init__(reason)
        self.expired = expired


@dataclass(frozen=True)
class Tokens:
    """What signs and checks tokens.

    Attributes
    ----------
    secret : bytes
    trusted : mapping of str to str
        Public key in PEM of each other issuer.
    """

    secret: bytes = field(repr=False)
    trusted: Mapping[str, str] = field(default_factory=dict, repr=False)

    def issue(self, user: str) -> str:
        """Make a token for a user, good for seven days."""
        now = int(time.time())
        claims = {"iss": ISSUER, "sub": user, "iat": now, "nbf": now, "exp": now + LIFETIME_S,
                  "jti": uuid.uuid4().hex}  # fmt: skip
        return jwt.encode(claims, self.secret, algorithm="HS256")

    def user_of(self, token: str) -> str:
        """User of a token of this server.

        Raises
        ------
        TokenError
        """
        claims = _decoded(token, self.secret, _OWN, issuer=ISSUER, require=_CLAIMS)
        return str(claims["sub"])

    def subject_of(self, token: str) -> str:
        """User of a token of this server, or subject of one of an issuer that it trusts.

        Raises
        ------
        TokenError
        """
        issuer = _unchecked_issuer(token)
        if issuer == ISSUER:
            return self.user_of(token)
        key = self.trusted.get(issuer)
        if key is None:
            raise TokenError(f"tokens of {issuer!r} are not accepted here")
        claims = _decoded(token, key, _FOREIGN, issuer=issuer, require=["iss", "sub", "exp"])
        return str(claims["sub"])


def load_secret(path: Path) -> bytes:
    """Read the secret of an installation; made at the first call.

    Raises
    ------
    TrustError
        If others can read it, or it is too short.
    OutputError
        If it cannot be written.
    """
    if not path.exists():
        write_text(path, secrets.token_hex(SECRET_BYTES) + "\n", mode=0o600)
    require_private(path)
    try:
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except ValueError as error:
        raise TrustError(f"{path}: expected hexadecimal digits", next_step=f"rm {path}") from error
    if len(secret) < SECRET_BYTES:
        raise TrustError(
            f"{path}: {len(secret)} bytes, expected at least {SECRET_BYTES}",
            next_step=f"rm {path}",
        )
    return secret


def _unchecked_issuer(token: str) -> str:
    try:
        claims = jwt.decode(token, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise TokenError(f"not a token: {error}") from error
    return str(claims.get("iss"))


def _decoded(
    token: str, key: str | bytes, algorithms: list[str], *, issuer: str, require: list[str]
) -> dict[str, Any]:
    try:
        return jwt.decode(
            token,
            key,
            algorithms=algorithms,
            issuer=issuer,
            options={"require": require, "verify_aud": False},
        )
    except jwt.ExpiredSignatureError as error:
        raise TokenError("token has expired; log in again", expired=True) from error
    except (jwt.PyJWTError, UnicodeError, ValueError, TypeError) as error:
        raise TokenError(f"token is not valid: {error}") from error
