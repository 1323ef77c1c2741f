"""Names of what a job writes (metadata page, 5.1)."""

from __future__ import annotations

import secrets
from collections.abc import Mapping

from mx2prod.core.errors import ConfigError
from mx2prod.core.ids import FileName, RunSubrun

ATTEMPT_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
ATTEMPT_LENGTH = 6


def attempt_token() -> str:
    """Draw the six characters that make each attempt a new name."""
    return "".join(secrets.choice(ATTEMPT_ALPHABET) for _ in range(ATTEMPT_LENGTH))


def output_name(
    run_subrun: RunSubrun,
    stream: str,
    *,
    tier: str,
    suffixes: Mapping[str, str],
    stamp: str,
    attempt: str,
) -> FileName:
    """Name of a derived file.

    Parameters
    ----------
    run_subrun : RunSubrun
    stream : str
    tier : str
        Word of the tier, for example ``raw-digits``.
    suffixes : mapping
        Setting ``names.suffix``.
    stamp : str
        Processing start in UTC, ``yymmddHHMM``.
    attempt : str
        Six characters of a-z and 2-7.

    Raises
    ------
    ConfigError
        If the settings have no suffix for the tier.
    NameFormatError
        If the parts do not make a legal file name.
    """
    if tier not in suffixes:
        raise ConfigError(
            f"names.suffix has no entry for the tier {tier!r}", next_step="add it to mx2.toml"
        )
    name = FileName(run_subrun, stream, stamp, attempt, suffixes[tier])
    return FileName.parse(str(name))
