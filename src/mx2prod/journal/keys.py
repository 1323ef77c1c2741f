"""Signing keys: ed25519, one a person and purpose, in a file that only its owner can read."""

from __future__ import annotations

import getpass
import hashlib
import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from securesystemslib.signer import CryptoSigner

from mx2prod.core.errors import InputFileError, TrustError
from mx2prod.core.files import refuse_existing, require_regular_file, write_text
from mx2prod.core.secrets import PASSPHRASE_VARIABLE, require_private

KEY_VARIABLE = "MX2_SIGNING_KEY"
_PUBLIC = re.compile(r"ed25519:(?P<hex>[0-9a-f]{64})")


@dataclass(frozen=True)
class SigningKey:
    """A private key in memory; it is not part of any text of this object.

    Attributes
    ----------
    public : str
        Public half, 64 hexadecimal digits.
    """

    public: str
    _private: Ed25519PrivateKey

    def __repr__(self) -> str:
        return f"SigningKey({self.public})"

    def signer(self) -> CryptoSigner:
        """Signer of the library."""
        return CryptoSigner(self._private)


def fingerprint(public: str) -> str:
    """16 hexadecimal digits that people compare."""
    return hashlib.sha256(bytes.fromhex(public)).hexdigest()[:16]


def default_key_path() -> Path:
    """``$MX2_SIGNING_KEY``, or ``mx2prod/signing-key.pem`` in the user's configuration folder."""
    named = os.environ.get(KEY_VARIABLE)
    if named:
        return Path(named)
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "mx2prod" / "signing-key.pem"


def public_path(path: Path) -> Path:
    """Where the public half of a key file lies: the same name with ``.pub``."""
    return path.with_suffix(".pub")


def new_key(path: Path, passphrase: str = "", *, dry_run: bool = False) -> str:
    """Make a key pair: the private half with mode 0600, the public half beside it.

    Parameters
    ----------
    path : Path
        File of the private half, PEM; never overwritten.
    passphrase : str
        Encrypts the file; none if empty.
    dry_run : bool
        Check the paths only.

    Returns
    -------
    str
        Public half, 64 hexadecimal digits; empty with ``dry_run``.

    Raises
    ------
    OutputError
        If one of the files exists or cannot be written.
    """
    for place in (path, public_path(path)):
        refuse_existing(place)
    if dry_run:
        return ""
    private = Ed25519PrivateKey.generate()
    encryption = BestAvailableEncryption(passphrase.encode()) if passphrase else NoEncryption()
    text = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption).decode()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    write_text(path, text, mode=0o600)
    public = _public_of(private)
    write_text(public_path(path), f"ed25519:{public}\n")
    return public


def load_key(path: Path, passphrase: Callable[[], str] | None = None) -> SigningKey:
    """Read a private key.

    Parameters
    ----------
    path : Path
    passphrase : callable, optional
        Asked for the passphrase if the file is encrypted; :func:`ask_passphrase` by default.

    Raises
    ------
    InputFileError
        If there is no such file.
    TrustError
        If others can read it, it is not an ed25519 key, or the passphrase is wrong.
    """
    if not path.exists():
        raise InputFileError(f"{path}: no such key", next_step=f"mx2 keys new --key {path}")
    require_private(path)
    content = path.read_bytes()
    password = (passphrase or ask_passphrase)() if b"ENCRYPTED" in content else ""
    try:
        private = load_pem_private_key(content, password.encode() or None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise TrustError(
            f"{path}: not a private key, or the passphrase is wrong", next_step=f"file {path}"
        ) from error
    if not isinstance(private, Ed25519PrivateKey):
        raise TrustError(f"{path}: not an ed25519 key", next_step="mx2 keys new")
    return SigningKey(_public_of(private), private)


def ask_passphrase() -> str:
    """Passphrase of a key: ``$MX2_KEY_PASSPHRASE``, or asked on the terminal."""
    given = os.environ.get(PASSPHRASE_VARIABLE)
    return given if given is not None else getpass.getpass("passphrase of the signing key: ")


def read_public(text_or_path: str) -> str:
    """Public key of ``ed25519:<hex>``, of the digits alone, or of a ``.pub`` file.

    Raises
    ------
    TrustError
        If it is none of them.
    """
    text = text_or_path.strip()
    path = Path(text_or_path)
    if path.suffix == ".pub":
        require_regular_file(path)
        text = path.read_text(encoding="utf-8", errors="replace").strip()
    found = _PUBLIC.fullmatch(text if ":" in text else f"ed25519:{text}")
    if found is None:
        raise TrustError(
            f"{text_or_path}: no public key, expected ed25519: and 64 hexadecimal digits, "
            "or a file NAME.pub",
            next_step="mx2 keys new",
        )
    return found["hex"]


def _public_of(private: Ed25519PrivateKey) -> str:
    return private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()
