"""Decisions about subruns without a table: extend, nominal, exclude (page, section 8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, delete, select

from mx2prod.conditions import tables
from mx2prod.conditions.axis import place_text
from mx2prod.conditions.coverage import Missing, folder_gaps
from mx2prod.conditions.gtags import Gtag, find_gtag, require_open
from mx2prod.conditions.intervals import (
    CHOICES,
    Gap,
    covering,
    gaps,
    insert_gap,
)
from mx2prod.conditions.nominal import nominal_table
from mx2prod.conditions.payloads import encode
from mx2prod.conditions.putting import Provenance, add_payload, add_provenance
from mx2prod.conditions.store import Store, folder_schema, note
from mx2prod.conditions.tags import Tag
from mx2prod.core.errors import UsageError
from mx2prod.core.suggest import nearest


def choose(
    store: Store,
    gtag: str,
    folder: str,
    place: int,
    choice: str,
    *,
    reason: str,
    payload: str = "",
    dry_run: bool = False,
) -> Missing:
    """Decide about the stretch of missing subruns around a place.

    Parameters
    ----------
    store : Store
    gtag, folder : str
    place : int
        A missing subrun.
    choice : str
        ``extend``: use a payload of the tag; ``nominal``; ``exclude``: refuse these subruns.
    reason : str
    payload : str
        Content hash, or its first digits.  ``extend`` without one takes the first table after the
        gap, or, after the last table, the last one; ``nominal`` makes the folder's nominal table.
    dry_run : bool

    Raises
    ------
    UsageError
        If nothing is missing there, or choice, folder or payload do not exist.
    StateError
        If the tag is frozen.
    """
    if choice not in CHOICES or not reason.strip():
        raise UsageError(
            f"choice {choice!r}: expected {', '.join(CHOICES)}, with a reason"
            + nearest(choice, CHOICES)
        )
    with store.developing(dry_run=dry_run) as connection:
        found = require_open(find_gtag(connection, gtag))
        tag = _tag_of(found, folder)
        missing = _missing_at(connection, found, tag, place)
        sha256 = (
            named_payload(connection, tag, payload)
            if payload and choice != "exclude"
            else _default_payload(connection, store, tag, missing, choice)
        )
        gap = Gap(missing.interval, choice, reason, sha256)
        insert_gap(connection, tag.id, gap)
        body = {
            "since": place_text(gap.interval.since), "until": place_text(gap.interval.until),
            "choice": choice, "reason": reason, "content_sha256": sha256,
        }  # fmt: skip
        note(connection, "gap", f"{folder}:{tag.name}", body)
    return replace(missing, choice=gap)


def drop_choice(
    store: Store, gtag: str, folder: str, place: int, *, reason: str, dry_run: bool = False
) -> Gap:
    """Take a choice back, while the tag is open.

    Raises
    ------
    UsageError
        If no choice holds there.
    """
    with store.developing(dry_run=dry_run) as connection:
        tag = _tag_of(require_open(find_gtag(connection, gtag)), folder)
        decided = gaps(connection, tag.id)
        number = covering(decided, place)
        if number < 0:
            raise UsageError(f"{tag}: no choice holds at {place_text(place)}")
        table, since = tables.GAP, decided[number].interval.since
        connection.execute(delete(table).where(table.c.tag_id == tag.id, table.c.since == since))
        body = {"since": place_text(since), "reason": reason}
        note(connection, "gap-dropped", f"{folder}:{tag.name}", body)
    return decided[number]


def _tag_of(gtag: Gtag, folder: str) -> Tag:
    if folder not in gtag.tags:
        raise UsageError(
            f"global tag {gtag.name} has no folder {folder!r}" + nearest(folder, gtag.tags)
        )
    return gtag.tags[folder]


def _missing_at(connection: Connection, gtag: Gtag, tag: Tag, place: int) -> Missing:
    found = [
        row
        for row in folder_gaps(connection, gtag, tag)
        if place in row.interval and row.choice is None
    ]
    if not found:
        raise UsageError(
            f"{tag}: no subrun of the run list is without a table at {place_text(place)}",
            next_step=f"mx2 conditions gaps {gtag.name}",
        )
    return found[0]


def _default_payload(
    connection: Connection, store: Store, tag: Tag, missing: Missing, choice: str
) -> str | None:
    if choice == "exclude":
        return None
    if choice == "nominal":
        made = encode(nominal_table(tag.folder, store.maps))
        add_payload(connection, made)
        add_provenance(connection, made.content_sha256, [Provenance("nominal", tag.folder)])
        return made.content_sha256
    neighbour = missing.after or missing.before
    if neighbour is None:
        raise UsageError(f"{tag}: has no table to extend")
    return neighbour.content_sha256


def named_payload(connection: Connection, tag: Tag, text: str) -> str:
    """Content hash of a payload of the folder that begins with these digits.

    Raises
    ------
    UsageError
        If there is none, or more than one.
    """
    table = tables.PAYLOAD
    query = select(table.c.content_sha256).where(
        table.c.content_sha256.startswith(text, autoescape=True),
        table.c.schema_id == folder_schema(connection, tag.folder).schema,
    )
    found: Sequence[str] = connection.execute(query.limit(2)).scalars().all()
    if len(found) != 1:
        word = "no payload" if not found else "more than one payload"
        raise UsageError(f"{tag.folder}: {word} {text!r}", next_step="mx2 conditions iov")
    return found[0]
