"""The workspace of the demonstration, with persons whose keys it makes itself."""

from __future__ import annotations

from pathlib import Path

from mx2prod.core.errors import ConfigError
from mx2prod.core.workspace import FILE, Workspace, write_workspace
from mx2prod.journal import RoleStore, SigningKey, load_key, new_key, role_store
from mx2prod.journal.events import account
from mx2prod.journal.role_changes import enrol, new_person

NAME = "mx2-demo"
"""Name of the workspace; the demonstration touches no other one."""

KEYS = "keys"
ROOT, CALIBRATOR, REVIEWER, CONVENER = (
    "demo-root", "demo-calibrator", "demo-reviewer", "demo-convener",
)  # fmt: skip
PERSONS = {
    ROOT: "root",
    CALIBRATOR: "calibrator",
    REVIEWER: "reviewer",
    CONVENER: "convener",
}
"""Persons of the demonstration and their roles."""

KEYS_LABEL = "DEMO: persons and keys made by mx2 demo; whoever has this folder can sign"


def demo_workspace(folder: Path, *, dry_run: bool = False) -> Workspace | None:
    """Open the workspace of a demonstration; make it where there is none.

    Parameters
    ----------
    folder : Path
    dry_run : bool
        Check only; None where there is none.

    Raises
    ------
    ConfigError
        If the folder is a workspace of something else.
    OutputError
        If it cannot be written.
    """
    if not (folder / FILE).exists():
        if dry_run:
            return None
        write_workspace(folder, NAME)
    workspace = Workspace.load(folder)
    section = workspace.settings.workspace
    if section.name != NAME or not section.simulated:
        raise ConfigError(
            f"{folder / FILE}: is the workspace {section.name!r}, and not one of the demonstration",
            next_step="mx2 demo OTHER-FOLDER",
        )
    return workspace


def demo_roles(workspace: Workspace) -> tuple[RoleStore, dict[str, SigningKey]]:
    """Enrol the persons of the demonstration, as far as they are not on the role list yet.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    roles : RoleStore
    keys : dict of str to SigningKey
        By person.

    Raises
    ------
    TrustError, InputFileError
        If the role list may not be trusted, or a key is not the one on it.
    """
    keys = {
        name: _key(workspace.root / KEYS / f"DEMO-{role}.pem") for name, role in PERSONS.items()
    }
    store = role_store(workspace)
    lists = store.history()
    newest = lists[-1] if lists else None
    for name, role in PERSONS.items():
        if newest is None or newest.find(name) is None:
            person = new_person(
                name,
                public_keys=[keys[name].public],
                roles=[role],
                accounts=[account()] if name == CALIBRATOR else [],
                name="DEMO, nobody",
            )
            newest = enrol(newest, person, reason=KEYS_LABEL)
            store.propose(newest, keys[ROOT])
    return store, keys


def _key(path: Path) -> SigningKey:
    """Key without passphrase; made where there is none."""
    if not path.exists():
        new_key(path)
    return load_key(path)
