"""HTTP Digest at the server's side: MD5 with qop=auth (RFC 7616; catalogue page, section 6)."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from threading import Lock
from urllib.request import parse_http_list, parse_keqv_list

_NONCE_S = 120
_NOBODY = "0" * 32
_NEEDED = {"username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce"}


class DigestError(Exception):
    """No login, with the reason.

    Attributes
    ----------
    stale : bool
        Only the nonce is too old; the client may try again with another one.
    """

    def __init__(self, reason: str, *, stale: bool = False) -> None:
        super().__init__(reason)
        self.stale = stale


class Digest:
    """Challenges, and answers to them.

    A nonce is good for two minutes and for one login, so that an answer which was listened to is
    worth nothing.

    Parameters
    ----------
    realm : str
    ha1_of : callable
        HA1 of a user; None if there is no such user, or it has no password.
    """

    def __init__(self, realm: str, ha1_of: Callable[[str], str | None]) -> None:
        self._realm, self._ha1_of = realm, ha1_of
        self._key = secrets.token_bytes(32)
        self._used: dict[str, float] = {}
        self._lock = Lock()

    def challenge(self, *, stale: bool = False) -> str:
        """Value of ``WWW-Authenticate``."""
        now = f"{int(time.time()):x}.{secrets.token_hex(8)}"
        nonce = f"{now}.{self._seal(now)}"
        text = f'Digest realm="{self._realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'
        return f"{text}, stale=true" if stale else text

    def user_of(self, authorization: str, method: str, target: str) -> str:
        """User who answered a challenge.

        Parameters
        ----------
        authorization : str
            Value of the header.
        method : str
            Of the request.
        target : str
            Path and query of the request.

        Raises
        ------
        DigestError
        """
        scheme, _, text = authorization.partition(" ")
        if scheme.lower() != "digest":
            raise DigestError("expected HTTP Digest")
        try:
            answer = parse_keqv_list(parse_http_list(text))
        except (ValueError, IndexError) as error:
            raise DigestError("Authorization header cannot be read") from error
        if answer.keys() < _NEEDED or answer["qop"] != "auth" or answer["realm"] != self._realm:
            raise DigestError("Authorization header is not an answer to the challenge")
        if answer["uri"] != target:
            raise DigestError("answer is for another address")
        known = self._ha1_of(answer["username"])
        expected = self._response(known or _NOBODY, answer, method)
        if not hmac.compare_digest(expected.encode(), answer["response"].encode()) or not known:
            raise DigestError("wrong user or password")
        self._use(answer["nonce"])
        return answer["username"]

    def _response(self, ha1: str, answer: dict[str, str], method: str) -> str:
        ha2 = _md5(f"{method}:{answer['uri']}")
        words = (ha1, answer["nonce"], answer["nc"], answer["cnonce"], answer["qop"], ha2)
        return _md5(":".join(words))

    def _use(self, nonce: str) -> None:
        """Accept a nonce once, while it is young."""
        moment, _, seal = nonce.rpartition(".")
        if not hmac.compare_digest(seal.encode(), self._seal(moment).encode()):
            raise DigestError("nonce is not ours", stale=True)
        now = time.time()
        if now - int(moment.partition(".")[0], 16) > _NONCE_S:
            raise DigestError("nonce is too old", stale=True)
        with self._lock:
            self._used = {key: until for key, until in self._used.items() if until > now}
            if nonce in self._used:
                raise DigestError("nonce was used already", stale=True)
            self._used[nonce] = now + _NONCE_S

    def _seal(self, text: str) -> str:
        return hmac.new(self._key, text.encode(), hashlib.sha256).hexdigest()[:32]


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
