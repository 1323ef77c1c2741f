"""``mx2 catalog login``: a token for the MetaCat server that is the catalogue."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import click

from mx2prod.cli.catalog_frame import server_of
from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.signing import dry_run_option
from mx2prod.core.errors import UsageError

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.argument("user")
@click.option(
    "--token",
    "token_path",
    type=_FILE,
    help="File of mode 0600 with a token of an issuer that the server trusts.",
)
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@dry_run_option
@pass_frame
def login(
    frame: Frame, user: str, *, token_path: Path | None, password_stdin: bool, dry_run: bool
) -> None:
    """Log in as USER at the MetaCat server of mx2.toml, by a token or else by a password.

    What the server gives is kept in $MX2_METACAT_TOKENS, or metacat-tokens in ~/.config/mx2prod,
    of mode 0600.  Reading needs no login where the server leaves it open.
    """
    from mx2prod.catalog.metacat.address import token_file
    from mx2prod.core.secrets import require_private

    server = server_of(frame)
    if server is None:
        raise UsageError(
            "the catalogue of mx2.toml is a database, which asks for no login",
            next_step="mx2 catalog query 'files from dune:all' --summary",
        )
    if token_path is not None:
        require_private(token_path)
    document = {"server": server.client.ServerURL, "user": user, "file": str(token_file())}
    if dry_run:
        text = f"would log in as {user} at {document['server']}"
        frame.emit({**document, "dry_run": True}, lambda: click.echo(text))
        return
    if token_path is not None:
        server.login_token(user, token_path.read_text(encoding="utf-8").strip())
    else:
        server.login_digest(user, _password(from_input=password_stdin))
    until = datetime.fromtimestamp(server.client.token().expiration, UTC)
    text = f"logged in as {server.require_login()} until {until:%Y-%m-%d %H:%M} UTC"
    frame.emit({**document, "until": until.isoformat(), "dry_run": False},
               lambda: click.echo(text))  # fmt: skip


def _password(*, from_input: bool) -> str:
    if from_input:
        return str(click.open_file("-", encoding="utf-8").readline()).rstrip("\n")
    return str(click.prompt("password", hide_input=True, err=True))


VERBS = (login,)
