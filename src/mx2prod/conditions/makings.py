"""Who signed for having made a global tag (conditions page, section 6.2).

The envelope stands in the event of the freezing.  It says who is answerable and keeps that person
from approving; it never counts as an approval.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection

from mx2prod.conditions.gtags import Gtag, subject_of_gtag
from mx2prod.core.errors import PolicyError
from mx2prod.journal import Event, Maker, RoleList, Subject, events, read_making

FREEZING = "conditions.freeze"
"""Kind of the event of a freezing, and of a signature that is added to it."""
ENVELOPE = "envelope"
"""Member of its body that holds the signed making, if it was signed."""


def makers_of(freezings: Iterable[Event], subject: Subject, roles: RoleList) -> list[Maker]:
    """Signatures of freezings, each judged as of the time when it was recorded.

    Parameters
    ----------
    freezings : iterable of Event
        Others are passed over.
    subject : Subject
        Global tag with its digest; a signature on another digest does not hold.
    roles : RoleList
    """
    return [
        read_making(event.body[ENVELOPE], subject, event.utc, roles)
        for event in freezings
        if event.kind == FREEZING and ENVELOPE in event.body
    ]


def stored_makers(connection: Connection, gtag: Gtag, roles: RoleList) -> list[Maker]:
    """Signatures on the freezing of a global tag in the log of the development database."""
    freezings = events.read(connection, kind=FREEZING, obj=gtag.name)
    return makers_of(freezings, subject_of_gtag(gtag), roles)


def require_maker(connection: Connection, gtag: Gtag, roles: RoleList) -> None:
    """Refuse a global tag for which no calibrator has signed.

    Raises
    ------
    PolicyError
        If no signature on exactly its digest holds.
    """
    makers = stored_makers(connection, gtag, roles)
    if not any(maker.holds for maker in makers):
        why_not = "".join(f"; {maker}" for maker in makers)
        raise PolicyError(
            f"global tag {gtag.name}: no calibrator has signed for having made "
            f"{gtag.digest[:16]}{why_not}",
            next_step=f"mx2 conditions freeze {gtag.name} --key FILE --reason TEXT",
        )
