"""What the verbs of ``mx2 conditions`` share: stores of the workspace, options, small texts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from mx2prod.cli.frame import Frame, options
from mx2prod.cli.signing import signing_key
from mx2prod.core.errors import UsageError

if TYPE_CHECKING:
    from mx2prod.conditions import Gtag, Snapshot, Store, View
    from mx2prod.journal import RoleList, SigningKey

FILE = click.Path(path_type=Path)
_ROLES: dict[str, Literal["development", "production"]] = {
    "dev": "development",
    "prod": "production",
}


DATABASES = click.Choice(list(_ROLES))
USES = click.Choice(["preproduction", "calibration", "rock-muons", "test"])

db_option = click.option(
    "--db", type=DATABASES, default="dev", show_default=True,
    help="Development or production database.",
)  # fmt: skip
constants_options = options(
    click.option("--constants", "reference", metavar="GTAG[@DIGEST]", default="",
                 help="Global tag; one that is not published needs its digest and --use."),
    click.option("--snapshot", type=FILE, help="Read this snapshot file, not a database."),
    click.option("--use", type=USES, help="For what constants that are not published are read."),
    click.option("--allow-invalid", is_flag=True, help="Read a withdrawn global tag."),
    db_option,
)  # fmt: skip
"""Options that say which constants are read."""


def url_of(frame: Frame, db: str) -> str:
    """Address of a database of the workspace."""
    settings = frame.workspace.settings.conditions
    return settings.production if db == "prod" else settings.development


def store_of(frame: Frame, db: str = "dev") -> Store:
    """Open a database of the workspace."""
    from mx2prod.conditions import open_store

    return open_store(url_of(frame, db), root=frame.workspace.root, maps=_maps(frame))


def make_store(frame: Frame, db: str) -> Store:
    """Make the tables of a database of the workspace."""
    from mx2prod.conditions import create_store

    workspace = frame.workspace
    return create_store(url_of(frame, db), _ROLES[db], root=workspace.root, maps=_maps(frame))


def view_of(
    frame: Frame, reference: str, snapshot: Path | None, db: str, use: str | None, *, invalid: bool
) -> View:
    """Pinned view of what the options of :func:`constants_options` name."""
    from mx2prod.conditions import Snapshot, Use

    purpose = Use(use) if use else None
    if snapshot is None and not reference:
        raise UsageError("say which constants: --constants GTAG[@DIGEST] or --snapshot FILE")
    source: Store | Snapshot = Snapshot(snapshot) if snapshot else store_of(frame, db)
    return source.view(reference, use=purpose, allow_invalid=invalid)


def roles_of(frame: Frame) -> RoleList:
    """Newest trusted role list of the workspace."""
    from mx2prod.journal.trust import trusted_roles

    return trusted_roles(frame.workspace)


def is_simulated(frame: Frame) -> bool:
    """Tell whether the workspace holds simulated data, which need fewer signatures."""
    return frame.workspace.settings.workspace.simulated


def maker_of(frame: Frame, key_path: Path | None) -> tuple[SigningKey, RoleList] | None:
    """Key that signs for a freezing, with the role list.

    None in a simulated workspace, if no key is given and the one in the default place is not on the
    role list.
    """
    from mx2prod.journal import default_key_path, role_store

    optional = is_simulated(frame) and key_path is None
    if optional and not (default_key_path().exists() and role_store(frame.workspace).history()):
        return None
    key, roles = signing_key(key_path), roles_of(frame)
    enrolled = roles.keys()
    return None if optional and key.public not in enrolled else (key, roles)


def person_of(frame: Frame) -> str:
    """Person of this account; the account itself while a simulated workspace has no role list."""
    from mx2prod.journal.events import account
    from mx2prod.journal.trust import role_store

    lists = role_store(frame.workspace).history()
    if not lists and is_simulated(frame):
        return account()
    person = roles_of(frame).of_account(account())
    if person is None:
        raise UsageError(
            f"account {account()}: not on the role list",
            next_step=f"mx2 keys enrol PERSON --account {account()} --role calibrator",
        )
    return person.person


def split_tag(text: str) -> tuple[str, str]:
    """Folder and tag of ``FOLDER:TAG``."""
    folder, colon, tag = text.partition(":")
    if not (folder and colon and tag):
        raise UsageError(f"{text!r}: expected FOLDER:TAG")
    return folder, tag


def pair(text: str, form: str) -> tuple[str, str]:
    """Both sides of ``NAME=VALUE``; ``form`` says in a message what they are."""
    name, sign, value = text.partition("=")
    if not (name and sign and value):
        raise UsageError(f"{text!r}: expected {form}")
    return name, value


def require_reason(reason: str) -> None:
    """Refuse a change without ``--reason``."""
    if not reason.strip():
        raise UsageError("a reason is needed", next_step="--reason TEXT")


def gtag_document(gtag: Gtag, digest: str = "") -> dict[str, Any]:
    """Members of the interface page for a global tag."""
    return {
        "gtag": gtag.name,
        "state": gtag.state.value,
        "digest": gtag.digest or digest,
        "provisional": gtag.provisional,
        "parent": gtag.parent,
        "run_list": gtag.run_list,
        "tags": {folder: tag.name for folder, tag in gtag.tags.items()},
    }


def _maps(frame: Frame) -> Any:
    """Hardware map and geometry of the workspace."""
    from mx2prod.detector import load_detector

    detector = frame.workspace.settings.detector
    return load_detector(geometry=detector.geometry, plex=detector.plex, fibres=detector.fibres)
