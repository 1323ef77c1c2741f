"""``mx2 conditions log``: who did what with constants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from mx2prod.cli.conditions_frame import db_option, store_of
from mx2prod.cli.frame import Frame, pass_frame, print_table
from mx2prod.core.errors import TrustError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mx2prod.journal import Event, RoleList


@click.command()
@click.option("--object", "obj", help="Only of this tag or global tag.")
@db_option
@pass_frame
def log(frame: Frame, obj: str | None, *, db: str) -> None:
    """Print who did what with constants, in order (mx2 workspace verify checks the chain)."""
    from dataclasses import asdict

    from mx2prod.conditions.makings import ENVELOPE
    from mx2prod.journal import events

    with store_of(frame, db) as store, store.reading() as connection:
        found = list(events.read(connection, kind="conditions.", obj=obj))
    signed = any(ENVELOPE in event.body for event in found)
    roles = _roles_to_judge(frame) if signed else None
    rows = [
        [event.seq, event.utc[:19], event.actor, event.kind.partition(".")[2], event.object,
         ", ".join(_details(event, roles))]
        for event in found
    ]  # fmt: skip
    columns = ["event", "time", "account", "what", "of", "details"]
    frame.emit(
        [asdict(event) for event in found],
        lambda: print_table("Log", columns, rows, empty="nothing was done yet"),
    )


VERBS = (log,)


def _roles_to_judge(frame: Frame) -> RoleList | None:
    """Newest role list; None, and said so, where it may not be trusted."""
    from mx2prod.journal import role_store

    try:
        return role_store(frame.workspace).load()
    except TrustError as error:
        frame.say(f"signatures are not judged: {error.message}")
        return None


def _details(event: Event, roles: RoleList | None) -> Iterator[str]:
    """Members of an event, each shortened; a signed making as who made it."""
    from mx2prod.conditions.gtags import SUBJECT
    from mx2prod.conditions.makings import ENVELOPE, makers_of
    from mx2prod.journal import Subject

    for name, value in event.body.items():
        if name != ENVELOPE:
            yield f"{name} {str(value)[:40]}"
    if ENVELOPE not in event.body:
        return
    if roles is None:
        yield "signature not judged"
    else:
        subject = Subject(SUBJECT, event.object, event.body["digest"])
        yield from map(str, makers_of([event], subject, roles))
