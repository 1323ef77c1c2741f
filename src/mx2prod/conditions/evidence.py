"""What an approval rests on, kept with the constants, so that it can be judged again offline."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from sqlalchemy import Connection, select

from mx2prod.conditions import tables
from mx2prod.conditions.gtags import SUBJECT
from mx2prod.conditions.makings import ENVELOPE, FREEZING, makers_of
from mx2prod.core.canonical import canonical_json
from mx2prod.core.errors import TrustError
from mx2prod.journal import Approval, Maker, RoleList, RoleStore, Subject, events
from mx2prod.journal.judgement import evaluate

EVENT = "event"
ROLES = "roles"


@dataclass(frozen=True)
class Evidence:
    """An event of the freezing or the approval, or one version of the role list.

    Attributes
    ----------
    kind : str
        ``event`` or ``roles``.
    body : str
        The event as JSON, or the signed list.
    """

    kind: str
    body: str


def gather(connection: Connection, role_store: RoleStore, gtag: str) -> list[Evidence]:
    """Role lists, and the events of the freezing and the approval of a global tag.

    Parameters
    ----------
    connection : Connection
        The database where it was approved.
    role_store : RoleStore
    gtag : str
    """
    lists = role_store.history()
    found = [
        Evidence(ROLES, role_store.path(roles.version).read_text(encoding="utf-8"))
        for roles in lists
    ]
    happened = (
        *events.read(connection, kind=FREEZING, obj=gtag),
        *events.read(connection, kind="approval.", obj=f"{SUBJECT}:{gtag}"),
    )
    return found + [Evidence(EVENT, canonical_json(asdict(event))) for event in happened]


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
    roles = _roles(evidence, pin)
    return evaluate(_events(evidence), roles, at)


def makers(evidence: Sequence[Evidence], subject: Subject, pin: str = "") -> list[Maker]:
    """Who signed for having made a global tag, judged from the evidence alone.

    Parameters
    ----------
    evidence : sequence of Evidence
    subject : Subject
        Global tag with its digest.
    pin : str
        As in :func:`judge`.

    Raises
    ------
    TrustError
        If there is a signature, and the role lists do not hold together, or an event was edited.
    """
    signed = [event for event in _events(evidence) if ENVELOPE in event.body]
    freezings = [event for event in signed if event.kind == FREEZING]
    return makers_of(freezings, subject, _roles(evidence, pin)) if freezings else []


def _roles(evidence: Sequence[Evidence], pin: str) -> RoleList:
    """Newest role list of the evidence, checked from the first."""
    lists = [item.body for item in evidence if item.kind == ROLES]
    if not lists:
        raise TrustError("no role list is kept with it", next_step="mx2 keys ls")
    with tempfile.TemporaryDirectory() as folder:
        role_store = RoleStore(Path(folder), pin)
        for version, text in enumerate(lists, 1):
            role_store.path(version).write_text(text, encoding="utf-8")
        return role_store.load()


def _events(evidence: Sequence[Evidence]) -> list[events.Event]:
    try:
        found = [events.Event(**json.loads(item.body)) for item in evidence if item.kind == EVENT]
    except (TypeError, ValueError) as error:
        raise TrustError(f"events of freezing and approval are damaged: {error}") from error
    for event in found:
        if event.hash != event.computed_hash():
            raise TrustError(f"event {event.seq}: edited, its hash does not fit")
    return found
