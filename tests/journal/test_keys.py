from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from mx2prod.core.errors import InputFileError, OutputError, TrustError
from mx2prod.journal import default_key_path, fingerprint, load_key, new_key, read_public
from mx2prod.journal.envelopes import envelope_of, parse, sign, signers, text_of

TYPE = "application/test"


def test_a_new_key_is_private_and_comes_back(tmp_path: Path) -> None:
    path = tmp_path / "conf" / "me.pem"
    public = new_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert load_key(path).public == public
    assert read_public(str(path.with_suffix(".pub"))) == public
    assert read_public(public) == read_public(f"ed25519:{public}") == public
    assert len(fingerprint(public)) == 16
    assert b"ENCRYPTED" not in path.read_bytes()


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "me.pem"
    assert new_key(path, dry_run=True) == ""
    assert list(tmp_path.iterdir()) == []
    new_key(path)
    before = path.read_bytes()
    with pytest.raises(OutputError):
        new_key(path)
    path.rename(tmp_path / "old.pem")
    with pytest.raises(OutputError, match=r"me\.pub"):
        new_key(path)
    assert (tmp_path / "old.pem").read_bytes() == before


def test_a_passphrase_protects_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "me.pem"
    public = new_key(path, "sesame")
    assert b"ENCRYPTED" in path.read_bytes()
    assert load_key(path, lambda: "sesame").public == public
    with pytest.raises(TrustError, match="passphrase is wrong") as caught:
        load_key(path, lambda: "simsim")
    assert "simsim" not in str(caught.value)
    monkeypatch.setenv("MX2_KEY_PASSPHRASE", "sesame")
    assert load_key(path).public == public


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_key_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "me.pem"
    new_key(path)
    path.chmod(mode)
    with pytest.raises(TrustError, match=f"mode {mode:04o}, expected 0600") as caught:
        load_key(path)
    assert caught.value.next_step == f"chmod 600 {path}"


def test_files_that_are_no_key_of_ours(tmp_path: Path) -> None:
    path = tmp_path / "me.pem"
    with pytest.raises(InputFileError, match="no such key") as caught:
        load_key(path)
    assert caught.value.next_step == f"mx2 keys new --key {path}"
    other = generate_private_key(SECP256R1())
    path.write_bytes(other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    path.chmod(0o600)
    with pytest.raises(TrustError, match="not an ed25519 key"):
        load_key(path)
    path.write_text("no key")
    with pytest.raises(TrustError, match="not a private key"):
        load_key(path)


@pytest.mark.parametrize("text", ["", "rsa:00", "ed25519:00", "g" * 64, "A" * 64])
def test_texts_that_are_no_public_key(text: str) -> None:
    with pytest.raises(TrustError, match="no public key"):
        read_public(text)


def test_where_the_key_is_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MX2_SIGNING_KEY", raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert default_key_path() == tmp_path / "mx2prod" / "signing-key.pem"
    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_key_path() == tmp_path / ".config" / "mx2prod" / "signing-key.pem"
    monkeypatch.setenv("MX2_SIGNING_KEY", "/a/b.pem")
    assert default_key_path() == Path("/a/b.pem")


def test_a_key_does_not_show_its_private_half(tmp_path: Path) -> None:
    new_key(tmp_path / "me.pem")
    key = load_key(tmp_path / "me.pem")
    secret = (tmp_path / "me.pem").read_text().splitlines()[1]
    assert secret not in repr(key)
    assert key.public in repr(key)


def test_signatures_are_found_by_the_bytes_of_the_key(tmp_path: Path) -> None:
    """Whatever key id the envelope names, and however often the key stands in it."""
    for name in "ab":
        new_key(tmp_path / f"{name}.pem")
    a, b = (load_key(tmp_path / f"{name}.pem") for name in "ab")
    envelope = envelope_of(b"text", TYPE)
    sign(envelope, a)
    sign(envelope, a)
    assert signers(envelope, [a.public, b.public]) == {a.public}
    document = envelope.to_dict()
    (signature,) = document["signatures"]
    document["signatures"] = [{**signature, "keyid": name} for name in ("x", "y", b.public)]
    import json

    forged = parse(json.dumps(document), TYPE, "test")
    assert signers(forged, [a.public, b.public]) == {a.public}


def test_a_changed_text_has_no_signature(tmp_path: Path) -> None:
    new_key(tmp_path / "a.pem")
    key = load_key(tmp_path / "a.pem")
    envelope = envelope_of(b"text", TYPE)
    sign(envelope, key)
    envelope.payload = b"texT"
    assert signers(envelope, [key.public]) == frozenset()


@pytest.mark.parametrize(
    "text",
    ["", "[]", "7", "{}", '{"payload": 1, "payloadType": "x", "signatures": []}',
     '{"payload": "AA==", "payloadType": "application/test", "signatures": 3}',
     '{"payload": "AA==", "payloadType": "application/test", "signatures": [{"sig": "AA=="}]}'],
)  # fmt: skip
def test_texts_that_are_no_envelope(text: str) -> None:
    with pytest.raises(TrustError, match="here: not a DSSE envelope"):
        parse(text, TYPE, "here")


def test_an_envelope_of_another_kind_is_refused() -> None:
    with pytest.raises(TrustError, match="expected 'application/test'"):
        parse(text_of(envelope_of(b"text", "application/other")), TYPE, "here")
