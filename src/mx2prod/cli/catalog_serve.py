"""Verbs of ``mx2 catalog`` for clients of MetaCat: the server, and who may log in there."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame, pass_frame

if TYPE_CHECKING:
    from mx2prod.catalog.facade.users import Users

_FILE = click.Path(path_type=Path, dir_okay=False)
_LOOPBACK = ("http://127.", "http://[::1]", "http://localhost:")


@click.command()
@click.option(
    "--bind",
    default="127.0.0.1:8081",
    show_default=True,
    metavar="HOST:PORT",
    help="Port 0 takes a free port.",
)
@click.option(
    "--users",
    type=_FILE,
    help="File of users, of mode 0600 (see mx2 catalog user); without it nothing can be changed.",
)
@pass_frame
def serve(frame: Frame, *, bind: str, users: Path | None) -> None:
    """Serve the catalogue of the workspace to clients of MetaCat; prints the address first.

    The address is what METACAT_SERVER_URL holds.  Reading is open, unless the file of users says
    otherwise; whoever changes something logs in first.  The tokens are signed with a secret beside
    the file of users, made at the first start.

    Exit code 0 when it is stopped; 2: the address or the file of users is no good.
    """
    import mx2prod.catalog
    from mx2prod.catalog.facade.app import entrance_of
    from mx2prod.catalog.facade.app import serve as run

    workspace = frame.workspace
    entrance = entrance_of(users)
    with mx2prod.catalog.open(workspace.settings.catalog.url, root=workspace.root) as catalog:

        def ready(url: str) -> None:
            document = {
                "url": url,
                "source": catalog.address,
                "users": len(entrance.users.users),
                "open_reads": entrance.users.open_reads,
            }
            frame.emit(document, lambda: click.echo(url))
            if not url.startswith(_LOOPBACK):
                frame.say(
                    "passwords and tokens are readable on the way: put a server with HTTPS before"
                )

        run(catalog, entrance, bind=bind, ready=ready)


@click.command()
@click.argument("name")
@click.option("--users", "path", type=_FILE, required=True, help="File of users; made if missing.")
@click.option("--role", "roles", multiple=True, help="Role that owns namespaces; may be repeated.")
@click.option("--admin", is_flag=True, help="May write into every namespace.")
@click.option("--password-stdin", is_flag=True, help="Read the password from standard input.")
@click.option("--no-password", is_flag=True, help="Logs in by tokens of trusted issuers only.")
@click.option("--remove", is_flag=True, help="Take the user out of the file.")
@click.option("--dry-run", is_flag=True, help="Say what would be written; write nothing.")
@pass_frame
def user(
    frame: Frame, name: str, *, path: Path, roles: tuple[str, ...], admin: bool,
    password_stdin: bool, no_password: bool, remove: bool, dry_run: bool,
) -> None:  # fmt: skip
    """Add the user NAME to a file of users, give other rights or another password, or remove it.

    A running server reads the file at its start.

    Exit code 0; 2: the file is not one of users, or others can read it.
    """
    from mx2prod.catalog.facade.users import Users, ha1_of, load_users, save_users

    known = load_users(path) if path.exists() else Users()
    if remove:
        changed = known.without_user(name)
    else:
        changed = known.with_user(name, roles=roles, admin=admin)
        if not no_password:
            ha1 = ha1_of(name, known.realm, _password(from_input=password_stdin))
            changed = known.with_user(name, ha1=ha1, roles=roles, admin=admin)
    if not dry_run:
        save_users(path, changed)
    frame.emit(
        {"file": str(path), "users": sorted(changed.users), "written": not dry_run},
        lambda: _show(path, changed, written=not dry_run),
    )


def _password(*, from_input: bool) -> str:
    from mx2prod.core.errors import UsageError

    if from_input:
        text = click.open_file("-", encoding="utf-8").readline().rstrip("\n")
    else:
        text = click.prompt("password", hide_input=True, confirmation_prompt=True, err=True)
    if not text:
        raise UsageError("the password is empty")
    return str(text)


def _show(path: Path, users: Users, *, written: bool) -> None:
    what = "written" if written else "would be written"
    click.echo(f"{path} {what}: {', '.join(sorted(users.users)) or 'no users'}")


VERBS = (serve, user)
