"""The event log: who did what, in order, each event holding the hash of the one before.

``hash`` is the sha256 of the canonical JSON of all other columns (conditions page, section 4.5).
The database refuses changes, and events out of order; the chain shows an edited row; the head
shows a missing last row; a head kept elsewhere (:mod:`mx2prod.journal.heads`) shows a log that was
rewritten as a whole.
"""

from __future__ import annotations

import json
import os
import pwd
import socket
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, func, insert, select

from mx2prod.core.canonical import canonical_json, sha256_of
from mx2prod.core.errors import ChainError, StoreError
from mx2prod.core.time import now
from mx2prod.journal.tables import EVENT, HEAD

GENESIS = "0" * 64
_TIME = "%Y-%m-%dT%H:%M:%S.%fZ"
_ONE_US = timedelta(microseconds=1)


@dataclass(frozen=True)
class Event:
    """One event.

    Attributes
    ----------
    seq : int
        1, 2, 3, ... without a gap: this is the order, not the time.
    utc : str
        Time of recording, never before that of the event before.
    clock_back_us : int
        How far the clock stood before the time of the last event, microseconds; normally 0.
    actor, host : str
        Account and machine.
    kind, object : str
        What was done, and to what.
    body : dict
        Details; integers and strings, no floats.
    prev_hash, hash : str
    """

    seq: int
    utc: str
    clock_back_us: int
    actor: str
    host: str
    kind: str
    object: str
    body: dict[str, Any]
    prev_hash: str
    hash: str

    def computed_hash(self) -> str:
        """Hash that the other columns have now."""
        return sha256_of({name: value for name, value in vars(self).items() if name != "hash"})


@dataclass(frozen=True)
class Head:
    """Place and hash of the last event; ``Head(0, GENESIS)`` of an empty log."""

    seq: int
    hash: str


@dataclass(frozen=True)
class Verification:
    """What the check of a log found.

    Attributes
    ----------
    head : Head
        Last event that is there.
    problems : tuple of str
        Empty for a log that is as it was written.
    clock_went_back : tuple of int
        Events recorded while the clock stood before the last one; a remark, not a problem.
    """

    head: Head
    problems: tuple[str, ...]
    clock_went_back: tuple[int, ...]


def account() -> str:
    """Name of the operating-system account of this process."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return f"uid{os.geteuid()}"


def utc_text(when: datetime) -> str:
    """Time as the log writes it; texts sort as the times do."""
    return when.strftime(_TIME)


def utc_time(text: str) -> datetime:
    """Time of a text of the log."""
    return datetime.strptime(text.replace("Z", "+0000"), _TIME.replace("Z", "%z"))


def append(
    connection: Connection,
    kind: str,
    obj: str,
    body: Mapping[str, Any],
    *,
    actor: str | None = None,
) -> Event:
    """Add an event in the transaction of what it tells about.

    Parameters
    ----------
    connection : Connection
        Of :func:`mx2prod.journal.engine.writing`.
    kind, obj : str
        What was done, and to what.
    body : mapping
        Details: strings, integers, booleans, None, and lists and mappings of them.
    actor : str, optional
        The account of this process if not given.

    Raises
    ------
    StoreError
        If the body has a float or another value that is not allowed, or the head is missing.
    """
    _require_exact(body, kind)
    last = head(connection)
    utc, back = _next_time(connection, last)
    event = Event(
        last.seq + 1,
        utc,
        back,
        actor or account(),
        socket.gethostname(),
        kind,
        obj,
        json.loads(canonical_json(dict(body))),
        last.hash,
        "",
    )
    event = replace(event, hash=event.computed_hash())
    connection.execute(insert(EVENT), {**vars(event), "body": canonical_json(event.body)})
    return event


def head(connection: Connection) -> Head:
    """Last event, as the second table has it.

    Raises
    ------
    ChainError
        If that row is missing.
    """
    row = connection.execute(select(HEAD.c.seq, HEAD.c.hash).where(HEAD.c.id == 1)).first()
    if row is None:
        raise ChainError("journal_head is empty", next_step="mx2 workspace verify")
    return Head(row.seq, row.hash)


def read(
    connection: Connection,
    *,
    kind: str | None = None,
    obj: str | None = None,
    after: int = 0,
) -> Iterator[Event]:
    """Events in their order.

    Parameters
    ----------
    connection : Connection
    kind : str, optional
        Only this kind, or all kinds that begin with it if it ends with a dot.
    obj : str, optional
        Only of this object.
    after : int
        Only later than this place.
    """
    query = select(EVENT).where(EVENT.c.seq > after).order_by(EVENT.c.seq)
    if kind is not None:
        same = EVENT.c.kind == kind
        # A range and not LIKE, so that the index serves; '/' follows '.'.
        below = (EVENT.c.kind >= kind) & (EVENT.c.kind < kind[:-1] + "/")
        query = query.where(below if kind.endswith(".") else same)
    if obj is not None:
        query = query.where(EVENT.c.object == obj)
    streamed = query.execution_options(yield_per=1000)
    with connection.execute(streamed) as result:
        for row in result.mappings():
            yield Event(**{**row, "body": _body(row["body"])})


def verify(connection: Connection, known: tuple[Head, ...] = ()) -> Verification:
    """Check the whole log: numbers, hashes, times, the head, and heads kept elsewhere.

    Parameters
    ----------
    connection : Connection
    known : tuple of Head
        Heads of this log that were exported earlier.
    """
    problems: list[str] = []
    back: list[int] = []
    last, utc = Head(0, GENESIS), ""
    wanted = {item.seq: item.hash for item in known if item.seq}
    for event in read(connection):
        problems += _problems(event, last, utc)
        if event.clock_back_us:
            back.append(event.seq)
        if wanted.pop(event.seq, event.hash) != event.hash:
            problems.append(f"event {event.seq}: not the one whose head was exported")
        last, utc = Head(event.seq, event.hash), event.utc
    problems += [f"event {seq}: missing, but its head was exported" for seq in sorted(wanted)]
    try:
        anchored = head(connection)
    except ChainError as error:
        problems.append(error.message)
    else:
        if anchored != last:
            problems.append(
                f"the last event is {last.seq}, but the head says {anchored.seq}"
                if anchored.seq != last.seq
                else f"event {last.seq}: hash differs from the head"
            )
    return Verification(last, tuple(problems), tuple(back))


def _problems(event: Event, last: Head, utc: str) -> list[str]:
    found = []
    if event.seq != last.seq + 1:
        found.append(f"event {event.seq}: follows event {last.seq}, rows between are missing")
    elif event.prev_hash != last.hash:
        found.append(f"event {event.seq}: does not continue event {last.seq}")
    if event.hash != event.computed_hash():
        found.append(f"event {event.seq}: edited, its hash does not fit its content")
    if event.utc < utc:
        found.append(f"event {event.seq}: time {event.utc} before that of the event before")
    return found


def _body(text: str) -> dict[str, Any]:
    """Body of a row; an edited one that is no longer an object is kept as text."""
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"unreadable": text}


def _next_time(connection: Connection, last: Head) -> tuple[str, int]:
    """Time of the next event, and by how much the clock went back since the last one."""
    present = now()
    text = connection.execute(select(func.max(EVENT.c.utc)).where(EVENT.c.seq == last.seq)).scalar()
    if text is None or utc_text(present) >= text:
        return utc_text(present), 0
    return text, (utc_time(text) - present) // _ONE_US


def _require_exact(value: Any, kind: str) -> None:
    """Refuse what has no exact text, such as a float."""
    if isinstance(value, Mapping):
        if not all(isinstance(key, str) for key in value):
            raise StoreError(f"event {kind}: a key that is not a string")
        for item in value.values():
            _require_exact(item, kind)
    elif isinstance(value, list | tuple):
        for item in value:
            _require_exact(item, kind)
    elif not (value is None or isinstance(value, str | int)):
        raise StoreError(f"event {kind}: {value!r} is not exact; give an integer or a string")
