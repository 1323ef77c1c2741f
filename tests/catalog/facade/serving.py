"""A running server with two users, and what talks to it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

import mx2prod.catalog
from mx2prod.catalog import Catalog
from mx2prod.catalog.facade.app import entrance_of, running
from mx2prod.catalog.facade.login import HEADER, Login
from mx2prod.catalog.facade.users import Users, ha1_of, save_users

PASSWORDS = {"dunepro": "a longer word", "guest": "häagen"}
FAILS = -1
"""Exit codes of the stock command line, except some, are a hash of its message (page, A23)."""

RUN = {"core.runs": [1702], "core.event_count": 7200, "core.data_stream": "numib"}


@dataclass(frozen=True)
class Serving:
    """A server: its address, and its catalogue in the name of an administrator."""

    url: str
    catalog: Catalog
    entrance: Login
    folder: Path

    def token(self, user: str = "dunepro") -> str:
        """Token of a user."""
        return self.entrance.tokens.issue(user)

    def get(self, address: str, *, user: str | None = None, **arguments: Any) -> httpx.Response:
        """Ask for ``data/...`` or ``auth/...``."""
        return httpx.get(f"{self.url}/{address}", headers=self._headers(user), **arguments)

    def post(
        self, address: str, body: Any = None, *, user: str | None = None, **arguments: Any
    ) -> httpx.Response:
        """Send a JSON body, or text and bytes as they are."""
        how = {"content": body} if isinstance(body, str | bytes) else {"json": body}
        url = f"{self.url}/{address}"
        return httpx.post(url, headers=self._headers(user), **how, **arguments)

    def _headers(self, user: str | None) -> dict[str, str]:
        return {} if user is None else {HEADER: self.token(user)}


def users_file(folder: Path, **settings: Any) -> Path:
    """File of the users: dunepro, and guest who owns nothing but has the role minerva."""
    users = Users(**settings)
    for name, password in PASSWORDS.items():
        roles = ("minerva",) if name == "guest" else ()
        users = users.with_user(name, ha1=ha1_of(name, users.realm, password), roles=roles)
    path = folder / "users.yaml"
    save_users(path, users)
    return path


@contextmanager
def serving(folder: Path, store_url: str = "", **settings: Any) -> Iterator[Serving]:
    """Serve a new catalogue with the namespace and dataset ``dune:all`` of dunepro."""
    entrance = entrance_of(users_file(folder, **settings))
    url = store_url or f"sqlite:///{folder}/catalog.db"
    with mx2prod.catalog.open(url, create=True) as catalog:
        catalog.create_namespace("dune", owner_user="dunepro")
        catalog.create_dataset("dune:all", description="every file")
        with running(catalog, entrance) as address:
            yield Serving(address, catalog, entrance, folder)


@dataclass(frozen=True)
class Done:
    """Exit code and both outputs of a command."""

    code: int
    out: str
    err: str


@contextmanager
def metacat_runner() -> Iterator[subprocess.Popen[str]]:
    """Process that runs the stock command line (see ``metacat_runner.py``)."""
    script = Path(__file__).parent / "metacat_runner.py"
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process
        assert process.stdin
        process.stdin.close()


@dataclass(frozen=True)
class Metacat:
    """The stock command line, with a folder of its own as home."""

    serving: Serving
    runner: subprocess.Popen[str]

    def __call__(self, *words: str | Path, keyboard: str = "", code: int = 0) -> Done:
        """Run a command; it must end with the code, ``FAILS`` for any but 0."""
        request = {"words": list(map(str, words)), "keyboard": keyboard,
                   "home": str(self.serving.folder), "url": self.serving.url}  # fmt: skip
        assert self.runner.stdin
        assert self.runner.stdout
        self.runner.stdin.write(json.dumps(request) + "\n")
        self.runner.stdin.flush()
        done = Done(**json.loads(self.runner.stdout.readline()))
        expected = done.code != 0 if code == FAILS else done.code == code
        assert expected, f"{done.code}: {done.out}{done.err}"
        return done

    def login(self, user: str = "dunepro") -> None:
        """Log in with the password."""
        self("auth", "login", user, keyboard=PASSWORDS[user] + "\n")
