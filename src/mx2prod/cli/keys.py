"""``mx2 keys``: signing keys, and the signed list of persons, roles and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from mx2prod.cli.frame import Frame, pass_frame
from mx2prod.cli.keys_output import print_list, proposal_document, show_proposal
from mx2prod.cli.signing import dry_run_option, key_option, reason_option, signing_key
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.journal import RoleStore

_FILE = click.Path(path_type=Path, dir_okay=False)


@click.group("keys")
def command() -> None:
    """Signing keys, and the signed list of persons, roles and keys.

    The lists lie in the folder roles of the workspace.  Each version is signed by persons of role
    root; trust_root in mx2.toml pins one of them by its digest.
    """


@command.command()
@click.option("--key", "key_path", type=_FILE, help="Where to write the private key.")
@click.option("--passphrase/--no-passphrase", default=True, help="Encrypt the file, or not.")
@dry_run_option
@pass_frame
def new(frame: Frame, key_path: Path | None, *, passphrase: bool, dry_run: bool) -> None:
    """Make your signing key: NAME.pem, which stays with you, and NAME.pub to give away.

    The passphrase is asked for, or taken from MX2_KEY_PASSPHRASE.
    """
    from mx2prod.journal import default_key_path, fingerprint, new_key
    from mx2prod.journal.keys import public_path

    path = key_path or default_key_path()
    new_key(path, dry_run=True)
    word = "" if dry_run or not passphrase else _new_passphrase()
    public = new_key(path, word, dry_run=dry_run)
    document = {
        "private": str(path),
        "public": str(public_path(path)),
        "public_key": public or None,
        "fingerprint": fingerprint(public) if public else None,
        "dry_run": dry_run,
    }
    verb = "would write" if dry_run else "wrote"
    frame.emit(document, lambda: click.echo(f"{verb} {path} and {public_path(path)}"))
    frame.say(f"next: give {public_path(path)} to a person of role root: mx2 keys enrol")


@command.command()
@click.argument("person")
@click.option("--public-key", "publics", multiple=True, help="NAME.pub, or ed25519:HEX.")
@click.option("--role", "roles", multiple=True, help="Role; may be given several times.")
@click.option("--account", "accounts", multiple=True, help="Operating-system account.")
@click.option("--name", default="", help="Full name.")
@click.option("--service", is_flag=True, help="An account of programs: submits, never signs.")
@click.option("--until", default="", help="End of the key, YYYY-MM-DD.")
@click.option("--threshold", type=click.IntRange(1, 9), help="Persons who must sign the list.")
@key_option
@reason_option
@dry_run_option
@pass_frame
def enrol(
    frame: Frame,
    *,
    person: str,
    publics: tuple[str, ...],
    roles: tuple[str, ...],
    accounts: tuple[str, ...],
    name: str,
    until: str,
    threshold: int | None,
    key_path: Path | None,
    reason: str,
    service: bool,
    dry_run: bool,
) -> None:
    """Put PERSON on the list, or add roles, accounts and keys.

    Where there is no list yet, version 1 is made, and without --public-key it gets your own key.
    Roles: root, calibrator, shifter, reviewer, convener, manager, viewer.
    """
    from mx2prod.journal import read_public
    from mx2prod.journal.events import account
    from mx2prod.journal.role_changes import enrol, new_person
    from mx2prod.journal.role_list import NO_END

    key = signing_key(key_path)
    store = _store(frame)
    lists = store.history()
    first = not lists
    new = new_person(
        person,
        public_keys=[read_public(text) for text in publics] or ([key.public] if first else []),
        roles=roles,
        accounts=accounts or ([account()] if first else []),
        name=name,
        service=service,
        until=_end_of(until) if until else NO_END,
    )
    made = enrol(None if first else lists[-1], new, reason=reason, threshold=threshold)
    show_proposal(frame, store.propose(made, key, dry_run=dry_run), dry_run=dry_run)


@command.command()
@click.argument("person")
@click.argument("public_key")
@click.option("--until", default="", help="End of the new key, YYYY-MM-DD.")
@key_option
@reason_option
@dry_run_option
@pass_frame
def rotate(
    frame: Frame,
    *,
    person: str,
    public_key: str,
    until: str,
    key_path: Path | None,
    reason: str,
    dry_run: bool,
) -> None:
    """Replace the key of PERSON by PUBLIC_KEY (NAME.pub); the old one ends now.

    What the old key signed before stays valid.  A person of role root signs the list with the old
    key here, and then with the new one: mx2 keys sign --key NEW.pem.
    """
    from mx2prod.journal import read_public
    from mx2prod.journal.role_changes import rotate
    from mx2prod.journal.role_list import NO_END

    key = signing_key(key_path)
    store = _store(frame)
    end = _end_of(until) if until else NO_END
    made = rotate(store.load(), person, read_public(public_key), until=end, reason=reason)
    show_proposal(frame, store.propose(made, key, dry_run=dry_run), dry_run=dry_run)


@command.command()
@click.argument("person")
@click.option("--public-key", default="", help="Only this key: NAME.pub, or ed25519:HEX.")
@click.option("--role", default="", help="Only this role.")
@click.option("--since", default="", help="Count no signature from YYYY-MM-DD on (default: now).")
@key_option
@reason_option
@dry_run_option
@pass_frame
def revoke(
    frame: Frame,
    *,
    person: str,
    public_key: str,
    role: str,
    since: str,
    key_path: Path | None,
    reason: str,
    dry_run: bool,
) -> None:
    """End all keys and roles of PERSON, or one of them.

    For a key that was lost earlier give --since: what it signed from then on counts no more.
    """
    from mx2prod.journal import read_public
    from mx2prod.journal.role_changes import revoke

    key = signing_key(key_path)
    store = _store(frame)
    made = revoke(
        store.load(),
        person,
        reason=reason,
        public=read_public(public_key) if public_key else "",
        role=role,
        since=_end_of(since) if since else "",
    )
    show_proposal(frame, store.propose(made, key, dry_run=dry_run), dry_run=dry_run)


@command.command()
@click.argument("name")
@click.argument("file", type=_FILE)
@key_option
@reason_option
@dry_run_option
@pass_frame
def policy(
    frame: Frame, name: str, file: Path, key_path: Path | None, reason: str, *, dry_run: bool
) -> None:
    """Set who must sign subjects of type NAME: FILE is YAML with places, emergency, valid_days.

    A place is a list of roles, one of which must sign: places: [[reviewer], [convener, manager]].
    Requests made under a less strict policy must be made again.
    """
    from mx2prod.core.yaml_file import load_yaml
    from mx2prod.journal import Policy
    from mx2prod.journal.role_changes import set_policy

    key = signing_key(key_path)
    store = _store(frame)
    made = set_policy(store.load(), name, load_yaml(file, Policy), reason=reason)
    show_proposal(frame, store.propose(made, key, dry_run=dry_run), dry_run=dry_run)


@command.command()
@click.option("--discard", is_flag=True, help="Delete the list that waits instead.")
@key_option
@dry_run_option
@pass_frame
def sign(frame: Frame, key_path: Path | None, *, discard: bool, dry_run: bool) -> None:
    """Add your signature to the next list, which somebody else has proposed.

    Look at it first: mx2 keys ls.
    """
    store = _store(frame)
    if discard:
        waiting = store.proposal()
        if waiting is None:
            raise UsageError("no list waits for signatures")
        if not dry_run:
            store.discard_proposal()
        document = {"version": waiting.roles.version, "discarded": True, "dry_run": dry_run}
        frame.emit(document, lambda: click.echo(f"discarded version {waiting.roles.version}"))
        return
    show_proposal(
        frame, store.sign_proposal(signing_key(key_path), dry_run=dry_run), dry_run=dry_run
    )


@command.command("ls")
@pass_frame
def list_keys(frame: Frame) -> None:
    """List persons, roles and keys, after checking every version of the list."""
    store = _store(frame)
    lists = store.history()
    waiting = store.proposal()
    newest = lists[-1] if lists else None
    document = {
        "version": newest.version if newest else None,
        "digest": newest.digest if newest else None,
        "pinned": bool(store.pin),
        "list": newest.model_dump(mode="json") if newest else None,
        "proposed": proposal_document(waiting) if waiting else None,
    }
    frame.emit(document, lambda: print_list(newest))
    if newest and not store.pin:
        frame.say(f'not pinned: set trust_root = "{newest.digest}" in mx2.toml')
    if waiting:
        frame.say(
            f"version {waiting.roles.version} waits for {waiting.missing} more signatures: "
            f"{waiting.roles.reason}; mx2 keys sign"
        )


def _store(frame: Frame) -> RoleStore:
    from mx2prod.journal.trust import role_store

    return role_store(frame.workspace)


def _new_passphrase() -> str:
    import os

    from mx2prod.core.secrets import PASSPHRASE_VARIABLE

    given = os.environ.get(PASSPHRASE_VARIABLE)
    if given is not None:
        return given
    return str(
        click.prompt("passphrase", hide_input=True, confirmation_prompt=True, default="", err=True)
    )


def _end_of(day: str) -> str:
    """Begin of a day as the list writes it."""
    from datetime import UTC, datetime

    from mx2prod.journal.events import utc_text

    try:
        return utc_text(datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC))
    except ValueError as error:
        raise UsageError(f"{day!r} is not a day YYYY-MM-DD") from error
