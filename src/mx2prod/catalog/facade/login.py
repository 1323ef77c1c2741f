"""Who a request comes from, and how somebody gets a token (catalogue page, section 6)."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse

from mx2prod.catalog.facade.digest import Digest, DigestError
from mx2prod.catalog.facade.replies import Refused
from mx2prod.catalog.facade.tokens import TokenError, Tokens
from mx2prod.catalog.facade.users import Users
from mx2prod.catalog.session import Actor

HEADER = "X-Authentication-Token"
log = logging.getLogger(__name__)
router = APIRouter(prefix="/auth")


@dataclass(frozen=True)
class Login:
    """Users, their passwords and tokens.

    Attributes
    ----------
    users : Users
    tokens : Tokens
    digest : Digest
    """

    users: Users
    tokens: Tokens
    digest: Digest

    @classmethod
    def of(cls, users: Users, tokens: Tokens) -> Login:
        """Login of a file of users."""

        def ha1(name: str) -> str | None:
            user = users.users.get(name)
            return None if user is None else user.ha1

        return cls(users, tokens, Digest(users.realm, ha1))

    def reader(self, headers: Mapping[str, str]) -> Actor | None:
        """Who wants to read; None for nobody in particular.

        Raises
        ------
        Refused
            401 for a token that is not one, or where reading needs a token.
        """
        if not self.users.open_reads:
            return self.writer(headers)
        try:
            return self._actor(headers)
        except TokenError as error:
            if error.expired:
                return None
            raise Refused(401, str(error)) from error

    def writer(self, headers: Mapping[str, str]) -> Actor:
        """Who wants to change something.

        Raises
        ------
        Refused
            401 without a good token.
        """
        try:
            actor = self._actor(headers)
        except TokenError as error:
            raise Refused(401, str(error)) from error
        if actor is None:
            raise Refused(401, "Token not found")
        return actor

    def _actor(self, headers: Mapping[str, str]) -> Actor | None:
        token = headers.get(HEADER)
        if token is None:
            return None
        user = self.tokens.user_of(token.strip())
        actor = self.users.actor(user)
        if actor is None:
            raise TokenError(f"no user {user} any more")
        return actor


@router.get("/auth")
@router.post("/auth")
def authenticate(request: Request, method: str = "digest", username: str = "") -> Response:
    """Give a token for a password (digest), or for a token of an issuer that is trusted."""
    login: Login = request.app.state.login
    if method == "digest":
        user = _by_digest(login, request)
    elif method == "token":
        user = _by_token(login, request, username)
    else:
        raise Refused(401, f"{method}: not configured")
    log.info("%s logged in by %s", user, method)
    return Response(headers={HEADER: login.tokens.issue(user)})


@router.get("/verify")
def verify(request: Request) -> Response:
    """Say OK to a good token."""
    login: Login = request.app.state.login
    login.writer(request.headers)
    return PlainTextResponse("OK")


@router.get("/whoami")
def whoami(request: Request) -> Response:
    """Name the user of a token."""
    login: Login = request.app.state.login
    return PlainTextResponse(login.writer(request.headers).user)


def _by_digest(login: Login, request: Request) -> str:
    authorization = request.headers.get("authorization")
    if authorization is None:
        challenge = {"WWW-Authenticate": login.digest.challenge()}
        raise Refused(401, "Authentication required", challenge)
    target = f"{request.url.path}?{request.url.query}".removesuffix("?")
    try:
        return login.digest.user_of(authorization, request.method, target)
    except DigestError as error:
        log.warning("no login by digest: %s", error)
        challenge = {"WWW-Authenticate": login.digest.challenge(stale=error.stale)}
        text = "Authentication failed" if not error.stale else str(error)
        raise Refused(401, text, challenge) from error


def _by_token(login: Login, request: Request, username: str) -> str:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise Refused(401, "Token not found")
    try:
        subject = login.tokens.subject_of(token.strip())
    except TokenError as error:
        log.warning("no login by token: %s", error)
        raise Refused(401, str(error)) from error
    if subject != username or login.users.actor(username) is None:
        log.warning("no login by token: %s as %s", subject, username)
        raise Refused(401, f"token does not log in {username!r}")
    return username
