from __future__ import annotations

import logging
from pathlib import Path

import pytest

from mx2prod.cli.frame import log, start_logging
from mx2prod.core.errors import InputFileError, TrustError
from mx2prod.core.secrets import redact, require_private

PEM = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("postgresql://me:sesame@host/db", "postgresql://me:***@host/db"),
        ("postgresql+psycopg://me:se:s/@me@host/db", "postgresql+psycopg://me:***@host/db"),
        ("https://host:8443/path", "https://host:8443/path"),
        ("password=sesame host=x", "password=*** host=x"),
        ("Token: sesame", "Token: ***"),
        ("?user=me&password=sesame&port=1", "?user=me&password=***&port=1"),
        (f"key {PEM} end", "key *** end"),
        ("the secret of success", "the secret of success"),
    ],
)
def test_secrets_are_taken_out(text: str, shown: str) -> None:
    assert redact(text) == shown


def test_secrets_of_the_environment_are_taken_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "sesame")
    monkeypatch.setenv("MX2_KEY_PASSPHRASE", "")
    assert redact("said sesame twice: sesame") == "said *** twice: ***"


def test_no_secret_reaches_a_log(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", "sesame")
    start_logging(quiet=False, verbose=True, path=tmp_path / "log")
    logging.getLogger("mx2prod.journal").warning("cannot reach %s with %s", "x://a:pw1@b", "sesame")
    start_logging(quiet=False, verbose=False, path=None)
    text = (tmp_path / "log").read_text() + capsys.readouterr().err
    for handler in list(log.handlers):
        log.removeHandler(handler)
    assert text.count("cannot reach x://a:***@b with ***") == 2
    assert "sesame" not in text


def test_only_private_files_may_hold_a_secret(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    with pytest.raises(InputFileError):
        require_private(path)
    path.write_text("sesame")
    for mode in (0o600, 0o400):
        path.chmod(mode)
        require_private(path)
    for mode in (0o640, 0o604, 0o601):
        path.chmod(mode)
        with pytest.raises(TrustError, match=f"mode {mode:04o}"):
            require_private(path)
