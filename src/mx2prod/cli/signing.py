"""What the verbs of keys and approvals share: the signing key of the caller."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from mx2prod.journal import SigningKey

Function = Callable[..., Any]


def key_option(function: Function) -> Function:
    """Add the option ``--key``."""
    option = click.option(
        "--key",
        "key_path",
        type=click.Path(path_type=Path, dir_okay=False),
        help="Private key (default: $MX2_SIGNING_KEY, or signing-key.pem in ~/.config/mx2prod).",
    )
    return option(function)


def dry_run_option(function: Function) -> Function:
    """Add the option ``--dry-run``."""
    return click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")(
        function
    )


def reason_option(function: Function) -> Function:
    """Add the option ``--reason``, which must be given."""
    option = click.option("--reason", required=True, help="Why; kept with the change.")
    return option(function)


def signing_key(path: Path | None) -> SigningKey:
    """Private key of the caller; a passphrase is asked for if the file is encrypted."""
    from mx2prod.journal import default_key_path, load_key

    return load_key(path or default_key_path())
