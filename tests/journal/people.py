"""Keys and role lists for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from mx2prod.journal import Person, RoleList, RoleStore, SigningKey, load_key, new_key
from mx2prod.journal.events import account
from mx2prod.journal.role_changes import enrol, new_person

ROLES = {
    "rita": ("root",),
    "cal": ("calibrator", "reviewer"),
    "rev": ("reviewer",),
    "con": ("convener",),
    "cora": ("convener", "reviewer"),
    "max": ("manager",),
    "vic": ("viewer",),
}
"""Persons of the standard list; ``cal`` has the account of this process."""


def make_key(folder: Path, name: str) -> SigningKey:
    """New key in ``folder/name.pem``."""
    new_key(folder / f"{name}.pem")
    return load_key(folder / f"{name}.pem")


def make_keys(folder: Path) -> dict[str, SigningKey]:
    """A key for each person of the standard list."""
    return {name: make_key(folder, name) for name in ROLES}


def person(
    name: str, roles: Sequence[str], *keys: SigningKey, accounts: Sequence[str] = ()
) -> Person:
    """Person with keys."""
    return new_person(
        name, roles=roles, public_keys=[key.public for key in keys], accounts=accounts
    )


def standard_list(keys: dict[str, SigningKey]) -> RoleList:
    """Version 1 with everybody, and ``dunepro``."""
    made: RoleList | None = None
    for name, roles in ROLES.items():
        accounts = {"cal": [account()], "vic": ["vic"]}.get(name, [])
        made = _merged(made, person(name, roles, keys[name], accounts=accounts))
    service = new_person("dunepro", roles=["shifter"], accounts=["dunepro"], service=True)
    return _merged(made, service)


def _merged(made: RoleList | None, new: Person) -> RoleList:
    """Version 1 with one more person."""
    joined = enrol(made, new, reason="start")
    return joined.model_copy(update={"version": 1, "previous": ""})


def standard_store(folder: Path, keys: dict[str, SigningKey]) -> RoleStore:
    """Folder with the standard list."""
    store = RoleStore(folder / "roles")
    store.propose(standard_list(keys), keys["rita"])
    return store
