"""DSSE envelopes: one text, and signatures over it.

Signatures are counted by the bytes of the public key.  The key id that an envelope names is a hint
that anybody can write; it is never used.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import UnverifiedSignatureError
from securesystemslib.signer import Signature, SSlibKey

from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import TrustError
from mx2prod.journal.keys import SigningKey


def envelope_of(payload: bytes, payload_type: str) -> Envelope:
    """Envelope without a signature."""
    return Envelope(payload, payload_type, {})


def sign(envelope: Envelope, key: SigningKey) -> None:
    """Add the signature of a key; a second one by the same key replaces the first."""
    envelope.sign(key.signer())


def text_of(envelope: Envelope) -> str:
    """Envelope as canonical JSON."""
    return canonical_json(envelope.to_dict())


def parse(text: str, payload_type: str, source: str) -> Envelope:
    """Envelope of a JSON text.

    Raises
    ------
    TrustError
        If it is not an envelope, or one of another kind; ``source`` names it.
    """
    try:
        envelope = Envelope.from_dict(json.loads(text))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise TrustError(f"{source}: not a DSSE envelope: {error}") from error
    if envelope.payload_type != payload_type:
        raise TrustError(
            f"{source}: an envelope of {envelope.payload_type!r}, expected {payload_type!r}"
        )
    return envelope


def signers(envelope: Envelope, public_keys: Iterable[str]) -> frozenset[str]:
    """Public keys, of those given, that signed the envelope.

    Parameters
    ----------
    envelope : Envelope
    public_keys : iterable of str
        ed25519 public keys, 64 hexadecimal digits each.
    """
    message = envelope.pae()
    signatures = list(envelope.signatures.values())
    return frozenset(
        public
        for public in public_keys
        if any(_verifies(public, signature, message) for signature in signatures)
    )


def _verifies(public: str, signature: Signature, message: bytes) -> bool:
    key = SSlibKey.from_crypto(Ed25519PublicKey.from_public_bytes(bytes.fromhex(public)))
    try:
        key.verify_signature(Signature(key.keyid, signature.signature), message)
    except UnverifiedSignatureError:
        return False
    return True
