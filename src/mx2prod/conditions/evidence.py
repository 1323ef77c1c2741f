"""What an approval rests on, kept with the constants, so that it can be judged again offline."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from mx2prod.conditions import tables
from mx2prod.conditions.approving import SUBJECT
from mx2prod.conditions.store import Store
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import TrustError
from mx2prod.journal import Approval, RoleStore, events
from mx2prod.journal.judgement import evaluate

EVENT = "event"
ROLES = "roles"


@dataclass(frozen=True)
class Evidence:
    """An approval event, or one version of the role list.

    Attributes
    ----------
    kind : str
        ``event`` or ``roles``.
    body : str
        The event as JSON, or the signed list.
    """

    kind: str
    body: str


def gather(store: Store, role_store: RoleStore, gtag: str) -> list[Evidence]:
    """Role lists and approval events of a global tag.

    Parameters
    ----------
    store : Store
        The database where it was approved.
    role_store : RoleStore
    gtag : str
    """
    lists = role_store.history()
    found = [
        Evidence(ROLES, role_store.path(roles.version).read_text(encoding="utf-8"))
        for roles in lists
    ]
    with store.reading() as connection:
        found += [
            Evidence(EVENT, canonical_json(asdict(event)))
            for event in events.read(connection, kind="approval.", obj=f"{SUBJECT}:{gtag}")
        ]
    return found


def stored(connection: Connection, gtag: str) -> list[Evidence]:
    """Evidence that was kept with a global tag of the production database."""
    table = tables.EVIDENCE
    query = select(table.c.kind, table.c.body).where(table.c.gtag == gtag).order_by(table.c.number)
    return [Evidence(kind, body) for kind, body in connection.execute(query)]


def judge(evidence: Sequence[Evidence], at: str, pin: str = "") -> Approval:
    """State of the approval at a time, computed from the evidence alone.

    Parameters
    ----------
    evidence : sequence of Evidence
    at : str
        When it was relied on: signatures may have expired since.
    pin : str
        Digest that one of the role lists must have: ``trust_root`` of ``mx2.toml``.

    Raises
    ------
    TrustError
        If the role lists do not hold together, or the pinned one is not among them.
    ApprovalError
        If there is no request.
    """
    with tempfile.TemporaryDirectory() as folder:
        role_store = RoleStore(Path(folder), pin)
        lists = [item.body for item in evidence if item.kind == ROLES]
        for version, text in enumerate(lists, 1):
            role_store.path(version).write_text(text, encoding="utf-8")
        roles = role_store.load()
    try:
        found = [events.Event(**json.loads(item.body)) for item in evidence if item.kind == EVENT]
    except (TypeError, ValueError) as error:
        raise TrustError(f"approval events are damaged: {error}") from error
    for event in found:
        if event.hash != event.computed_hash():
            raise TrustError(f"approval event {event.seq}: edited, its hash does not fit")
    return evaluate(found, roles, at)
