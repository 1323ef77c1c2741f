"""What the verbs of keys, approvals and constants share: options, the key of the caller."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import options

if TYPE_CHECKING:
    from mx2prod.journal import SigningKey

_DIGEST = click.option(
    "--digest", default="", help="What you looked at; refused if it has changed since."
)

key_option = click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Private key (default: $MX2_SIGNING_KEY, or signing-key.pem in ~/.config/mx2prod).",
)
dry_run_option = click.option("--dry-run", is_flag=True, help="Check everything, change nothing.")
reason_option = click.option("--reason", required=True, help="Why; kept with the change.")
sign_options = options(
    _DIGEST,
    click.option("--role", default="", help="Role to sign in (default: one that is missing)."),
    click.option("--meeting", default="", help="Meeting where it was shown."),
    click.option("--link", default="", help="Page or slides."),
)
override_option = click.option(
    "--override", is_flag=True, help="Approve although it was rejected (two conveners)."
)
reject_options = options(_DIGEST, click.option("--role", default="", help="Role to sign in."))


def signing_key(path: Path | None) -> SigningKey:
    """Private key of the caller; a passphrase is asked for if the file is encrypted."""
    from mx2prod.journal import default_key_path, load_key

    return load_key(path or default_key_path())
