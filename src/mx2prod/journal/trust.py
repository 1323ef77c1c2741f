"""The role lists of a workspace, with everything that shows when they were rolled back."""

from __future__ import annotations

from mx2prod.core.errors import TrustError
from mx2prod.core.workspace import Workspace
from mx2prod.journal.approval import Approval
from mx2prod.journal.approvals import Approvals, newest_list_seen
from mx2prod.journal.databases import Database, approvals_database
from mx2prod.journal.engine import reading
from mx2prod.journal.role_list import RoleList
from mx2prod.journal.roles import FOLDER, RoleStore
from mx2prod.journal.rooms import migrate, require_current

_TYPES = ("gtag", "campaign")
"""One subject type for each database that holds approvals."""


def role_store(workspace: Workspace) -> RoleStore:
    """Role lists of a workspace, checked against ``trust_root`` and what its databases have seen.

    Raises
    ------
    StoreError
        If a database with approvals cannot be read.
    """
    seen = [_seen(workspace, approvals_database(workspace, kind)) for kind in _TYPES]
    newest = max((item for item in seen if item is not None), default=None)
    return RoleStore(workspace.root / FOLDER, workspace.settings.workspace.trust_root, newest)


def trusted_roles(workspace: Workspace) -> RoleList:
    """Newest role list, fit to judge approvals.

    Raises
    ------
    TrustError
        If the lists may not be trusted, or the workspace is not simulated and pins none.
    """
    roles = role_store(workspace).load()
    settings = workspace.settings.workspace
    if not settings.simulated and not settings.trust_root:
        raise TrustError(
            "trust_root of mx2.toml is empty, but the workspace is not simulated: anybody who can "
            "write the folder roles could replace all lists",
            next_step=f'compare with the other signers, then set trust_root = "{roles.digest}"',
        )
    return roles


def approvals_of(workspace: Workspace, subject_type: str, *, create: bool = False) -> Approvals:
    """Approvals of a type of subject.

    Parameters
    ----------
    workspace : Workspace
    subject_type : str
    create : bool
        Make the SQLite file with its tables if it is missing.

    Raises
    ------
    StoreError
        If the database is missing, cannot be read, or is not of the newest version.
    TrustError
        If the role lists may not be trusted.
    """
    roles = trusted_roles(workspace)
    database = approvals_database(workspace, subject_type)
    new = create and not database.exists(workspace)
    engine = database.open(workspace, create=new)
    if new:
        migrate(engine)
    require_current(engine)
    return Approvals(engine, roles)


def all_approvals(workspace: Workspace) -> list[Approval]:
    """Every approval of the workspace; a missing SQLite file has none."""
    kinds = {
        database.url: kind
        for kind in _TYPES
        if (database := approvals_database(workspace, kind)).exists(workspace)
    }
    found = []
    for kind in kinds.values():
        with approvals_of(workspace, kind) as approvals:
            found += approvals.all()
    return found


def _seen(workspace: Workspace, database: Database) -> tuple[int, str] | None:
    if not database.exists(workspace):
        return None
    with database.opened(workspace) as engine:
        require_current(engine)
        with reading(engine) as connection:
            return newest_list_seen(connection)
