"""Where the MetaCat server of a workspace is, and where its tokens are kept (rule A22)."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from mx2prod.catalog.metacat import connect
from mx2prod.core.errors import ConfigError
from mx2prod.core.secrets import redact

if TYPE_CHECKING:
    from mx2prod.catalog.metacat.server import MetaCat

TOKENS_VARIABLE = "MX2_METACAT_TOKENS"
"""Environment variable with the path of the file of tokens."""

_MARK = "metacat+"
_LOOPBACK = ("127.0.0.1", "::1", "localhost")


def is_server(url: str) -> bool:
    """Tell whether the address of a catalogue is one of a MetaCat server."""
    return url.startswith(_MARK)


def web_address(url: str) -> str:
    """Address as in ``METACAT_SERVER_URL`` of an address as in ``mx2.toml``.

    Parameters
    ----------
    url : str
        ``metacat+https://HOST[:PORT]/PATH``; ``metacat+http://`` on this machine only.

    Raises
    ------
    ConfigError
        If it is another kind of address, holds a user, a password or options, or would send
        tokens in clear over a network.
    """
    parts = urlsplit(url.removeprefix(_MARK))
    shown = redact(url)
    known = is_server(url) and parts.scheme in ("http", "https") and parts.hostname
    if not known or "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigError(f"{shown}: expected metacat+https://HOST[:PORT]/PATH")
    if parts.scheme == "http" and parts.hostname not in _LOOPBACK:
        raise ConfigError(
            f"{shown}: tokens would be readable on the way: expected metacat+https://"
        )
    return parts.geturl().rstrip("/")


def token_file() -> Path:
    """``$MX2_METACAT_TOKENS``, or ``mx2prod/metacat-tokens`` in the user's configuration folder."""
    named = os.environ.get(TOKENS_VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "mx2prod" / "metacat-tokens"


def open_server(url: str) -> MetaCat:
    """Connect to the server of an address of ``mx2.toml``, with the tokens of this account.

    Logins are made at the server's own ``/auth``, or where ``METACAT_AUTH_SERVER_URL`` says.

    Raises
    ------
    ConfigError
        If the address is no good, or the stock client is not installed.
    TrustError
        If others can read the file of tokens.
    """
    address, tokens = web_address(url), token_file()
    tokens.parent.mkdir(parents=True, exist_ok=True)
    return connect(address, tokens)
