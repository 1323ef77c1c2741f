"""Secrets: files that only their owner can read, and messages without them (rulings, section 1)."""

from __future__ import annotations

import logging
import os
import re
from pathlib import Path

from mx2prod.core.errors import TrustError
from mx2prod.core.files import require_regular_file

PASSPHRASE_VARIABLE = "MX2_KEY_PASSPHRASE"  # noqa: S105 # the name of a variable
SECRET_VARIABLES = ("PGPASSWORD", PASSPHRASE_VARIABLE)
"""Environment variables whose values never appear in a message."""

_IN_URL = re.compile(r"(?P<before>://[^/\s:@]*:)\S*(?=@)")
_NAMED = re.compile(
    r"(?i)\b(?P<name>password|passphrase|secret|token)(?P<sign>\s*[=:]\s*)[^\s&'\"]+"
)
_PEM = re.compile(
    r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?-----END [A-Z ]*PRIVATE KEY-----", re.DOTALL
)
_HIDDEN = "***"


def require_private(path: Path) -> None:
    """Check that only the owner can read a file.

    Raises
    ------
    InputFileError
        If there is no such regular file.
    TrustError
        If group or others have any right on it.
    """
    mode = require_regular_file(path).st_mode & 0o777
    if mode & 0o077:
        raise TrustError(
            f"{path}: mode {mode:04o}, expected 0600: others can read this secret",
            next_step=f"chmod 600 {path}",
        )


def redact(text: str) -> str:
    """Text without passwords in addresses, ``password=...``, private keys and known secrets."""
    text = _PEM.sub(_HIDDEN, text)
    text = _IN_URL.sub(rf"\g<before>{_HIDDEN}", text)
    text = _NAMED.sub(rf"\g<name>\g<sign>{_HIDDEN}", text)
    for variable in SECRET_VARIABLES:
        value = os.environ.get(variable, "")
        if value:
            text = text.replace(value, _HIDDEN)
    return text


class Redaction(logging.Filter):
    """Filter of a log handler that takes secrets out of every message."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the message in place; every record passes."""
        record.msg, record.args = redact(record.getMessage()), None
        return True
