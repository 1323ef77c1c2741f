"""Passwords, tokens and the files that hold them."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from mx2prod.catalog.facade.digest import Digest, DigestError
from mx2prod.catalog.facade.login import HEADER
from mx2prod.catalog.facade.tokens import ISSUER, LIFETIME_S, TokenError, Tokens, load_secret
from mx2prod.catalog.facade.users import Users, ha1_of, load_users, save_users
from mx2prod.core.errors import ConfigError, TrustError
from tests.calls import Call
from tests.catalog.facade.serving import PASSWORDS, Serving, serving, users_file

SECRET = bytes(range(32))
NOW = int(time.time())
HOURS = 7200
"""Longer than the tests of a session take."""
CLAIMS = {"iss": ISSUER, "sub": "dunepro", "iat": NOW, "nbf": NOW, "exp": NOW + HOURS, "jti": "1"}


@pytest.mark.parametrize("user", PASSWORDS)
def test_digest_by_another_client(server: Serving, user: str) -> None:
    """The login of httpx, an implementation that is not ours."""
    auth = httpx.DigestAuth(user, PASSWORDS[user])
    reply = httpx.get(f"{server.url}/auth/auth?method=digest", auth=auth)
    assert (reply.status_code, reply.content) == (200, b"")
    token = reply.headers[HEADER]
    claims = jwt.decode(token, server.entrance.tokens.secret, algorithms=["HS256"])
    assert claims.keys() == CLAIMS.keys()
    assert claims["exp"] - claims["iat"] == LIFETIME_S
    who = httpx.get(f"{server.url}/auth/whoami", headers={HEADER: token})
    assert who.text == user
    assert httpx.get(f"{server.url}/auth/verify", headers={HEADER: token}).text == "OK"


def test_wrong_passwords_and_methods(server: Serving) -> None:
    address = f"{server.url}/auth/auth"
    for user in ("dunepro", "nobody"):
        reply = httpx.get(f"{address}?method=digest", auth=httpx.DigestAuth(user, "wrong"))
        assert (reply.status_code, HEADER in reply.headers) == (401, False)
    for method in ("ldap", "x509"):
        reply = httpx.post(f"{address}?method={method}", content="dunepro:secret")
        assert (reply.status_code, reply.text) == (401, f"{method}: not configured")
    for header in ("Basic ZHVuZXBybzp4", "Digest", 'Digest username="dunepro"', "Digest =,="):
        reply = httpx.get(f"{address}?method=digest", headers={"Authorization": header})
        assert reply.status_code == 401
        assert reply.headers["www-authenticate"].startswith('Digest realm="mx2prod", nonce="')


def _answered(digest: Digest, user: str = "dunepro", uri: str = "/a") -> str:
    request = httpx.Request("GET", f"http://x{uri}")
    auth = httpx.DigestAuth(user, "secret")
    flow = auth.auth_flow(request)
    next(flow)
    challenge = {"www-authenticate": digest.challenge()}
    return str(
        flow.send(httpx.Response(401, headers=challenge, request=request)).headers["authorization"]
    )


def _digest() -> Digest:
    return Digest("mx2prod", {"dunepro": ha1_of("dunepro", "mx2prod", "secret")}.get)


def test_an_answer_is_good_once() -> None:
    digest = _digest()
    answer = _answered(digest)
    assert digest.user_of(answer, "GET", "/a") == "dunepro"
    with pytest.raises(DigestError, match="used already") as caught:
        digest.user_of(answer, "GET", "/a")
    assert caught.value.stale


def test_an_answer_is_for_its_request_and_server(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = _digest()
    with pytest.raises(DigestError, match="another address"):
        digest.user_of(_answered(digest), "GET", "/b")
    with pytest.raises(DigestError, match="wrong user"):
        digest.user_of(_answered(digest), "POST", "/a")
    with pytest.raises(DigestError, match="wrong user"):
        digest.user_of(_answered(digest, user="other"), "GET", "/a")
    with pytest.raises(DigestError, match="not ours"):
        digest.user_of(_answered(_digest()), "GET", "/a")
    old = _answered(digest)
    later = time.time() + 121
    monkeypatch.setattr(time, "time", lambda: later)
    with pytest.raises(DigestError, match="too old"):
        digest.user_of(old, "GET", "/a")


def _signed(key: Any = SECRET, algorithm: str = "HS256", **changed: Any) -> str:
    claims = {name: value for name, value in {**CLAIMS, **changed}.items() if value is not None}
    return jwt.encode(claims, key, algorithm=algorithm)


@pytest.mark.parametrize(
    "token",
    ["", "x", "a.b.c", "é.é.é", _signed(bytes(32)), _signed(iss="other"), _signed(sub=None),
     _signed(jti=None), _signed(nbf=NOW + HOURS), jwt.encode(CLAIMS, None, algorithm="none"),
     _signed(SECRET + SECRET, "HS512")],
)  # fmt: skip
def test_tokens_that_are_not_ours(token: str) -> None:
    with pytest.raises(TokenError) as caught:
        Tokens(SECRET).user_of(token)
    assert not caught.value.expired


def test_tokens_of_ours() -> None:
    tokens = Tokens(SECRET)
    assert tokens.user_of(tokens.issue("dunepro")) == "dunepro"
    with pytest.raises(TokenError, match="expired") as caught:
        tokens.user_of(_signed(exp=NOW - 60))
    assert caught.value.expired
    assert "secret" not in repr(tokens)


def test_bad_tokens_at_the_server(server: Serving) -> None:
    """Malformed: 401 everywhere, never 500. Expired: who only reads need not log in again."""
    headers = {HEADER: "not.a.token"}
    for address in ("data/namespaces", "auth/verify", "data/create_namespace?name=x"):
        assert httpx.get(f"{server.url}/{address}", headers=headers).status_code == 401
    secret = server.entrance.tokens.secret
    headers = {HEADER: _signed(secret, exp=NOW - 60)}
    assert httpx.get(f"{server.url}/data/namespaces", headers=headers).status_code == 200
    reply = httpx.get(f"{server.url}/data/create_namespace?name=x", headers=headers)
    assert (reply.status_code, reply.text) == (401, "token has expired; log in again")
    headers = {HEADER: _signed(secret, sub="gone")}
    assert httpx.get(f"{server.url}/auth/verify", headers=headers).status_code == 401


def test_reading_may_need_a_token(tmp_path: Path) -> None:
    with serving(tmp_path, open_reads=False) as server:
        assert server.get("data/namespaces").status_code == 401
        assert server.get("data/namespaces", user="guest").status_code == 200


def test_a_token_of_another_issuer(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "issuer.pem").write_bytes(public)
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with serving(tmp_path, issuers={"https://issuer": Path("issuer.pem")}) as server:

        def login(user: str, **claims: Any) -> httpx.Response:
            token = _signed(private, "ES256", **{"iss": "https://issuer", **claims})
            address = f"{server.url}/auth/auth?method=token&username={user}"
            return httpx.post(address, headers={"Authorization": f"bearer {token}"})

        token = login("dunepro").headers[HEADER]
        assert server.entrance.tokens.user_of(token) == "dunepro"
        assert login("guest").status_code == 401
        assert login("other", sub="other").status_code == 401
        assert login("dunepro", iss="https://elsewhere").status_code == 401
        assert login("dunepro", exp=NOW - 1).status_code == 401
        address = f"{server.url}/auth/auth?method=token&username=dunepro"
        assert httpx.post(address).status_code == 401
        # The public key is no secret: it does not sign as if it were one.
        confused = jwt.encode({**CLAIMS, "iss": "https://issuer"}, SECRET, algorithm="HS256")
        headers = {"Authorization": f"bearer {confused}"}
        assert httpx.post(address, headers=headers).status_code == 401


def test_secret_of_an_installation(tmp_path: Path) -> None:
    path = tmp_path / "users.secret"
    secret = load_secret(path)
    assert len(secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600
    assert load_secret(path) == secret
    path.write_text("00" * 31)
    with pytest.raises(TrustError, match="31 bytes"):
        load_secret(path)
    path.write_text("no digits")
    with pytest.raises(TrustError, match="hexadecimal"):
        load_secret(path)
    path.chmod(0o640)
    with pytest.raises(TrustError, match="0600"):
        load_secret(path)


def test_users_that_others_can_read_are_refused(tmp_path: Path) -> None:
    path = users_file(tmp_path)
    path.chmod(0o644)
    with pytest.raises(TrustError, match="0600"):
        load_users(path)


@pytest.mark.parametrize(
    "text",
    ["users: {a b: {}}", "users: {a: {ha1: xyz}}", "realm: 'a\"b'", "user: {}", "issuers: {'': k}"],
)
def test_users_that_cannot_be(tmp_path: Path, text: str) -> None:
    (tmp_path / "k").write_text("")
    path = tmp_path / "users.yaml"
    path.write_text(text)
    path.chmod(0o600)
    with pytest.raises(ConfigError):
        load_users(path)


def test_users_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "users.yaml"
    users = Users(open_reads=False).with_user("a", roles=["r"], admin=True).with_user("b")
    save_users(path, users)
    assert load_users(path) == users


def test_command_user(
    mx2: Callable[..., Call], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "users.yaml"

    def user(*words: str, password: str = "") -> Call:
        (tmp_path / "in").write_text(password)
        with (tmp_path / "in").open() as keyboard:
            monkeypatch.setattr("sys.stdin", keyboard)
            return mx2("catalog", "user", *words, "--users", path)

    assert user("dunepro", "--password-stdin", "--dry-run", password="secret\n").code == 0
    assert not path.exists()
    done = user("dunepro", "--password-stdin", "--admin", password="secret\n")
    assert "users.yaml written: dunepro" in done.out
    known = load_users(path).users["dunepro"]
    assert (known.ha1, known.admin) == (ha1_of("dunepro", "mx2prod", "secret"), True)
    assert "secret" not in path.read_text()
    assert user("guest", "--no-password", "--role", "minerva").code == 0
    assert load_users(path).users["guest"].roles == ("minerva",)
    assert user("a b", "--no-password").code == 2
    assert user("x", "--password-stdin").code == 2
    assert "did you mean 'guest'" in user("gues", "--remove").err
    assert user("guest", "--remove").code == 0
    assert list(load_users(path).users) == ["dunepro"]
